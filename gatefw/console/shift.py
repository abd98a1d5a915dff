"""What came of a shift: passages, alarms and orders of each lane, counted from its events by quarters of an hour.

No clock and no I/O: the hour is the lane's own. What is kept is counts, for a day and a half; nobody who passed is in
them. A console knows what it heard: `since` says from when on, and a shift that began before is not told as if whole.
"""

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from gatefw.console.alarms import AT_ONCE_S
from gatefw.console.lanes import Named, Table, number, table, word
from gatefw.control import ACKNOWLEDGE, CLEAR, SILENT_ALARM
from gatefw.events import FIELDS, ORDERED_FOR, RUN
from gatefw.model import FactKind, Verdict
from gatefw.passage_stats import Sums
from gatefw.passage_tally import ENDED, OTHERS, PASSED, REFERRED, REFUSED, step_of

QUARTER_S = 900
KEPT = 36 * 4
"""Quarters of an hour: a shift of twelve hours can be told for a day after it."""
RUNS_OPEN = 64
OFFICERS = 500
"""More than may order at a lane in a quarter of an hour."""
OUTCOMES = (PASSED, REFUSED, REFERRED, ENDED)
BY_HAND = OTHERS[FactKind.CLEARED_BY_HAND]
_NOT_PASSED = {Verdict.REFUSE.value: REFUSED, Verdict.REFER.value: REFERRED}
_ORDERS = {
    FactKind.ALARM_ACKNOWLEDGED: ACKNOWLEDGE,
    FactKind.ALARM_SILENT: SILENT_ALARM,
    FactKind.CLEARED_BY_HAND: CLEAR,
}
"""Orders that, once done, have a fact of their own; over the bus there is one of the order as well."""
_KINDS = {kind.value: kind for kind in FactKind}


@dataclass(slots=True)
class Counts:
    """sums: passages. alarms: by reason; orders: by who gave them, what, and whether it was accepted; whys: by who gave
    them, what, and why, where that was said.
    """

    sums: Sums = field(default_factory=Sums)
    alarms: Counter[str] = field(default_factory=Counter)
    orders: Counter[tuple[str, str, bool]] = field(default_factory=Counter)
    whys: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def add(self, other: "Counts") -> None:
        self.sums.add(other.sums)
        self.alarms.update(other.alarms)
        self.orders.update(other.orders)
        self.whys.update(other.whys)


class Ledger:
    """Of one lane. `count` may be called by any thread, with its events in order; one that comes twice counts once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._quarters: dict[int, Counts] = {}
        self._epoch, self._last = "", 0
        self._verdicts: dict[str, str] = {}
        self._undecided: dict[str, tuple[int, str]] = {}
        self._raised = "", datetime.fromtimestamp(0, UTC)
        self._since: datetime | None = None
        self._first: int | None = None
        self._unsure = False

    def count(self, event: Table) -> None:
        kind = _KINDS.get(str(event.get("type")).removeprefix("gatefw.").removesuffix(".v1"))
        at, epoch, n = _time(event.get("time")), word(event.get("epoch")), number(event.get("sequence"))
        with self._lock:
            if at is None or not self._is_next(epoch, n, at) or kind is None:
                return
            self._unsure = self._unsure or event.get("clockquality") != "synchronised"
            data = {name: value for name, value in table(event.get("data")).items() if _fits(kind, name, value)}
            self._enter(self._quarter(at), kind, event, data, at)

    def _is_next(self, epoch: str, n: int, at: datetime) -> bool:
        """Whether it was not heard before. What was missed between is not known: the lane is heard from here on."""
        if n <= (self._last if epoch == self._epoch else 0):
            return False
        if epoch != self._epoch:  # another journal: its numbers and runs are of others
            self._verdicts.clear()
            self._undecided.clear()
        if self._first is None:
            self._first, self._since = n, _since(n, at)
        elif (epoch, n) != (self._epoch, self._last + 1):
            self._first, self._since = n, at
        self._epoch, self._last = epoch, n
        return True

    @property
    def first(self) -> int | None:
        """The number of the first event that was counted; None before."""
        with self._lock:
            return self._first

    def precede(self, earlier: "Ledger") -> None:
        """What `earlier` counted, up to the first event of this one, is of this lane too, if of the same journal."""
        with self._lock:
            if earlier._epoch != self._epoch or earlier._first is None or earlier._last + 1 != self._first:
                return
            for each, counts in earlier._quarters.items():
                self._quarters.setdefault(each, Counts()).add(counts)
            self._decide(earlier._verdicts)
            self._trim()
            self._first, self._since = earlier._first, earlier._since
            self._unsure = self._unsure or earlier._unsure

    def _decide(self, verdicts: Mapping[str, str]) -> None:
        """Passages that had been decided before the first event was heard ended as that says, or will."""
        for run, verdict in verdicts.items():
            if run not in self._undecided:
                self._verdicts.setdefault(run, verdict)
            elif (what := _NOT_PASSED.get(verdict)) is not None:
                each, reason = self._undecided[run]
                if (counts := self._quarters.get(each)) is not None:
                    counts.sums.counts -= Counter({(ENDED, reason): 1})
                    counts.sums.counts[what, reason] += 1

    def _quarter(self, at: datetime) -> Counts:
        found = self._quarters.setdefault(quarter(at), Counts())
        self._trim()
        return found

    def _trim(self) -> None:
        while len(self._quarters) > KEPT:
            del self._quarters[min(self._quarters)]

    def _enter(self, counts: Counts, kind: FactKind, event: Table, data: Mapping[str, Any], at: datetime) -> None:
        run = str(event["run"]) if RUN.fits(event.get("run")) else ""
        match kind:
            case FactKind.PASSAGE_DECIDED:
                self._verdicts[run] = str(data.get("verdict"))
                while len(self._verdicts) > RUNS_OPEN:
                    del self._verdicts[next(iter(self._verdicts))]
            case FactKind.PASSAGE_ENDED:
                verdict, passed = self._verdicts.pop(run, ""), data.get("passed") is True
                what = PASSED if passed else _NOT_PASSED.get(verdict, ENDED)
                if what == ENDED and len(self._undecided) < RUNS_OPEN:
                    self._undecided[run] = quarter(at), word(data.get("reason"))
                counts.sums.counts[what, "" if passed else word(data.get("reason"))] += 1
                if passed and "seconds" in data:
                    counts.sums.steps[step_of(float(data["seconds"]))] += 1
            case FactKind.ALARM_RAISED | FactKind.FAULT_LATCHED:
                self._alarmed(counts, kind, word(data.get("reason")), at)
            case FactKind.OPERATOR_ORDERED if not (data.get("accepted") and data.get("verb") in _ORDERS.values()):
                self._ordered(counts, data, word(data.get("verb")), data.get("accepted") is True)
            case _ if kind in _ORDERS:
                self._ordered(counts, data, _ORDERS[kind], True)
                if kind is FactKind.CLEARED_BY_HAND:
                    counts.sums.counts[BY_HAND, ""] += 1

    def _alarmed(self, counts: Counts, kind: FactKind, reason: str, at: datetime) -> None:
        """An alarm that is latched as a fault in the same moment is one, as on the page of the lanes."""
        raised, raised_at = self._raised
        at_once = raised == reason and abs((at - raised_at).total_seconds()) < AT_ONCE_S
        self._raised = (reason if kind is FactKind.ALARM_RAISED else ""), at
        if kind is FactKind.ALARM_RAISED or not at_once:
            counts.alarms[reason] += 1

    def _ordered(self, counts: Counts, data: Mapping[str, Any], verb: str, accepted: bool) -> None:
        key = (str(data.get("by", "lane")), verb, accepted)
        if key in counts.orders or len(counts.orders) < OFFICERS:
            counts.orders[key] += 1
            if ORDERED_FOR.fits(data.get("why")):
                counts.whys[key[0], verb, data["why"]] += 1

    def between(self, begins: datetime, ends: datetime) -> tuple[Counts, bool]:
        """What is known of the quarters that begin between the two, and whether that is all there was: from its
        beginning on, by a clock that somebody vouched for.
        """
        found = Counts()
        with self._lock:
            for each, counts in self._quarters.items():
                if quarter(begins) <= each < quarter(ends):
                    found.add(counts)
            whole = self._since is not None and self._since <= begins and not self._unsure
        return found, whole

    @property
    def since(self) -> datetime | None:
        with self._lock:
            return self._since


# ---------------------------------------------------------------- what is told


def told(ledgers: Iterable[tuple[Named, Ledger]], begins: datetime, ends: datetime) -> dict[str, Any]:
    """Of each lane and of all together, from one moment to another, both rounded to a quarter of an hour."""
    lanes, total = [], Counts()
    whole = True
    for named, ledger in ledgers:
        counts, complete = ledger.between(begins, ends)
        total.add(counts)
        whole = whole and complete
        since = ledger.since
        name = {"id": named.id, "name": named.name, "group": named.group}
        lanes.append({**name, **_line(counts), "whole": complete, "since": since and _spelt(since)})
    return {
        "from": _spelt(_moment(quarter(begins))),
        "to": _spelt(_moment(quarter(ends))),
        "whole": whole,
        "lanes": lanes,
        "total": _line(total),
        "orders": _orders(total),
    }


def by_hour(ledgers: Iterable[Ledger], begins: datetime, ends: datetime) -> list[tuple[datetime, dict[str, int]]]:
    """Of all lanes together how each hour went, for a chart."""
    hours, kept = [], list(ledgers)
    for first in range(quarter(begins), quarter(ends), 4):
        total = Counts()
        for ledger in kept:
            total.add(ledger.between(_moment(first), _moment(min(first + 4, quarter(ends))))[0])
        hours.append((_moment(first), {what: total.sums.of(what) for what in OUTCOMES}))
    return hours


def _line(counts: Counts) -> dict[str, Any]:
    sums = counts.sums
    return {
        **{what: sums.of(what) for what in (*OUTCOMES, BY_HAND)},
        "p50_s": sums.percentile_s(0.50),
        "p95_s": sums.percentile_s(0.95),
        "reasons": {what: sums.reasons(what) for what in (REFUSED, REFERRED, ENDED)},
        "alarms": dict(counts.alarms.most_common()),
        "acknowledged": sum(count for (_, verb, _), count in counts.orders.items() if verb == ACKNOWLEDGE),
    }


def _orders(counts: Counts) -> list[dict[str, Any]]:
    """By whom and what, how often it was done and how often refused, and how often each reason was given."""
    given = sorted({(by, verb) for by, verb, _ in counts.orders})
    return [
        {
            "by": by,
            "verb": verb,
            "done": counts.orders[by, verb, True],
            "refused": counts.orders[by, verb, False],
            "why": {why: n for why in ORDERED_FOR.words if (n := counts.whys[by, verb, why])},
        }
        for by, verb in given
    ]


def quarter(at: datetime) -> int:
    return int(at.timestamp()) // QUARTER_S


def moment(text: str) -> datetime | None:
    """A moment in UTC, as 2026-12-01T07:00Z; None for what is none."""
    try:
        at = datetime.fromisoformat(text.replace("Z", "+00:00"))
        return at.astimezone(UTC) if at.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _since(n: int, at: datetime) -> datetime:
    """From when on all is known: a journal that is heard from its first event on has nothing before."""
    return datetime.fromtimestamp(0, UTC) if n == 1 else at


def _moment(number_: int) -> datetime:
    return datetime.fromtimestamp(number_ * QUARTER_S, UTC)


def _spelt(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _time(said: object) -> datetime | None:
    at = moment(said) if isinstance(said, str) else None
    return at if at is not None and at.timestamp() >= 0 else None


def _fits(kind: FactKind, name: str, value: object) -> bool:
    """Only what the outward schema has: nothing else is counted, or shown."""
    wanted = FIELDS[kind].get(name)
    return wanted is not None and wanted.fits(value)
