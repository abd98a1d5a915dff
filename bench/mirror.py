"""What the mirror on the traveller's screen costs the look at their face: one frame of 1280 x 720 with a face in it.

`without`: a lane that has no mirror; `unwatched`: one that has, and nobody waits for a picture; `watched`: another
process asks for one picture after the other. `picture`: one is made, by the thread of the mirror. Frames come fifteen
times a second, as from a camera, so that this thread works beside the next look. A sample is the mean of a block of
frames; `x without` is what the mirror costs.

Seen in December 2026 on two shared x86-64 cores under Python 3.11.7, with a load of 20 besides: median 133, 139 and
139 ms, 1.01 x without (60 rounds), the quietest block 42, 41 and 46 ms. In time of the processor, which others disturb
less, a frame costs the thread that looks 1.01 x, and the whole process 1.07 x what it costs without.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np

from bench.harness import Row, rotate, row, timed
from gatefw.biometrics import picture
from gatefw.biometrics.chain import Chain, Probe
from gatefw.biometrics.runtime import Picture, Runtime
from gatefw.mirror_wire import Place, encode
from gatefw.model import Reason
from gatefw.ports import Frame
from gatefw.state import state_dir
from gatefw.vision_feed import Feeds, Seen
from gatefw.vision_look import NO_GLASS, Glass, Looking
from gatefw.vision_mirror import Mirror, shown
from gatefw.vision_server import Asked, Client

ROUNDS = 20
BLOCK = 15
FRAME_S = 1 / 15
SIZE_PX = (1280, 720)
WATCHER = """
import socket, sys
while True:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.connect(sys.argv[1])
        while sock.recv(1 << 17):
            pass
"""


def run(rounds: int) -> list[Row]:
    """Three rows. Raises ModelError: no models are installed."""
    chain = Chain.load(state_dir() / "models", "blazeface-short-range-int8", "dlib-resnet-int8", Runtime.LITERT)
    frame = _frame(picture.load(state_dir() / "photos" / "obama.jpg"))
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="mirror-")))
        unwatched, watched = (held.enter_context(closing(Mirror(folder / name))) for name in ("none.sock", "one.sock"))
        for mirror in (unwatched, watched):
            mirror.begin(Place.INSIDE, time.monotonic())
        held.enter_context(_watcher(folder / "one.sock", watched))
        glasses: dict[str, Glass] = {"without": NO_GLASS, "unwatched": unwatched, "watched": watched}
        samples = rotate({name: _sample(chain, frame, glass) for name, glass in glasses.items()}, rounds)
    made = rotate({"picture": timed(lambda: encode(shown(Place.INSIDE, Frame(_bytes_of(frame), 0.0))))}, rounds)
    return [*(row(samples, name, "ms", 1e3, ("without",)) for name in samples), row(made, "picture", "ms", 1e3)]


def _sample(chain: Chain, rgb: Picture, glass: Glass) -> Callable[[], float]:
    """The seconds that one frame of a look takes."""
    looking = Looking(
        cast(Asked, _Nobody()), _Endless(), cast(Feeds, _Camera(rgb)), lambda ended: ended, lambda _reason: {}
    )

    def block() -> float:
        took_s = 0.0
        for _ in range(BLOCK):
            began_s = time.monotonic()
            looking.step(chain, time.monotonic, glass)
            step_s = time.monotonic() - began_s
            took_s += step_s
            time.sleep(max(0.0, FRAME_S - step_s))
        return took_s / BLOCK

    return block


class _Nobody:
    """Hears what is told of a question."""

    number = 1

    @property
    def client(self) -> Client:
        return cast(Client, self)

    def send(self, _message: object) -> None:
        """Forgotten."""


class _Camera:
    """Has a new frame whenever it is asked."""

    def __init__(self, rgb: Picture) -> None:
        self._rgb = _bytes_of(rgb)

    def take(self, _timeout_s: float) -> Seen:
        return Seen("camera.inside", Frame(self._rgb, time.monotonic()), repeated=False)


class _Endless:
    """A question that every frame is looked at for, and none answers."""

    def wants(self, _captured_s: float) -> bool:
        return True

    def seen(self, _found: Probe | Reason, _captured_s: float, _repeated: bool, _camera: str = "") -> None:
        """Not yet."""

    def late(self, _now_s: float) -> None:
        """Not yet."""


@contextmanager
def _watcher(path: Path, mirror: Mirror) -> Iterator[None]:
    with subprocess.Popen([sys.executable, "-c", WATCHER, str(path)], stderr=subprocess.DEVNULL) as process:
        try:
            while not mirror.waiting:
                time.sleep(0.01)
            yield
        finally:
            process.kill()


def _bytes_of(rgb: Picture) -> memoryview:
    return memoryview(cast(Any, rgb))


def _frame(photo: Picture) -> Picture:
    """The photograph in the middle of a camera's picture."""
    width, height = SIZE_PX
    rgb: Picture = np.full((height, width, 3), 110, np.uint8)
    scale = height / photo.shape[0]
    small = cv2.resize(photo, (round(photo.shape[1] * scale), height), interpolation=cv2.INTER_AREA)
    left = (width - small.shape[1]) // 2
    rgb[:, left : left + small.shape[1]] = small
    return rgb
