"""A mirror and a look whose frames a test makes; and who connects to see them."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from peers import until

from gatefw.biometrics.runtime import Picture
from gatefw.mirror_wire import BYTES_MAX, Place, Shown, decode
from gatefw.ports import Frame
from gatefw.vision_feed import Seen
from gatefw.vision_mirror import Mirror

WAIT_S = 30.0
INSIDE, LOW = "camera.inside", "camera.low"


class Screen:
    """Connected, and what it was given."""

    def __init__(self, path: Path) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(WAIT_S)
        self.sock.connect(str(path))

    def given(self) -> bytes:
        """Until it is hung up on."""
        told = b""
        with self.sock:
            while chunk := self.sock.recv(BYTES_MAX):
                told += chunk
        return told

    @property
    def answered(self) -> bool:
        """Whether there is a picture to read, or it was hung up on."""
        self.sock.setblocking(False)
        try:
            self.sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        finally:
            self.sock.settimeout(WAIT_S)
        return True


class Bench:
    """A mirror, and a look with a frame each sixtieth of a second, by a clock of its own."""

    def __init__(self, path: Path) -> None:
        self.path, self.now_s, self.mirror = path, 100.0, Mirror(path)

    def look(self, place: Place = Place.INSIDE) -> None:
        self.mirror.begin(place, self.now_s)

    def take(self, level: int = 90, camera: str = INSIDE, width: int = 640, height: int = 480) -> None:
        rgb: Picture = np.full((height, width, 3), level, np.uint8)
        self.offer(rgb, camera)

    def offer(self, rgb: Picture, camera: str = INSIDE) -> None:
        self.now_s += 1 / 60
        self.mirror.offer(Seen(camera, Frame(memoryview(rgb), self.now_s), repeated=False))

    def shown(self, screen: Screen, level: int = 90) -> Shown:
        """What a screen that waits is given while the look goes on."""

        def looked() -> bool:
            self.take(level)
            return screen.answered

        until(looked, "a picture", WAIT_S)
        return decode(screen.given())

    @contextmanager
    def looking(self, rgb: Picture, place: Place = Place.INSIDE) -> Iterator[None]:
        """Somebody stands before the camera, by a thread of its own; a living picture has noise."""
        over = threading.Event()

        def goes_on() -> None:
            while not over.wait(1 / 60):
                self.offer(rgb)

        self.look(place)
        thread = threading.Thread(target=goes_on)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            self.mirror.end()
