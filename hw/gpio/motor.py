"""A motor on two GPIO lines, run as `Drive` says by a thread of its own, which needs no loop and no lane.

The way is looked at after every edge of a contact and every `LOOK_S` while the leaf moves. When no look has ended for
`BLIND_S` (a read that hangs, a thread that starves), another thread stops the motor: nothing moves that nobody watches.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

from gatefw.errors import DeviceLost
from hw.gpio.countdown import Countdown
from hw.gpio.drive import Drive, DriveLimits, Felt, Motion
from hw.gpio.lines import Output

LOOK_S = 0.02
IDLE_S = 0.25
BLIND_S = 0.3
WANTS = 8  # between two looks; of more, the newest

_log = logging.getLogger(__name__)


class Motor:
    """The two lines, both off at first. `feel` reads the contacts; it may hang, and holds no lock while it does."""

    def __init__(
        self,
        opening: Output,
        closing: Output,
        limits: DriveLimits,
        feel: Callable[[], Felt],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lines = {Motion.OPENING: opening, Motion.CLOSING: closing}
        self._drive, self._feel, self._now_s = Drive(limits), feel, now_s
        self._shown = Motion.REST
        self._failed: DeviceLost | None = None
        self._lock = threading.RLock()
        self._wants: deque[bool] = deque(maxlen=WANTS)
        self._wake, self._ending = threading.Event(), threading.Event()
        self._blind = Countdown("motor unwatched", self._lock, self._stop)
        self._thread = threading.Thread(target=self._run, name="motor", daemon=True)
        self._thread.start()

    def want(self, opened: bool) -> None:
        """Where the leaf shall be. Waits for nothing: a motor line that hangs holds up no lock."""
        self._wants.append(opened)
        self._wake.set()

    def look(self) -> None:
        """A contact has changed. Only sets an event."""
        self._wake.set()

    def check(self) -> None:
        """Raises what made it impossible to drive or stop the motor, from then on."""
        if self._failed is not None:
            raise self._failed

    def close(self) -> None:
        """Stop, and give both lines back."""
        self._ending.set()
        self._wake.set()
        self._blind.close()
        with self._lock:
            self._stop()
        self._thread.join(BLIND_S)  # one that hangs in a read is left: it can drive nothing any more
        for line in self._lines.values():
            line.close()

    def _run(self) -> None:
        while not self._ending.is_set():
            self._wake.clear()
            try:
                began_s = self._now_s()
                felt = self._feel()
                if self._now_s() - began_s < BLIND_S:  # else it tells of long ago
                    self._step(felt)
                    self._wake.wait(LOOK_S if self._drive.moving or self._drive.waits else IDLE_S)
            except DeviceLost as problem:
                with self._lock:
                    self._stop()
                    self._failed = self._failed or problem
                return
            except Exception:  # noqa: BLE001  a mistake here must not leave the motor running
                _log.exception("the motor's thread")
                with self._lock:
                    self._stop()
                    self._failed = DeviceLost("motor: its thread has failed; see the log")
                return

    def _step(self, felt: Felt) -> None:
        with self._lock:
            if self._ending.is_set():
                return
            while self._wants:
                self._drive.want(self._wants.popleft())
            self._show(self._drive.step(felt, self._now_s()))
            if self._drive.moving:
                self._blind.start(BLIND_S)
            else:
                self._blind.cancel()

    def _stop(self) -> None:
        """Under the lock."""
        self._drive.stop(self._now_s())
        try:
            self._show(Motion.REST)
        except DeviceLost as problem:
            self._failed = self._failed or problem

    def _show(self, motion: Motion) -> None:
        """First off, then on: never both at once. One line that cannot be switched off does not keep the other on."""
        if motion is self._shown:
            return
        problems = []
        for each, line in self._lines.items():
            if each is not motion:
                try:
                    line.set(False)
                except DeviceLost as problem:
                    problems.append(problem)
        if problems:
            raise problems[0]
        self._shown = motion
        if motion in self._lines:
            self._lines[motion].set(True)
