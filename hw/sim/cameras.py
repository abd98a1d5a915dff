"""The cameras of a simulated lane, each on a frame socket of its own: between the doors, or before the entry door.

`frames.sock` is the camera that every world has, between the doors. Further ones are named in `[world.cameras]`, each
"inside" (another height; it sees the same people) or "front" (it sees the faces of those who stand there, or the code
that is held up to it), and are served on `frames-NAME.sock`. Where "front" is without an entry door: `hw.sim.places`.
"""

import math
import selectors
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hw.sim.frames import Camera, Scenes, Sight
from hw.sim.peers import Listener
from hw.sim.physics import World
from hw.sim.settings import FRAMES

HELD_UP_S = 3.0  # long enough for a search on a machine that is busy
MAIN = ""


@dataclass(eq=False)
class _Eye:
    """One camera: its clients, its pictures, what ails it, and the code before it while it is held up."""

    place: Literal["inside", "front"]
    clients: Listener
    scenes: Scenes
    is_: Camera = Camera.LIVE
    code: bytes = b""
    code_until_s: float = -math.inf
    due_s: float = 0.0


class Cameras:
    """All of them, advanced by the world's one loop."""

    def __init__(
        self, selector: selectors.BaseSelector, directory: Path, places: Mapping[str, str], photos: str, fps: float
    ) -> None:
        self._period_s = 1.0 / fps
        self._eyes = {
            name: _Eye(
                "front" if place == "front" else "inside",
                Listener(selector, directory / frames_socket(name), lambda _peer, _line: None),
                Scenes(Path(photos) if photos else None),
            )
            for name, place in {MAIN: "inside", **places}.items()
        }

    def path(self, photo: str) -> Path:
        """See `Scenes.path`."""
        return self._eyes[MAIN].scenes.path(photo)

    def ail(self, name: str, how: Camera) -> None:
        """What ails a camera from now on. Raises ValueError when there is none of that name."""
        if name not in self._eyes:
            raise ValueError(f"camera {name!r} is not there; there are {', '.join(filter(None, self._eyes)) or 'none'}")
        self._eyes[name].is_ = how

    def has_front(self, name: str) -> bool:
        """Whether a code can be held up to a camera of this name."""
        return name in self._eyes and self._eyes[name].place == "front"

    def hold_up(self, name: str, code: bytes, now_s: float) -> bool:
        """Hold a code before a camera in front for a moment; False when there is no such camera."""
        if not self.has_front(name):
            return False
        eye = self._eyes[name]
        eye.code, eye.code_until_s = code, now_s + HELD_UP_S
        return True

    def next_s(self) -> float:
        """When the next picture is due, infinity while nobody looks."""
        return min((eye.due_s for eye in self._eyes.values() if eye.clients.peers), default=math.inf)

    def advance(self, now_s: float, world: World) -> None:
        for eye in self._eyes.values():
            if eye.clients.peers and now_s >= eye.due_s:
                eye.due_s = max(eye.due_s + self._period_s, now_s)
                self._show(eye, now_s, world)

    def close(self) -> None:
        for eye in self._eyes.values():
            eye.clients.close()

    def _show(self, eye: _Eye, now_s: float, world: World) -> None:
        if eye.is_ is Camera.UNPLUGGED:
            for peer in list(eye.clients.peers):
                peer.close()
            return
        message = eye.scenes.message(eye.is_, self._sight(eye, now_s, world))
        for peer in [peer for peer in eye.clients.peers if not peer.backlog_bytes]:
            peer.send(message)

    def _sight(self, eye: _Eye, now_s: float, world: World) -> Sight:
        if eye.place == "inside":
            return world.faces()
        return eye.code if now_s < eye.code_until_s else world.faces_in_front()


def frames_socket(name: str) -> str:
    """The socket's name in the world's directory."""
    return f"frames-{name}.sock" if name else FRAMES
