"""Passages in a journal, or in an export of one: found by run, time, door or reason, beside the daemon that writes it.

Nothing is verified here: `gatefw journal verify` does that. An export is read into a temporary store of the same form.
"""

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gatefw import journal_chain as chain
from gatefw.errors import StoreError
from gatefw.journal_audit import exported_events, is_store, named, opened
from gatefw.model import DoorId, FactKind, Reason
from gatefw.story import Event

TAIL_ROWS = 5_000
"""A passage under way began within so many rows of the newest; one that ended is found by an index."""
AFTER_ROWS = 300
"""So many rows behind its end a passage may still have some of its own: the lane becomes free again."""
LOOK_ROWS = 200_000
"""So far back passages are looked for by door or reason."""
_ENDED = "kind in ('passage.ended', 'passage.cleared_by_hand')"  # as the index has it
_STARTED = FactKind.PASSAGE_STARTED.value
_COPY = """
create table event (n integer primary key, at integer not null, kind text not null, run text, body blob not null);
create index ending on event (run) where kind in ('passage.ended', 'passage.cleared_by_hand');
"""


@dataclass(frozen=True, slots=True)
class Passage:
    """In short. `passed`, `reason` and `seconds` are None while it is under way."""

    run: str
    began: datetime
    passed: bool | None
    reason: Reason | None
    seconds: float | None


class Passages:
    """Of one open journal. Raises sqlite3.Error, which `open_journal` makes a StoreError."""

    def __init__(self, database: sqlite3.Connection, lane: str) -> None:
        self._database, self.lane = database, lane

    def newest(self) -> str | None:
        """The run that began last."""
        run: str | None = self._one("select run from event where kind = ? order by n desc limit 1", _STARTED)
        return run

    def newest_at(self) -> datetime | None:
        at_ns = self._one("select at from event order by n desc limit 1")
        return None if at_ns is None else datetime.fromtimestamp(at_ns / 1e9, UTC)

    def like(self, prefix: str) -> list[str]:
        """The runs whose id begins so, at most 20."""
        ended = f"select distinct run from event where {_ENDED} and run >= ? and run < ? limit 20"  # noqa: S608 constant
        under_way = "select distinct run from event where n > ? and run >= ? and run < ? limit 20"
        head = self._one("select max(n) from event") or 0
        found = [
            *self._database.execute(ended, (prefix, prefix + "g")),
            *self._database.execute(under_way, (head - TAIL_ROWS, prefix, prefix + "g")),
        ]
        return list(dict.fromkeys(run for (run,) in found))[:20]

    def at(self, begins: datetime, lasts: timedelta) -> list[str]:
        """The runs that began then, or were under way."""
        first, last = self._row_at(begins), self._row_at(begins + lasts)
        began = self._runs_begun(first, last)
        before = self._runs_begun(max(0, first - AFTER_ROWS), first)
        return [run for run in before if (self._ended(run) or first) >= first] + began

    def latest(self, door: DoorId | None, reason: Reason | None, most: int) -> list[str]:
        """The newest runs, in which that door was asked for, and which ended or were dropped for that reason."""
        kinds = (FactKind.PASSAGE_STARTED, FactKind.PASSAGE_ENDED, FactKind.DOOR_RELEASED, FactKind.RELEASE_DROPPED)
        query = "select run, body from event where n > ? and kind in (?, ?, ?, ?) and run is not null order by n desc"
        since = (self._one("select max(n) from event") or 0) - LOOK_ROWS
        found: list[str] = []
        seen: dict[str, tuple[set[str], set[str]]] = {}
        for run, body in self._database.execute(query, (since, *(each.value for each in kinds))):
            told = json.loads(body)["data"]
            doors, reasons = seen.setdefault(run, (set(), set()))
            doors.add(told.get("door", ""))
            reasons.add(told.get("reason", ""))
            fits = (door is None or door in doors) and (reason is None or reason in reasons)
            if fits and run not in found:
                found.append(run)
                if len(found) == most:
                    break
        return found

    def summary(self, run: str) -> Passage:
        """Raises StoreError: there is no such run."""
        events = self.events(run)
        ended = next((e.data for e in events if e.kind is FactKind.PASSAGE_ENDED and e.run == run), None)
        if ended is None:
            return Passage(run, events[0].at, None, None, None)
        return Passage(run, events[0].at, ended["passed"], Reason(ended["reason"]), ended["seconds"])

    def events(self, run: str) -> list[Event]:
        """Every row from its beginning until shortly after its end, of any passage or none, in order.

        Raises StoreError: there is no such run, or its beginning was removed.
        """
        ends = self._ended(run) or self._one("select max(n) from event") or 0
        first = self._one(
            "select n from event where n <= ? and run = ? and kind = ? order by n desc", ends, run, _STARTED
        )
        if first is None:
            raise StoreError(f"passage {run}: its beginning is not in here; ask the archive for older rows")
        query = "select body from event where n >= ? and n <= ? order by n"
        return [_event(body) for (body,) in self._database.execute(query, (first, ends + AFTER_ROWS))]

    def _ended(self, run: str) -> int | None:
        """The row in which it ended; None while it is under way."""
        query = f"select min(n) from event where {_ENDED} and kind = 'passage.ended' and run = ?"  # noqa: S608 constant
        n: int | None = self._one(query, run)
        return n

    def _runs_begun(self, since: int, until: int) -> list[str]:
        query = "select run from event where n >= ? and n < ? and kind = ? order by n"
        return [run for (run,) in self._database.execute(query, (since, until, _STARTED))]

    def _row_at(self, at: datetime) -> int:
        """The first row that is not older; times never run backwards."""
        low, high = self._one("select min(n) from event") or 0, self._one("select max(n) from event") or 0
        wanted = at.timestamp() * 1e9
        high += 1
        while low < high:
            middle = (low + high) // 2
            found = self._database.execute(
                "select n, at from event where n >= ? order by n limit 1", (middle,)
            ).fetchone()
            if found is None or found[1] >= wanted:
                high = middle
            else:
                low = found[0] + 1
        return int(low)

    def _one(self, query: str, *values: Any) -> Any:
        found = self._database.execute(query, values).fetchone()
        return None if found is None else found[0]


@contextlib.contextmanager
def open_journal(path: Path) -> Iterator[Passages]:
    """A journal.sqlite, or an export of one. Raises StoreError: it is neither, or cannot be read."""
    theirs: OSError | None = None
    with named(path), contextlib.ExitStack() as files:
        if is_store(path):
            database = files.enter_context(contextlib.closing(opened(path)))
            _, lane = chain.epoch_of(database)
        else:
            database = files.enter_context(
                contextlib.closing(sqlite3.connect(""))
            )  # on the disk, gone when it is closed
            database.executescript(_COPY)

            def take(body: bytes) -> None:
                database.execute("insert into event values (?, ?, ?, ?, ?)", _row(body))

            lane = exported_events(path, take)
        try:
            yield Passages(database, lane)
        except OSError as error:
            theirs = error  # of where whoever asks writes to; the file is read by now, or by SQLite
    if theirs is not None:
        raise theirs


def _event(body: bytes) -> Event:
    try:
        return Event.parse(body)
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(
            f"holds a row that this version does not know ({error}); use the version that wrote it"
        ) from error


def _row(body: bytes) -> tuple[int, int, str, str | None, bytes]:
    event = _event(body)
    return event.n, int(event.at.timestamp() * 1e6) * 1000, event.kind.value, event.run or None, body
