"""Every passage that a simulated lane can play is told in plain words, whatever becomes of it."""

import re
from enum import StrEnum

import pytest
from told import played, stories

from gatefw.crew import gate_settings
from gatefw.events import FIELDS
from gatefw.meanings import MEANS
from gatefw.model import (
    Asked,
    ChipProof,
    DoorId,
    Fact,
    FactKind,
    Phase,
    Position,
    Purpose,
    Reason,
    RunId,
    Verb,
    Verdict,
)
from gatefw.simulate import lanes
from gatefw.simulate.stories import of_lane
from gatefw.story_words import PHASES, POSITIONS, PROOFS, PURPOSES, QUESTIONS, VERDICTS, WORDS

RUN = RunId("a" * 16)
IMPOSTOR = """\
+0.00 reader.front read a card, code or document.
+0.00 The lane looks into it, all doors locked.
+0.03 The lane invites the traveller in.
+0.03 The release of the entry door was asked for and permitted, to let the traveller in.
+0.04 The entry door was open.
+1.59 One person is inside; the lane waits for the entry door to close behind them.
+1.77 The release of the entry door ended.
+2.58 The entry door was closed, not locked.
+2.68 The entry door was closed and locked.
+2.68 One person is where they should be, and every door is locked.
+3.48 The face was compared over 5 frames: a distance of 0.813, of 0.542 allowed (one stranger in 1,000 comes \
within that): not alike enough.
+3.48 Decided: refuse. The face is not alike enough to what it was compared with.
+3.48 The lane lets the traveller out, refused.
+3.48 The passage ended: not passed (face_mismatch).
+3.48 The release of the entry door was asked for and permitted, to let whoever is inside out.
+3.49 The entry door was open.
+5.05 The lane makes sure that it is empty and its doors are locked."""


def fact(kind: FactKind, run: RunId | None = RUN, **fields: str | float | bool) -> Fact:
    return Fact(kind, run, tuple(fields.items()))


STARTED = fact(FactKind.PASSAGE_STARTED, reader="reader.front", symbology="]Q1")


def ended(reason: Reason, seconds: float = 2.0) -> Fact:
    return fact(FactKind.PASSAGE_ENDED, passed=reason is Reason.OK, reason=reason, seconds=seconds)


def test_an_impostor_is_told_from_the_token_to_the_way_back_with_score_and_threshold() -> None:
    config = lanes.load("contactless-e-channel")
    [impostor] = [each for each in of_lane(config, gate_settings(config).terms) if each.name == "impostor"]
    [told] = played(config, impostor)
    assert "\n".join(f"{line.after_s:+.2f} {line.words}" for line in told.lines) == IMPOSTOR
    assert (told.passed, told.reason, told.synchronised) == (False, Reason.FACE_MISMATCH, True)
    assert told.ended == (
        "Refused. The face is not alike enough to what it was compared with. "
        "Whoever was inside could leave by the entry door."
    )


@pytest.mark.parametrize("lane", lanes.names())
def test_every_story_of_every_lane_is_told_and_its_end_is_said_in_words(lane: str) -> None:
    for config in lanes.both_ways(lane):
        for story in of_lane(config, gate_settings(config).terms):
            told = played(config, story)
            assert [each.reason for each in told] == list(story.expects), story.name
            for each in told:
                assert each.reason is not None
                words = "\n".join(line.words for line in each.lines)
                assert "unknown" not in f"{words} {each.ended}".replace(f"({each.reason})", ""), story.name
                assert "Decided: " in words or each.ended.startswith("Ended by the lane"), story.name
                assert each.passed or MEANS[each.reason] in each.ended
                codes = re.findall(r"[a-z]+(?:_[a-z]+)+", words)
                assert set(codes) <= {each.reason.value}, "a code stands in brackets at the end, and nowhere else"


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (MEANS, Reason),
        (PHASES, Phase),
        (PURPOSES, Purpose),
        (POSITIONS, Position),
        (QUESTIONS, Asked),
        (PROOFS, ChipProof),
        (VERDICTS, Verdict),
    ],
)
def test_there_is_a_sentence_for_every_word_of_an_event(table: dict[str, str], words: type[StrEnum]) -> None:
    assert table.keys() == set(words)
    assert len(set(table.values())) == len(table), "each says something else"


def test_what_an_event_of_a_passage_says_is_told_for_every_kind_there_is() -> None:
    told = {kind for kind in FIELDS if kind.value.startswith(("passage.", "door.", "lane.", "alarm.", "input."))}
    assert told <= WORDS.keys()


def test_a_question_that_was_open_when_the_lane_ended_the_passage_is_named() -> None:
    """Somebody slips in while the face is looked at: nobody ever answered, and that is what the story says."""
    asked = fact(FactKind.QUESTION_FAILED, question=Asked.VERIFY_FACE, reason=Reason.TAILGATING)
    alarm = fact(FactKind.ALARM_RAISED, reason=Reason.TAILGATING)
    [told] = stories([(0.0, STARTED), (2.0, alarm), (2.0, asked), (2.0, ended(Reason.TAILGATING))])
    words = [line.words for line in told.lines]
    assert words[0] == "reader.front read a QR code."
    assert words[1] == "Alarm: more than one person was sensed inside."
    assert words[2] == "The face, to be compared with the record was still asked for when the passage ended."
    assert told.ended.startswith("Ended by the lane before a decision. More than one person was sensed inside.")


def test_a_release_that_the_interlock_did_not_permit_is_told_with_its_reason() -> None:
    release = fact(FactKind.DOOR_RELEASED, door=DoorId.EXIT, purpose=Purpose.ADMIT, alarm=False)
    dropped = fact(
        FactKind.RELEASE_DROPPED, door=DoorId.EXIT, purpose=Purpose.ADMIT, reason=Reason.OTHER_DOOR_NOT_SECURED
    )
    [told] = stories([(0.0, STARTED), (1.0, release), (1.1, dropped), (2.0, ended(Reason.RELEASE_DROPPED))])
    assert [line.words for line in told.lines[1:3]] == [
        "The release of the exit door was asked for, to let the traveller through.",
        "The interlock did not permit the exit door to be released: the other door was not closed and locked.",
    ]


def test_another_passage_on_the_way_is_left_out_and_a_device_that_was_lost_meanwhile_is_not() -> None:
    other = RunId("b" * 16)
    lost = fact(FactKind.DEVICE_LOST, None, device="camera.inside", reason=Reason.DEVICE_LOST)
    theirs = fact(FactKind.PASSAGE_DECIDED, other, verdict=Verdict.REFUSE, reason=Reason.TOKEN_UNKNOWN)
    later = fact(FactKind.DEVICE_RECOVERED, None, device="camera.inside")
    day = [(0.0, STARTED), (1.0, theirs), (1.5, lost), (2.0, ended(Reason.VISION_UNAVAILABLE)), (9.0, later)]
    told = stories(day)[0]
    assert [line.words for line in told.lines] == [
        "reader.front read a QR code.",
        "camera.inside was lost (device_lost).",
        "The passage ended: not passed (vision_unavailable).",
    ]


def test_of_a_passage_under_way_nothing_is_said_about_its_end() -> None:
    [told] = stories([(0.0, STARTED)])
    assert (told.passed, told.reason, told.seconds) == (None, None, None)
    assert told.ended == "It is under way, or the process died before it could say how it ended."


def test_what_was_ordered_meanwhile_is_told_with_its_reason_where_one_was_given() -> None:
    """A traveller collapses in the lane; an officer who did not see it closes the lane a moment later."""
    ordered, by = FactKind.OPERATOR_ORDERED, "bus-office/mk"
    evacuated = fact(ordered, verb=Verb.EVACUATE, by=by, accepted=True, reason=Reason.OK, why="medical")
    closed = fact(ordered, verb=Verb.CLOSE, by=by, accepted=False, reason=Reason.NOT_NOW)
    [told] = stories([(0.0, STARTED), (2.0, evacuated), (3.0, closed)])
    assert [line.words for line in told.lines[1:]] == [
        "bus-office/mk ordered: evacuate (medical).",
        "bus-office/mk ordered: close; it was not done (not_now).",
    ]


def test_what_a_lane_at_rest_does_after_a_passage_is_none_of_its_story_and_what_the_counter_says_is() -> None:
    """Nine minutes after somebody passed the lane was closed; an hour later the counter wrote its word down."""
    free = fact(FactKind.PHASE_CHANGED, phase=Phase.IDLE, previous=Phase.LEAVING)
    closed = fact(FactKind.OPERATOR_ORDERED, verb=Verb.CLOSE, by="uid-0", accepted=True, reason=Reason.OK)
    shut = fact(FactKind.PHASE_CHANGED, phase=Phase.OUT_OF_SERVICE, previous=Phase.IDLE)
    word = fact(FactKind.CLEARED_BY_HAND, by="uid-0", why="document_seen")
    day = [(0.0, STARTED), (2.0, free), (2.0, ended(Reason.OK)), (540.0, closed), (540.0, shut), (3600.0, word)]
    [told] = stories(day)
    words = [line.words for line in told.lines]
    assert len(words) == 4
    assert "free for the next" in words[1], words
    assert "counter" in words[3], words
