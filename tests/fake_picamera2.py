"""What stands in for the picamera2 library at the seam of its driver: `Picamera2` and `MappedArray`.

It does what the real one does that matters here: rows padded to 64 bytes, a handful of buffers that are written again
as soon as nobody holds them, no picture at all while all are held, a callback that must not raise, a camera that is one
process's alone and that may hang when it is closed.
"""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

BUFFERS = 4
CONTROLS = (
    *("FrameDurationLimits", "AeEnable", "AeMeteringMode", "ExposureValue", "AeFlickerMode", "AeFlickerPeriod"),
    *("ExposureTime", "AnalogueGain", "AwbEnable", "AwbMode"),
)


def padded(width: int, bytes_per_pixel: int) -> int:
    return -(-width * bytes_per_pixel // 64) * 64


class Request:
    def __init__(self, camera: "Camera", number: int, stamp_ns: int | None) -> None:
        self.camera, self.number, self.held, self._stamp_ns = camera, number, 1, stamp_ns

    def acquire(self) -> None:
        assert self.held > 0, "the real one raises: a request that was given back"
        self.held += 1

    def release(self) -> None:
        self.held -= 1
        assert self.held >= 0, "the real one raises: given back twice"
        if self.held == 0:
            self.camera.free.append(self.number)

    def get_metadata(self) -> dict[str, int]:
        return {} if self._stamp_ns is None else {"SensorTimestamp": self._stamp_ns}


class MappedArray:
    def __init__(self, request: Request, name: str) -> None:
        self._request, self._name = request, name

    def __enter__(self) -> "MappedArray":
        camera = self._request.camera
        assert self._request.held > 0, "the memory is the camera's again"
        assert not camera.closed, "the memory is gone"
        self.array = camera.memory(self._request.number, self._name)
        return self

    def __exit__(self, *_: object) -> None:
        del self.array


class Camera:
    """One attached camera. `see` is what it does when a picture is finished, on the thread that calls it."""

    def __init__(self, board: "Board") -> None:
        self._board = board
        self.post_callback: Callable[[Request], None] | None = None
        self.camera_controls = dict.fromkeys(board.controls)
        self.camera_config: dict[str, Any] = {}
        self.free = list(range(BUFFERS))
        self.started = self.closed = False
        self.starved = 0
        self._stamp_ns = 0
        self._memory: dict[tuple[int, str], np.ndarray] = {}

    def create_video_configuration(self, **wanted: Any) -> dict[str, Any]:
        assert wanted["buffer_count"] == BUFFERS
        assert (wanted["main"]["format"], wanted["lores"]["format"]) == ("BGR888", "YUV420")
        return wanted

    def configure(self, wanted: dict[str, Any]) -> None:
        if self._board.refuses:
            raise RuntimeError(self._board.refuses)
        self.camera_config = wanted | self._board.gives
        for number in range(BUFFERS):
            for name, rows, depth in (("main", 1.0, 3), ("lores", 1.5, 1)):
                width, height = self.camera_config[name]["size"]
                stride = padded(width, depth)
                self._memory[number, name] = np.zeros((int(height * rows), stride), np.uint8)

    def start(self) -> None:
        if self._board.does_not_start:
            raise RuntimeError("no frames")
        self.started = True

    def memory(self, number: int, name: str) -> np.ndarray:
        raw = self._memory[number, name]
        if name == "lores":
            return raw
        width, height = self.camera_config["main"]["size"]
        return raw[:, : width * 3].reshape(height, width, 3)

    def see(self, rgb: tuple[int, int, int], *, time_stands_still: bool = False, stamped: bool = True) -> None:
        if not self.free:
            self.starved += 1
            return
        self._stamp_ns += 0 if time_stands_still else 66_000_000
        number = self.free.pop(0)
        raw = self._memory[number, "main"]
        raw[:] = 0xEE
        self.memory(number, "main")[:] = rgb
        lores = self._memory[number, "lores"]
        width, height = self.camera_config["lores"]["size"]
        lores[:] = 0xEE
        lores[:height, :width] = sum(rgb) // 3
        request = Request(self, number, self._stamp_ns if stamped else None)
        if self.post_callback is not None:
            self.post_callback(request)
        request.release()

    def close(self) -> None:
        if self._board.hangs is not None:
            self._board.hangs.wait(60.0)
        self.closed = True
        self._board.taken = False


class Board:
    """The library as a driver sees it, and the cameras that are plugged into the board."""

    MappedArray = MappedArray

    def __init__(self, *there: dict[str, Any]) -> None:
        self.there = list(there)
        self.controls: tuple[str, ...] = CONTROLS
        self.gives: dict[str, Any] = {}
        self.refuses = ""
        self.does_not_start = self.taken = False
        self.hangs: threading.Event | None = None
        self.cameras: list[Camera] = []
        board = self

        class Picamera2:
            @staticmethod
            def global_camera_info() -> list[dict[str, Any]]:
                return board.there

            def __new__(cls, number: int) -> Any:
                if board.taken:
                    raise RuntimeError("Camera __init__ sequence did not complete.")
                board.taken = True
                board.cameras.append(Camera(board))
                return board.cameras[-1]

        self.Picamera2 = Picamera2

    @property
    def camera(self) -> Camera:
        return self.cameras[-1]
