"""What moves one door: a thread of its own, so that nobody who wants a door waits for its driver.

The loop and the last resort only say what they want; the newest want wins. A driver that hangs holds its own hand, and
nobody else's: the loop goes on, and the other door is driven.

A release is wanted until a moment, not for a time: carried out late, it is the shorter, and one whose time is over is
not carried out at all.
"""

import math
import threading
import time
from collections.abc import Callable

from gatefw.ports import Door
from hw.urgent import hurry

ACT_S = 5.0  # a call of a driver that takes longer will not end any more
_NOW_S = -math.inf  # a release until then is none


class Hand:
    """Of one opened door. `failed(error)` is told what the driver raised; `secured()` that it was told to secure."""

    def __init__(
        self,
        door: Door,
        failed: Callable[[Exception], None],
        secured: Callable[[], None],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._door, self._failed, self._secured, self._now_s = door, failed, secured, now_s
        self._changed = threading.Condition()
        self._wanted_until_s: float | None = None
        self._ending = False
        self._act_ends_s = math.inf
        self._thread = threading.Thread(target=self._run, name="hand", daemon=True)
        self._thread.start()

    def release(self, until_s: float) -> None:
        """Have the door released until then (monotonic). Returns at once; never raises."""
        self._want(until_s)

    def secure(self) -> None:
        """Have the release ended now. Returns at once; never raises."""
        self._want(_NOW_S)

    def overdue(self, now_s: float) -> bool:
        """Whether the driver should have returned by now, and has not."""
        return now_s > self._act_ends_s

    @property
    def idle(self) -> bool:
        """Whether nothing newer is wanted than what it does now or did last."""
        return self._wanted_until_s is None

    def end(self) -> None:
        """Do what is still wanted and then no more. Returns at once."""
        with self._changed:
            self._ending = True
            self._changed.notify()

    def join(self) -> None:
        """Wait until it has ended."""
        self._thread.join()

    def _want(self, until_s: float) -> None:
        with self._changed:
            self._wanted_until_s = until_s
            self._changed.notify()

    def _run(self) -> None:
        hurry()
        while (until_s := self._next()) is not None:
            try:
                self._act(until_s)
            except Exception as error:  # noqa: BLE001  the owner of the door closes it and opens it anew
                self._failed(error)
            finally:
                self._act_ends_s = math.inf

    def _next(self) -> float | None:
        with self._changed:
            self._changed.wait_for(lambda: self._wanted_until_s is not None or self._ending)
            until_s, self._wanted_until_s = self._wanted_until_s, None
            if until_s is not None:
                self._act_ends_s = time.monotonic() + ACT_S
            return until_s

    def _act(self, until_s: float) -> None:
        if until_s == _NOW_S:
            self._door.secure()
            self._secured()
        elif (lease_s := until_s - self._now_s()) > 0:
            self._door.release(lease_s)
