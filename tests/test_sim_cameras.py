"""The cameras of the simulated lane: what each ailment looks like, who sees what, and codes held up to one."""

import itertools
import select
import selectors
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest
from vision_lane import usual_chain

from gatefw.camera_watch import ailment, grey_of
from gatefw.code_search import search
from gatefw.model import Reason
from hw.sim.cameras import HELD_UP_S, MAIN, Cameras, frames_socket
from hw.sim.frames import VARIANTS, Camera, Scenes, Sight
from hw.sim.physics import World
from hw.sim.places import Place
from hw.sim.settings import WorldSettings, parse

FPS = 10.0


def shown(scenes: Scenes, camera: Camera, sight: Sight = ()) -> np.ndarray:
    """The next picture, decoded."""
    message = scenes.message(camera, sight)
    assert int.from_bytes(message[:4], "big") == len(message) - 4
    return np.asarray(cv2.imdecode(np.frombuffer(message[4:], np.uint8), cv2.IMREAD_COLOR))


@pytest.mark.parametrize(
    ("camera", "reason"),
    [
        (Camera.LIVE, None),
        (Camera.BLACK, Reason.CAMERA_DARK),
        (Camera.DARK, Reason.CAMERA_DARK),
        (Camera.BLINDED, Reason.CAMERA_BLINDED),
        (Camera.COVERED, Reason.CAMERA_COVERED),
    ],
)
@pytest.mark.parametrize("sight", [(), (None,), (None, None), b"GWID:code"], ids=["nobody", "one", "two", "a code"])
def test_every_ailment_looks_like_itself_whatever_is_before_the_camera(
    camera: Camera, reason: Reason | None, sight: Sight
) -> None:
    scenes = Scenes(None)
    for _ in VARIANTS:
        assert ailment(grey_of(shown(scenes, camera, sight)), repeated=False) is reason


def test_a_living_picture_never_repeats_at_once_and_a_frozen_one_always_does() -> None:
    scenes = Scenes(None)
    for camera in (Camera.LIVE, Camera.DARK, Camera.COVERED, Camera.BLINDED):
        pictures = [scenes.message(camera, ()) for _ in range(9)]
        assert all(one != next_one for one, next_one in itertools.pairwise(pictures))
    scenes.message(Camera.LIVE, (None,))
    assert len({scenes.message(Camera.FROZEN, sight) for sight in ((None,), (), b"x")}) == 1


def test_a_camera_that_sends_nothing_sends_nothing() -> None:
    scenes = Scenes(None)
    assert [scenes.message(camera, ()) for camera in (Camera.STOPPED, Camera.UNPLUGGED)] == [b"", b""]
    assert scenes.message(Camera.STARVED, ()) == b"\0\0\0\0"


@pytest.mark.parametrize("length", [1, 40, 300, 900])
def test_a_code_that_is_held_up_can_be_read(length: int) -> None:
    code = b"G" * length
    for _ in VARIANTS:
        assert search(shown(Scenes(None), Camera.LIVE, code)) == {code}


# ---------------------------------------------------------------- several cameras


class Lane:
    """A world's cameras without its loop: time is what the test says."""

    def __init__(self, directory: Path) -> None:
        self.world = World(WorldSettings(), 0.0)
        self.selector = selectors.DefaultSelector()
        self.cameras = Cameras(self.selector, directory, {"low": "inside", "front": "front"}, "", FPS)
        self._directory = directory

    def look(self, name: str) -> socket.socket:
        viewer = socket.socket(socket.AF_UNIX)
        viewer.settimeout(30)
        viewer.connect(str(self._directory / frames_socket(name)))
        for key, mask in self.selector.select(30):
            key.data(mask)
        return viewer

    def see(self, viewer: socket.socket, now_s: float) -> np.ndarray:
        """The newest picture of that time."""
        self.cameras.advance(now_s, self.world)
        data = b""
        while not data or select.select([viewer], [], [], 0.0)[0]:
            length = int.from_bytes(viewer.recv(4, socket.MSG_WAITALL), "big")
            data = viewer.recv(length, socket.MSG_WAITALL)
        return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))

    def close(self) -> None:
        self.cameras.close()
        self.selector.close()


@pytest.fixture
def lane(tmp_path: Path) -> Iterator[Lane]:
    with closing(Lane(tmp_path)) as made:
        yield made


def test_each_camera_has_its_socket_its_clock_and_its_ailment(lane: Lane) -> None:
    assert lane.cameras.next_s() == float("inf"), "nobody looks"
    with lane.look(MAIN) as inside, lane.look("low") as low:
        lane.cameras.ail("low", Camera.BLACK)
        lane.cameras.advance(100.0, lane.world)
        assert lane.see(inside, 100.0).mean() > 90
        assert lane.see(low, 100.0).mean() < 5
        assert lane.cameras.next_s() == 100.0 + 1 / FPS
        assert lane.see(inside, 100.2).mean() > 90
        assert 100.0 + 2 / FPS <= lane.cameras.next_s() <= 100.2 + 1 / FPS


def test_a_code_is_seen_by_the_camera_in_front_for_a_moment_and_by_no_other(lane: Lane) -> None:
    assert lane.cameras.hold_up("front", b"GWID:code", 100.0)
    assert not lane.cameras.hold_up("low", b"GWID:code", 100.0)
    assert not lane.cameras.hold_up("scanner-front", b"GWID:code", 100.0)
    with lane.look("front") as front, lane.look(MAIN) as inside:
        assert search(lane.see(front, 100.1)) == {b"GWID:code"}
        assert search(lane.see(inside, 100.1)) == frozenset()
        assert search(lane.see(front, 100.1 + HELD_UP_S)) == frozenset()


def test_who_stands_in_front_is_seen_by_the_camera_there_and_by_no_other(lane: Lane) -> None:
    with lane.look("front") as front, lane.look(MAIN) as inside:
        empty = lane.see(front, 100.0)
        lane.world.enter("somebody", at=Place.FRONT)
        assert (lane.see(front, 101.0) != empty).mean() > 0.3
        assert abs(lane.see(inside, 101.0).mean() - empty.mean()) < 3


def test_an_unplugged_camera_hangs_up_on_whoever_looks(lane: Lane) -> None:
    with lane.look(MAIN) as inside:
        lane.cameras.ail(MAIN, Camera.UNPLUGGED)
        lane.cameras.advance(100.0, lane.world)
        assert inside.recv(4) == b""


def test_a_camera_that_is_not_there_has_no_ailment(lane: Lane) -> None:
    with pytest.raises(ValueError, match="camera 'high' is not there; there are low, front"):
        lane.cameras.ail("high", Camera.BLACK)


def test_a_camera_hangs_inside_or_in_front() -> None:
    assert parse({"cameras": {"low": "inside"}}).cameras == {"low": "inside"}
    with pytest.raises(ValueError, match=r"world\.cameras\.low: 'above' is not one of inside, front"):
        parse({"cameras": {"low": "above"}})


@pytest.mark.models
def test_two_who_show_their_faces_are_two_faces_in_one_picture(models: Path, photos: Path) -> None:
    chain = usual_chain(models)
    picture = shown(Scenes(photos), Camera.LIVE, ("obama.jpg", "biden.jpg"))
    assert len(chain.faces(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))) == 2


@pytest.mark.models
def test_a_detector_finds_no_face_where_nobody_shows_one(models: Path) -> None:
    """Somebody who looks away is not half a face: whether they are found must not hang on the width of a door frame."""
    chain = usual_chain(models)
    scenes = Scenes(None)
    for sight in ((), (None,), (None, None), b"GWID:code"):
        for _ in VARIANTS:
            assert chain.faces(cv2.cvtColor(shown(scenes, Camera.LIVE, sight), cv2.COLOR_BGR2RGB)) == []
