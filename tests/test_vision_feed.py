"""A camera may die, hang, garble, go blind or come back; its feed says so and goes on. Several are looked at as one."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import numpy as np
import pytest
from peers import until

from gatefw.errors import BadReply, DeviceLost, SetupError, WrongDevice
from gatefw.mirror_wire import Place
from gatefw.model import Reason
from gatefw.ports import Frame
from gatefw.vision_feed import Eyes, Feeds, Seen
from gatefw.vision_wire import CameraState

WAIT_S = 30.0
INSIDE = "camera.inside"
PICTURES = [memoryview(np.random.default_rng(n).integers(60, 200, (60, 80, 3), np.uint8)) for n in range(3)]
CAP = memoryview(np.zeros((60, 80, 3), np.uint8))


class ScriptedCamera:
    """Shows what the test puts before it; raises what the test tells it to."""

    def __init__(self) -> None:
        self.opened = self.closed = self.asked = 0
        self.refuses: Exception | None = None
        self.next: Callable[[], Frame | None] = lambda: Frame(PICTURES[self.asked % 3], float(self.asked))

    def open(self) -> "ScriptedCamera":
        if self.refuses is not None:
            raise self.refuses
        self.opened += 1
        return self

    def frame(self, timeout_s: float) -> Frame | None:
        self.asked += 1
        return self.next()

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def camera() -> ScriptedCamera:
    return ScriptedCamera()


@pytest.fixture
def feeds(camera: ScriptedCamera) -> Iterator[Feeds]:
    with closing(Feeds({INSIDE: camera.open})) as made:
        yield made
    assert camera.closed == camera.opened


def becomes(feeds: Feeds, so: Callable[[CameraState], object], what: str) -> CameraState:
    until(lambda: so(feeds.states[INSIDE]), what, WAIT_S)
    return feeds.states[INSIDE]


def fine(state: CameraState) -> bool:
    return state == CameraState()


def fails(error: Exception) -> Callable[[], Frame | None]:
    def raise_it() -> Frame | None:
        raise error

    return raise_it


def test_frames_flow_while_they_are_wanted(feeds: Feeds) -> None:
    feeds.want(True)
    first, second = feeds.take(WAIT_S), feeds.take(WAIT_S)
    assert first is not None
    assert second is not None
    assert first.frame.captured_s < second.frame.captured_s
    assert first.camera == INSIDE
    becomes(feeds, fine, "a camera that works")


def test_nobodys_picture_is_kept_while_nobody_is_verified(feeds: Feeds, camera: ScriptedCamera) -> None:
    becomes(feeds, fine, "the camera is known to live")
    assert feeds.take(0.0) is None
    feeds.want(True)
    assert feeds.take(WAIT_S) is not None
    feeds.want(False)
    assert feeds.take(0.0) is None


def test_a_picture_that_repeats_bit_by_bit_is_marked(feeds: Feeds, camera: ScriptedCamera) -> None:
    def shown(repeated: bool) -> Callable[[], bool]:
        return lambda: (seen := feeds.take(1.0)) is not None and seen.repeated is repeated

    alive, camera.next = camera.next, lambda: Frame(PICTURES[0], float(camera.asked))
    feeds.want(True)
    until(shown(repeated=True), "a repeated frame", WAIT_S)
    camera.next = alive
    until(shown(repeated=False), "a living frame", WAIT_S)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (DeviceLost("unplugged"), Reason.DEVICE_LOST),
        (BadReply("noise"), Reason.DEVICE_LOST),
        (OSError("gone"), Reason.DEVICE_LOST),
        (WrongDevice("another sensor"), Reason.DEVICE_WRONG),
        (SetupError("its library is not there"), Reason.DEVICE_NOT_SET_UP),
        (TypeError("a mistake"), Reason.SOFTWARE),
    ],
)
def test_a_camera_that_dies_is_reported_closed_and_opened_again(
    feeds: Feeds, camera: ScriptedCamera, error: Exception, reason: Reason
) -> None:
    feeds.want(True)
    becomes(feeds, fine, "frames")
    alive, camera.next = camera.next, fails(error)
    lost = becomes(feeds, lambda state: state.lost, "the loss is told")
    assert lost.lost is reason
    assert str(error) in lost.why
    camera.next = alive
    becomes(feeds, fine, "the camera is back")
    assert camera.opened >= 2


def test_no_frame_of_a_camera_that_went_is_handed_out(feeds: Feeds, camera: ScriptedCamera) -> None:
    feeds.want(True)
    assert feeds.take(WAIT_S) is not None
    camera.refuses, camera.next = DeviceLost("gone"), fails(DeviceLost("gone"))
    becomes(feeds, lambda state: state.lost, "the loss is told")
    until(lambda: feeds.take(0.0) is None, "nothing is left", WAIT_S)
    assert feeds.take(0.0) is None


def test_a_camera_that_is_not_there_at_the_start_is_waited_for(camera: ScriptedCamera) -> None:
    camera.refuses = DeviceLost("nobody answers")
    with closing(Feeds({INSIDE: camera.open})) as feeds:
        becomes(feeds, lambda state: state.why == "nobody answers", "the reason")
        camera.refuses = None
        feeds.want(True)
        assert feeds.take(WAIT_S) is not None


def test_a_camera_that_is_open_and_silent_is_lost_after_a_second_and_a_half(camera: ScriptedCamera) -> None:
    now_s = 0.0
    pause = threading.Event()

    def silence() -> None:
        nonlocal now_s
        now_s += 0.25
        pause.wait(0.001)

    camera.next = silence
    with closing(Feeds({INSIDE: camera.open}, lambda: now_s)) as feeds:
        lost = becomes(feeds, lambda state: "no frame for 1.5 s" in state.why, "silence is told")
    assert lost.lost is Reason.DEVICE_LOST


def test_a_driver_that_does_not_come_back_is_stuck_and_well_again_once_it_does(camera: ScriptedCamera) -> None:
    now_s, hangs, going_on = 0.0, threading.Event(), threading.Event()
    alive = camera.next

    def hang() -> Frame | None:
        hangs.set()
        going_on.wait(WAIT_S)
        return alive()

    with closing(Feeds({INSIDE: camera.open}, lambda: now_s)) as feeds:
        becomes(feeds, fine, "frames")
        camera.next = hang
        assert hangs.wait(WAIT_S)
        assert feeds.states[INSIDE] == CameraState(), "it has just been asked"
        now_s = 3.1
        assert feeds.states[INSIDE].lost is Reason.DEVICE_STUCK
        camera.next = alive
        going_on.set()
        becomes(feeds, fine, "the driver is back")


def test_what_ails_a_camera_is_told_and_forgotten_with_its_next_opening(feeds: Feeds, camera: ScriptedCamera) -> None:
    def dark() -> Frame:
        return Frame(CAP, float(camera.asked))

    alive, camera.next = camera.next, dark
    state = becomes(feeds, lambda state: state.ail, "the ailment is told")
    assert (state.ail, state.lost) == (Reason.CAMERA_DARK, None)
    for asked in range(camera.asked, camera.asked + 9):
        until(lambda asked=asked: camera.asked > asked, "it goes on showing nothing", WAIT_S)
        assert feeds.states[INSIDE] == state, "and is there"
    camera.next = fails(DeviceLost("unplugged"))
    assert becomes(feeds, lambda state: state.lost, "the loss is told").ail is None
    camera.next = alive
    becomes(feeds, fine, "a camera that works")


def test_grey_levels_that_come_with_a_frame_are_what_is_watched(feeds: Feeds, camera: ScriptedCamera) -> None:
    grey = memoryview(np.zeros((60, 80), np.uint8))
    camera.next = lambda: Frame(PICTURES[camera.asked % 3], float(camera.asked), grey)
    becomes(feeds, lambda state: state.ail is Reason.CAMERA_DARK, "the ailment is told")


def test_a_camera_that_worked_is_overdue_after_a_minute_and_one_that_never_did_is_not(camera: ScriptedCamera) -> None:
    now_s, never = 0.0, ScriptedCamera()
    never.refuses = DeviceLost("not there")
    with closing(Feeds({INSIDE: camera.open, "camera.low": never.open}, lambda: now_s)) as feeds:
        becomes(feeds, fine, "frames")
        assert not feeds.overdue
        camera.refuses, camera.next = DeviceLost("held"), fails(DeviceLost("unplugged"))
        becomes(feeds, lambda state: state.why == "held", "the loss is told")
        now_s = 59.0
        assert not feeds.overdue
        now_s = 61.0
        assert feeds.overdue
    with closing(Feeds({INSIDE: never.open}, lambda: now_s)) as feeds:
        now_s += 1000.0
        assert not feeds.overdue


def test_closing_does_not_wait_for_a_backoff(camera: ScriptedCamera) -> None:
    camera.refuses = DeviceLost("nobody answers")
    feeds = Feeds({INSIDE: camera.open})
    becomes(feeds, lambda state: state.why == "nobody answers", "the reason")
    feeds.close()
    assert camera.opened == 0


# ---------------------------------------------------------------- several cameras


def test_every_camera_has_its_turn(camera: ScriptedCamera) -> None:
    """A camera that is quicker than the models does not keep the others from being looked at."""
    other = ScriptedCamera()
    with closing(Feeds({INSIDE: camera.open, "camera.low": other.open})) as feeds:
        feeds.want(True)
        for opened in (camera, other):
            until(lambda opened=opened: opened.asked > 3, "both give frames", WAIT_S)
        names = [seen.camera for _ in range(6) if isinstance(seen := feeds.take(WAIT_S), Seen)]
    assert set(names) == {INSIDE, "camera.low"}


def test_one_camera_lost_leaves_the_other_seeing(camera: ScriptedCamera) -> None:
    other = ScriptedCamera()
    other.refuses = DeviceLost("unplugged")
    with closing(Feeds({INSIDE: camera.open, "camera.low": other.open})) as feeds:
        feeds.want(True)
        until(lambda: feeds.states["camera.low"].why == "unplugged", "the loss is told", WAIT_S)
        becomes(feeds, fine, "the other works")
        seen = feeds.take(WAIT_S)
        assert seen is not None
        assert seen.camera == INSIDE
    assert other.opened == 0


def test_a_lane_without_cameras_of_a_kind_has_nothing_to_show() -> None:
    with closing(Feeds({})) as feeds:
        feeds.want(True)
        assert feeds.take(0.0) is None
        assert feeds.states == {}


def test_a_picture_is_from_before_the_door_or_inside_only_where_there_is_a_camera_for_each() -> None:
    with closing(Feeds({})) as faces, closing(Feeds({})) as codes, closing(Feeds({})) as front:
        assert Eyes(faces, codes).place(faces) is Place.ONLY
        assert Eyes(faces, codes, faces).place(faces) is Place.ONLY
        two = Eyes(faces, codes, front)
        assert (two.place(front), two.place(faces)) == (Place.FRONT, Place.INSIDE)
