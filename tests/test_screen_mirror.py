"""The mirror on the traveller's screen: only while a face is wanted where it hangs, and nothing twice."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mirror_bench import Bench
from peers import until
from web_bench import Asked as Answered
from web_bench import ask

from gatefw import mirror_wire
from gatefw.biometrics.runtime import Picture
from gatefw.mirror_wire import BYTES_MAX, Shown, decode, encode
from gatefw.model import Asked, Phase
from gatefw.screen.lane import Lane
from gatefw.screen.mirror import WATCHERS, Mirror, outline
from gatefw.screen.page import FILES, Post
from gatefw.screen.picture import Place
from gatefw.screen.voice import Voice
from gatefw.web.shell import application
from gatefw.words import Words

FACE: Picture = np.full((480, 640, 3), 90, np.uint8)


def line(phase: Phase, *asks: Asked, hint: str = "", front: list[Asked] | None = None, mirror: bool = True) -> Any:
    return {"phase": phase, "asks": list(asks), "front": front, "hint": hint, "mirror": mirror}


# ---------------------------------------------------------------- whether


def test_the_outline_is_whole_while_nothing_has_to_be_changed() -> None:
    for hint, drawn in {"": "good", "ok": "good", "no_face": "seek", "too_dark": "seek"}.items():
        assert outline(line(Phase.VERIFYING, Asked.VERIFY_FACE, hint=hint), Place.INSIDE) == drawn


def shown(told: Any) -> set[Place]:
    return {place for place in Place if outline(told, place)}


def test_somebody_is_shown_where_they_stand_and_nowhere_else() -> None:
    inside, front = {Place.INSIDE, Place.WHOLE}, {Place.FRONT, Place.WHOLE}
    assert shown(line(Phase.VERIFYING, Asked.VERIFY_FACE, Asked.VERIFY_FINGER)) == inside
    assert shown(line(Phase.TOKEN_PRESENTED, Asked.IDENTIFY_FACE)) == front
    assert shown(line(Phase.LEAVING, front=[Asked.IDENTIFY_FACE])) == front


def test_nobody_is_shown_while_no_face_is_wanted() -> None:
    for phase in Phase:
        assert shown(line(phase)) == set()
        assert shown(line(phase, Asked.VERIFY_FINGER, Asked.READ_DOCUMENT)) == set()
    assert shown(line(Phase.REFUSED, Asked.VERIFY_FACE)) == set()


def test_nobody_is_shown_by_a_lane_whose_file_does_not_say_so_or_that_is_silent() -> None:
    assert shown(line(Phase.VERIFYING, Asked.VERIFY_FACE, mirror=False)) == set()
    assert shown(None) == set()


said = st.none() | st.booleans() | st.text() | st.lists(st.sampled_from([*Asked, 1, None])) | st.sampled_from(Phase)


@given(st.dictionaries(st.sampled_from(["phase", "asks", "front", "hint", "mirror"]), said))
def test_whatever_a_lane_says_somebody_is_shown_only_for_a_face_that_it_names(told: dict[str, Any]) -> None:
    named = [*(told.get(key) or [] for key in ("asks", "front") if isinstance(told.get(key), list))]
    if shown(told):
        assert told["mirror"] is True
        assert any(each in (Asked.VERIFY_FACE, Asked.VERIFY_PORTRAIT, Asked.IDENTIFY_FACE, Asked.ENROL_TRAVELLER)
                   for some in named for each in some)  # fmt: skip


# ---------------------------------------------------------------- the next picture


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "mirror.sock")
    with closing(made.mirror):
        yield made


def next_of(path: Path, place: Place = Place.INSIDE, within_s: float = 30.0) -> Shown | None:
    told = asyncio.run(Mirror(path, place, within_s).next())
    return None if told is None else decode(told)


def test_a_screen_is_given_what_the_camera_sees_now(bench: Bench) -> None:
    for level in (60, 200):
        with bench.looking(np.full_like(FACE, level)):
            seen = next_of(bench.path)
            assert seen is not None
            assert set(seen.grey) == {level}


def test_who_stands_inside_is_not_shown_in_front_and_the_other_way_round(bench: Bench) -> None:
    sees = {
        mirror_wire.Place.FRONT: [Place.FRONT, Place.WHOLE],
        mirror_wire.Place.INSIDE: [Place.INSIDE, Place.WHOLE],
        mirror_wire.Place.ONLY: [Place.FRONT, Place.INSIDE, Place.WHOLE],
    }
    for camera, screens in sees.items():
        with bench.looking(FACE, camera):
            assert [place for place in Place if next_of(bench.path, place)] == screens


def test_while_nobody_is_looked_at_or_vision_is_away_there_is_no_picture(bench: Bench, tmp_path: Path) -> None:
    assert next_of(bench.path) is None
    assert next_of(tmp_path / "nowhere.sock") is None


def test_a_camera_that_shows_nothing_is_not_waited_for(bench: Bench) -> None:
    bench.look()
    assert next_of(bench.path, within_s=0.05) is None


def test_more_browsers_than_there_may_be_are_shown_nothing(bench: Bench) -> None:
    async def all_of_them() -> list[bytes | None]:
        mirror = Mirror(bench.path, Place.INSIDE, 30.0)
        return await asyncio.gather(*(mirror.next() for _ in range(WATCHERS + 1)))

    with bench.looking(FACE):
        pictures = asyncio.run(all_of_them())
    assert pictures.count(None) == 1


@contextmanager
def peer(path: Path, says: bytes) -> Iterator[None]:
    """Somebody else at vision's socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()

        def answer() -> None:
            with listener.accept()[0] as sock:
                sock.settimeout(30)
                with suppress(OSError):
                    sock.sendall(says)

        thread = threading.Thread(target=answer)
        thread.start()
        yield
        thread.join()


@pytest.mark.parametrize(
    "says",
    [
        b"",
        b"\x02\x00",
        b"HTTP/1.1 200 OK",
        encode(Shown(mirror_wire.Place.INSIDE, 2, 2, b"1234"))[:-1],
        encode(Shown(mirror_wire.Place.INSIDE, 2, 2, b"1234")) + b"5",
        bytes(50 * BYTES_MAX),
    ],
)
def test_what_is_no_picture_is_shown_to_nobody_and_read_no_further(tmp_path: Path, says: bytes) -> None:
    with peer(tmp_path / "mirror.sock", says):
        assert next_of(tmp_path / "mirror.sock") is None


# ---------------------------------------------------------------- the page


WANTED = line(Phase.VERIFYING, Asked.VERIFY_FACE)


class Page:
    """A screen inside, of a lane that the test speaks for."""

    def __init__(self, mirror: Path | None) -> None:
        self.post = Post(Place.INSIDE, [Words()], Lane(), mirror, Voice(None))
        self.app = application(self.post.routes(""), FILES)

    def hears(self, told: Any) -> None:
        self.post.board.put(self.post.told(told))

    def looks(self) -> Answered:
        return ask(self.app, "GET", "/mirror")


def test_the_page_is_given_a_picture_that_nothing_keeps(bench: Bench) -> None:
    page = Page(bench.path)
    page.hears(WANTED)
    with bench.looking(FACE):
        answered = page.looks()
    assert (answered.status, answered.headers["cache-control"]) == (200, "no-store")
    assert decode(answered.body) == Shown(mirror_wire.Place.INSIDE, 320, 240, bytes([90]) * 320 * 240)
    assert page.looks().status == 204


def test_a_page_that_asks_though_its_lane_wants_no_face_is_shown_nobody(bench: Bench) -> None:
    """Whatever vision looks at: an officer enrols somebody, say."""
    page = Page(bench.path)
    with bench.looking(FACE):
        for told in (line(Phase.VERIFYING), line(Phase.VERIFYING, Asked.VERIFY_FACE, mirror=False), None):
            page.hears(told)
            assert (page.looks().status, page.looks().body) == (204, b"")
    assert Page(None).looks().status == 204


def test_vision_is_not_even_asked_while_the_lane_wants_no_face(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(tmp_path / "mirror.sock"))
        listener.listen()
        listener.setblocking(False)
        page = Page(tmp_path / "mirror.sock")
        page.hears(line(Phase.VERIFYING))
        assert page.looks().status == 204
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_a_picture_that_comes_when_the_lane_wants_no_face_any_more_is_shown_to_nobody(bench: Bench) -> None:
    page, answers = Page(bench.path), list[Answered]()
    page.hears(WANTED)
    bench.look()
    waits = threading.Thread(target=lambda: answers.append(page.looks()))
    waits.start()
    until(lambda: bench.mirror.waiting, "the page to wait")
    page.hears(line(Phase.REFUSED))

    def answered() -> bool:
        bench.take()
        return bool(answers)

    until(answered, "its answer")
    waits.join()
    assert [each.status for each in answers] == [204]


def test_the_outline_is_told_with_what_is_shown_and_is_gone_with_it(bench: Bench) -> None:
    page = Page(bench.path)

    def outlined() -> object:
        return page.post.board.value["mirror"]

    assert outlined() == ""
    page.hears(WANTED)
    assert outlined() == "good"
    page.hears(None)
    assert outlined() == ""
