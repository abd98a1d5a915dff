"""One question about a face: it ends at its deadline, whatever the cameras show meanwhile."""

import time
from collections.abc import Callable
from contextlib import closing
from itertools import cycle

import numpy as np
import pytest
from vision_lane import Scene

from gatefw.biometrics.chain import Probe
from gatefw.biometrics.detector import Face
from gatefw.biometrics.quality import Quality
from gatefw.biometrics.runtime import Picture
from gatefw.biometrics.sight import Hint
from gatefw.model import Reason
from gatefw.vision_feed import Feeds
from gatefw.vision_look import Looking
from gatefw.vision_server import Asked
from gatefw.vision_wire import COMPONENTS, quality_told

FACE = Face(
    1.0, np.array([10.0, 10, 50, 50]), *(np.array(at, float) for at in ((20, 25), (40, 25), (30, 30), (30, 40)))
)


class Restless:
    """Somebody who is now too dark, now too near: every frame is worth a new hint."""

    def __init__(self) -> None:
        self._hints = cycle((Reason.TOO_DARK, Reason.NO_FACE))

    def wants(self, _captured_s: float) -> bool:
        return True

    def seen(self, _found: Probe | Reason, _captured_s: float, _repeated: bool, _camera: str = "") -> Hint | str | None:
        return Hint(next(self._hints))

    def late(self, now_s: float) -> str | None:
        return "late" if now_s >= 8.0 else None


class Wire:
    def __init__(self) -> None:
        self.said: list[object] = []

    def send(self, message: object) -> None:
        self.said.append(message)


class NoChain:
    def probe(self, _picture: object, _judged: object) -> Reason:
        return Reason.NO_FACE


def test_a_question_ends_at_its_deadline_though_every_frame_is_worth_a_hint() -> None:
    wire = Wire()
    with closing(Feeds({"camera.inside": Scene().open})) as feeds:
        feeds.want(True)
        asked = Asked(wire, 7, "verify", {})  # type: ignore[arg-type]
        look = Looking(asked, Restless(), feeds, lambda ended: {"ended": ended}, lambda reason: {"refused": reason})

        def until_hint(now_s: Callable[[], float]) -> dict[str, object] | None:
            before = len(wire.said)
            ended = None
            give_up_s = time.monotonic() + 60
            while len(wire.said) == before and ended is None and time.monotonic() < give_up_s:
                ended = look.step(NoChain(), now_s)  # type: ignore[arg-type]
            return ended

        assert until_hint(lambda: 7.9) is None
        assert until_hint(lambda: 8.0) == {"ended": "late"}
    assert wire.said[0] == {"id": 7, "hint": "too_dark"}


class OneFace:
    """A chain that finds the same face in every picture."""

    def probe(self, _picture: object, judged: Callable[[Quality], None]) -> Probe:
        judged(Quality(60, 0.1, 120, 0, 0.4, 1, 0, 0))
        return Probe(template=None, quality=None, face=FACE)  # type: ignore[arg-type]


class Compares:
    """A look that is answered by the first face it is shown."""

    def __init__(self) -> None:
        self.compared = 0

    def wants(self, _captured_s: float) -> bool:
        return True

    def seen(self, _found: Probe | Reason, _captured_s: float, _repeated: bool, _camera: str = "") -> str | None:
        self.compared += 1
        return "compared"

    def late(self, _now_s: float) -> None:
        return None


@pytest.mark.parametrize("alive", [Reason.OK, Reason.NOT_LIVE, Reason.LIVENESS_UNAVAILABLE])
def test_a_face_is_judged_before_it_is_compared_and_compared_only_if_it_lives(alive: Reason) -> None:
    look, judged = Compares(), list[object]()

    def judge(rgb: Picture, face: Face) -> Reason:
        assert look.compared == 0
        judged.append((rgb.shape, face))
        return alive

    with closing(Feeds({"camera.inside": Scene().open})) as feeds:
        feeds.want(True)
        asked = Asked(Wire(), 7, "verify", {})  # type: ignore[arg-type]
        looking = Looking(asked, look, feeds, lambda end: {"end": end}, lambda why: {"refused": why}, judge)
        ended, give_up_s = None, time.monotonic() + 60
        while ended is None and time.monotonic() < give_up_s:
            ended = looking.step(OneFace(), time.monotonic)  # type: ignore[arg-type]
    lives = alive is Reason.OK
    assert ended == ({"end": "compared"} if lives else {"refused": alive})
    assert look.compared == lives
    assert judged == [((480, 640, 3), FACE)]


class Watches(Compares):
    """A look that is answered once a hundredth of its faces was seen."""

    def seen(self, _found: Probe | Reason, captured_s: float, _repeated: bool, _camera: str = "") -> None:
        self.compared += 1
        self.newest_s = captured_s


def test_how_good_a_face_is_goes_out_for_people_to_look_at_a_few_times_a_second() -> None:
    wire, look = Wire(), Watches()
    with closing(Feeds({"camera.inside": Scene().open})) as feeds:
        feeds.want(True)
        asked = Asked(wire, 7, "verify", {})  # type: ignore[arg-type]
        looking = Looking(asked, look, feeds, lambda end: {"end": end}, lambda why: {"refused": why})
        give_up_s = time.monotonic() + 60
        while len(wire.said) < 3 and time.monotonic() < give_up_s:
            looking.step(OneFace(), time.monotonic)  # type: ignore[arg-type]
    assert len(wire.said) == 3 < look.compared
    camera, quality = quality_told(wire.said[0]["judged"])  # type: ignore[index]
    assert camera == "camera.inside"
    assert quality["head_pose_yaw"] == 100
    assert tuple(quality) == COMPONENTS
    assert set(COMPONENTS) == set(Quality(60, 0.1, 120, 0, 0.4, 1, 0, 0).components)
