"""Who is enrolled: at the counter by an officer, or by document and face, into which partition, and once more."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from counter import ENROL, NOW, Counter, subject_of

from gatefw.clerk import HouseRules
from gatefw.config_tables import People
from gatefw.control import Done, Rejected
from gatefw.errors import Refusal
from gatefw.model import ChipProof, DocumentRead, Enrolled, FactKind, Failed, Reason, RecordFound, SubjectId
from gatefw.record_terms import RecordState

FLIGHT, ENDS_AT, DAY_S = "flight-cx100", NOW + 7200.0, 86_400.0
DOCUMENT = DocumentRead("H12345678", "CHN", "CHN", "1990-02-03", "2031-05-01", b"picture", ChipProof.ACTIVE)
AGAIN = {"again": None, "photos": ["/photos/anna2.jpg"], "consent": True}
OTHER = "9" * 32


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    counter = Counter(tmp_path, HouseRules("check-in", people=People(enrol_into=FLIGHT, touchpoint="check-in")))
    counter.order("partition_make", name=FLIGHT, expires_at=ENDS_AT, facts={"journey.name": "CX100"})
    yield counter
    counter.close()


def asked(counter: Counter, do: str) -> dict[str, object]:
    return next(fields for what, fields in reversed(counter.vision.asked) if what == do)


# ---------------------------------------------------------------- at the counter


def test_facts_are_sealed_with_the_record_and_are_what_rules_look_at(counter: Counter) -> None:
    subject = subject_of(counter.enrol(facts={"permit.expires": "2031-05-01"}))
    known = counter.records.about(SubjectId(subject), NOW)
    assert isinstance(known, dict)
    assert known["permit.expires"] == "2031-05-01"
    assert (known["consent.face"], known["consent.facts"]) == ("given", "given")


def test_somebody_may_be_found_by_their_face_alone(counter: Counter) -> None:
    subject = subject_of(counter.enrol(tokens=None, partition=FLIGHT))
    found = counter.records.registered(SubjectId(subject))
    assert (found.partition, found.state, found.expires_at) == (FLIGHT, RecordState.ACTIVE, ENDS_AT)
    assert asked(counter, "enrol")["partition"] == FLIGHT
    assert asked(counter, "enrol")["expires_at"] == ENDS_AT


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"partition": "flight-none"}, "none of that name"),
        ({"partition": 7}, "partition"),
        ({"facts": 5}, "a table"),
        ({"facts": {"Name": "x"}}, "a name is words"),
        ({"facts": {"consent.finger": "given"}}, "nothing that can be said of somebody"),
        ({"facts": {"registered": "yes"}}, "nothing that can be said of somebody"),
        ({"facts": {"journey.gate": "24"}}, "nothing that can be said of somebody"),
        ({"facts": {"name": "a\nb"}}, "no printable text"),
        ({"facts": {"name": ""}}, "no printable text"),
        ({"facts": {"name": "x" * 201}}, "no printable text"),
        ({"facts": {f"f{n}": "x" for n in range(65)}}, "at most 64"),
    ],
)
def test_what_cannot_be_enrolled_is_refused_and_stores_nothing(
    counter: Counter, changed: dict[str, object], says: str
) -> None:
    answer = counter.enrol(**changed)
    assert isinstance(answer, Rejected)
    assert says in answer.message
    assert counter.records.list() == []


def test_the_same_face_under_two_identities_is_enrolled_and_flagged(counter: Counter) -> None:
    counter.vision.answers["enrol"] = {"done": {"templates": 1, "twice": [OTHER]}}
    answer = counter.enrol()
    assert isinstance(answer, Done)
    assert answer.result["twice"] == [OTHER]
    assert counter.kinds()[-2:] == [FactKind.SUBJECT_ENROLLED, FactKind.ENROLLED_TWICE]
    assert counter.facts[-1].subject == answer.result["subject"]
    assert isinstance(counter.look_up(b"A1234567"), RecordFound)


def test_an_officer_is_told_when_nobody_could_be_looked_for(counter: Counter) -> None:
    counter.vision.answers["enrol"] = {"done": {"templates": 1, "twice": None}}
    answer = counter.enrol()
    assert isinstance(answer, Done) and "too many" in str(answer.result["twice"])
    assert counter.kinds()[-1] is FactKind.SUBJECT_ENROLLED


def test_new_photographs_are_for_the_same_record(counter: Counter) -> None:
    subject = subject_of(counter.enrol(facts={"name": "Anna"}))
    counter.now += 60
    answer = counter.order("enrol", **(AGAIN | {"again": subject}))
    assert subject_of(answer) == subject
    assert asked(counter, "enrol")["photos"] == ["/photos/anna2.jpg"]
    assert counter.look_up(b"A1234567") == RecordFound(SubjectId(subject))
    (found,) = counter.records.list()
    assert found.expires_at == NOW + 365 * DAY_S
    assert [agreed.at for agreed in found.consents] == [NOW + 60, NOW]  # the face anew, the facts as they were
    assert counter.records.facts(SubjectId(subject)) == {"name": "Anna"}


def test_somebody_enrolled_again_may_get_more_days(counter: Counter) -> None:
    subject = subject_of(counter.enrol(days=1))
    counter.now += 3 * DAY_S
    counter.order("enrol", **(AGAIN | {"again": subject, "days": 10}))
    assert counter.records.registered(SubjectId(subject)).expires_at == NOW + 13 * DAY_S


def test_facts_given_with_new_photographs_replace_those_of_before(counter: Counter) -> None:
    subject = subject_of(counter.enrol(facts={"name": "Anna", "born": "1990-02-03"}))
    counter.order("withdraw_consent", subject=subject)
    counter.order("enrol", **(AGAIN | {"again": subject, "facts": {"name": "Wong"}}))
    assert counter.records.facts(SubjectId(subject)) == {"name": "Wong"}
    assert all(agreed.holds for agreed in counter.records.registered(SubjectId(subject)).consents)


def test_photographs_that_vision_refuses_leave_the_record_as_it_was(counter: Counter) -> None:
    subject = subject_of(counter.enrol())
    counter.vision.answers["enrol"] = {"failed": {"kind": "refuse", "message": "two faces"}}
    answer = counter.order("enrol", **(AGAIN | {"again": subject}))
    assert isinstance(answer, Rejected) and answer.message == "two faces"
    assert counter.look_up(b"A1234567") == RecordFound(SubjectId(subject))


def test_a_record_that_lost_its_template_is_in_use_again_after_new_photographs(counter: Counter) -> None:
    subject = subject_of(counter.enrol())
    counter.records.disable(SubjectId(subject), NOW)
    counter.order("enrol", **(AGAIN | {"again": subject}))
    assert counter.look_up(b"A1234567") == RecordFound(SubjectId(subject))


def test_who_cannot_be_enrolled_again_is_told_why(counter: Counter) -> None:
    subject = subject_of(counter.enrol())
    for changed, says in (
        ({"again": OTHER}, "there is none"),
        ({"again": subject, "tokens": ["B1234567"]}, "keeps tokens"),
        ({"again": subject, "partition": FLIGHT}, "keeps tokens and partition"),
        ({"again": subject, "consent": False}, "consent"),
    ):
        answer = counter.order("enrol", **(AGAIN | changed))
        assert isinstance(answer, Rejected) and says in answer.message
    counter.order("revoke", subject=subject)
    answer = counter.order("enrol", **(AGAIN | {"again": subject}))
    assert isinstance(answer, Rejected) and "was revoked" in answer.message


def test_a_record_that_is_revoked_while_its_photographs_are_looked_at_keeps_no_template(counter: Counter) -> None:
    heard = counter.vision.hold("enrol")
    answers = counter.ordered("enrol", **ENROL)
    counter.settle()
    (found,) = counter.records.list()
    counter.order("revoke", subject=found.subject)
    heard.get(timeout=30)()
    answer = answers.get(timeout=30)
    assert isinstance(answer, Rejected) and "revoked meanwhile" in answer.message
    counter.settle()
    assert counter.vision.asked[-1] == ("revoke", {"subject": found.subject})


def test_what_is_withdrawn_while_new_photographs_are_looked_at_does_not_come_back(counter: Counter) -> None:
    """The traveller thinks better of it while the officer's photographs are still being compared."""
    subject = subject_of(counter.enrol(facts={"document.name": "CHAN"}))
    heard = counter.vision.hold("enrol")
    answers = counter.ordered("enrol", **(AGAIN | {"again": subject, "facts": {"document.name": "WONG"}}))
    counter.settle()
    counter.now += 1
    assert isinstance(counter.order("withdraw_consent", subject=subject), Done)
    heard.get(timeout=30)()
    answer = answers.get(timeout=30)
    assert isinstance(answer, Rejected) and "consent withdrawn" in answer.message
    counter.settle()
    assert counter.vision.asked[-1] == ("revoke", {"subject": subject})
    assert counter.look_up(b"A1234567") == Failed(Reason.CONSENT_WITHDRAWN)
    with pytest.raises(Refusal, match="erased"):
        counter.records.facts(SubjectId(subject))


# ---------------------------------------------------------------- by document and face


def test_who_checks_in_is_registered_for_the_journey_by_what_the_document_says(counter: Counter) -> None:
    found = counter.check_in(DOCUMENT)
    assert isinstance(found, Enrolled) and not found.twice
    known = counter.records.about(found.subject, NOW)
    assert isinstance(known, dict)
    assert known.items() >= {
        "document.number": "H12345678", "document.issuer": "CHN", "born": "1990-02-03", "partition": FLIGHT,
        "journey.name": "CX100", "consent.face": "given", "journey.passed": "",
    }.items()  # fmt: skip
    wanted = {"subject": found.subject, "partition": FLIGHT, "expires_at": ENDS_AT, "portrait": "cGljdHVyZQ=="}
    assert asked(counter, "enrol_live") == {**wanted, "deadline_s": 8.0}
    assert counter.kinds()[-1] is FactKind.SUBJECT_ENROLLED
    assert dict(counter.facts[-1].fields)["by"] == "lane"


def test_the_same_document_again_is_the_same_passenger(counter: Counter) -> None:
    first = counter.check_in(DOCUMENT)
    assert isinstance(first, Enrolled)
    counter.records.touch(first.subject, "bag-drop", NOW)
    assert counter.check_in(DOCUMENT) == first
    assert len(counter.records.list()) == 1
    known = counter.records.about(first.subject, NOW)
    assert isinstance(known, dict) and known["journey.passed"] == "bag-drop"


def test_a_passenger_whose_face_is_registered_under_another_name_is_flagged(counter: Counter) -> None:
    counter.vision.answers["enrol_live"] = {"done": {"reason": "ok", "templates": 2, "twice": [OTHER]}}
    found = counter.check_in(DOCUMENT)
    assert isinstance(found, Enrolled) and found.twice
    assert counter.kinds()[-1] is FactKind.ENROLLED_TWICE


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"done": {"reason": "no_face", "templates": 0, "twice": []}}, Reason.NO_FACE),
        ({"done": {"templates": "many"}}, Reason.VISION_UNAVAILABLE),
        ({"failed": {"kind": "retry", "message": "nobody is connected"}}, Reason.VISION_UNAVAILABLE),
    ],
)
def test_a_face_that_could_not_be_had_leaves_nobody_behind(
    counter: Counter, message: dict[str, object], reason: Reason
) -> None:
    counter.vision.answers["enrol_live"] = message
    assert counter.check_in(DOCUMENT) == Failed(reason)
    assert counter.records.list() == []


def test_a_second_check_in_that_fails_leaves_the_first_as_it_was(counter: Counter) -> None:
    first = counter.check_in(DOCUMENT)
    assert isinstance(first, Enrolled)
    counter.vision.answers["enrol_live"] = {"done": {"reason": "no_face", "templates": 0, "twice": []}}
    assert counter.check_in(DOCUMENT) == Failed(Reason.NO_FACE)
    assert isinstance(counter.records.about(first.subject, NOW), dict)


def test_nobody_checks_in_for_a_flight_that_is_gone_or_never_was(counter: Counter) -> None:
    counter.now = ENDS_AT
    assert counter.check_in(DOCUMENT) == Failed(Reason.JOURNEY_OVER)
    counter.now = NOW
    counter.order("partition_destroy", name=FLIGHT)
    assert counter.check_in(DOCUMENT) == Failed(Reason.JOURNEY_OVER)


def test_whom_an_officer_revoked_does_not_come_back_by_checking_in(counter: Counter) -> None:
    first = counter.check_in(DOCUMENT)
    assert isinstance(first, Enrolled)
    counter.order("revoke", subject=first.subject)
    assert counter.check_in(DOCUMENT) == Failed(Reason.RECORD_REVOKED)


def test_a_portrait_that_is_too_large_to_hand_over_is_no_portrait(counter: Counter) -> None:
    huge = DocumentRead("H1", "CHN", "CHN", "1990-02-03", "2031-05-01", b"x" * 200_000, ChipProof.ACTIVE)
    assert counter.check_in(huge) == Failed(Reason.DOCUMENT_UNREADABLE)
    assert counter.records.list() == []


def test_a_flight_that_is_destroyed_while_a_passenger_looks_into_the_camera_keeps_nobody(counter: Counter) -> None:
    heard = counter.vision.hold("enrol_live")
    counter.asked_to_enrol(DOCUMENT)
    go_on = heard.get(timeout=30)
    counter.order("partition_destroy", name=FLIGHT)
    go_on()
    assert counter.answer() == Failed(Reason.RECORD_REVOKED)
    assert counter.records.list() == []
    assert "revoke" in [do for do, _ in counter.vision.asked]


def test_without_a_journey_of_its_own_a_check_in_holds_for_a_day(tmp_path: Path) -> None:
    counter = Counter(tmp_path, HouseRules("check-in"))
    found = counter.check_in(DOCUMENT)
    assert isinstance(found, Enrolled)
    assert counter.records.registered(found.subject).expires_at == NOW + DAY_S
    counter.close()
