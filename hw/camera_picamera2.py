"""A camera on the board's own camera port (CSI), by picamera2 and libcamera.

Two streams of one exposure: `main` in colour, which is compared, and `lores` in grey, which is looked at all the time.
A finished buffer is kept as it is until somebody asks; only then is it copied, once, so that nobody looks at memory
which the camera writes again. One buffer waits at most: a camera whose buffers are all held stalls.

No picture for `stale_s`, or pictures whose time stands still, are a lost camera: a cable that is loose, a sensor that
has hung up. One that cannot even be closed keeps its place until the vision process is started again.
Formats and controls: the libcamera and picamera2 manuals. Arrays of "BGR888" are in the order R, G, B.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Annotated, Any, Literal

from gatefw.errors import DeviceLost, SetupError, WrongDevice
from gatefw.ports import Bound, Frame
from hw.newest import Newest

INSTALL = "on Raspberry Pi OS install python3-picamera2, and make the environment with --system-site-packages"
_CLOSE_S = 2.0
_BUFFERS = 4
_METERING = {"centre": 0, "spot": 1, "whole": 2}
_LIGHT = {"auto": 0, "incandescent": 1, "tungsten": 2, "fluorescent": 3, "indoor": 4, "daylight": 5, "cloudy": 6}


@dataclass(frozen=True)
class Settings:
    """Which camera, by where it is plugged and what sensor must be there, and how it is exposed.

    camera: the end of the Id that libcamera gives it (`i2c@88000/imx708@1a`), which names the port and not the order.
    exposure_us, gain: fixed; 0 leaves both to the camera, never longer than one frame lasts. brighter_ev: of automatic
    exposure, in stops; metering: of what. mains_hz: of lamps that flicker, 50 or 60; 0 for daylight. light: its colour.
    """

    camera: str
    sensor: str
    width_px: Annotated[int, Bound(160, 4096)] = 1280
    height_px: Annotated[int, Bound(120, 4096)] = 720
    look_width_px: Annotated[int, Bound(160, 1280)] = 640
    look_height_px: Annotated[int, Bound(120, 1280)] = 360
    fps: Annotated[float, Bound(1.0, 120.0)] = 15.0
    exposure_us: Annotated[int, Bound(0, 1000000)] = 0
    gain: Annotated[float, Bound(1.0, 64.0)] = 1.0
    brighter_ev: Annotated[float, Bound(-8.0, 8.0)] = 0.0
    mains_hz: Annotated[int, Bound(0, 60)] = 50
    metering: Literal["centre", "spot", "whole"] = "centre"
    light: Literal["auto", "incandescent", "tungsten", "fluorescent", "indoor", "daylight", "cloudy"] = "auto"
    stale_s: Annotated[float, Bound(0.2, 30.0)] = 1.5


def lacks(settings: Settings) -> list[str]:  # noqa: ARG001  whatever it is set to
    """picamera2."""
    return [] if find_spec("picamera2") else [f"picamera2 is not there: {INSTALL}"]


def open(settings: Settings) -> "Picamera2Camera":  # noqa: A001  the name every driver exports
    """The camera, capturing.

    Raises DeviceLost (not there, in use), WrongDevice (another sensor, size or ability), SetupError (no picamera2).
    """
    try:
        import picamera2
    except ImportError as problem:
        raise SetupError(f"camera {settings.camera}: picamera2 cannot be loaded ({problem}): {INSTALL}") from problem
    return opened(settings, picamera2)


def opened(settings: Settings, library: Any, now_s: Callable[[], float] = time.monotonic) -> "Picamera2Camera":
    """As `open`, with the library given: `Picamera2` and `MappedArray` are used of it."""
    number = _found(settings, library.Picamera2.global_camera_info())
    try:
        camera = library.Picamera2(number)
    except (RuntimeError, IndexError, OSError) as problem:
        raise DeviceLost(f"camera {settings.camera}: cannot be had: {problem}; is it used by another?") from problem
    try:
        _configure(settings, camera)
        return Picamera2Camera(settings, camera, library.MappedArray, now_s)
    except RuntimeError as problem:
        camera.close()
        raise DeviceLost(f"camera {settings.camera}: does not start: {problem}") from problem
    except BaseException:
        camera.close()
        raise


def _found(settings: Settings, there: list[dict[str, Any]]) -> int:
    """The number of the configured camera among those that are there."""
    fits = [number for number, each in enumerate(there) if str(each["Id"]).endswith(settings.camera)]
    have = ", ".join(f"{each['Id']} ({each.get('Model')})" for each in there) or "none"
    if not fits:
        raise DeviceLost(f"camera {settings.camera}: not there; libcamera has {have}; look at the cable")
    if len(fits) > 1:
        raise WrongDevice(f"camera {settings.camera}: fits {len(fits)} of {have}; write more of its Id")
    sensor = there[fits[0]].get("Model")
    if sensor != settings.sensor:
        raise WrongDevice(f"camera {settings.camera}: {settings.sensor} is wanted, {sensor} is there")
    return fits[0]


def _configure(settings: Settings, camera: Any) -> None:
    sizes = {
        "main": (settings.width_px, settings.height_px),
        "lores": (settings.look_width_px, settings.look_height_px),
    }
    try:
        wanted = camera.create_video_configuration(
            main={"size": sizes["main"], "format": "BGR888"},
            lores={"size": sizes["lores"], "format": "YUV420"},
            buffer_count=_BUFFERS,
            controls=_controls(settings, camera.camera_controls),
        )
        camera.configure(wanted)
    except (RuntimeError, ValueError) as problem:
        raise WrongDevice(f"camera {settings.camera}: does not take these settings: {problem}") from problem
    for stream, asked in sizes.items():
        if (got := tuple(camera.camera_config[stream]["size"])) != asked:
            raise WrongDevice(f"camera {settings.camera}: {stream} asked for {asked[0]}x{asked[1]}, got {got}")


def _controls(settings: Settings, known: Any) -> dict[str, Any]:
    """Raises WrongDevice when the camera has no such control: a setting without effect is a wrong picture."""
    frame_us = round(1e6 / settings.fps)
    wanted: dict[str, Any] = {"FrameDurationLimits": (frame_us, frame_us)}
    if settings.exposure_us:
        wanted |= {"AeEnable": False, "ExposureTime": settings.exposure_us, "AnalogueGain": settings.gain}
    else:
        wanted |= {"AeEnable": True, "AeMeteringMode": _METERING[settings.metering]}
        wanted |= {"ExposureValue": settings.brighter_ev} if settings.brighter_ev else {}
        if settings.mains_hz:
            wanted |= {"AeFlickerMode": 1, "AeFlickerPeriod": round(1e6 / (2 * settings.mains_hz))}
    wanted |= {"AwbEnable": True, "AwbMode": _LIGHT[settings.light]}
    if missing := sorted(wanted.keys() - set(known)):
        raise WrongDevice(f"camera {settings.camera}: its driver has no {', '.join(missing)}")
    return wanted


class Picamera2Camera:
    """A `Camera`. picamera2's thread hands finished buffers over; the caller's thread copies and returns them."""

    def __init__(self, settings: Settings, camera: Any, mapped: Any, now_s: Callable[[], float]) -> None:
        self._settings, self._camera, self._mapped = settings, camera, mapped
        self._newest: Newest[Any] = Newest(
            f"camera {settings.camera}", settings.stale_s, now_s, lambda request: request.release()
        )
        self._stamp_ns = -1
        self._copying = threading.Lock()  # what is copied must not be taken away meanwhile
        self._closing: threading.Thread | None = None
        camera.post_callback = self._finished
        camera.start()

    def frame(self, timeout_s: float) -> Frame | None:
        with self._copying:
            taken = self._newest.take(timeout_s)
            if taken is None:
                return None
            request, captured_s = taken
            try:
                rgb = self._copy(request, "main", self._settings.width_px, self._settings.height_px)
                luma = self._copy(request, "lores", self._settings.look_width_px, self._settings.look_height_px)
            finally:
                request.release()
            return Frame(rgb, captured_s, luma)

    def close(self) -> None:
        self._newest.fail(DeviceLost(f"camera {self._settings.camera}: closed"))
        if self._closing is None:
            self._closing = threading.Thread(target=self._give_back, name="camera close", daemon=True)
            self._closing.start()
        self._closing.join(_CLOSE_S)

    def _copy(self, request: Any, stream: str, width: int, height: int) -> memoryview:
        """Rows and columns of the picture alone: the buffer's rows may be longer, and colour lies below the grey."""
        import numpy

        with self._mapped(request, stream) as mapped:
            copied: Any = numpy.array(mapped.array[:height, :width], numpy.uint8, order="C")
        return memoryview(copied)

    def _finished(self, request: Any) -> None:
        """On picamera2's thread, which ends for good when anything is raised here."""
        try:
            stamp_ns = request.get_metadata()["SensorTimestamp"]
            if stamp_ns != self._stamp_ns:
                self._stamp_ns = stamp_ns
                request.acquire()
                self._newest.put(request)
        except Exception as problem:  # noqa: BLE001  see above
            self._newest.fail(DeviceLost(f"camera {self._settings.camera}: {type(problem).__name__}: {problem}"))

    def _give_back(self) -> None:
        with self._copying:  # from now on nobody copies: `take` raises
            self._camera.post_callback = None
            with suppress(DeviceLost):
                self._newest.take(0.0)  # which drops what nobody took
        self._camera.close()
