"""What an officer may be shown of a traveller, from the first answer until it is forgotten."""

import pytest
from cases_bench import Followed
from gate_bench import ANNA, ENTRY, EXIT, MATCH

from gatefw.cases import AFTER_S, COUNTER_MAX, Case, Cases, requirement
from gatefw.clearance import Procedure
from gatefw.gate_terms import TokenRead
from gatefw.model import (
    Answer,
    Asked,
    ChipProof,
    Confirm,
    Confirmed,
    Decision,
    DocumentRead,
    FaceCompared,
    FaceIdentified,
    Failed,
    FingerCompared,
    IdentifyFace,
    Ineligible,
    Input,
    Occupancy,
    Phase,
    Position,
    Question,
    ReadDocument,
    Reason,
    RecordFound,
    RunId,
    SubjectId,
    Timer,
    Token,
    Verdict,
    VerifyFace,
)
from gatefw.passage import Passage

MISMATCH = FaceCompared(False, 0.71239, 0.542, 0.001, 3)
BERT = SubjectId("b" * 32)
READ = DocumentRead("L898902C3", "UTO", "UTO", "1974-08-12", "2032-04-15", b"a picture", ChipProof.CHIP)
RECORD = {"name": "ANNA", "document.number": "K0", "journey.number": "CX100", "permit.kind": "A1"}


@pytest.fixture
def bench() -> Followed:
    return Followed(Cases())


def opened(bench: Followed, run: RunId | None = None) -> Case:
    found = bench.cases.open(run)
    assert found is not None
    return found[0]


def told(bench: Followed) -> dict[str, object]:
    found = bench.cases.open()
    assert found is not None
    case, phase = found
    return case.told(bench.now_s, phase, RECORD)


# ---------------------------------------------------------------- while it is open


def test_a_case_tells_how_far_a_passage_has_come_and_whose_it_may_be(bench: Followed) -> None:
    bench.inside().later(2.0)
    assert told(bench) == {
        "run": bench.runs[0],
        "phase": "verifying",
        "since_s": 3.0,
        "ended": False,
        "verdict": None,
        "reason": None,
        "requirements": [
            {"name": "look_up_record", "outcome": "met"},
            {"name": "check_eligibility", "outcome": "met"},
            {"name": "verify_face", "outcome": "open"},
        ],
        "facts": {"name": "ANNA", "document.number": "K0"},
    }
    assert opened(bench).subject == ANNA


def test_whoever_was_turned_away_is_a_case_with_the_answer_that_decided_it_until_they_left(bench: Followed) -> None:
    bench.inside().answer(MISMATCH)
    case = opened(bench)
    assert (bench.phase, case.verdict, case.reason) == (Phase.REFUSED, Verdict.REFUSE, Reason.FACE_MISMATCH)
    assert case.requirements[-1] == (Asked.VERIFY_FACE, MISMATCH)
    bench.door(ENTRY, Position.OPEN).people(Occupancy.EMPTY)
    assert bench.cases.open() is None


def test_whoever_passed_is_forgotten_at_once(bench: Followed) -> None:
    bench.inside().answer(MATCH).commit().commit()
    assert opened(bench).verdict is Verdict.ADMIT
    bench.door(EXIT, Position.OPEN).people(Occupancy.EMPTY)
    bench.now_s += 5.0
    bench.door(EXIT, Position.SECURED)
    assert bench.phase is Phase.IDLE
    assert bench.cases.open() is None
    assert bench.cases.open(bench.runs[0]) is None


def test_whoever_is_referred_is_a_case_on_the_way_to_the_counter_while_the_lane_serves_others(bench: Followed) -> None:
    bench.inside().over(Timer.VERIFY)
    bench.door(ENTRY, Position.OPEN).people(Occupancy.EMPTY)
    bench.now_s += 5.0
    bench.door(ENTRY, Position.SECURED).over(Timer.SCAN)
    assert (bench.phase, opened(bench).run) == (Phase.IDLE, bench.runs[0])
    bench.give(TokenRead("reader.front", Token(b"BERT", "]Q1"))).answer(RecordFound(BERT))
    assert (opened(bench).subject, opened(bench, bench.runs[0]).subject) == (BERT, ANNA)
    bench.cases.forget(bench.runs[0])
    assert bench.cases.open(bench.runs[0]) is None


def test_a_case_at_the_counter_is_forgotten_after_a_while_although_nobody_cleared_it(bench: Followed) -> None:
    bench.inside().over(Timer.VERIFY)
    bench.later(AFTER_S - 1.0)
    assert opened(bench).run == bench.runs[0]
    bench.later(1.0)
    assert bench.cases.open() is None


def test_whoever_is_held_is_a_case(bench: Followed) -> None:
    bench.inside().people(Occupancy.ONE, Input.STOP)
    assert (bench.phase, opened(bench).reason) == (Phase.HOLD, Reason.STOPPED)


def refer(_token: object, _terms: object) -> Procedure:
    yield VerifyFace(ANNA, 1.0)
    return Decision(Verdict.REFER, Reason.NO_FACE, ANNA)


def test_no_more_people_than_can_be_are_on_their_way_to_the_counter() -> None:
    """A lane that sends one after the other away before they are in."""
    bench = Followed(Cases(), refer)
    bench.idle()
    for _ in range(COUNTER_MAX + 3):
        bench.give(TokenRead("reader.front", Token(b"ANNA", "]Q1"))).answer(Failed(Reason.NO_FACE))
    assert len(bench.runs) == COUNTER_MAX + 3
    assert [run for run in bench.runs if bench.cases.open(run)] == bench.runs[-COUNTER_MAX:]


# ---------------------------------------------------------------- what is told


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, {"outcome": "open"}),
        (Confirmed(), {"outcome": "met"}),
        (Failed(Reason.NO_FINGER), {"outcome": "not_met", "reason": "no_finger"}),
        (MATCH, {"outcome": "met", "score": 0.3, "threshold": 0.542}),
        (MISMATCH, {"outcome": "not_met", "reason": "face_mismatch", "score": 0.7124, "threshold": 0.542}),
        (FingerCompared(True, 50, 1), {"outcome": "met"}),
        (FingerCompared(False, 5, 2), {"outcome": "not_met", "reason": "finger_mismatch"}),
        (FaceIdentified(ANNA, 0.21, 0.33, 500, 0.001, 3), {"outcome": "met", "score": 0.21, "threshold": 0.33}),
        (
            Ineligible((("resident", Reason.NOT_RESIDENT), ("age", Reason.UNDER_AGE)), Verdict.REFER),
            {
                "outcome": "not_met",
                "reason": "not_resident",
                "rules": [{"rule": "resident", "reason": "not_resident"}, {"rule": "age", "reason": "under_age"}],
            },
        ),
    ],
)
def test_a_requirement_is_told_with_its_outcome(answer: Answer | None, said: dict[str, object]) -> None:
    assert requirement(Asked.VERIFY_FACE, answer) == {"name": "verify_face", **said}


def answered(*asked: tuple[Question, Answer]) -> Case:
    """The case of a passage that asked this and got these answers."""

    def procedure() -> Procedure:
        for question, _ in asked:
            yield question
        return Decision(Verdict.REFER, Reason.OK)

    passage = Passage(RunId("r"), procedure(), 0.0)
    reply = None
    for question, answer in asked:
        passage.go_on(reply)
        [(number, _)] = passage.ask(question)
        reply = passage.answered(number, answer)
    return Case.of(passage)


def test_what_a_chip_says_stands_before_what_a_record_says_and_its_picture_is_not_kept() -> None:
    case = answered((ReadDocument(b"", 1.0), READ))
    assert case.document is not None
    assert case.document.portrait == b""
    assert case.told(1.0, Phase.VERIFYING, RECORD)["facts"] == {
        "name": "ANNA",
        "document.number": "L898902C3",
        "document.nationality": "UTO",
        "born": "1974-08-12",
    }


def test_a_record_of_which_the_traveller_said_that_it_is_not_them_is_not_theirs() -> None:
    """A false hit: what an officer is shown must not be the data of somebody else."""
    found = IdentifyFace(1.0), FaceIdentified(ANNA, 0.2, 0.3, 5, 0.001, 3)
    assert answered(found, (Confirm(ANNA, 1.0), Confirmed())).subject == ANNA
    assert answered(found, (Confirm(ANNA, 1.0), Failed(Reason.DECLINED))).subject is None


def test_nothing_personal_is_in_what_is_printed_of_a_case(bench: Followed) -> None:
    bench.inside()
    printed = repr((opened(bench), bench.gate.runs.served, answered((ReadDocument(b"", 1.0), READ))))
    assert ANNA not in printed
    assert "L898902C3" not in printed
