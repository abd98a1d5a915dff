"""A camera whose pictures another process sends over a unix socket: the simulated world, or a capture service.

Messages: four bytes, big-endian, the length of the JPEG that follows; length 0 says "still there, no new picture".
"""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

from gatefw.errors import BadReply, DeviceLost
from gatefw.ports import Bound, Frame
from hw.newest import Newest
from hw.wire.jpeg import size_px

_CONNECT_S = 2.0


@dataclass(frozen=True)
class Settings:
    """`path` of the socket; limits of one picture, kept before a decoder sees a byte of it."""

    path: str
    stale_s: Annotated[float, Bound(0.2, 30.0)] = 1.5
    max_frame_bytes: Annotated[int, Bound(1024, 16777216)] = 2097152
    max_side_px: Annotated[int, Bound(64, 8192)] = 2048


def open(settings: Settings) -> "SocketCamera":  # noqa: A001  the name every driver exports
    """The camera, receiving. Raises DeviceLost when nobody listens at the path."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(_CONNECT_S)
        connection.connect(settings.path)
    except OSError as problem:
        connection.close()
        raise DeviceLost(f"camera {settings.path}: nobody answers: {problem}; is its process running?") from problem
    return SocketCamera(settings, connection)


class SocketCamera:
    """A `Camera`. A thread receives, so that a picture's time is when it came; the caller's thread decodes."""

    def __init__(
        self, settings: Settings, connection: socket.socket, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings, self._connection = settings, connection
        self._newest: Newest[bytes] = Newest(f"camera {settings.path}", settings.stale_s, now_s)
        self._thread = threading.Thread(target=self._receive, name="camera socket", daemon=True)
        self._thread.start()

    def frame(self, timeout_s: float) -> Frame | None:
        taken = self._newest.take(timeout_s)
        if taken is None:
            return None
        picture, captured_s = taken
        return Frame(self._decoded(picture), captured_s)

    def close(self) -> None:
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _decoded(self, picture: bytes) -> memoryview:
        import cv2
        import numpy

        try:
            width, height = size_px(picture)
            if not (0 < width <= self._settings.max_side_px and 0 < height <= self._settings.max_side_px):
                raise ValueError(f"{width}x{height} pixels, over {self._settings.max_side_px}")
            bgr = cv2.imdecode(numpy.frombuffer(picture, numpy.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
            if bgr is None or bgr.shape != (height, width, 3):
                raise ValueError("its picture does not decode")
        except (ValueError, cv2.error) as problem:
            raise BadReply(f"camera {self._settings.path}: {len(picture)} bytes are no picture: {problem}") from problem
        return memoryview(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))

    def _receive(self) -> None:
        with self._connection:
            try:
                while True:
                    length = int.from_bytes(self._exactly(4), "big")
                    if length > self._settings.max_frame_bytes:
                        raise BadReply(
                            f"camera {self._settings.path}: a picture of {length} bytes, over "
                            f"{self._settings.max_frame_bytes}: is it a camera that answers there?"
                        )
                    if length == 0:
                        self._newest.alive()
                    else:
                        self._newest.put(self._exactly(length))
            except OSError as problem:
                self._newest.fail(DeviceLost(f"camera {self._settings.path}: {problem}"))
            except (DeviceLost, BadReply) as problem:
                self._newest.fail(problem)

    def _exactly(self, length: int) -> bytes:
        received = bytearray()
        while len(received) < length:
            try:
                more = self._connection.recv(min(length - len(received), 65536))
            except TimeoutError:
                continue
            if not more:
                raise DeviceLost(f"camera {self._settings.path}: its process went away")
            received += more
        return bytes(received)
