"""A USB or CSI camera through the kernel's V4L2, by OpenCV.

Use the stable path (`/dev/v4l/by-id/...`): video numbers change at every boot. OpenCV may be stuck in the kernel for
ten seconds when a camera stalls; a thread of its own waits there, and everybody else is told after `stale_s`.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol

from gatefw.errors import DeviceLost, WrongDevice
from gatefw.ports import Bound, Frame
from hw.newest import Newest

_BY_ID = Path("/dev/v4l/by-id")
_NAMES = Path("/sys/class/video4linux")
_CLOSE_S = 1.0


@dataclass(frozen=True)
class Settings:
    """`device` path; the picture size and rate to ask for. A camera that gives another size is the wrong one.

    name: what the camera calls itself (`/sys/class/video4linux/videoN/name`), when another could be plugged in there.
    mjpg: let the camera compress: at 1280 x 720 most USB cameras reach 15 frames per second in no other way.
    """

    device: str
    name: str = ""
    width_px: Annotated[int, Bound(160, 4096)] = 1280
    height_px: Annotated[int, Bound(120, 4096)] = 720
    fps: Annotated[float, Bound(1.0, 120.0)] = 15.0
    mjpg: bool = False
    stale_s: Annotated[float, Bound(0.2, 30.0)] = 1.5


class Capture(Protocol):
    """The part of cv2.VideoCapture that is used here."""

    def isOpened(self) -> bool: ...  # noqa: N802  OpenCV's name
    def set(self, what: int, value: float) -> bool: ...
    def get(self, what: int) -> float: ...
    def read(self) -> tuple[bool, Any]: ...
    def release(self) -> None: ...


def open(settings: Settings) -> "V4l2Camera":  # noqa: A001  the name every driver exports
    """The camera, capturing. Raises DeviceLost (not there), WrongDevice (another one, or it cannot give that size)."""
    path = proven(settings, _NAMES)
    import cv2

    return opened(settings, cv2.VideoCapture(str(path), cv2.CAP_V4L2))


def proven(settings: Settings, names: Path) -> Path:
    """The device node behind the path, whose name in the directory `names` is the configured one."""
    device = Path(settings.device)
    if not device.exists():
        there = sorted(path.name for path in _BY_ID.iterdir()) if _BY_ID.is_dir() else []
        raise DeviceLost(f"camera {device}: not there; {_BY_ID} has {', '.join(there) or 'nothing'}")
    node = device.resolve()
    if settings.name:
        try:
            name = (names / node.name / "name").read_text("utf-8", "replace").strip()
        except OSError as problem:
            raise DeviceLost(f"camera {device}: has no name: {problem}") from problem
        if name != settings.name:
            raise WrongDevice(f"camera {device}: {settings.name} is wanted, {name} is there")
    return node


def opened(settings: Settings, capture: Capture, now_s: Callable[[], float] = time.monotonic) -> "V4l2Camera":
    """As `open`, of a device that OpenCV has opened."""
    import cv2

    try:
        if not capture.isOpened():
            raise DeviceLost(f"camera {settings.device}: cannot be opened; is it a camera, and used by nobody else?")
        if settings.mjpg:
            capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, settings.width_px)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, settings.height_px)
        capture.set(cv2.CAP_PROP_FPS, settings.fps)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        got = (int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)))
        if got != (settings.width_px, settings.height_px):
            asked = f"{settings.width_px}x{settings.height_px}"
            raise WrongDevice(f"camera {settings.device}: asked for {asked}, got {got[0]}x{got[1]}")
    except BaseException:
        capture.release()
        raise
    return V4l2Camera(settings, capture, now_s)


class V4l2Camera:
    """A `Camera`. One thread captures and gives the device back; `close` waits for it no longer than a second."""

    def __init__(self, settings: Settings, capture: Capture, now_s: Callable[[], float]) -> None:
        self._settings, self._capture = settings, capture
        self._newest: Newest[Any] = Newest(f"camera {settings.device}", settings.stale_s, now_s)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._receive, name="camera v4l2", daemon=True)
        self._thread.start()

    def frame(self, timeout_s: float) -> Frame | None:
        taken = self._newest.take(timeout_s)
        if taken is None:
            return None
        import cv2

        bgr, captured_s = taken
        return Frame(memoryview(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)), captured_s)

    def close(self) -> None:
        self._closing.set()
        if threading.current_thread() is not self._thread:
            self._thread.join(_CLOSE_S)

    def _receive(self) -> None:
        import cv2

        why = "closed"
        try:
            while not self._closing.is_set():
                got, bgr = self._capture.read()
                if not got:
                    why = "gave no picture; unplugged?"
                    break
                self._newest.put(bgr)
        except cv2.error as problem:
            why = str(problem)
        finally:
            self._newest.fail(DeviceLost(f"camera {self._settings.device}: {why}"))
            self._capture.release()
