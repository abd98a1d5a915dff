"""Many storms, over the project's lanes and all cores: which seed is which lane, and when there were enough."""

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from typing import Any, NamedTuple

from gatefw.config import Config
from gatefw.model import DoorId
from gatefw.simulate import lanes
from gatefw.simulate.faults import Fault
from gatefw.simulate.storm import Storm
from gatefw.simulate.storm_came import Came
from gatefw.simulate.storm_life import ROWS

LANES: tuple[str, ...] = (
    "contactless-e-channel",
    "e-channel",
    "hetao",
    "smart-departure",
    "document-free",
    "contactless-e-channel",
    "flight-token-boarding",
    "chung-ying-street",
    "e-channel",
    "flight-token-e-channel",
    "flight-token-check-in",
    "smart-departure",
    "flight-token-bag-drop",
    "contactless-e-channel, one door",
    "contactless-e-channel, no door",
    "contactless-e-channel",
    "e-channel",
)
"""Whose storm a seed is: its remainder says. Airlocks by card and by document come oftener: most passes there.

With "one door" or "no door" a lane is built otherwise than its file says: its procedure asks people in there as well.
"""
BUILT = {"one door": (DoorId.EXIT,), "no door": ()}
TOGETHER = 4
"""Storms that a process plays before it tells of them."""


STORIES = 20
"""After so many violations no more are looked for."""


class Enough(NamedTuple):
    """When there were enough storms."""

    events: int
    passages: int = 0
    rows: int = 0
    each_fault: int = 0

    def of(self, came: Came) -> bool:
        return (
            came.events >= self.events
            and came.passed >= self.passages
            and len(came.rows) >= self.rows
            and min(came.faults[fault] for fault in Fault) >= self.each_fault
        )


SHORT = Enough(100_000)
LONG = Enough(10_000_000, 100_000, len(ROWS), 1_000)


def lane_of(seed: int) -> str:
    return LANES[seed % len(LANES)]


@cache
def _config(lane: str) -> Config:
    return lanes.load(lane)


def storm(seed: int, tell: Callable[[float, str], None] | None = None) -> Storm:
    """The storm of that seed."""
    name, _, built = lane_of(seed).partition(", ")
    return Storm(_config(name), seed, tell, BUILT[built] if built else None)


def _several(first: int) -> Came:
    came = Came()
    for seed in range(first, first + TOGETHER):
        came.add(storm(seed).play())
    return came


def until_enough(first: int, enough: Enough, jobs: int, progress: Callable[[Came], None]) -> Came:
    """Storms from this seed on, in so many processes, until there were enough, or too many violations."""
    came, seeds = Came(), iter(range(first, 1 << 62, TOGETHER))
    with ProcessPoolExecutor(jobs, get_context("spawn")) as processes:
        under_way = {processes.submit(_several, next(seeds)) for _ in range(2 * jobs)}
        for done in _as_they_come(under_way):
            came.add(done)
            progress(came)
            if len(came.violations) >= STORIES or enough.of(came):
                break
            under_way.add(processes.submit(_several, next(seeds)))
        for each in under_way:
            each.cancel()
    return came


def _as_they_come(under_way: set[Any]) -> Iterator[Came]:
    from concurrent.futures import FIRST_COMPLETED, wait

    while under_way:
        done, _ = wait(under_way, return_when=FIRST_COMPLETED)
        for each in done:
            under_way.discard(each)
            yield each.result()


def counts(came: Came) -> dict[str, Any]:
    """For machines."""
    return {
        "simulated_events": came.events,
        "idle_ticks": came.ticks,
        "passages": came.begun,
        "completed_passages": came.passed,
        "process_lives": came.lives,
        "rows_taken": len(came.rows),
        "rows": len(ROWS),
        "rows_not_taken": [_words(number) for number in range(len(ROWS)) if number not in came.rows],
        "fewest_times_a_row": min(came.rows.values(), default=0),
        "faults": {fault.value: came.faults[fault] for fault in Fault},
        "fewest_times_a_fault": min(came.faults[fault] for fault in Fault),
    }


def _words(number: int) -> str:
    row = ROWS[number]
    phases = " ".join(phase.value for phase in row.phases) if len(row.phases) < 4 else f"{len(row.phases)} phases"
    return f"{phases}: {row.on.words}, {row.when.words or 'always'} -> {row.to.value if row.to else 'stays'}"
