"""The traveller's screen: what it shows of everything that can be said, its one touch, silence and restarts."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from peers import until
from starlette.applications import Starlette
from web_bench import ask

from gatefw.display import BEAT_S, Display
from gatefw.gate_terms import HITS, Answered, Ask, GateInput
from gatefw.model import Answer, Asked, Confirm, Confirmed, Failed, Phase, Reason, RunId, SubjectId, Verb
from gatefw.screen.album import album, lines
from gatefw.screen.lane import Lane, keep, kept
from gatefw.screen.link import SILENT_S, Link
from gatefw.screen.page import FILES, SIGNS, screen
from gatefw.screen.picture import Line, Picture, Place, picture, silent
from gatefw.words import LANGUAGES, Words

TONGUES = [Words(each) for each in LANGUAGES]
RUN = RunId("a" * 16)
CONFIRM = {"run": RUN, "facts": {"document.name": "C*** T** M**", "born": "1990"}}
PAGE = "http://127.0.0.1:8080"


def line(phase: object, reason: object = None, hint: str = "", confirm: object = None, **more: object) -> Line:
    return {"phase": phase, "reason": reason, "hint": hint, "confirm": confirm, **more}


def whole(shown: Picture) -> bool:
    """Drawn, said in each language, and with buttons exactly where there is something to confirm."""
    tags = [tag for tag, text in shown.words if text]
    buttons = len(shown.buttons) == (2 if shown.run else 0)
    return (SIGNS / f"{shown.sign}.svg").is_file() and sorted(tags) == ["en", "zh-Hans", "zh-Hant"] and buttons


# ---------------------------------------------------------------- what is shown


@pytest.mark.parametrize("place", Place)
def test_every_phase_reason_and_hint_is_a_sign_that_is_there_and_a_sentence_in_three_languages(place: Place) -> None:
    for phase in Phase:
        for code in ("", *Reason):
            assert whole(picture(line(phase, code or None), place, TONGUES)), (phase, code)
            assert whole(picture(line(phase, None, code), place, TONGUES)), (phase, code)
    assert whole(silent(place, TONGUES))
    assert all(whole(shown) for shown in album(place, TONGUES).values())


def test_every_sign_is_shown_by_some_line_and_no_other_is_drawn() -> None:
    shown = {each.sign for place in Place for each in album(place, TONGUES).values()}
    assert shown == {path.stem for path in SIGNS.iterdir()}


def test_who_stands_in_front_sees_nothing_of_what_goes_on_inside() -> None:
    wait = picture(line(Phase.RECOVERING), Place.FRONT, TONGUES)
    for phase in (Phase.VERIFYING, Phase.REFUSED, Phase.REFERRED, Phase.HOLD):
        for reason in Reason:
            assert picture(line(phase, reason), Place.FRONT, TONGUES) == wait


def test_nobody_in_front_is_told_to_leave_by_a_door_that_is_not_theirs() -> None:
    for phase in (Phase.EVACUATED, Phase.DEGRADED, Phase.FAULT):
        assert picture(line(phase), Place.FRONT, TONGUES) == picture(line("out_of_service"), Place.FRONT, TONGUES)


def test_the_screen_inside_invites_nobody_in() -> None:
    for phase in (Phase.IDLE, Phase.TOKEN_PRESENTED, Phase.ENTRY_RELEASED):
        shown = picture(line(phase, None, "", CONFIRM), Place.INSIDE, TONGUES)
        assert (shown.sign, shown.run, shown.facts) == ("wait", "", ())


def test_a_hit_looks_like_any_way_to_the_counter() -> None:
    counter = picture(line(Phase.IDLE, Reason.SEE_COUNTER), Place.FRONT, TONGUES)
    for hit in HITS:
        assert picture(line(Phase.IDLE, hit), Place.FRONT, TONGUES) == counter
    assert counter.sign == "counter"


def test_what_was_read_is_shown_to_be_confirmed_and_only_while_the_token_is_looked_at() -> None:
    shown = picture(line(Phase.TOKEN_PRESENTED, None, "", CONFIRM), Place.FRONT, TONGUES)
    assert (shown.run, [value for _, value in shown.facts]) == (RUN, ["C*** T** M**", "1990"])
    assert [tag for tag, _ in shown.buttons[0]] == ["en", "zh-Hant", "zh-Hans"]
    assert shown.buttons[0][0] == ("en", "Yes, this is me")
    assert shown.facts[0][0] == (("en", "Name"), ("zh-Hant", "姓名")), "what two languages write alike stands once"
    assert not picture(line(Phase.ENTRY_RELEASED, None, "", CONFIRM), Place.FRONT, TONGUES).run


def test_what_mends_a_face_has_signs_of_its_own() -> None:
    signs = {hint: picture(line(Phase.VERIFYING, None, hint), Place.INSIDE, TONGUES).sign for hint in Reason}
    assert (signs[Reason.FACE_TOO_SMALL], signs[Reason.TWO_FACES], signs[Reason.TOO_DARK]) == ("closer", "one", "light")
    assert (signs[Reason.TOO_BRIGHT], signs[Reason.HEAD_TILTED]) == ("shade", "upright")


@pytest.mark.parametrize("phase", [Phase.DEGRADED, Phase.FAULT])
def test_no_entry_is_shown_to_nobody_who_is_in_there_while_the_lane_closes_around_them(phase: Phase) -> None:
    signs = [picture(line(phase), place, TONGUES).sign for place in (Place.FRONT, Place.WHOLE, Place.INSIDE)]
    assert signs == ["closed", "closed", "staff"]


@pytest.mark.parametrize(
    ("asks", "sign", "said"),
    [
        ([Asked.VERIFY_FACE, Asked.VERIFY_FINGER], "both", "finger on the scanner and look"),
        ([Asked.VERIFY_FINGER], "finger", "finger on the scanner"),
        ([Asked.VERIFY_PORTRAIT], "look", "look at the camera"),
        ([Asked.READ_DOCUMENT], "document", "leave your document on the reader"),
        ([Asked.ASK_AUTHORITIES], "wait", "One moment"),
        ([], "wait", "One moment"),
    ],
)
def test_the_sign_is_of_what_the_lane_waits_for_now(asks: list[str], sign: str, said: str) -> None:
    for phase, place in ((Phase.VERIFYING, Place.INSIDE), (Phase.TOKEN_PRESENTED, Place.FRONT)):
        shown = picture(line(phase, asks=asks), place, TONGUES)
        assert shown.sign == sign and said in shown.words[0][1]


def test_a_hint_is_shown_while_a_face_is_looked_at_and_that_there_is_none_never_hides_the_finger() -> None:
    both = [Asked.VERIFY_FACE, Asked.VERIFY_FINGER]
    cases = {
        (Reason.TOO_DARK, "finger"): "finger",
        (Reason.TOO_DARK, "both"): "light",
        (Reason.NO_FACE, "both"): "both",
    }
    for (hint, asked), sign in cases.items():
        asks = both if asked == "both" else [Asked.VERIFY_FINGER]
        assert picture(line(Phase.VERIFYING, None, hint, asks=asks), Place.INSIDE, TONGUES).sign == sign


def test_a_lane_that_takes_one_thing_alone_asks_for_that_and_another_for_any() -> None:
    def welcome(*begins: str) -> tuple[str, str]:
        shown = picture(line(Phase.IDLE, lane=Lane(begins, "shut").told()), Place.FRONT, TONGUES)
        return shown.sign, shown.words[0][1]

    assert welcome("card") == ("card", "Welcome. Please hold your card to the reader")
    assert welcome("presence")[0] == "step"
    assert welcome("card", "code") == welcome() == ("present", Words().prompt(Phase.IDLE))


def test_while_one_leaves_the_next_is_served_in_front_and_nobody_inside_hears_of_it() -> None:
    def signs(**more: object) -> list[str]:
        return [picture(line(Phase.LEAVING, more.pop("reason", None), **more), place, TONGUES).sign for place in Place]

    assert signs() == ["wait", "through", "through"]
    assert signs(invites=True) == ["present", "through", "through"]
    assert signs(front=[Asked.READ_DOCUMENT]) == ["document", "through", "through"]
    assert signs(reason=Reason.TOKEN_UNKNOWN) == ["counter", "through", "through"]


def test_who_is_let_out_is_told_to_go_and_not_to_try_again_where_they_stand() -> None:
    """Whatever the reason, the sentence is that of the sign. Advice for the next try is told in front."""
    for phase, said in (
        (Phase.REFUSED, ("go back the way you came", "turn back")),
        (Phase.REFERRED, ("to the counter",)),
    ):
        for reason in Reason:
            sentence = picture(line(phase, reason), Place.INSIDE, TONGUES).words[0][1]
            assert any(each in sentence for each in said), (phase, reason)
    for doors, sign, said in (
        (["entry_door"], "back", "go back the way you came"),
        (["exit_door"], "leave", "leave by the open door"),
        (["entry_door", "exit_door"], "leave", "leave by the open door"),
    ):
        shown = picture(line(Phase.REFUSED, Reason.NO_FACE, out=doors), Place.INSIDE, TONGUES)
        assert (shown.sign, said in shown.words[0][1]) == (sign, True)
    in_front = picture(line(Phase.IDLE, Reason.FINGER_UNCLEAR), Place.FRONT, TONGUES)
    assert (in_front.sign, in_front.words[0][1]) == ("finger", "Please lay your finger flat on the scanner")


# ---------------------------------------------------------------- languages


def test_the_travellers_own_language_stands_first_or_alone_and_with_nobody_all_stand_as_the_lane_has_them() -> None:
    def tags(own: str, *, alone: bool = False, languages: tuple[str, ...] = ()) -> list[str]:
        lane = Lane((), "shut", languages, alone).told()
        return [tag for tag, _ in picture(line(Phase.IDLE, lane=lane, language=own), Place.FRONT, TONGUES).words]

    assert tags("") == tags("fr") == ["en", "zh-Hant", "zh-Hans"]
    assert tags("zh_Hans") == ["zh-Hans", "en", "zh-Hant"]
    assert tags("zh_Hans", alone=True) == ["zh-Hans"]
    assert tags("", alone=True, languages=("zh_Hant", "en")) == ["zh-Hant", "en"]
    assert tags("", languages=("fr",)) == ["en", "zh-Hant", "zh-Hans"]


def test_who_waits_in_front_is_spoken_to_in_all_languages_while_another_is_served_inside() -> None:
    for phase, here in ((Phase.TOKEN_PRESENTED, 1), (Phase.VERIFYING, 3), (Phase.LEAVING, 3)):
        said = line(phase, language="zh_Hans", lane=Lane((), "shut", alone=True).told())
        assert len(picture(said, Place.FRONT, TONGUES).words) == here, phase
        assert len(picture(said, Place.INSIDE, TONGUES).words) == 1


# ---------------------------------------------------------------- silence


@pytest.mark.parametrize(
    ("behind", "inside", "whole"),
    [("open", "open", "open"), ("shut", "help", "help"), ("none", "closed", "closed"), ("", "help", "help")],
)
def test_a_door_is_said_to_be_open_only_when_the_lane_said_so_beforehand(behind: str, inside: str, whole: str) -> None:
    lane = Lane(behind=behind)
    shown = {place: silent(place, TONGUES, lane) for place in Place}
    assert (shown[Place.INSIDE].sign, shown[Place.WHOLE].sign, shown[Place.FRONT].sign) == (inside, whole, "closed")
    english = shown[Place.INSIDE].words[0][1]
    assert ("It is open" in english) is (behind == "open")
    assert ("call button" in english) is (behind == "shut")


def test_what_is_known_of_a_lane_is_kept_and_a_file_that_is_no_such_thing_is_nothing_known(tmp_path: Path) -> None:
    file, lane = tmp_path / "new" / "screen.json", Lane(("card",), "open", ("en",), alone=True, audio=True)
    assert kept(file) == Lane()
    keep(file, lane)
    assert kept(file) == lane
    assert [path.name for path in file.parent.iterdir()] == ["screen.json"]
    for said in (b"[]", b"{", b'{"behind": 1, "begins": [], "languages": []}', b'{"behind": "open", "begins": "card"}'):
        file.write_bytes(said)
        assert kept(file) == Lane()


LANE = st.fixed_dictionaries({"begins": st.lists(st.text()), "behind": st.text(), "languages": st.just([])})
SAID = (
    st.none()
    | st.booleans()
    | st.text()
    | st.integers()
    | st.just(CONFIRM)
    | st.sampled_from([*Phase, *Reason])
    | st.lists(st.sampled_from([*Asked, "more", 1]))
    | LANE
)


KEYS = ["phase", "reason", "hint", "confirm", "more", "asks", "front", "invites", "language", "lane"]


@given(st.dictionaries(st.sampled_from(KEYS), SAID))
def test_whatever_is_said_something_whole_is_shown(said: Mapping[str, Any]) -> None:
    for place in Place:
        assert whole(picture(said, place, TONGUES))


# ---------------------------------------------------------------- the link: touches, silence, restarts


class Bench:
    def __init__(self, path: Path, silent_s: float = 60.0) -> None:
        self.path = path
        self.heard: list[GateInput] = []
        self.lines: list[Line | None] = []
        self.link = Link(path, self.lines.append, silent_s)

    def display(self) -> Display:
        return Display(self.path, lambda _subject: {"document.name": "CHAN TAI MAN"}, self.heard.append)

    def shows(self, phase: Phase) -> bool:
        newest = self.lines[-1] if self.lines else None
        return newest is not None and newest["phase"] == phase


def test_a_line_that_cannot_be_shown_is_silence_and_the_next_that_can_is_shown(tmp_path: Path) -> None:
    """A mistake of ours in one picture must not leave the one before on the screen for ever."""
    shown: list[Line | None] = []

    def heard(said: Line | None) -> None:
        if said is not None and said["phase"] == Phase.HOLD:
            raise KeyError("hold")
        shown.append(said)

    path = tmp_path / "display.sock"
    with (
        closing(Display(path, lambda _subject: {}, lambda _said: None)) as display,
        closing(Link(path, heard, 0.3)),
    ):
        display.show(Phase.IDLE, None)
        until(lambda: shown and shown[-1], "the lane at rest")
        display.show(Phase.HOLD, None)
        until(lambda: shown[-1] is None, "silence")
        display.show(Phase.IDLE, None)
        until(lambda: shown[-1], "the lane at rest")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "display.sock")
    yield made
    made.link.close()


@pytest.mark.parametrize(("touch", "reply"), [("confirm", Confirmed()), ("decline", Failed(Reason.DECLINED))])
def test_a_touch_answers_what_is_asked(bench: Bench, touch: str, reply: Answer) -> None:
    with closing(bench.display()) as display:
        display.show(Phase.TOKEN_PRESENTED, None)
        display.ask(Ask(RUN, 4, Confirm(SubjectId("5" * 32), 15.0)))
        until(lambda: bench.lines and (bench.lines[-1] or {}).get("confirm"), "the question")
        assert bench.link.touch(touch, RUN)
        assert until(lambda: bench.heard, "the answer") == [Answered(RUN, 4, reply)]


def test_a_screen_follows_a_daemon_that_came_later_and_one_that_was_started_anew(bench: Bench) -> None:
    assert not bench.link.touch("confirm", RUN)
    for phase in (Phase.IDLE, Phase.FAULT):
        with closing(bench.display()) as display:
            display.show(phase, None)
            until(partial(bench.shows, phase), "the daemon of now")


def test_silence_is_told_of_a_daemon_that_is_gone_and_of_one_that_hangs(tmp_path: Path) -> None:
    """A display whose loop does not beat keeps its connection, and is silent all the same."""
    bench = Bench(tmp_path / "display.sock", silent_s=0.3)
    with closing(bench.link):
        until(lambda: None in bench.lines, "that nobody is there")
        with closing(bench.display()):
            until(lambda: bench.lines[-1] is not None, "a daemon")
            until(lambda: bench.lines[-1] is None, "that it hangs")


def test_a_loop_that_runs_is_heard_well_before_it_would_be_taken_for_silent(bench: Bench) -> None:
    assert BEAT_S <= SILENT_S / 4
    with closing(bench.display()) as display:
        until(lambda: bench.lines, "the first line")
        before = len(bench.lines)
        display.beat(100.0)
        until(lambda: len(bench.lines) > before, "the same once more")
        assert bench.lines[-1] == bench.lines[before - 1]


# ---------------------------------------------------------------- the page


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Starlette]:
    """Without its link to a lane, but for what it was touched with."""

    class Touched:
        def touch(self, touch: str, run: str) -> bool:
            said.append((touch, run))
            return True

    said: list[tuple[str, str]] = []
    made = screen(tmp_path / "display.sock", Place.WHOLE, TONGUES)
    made.state.link, made.state.said = Touched(), said
    yield made


@pytest.mark.parametrize("touch", ["confirm", "decline"])
def test_the_page_confirms_and_declines(app: Starlette, touch: str) -> None:
    body = json.dumps({"touch": touch, "run": RUN}).encode()
    assert ask(app, "POST", "/touch", body, origin=PAGE).status == 204
    assert app.state.said == [(touch, RUN)]


@pytest.mark.parametrize("verb", list(Verb))
def test_the_page_passes_no_order_on(app: Starlette, verb: Verb) -> None:
    for said in ({"touch": verb, "run": RUN}, {"verb": verb}, {"touch": "confirm", "run": RUN, "verb": verb}):
        assert ask(app, "POST", "/touch", json.dumps(said).encode(), origin=PAGE).status == 400
    assert app.state.said == []


@pytest.mark.parametrize(("body", "status"), [(b"", 400), (b"[]", 400), (b"\xff", 400), (b"x" * 5000, 413)])
def test_what_is_no_touch_is_refused(app: Starlette, body: bytes, status: int) -> None:
    assert ask(app, "POST", "/touch", body, origin=PAGE).status == status
    assert ask(app, "POST", "/touch", b'{"touch": "confirm", "run": "a"}').status == 403
    assert app.state.said == []


def test_the_page_has_everything_it_names_and_nothing_inline(app: Starlette) -> None:
    html = ask(app, "GET", "/").body.decode()
    for name in FILES.glob("*.*"):
        assert ask(app, "GET", f"/static/{name.name}").status == 200
    for _, each in lines():
        assert f'data-of="{picture(each, Place.WHOLE, TONGUES).sign}" hidden><svg' in html
    bare = html.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert "style=" not in bare and "onclick" not in bare and "//" not in bare


def test_one_server_is_the_screen_in_front_the_one_inside_and_the_one_that_was_asked_for(app: Starlette) -> None:
    signs = {path: json.loads(ask(app, "GET", f"{path}/silent").body)["sign"] for path in ("", "/front", "/inside")}
    assert signs == {"": "help", "/front": "closed", "/inside": "help"}
    assert ask(app, "GET", "/front").body == ask(app, "GET", "/").body
    assert ask(app, "GET", "/aside").status == 404


def test_what_the_lane_says_of_its_door_is_shown_when_it_falls_silent_and_by_a_screen_that_is_started_then(
    tmp_path: Path,
) -> None:
    path, known, lane = tmp_path / "display.sock", tmp_path / "screen.json", Lane(behind="open")

    async def said_of_silence(*, while_it_lives: bool) -> str:
        app = screen(path, Place.WHOLE, TONGUES, known=known)
        async with app.router.lifespan_context(app):
            if while_it_lives:
                await asyncio.to_thread(until, lambda: kept(known) == lane, "what the lane said to be kept")
            answer = await asyncio.to_thread(ask, app, "GET", "/inside/silent")
            return str(json.loads(answer.body)["sign"])

    with closing(Display(path, lambda _subject: {}, lambda _said: None, lane=lane.told())):
        assert asyncio.run(said_of_silence(while_it_lives=True)) == "open"
    assert asyncio.run(said_of_silence(while_it_lives=False)) == "open"


@pytest.mark.real
def test_the_command_says_where_the_page_is_and_ends_when_told(tmp_path: Path) -> None:
    main = "import sys; from gatefw.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", main, "screen", "--port", "0", "--dir", str(tmp_path)]
    env = {**os.environ, "GATEFW_STATE": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        process.terminate()
        process.wait(30)
