"""Many storms, over the project's lanes and all cores: which seed is which lane, and when there were enough."""

import signal
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from functools import cache
from multiprocessing import get_context
from typing import Any, NamedTuple

from gatefw.config import Config
from gatefw.model import DoorId
from gatefw.simulate import lanes
from gatefw.simulate.faults import Fault
from gatefw.simulate.storm import Storm
from gatefw.simulate.storm_came import Came
from gatefw.simulate.storm_kept import Course
from gatefw.simulate.storm_rows import ROWS, WANTED, words

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
    "contactless-e-channel, one door",
    "contactless-e-channel, one door",
    "contactless-e-channel, no door",
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
    rows: frozenset[int] = frozenset()
    each_fault: int = 0

    def of(self, came: Came) -> bool:
        return (
            came.events >= self.events
            and came.passed >= self.passages
            and came.rows.keys() >= self.rows
            and min(came.faults[fault] for fault in Fault) >= self.each_fault
        )


SHORT = Enough(100_000)
LONG = Enough(10_000_000, 100_000, WANTED, 1_000)


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


def until_enough(course: Course, enough: Enough, jobs: int, progress: Callable[[Course], None]) -> None:
    """Storms from where the course stands, in so many processes, until there were enough, or too many violations.

    `progress` is told after each batch. Ctrl-C is KeyboardInterrupt here alone; the course then holds what came so far.
    """
    seeds = course.seeds(TOGETHER)
    with ProcessPoolExecutor(jobs, get_context("spawn"), _left_alone) as processes:
        under_way: dict[Future[Came], int] = {}
        try:
            while not (len(course.came.violations) >= STORIES or enough.of(course.came)):
                while len(under_way) < 2 * jobs:
                    seed = next(seeds)
                    under_way[processes.submit(_several, seed)] = seed
                for done in wait(under_way, return_when=FIRST_COMPLETED).done:
                    course.took(under_way.pop(done), TOGETHER, done.result())
                progress(course)
        finally:
            processes.shutdown(wait=False, cancel_futures=True)


def _left_alone() -> None:
    """Ctrl-C reaches every process of the terminal; those that play are told by the one that counts."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


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
        "rows_wanted": len(WANTED),
        "rows_not_taken": [words(number) for number in sorted(WANTED - came.rows.keys())],
        "fewest_times_a_row": min(came.rows.values(), default=0),
        "faults": {fault.value: came.faults[fault] for fault in Fault},
        "fewest_times_a_fault": min(came.faults[fault] for fault in Fault),
    }
