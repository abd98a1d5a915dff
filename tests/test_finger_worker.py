"""How a finger is waited for, compared and enrolled: with a scripted scanner and a clock of the test's own."""

from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from peers import until

from gatefw.clearance import Terms, finger
from gatefw.errors import BadReply, DeviceLost, StoreError
from gatefw.finger_worker import LAYINGS, LOOK_S, FingerWatch, FingerWorker, Prompt, enrol, verify
from gatefw.fingers import Fingerprint
from gatefw.gate_terms import Answered, Ask, DeviceCame, DeviceWent, GateInput
from gatefw.model import Failed, FingerCompared, Reason, Reply, RunId, SubjectId, VerifyFinger
from gatefw.ports import FingerMatch

WAIT_S = 30.0
ANNA, BORIS = "anna", "boris"
SUBJECT = SubjectId("5" * 32)


class Scanner:
    """A scanner before which people do what the test laid out: one entry for each look, the last one stays.

    A name lies there clearly, "?" unclearly, "" is nothing. Templates are names.
    """

    kind = "fake"

    def __init__(self, *happens: str) -> None:
        self._happens = list(happens)
        self.samples: dict[int, str] = {}
        self.loaded = ""
        self.done: list[str] = []
        self.lost = False
        self.compares = 0

    def check(self) -> None:
        self._note("check")

    def look(self, sample: int = 1) -> Reason:
        if self.lost:
            raise DeviceLost("gone")
        lies = self._happens.pop(0) if len(self._happens) > 1 else self._happens[0]
        if lies in ("", "?"):
            return Reason.FINGER_UNCLEAR if lies else Reason.NO_FINGER
        self.samples[sample] = lies
        return Reason.OK

    def load(self, template: bytes) -> None:
        self._note("load")
        self.loaded = template.decode()

    def compare(self) -> FingerMatch:
        self._note("compare")
        self.compares += 1
        matched = self.samples[1] == self.loaded
        return FingerMatch(matched, 200 if matched else 20)

    def merge(self) -> bytes | None:
        self._note("merge")
        return self.samples[1].encode() if self.samples[1] == self.samples[2] else None

    def wipe(self) -> None:
        self._note("wipe")
        self.samples, self.loaded = {}, ""

    def close(self) -> None:
        self.done.append("close")

    def _note(self, what: str) -> None:
        if self.lost:
            raise DeviceLost("gone")
        if self.done[-1:] != [what]:
            self.done.append(what)


class Hall:
    """A scanner, and a clock that moves only when somebody rests."""

    def __init__(self, *happens: str, deadline_s: float = 100.0, given_up: Callable[[], bool] = lambda: False) -> None:
        self.scanner, self.now_s = Scanner(*happens), 0.0
        self.said: list[Prompt] = []
        self.watch = FingerWatch(self.scanner, deadline_s, given_up, self._rest, lambda: self.now_s)

    def _rest(self, seconds: float) -> None:
        self.now_s += seconds

    def verify(self) -> Reply:
        return verify(self.scanner, ANNA.encode(), self.watch)

    def passage(self, terms: Terms) -> Reply:
        """As often as a procedure asks, each time for as long as it says."""
        asks = finger(SUBJECT, terms)
        question = next(asks)
        while isinstance(question, VerifyFinger):
            ends_s = self.now_s + question.deadline_s
            watch = FingerWatch(self.scanner, ends_s, lambda: False, self._rest, lambda: self.now_s)
            try:
                question = asks.send(verify(self.scanner, ANNA.encode(), watch))
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
        raise AssertionError(question)

    def enrol(self) -> bytes | Reason:
        return enrol(self.scanner, self.watch, self.said.append)


# ---------------------------------------------------------------- comparing


def test_a_finger_that_fits_is_told_with_its_score() -> None:
    assert Hall("", "", ANNA).verify() == FingerCompared(True, 200, 1)


def test_nobody_who_lays_a_finger_down_is_no_finger_when_the_time_is_over() -> None:
    hall = Hall("", deadline_s=8.0)
    assert hall.verify() == Failed(Reason.NO_FINGER)
    assert 8.0 <= hall.now_s < 8.0 + 2 * LOOK_S


def test_another_finger_may_be_tried_after_it_was_lifted() -> None:
    assert Hall(BORIS, "", "", ANNA).verify() == FingerCompared(True, 200, 2)


def test_a_finger_that_stays_there_is_compared_once_only() -> None:
    hall = Hall(BORIS, deadline_s=30.0)
    assert hall.verify() == FingerCompared(False, 20, 1)
    assert hall.scanner.compares == 1


def test_one_look_that_sees_nothing_is_no_lifted_finger() -> None:
    hall = Hall(BORIS, "", BORIS, "", BORIS, deadline_s=30.0)
    assert hall.verify() == FingerCompared(False, 20, 1)


def test_after_three_layings_it_is_over_whoever_comes_next() -> None:
    hall = Hall(*[BORIS, "", ""] * LAYINGS, ANNA)
    assert hall.verify() == FingerCompared(False, 20, 3)
    assert hall.scanner.compares == LAYINGS


def test_a_finger_that_gets_clear_while_it_lies_there_is_compared() -> None:
    assert Hall("?", "?", ANNA).verify() == FingerCompared(True, 200, 1)


def test_a_finger_that_is_lifted_unclear_may_be_laid_down_again_three_times() -> None:
    assert Hall("?", "", "?", "", ANNA).verify() == FingerCompared(True, 200, 3)
    assert Hall("?", "", "?", "", "?", "", ANNA).verify() == Failed(Reason.FINGER_UNCLEAR)


def test_a_finger_that_never_gets_clear_is_unclear_when_the_time_is_over() -> None:
    assert Hall("?", deadline_s=8.0).verify() == Failed(Reason.FINGER_UNCLEAR)


def test_an_unclear_finger_that_went_away_is_still_told_as_unclear() -> None:
    assert Hall("?", "", deadline_s=8.0).verify() == Failed(Reason.FINGER_UNCLEAR)


def test_a_mismatch_counts_more_than_an_unclear_finger_after_it() -> None:
    assert Hall(BORIS, "", "", "?", deadline_s=8.0).verify() == FingerCompared(False, 20, 1)


def test_who_gave_the_question_up_waits_no_longer() -> None:
    hall = Hall("", given_up=lambda: True)
    assert hall.verify() == Failed(Reason.NO_FINGER)
    assert hall.now_s == 0.0


LOOKS = st.lists(st.sampled_from([ANNA, BORIS, "?", ""]), min_size=1, max_size=40)


@given(LOOKS)
def test_whatever_lies_there_a_match_is_annas_finger_and_nothing_is_tried_too_often(happens: list[str]) -> None:
    hall = Hall(*happens, deadline_s=8.0)
    reply = hall.verify()
    assert hall.now_s < 8.0 + 2 * LOOK_S
    assert hall.scanner.compares <= LAYINGS
    match reply:
        case FingerCompared(True, _, attempts):
            assert hall.scanner.samples[1] == ANNA and 1 <= attempts <= LAYINGS
        case FingerCompared(False, _, attempts):
            assert BORIS in happens and 1 <= attempts <= LAYINGS
        case Failed(reason):
            assert reason in (Reason.NO_FINGER, Reason.FINGER_UNCLEAR)


@given(LOOKS)
def test_no_passage_compares_a_finger_more_often_than_three_layings_however_often_it_is_asked_for(
    happens: list[str],
) -> None:
    """Boris stands inside with Anna's card, and lays down one finger after the other, or one that he leaves there."""
    hall = Hall(*happens)
    hall.passage(Terms(finger_tries=10))
    assert hall.scanner.compares <= LAYINGS


def test_a_finger_that_differs_and_stays_there_is_compared_once_in_a_passage() -> None:
    hall = Hall(BORIS)
    assert hall.passage(Terms()) == FingerCompared(False, 20, 1)
    assert hall.scanner.compares == 1


def test_a_finger_that_cannot_be_read_is_asked_for_as_often_as_the_lane_allows() -> None:
    assert Hall(*["?"] * 200, ANNA).passage(Terms(finger_tries=3)) == FingerCompared(True, 200, 1)
    assert Hall("?").passage(Terms(finger_tries=3)) == Failed(Reason.FINGER_UNCLEAR)


# ---------------------------------------------------------------- enrolling


def test_three_layings_of_one_finger_make_a_template() -> None:
    hall = Hall("", ANNA, "", "", ANNA, "", "", ANNA)
    assert hall.enrol() == b"anna"
    assert hall.said == [Prompt.LAY, Prompt.LIFT, Prompt.AGAIN, Prompt.LIFT, Prompt.AGAIN]
    assert hall.scanner.done == ["merge", "load", "compare"]


@pytest.mark.parametrize("happens", [[ANNA, "", "", BORIS], [ANNA, "", "", ANNA, "", "", BORIS]])
def test_layings_of_two_fingers_make_none(happens: list[str]) -> None:
    assert Hall(*happens).enrol() is Reason.FINGER_MISMATCH


def test_a_finger_that_stays_there_is_not_taken_for_a_second_laying() -> None:
    hall = Hall(ANNA, deadline_s=60.0)
    assert hall.enrol() is Reason.NO_FINGER
    assert hall.said == [Prompt.LAY, Prompt.LIFT]


def test_an_unclear_finger_is_asked_for_again_and_given_up_at_last() -> None:
    hall = Hall("?", "", ANNA, "", "", ANNA, "", "", ANNA)
    assert hall.enrol() == b"anna"
    assert hall.said[:3] == [Prompt.LAY, Prompt.UNCLEAR, Prompt.LIFT]
    hall = Hall(*["?", ""] * LAYINGS, ANNA)
    assert hall.enrol() is Reason.FINGER_UNCLEAR
    assert hall.said == [Prompt.LAY, Prompt.UNCLEAR, Prompt.UNCLEAR]


@pytest.mark.parametrize(
    "happens",
    [[""], [ANNA, "", "", ""], [ANNA, "", "", ANNA], [ANNA, "", "", ANNA, "", "", ""]],
    ids=["first", "second", "not lifted", "third"],
)
def test_who_does_not_come_back_is_not_enrolled(happens: list[str]) -> None:
    assert Hall(*happens, deadline_s=20.0).enrol() is Reason.NO_FINGER


@given(LOOKS)
def test_whatever_is_laid_down_a_template_is_of_one_finger_laid_down_three_times(happens: list[str]) -> None:
    hall = Hall(*happens, deadline_s=60.0)
    made = hall.enrol()
    assert hall.now_s < 60.0 + 2 * LOOK_S
    if isinstance(made, bytes):
        finger = made.decode()
        layings = "".join("x" if lies == finger else " " if lies == "" else "?" for lies in happens)
        assert len([part for part in layings.split("  ") if "x" in part]) >= 2
        assert hall.scanner.samples[1] == finger
    else:
        assert made in (Reason.NO_FINGER, Reason.FINGER_UNCLEAR, Reason.FINGER_MISMATCH)


# ---------------------------------------------------------------- the thread


class Desk:
    """A worker with a scripted scanner, and the inbox it answers to."""

    def __init__(self, *happens: str) -> None:
        self.scanner = Scanner(*happens)
        self.came: SimpleQueue[GateInput] = SimpleQueue()
        self.finger: Fingerprint | Reason | StoreError = Fingerprint("fake", b"anna")
        self.worker = FingerWorker("finger.lane", self._open, self.came.put, self._finger_of)

    def _open(self) -> Any:
        if self.scanner.lost:
            raise DeviceLost("not there")
        return self.scanner

    def _finger_of(self, subject: SubjectId) -> Fingerprint | Reason:
        assert subject == SUBJECT
        if isinstance(self.finger, StoreError):
            raise self.finger
        return self.finger

    def start(self) -> None:
        self.worker.start()
        assert self.next() == DeviceCame("finger.lane")

    def ask(self, number: int = 1, deadline_s: float = 60.0) -> None:
        self.worker.ask(Ask(RunId("r"), number, VerifyFinger(SUBJECT, deadline_s)))

    def next(self) -> GateInput:
        try:
            return self.came.get(timeout=WAIT_S)
        except Empty:
            raise AssertionError("no input came") from None

    def reply(self, number: int = 1) -> Reply:
        answered = self.next()
        assert isinstance(answered, Answered), answered
        assert (answered.run, answered.number) == (RunId("r"), number)
        return answered.reply


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk(ANNA)
    yield desk
    desk.worker.stop(WAIT_S)


def test_a_question_is_answered_and_then_nobody_is_left_in_the_sensor(desk: Desk) -> None:
    desk.start()
    desk.ask()
    assert desk.reply() == FingerCompared(True, 200, 1)
    until(lambda: desk.scanner.loaded == "" and "wipe" in desk.scanner.done[desk.scanner.done.index("compare") :])
    assert not desk.worker.asked


@pytest.mark.parametrize(
    ("finger", "reason"),
    [
        (Reason.FINGER_NOT_ENROLLED, Reason.FINGER_NOT_ENROLLED),
        (Reason.RECORD_EXPIRED, Reason.RECORD_EXPIRED),
        (Fingerprint("another make", b"anna"), Reason.FINGER_NOT_ENROLLED),
        (StoreError("disk"), Reason.RECORDS_UNAVAILABLE),
    ],
)
def test_without_a_template_that_fits_nothing_is_compared(
    desk: Desk, finger: Fingerprint | Reason | StoreError, reason: Reason
) -> None:
    desk.start()
    desk.finger = finger
    desk.ask()
    assert desk.reply() == Failed(reason)
    assert "load" not in desk.scanner.done


def test_who_is_revoked_while_their_finger_is_waited_for_is_not_matched(desk: Desk) -> None:
    """An officer revokes Anna, who stands inside and has not laid her finger down yet."""
    desk.scanner._happens = [""]
    desk.start()
    desk.ask()
    until(lambda: "load" in desk.scanner.done)
    desk.finger = Reason.FINGER_NOT_ENROLLED
    desk.scanner._happens = [ANNA]
    assert desk.reply() == Failed(Reason.FINGER_NOT_ENROLLED)


def test_a_sensor_that_is_not_there_is_answered_at_once(desk: Desk) -> None:
    desk.ask()
    assert desk.reply() == Failed(Reason.FINGERS_UNAVAILABLE)


def test_a_sensor_that_goes_while_it_is_asked_is_answered_and_told() -> None:
    desk = Desk("")
    desk.start()
    desk.ask()
    until(lambda: "load" in desk.scanner.done)
    desk.scanner.lost = True
    assert desk.reply() == Failed(Reason.FINGERS_UNAVAILABLE)
    assert desk.next() == DeviceWent("finger.lane", Reason.DEVICE_LOST)
    desk.worker.stop(WAIT_S)


def test_a_damaged_download_is_no_mismatch(desk: Desk) -> None:
    def damaged(_template: bytes) -> None:
        raise BadReply("not what was sent")

    desk.scanner.load = damaged  # type: ignore[method-assign]
    desk.start()
    desk.ask()
    assert desk.reply() == Failed(Reason.FINGERS_UNAVAILABLE)
    assert "compare" not in desk.scanner.done


def test_a_question_whose_run_is_over_lets_the_sensor_go() -> None:
    desk = Desk("")
    desk.start()
    desk.ask(deadline_s=3600.0)
    until(lambda: "load" in desk.scanner.done)
    desk.worker.cancel(RunId("r"))
    until(lambda: desk.scanner.done[-1] in ("wipe", "check"))
    desk.worker.stop(WAIT_S)
    assert desk.came.empty()


def test_a_daemon_that_ends_waits_for_no_finger() -> None:
    desk = Desk("")
    desk.start()
    desk.ask(deadline_s=3600.0)
    until(lambda: "load" in desk.scanner.done)
    desk.worker.stop(WAIT_S)
    assert desk.scanner.done[-1] == "close"
