"""A journal that is signed and kept within bounds, with clocks that stand where a test puts them."""

import queue
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from peers import until

from gatefw.errors import GateError, JournalBroken
from gatefw.journal import Journal
from gatefw.journal_anchor import Signer
from gatefw.journal_chain import removed_upto
from gatefw.journal_keeping import JournalTerms
from gatefw.model import Fact, FactKind, Reason, SubjectId
from gatefw.store import connect
from gatefw.wall_time import WallTime

KEY, SIGNING = bytes(range(32)), bytes(range(1, 33))
PUBLIC = Signer(SIGNING).public
LANE = "lane-1"
STOPPED = Fact(FactKind.SERVICE_STOPPED)
ABOUT_ADA = Fact(FactKind.SERVICE_STOPPED, subject=SubjectId("subject-of-ada"))
DAY_NS = 86_400 * 10**9


class Kept:
    """An open journal at `path`, of four rows a segment. `broke` holds what it broke with, `said` what it told."""

    def __init__(
        self, path: Path, clock: "Wall | None" = None, lane: str = LANE, key: bytes = KEY, **terms: Any
    ) -> None:
        self.path, self.wall = path, clock or Wall()
        self.said: list[tuple[Reason, bool]] = []
        self.broke: list[JournalBroken] = []
        given: dict[str, Any] = {"checkpoint_rows": 4, "least_free_bytes": 1, "checkpoint_s": 1e9} | terms
        told = JournalTerms(SIGNING, says=lambda *said: self.said.append(said), **given)
        self.journal = Journal.open(path, lane, key, self.wall, self.broke.append, None, told)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.journal.close()

    def write(self, *facts: Fact) -> None:
        """Until each is durable."""
        numbers: queue.Queue[int] = queue.Queue()
        for fact in facts:
            self.journal.append(fact, numbers.put)
            numbers.get(timeout=30)

    def acknowledge(self, line: str) -> int | GateError:
        heard: queue.Queue[int | GateError] = queue.Queue()
        self.journal.acknowledge(line, "uid-7", heard.put)
        return heard.get(timeout=30)

    def first(self) -> int:
        return self.journal.read(0, 1)[0].n

    def removed(self) -> int:
        with closing(connect(self.path)) as database:
            return removed_upto(database)

    def when_removed(self) -> None:
        """Wait until something was removed, all of it."""
        until(lambda: 1 < self.first() == self.removed() + 1, "the rows to go", 60)


class Wall:
    """A wall clock that stands where a test puts it."""

    def __init__(self) -> None:
        self.ns, self.synchronised = 1_800_000_000_000_000_000, True

    def __call__(self) -> WallTime:
        return WallTime(self.ns, self.synchronised)


def made(path: Path, rows: int = 14) -> None:
    """A journal of so many facts, every third about somebody, that was ended in order."""
    with Kept(path) as kept:
        kept.write(*(ABOUT_ADA if n % 3 == 0 else STOPPED for n in range(rows)))
