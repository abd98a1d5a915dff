"""A vision process in the test's own process: its cameras show what a test hangs before them."""

import base64
import contextlib
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from peers import until

from gatefw.biometrics.chain import Chain
from gatefw.biometrics.gallery import Gallery
from gatefw.biometrics.liveness import Judge
from gatefw.biometrics.runtime import Picture, Runtime
from gatefw.model import Reply
from gatefw.ports import Frame
from gatefw.vision_client import VisionClient
from gatefw.vision_feed import Eyes, Feeds
from gatefw.vision_look import NO_GLASS, Glass
from gatefw.vision_server import Server
from gatefw.vision_settings import CameraPlace, VisionSettings
from gatefw.vision_wire import UNDECIDED, code_found, identify_reply, verify_reply
from gatefw.vision_worker import Vision

KEY = bytes(range(32))
FOREVER = 4e9
FRAME_S = 1 / 60  # a camera that waits for nothing keeps a whole core busy


def usual_chain(models: Path) -> Chain:
    """Of the models that every lane file of ours names."""
    return Chain.load(models, "blazeface-short-range-int8", "dlib-resnet-int8", Runtime.LITERT)


def vision_settings(home: Path, models: Path, *cameras: CameraPlace, **more: Any) -> VisionSettings:
    """Of a lane whose stores and socket are in `home`, and which compares without a pause."""
    files = {"socket": home / "vision.sock", "gallery": home / "gallery.db", "key": home / "gallery.key"}
    return VisionSettings(models=models, cameras=cameras, compare_every_s=0.01, **files, **more)


def empty() -> Picture:
    """Nobody there: a wall and a door frame."""
    rgb = np.full((480, 640, 3), 110, np.uint8)
    rgb[:, 200:210] = rgb[:, 430:440] = 40
    return rgb


class Scene:
    """A camera that shows one picture, never twice the same bits, unless it is frozen."""

    def __init__(self) -> None:
        self.rgb: Picture = empty()
        self.frozen = False
        self.taken = self._shown = 0
        self._next = threading.Event()

    def open(self) -> "Scene":
        return self

    def frame(self, timeout_s: float) -> Frame:
        self._next.wait(FRAME_S)
        self.taken += 1
        if not self.frozen:
            self._shown += 1
        shown = self.rgb.copy()
        shown[0, 0] = self._shown % 256, self._shown // 256 % 256, 7
        return Frame(memoryview(shown), time.monotonic())

    def close(self) -> None:
        """Nothing to give back."""


class Lane:
    """A supervisor's view of a vision process that runs in this one.

    identify: the camera that finds people, "front" (which then looks for no codes), "inside" for the same as verifies.
    """

    def __init__(
        self,
        chain: Chain,
        settings: VisionSettings,
        identify: str = "",
        judge: Judge | None = None,
        glass: Glass = NO_GLASS,
    ) -> None:
        self.log: list[dict[str, Any]] = []
        self.scene, self.low, self.front = Scene(), Scene(), Scene()
        faces = {"camera.inside": self.scene.open, "camera.low": self.low.open}
        before = {"camera.front": self.front.open}
        self._ends = contextlib.ExitStack()
        gallery_ready, self.wall_s = threading.Event(), 1000.0

        def work() -> None:
            with (
                closing(Gallery(settings.gallery, KEY)) as gallery,
                closing(Feeds(faces)) as inside,
                closing(Feeds({} if identify == "front" else before)) as codes,
                closing(Feeds(before if identify == "front" else {})) as front,
            ):
                eyes = Eyes(inside, codes, {"front": front, "inside": inside}.get(identify))
                self.vision = Vision(
                    settings, chain, gallery, eyes, server, wall_s=lambda: self.wall_s, judge=judge, glass=glass
                )
                gallery_ready.set()
                self.vision.run()

        server = self._ends.enter_context(closing(Server(settings.socket)))
        thread = threading.Thread(target=work)
        thread.start()
        assert gallery_ready.wait(30)
        self._ends.callback(thread.join)
        self._ends.callback(self.vision.stop)
        came = threading.Event()
        self.client = VisionClient(settings.socket, lambda m: self.log.append(dict(m)), lambda why: None, came.set)
        self._ends.callback(self.client.close)
        assert came.wait(30)

    def close(self) -> None:
        self._ends.close()

    def last_word(self, number: int) -> dict[str, Any]:
        def ended() -> list[dict[str, Any]]:
            return [m for m in self.log if m.get("id") == number and not UNDECIDED & m.keys()]

        until(ended, f"the last word on request {number}", 30)
        (message,) = ended()
        return message

    def call(self, do: str, **fields: object) -> dict[str, Any]:
        return self.last_word(self.client.ask(do, **fields))

    def verify(self, subject: str, deadline_s: float = 20.0) -> Reply | None:
        return verify_reply(self.call("verify", subject=subject, deadline_s=deadline_s))

    def identify(self, deadline_s: float = 20.0) -> Reply | None:
        return identify_reply(self.call("identify", deadline_s=deadline_s))

    def compare(self, portrait: bytes, deadline_s: float = 20.0) -> Reply | None:
        encoded = base64.b64encode(portrait).decode()
        return verify_reply(self.call("verify_portrait", portrait=encoded, deadline_s=deadline_s))

    def told(self, camera: str) -> dict[str, str]:
        """The last that was said of a camera."""
        health = [message["health"] for message in self.log if "health" in message]
        return dict(health[-1]["cameras"][camera]) if health else {}

    def codes(self) -> list[tuple[str, bytes]]:
        return [code_found(message["code"]) for message in self.log if "code" in message]

    def hints(self, number: int) -> list[str]:
        return [m["hint"] for m in self.log if m.get("id") == number and "hint" in m]
