"""How a camera's pictures are: counted while somebody asks, kept by nobody, believed only as far as figures go."""

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from peers import until

from gatefw.errors import BadReply, DeviceLost
from gatefw.ports import Frame
from gatefw.vision_feed import COUNTED_S, Eyes, Feeds
from gatefw.vision_wire import figures_told

WAIT_S = 30.0
INSIDE = "camera.inside"


class Camera:
    """Twenty pictures a second by its own clock, as fast as they are taken by ours; no two alike in a row."""

    def __init__(self) -> None:
        self.now_s, self.taken, self.lost = 1000.0, 0, False
        self._noise = np.random.default_rng(1).integers(90, 110, (2, 48, 64, 3)).astype(np.uint8)

    def open(self) -> "Camera":
        if self.lost:
            raise DeviceLost("unplugged")
        return self

    def frame(self, timeout_s: float) -> Frame | None:
        if self.lost:
            raise DeviceLost("unplugged")
        self.taken, self.now_s = self.taken + 1, self.now_s + 0.05
        return Frame(memoryview(self._noise[self.taken % 2]), self.now_s)

    def close(self) -> None:
        pass


@pytest.fixture
def camera() -> Camera:
    return Camera()


@pytest.fixture
def feeds(camera: Camera) -> Iterator[Feeds]:
    with closing(Feeds({INSIDE: camera.open}, lambda: camera.now_s)) as feeds:
        until(lambda: camera.taken, "the first picture", WAIT_S)
        yield feeds


def test_who_asks_is_told_rate_brightness_and_size_and_no_picture_is_kept(feeds: Feeds, camera: Camera) -> None:
    def figures() -> dict[str, Any]:
        return feeds.figures[INSIDE]

    until(lambda: abs(float(figures()["frames_per_s"]) - 20.0) < 0.1, "every frame is counted", WAIT_S)
    found = figures()
    assert 90 <= found["brightness"] <= 110
    assert (found["width_px"], found["height_px"], found["lost"]) == (64, 48, "")
    assert feeds.take(0.0) is None
    assert figures_told(json.loads(json.dumps({"cameras": {INSIDE: found}})), INSIDE)["frames_per_s"] == 20.0


def test_pictures_are_counted_no_longer_than_somebody_asks(feeds: Feeds, camera: Camera) -> None:
    feeds.figures  # noqa: B018
    asked_s = camera.now_s
    until(lambda: camera.now_s > asked_s + COUNTED_S, "its time is over", WAIT_S)
    resting = [feed for feed in feeds._feeds if not feed._busy]
    assert len(resting) == 1


def test_a_camera_that_is_gone_has_no_rate_and_says_why(feeds: Feeds, camera: Camera) -> None:
    camera.lost = True
    until(lambda: feeds.figures[INSIDE]["why"] == "unplugged", "it is lost", WAIT_S)
    camera.now_s += 2 * COUNTED_S
    found = feeds.figures[INSIDE]
    assert (found["lost"], found["why"], found["frames_per_s"]) == ("device_lost", "unplugged", 0.0)


def test_both_kinds_of_cameras_have_figures(feeds: Feeds, camera: Camera) -> None:
    front = Camera()
    with closing(Feeds({"camera.front": front.open}, lambda: front.now_s)) as codes:
        assert set(Eyes(feeds, codes).figures) == {INSIDE, "camera.front"}


GOOD = {"lost": "", "ail": "", "why": "", "frames_per_s": 1, "brightness": 1, "width_px": 1, "height_px": 1}
anything = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just({}))


@given(st.dictionaries(st.sampled_from([*GOOD, "x"]), anything))
def test_whatever_is_said_of_a_camera_it_is_figures_or_a_bad_reply(change: dict[str, object]) -> None:
    try:
        told = figures_told({"cameras": {INSIDE: GOOD | change}}, INSIDE)
    except BadReply:
        return
    assert set(told) == set(GOOD)
    assert 0 <= float(str(told["brightness"])) <= 255
    json.dumps(told, allow_nan=False)


@pytest.mark.parametrize("done", [None, [], {}, {"cameras": None}, {"cameras": {INSIDE: {}}}, {"cameras": {"x": GOOD}}])
def test_half_a_word_is_a_bad_reply(done: object) -> None:
    with pytest.raises(BadReply, match=f"no figures of {INSIDE}"):
        figures_told(done, INSIDE)
