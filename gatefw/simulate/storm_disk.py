"""The journal of a storm: what is on disk outlives the process, what waits for it does not.

It keeps the promises of `journal` in virtual time: rows are committed in groups and in order, a ticket is told only
when its row is on disk, a full disk breaks the journal until a restart, and the first cause of a latch stays.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from gatefw.events import check
from gatefw.gate_terms import Committed, GateInput
from gatefw.model import DoorId, Fact, FactKind, Faulted, Purpose, Reason, RunId

QUEUE_ROWS = 128
"""As `journal.QUEUE_ROWS`, but soon full."""

At = Callable[[float, Callable[[], None]], None]
"""Have something done after so many seconds, if this process is alive by then."""


@dataclass
class Disk:
    """What is durable, and what is wrong with it. `violations`: counters that do not add up."""

    full: bool = False
    stalled_until_s: float = -1.0
    latch: Reason | None = None
    maintained: bool = False
    rows: int = 0
    begun: int = 0
    passed: int = 0
    under_way: dict[RunId, None] = field(default_factory=dict)
    """Runs that began and have not ended, oldest first."""
    released: dict[DoorId, tuple[Purpose, RunId | None]] = field(default_factory=dict)
    """What the newest release of each door is for that is written down, and of which run."""
    ended: dict[str, int] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    def commit(self, fact: Fact) -> None:
        self.rows += 1
        run = fact.run
        if fact.kind is FactKind.PASSAGE_STARTED and run is not None:
            if run in self.under_way:
                self.violations.append(f"run {run} began twice")
            self.begun += 1
            self.under_way[run] = None
        elif fact.kind is FactKind.PASSAGE_ENDED and run is not None:
            if self.under_way.pop(run, self) is self:
                self.violations.append(f"run {run} ended, and was not under way")
            told = dict(fact.fields)
            self.passed += bool(told["passed"])
            why = str(told["reason"])
            self.ended[why] = self.ended.get(why, 0) + 1
        elif fact.kind is FactKind.DOOR_RELEASED:
            told = dict(fact.fields)
            self.released[DoorId(str(told["door"]))] = Purpose(str(told["purpose"])), run


class Writer:
    """One process's journal, with the rules of `Journal` and `Scribe`. `commit_s()` is how long one sync takes."""

    def __init__(
        self,
        disk: Disk,
        now: Callable[[], float],
        commit_s: Callable[[], float],
        at: At,
        put: Callable[[GateInput], None],
    ) -> None:
        self._disk, self._now, self._commit_s, self._at, self._put = disk, now, commit_s, at, put
        self._queue: list[tuple[Fact, int | None] | Reason | bool | None] = []
        self._busy = self._losing = self.broken = False
        for run in tuple(disk.under_way):
            fields = (("passed", False), ("reason", Reason.RESTARTED), ("seconds", 0.0))
            self.append(Fact(FactKind.PASSAGE_ENDED, run, fields))

    @property
    def idle(self) -> bool:
        return not self._queue

    def append(self, fact: Fact, ticket: int | None = None) -> None:
        check(fact)
        if len(self._queue) < QUEUE_ROWS:
            self._losing = False
            self._enqueue((fact, ticket))
        elif not self._losing:
            self._losing = True
            self._put(Faulted(Reason.OVERFLOW))

    def latch(self, reason: Reason | None) -> None:
        """Keep the first cause, or forget it. A lane that can record nothing must not look as if it served."""
        self._enqueue(reason)
        if reason is None and self.broken:
            self._put(Faulted(Reason.JOURNAL_BROKEN))

    def keep_maintenance(self, whether: bool) -> None:
        self._enqueue(whether)

    def _enqueue(self, item: tuple[Fact, int | None] | Reason | bool | None) -> None:
        self._queue.append(item)
        if not self._busy:
            self._busy = True
            self._at(self._commit_s(), self._sync)

    def _sync(self) -> None:
        """One commit: everything that queued up while the last one ran."""
        if self._now() < self._disk.stalled_until_s:
            self._at(self._disk.stalled_until_s - self._now(), self._sync)
            return
        group, self._queue = self._queue, []
        for item in group:
            if isinstance(item, bool):
                self._disk.maintained = item
            elif not isinstance(item, tuple):
                self._disk.latch = None if item is None else self._disk.latch or item
            elif self._disk.full or self.broken:
                self._break()
            else:
                self._disk.commit(item[0])
                if item[1] is not None:
                    self._put(Committed(item[1]))
        self._busy = False
        if self._queue:
            self._busy = True
            self._at(self._commit_s(), self._sync)

    def _break(self) -> None:
        if not self.broken:
            self.broken = True
            self._put(Faulted(Reason.JOURNAL_BROKEN))
