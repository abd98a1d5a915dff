"""One passage by itself: what is asked together, and answers that are late, doubled or nobody's."""

from collections.abc import Callable, Generator
from itertools import permutations

import pytest

from gatefw.clearance import Procedure
from gatefw.model import (
    AllAnswered,
    Answer,
    Decision,
    FaceCompared,
    Failed,
    FingerCompared,
    LetIn,
    LookUpRecord,
    Reason,
    Reply,
    Request,
    RunId,
    SubjectId,
    Together,
    Token,
    Verdict,
    VerifyFace,
    VerifyFinger,
)
from gatefw.passage import Passage

ANNA = SubjectId("5" * 32)
FACE, FINGER = VerifyFace(ANNA, 6.0), VerifyFinger(ANNA, 8.0)
LIKE = FaceCompared(True, 0.3, 0.542, 0.001, 3)
LAID = FingerCompared(True, 120, 1)
NO_FINGER = Failed(Reason.NO_FINGER)


def both(heard: list[Reply]) -> Procedure:
    """Face and finger at once, then the finger alone."""
    heard.append((yield Together((FACE, FINGER))))
    heard.append((yield FINGER))
    return Decision(Verdict.ADMIT, Reason.OK, ANNA)


def begun(heard: list[Reply]) -> tuple[Passage, list[int]]:
    passage = Passage(RunId("a" * 16), both(heard), 0.0)
    request = passage.go_on(None)
    assert isinstance(request, Together)
    numbered = passage.ask(request)
    assert [question for _, question in numbered] == [FACE, FINGER]
    return passage, [number for number, _ in numbered]


@pytest.mark.parametrize("order", list(permutations((0, 1))))
def test_answers_come_in_any_order_and_are_handed_on_in_the_order_of_the_questions(order: tuple[int, ...]) -> None:
    passage, numbers = begun([])
    answers: tuple[Answer, ...] = (LIKE, LAID)
    first, last = (passage.answered(numbers[each], answers[each]) for each in order)
    assert first is None
    assert last == AllAnswered((LIKE, LAID))


def test_one_that_failed_is_an_answer_among_the_others() -> None:
    passage, (face, finger) = begun([])
    passage.answered(finger, NO_FINGER)
    assert passage.answered(face, LIKE) == AllAnswered((LIKE, NO_FINGER))


def test_a_question_that_was_answered_is_not_waited_for_any_more() -> None:
    """A reply twice: whoever asks `waits_for` first drops the second one."""
    passage, (face, finger) = begun([])
    assert passage.answered(face, LIKE) is None
    assert not passage.waits_for(face)
    assert passage.waits_for(finger)


def test_answers_to_what_was_asked_before_are_late_once_the_procedure_has_gone_on() -> None:
    heard: list[Reply] = []
    passage, (face, finger) = begun(heard)
    passage.answered(face, LIKE)
    together = passage.answered(finger, LAID)
    assert together is not None
    assert passage.go_on(together) == FINGER
    ((again, _),) = passage.ask(FINGER)
    assert again not in (face, finger)
    assert [passage.waits_for(number) for number in (face, finger, again, again + 1)] == [False, False, True, False]
    assert passage.answered(again, LAID) == LAID
    assert heard == [AllAnswered((LIKE, LAID))]


def test_one_question_together_with_none_is_still_answered_as_together() -> None:
    def one() -> Procedure:
        yield Together((FACE,))
        return Decision(Verdict.ADMIT, Reason.OK)

    passage = Passage(RunId("a" * 16), one(), 0.0)
    request = passage.go_on(None)
    assert isinstance(request, Together)
    ((number, _),) = passage.ask(request)
    assert passage.answered(number, LIKE) == AllAnswered((LIKE,))


def test_a_run_that_ends_between_two_answers_waits_for_neither() -> None:
    heard: list[Reply] = []
    passage, (face, finger) = begun(heard)
    passage.answered(face, LIKE)
    assert passage.end() is Reason.SOFTWARE
    assert heard == []
    assert passage.go_on(AllAnswered((LIKE, LAID))) == Decision(Verdict.REFER, Reason.SOFTWARE)
    assert not passage.waits_for(finger)


def _breaks() -> Generator[Request, Reply, Decision]:
    yield LookUpRecord(Token(b"A"))
    raise ZeroDivisionError


def _forgets_to_decide() -> Generator[Request, Reply, object]:
    yield LetIn()
    return None


@pytest.mark.parametrize("procedure", [_breaks, _forgets_to_decide])
def test_a_procedure_that_breaks_or_decides_nothing_refers(procedure: Callable[[], Procedure]) -> None:
    passage = Passage(RunId("a" * 16), procedure(), 0.0)
    passage.go_on(None)
    assert passage.decision is None
    passage.go_on(Failed(Reason.NO_FACE))
    assert passage.decision == Decision(Verdict.REFER, Reason.SOFTWARE)
    assert passage.end() is Reason.SOFTWARE
