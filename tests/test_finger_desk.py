"""Enrolling a finger: the desk with a real store, a real worker and a scanner before which the test lays fingers."""

from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from peers import until
from test_finger_worker import Scanner

from gatefw.clerk import Clerk, HouseRules
from gatefw.control import Answer, Done, Order, Rejected, Rejection
from gatefw.errors import DeviceLost, GateError
from gatefw.finger_desk import ABANDONED_S, PULSE_S, FingerDesk, Session
from gatefw.finger_worker import FingerWorker, Prompt
from gatefw.fingers import Fingerprint, Fingers
from gatefw.gate_terms import Ask
from gatefw.model import Fact, FactKind, Reason, RunId, SubjectId, Token, VerifyFinger
from gatefw.record_terms import Consent, Modality, RecordState
from gatefw.records import Records

NOW, DAY_S, WAIT_S = 1_700_000_000.0, 86_400.0, 30.0
FINGER = Consent(frozenset({Modality.FINGER}), NOW)
THRICE = ("anna", "", "", "anna", "", "", "anna")


class Clock:
    """Monotonic seconds that move when the test says so."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class Office:
    """Records, fingers, a worker with a scripted scanner, and the desk; the test is the clerk's thread."""

    def __init__(self, folder: Path) -> None:
        self.records = Records(folder / "records.sqlite", b"k" * 32)
        self.fingers = Fingers(folder / "fingers.sqlite", b"k" * 32)
        self.scanner, self.clock, self.now = Scanner(""), Clock(), NOW
        self.tasks: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self.handed_over = 0
        self.facts: list[Fact] = []
        self.inputs: SimpleQueue[Any] = SimpleQueue()
        self.worker = FingerWorker("finger.lane", self._open, self.inputs.put, self._finger_of)
        self.desk = FingerDesk(
            self.records, self.fingers, self.worker, self.facts.append, lambda: self.now, self._later, self.clock
        )
        self.subject = self.registered("A1234567")

    def _open(self) -> Any:
        if self.scanner.lost:
            raise DeviceLost("not there")
        return self.scanner

    def _finger_of(self, subject: SubjectId) -> Fingerprint | Reason:
        return self.fingers.get(subject, self.now)

    def _later(self, task: Callable[[], None]) -> None:
        self.tasks.put(task)
        self.handed_over += 1

    def until_the_sensor_let_go(self) -> None:
        until(lambda: self.handed_over, "the sensor let go of the enrolment", WAIT_S)
        self._worked()

    def registered(self, code: str) -> SubjectId:
        consent = Consent(frozenset({Modality.FACE}), NOW)
        subject = self.records.enrol([Token(code.encode())], {}, consent, NOW + DAY_S)
        self.records.activate(subject, NOW)
        return subject

    def start(self) -> None:
        self.worker.start()
        until(lambda: self.worker.device is not None, "the sensor is open", WAIT_S)

    def order(self, **args: Any) -> Answer:
        """Give the order and work as the clerk until it is answered."""
        answers: list[Answer] = []
        try:
            self.desk.enrol(Order("enrol_finger", args, "uid-7", None, 0.0), answers.append)
        except GateError as error:
            return Rejected.by(error)
        until(lambda: self._worked() or answers, "the order is answered", WAIT_S)
        return answers[0]

    def _worked(self) -> bool:
        while not self.tasks.empty():
            self.tasks.get()()
        return False

    def begin(self, subject: SubjectId | None = None) -> str:
        answer = self.order(subject=subject or self.subject, consent=True)
        assert isinstance(answer, Done), answer
        return str(answer.result["session"])

    def follow(self, session: str) -> tuple[list[str], Answer]:
        """All prompts, and the outcome."""
        prompts: list[str] = []
        while True:
            answer = self.order(session=session, prompts=len(prompts))
            if not (isinstance(answer, Done) and "session" in answer.result):
                return prompts, answer
            if answer.result["prompt"]:
                prompts.append(str(answer.result["prompt"]))

    def consented(self, subject: SubjectId) -> set[Modality]:
        return {agreed.to for agreed in self.records.registered(subject).consents if agreed.holds}

    def close(self) -> None:
        self.worker.stop(WAIT_S)
        self.fingers.close()
        self.records.close()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = Office(tmp_path)
    yield office
    office.close()


def refused(answer: Answer, says: str) -> None:
    assert isinstance(answer, Rejected), answer
    assert answer.error is Rejection.REFUSED
    assert says in answer.message


def test_a_finger_is_enrolled_with_prompts_in_between(office: Office) -> None:
    office.scanner = Scanner(*THRICE)
    office.start()
    prompts, outcome = office.follow(office.begin())
    assert prompts == ["lay", "lift", "again", "lift", "again"]
    assert outcome == Done({"subject": office.subject, "enrolled": True, "expires_at": NOW + DAY_S})
    assert office.fingers.get(office.subject, NOW) == Fingerprint("fake", b"anna")
    assert office.consented(office.subject) == {Modality.FACE, Modality.FINGER}
    assert office.facts == [Fact(FactKind.FINGER_ENROLLED, None, (("by", "uid-7"),), office.subject)]


def test_the_finger_expires_with_its_registration(office: Office) -> None:
    office.scanner = Scanner(*THRICE)
    office.start()
    office.follow(office.begin())
    assert office.fingers.get(office.subject, NOW + DAY_S) is Reason.RECORD_EXPIRED


def test_an_enrolment_that_failed_says_why_keeps_nothing_and_can_be_tried_again(office: Office) -> None:
    office.scanner = Scanner("anna", "", "", "boris")
    office.start()
    prompts, outcome = office.follow(office.begin())
    assert prompts == ["lay", "lift", "again"]
    refused(outcome, "not always the same finger; nothing was kept")
    assert office.fingers.subjects() == []
    assert office.consented(office.subject) == {Modality.FACE}
    assert office.facts == []
    office.scanner._happens = list(THRICE)
    assert isinstance(office.follow(office.begin())[1], Done)


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ({"consent": True}, "a subject"),
        ({"subject": "x"}, "consent"),
        ({"subject": "x", "consent": "yes"}, "consent"),
        ({"subject": "x", "consent": True}, "none with that subject id"),
        ({"session": "x", "prompts": 0}, "session is over"),
    ],
)
def test_an_order_that_is_not_in_order_is_refused(office: Office, args: dict[str, Any], says: str) -> None:
    office.start()
    refused(office.order(**args), says)


def test_a_registration_that_has_ended_gets_no_finger(office: Office) -> None:
    office.start()
    office.now = NOW + DAY_S
    refused(office.order(subject=office.subject, consent=True), "expired")
    office.now = NOW
    office.records.revoke(office.subject, NOW)
    refused(office.order(subject=office.subject, consent=True), "revoked")


def test_a_lane_without_a_finger_sensor_says_so(office: Office) -> None:
    desk = FingerDesk(office.records, office.fingers, None, office.facts.append, lambda: NOW, office.tasks.put)
    office.desk = desk
    refused(office.order(subject=office.subject, consent=True), "no finger sensor")


def test_a_sensor_that_is_not_there_is_told(office: Office) -> None:
    prompts, outcome = office.follow(office.begin())
    assert prompts == []
    assert isinstance(outcome, Rejected) and outcome.error is Rejection.FAILED
    assert "not there" in outcome.message


def test_a_sensor_that_goes_in_the_middle_is_told(office: Office) -> None:
    office.start()
    session = office.begin()
    assert office.order(session=session, prompts=0) == Done({"session": session, "prompts": 1, "prompt": "lay"})
    office.scanner.lost = True
    _, outcome = office.follow(session)
    assert isinstance(outcome, Rejected) and outcome.error is Rejection.FAILED
    assert office.fingers.subjects() == []


def test_a_mistake_in_a_driver_ends_the_enrolment_and_is_told(office: Office) -> None:
    def broken() -> bytes | None:
        raise ZeroDivisionError

    office.scanner = Scanner(*THRICE)
    office.scanner.merge = broken  # type: ignore[method-assign]
    office.start()
    session = office.begin()
    with pytest.raises(ZeroDivisionError):  # which the clerk logs
        office.follow(session)
    outcome = office.order(session=session, prompts=99)
    assert outcome == Rejected(Rejection.FAILED, "enrol_finger: ZeroDivisionError: the daemon's log says more")


def test_two_enrolments_at_once_are_one_too_many(office: Office) -> None:
    office.start()
    office.begin()
    refused(office.order(subject=office.subject, consent=True), "in use")


def test_a_traveller_whose_finger_is_wanted_comes_first(office: Office) -> None:
    office.start()
    session = office.begin()
    office.order(session=session, prompts=0)
    office.worker.ask(Ask(RunId("r"), 1, VerifyFinger(office.subject, 60.0)))
    _, outcome = office.follow(session)
    refused(outcome, "a traveller's finger was wanted")


def test_no_enrolment_begins_while_a_travellers_finger_is_wanted(office: Office) -> None:
    office.fingers.keep(office.subject, Fingerprint("fake", b"anna"), NOW + DAY_S)
    office.start()
    office.worker.ask(Ask(RunId("r"), 1, VerifyFinger(office.subject, 3600.0)))
    refused(office.order(subject=office.subject, consent=True), "in use")


def test_what_is_laid_down_after_the_officer_has_gone_is_nobodys(office: Office) -> None:
    office.start()
    session = office.begin()
    office.order(session=session, prompts=0)
    office.clock.now_s += ABANDONED_S + 0.1
    office.scanner._happens = list(THRICE)
    office.until_the_sensor_let_go()
    refused(office.order(session=session, prompts=99), "nobody watched any more")
    assert office.fingers.subjects() == []


def test_a_registration_that_is_revoked_meanwhile_gets_no_finger(office: Office) -> None:
    office.start()
    session = office.begin()
    office.order(session=session, prompts=0)
    office.records.revoke(office.subject, NOW)
    office.desk.forget(office.subject)
    office.scanner._happens = list(THRICE)
    _, outcome = office.follow(session)
    refused(outcome, "revoked")
    office.until_the_sensor_let_go()
    assert office.fingers.subjects() == []
    assert office.facts == []


def test_a_registration_revoked_after_the_last_look_gets_no_finger_either(office: Office) -> None:
    """The record is asked once more before anything is kept."""
    office.scanner = Scanner(*THRICE)
    office.start()
    session = office.begin()
    until(lambda: office.scanner.compares == 1, "all looks are done", WAIT_S)
    office.records.revoke(office.subject, NOW)
    _, outcome = office.follow(session)
    refused(outcome, "revoked")
    assert office.fingers.subjects() == []


def test_a_consent_withdrawn_after_the_last_look_is_not_given_again_by_what_was_laid_down_before(
    office: Office,
) -> None:
    """Anna, whose finger is enrolled, enrols it anew; she takes it all back before the clerk has kept the new one."""
    office.records.agree(office.subject, FINGER)
    office.start()
    session = office.begin()
    office.scanner._happens = list(THRICE)
    until(lambda: office.handed_over, "the sensor let go of the enrolment", WAIT_S)
    office.records.withdraw(office.subject, {Modality.FINGER}, NOW)
    office.desk.forget(office.subject)
    _, outcome = office.follow(session)
    refused(outcome, "the consent withdrawn")
    assert office.fingers.subjects() == []
    assert office.consented(office.subject) == {Modality.FACE}
    assert office.facts == []


def test_at_the_start_fingers_without_a_registration_that_agrees_are_removed(office: Office) -> None:
    agreed, revoked, disabled = (office.registered(code) for code in ("B1234567", "C1234567", "D1234567"))
    stranger, never_agreed = SubjectId("9" * 32), office.subject
    for subject in (agreed, revoked, disabled):
        office.records.agree(subject, FINGER)
    for subject in (agreed, revoked, disabled, stranger, never_agreed):
        office.fingers.keep(subject, Fingerprint("fake", b"anna"), NOW + DAY_S)
    office.records.revoke(revoked, NOW)
    office.records.disable(disabled, NOW)
    office.desk.reconcile()
    assert office.fingers.subjects() == [agreed]
    office.desk.reconcile()
    assert office.fingers.subjects() == [agreed]


# ---------------------------------------------------------------- a session


def test_who_asks_gets_one_prompt_after_the_other_however_late() -> None:
    session, answers = Session(SubjectId("s"), "uid-1", Clock()), list[Answer]()
    for prompt in (Prompt.LAY, Prompt.LIFT):
        session.say(prompt)
    session.finish(Done({"enrolled": True}))
    for seen in range(3):
        session.follow(seen, answers.append)
    results = [answer.result for answer in answers if isinstance(answer, Done)]
    assert [result.get("prompt") for result in results] == ["lay", "lift", None]
    assert results[2] == {"enrolled": True}


def test_who_waits_is_told_after_a_while_that_nothing_is_new() -> None:
    clock, answers = Clock(), list[Answer]()
    session = Session(SubjectId("s"), "uid-1", clock)
    session.follow(0, answers.append)
    assert not session.abandoned() and answers == []
    clock.now_s += PULSE_S
    assert not session.abandoned()
    assert answers == [Done({"session": session.id, "prompts": 0, "prompt": None})]
    clock.now_s += ABANDONED_S
    assert session.abandoned()


def test_the_first_outcome_counts() -> None:
    session, answers = Session(SubjectId("s"), "uid-1", Clock()), list[Answer]()
    session.finish(Rejected(Rejection.REFUSED, "revoked"))
    session.finish(Done({"enrolled": True}))
    session.follow(0, answers.append)
    assert answers == [Rejected(Rejection.REFUSED, "revoked")]


# ---------------------------------------------------------------- the clerk


class NoVision:
    """A vision process that knows nobody, and takes whoever is enrolled."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def request(self, do: str, heard: Callable[[dict[str, Any]], None], **_fields: Any) -> None:
        self.asked.append(do)
        heard({"done": {"templates": 1, "twice": []} if do == "enrol" else {"subjects": []}})


class Counter:
    def __init__(self, office: Office, fingers: Fingers | None, now: float = NOW) -> None:
        self.vision = NoVision()
        self.clerk = Clerk(
            office.records,
            lambda token: token,
            office.inputs.put,
            office.facts.append,
            lambda: now,
            HouseRules("lane"),
            fingers,
        )

    def __enter__(self) -> "Counter":
        self.clerk.start(self.vision)  # type: ignore[arg-type]
        return self

    def __exit__(self, *_: object) -> None:
        self.clerk.stop()

    def order(self, verb: str, **args: Any) -> Answer:
        answers: SimpleQueue[Answer] = SimpleQueue()
        self.clerk.order(Order(verb, args, "uid-7", None, 0.0), answers.put)
        return answers.get(timeout=WAIT_S)


def test_the_clerk_revokes_the_finger_with_the_registration(office: Office) -> None:
    office.records.agree(office.subject, FINGER)
    office.fingers.keep(office.subject, Fingerprint("fake", b"anna"), NOW + DAY_S)
    with Counter(office, office.fingers) as counter:
        listed = counter.order("subjects")
        assert isinstance(listed, Done)
        consents = listed.result["subjects"][0]["consents"]  # type: ignore[index]
        assert [each["to"] for each in consents] == ["face", "finger"]
        assert office.fingers.subjects() == [office.subject]
        assert isinstance(counter.order("revoke", subject=office.subject), Done)
    assert office.fingers.subjects() == []


def test_a_finger_goes_with_the_consent_to_it_and_the_face_stays(office: Office) -> None:
    office.records.agree(office.subject, FINGER)
    office.fingers.keep(office.subject, Fingerprint("fake", b"anna"), NOW + DAY_S)
    with Counter(office, office.fingers) as counter:
        answer = counter.order("withdraw_consent", subject=office.subject, to="finger")
        assert isinstance(answer, Done) and answer.result["withdrawn"] == ["finger"]
        assert counter.vision.asked == []
    assert office.fingers.subjects() == []
    assert office.consented(office.subject) == {Modality.FACE}


def test_who_is_enrolled_again_for_longer_keeps_their_finger_as_long(office: Office) -> None:
    """Anna's year is over soon; new photographs renew it, and her finger would have been refused inside as expired."""
    office.records.agree(office.subject, FINGER)
    office.fingers.keep(office.subject, Fingerprint("fake", b"anna"), NOW + DAY_S)
    with Counter(office, office.fingers) as counter:
        again = counter.order("enrol", again=office.subject, photos=["/anna.jpg"], consent=True, days=365)
        assert isinstance(again, Done), again
    assert office.fingers.get(office.subject, NOW + 364 * DAY_S) == Fingerprint("fake", b"anna")
    assert office.fingers.get(office.subject, NOW + 365 * DAY_S) is Reason.RECORD_EXPIRED


def test_fingers_of_a_partition_are_destroyed_with_it(office: Office) -> None:
    with Counter(office, office.fingers) as counter:
        counter.order("partition_make", name="park")
        subject = office.records.enrol([], {}, FINGER, NOW + DAY_S, "park")
        office.records.activate(subject, NOW)
        office.fingers.keep(subject, Fingerprint("fake", b"anna"), NOW + DAY_S)
        counter.order("partition_destroy", name="park")
    assert office.fingers.subjects() == []


def test_a_finger_that_cannot_be_removed_now_keeps_nothing_else_of_a_revocation(office: Office) -> None:
    with Counter(office, office.fingers) as counter:
        counter.order("subjects")
        office.fingers.close()
        answer = counter.order("revoke", subject=office.subject)
    assert isinstance(answer, Done), answer
    assert "will be removed" in str(answer.result["finger"])
    assert counter.vision.asked == ["revoke"]
    assert [fact.kind for fact in office.facts] == [FactKind.SUBJECT_REVOKED]


def test_the_clerk_removes_at_its_start_what_a_crash_left(office: Office) -> None:
    office.fingers.keep(SubjectId("9" * 32), Fingerprint("fake", b"anna"), NOW + DAY_S)
    with Counter(office, office.fingers) as counter:
        counter.order("subjects")
    assert office.fingers.subjects() == []


def test_a_record_that_is_disabled_for_want_of_a_face_loses_its_finger(office: Office) -> None:
    office.records.agree(office.subject, FINGER)
    office.fingers.keep(office.subject, Fingerprint("fake", b"anna"), NOW + DAY_S)
    with Counter(office, office.fingers, NOW + 3600.0) as counter:
        counter.clerk.reconcile()
        counter.order("subjects")
        counter.order("subjects")
    assert [each.state for each in office.records.list()] == [RecordState.DISABLED]
    assert office.fingers.subjects() == []


@pytest.mark.parametrize("store_is_there", [True, False])
def test_a_clerk_without_a_sensor_refuses_to_enrol_a_finger(office: Office, store_is_there: bool) -> None:
    with Counter(office, office.fingers if store_is_there else None) as counter:
        refused(counter.order("enrol_finger", subject=office.subject, consent=True), "no finger sensor")
        assert isinstance(counter.order("revoke", subject=office.subject), Done)
