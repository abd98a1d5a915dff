"""What is counted of passages: one summary row for each, kept with the journal, and rolled up by day.

The journal's writer hands every fact to a `Tally` within the transaction that writes the fact's row, so rows and counts
never differ. What an older journal holds uncounted, or a rebuilt one, is counted in one stream over its rows.

    passage     a row for each passage that ended: number of its last event, day, direction, verdict, reason, times
    day_count   per day and direction: what (passed, refused, referred, ended, ...), its reason, how often
    day_time    per day and direction: how many passed passages took how long, in steps of 5 %

A day is the port's own, from midnight to midnight in its time zone, as a number of days since 1970.
"""

import json
import math
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from gatefw import store
from gatefw.model import Fact, FactKind, Reason, RunId, Verdict

SCHEMA = """
begin immediate;
create table if not exists counted (head integer not null, system text not null);
create table if not exists passage (
    n integer primary key, day integer not null, direction text not null, what text not null, reason text not null,
    first_try integer not null, no_capture integer not null, seconds real not null);
create table if not exists day_count (
    day integer not null, direction text not null, what text not null, reason text not null, count integer not null,
    primary key (day, direction, what, reason)) without rowid;
create table if not exists day_time (
    day integer not null, direction text not null, step integer not null, count integer not null,
    primary key (day, direction, step)) without rowid;
insert into counted select 0, '' where not exists (select 1 from counted);
commit;
"""
PASSED, REFUSED, REFERRED, ENDED = "passed", "refused", "referred", "ended"
FIRST_TRY, NO_CAPTURE = "first_try", "no_capture"
OTHERS = {
    FactKind.SUBJECT_ENROLLED: "enrolled",
    FactKind.SUBJECT_REVOKED: "revoked",
    FactKind.CLEARED_BY_HAND: "by_hand",
}
"""What else is counted of a day, by the fact that says so."""
CAPTURE = frozenset(
    {
        Reason.NO_FACE,
        Reason.TWO_FACES,
        Reason.FACE_TOO_SMALL,
        Reason.TOO_DARK,
        Reason.TOO_BRIGHT,
        Reason.BLURRED,
        Reason.PARTIAL_FACE,
        Reason.LOOKING_AWAY,
        Reason.HEAD_TILTED,
        Reason.UNEVEN_LIGHT,
        Reason.LOW_CONTRAST,
        Reason.NO_FRAME,
        Reason.VERIFY_TIMEOUT,
        Reason.NO_FINGER,
        Reason.FINGER_UNCLEAR,
    }
)
"""Nothing could be compared: the loss is the capture's, not the matching's."""
_KINDS = frozenset(kind.value for kind in FactKind)
STEP = math.log(1.05)
SHORTEST_S = 0.05
_NOT_PASSED = {Verdict.REFUSE.value: REFUSED, Verdict.REFER.value: REFERRED}
RUNS_OPEN = 64
"""Passages under way that are remembered; more than a lane can have."""
BATCH = 10_000

Row = tuple[int, int, str, str, str, int, int, float]
"""A row of `passage`."""


@dataclass(frozen=True, slots=True)
class Where:
    """Of the lane whose passages are counted: the clearance system it is one of, its direction ("" where it has none),
    and the port's time zone."""

    system: str = ""
    direction: str = ""
    timezone: str = "UTC"

    def day(self, at_ns: int) -> int:
        """The port's own day of a moment, in days since 1970."""
        moment = datetime.fromtimestamp(at_ns // 1_000_000_000, UTC).astimezone(ZoneInfo(self.timezone))
        return moment.date().toordinal() - date(1970, 1, 1).toordinal()


@dataclass(slots=True)
class _Run:
    """What is known of a passage that has not ended."""

    verdict: str = ""
    compared: int = 0
    again: bool = False
    no_capture: bool = False


class Tally:
    """Counts for one journal; to be used on its writer's connection, inside its transactions."""

    def __init__(self, database: sqlite3.Connection, where: Where) -> None:
        self._database, self._where = database, where
        database.executescript(SCHEMA)
        database.execute("update counted set system = ? where system != ?", (where.system, where.system))
        self._runs: dict[RunId, _Run] = {}

    def catch_up(self, head: int) -> int:
        """Count what stands in the journal uncounted, up to row `head`, in one transaction; how many rows that were."""
        counted = int(self._database.execute("select head from counted").fetchone()[0])
        if counted >= head:
            return 0
        query = "select n, at, kind, run, body from event where n > ? and n <= ? order by n"
        with store.transaction(self._database):
            for n, at_ns, kind, run, body in self._database.cursor().execute(query, (counted, head)):
                if kind in _KINDS:  # a newer version, which was taken back, may have written others
                    fields = json.loads(body)["data"]
                    self.count(Fact(FactKind(kind), run and RunId(run), tuple(fields.items())), n, at_ns)
            self._database.execute("update counted set head = ?", (head,))
        return head - counted

    def count(self, fact: Fact, n: int, at_ns: int) -> None:
        """The fact that row `n` holds. Within the transaction that writes the row."""
        if fact.kind in OTHERS:
            self._add(self._where.day(at_ns), OTHERS[fact.kind], "")
        elif fact.run is not None:
            self._follow(fact, fact.run, n, at_ns)
        self._database.execute("update counted set head = ?", (n,))

    def _follow(self, fact: Fact, run: RunId, n: int, at_ns: int) -> None:
        told = dict(fact.fields)
        match fact.kind:
            case FactKind.PASSAGE_STARTED:
                self._runs[run] = _Run()
                while len(self._runs) > RUNS_OPEN:
                    del self._runs[next(iter(self._runs))]
            case FactKind.FACE_COMPARED | FactKind.FINGER_COMPARED:
                known = self._known(run)
                known.compared += 1
                known.again |= told["matched"] is not True or (told.get("attempts") or 1) != 1
            case FactKind.PASSAGE_DECIDED:
                known = self._known(run)
                known.verdict = str(told["verdict"])
                known.no_capture = Reason(str(told["reason"])) in CAPTURE
            case FactKind.PASSAGE_ENDED:
                self._ended(self._runs.pop(run, _Run()), told, n, at_ns)

    def _known(self, run: RunId) -> _Run:
        return self._runs.setdefault(run, _Run())

    def _ended(self, known: _Run, told: dict[str, Any], n: int, at_ns: int) -> None:
        what = PASSED if told["passed"] else _NOT_PASSED.get(known.verdict, ENDED)
        first_try = what == PASSED and known.compared > 0 and not known.again
        reason = str(told["reason"])
        row = (
            n,
            self._where.day(at_ns),
            self._where.direction,
            what,
            reason,
            int(first_try),
            int(known.no_capture),
            float(told["seconds"]),
        )
        self._database.execute("insert into passage values (?, ?, ?, ?, ?, ?, ?, ?)", row)
        for counted, why in counts_of(row):
            self._add(row[1], counted, why)
        if what == PASSED:
            query = "insert into day_time values (?, ?, ?, 1) on conflict do update set count = count + 1"
            self._database.execute(query, (row[1], row[2], step_of(row[7])))

    def _add(self, day: int, what: str, reason: str) -> None:
        query = "insert into day_count values (?, ?, ?, ?, 1) on conflict do update set count = count + 1"
        self._database.execute(query, (day, self._where.direction, what, reason))


def counts_of(row: Row) -> Iterator[tuple[str, str]]:
    """What a passage counts as, each with its reason."""
    _, _, _, what, reason, first_try, no_capture, _ = row
    yield what, "" if what == PASSED else reason
    if first_try:
        yield FIRST_TRY, ""
    if no_capture:
        yield NO_CAPTURE, reason


def step_of(seconds: float) -> int:
    """The step of 5 % that a time falls into."""
    return math.floor(math.log(max(seconds, SHORTEST_S)) / STEP)


def seconds_of(step: int) -> float:
    """The middle of a step: a time is told to within 2.5 %."""
    return math.exp((step + 0.5) * STEP)


def rebuild(database: sqlite3.Connection) -> int:
    """Make the roll-ups of passages anew from the summary rows, in one transaction; how many rows there were.

    What is counted of other facts stays. The sums are the database's own work, so memory does not grow with the rows.
    """
    with store.transaction(database):
        kinds = (PASSED, REFUSED, REFERRED, ENDED, FIRST_TRY, NO_CAPTURE)
        database.execute(f"delete from day_count where what in ({','.join('?' * len(kinds))})", kinds)  # noqa: S608
        database.execute("delete from day_time")
        for what, reason, where in (
            ("what", f"case when what = '{PASSED}' then '' else reason end", "1"),
            (f"'{FIRST_TRY}'", "''", "first_try"),
            (f"'{NO_CAPTURE}'", "reason", "no_capture"),
        ):
            database.execute(
                f"insert into day_count select day, direction, {what}, {reason}, count(*) from passage where {where}"  # noqa: S608 constants
                " group by 1, 2, 3, 4"
            )
        database.create_function("step_of", 1, step_of, deterministic=True)
        query = "select day, direction, step_of(seconds), count(*) from passage where what = ? group by 1, 2, 3"
        database.execute(f"insert into day_time {query}", (PASSED,))
        return int(database.execute("select count(*) from passage").fetchone()[0])


def insert(database: sqlite3.Connection, rows: Iterable[Row]) -> None:
    """Summary rows without a journal behind them, in batches: for measuring. `rebuild` rolls them up."""
    rows = iter(rows)
    while batch := list(islice(rows, BATCH)):
        with store.transaction(database):
            database.executemany("insert into passage values (?, ?, ?, ?, ?, ?, ?, ?)", batch)
