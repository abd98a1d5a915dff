"""One thread that ends things on time: the lease of a door, the bounce of a contact."""

import logging
import threading
import time
from collections.abc import Callable

from hw.urgent import hurry

_log = logging.getLogger(__name__)


class Countdown:
    """Calls `ended` once, `duration_s` after the last `start`, on a thread of its own.

    `lock` is the owner's; `ended` is called holding it, so an owner that starts, cancels and acts under the same lock
    never sees a countdown end in between. `ended` may `start` it again. What `ended` raises is logged and goes no
    further: the next one must still end.
    """

    def __init__(self, name: str, lock: threading.RLock, ended: Callable[[], None]) -> None:
        self._changed = threading.Condition(lock)
        self._ended = ended
        self._deadline_s: float | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        with self._changed:
            return self._deadline_s is not None

    def start(self, duration_s: float) -> None:
        with self._changed:
            self._deadline_s = time.monotonic() + duration_s
            self._changed.notify()

    def cancel(self) -> None:
        with self._changed:
            self._deadline_s = None

    def close(self) -> None:
        """End the thread; `ended` is not called any more. Must not be called holding the lock."""
        with self._changed:
            self._closed = True
            self._deadline_s = None
            self._changed.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        hurry()
        with self._changed:
            while not self._closed:
                left_s = None if self._deadline_s is None else self._deadline_s - time.monotonic()
                if left_s is None or left_s > 0:
                    self._changed.wait(left_s)
                    continue
                self._deadline_s = None
                try:
                    self._ended()
                except Exception:  # noqa: BLE001  this thread must live
                    _log.exception("%s", self._thread.name)
