"""The mirror: what the camera sees, to whoever waits for it, while somebody is looked at and at no other time."""

import logging
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from mirror_bench import INSIDE, LOW, WAIT_S, Bench, Screen
from peers import until

from gatefw.biometrics.runtime import Picture
from gatefw.errors import SetupError
from gatefw.mirror_wire import Place, Shown, decode
from gatefw.ports import Frame
from gatefw.vision_feed import Seen
from gatefw.vision_mirror import BREATH_S, FACED_S, WAITING, Choice, Mirror, Pace


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "mirror" / "mirror.sock")
    with closing(made.mirror):
        yield made
    assert not made.path.exists()


def test_a_screen_is_given_a_small_grey_picture_of_whoever_is_looked_at(bench: Bench) -> None:
    bench.look(Place.FRONT)
    assert bench.shown(Screen(bench.path)) == Shown(Place.FRONT, 320, 240, bytes([90]) * 320 * 240)


def test_a_camera_that_gives_grey_as_well_is_shown_by_that_and_a_tall_picture_stays_tall(bench: Bench) -> None:
    bench.look()
    rgb: Picture = np.zeros((100, 100, 3), np.uint8)
    luma: Picture = np.full((640, 360), 200, np.uint8)
    screen = Screen(bench.path)

    def looked() -> bool:
        bench.now_s += 1
        bench.mirror.offer(Seen(INSIDE, Frame(memoryview(rgb), bench.now_s, memoryview(luma)), repeated=False))
        return screen.answered

    until(looked, "a picture", WAIT_S)
    assert decode(screen.given()) == Shown(Place.INSIDE, 180, 320, bytes([200]) * 180 * 320)


def test_while_nobody_is_looked_at_a_screen_is_hung_up_on_at_once(bench: Bench) -> None:
    assert Screen(bench.path).given() == b""
    bench.look()
    bench.mirror.end()
    bench.take()
    assert Screen(bench.path).given() == b""


def test_a_screen_that_waits_when_the_look_ends_is_hung_up_on_without_a_picture(bench: Bench) -> None:
    bench.look()
    bench.shown(Screen(bench.path))
    screen = Screen(bench.path)
    until(lambda: bench.mirror.waiting, "the screen to wait", WAIT_S)
    bench.mirror.end()
    assert screen.given() == b""


def test_of_one_look_no_picture_comes_into_the_next(bench: Bench) -> None:
    """Anna is looked at until nobody waits any more; then Bert steps in, and the screen asks again."""
    bench.look()
    bench.shown(Screen(bench.path), level=60)
    for _ in range(20):
        bench.take(level=60)
    bench.mirror.end()
    bench.look()
    assert set(bench.shown(Screen(bench.path), level=200).grey) == {200}


def test_a_frame_from_before_the_look_is_not_shown(bench: Bench) -> None:
    bench.mirror.begin(Place.INSIDE, bench.now_s + 1.0)  # sixty frames further on
    screen, another = Screen(bench.path), Screen(bench.path)
    until(lambda: bench.mirror.waiting == 2, "both screens to wait", WAIT_S)
    for _ in range(58):
        bench.take(10)
    another.sock.close()
    until(lambda: bench.mirror.waiting == 1, "its turn, in which a picture would have been given", WAIT_S)
    assert not screen.answered
    bench.now_s += 1.0
    assert set(bench.shown(screen).grey) == {90}


def test_a_screen_that_reads_nothing_and_one_that_talks_hold_nobody_up(bench: Bench) -> None:
    bench.look()
    deaf, talks = Screen(bench.path), Screen(bench.path)
    with deaf.sock, talks.sock:
        talks.sock.send(b"GET / HTTP/1.1\r\n" * 100)
        for level in (90, 91, 92):
            assert set(bench.shown(Screen(bench.path), level).grey) == {level}


def test_a_screen_that_connects_again_and_again_is_given_a_turn_now_and_then(bench: Bench) -> None:
    """Taken over by somebody, it could otherwise keep the whole process busy, and nobody would be looked at."""
    began_s = time.monotonic()
    assert [Screen(bench.path).given() for _ in range(40)] == [b""] * 40
    assert time.monotonic() - began_s >= 39 * BREATH_S


def test_no_more_than_a_few_wait_and_who_leaves_makes_room(bench: Bench) -> None:
    bench.look()
    some = [Screen(bench.path) for _ in range(WAITING)]
    assert Screen(bench.path).given() == b""
    for each in some:
        each.sock.close()

    def given() -> bytes:
        screen = Screen(bench.path)

        def answered() -> bool:
            bench.take()
            return screen.answered

        until(answered, "an answer", WAIT_S)
        return screen.given()

    assert decode(until(given, "room for another", WAIT_S)).place is Place.INSIDE


def test_pictures_are_made_for_nobody_but_who_waits(bench: Bench) -> None:
    """A frame of no shape would be the mirror's end, were it looked at."""
    bench.look()
    for _ in range(100):
        bench.take(width=0, height=0)
    bench.shown(Screen(bench.path))


def test_a_mistake_costs_the_mirror_and_not_the_look(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.look()
    screen = Screen(bench.path)

    def looked() -> bool:
        bench.take(width=0, height=0)
        return screen.answered

    with caplog.at_level(logging.ERROR):
        until(looked, "the end of the mirror", WAIT_S)
    assert screen.given() == b""
    assert "there is none until vision is started again" in caplog.text
    bench.take()
    bench.mirror.end()


def test_it_is_open_to_its_group_alone_and_replaces_that_of_a_dead_process(tmp_path: Path) -> None:
    path = tmp_path / "mirror.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(path))
    with closing(Mirror(path)):
        assert path.stat().st_mode & 0o777 == 0o660


def test_where_it_cannot_be_it_says_why(tmp_path: Path) -> None:
    (tmp_path / "mirror").write_text("a file")
    with pytest.raises(SetupError, match="cannot be made"):
        Mirror(tmp_path / "mirror" / "mirror.sock")


@pytest.mark.parametrize("fps", [5, 12, 15, 30, 60, 1000])
def test_ten_pictures_a_second_are_shown_and_no_more_however_many_there_are(fps: int) -> None:
    pace = Pace(0.0)
    shown = sum(pace.due(n / fps) for n in range(10 * fps))
    assert min(10 * fps, 98) <= shown <= 101


def test_after_a_pause_no_picture_is_made_up_for() -> None:
    pace = Pace(0.0)
    assert pace.due(0.0)
    assert [pace.due(60.0 + n / 100) for n in range(10)].count(True) <= 2


def test_of_two_cameras_the_one_that_sees_the_face_is_shown_and_stays_while_it_does() -> None:
    choice = Choice()
    assert choice.shows(INSIDE, 1.0)
    assert not choice.shows(LOW, 1.0)
    choice.faced(LOW, 1.1)  # a child stands there
    assert choice.shows(LOW, 1.2)
    choice.faced(INSIDE, 1.3)  # whose forehead the upper one sees
    assert not choice.shows(INSIDE, 1.4)
    assert choice.shows(LOW, 1.4)
    assert choice.shows(INSIDE, 1.2 + FACED_S)
    assert not choice.shows(LOW, 1.3 + FACED_S)
