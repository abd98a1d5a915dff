"""What waits for a thread that does one thing after the other: bounded, and never waited for by who brings more."""

import logging
import queue
from collections.abc import Callable

WORK_MAX = 1024
"""Far more than a lane brings while its thread works; that one stalls is told long before (`thread_watch`)."""

_log = logging.getLogger(__name__)
Task = Callable[[], None]


class WorkQueue:
    """Filled by any thread, emptied by its own."""

    def __init__(self, name: str, most: int = WORK_MAX) -> None:
        self._name, self._most, self._full = name, most, False
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()

    def put(self, task: Task, otherwise: Task = lambda: None) -> None:
        """Have it done after what came before; where too much waits, do `otherwise` here and now."""
        if self._tasks.qsize() < self._most:
            self._full = False
            self._tasks.put(task)
            return
        if not self._full:
            self._full = True
            _log.error("%s: %d things wait for it; what comes now is not done", self._name, self._most)
        otherwise()

    def end(self) -> None:
        """After what was brought before, there is nothing more: `get` returns None."""
        self._tasks.put(None)

    def get(self, timeout_s: float | None = None) -> Task | None:
        """The next thing to do. Raises queue.Empty when nothing came in time."""
        return self._tasks.get(timeout=timeout_s)

    def take(self) -> Task:
        """The next thing to do, of a queue that is never ended. Raises queue.Empty when there is none."""
        task = self._tasks.get_nowait()
        assert task is not None
        return task
