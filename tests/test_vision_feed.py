"""A camera may die, hang, garble or come back; the feed says so and goes on."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import numpy as np
import pytest
from peers import until

from gatefw.errors import BadReply, DeviceLost
from gatefw.ports import Frame
from gatefw.vision_feed import Feed

PICTURES = [memoryview(np.full((4, 6, 3), n, np.uint8)) for n in range(3)]


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
def feed(camera: ScriptedCamera) -> Iterator[Feed]:
    with closing(Feed(camera.open)) as made:
        yield made
    assert camera.closed == camera.opened


def fails(error: Exception) -> Callable[[], Frame | None]:
    def raise_it() -> Frame | None:
        raise error

    return raise_it


def test_frames_flow_while_they_are_wanted(feed: Feed) -> None:
    feed.want(True)
    first, second = feed.take(5.0), feed.take(5.0)
    assert first is not None
    assert second is not None
    assert first.frame.captured_s < second.frame.captured_s
    assert feed.trouble == ""


def test_nobodys_picture_is_kept_while_nobody_is_verified(feed: Feed, camera: ScriptedCamera) -> None:
    until(lambda: camera.asked > 0 and not feed.trouble, "the camera is known to live")
    assert feed.take(0.0) is None
    feed.want(True)
    assert feed.take(5.0) is not None
    feed.want(False)
    assert feed.take(0.0) is None


def test_a_picture_that_repeats_bit_by_bit_is_marked(feed: Feed, camera: ScriptedCamera) -> None:
    camera.next = lambda: Frame(PICTURES[0], float(camera.asked))
    feed.want(True)
    until(lambda: (seen := feed.take(1.0)) is not None and seen.repeated, "a repeated frame")
    camera.next = lambda: Frame(PICTURES[camera.asked % 3], float(camera.asked))
    until(lambda: (seen := feed.take(1.0)) is not None and not seen.repeated, "a living frame")


@pytest.mark.parametrize("error", [DeviceLost("unplugged"), BadReply("noise"), OSError("gone"), TypeError("a mistake")])
def test_a_camera_that_dies_is_reported_closed_and_opened_again(
    feed: Feed, camera: ScriptedCamera, error: Exception
) -> None:
    feed.want(True)
    until(lambda: not feed.trouble, "frames")
    alive, camera.next = camera.next, fails(error)
    until(lambda: str(error) in feed.trouble, "trouble is told")
    camera.next = alive
    until(lambda: not feed.trouble, "the camera is back")
    assert camera.opened == 2


def test_a_camera_that_is_not_there_at_the_start_is_waited_for(camera: ScriptedCamera) -> None:
    camera.refuses = DeviceLost("nobody answers")
    with closing(Feed(camera.open)) as feed:
        until(lambda: feed.trouble == "nobody answers")
        camera.refuses = None
        feed.want(True)
        assert feed.take(10.0) is not None


def test_a_camera_that_is_open_and_silent_is_reported(camera: ScriptedCamera) -> None:
    now_s = 0.0
    pause = threading.Event()

    def silence() -> None:
        nonlocal now_s
        now_s += 1.0
        pause.wait(0.001)

    camera.next = silence
    with closing(Feed(camera.open, lambda: now_s)) as feed:
        until(lambda: "no frame for 5 s" in feed.trouble)


def test_closing_does_not_wait_for_a_backoff(camera: ScriptedCamera) -> None:
    camera.refuses = DeviceLost("nobody answers")
    feed = Feed(camera.open)
    until(lambda: feed.trouble == "nobody answers")
    feed.close()
    assert camera.opened == 0
