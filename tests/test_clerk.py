"""Records and templates in step: the clerk with a real store and a scripted vision process."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from counter import NOW, Counter, subject_of
from peers import until

from gatefw.control import Done, Rejected, Rejection
from gatefw.model import FactKind, Failed, Reason, RecordFound, Token
from gatefw.record_terms import Consent, Modality, RecordState
from gatefw.records import LOST_MOST
from gatefw.vision_wire import LISTED


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    counter = Counter(tmp_path)
    yield counter
    counter.close()


def test_an_enrolled_traveller_is_found_by_their_token(counter: Counter) -> None:
    subject = subject_of(counter.enrol())
    assert counter.look_up(b"A1234567") == RecordFound(subject)  # type: ignore[arg-type]
    assert counter.vision.asked[0][1]["subject"] == subject
    assert [fact.kind for fact in counter.facts] == [FactKind.SUBJECT_ENROLLED]
    assert counter.facts[0].subject == subject


def test_a_token_that_the_lane_does_not_take_is_not_looked_up(counter: Counter) -> None:
    counter.enrol()
    counter.refused = Failed(Reason.TOKEN_REPLAYED)
    assert counter.look_up(b"A1234567") == Failed(Reason.TOKEN_REPLAYED)


def test_a_used_token_that_cannot_be_written_down_is_no_answer_about_the_traveller(counter: Counter) -> None:
    counter.enrol()
    counter.broken = True
    assert counter.look_up(b"A1234567") == Failed(Reason.RECORDS_UNAVAILABLE)
    counter.broken = False
    assert isinstance(counter.look_up(b"A1234567"), RecordFound)


def test_without_consent_nothing_is_stored_and_vision_is_not_asked(counter: Counter) -> None:
    answer = counter.enrol(consent=False)
    assert isinstance(answer, Rejected)
    assert "consent" in answer.message
    assert counter.records.list() == []
    assert counter.vision.asked == []


def test_a_face_that_vision_refuses_leaves_no_record(counter: Counter) -> None:
    counter.vision.answers["enrol"] = {"failed": {"kind": "refuse", "message": "two faces"}}
    answer = counter.enrol()
    assert answer == Rejected(Rejection.REFUSED, "two faces")
    assert counter.look_up(b"A1234567") == Failed(Reason.TOKEN_UNKNOWN)
    assert counter.records.list() == []
    assert counter.facts == []


def test_the_token_of_a_failed_enrolment_can_be_used_again(counter: Counter) -> None:
    counter.vision.answers["enrol"] = {"failed": {"kind": "retry", "message": "vision went away"}}
    counter.enrol()
    counter.vision.answers["enrol"] = {"done": {"templates": 1, "twice": []}}
    assert isinstance(counter.enrol(), Done)


def test_a_registration_ends_when_its_days_are_over(counter: Counter) -> None:
    counter.enrol(days=1)
    counter.now = NOW + 86_400
    assert counter.look_up(b"A1234567") == Failed(Reason.RECORD_EXPIRED)


def test_revocation_refuses_the_token_and_removes_the_template(counter: Counter) -> None:
    subject = subject_of(counter.enrol())
    assert isinstance(counter.order("revoke", subject=subject), Done)
    assert counter.look_up(b"A1234567") == Failed(Reason.RECORD_REVOKED)
    assert counter.vision.asked[-1] == ("revoke", {"subject": subject})


def test_revocation_holds_though_vision_is_away_and_says_what_is_left_to_do(counter: Counter) -> None:
    subject = subject_of(counter.enrol())
    counter.vision.answers["revoke"] = {"failed": {"kind": "retry", "message": "nobody is connected"}}
    answer = counter.order("revoke", subject=subject)
    assert isinstance(answer, Done)
    assert "when vision is back" in str(answer.result["template"])
    assert counter.look_up(b"A1234567") == Failed(Reason.RECORD_REVOKED)


def test_records_without_a_template_are_disabled_and_templates_without_a_record_removed(counter: Counter) -> None:
    """A crash came between record and template, another between revocation and removal."""
    subject = subject_of(counter.enrol())
    counter.now += 3600
    stranger = {"subject": "9" * 32, "templates": 1, "expires_at": NOW}
    counter.vision.answers["list"] = {"done": {"subjects": [stranger]}}
    counter.clerk.reconcile()
    counter.settle()
    counter.settle()
    assert [r.state for r in counter.records.list() if r.subject == subject] == [RecordState.DISABLED]
    assert ("revoke", {"subject": "9" * 32}) in counter.vision.asked


def test_a_vision_process_with_another_gallery_disables_nobody(
    counter: Counter, caplog: pytest.LogCaptureFixture
) -> None:
    """Its gallery was moved away, or it lies. When the right one is back, everybody must be there."""
    people = [subject_of(counter.enrol(tokens=[f"A{number:07}"])) for number in range(LOST_MOST + 1)]
    counter.now += 3600
    counter.clerk.reconcile()
    counter.settle()
    counter.settle()
    assert "is its gallery the right one" in caplog.text
    assert {record.state for record in counter.records.list()} == {RecordState.ACTIVE}
    right = [{"subject": each, "templates": 1, "expires_at": NOW} for each in people]
    counter.vision.answers["list"] = {"done": {"subjects": right}}
    counter.clerk.reconcile()
    counter.settle()
    counter.settle()
    assert counter.look_up(b"A0000000") == RecordFound(people[0])  # type: ignore[arg-type]
    assert "revoke" not in [do for do, _ in counter.vision.asked]


def test_templates_of_more_people_than_a_message_holds_are_looked_at_page_by_page(counter: Counter) -> None:
    """A gallery of thousands: who is on a later page has a template, and nobody's template there is found as well."""
    mine = subject_of(counter.enrol())
    counter.now += 3600
    first = [{"subject": f"{number:032x}", "templates": 1, "expires_at": NOW} for number in range(LISTED)]
    last = [{"subject": mine, "templates": 1, "expires_at": NOW}, {"subject": "f" * 33, "templates": 1}]
    counter.vision.answers["list"] = {"done": {"subjects": first}}
    counter.clerk.reconcile()
    until(lambda: ("revoke", {"subject": first[-1]["subject"]}) in counter.vision.asked)
    counter.vision.answers["list"] = {"done": {"subjects": last}}
    until(lambda: ("revoke", {"subject": "f" * 33}) in counter.vision.asked)
    assert ("list", {"after": first[-1]["subject"]}) in counter.vision.asked
    assert isinstance(counter.look_up(b"A1234567"), RecordFound)


def test_an_enrolment_that_a_crash_cut_short_just_now_is_looked_at_again_later(counter: Counter) -> None:
    """Another lane's daemon might be at it still; a minute later nobody is."""
    subject = counter.records.enrol([Token(b"A1234567")], {}, Consent(frozenset({Modality.FACE}), NOW), NOW + 1e6)
    counter.clerk.reconcile()
    counter.settle()
    counter.settle()
    assert counter.records.registered(subject).state is RecordState.PENDING
    counter.now += 61
    counter.clerk.sweep()
    counter.settle()
    counter.settle()
    assert counter.records.registered(subject).state is RecordState.DISABLED


def test_an_enrolment_that_a_crash_cut_short_by_a_wrong_clock_is_looked_at_when_the_clock_is_right(
    counter: Counter,
) -> None:
    """Story: the clock was years ahead when the crash came; by the right one that minute would never be over."""
    right, counter.now = counter.now, counter.now + 1e9
    agreed = Consent(frozenset({Modality.FACE}), counter.now)
    subject = counter.records.enrol([Token(b"A1234567")], {}, agreed, counter.now + 1e6)
    counter.clerk.reconcile()
    counter.settle()
    counter.settle()
    assert counter.records.registered(subject).state is RecordState.PENDING
    counter.now = right
    counter.clerk.sweep()
    counter.settle()
    counter.settle()
    assert counter.records.registered(subject).state is RecordState.DISABLED


@pytest.mark.parametrize(
    "changed",
    [
        {"tokens": []},
        {"tokens": "A1234567"},
        {"tokens": ["nope"]},
        {"photos": ["relative.jpg"]},
        {"photos": ["/p.jpg"] * 9},
        {"days": 0},
        {"days": "365"},
        {"days": True},
        {"days": 1e9},
        {"consent": "yes"},
    ],
)
def test_an_enrolment_that_is_not_in_order_is_refused_and_stores_nothing(
    counter: Counter, changed: dict[str, Any]
) -> None:
    answer = counter.enrol(**changed)
    assert isinstance(answer, Rejected)
    assert answer.error is Rejection.REFUSED
    assert counter.records.list() == []


def test_an_order_that_trips_the_clerk_is_answered_and_the_next_one_is_done(counter: Counter) -> None:
    enrols = counter.vision.answers.pop("enrol")
    answer = counter.enrol()
    assert isinstance(answer, Rejected)
    assert answer.error is Rejection.FAILED
    counter.vision.answers["enrol"] = enrols
    assert isinstance(counter.enrol(tokens=["B1234567"]), Done)


def test_the_list_of_registrations_holds_no_token_and_no_document(counter: Counter) -> None:
    counter.enrol(facts={"name": "Anna Example"})
    answer = counter.order("subjects")
    assert "A1234567" not in str(answer)
    assert "Anna" not in str(answer)
