"""A gallery that has outgrown its model: the lane closes, or who is found shows a finger as well, as its file says."""

import re
from pathlib import Path
from typing import Any

import pytest
from test_config import ENV, FOLDER
from test_config_in_front import check

import hw
from gatefw import config
from gatefw.clearance import Procedure, Terms, document_free, walk_through
from gatefw.config import Finding
from gatefw.crew import gate_settings
from gatefw.model import (
    AllAnswered,
    Decision,
    Eligible,
    FaceCompared,
    FaceIdentified,
    Failed,
    FingerCompared,
    Inside,
    LetIn,
    Reason,
    SubjectId,
    Together,
    Token,
    Verdict,
    VerifyFace,
    VerifyFinger,
)
from gatefw.simulate.day import tell
from gatefw.simulate.stories import OUTGROWN
from gatefw.simulate.stories import of_lane as stories_of

ANNA = SubjectId("5" * 32)
SAME, OTHER = FaceCompared(True, 0.3, 0.542, 1e-3, 1), FaceCompared(False, 0.8, 0.542, 1e-3, 5)
FINGER = '\n[finger.inside]\ndriver = "r30x"\nlink = "serial:/dev/serial/by-id/usb-FINGER-if00?baud=57600"\n'
ASKED = '\n[gallery]\noutgrown = "finger"\n'


def found(more: bool) -> FaceIdentified:
    return FaceIdentified(ANNA, 0.31, 0.42, 900, 0.01, 3, more)


def inside(procedure: Procedure, more: bool) -> object:
    """What is asked of somebody who was found, once they are in."""
    next(procedure)
    procedure.send(found(more))
    assert isinstance(procedure.send(Eligible()), LetIn)
    return procedure.send(Inside())


def decided(procedure: Procedure, reply: Any) -> Decision:
    with pytest.raises(StopIteration) as ended:
        procedure.send(reply)
    decision = ended.value.value
    assert isinstance(decision, Decision)
    return decision


def test_who_is_found_in_a_gallery_that_fits_is_asked_for_no_finger() -> None:
    procedure = walk_through.clear(Token(b""), Terms())
    assert inside(procedure, more=False) == VerifyFace(ANNA, 8.0)
    assert decided(procedure, SAME) == Decision(Verdict.ADMIT, Reason.OK, ANNA)


@pytest.mark.parametrize(
    ("face", "finger", "ends"),
    [
        (SAME, FingerCompared(True, 90, 1), Decision(Verdict.ADMIT, Reason.OK, ANNA)),
        (OTHER, FingerCompared(True, 90, 1), Decision(Verdict.REFUSE, Reason.PERSON_SWAPPED, ANNA)),
        (SAME, Failed(Reason.FINGERS_UNAVAILABLE), Decision(Verdict.REFER, Reason.FINGERS_UNAVAILABLE, ANNA)),
        (SAME, Failed(Reason.FINGER_NOT_ENROLLED), Decision(Verdict.REFER, Reason.FINGER_NOT_ENROLLED, ANNA)),
    ],
)
def test_who_is_found_in_one_that_does_not_fit_passes_with_face_and_finger_together(
    face: FaceCompared, finger: FingerCompared | Failed, ends: Decision
) -> None:
    procedure = walk_through.clear(Token(b""), Terms())
    assert inside(procedure, more=True) == Together((VerifyFace(ANNA, 8.0), VerifyFinger(ANNA, 8.0)))
    assert decided(procedure, AllAnswered((face, finger))) == ends


def test_a_finger_that_cannot_be_read_is_asked_for_as_often_as_the_lane_allows_and_another_is_no_clearance() -> None:
    procedure = walk_through.clear(Token(b""), Terms(finger_tries=3))
    inside(procedure, more=True)
    unread = Failed(Reason.FINGER_UNCLEAR)
    assert procedure.send(AllAnswered((SAME, unread))) == VerifyFinger(ANNA, 8.0)
    assert procedure.send(unread) == VerifyFinger(ANNA, 8.0)
    assert decided(procedure, FingerCompared(False, 9, 1)) == Decision(Verdict.REFUSE, Reason.FINGER_MISMATCH, ANNA)


def test_where_nobody_is_let_in_no_finger_can_be_asked_for_and_nobody_passes_on_the_face_alone() -> None:
    procedure = walk_through.clear(Token(b""), Terms(second_look=False))
    next(procedure)
    procedure.send(found(more=True))
    assert decided(procedure, Eligible()) == Decision(Verdict.REFER, Reason.GALLERY_TOO_LARGE, ANNA)


def test_a_procedure_that_always_asks_for_a_finger_asks_no_more_than_that() -> None:
    assert document_free.INSIDE == ("face_deadline_s", "finger_s")


# ---------------------------------------------------------------- the lane file


def of_lane(tmp_path: Path, lane: str, more: str = "", verify_s: float = 20.0) -> Path:
    """The lane with `outgrown = "finger"`, and with `more` at its end."""
    text = (FOLDER / "lanes" / f"{lane}.toml").read_text().replace("verify_s = 20.0", f"verify_s = {verify_s}")
    text, replaced = re.subn(r"\n\[gallery\].*\n", ASKED, text)
    file = tmp_path / "lane.toml"
    file.write_text(text + ("" if replaced else ASKED) + more)
    return file


def errors(file: Path) -> list[Finding]:
    return [each for each in check(file) if not each.warning]


def test_a_lane_with_a_finger_sensor_and_the_time_for_it_may_ask_for_one(tmp_path: Path) -> None:
    file = of_lane(tmp_path, "hetao", FINGER, 40.0)
    assert errors(file) == []
    loaded = config.load(file, hw.schema, env=ENV)
    assert loaded.vision.searched.outgrown == "finger"
    assert gate_settings(loaded).bears == {Reason.GALLERY_TOO_LARGE}
    hetao = config.load(FOLDER / "lanes" / "hetao.toml", hw.schema, env=ENV)
    assert (hetao.vision.searched.outgrown, gate_settings(hetao).bears) == ("close", frozenset())


def test_in_a_simulated_lane_a_finger_is_asked_for_while_the_gallery_is_too_large_and_tells_lookalikes(
    tmp_path: Path,
) -> None:
    lane = config.load(of_lane(tmp_path, "hetao", FINGER, 40.0), hw.schema, env=ENV)
    told = {story.name: story for story in stories_of(lane, gate_settings(lane).terms)}
    for wanted in OUTGROWN:
        came, _ = tell(lane, told[wanted.name])
        assert came.expected, came
    hetao = config.load(FOLDER / "lanes" / "hetao.toml", hw.schema, env=ENV)
    assert "outgrown" not in [story.name for story in stories_of(hetao, gate_settings(hetao).terms)]


def test_the_lanes_time_out_stands_behind_the_finger_too(tmp_path: Path) -> None:
    (problem,) = errors(of_lane(tmp_path, "hetao", FINGER))
    assert (problem.key, "clearance.finger_tries = 3 times" in problem.problem) == ("timers.verify_s", True)


@pytest.mark.parametrize(
    ("lane", "more", "says"),
    [
        ("hetao", "", "the lane has no sensor for it"),
        ("flight-token-security", FINGER, "say clearance.second_look = true"),
        ("contactless-e-channel", FINGER, "asks nobody whom it found"),
    ],
)
def test_a_lane_that_cannot_ask_for_a_finger_may_not_promise_to(
    tmp_path: Path, lane: str, more: str, says: str
) -> None:
    found = errors(of_lane(tmp_path, lane, more, 40.0))
    problems = [each for each in found if each.key == "gallery.outgrown"]
    assert [says in each.problem for each in problems] == [True]
    assert problems[0].line
