"""A camera's thread in the vision process: opens it, watches its pictures, starts over with backoff when it dies."""

import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gatefw.backoff import Backoff
from gatefw.camera_watch import CameraWatch, ailment, grey_of, steepness
from gatefw.errors import GateError, SetupError, WrongDevice
from gatefw.mirror_wire import Place
from gatefw.model import Reason
from gatefw.ports import Camera, Frame
from gatefw.vision_wire import CameraState

FRAME_WAIT_S = 0.25
IDLE_S = 0.2
"""While nobody wants its frames one is taken so often: enough to know within a second how the camera is."""
SILENT_S = 1.5
"""An open camera that gives no frame for so long counts as lost."""
STUCK_S = 3.0
"""A driver that does not come back for so long counts as stuck: longer than a busy machine may hold up its thread."""
OVERDUE_S = 60.0
"""A camera that worked and was lost so long ago may be held by what is left of its own driver in this process."""
CLOSE_S = 5.0
COUNTED_S = 3.0
"""Who asks for figures has every frame counted for so long; they are those of the frames of that time."""
FOCUS_EVERY_S, FOCUS_KEPT_S = 1.0, 60.0
"""How often it is measured how steep a picture's edges are, and for how long the best of them stands for the optic."""

Changed = threading.Condition


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A frame, whose it is, and whether it is bit by bit the one before it."""

    camera: str
    frame: Frame
    repeated: bool


class Feed:
    """Frames of a camera that may die and come back. All methods are safe from any thread.

    `changed` is shared by feeds that are waited for together (`Feeds`): it is notified of every new frame.
    """

    def __init__(
        self, name: str, open_camera: Callable[[], Camera], now_s: Callable[[], float], changed: Changed
    ) -> None:
        self.name, self._open, self._now_s, self._changed = name, open_camera, now_s, changed
        self._newest: Seen | None = None
        self._wanted = False
        self._closing = False
        self._counted_until_s = 0.0
        self._counted: deque[float] = deque(maxlen=1000)
        self._steep: deque[tuple[float, float]] = deque()
        self._steep_due_s = 0.0
        self._looks: dict[str, object] = {"brightness": 0.0, "width_px": 0, "height_px": 0}
        self._state = CameraState(Reason.DEVICE_LOST, why="not opened yet")
        self._asked_s: float | None = None
        self._good_s: float | None = None
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    @property
    def state(self) -> CameraState:
        """How the camera is now. A driver that does not come back is noticed here, whatever it said before."""
        asked_s = self._asked_s
        if asked_s is not None and not self._state.lost and self._now_s() - asked_s > STUCK_S:
            return CameraState(Reason.DEVICE_STUCK, why=f"its driver has not come back for {STUCK_S:g} s")
        return self._state

    @property
    def overdue(self) -> bool:
        """Whether it worked in this process and has not for `OVERDUE_S`; one that never did is only waited for."""
        return self._good_s is not None and self._now_s() - self._good_s > OVERDUE_S

    def want(self, wanted: bool) -> None:
        """Take every frame from now on, or only one now and then. What was taken before is dropped."""
        with self._changed:
            self._wanted, self._newest = wanted, None
            self._changed.notify_all()

    def figures(self) -> dict[str, object]:
        """How its pictures are; who goes on asking has every frame counted. No picture is kept for it."""
        with self._changed:
            now_s = self._now_s()
            since_s, self._counted_until_s = now_s - COUNTED_S, now_s + COUNTED_S
            self._changed.notify_all()
            times = [each for each in self._counted if each >= since_s]
            looks = dict(self._looks)
        rate = (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 and times[-1] > times[0] else 0.0
        return {**self.state.message(), "frames_per_s": rate, **looks}

    def taken(self) -> Seen | None:
        """The newest frame not yet taken, if there is one. To be called with `changed` held."""
        seen, self._newest = self._newest, None
        return seen

    def close(self) -> None:
        """End the thread and give the camera back; a driver that is stuck is left behind after some seconds."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(CLOSE_S)

    def _work(self) -> None:
        backoff = Backoff()
        while not self._closing:
            try:
                camera = self._open()
                try:
                    self._pump(camera, backoff)
                finally:
                    camera.close()
            except WrongDevice as error:
                self._state = CameraState(Reason.DEVICE_WRONG, why=str(error))
            except SetupError as error:
                self._state = CameraState(Reason.DEVICE_NOT_SET_UP, why=str(error))
            except (GateError, OSError) as error:
                self._state = CameraState(Reason.DEVICE_LOST, why=str(error) or type(error).__name__)
            except Exception as error:  # noqa: BLE001  a driver's mistake costs its camera, not templates and gallery
                self._state = CameraState(Reason.SOFTWARE, why=f"{type(error).__name__}: {error}")
            finally:
                self._asked_s = None
            with self._changed:
                self._newest = None
            self._rest(backoff.wait_s(), lambda: False)

    def _pump(self, camera: Camera, backoff: Backoff) -> None:
        digest, heard_s, fruitless, watch = -1, self._now_s(), 0, CameraWatch()
        while not self._closing:
            self._asked_s = self._now_s()
            frame = camera.frame(FRAME_WAIT_S)
            self._asked_s = None
            if frame is None:
                fruitless += 1  # one time alone may be this process that was held up, not the camera
                if fruitless > 1 and self._now_s() - heard_s > SILENT_S:
                    self._state = CameraState(Reason.DEVICE_LOST, why=f"open, but no frame for {SILENT_S:g} s")
                continue
            heard_s, fruitless, before, digest = self._now_s(), 0, digest, zlib.crc32(frame.rgb)
            self._good_s = heard_s
            backoff.reset()
            seen = Seen(self.name, frame, digest == before)
            looked_at = frame.rgb if frame.luma is None else frame.luma
            grey = grey_of(np.asarray(looked_at))
            watch.seen(ailment(grey, seen.repeated), frame.captured_s)
            self._judge_focus(np.asarray(looked_at), heard_s)
            with self._changed:
                self._state = CameraState(ail=watch.ail)
                self._counted.append(frame.captured_s)
                self._looks = {
                    "brightness": float(grey.mean()),
                    "width_px": frame.width_px,
                    "height_px": frame.height_px,
                    "focus": max((steep for _, steep in self._steep), default=None),
                }
                if self._wanted:  # otherwise nobody has a reason to keep a picture of anybody
                    self._newest = seen
                    self._changed.notify_all()
            if not self._busy:
                self._rest(IDLE_S, lambda: self._busy)

    def _judge_focus(self, picture: NDArray[np.uint8], now_s: float) -> None:
        """Once a second: the sharpest of the last minute is what the optic can do. Of a colour picture the green."""
        if now_s < self._steep_due_s:
            return
        self._steep_due_s = now_s + FOCUS_EVERY_S
        while self._steep and self._steep[0][0] < now_s - FOCUS_KEPT_S:
            self._steep.popleft()
        steep = steepness(picture if picture.ndim == 2 else picture[:, :, 1])
        if steep is not None:
            self._steep.append((now_s, steep))

    @property
    def _busy(self) -> bool:
        return self._wanted or self._now_s() < self._counted_until_s

    def _rest(self, seconds: float, unless: Callable[[], bool]) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closing or unless(), seconds)


@dataclass(frozen=True, slots=True)
class Eyes:
    """The cameras that verify, between the doors; those that see codes, and the one that identifies, before them.

    identify: None for a lane that finds nobody by their face; the same as `faces` where there is one camera for both.
    """

    faces: "Feeds"
    codes: "Feeds"
    identify: "Feeds | None" = None

    @property
    def states(self) -> dict[str, CameraState]:
        return {name: state for feeds in self._all for name, state in feeds.states.items()}

    @property
    def figures(self) -> dict[str, dict[str, object]]:
        """How each camera's pictures are; see `Feed.figures`."""
        return {name: figures for feeds in self._all for name, figures in feeds.figures.items()}

    @property
    def overdue(self) -> bool:
        """Whether a camera that sees faces has been lost for long."""
        return any(feeds.overdue for feeds in self._all if feeds is not self.codes)

    def place(self, feeds: "Feeds") -> Place:
        """Where those cameras look."""
        if self.identify is None or self.identify is self.faces:
            return Place.ONLY
        return Place.FRONT if feeds is self.identify else Place.INSIDE

    @property
    def _all(self) -> tuple["Feeds", ...]:
        every = (self.faces, self.codes)
        return every if self.identify is None or self.identify is self.faces else (*every, self.identify)


class Feeds:
    """Several cameras looked at as one: whichever has something new, in turn."""

    def __init__(
        self, cameras: Mapping[str, Callable[[], Camera]], now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._changed = Changed()
        self._feeds: Sequence[Feed] = [Feed(name, opens, now_s, self._changed) for name, opens in cameras.items()]

    @property
    def states(self) -> dict[str, CameraState]:
        return {feed.name: feed.state for feed in self._feeds}

    @property
    def overdue(self) -> bool:
        return any(feed.overdue for feed in self._feeds)

    @property
    def figures(self) -> dict[str, dict[str, object]]:
        return {feed.name: feed.figures() for feed in self._feeds}

    def want(self, wanted: bool) -> None:
        for feed in self._feeds:
            feed.want(wanted)

    def take(self, timeout_s: float) -> Seen | None:
        """The newest frame of the camera whose turn it is, or of the next that has one; None after `timeout_s`."""
        with self._changed:
            found: list[Seen] = []
            self._changed.wait_for(lambda: self._next(found), timeout_s)
            return found[0] if found else None

    def close(self) -> None:
        for feed in self._feeds:
            feed.close()

    def _next(self, found: list[Seen]) -> bool:
        for feed in self._feeds:
            if (seen := feed.taken()) is not None:
                found.append(seen)
                self._feeds = [each for each in self._feeds if each is not feed] + [feed]
                break
        return bool(found)
