"""The mirror: what the camera sees, for the traveller's screen, while somebody is looked at and at no other time.

A look opens it and closes it. Whoever connects meanwhile gets one picture (`mirror_wire`), the next that is taken, and
is hung up on; whoever connects while nobody is looked at is hung up on at once. So a screen that does not read holds
nothing up, nobody has an old picture before a newer one, and none is made that nobody waits for.

A look hands its frames over and goes on: they are made small here, by a thread of its own, and forgotten. Nothing is
written anywhere. A mirror that cannot be served is none: no lane closes for the want of it.
"""

import contextlib
import logging
import select
import socket
import threading
from pathlib import Path

import cv2
import numpy as np

from gatefw import unix_socket
from gatefw.mirror_wire import SIDE_MAX_PX, Place, Shown, encode
from gatefw.ports import Frame
from gatefw.vision_feed import Seen
from gatefw.waker import Waker

EVERY_S = 0.1
"""No more pictures than so, however many the camera gives."""
FACED_S = 1.0
"""A camera that has seen no face for so long may give way to one that has."""
WAITING = 4
"""So many at once wait for a picture; more are hung up on."""
BREATH_S = 0.005
"""Between one who connects and the next: a screen that does nothing else keeps nobody's look waiting."""
MODE = 0o660  # its group is that of its directory: see systemd/gatefw.tmpfiles
_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL

_log = logging.getLogger(__name__)


class Choice:
    """Which of the cameras that look at one traveller is shown. Two that take turns would be no mirror."""

    def __init__(self) -> None:
        self._shown = ""
        self._faced_s: dict[str, float] = {}

    def faced(self, camera: str, at_s: float) -> None:
        """It saw a face then."""
        self._faced_s[camera] = at_s

    def shows(self, camera: str, at_s: float) -> bool:
        """Whether a picture of this camera is the one to show: of the first, until only another one sees a face."""
        if not self._shown or (self._faces(camera, at_s) and not self._faces(self._shown, at_s)):
            self._shown = camera
        return camera == self._shown

    def _faces(self, camera: str, now_s: float) -> bool:
        return now_s - self._faced_s.get(camera, float("-inf")) <= FACED_S


class Pace:
    """At most one each EVERY_S, on average; a camera whose pictures do not fall together with that loses none by it."""

    def __init__(self, from_s: float) -> None:
        self._due_s = from_s

    def due(self, at_s: float) -> bool:
        """Whether a picture of that time is one to show; then the next is due later."""
        if at_s < self._due_s:
            return False
        self._due_s = max(self._due_s, at_s - EVERY_S) + EVERY_S
        return True


class Mirror:
    """Listens at `path` from construction to `close`. `begin`, `offer`, `faced`, `end`: by the thread that looks.

    Times are those at which frames were taken. Raises SetupError when the socket cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with contextlib.suppress(OSError):  # why it is not there, `listen` says
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._listener = unix_socket.listen(path, WAITING, MODE)
        self._waker = Waker()
        self._lock = threading.Lock()
        self._place: Place | None = None
        self._choice = Choice()
        self._next: Frame | None = None
        self._pace = Pace(float("inf"))
        self._waiting: list[socket.socket] = []
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="mirror", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Hang up, end the thread, remove the socket. May be called twice."""
        self._closing.set()
        self._waker.wake()
        self._thread.join()

    @property
    def waiting(self) -> int:
        """How many wait for a picture."""
        return len(self._waiting)

    # ------------------------------------------------------------ the thread that looks

    def begin(self, place: Place, now_s: float) -> None:
        """Somebody there is looked at from now on; a frame from before shows who stood there then."""
        with self._lock:
            self._place, self._next = place, None
        self._choice, self._pace = Choice(), Pace(now_s)

    def offer(self, seen: Seen) -> None:
        """A frame of the look. Taken if somebody waits for one; costs the look nothing else."""
        at_s = seen.frame.captured_s
        if self._choice.shows(seen.camera, at_s) and self.waiting and self._pace.due(at_s):
            with self._lock:
                self._next = seen.frame
            self._waker.wake()

    def faced(self, seen: Seen) -> None:
        """There was a face in it."""
        self._choice.faced(seen.camera, seen.frame.captured_s)

    def end(self) -> None:
        """Nobody is looked at any more: whoever waits is hung up on, and no picture is left."""
        with self._lock:
            self._place = self._next = None
        self._waker.wake()

    # ------------------------------------------------------------ its own

    def _work(self) -> None:
        with self._listener, self._waker:
            try:
                while not self._closing.is_set():
                    self._turn()
            except Exception as error:  # noqa: BLE001  a mistake here costs the mirror, not the lane
                _log.error("mirror: %s; there is none until vision is started again", type(error).__name__)
            self._hang_up()
            self._path.unlink(missing_ok=True)

    def _turn(self) -> None:
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        poll.register(self._waker, select.POLLIN)
        for each in self._waiting:
            poll.register(each, 0)  # what it says is not read
        happened = dict(poll.poll())
        if self._waker.fileno() in happened:
            self._waker.hear()
        for each in [each for each in self._waiting if happened.get(each.fileno(), 0) & _GONE]:
            self._waiting.remove(each)
            each.close()
        with self._lock:
            place, frame, self._next = self._place, self._next, None
        if self._listener.fileno() in happened:
            self._accept()
        if place is None:
            self._hang_up()
        elif frame is not None:
            self._give(encode(shown(place, frame)))
        if self._listener.fileno() in happened:
            self._closing.wait(BREATH_S)

    def _accept(self) -> None:
        sock = unix_socket.accept(self._listener)
        if sock is None:
            return
        if len(self._waiting) >= WAITING:
            sock.close()
        else:
            self._waiting.append(sock)

    def _give(self, told: bytes) -> None:
        """Nothing was sent to any of them before, and the kernel takes a whole picture: nobody is waited for."""
        for each in self._waiting:
            with contextlib.suppress(OSError):
                each.send(told)
        self._hang_up()

    def _hang_up(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.close()


def shown(place: Place, frame: Frame) -> Shown:
    """A frame made small and grey; of a camera that gives a grey one as well, that."""
    taken = np.asarray(frame.rgb if frame.luma is None else frame.luma)
    height, width = taken.shape[:2]
    scale = min(1.0, SIDE_MAX_PX / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(taken, size, interpolation=cv2.INTER_AREA)
    grey = small if small.ndim == 2 else cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    return Shown(place, *size, grey.tobytes())
