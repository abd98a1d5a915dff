"""The camera's thread in the vision process: opens it, takes the newest frame, starts over with backoff if it dies."""

import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from gatefw.backoff import Backoff
from gatefw.errors import GateError
from gatefw.ports import Camera, Frame

FRAME_WAIT_S = 0.25
IDLE_S = 1.0
"""While nobody is verified a frame is taken so often: enough to know that the camera lives."""
GRACE_S = 5.0
"""An open camera that gives no frame for so long counts as lost."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A frame, and whether it is bit by bit the one before it."""

    frame: Frame
    repeated: bool


class Feed:
    """Frames of a camera that may die and come back. All methods are safe from any thread."""

    def __init__(self, open_camera: Callable[[], Camera], now_s: Callable[[], float] = time.monotonic) -> None:
        self._open, self._now_s = open_camera, now_s
        self._changed = threading.Condition()
        self._newest: Seen | None = None
        self._wanted = False
        self._closing = False
        self._trouble = "not opened yet"
        self._thread = threading.Thread(target=self._work, name="camera", daemon=True)
        self._thread.start()

    @property
    def trouble(self) -> str:
        """Why there are no frames; empty while there are."""
        return self._trouble

    def want(self, wanted: bool) -> None:
        """Take every frame from now on, or only one now and then. What was taken before is dropped."""
        with self._changed:
            self._wanted, self._newest = wanted, None
            self._changed.notify_all()

    def take(self, timeout_s: float) -> Seen | None:
        """The newest frame not yet taken, or None after `timeout_s`."""
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None or self._closing, timeout_s)
            seen, self._newest = self._newest, None
            return seen

    def close(self) -> None:
        """End the thread and give the camera back."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()

    def _work(self) -> None:
        backoff = Backoff()
        while not self._closing:
            try:
                camera = self._open()
                try:
                    self._pump(camera, backoff)
                finally:
                    camera.close()
            except (GateError, OSError) as error:
                self._trouble = str(error) or type(error).__name__
            except Exception as error:  # noqa: BLE001  a driver's mistake costs its camera, not templates and gallery
                self._trouble = f"{type(error).__name__}: {error}"
            self._rest(backoff.wait_s(), lambda: False)

    def _pump(self, camera: Camera, backoff: Backoff) -> None:
        digest, heard_s = -1, self._now_s()
        while not self._closing:
            frame = camera.frame(FRAME_WAIT_S)
            if frame is None:
                if self._now_s() - heard_s > GRACE_S:
                    self._trouble = f"open, but no frame for {GRACE_S:.0f} s"
                continue
            heard_s, before, digest = self._now_s(), digest, zlib.crc32(frame.rgb)
            backoff.reset()
            with self._changed:
                self._trouble = ""
                if self._wanted:  # otherwise nobody has a reason to keep a picture of anybody
                    self._newest = Seen(frame, repeated=digest == before)
                    self._changed.notify_all()
            if not self._wanted:
                self._rest(IDLE_S, lambda: self._wanted)

    def _rest(self, seconds: float, unless: Callable[[], bool]) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closing or unless(), seconds)
