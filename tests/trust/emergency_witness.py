"""Whether the machine itself stood still: the host of a virtual one takes its cores away, which no gate can help.

On each core a process sleeps a millisecond at a time, before everything else that runs there (sched(7), SCHED_FIFO, far
above the gate's own threads). What keeps it from waking keeps everything on that core.
"""

import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection

PRIORITY = 90
SLEEPS_S = 0.001
STILL_S = 0.002
"""Asleep for so much longer than it asked for, a core stood still."""


@dataclass(frozen=True, slots=True)
class Still:
    """A core that stood still; monotonic seconds."""

    began_s: float
    ended_s: float

    def within(self, began_s: float, ended_s: float) -> bool:
        return self.began_s < ended_s and began_s < self.ended_s


class Witness:
    def __init__(self, ends: list[Connection]) -> None:
        self._ends = ends
        self._found: list[Still] = []

    def found(self) -> list[Still]:
        """Every time that a core stood still until now."""
        for end in self._ends:
            while end.poll():
                self._found.append(Still(*end.recv()))
        return self._found


@contextmanager
def witness() -> Iterator[Witness]:
    """Watches every core while the block lasts. Raises PermissionError: not without the right to such a priority."""
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))  # may we? a child could not say so
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    spawning = multiprocessing.get_context("spawn")
    ends, watchers = [], []
    for core in sorted(os.sched_getaffinity(0)):
        ours, theirs = spawning.Pipe(duplex=False)
        watchers.append(spawning.Process(target=_watch, args=(core, theirs), daemon=True))
        watchers[-1].start()
        theirs.close()
        ends.append(ours)
    try:
        yield Witness(ends)
    finally:
        for watcher in watchers:
            watcher.kill()
            watcher.join()
        for end in ends:
            end.close()


def _watch(core: int, told: Connection) -> None:
    os.sched_setaffinity(0, {core})
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    woke_s = time.monotonic()
    while True:
        time.sleep(SLEEPS_S)
        now_s = time.monotonic()
        if now_s - woke_s > SLEEPS_S + STILL_S:
            told.send((woke_s, now_s))
        woke_s = now_s
