"""The traveller's screen: what it is shown, masked; its touch; and screens that are slow, rude or gone."""

import socket
import stat
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from peers import until

from gatefw import wire_json
from gatefw.display import MODE, SCREENS, Display
from gatefw.display_mask import masked
from gatefw.errors import StoreError
from gatefw.gate_terms import Answered, Ask, Asking, GateInput
from gatefw.model import Asked, CheckEligibility, Confirm, Confirmed, Failed, Phase, Reason, RunId, SubjectId

ANNA = SubjectId("5" * 32)
RUN, OTHER = RunId("a" * 16), RunId("b" * 16)
FACTS = {"document.name": "CHAN TAI MAN", "document.number": "C1234567", "born": "1990-05-17", "residence": "hong-kong"}
MASKED = {"document.name": "C*** T** M**", "document.number": "******67", "born": "1990"}
ASK = Ask(RUN, 4, Confirm(ANNA, 15.0))


def test_names_numbers_and_births_are_masked_and_all_else_is_left_out() -> None:
    assert masked(FACTS) == MASKED


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("document.number", "12", "**"),
        ("document.number", "123", "**3"),
        ("document.number", "", ""),
        ("permit_number", "E12345", "****45"),
        ("document.name", "", ""),
        ("family_name", "王 小明", "王 小*"),
        ("born", "XXXX-XX-XX", ""),
        ("born", "1990", "1990"),
        ("born", "17 May 1990", ""),
    ],
)
def test_what_is_short_or_incomplete_is_masked_all_the_same(name: str, value: str, shown: str) -> None:
    assert masked({name: value}) == {name: shown}


@given(st.dictionaries(st.sampled_from([*FACTS, "purpose", "permit.number"]), st.text(max_size=30)))
def test_no_more_of_a_record_is_shown_than_its_mask_lets_through(facts: Mapping[str, str]) -> None:
    for name, shown in masked(facts).items():
        kept = sum(letter != "*" for letter in shown.replace(" ", "")) - facts[name].count("*")
        allowed = len(facts[name].split()) if name.endswith("name") else 4 if name == "born" else 2
        assert kept <= allowed


class Screen:
    def __init__(self, path: Path) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(30.0)
        self.sock.connect(str(path))
        self._lines = self.sock.makefile("rb")

    def line(self) -> dict[str, Any]:
        return wire_json.decode(self._lines.readline())

    def shows(self, **wanted: object) -> dict[str, Any]:
        """The first line from now on in which all of this stands."""
        while True:
            line = self.line()
            if all(line[name] == value for name, value in wanted.items()):
                return line

    def touch(self, touch: object, run: object = RUN, **more: object) -> None:
        self.sock.sendall(wire_json.encode({"touch": touch, "run": run, **more}))

    def is_sent_away(self) -> bool:
        with suppress(ConnectionResetError):  # what it said was not read to the end
            while self._lines.readline():
                pass
        return True

    def close(self) -> None:
        self._lines.close()
        self.sock.close()


class Stage:
    def __init__(self, path: Path, mirror: bool = False) -> None:
        self.path, self.broken = path, False
        self.heard: list[GateInput] = []
        self.display = Display(path, self._facts, self.heard.append, mirror)
        self._screens: list[Screen] = []

    def _facts(self, subject: SubjectId) -> Mapping[str, str]:
        assert subject == ANNA
        if self.broken:
            raise StoreError("records: cannot be read")
        return FACTS

    def screen(self) -> Screen:
        self._screens.append(Screen(self.path))
        return self._screens[-1]

    def asks(self) -> Screen:
        screen = self.screen()
        self.display.show(Phase.TOKEN_PRESENTED, None)
        self.display.ask(ASK)
        screen.shows(confirm={"run": RUN, "facts": MASKED})
        return screen

    def close(self) -> None:
        self.display.close()
        for screen in self._screens:
            screen.close()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path / "display.sock")
    yield made
    made.close()


def test_a_screen_is_told_at_once_what_it_must_show_and_again_when_that_changes(stage: Stage) -> None:
    screen = stage.screen()
    nobody = {
        "asks": None,
        "front": None,
        "invites": False,
        "out": [],
        "mirror": False,
        "confirm": None,
        "language": "",
        "lane": {},
    }
    assert screen.line() == {"phase": "recovering", "reason": None, "hint": "", **nobody}
    stage.display.show(Phase.REFUSED, Reason.FACE_MISMATCH)
    screen.shows(phase="refused", reason="face_mismatch", hint="", confirm=None)
    stage.display.hint("come_closer")
    screen.shows(phase="refused", hint="come_closer")
    stage.display.show(Phase.IDLE, None)
    screen.shows(phase="idle", reason=None, hint="")


def test_a_screen_may_show_what_the_camera_sees_where_the_lane_file_says_so(tmp_path: Path) -> None:
    with closing(Stage(tmp_path / "display.sock", mirror=True)) as stage:
        stage.screen().shows(mirror=True)


def test_only_its_owner_and_its_group_may_open_the_socket_and_it_is_gone_afterwards(stage: Stage) -> None:
    assert stat.S_IMODE(stage.path.stat().st_mode) == MODE
    stage.display.close()
    assert not stage.path.exists()
    stage.display.close()


@pytest.mark.parametrize(("touch", "reply"), [("confirm", Confirmed()), ("decline", Failed(Reason.DECLINED))])
def test_what_was_read_is_shown_masked_and_a_touch_answers_it(
    stage: Stage, touch: str, reply: Confirmed | Failed
) -> None:
    screen, other = stage.asks(), stage.screen()
    screen.touch(touch)
    assert until(lambda: stage.heard) == [Answered(RUN, 4, reply)]
    for each in (screen, other):
        each.shows(confirm=None)  # while the lane looks for a way to let them in, others may look at the screen


def test_a_touch_on_another_run_or_after_the_question_says_nothing(stage: Stage) -> None:
    screen = stage.asks()
    screen.touch("confirm", OTHER)
    stage.display.cancel(OTHER)
    stage.display.cancel(RUN)
    screen.shows(confirm=None)
    screen.touch("confirm")
    stage.display.ask(Ask(OTHER, 1, Confirm(ANNA, 15.0)))
    screen.shows(confirm={"run": OTHER, "facts": MASKED})
    screen.touch("decline", OTHER)
    assert until(lambda: stage.heard) == [Answered(OTHER, 1, Failed(Reason.DECLINED))]


def test_a_screen_that_repeats_itself_is_heard_once_and_fills_nobodys_queue(stage: Stage) -> None:
    screen = stage.asks()
    for _ in range(2000):
        screen.touch("confirm")
    screen.touch("confirm", run=None)
    screen.sock.sendall(b"that is all\n")
    assert screen.is_sent_away()
    assert stage.heard == [Answered(ASK.run, ASK.number, Confirmed())]


def test_what_was_read_is_shown_no_more_once_the_traveller_has_been_let_in(stage: Stage) -> None:
    screen = stage.asks()
    stage.display.show(Phase.ENTRY_RELEASED, None)
    screen.shows(phase="entry_released", confirm=None)
    late = stage.screen()
    assert late.line()["confirm"] is None


def test_a_record_that_cannot_be_read_is_nothing_to_say_yes_to(stage: Stage) -> None:
    stage.broken = True
    stage.display.ask(ASK)
    assert until(lambda: stage.heard) == [Answered(RUN, 4, Failed(Reason.RECORDS_UNAVAILABLE))]
    assert stage.screen().line()["confirm"] is None


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\n",
        b"[1]\n",
        b'{"touch": "confirm"}\n',
        b'{"touch": "open", "run": "a"}\n',
        b'{"touch": ["confirm"], "run": "a"}\n',
        b'{"touch": "confirm", "run": "a", "phase": "idle"}\n',
        b"x" * 5000,
    ],
)
def test_a_screen_that_says_anything_else_is_sent_away_and_the_others_stay(stage: Stage, said: bytes) -> None:
    good = stage.screen()
    rude = stage.screen()
    rude.line()
    rude.sock.sendall(said)
    assert rude.is_sent_away()
    stage.display.show(Phase.IDLE, None)
    good.shows(phase="idle")
    assert stage.heard == []


def test_a_screen_that_does_not_read_holds_up_nobody_and_sees_the_newest_when_it_reads_again(stage: Stage) -> None:
    slow, quick = stage.screen(), stage.screen()
    for number in range(3000):
        stage.display.hint(f"hint-{number}-" + "x" * 400)
        if number % 100 == 0:
            quick.shows(hint=f"hint-{number}-" + "x" * 400)
    stage.display.hint("last")
    quick.shows(hint="last")
    slow.shows(hint="last")


def test_screens_beyond_the_limit_are_sent_away_and_one_that_leaves_makes_room(stage: Stage) -> None:
    screens = [stage.screen() for _ in range(SCREENS)]
    for screen in screens:
        screen.line()
    assert stage.screen().is_sent_away()
    screens[0].close()

    def taken() -> bool:
        line = stage.screen()._lines.readline()
        return bool(line)

    until(taken)


def test_a_hint_is_of_the_face_that_is_looked_at_and_goes_with_that_question(stage: Stage) -> None:
    screen = stage.screen()
    stage.display.show(Phase.VERIFYING, None)
    stage.display.asking(Asking((Asked.VERIFY_FACE, Asked.VERIFY_FINGER)))
    stage.display.hint("too_dark")
    screen.shows(asks=["verify_face", "verify_finger"], hint="too_dark")
    stage.display.asking(Asking((Asked.VERIFY_FINGER,), (Asked.LOOK_UP_RECORD,), invites=True))
    screen.shows(asks=["verify_finger"], front=["look_up_record"], invites=True, hint="")


def test_a_screen_is_told_the_language_of_who_is_served_and_never_their_nationality(tmp_path: Path) -> None:
    def facts(_subject: SubjectId) -> Mapping[str, str]:
        return {"document.nationality": "CHN"}

    path, lane = tmp_path / "display.sock", {"behind": "shut"}
    with (
        closing(Display(path, facts, lambda _said: None, lane=lane, spoken={"CHN": "zh_Hans"})) as display,
        closing(Screen(path)) as screen,
    ):
        assert screen.line()["lane"] == lane
        display.show(Phase.TOKEN_PRESENTED, None)
        display.met(Ask(RUN, 1, CheckEligibility(ANNA)))
        display.asking(Asking((Asked.CHECK_ELIGIBILITY,)), RUN)
        assert "CHN" not in str(screen.shows(language="zh_Hans"))
        display.cancel(RUN)
        display.asking(Asking(None, None, invites=True), None)
        display.show(Phase.IDLE, None)
        screen.shows(phase="idle", language="")
        display.asking(Asking(()), RUN)
        display.show(Phase.TOKEN_PRESENTED, None)
        screen.shows(phase="token_presented", language="")
