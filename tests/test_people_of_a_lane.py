"""Consent withdrawn, partitions destroyed, tries counted, journeys followed: what a lane knows of people, and when."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest
from counter import NOW, Counter, subject_of
from peers import until

from gatefw.clerk import HouseRules
from gatefw.config_tables import People, Tries
from gatefw.control import Done, Rejected
from gatefw.model import (
    ChipProof,
    DocumentRead,
    Eligible,
    Enrolled,
    FactKind,
    Failed,
    Ineligible,
    Reason,
    SubjectId,
    Verdict,
)
from gatefw.partition_desk import LATER
from gatefw.records import Records

FLIGHT, ENDS_AT = "flight-cx100", NOW + 7200.0
JOURNEY = {"journey.name": "CX100", "journey.gate": "24"}
DOCUMENT = DocumentRead("H12345678", "CHN", "CHN", "1990-02-03", "2031-05-01", b"picture", ChipProof.ACTIVE)
AWAY = {"failed": {"kind": "retry", "message": "nobody is connected"}}
OFTEN = Ineligible((("tries", Reason.TOO_MANY_TRIES),), Verdict.REFER)
UNDER_AGE = Ineligible((("age", Reason.UNDER_AGE),), Verdict.REFUSE)


class House:
    """A lane whose rules are one: nobody below age, who is said to be."""

    def __init__(self, most: int = 3, touchpoint: str = "") -> None:
        self.known: Mapping[str, str] = {}
        people = People(enrol_into=FLIGHT, touchpoint=touchpoint)
        self.rules = HouseRules("lane", self.judge, people, Tries(most=most, within_s=600.0))

    def judge(self, facts: Mapping[str, str]) -> Eligible | Ineligible:
        self.known = facts
        return UNDER_AGE if "child" in facts else Eligible()


@pytest.fixture
def house() -> House:
    return House(touchpoint="bag-drop")


@pytest.fixture
def counter(tmp_path: Path, house: House) -> Iterator[Counter]:
    counter = Counter(tmp_path, house.rules)
    yield counter
    counter.close()


def flown(counter: Counter, **facts: str) -> str:
    """Somebody who is enrolled for the flight."""
    if FLIGHT not in [each.name for each in counter.records.partitions.list()]:
        assert isinstance(counter.order("partition_make", name=FLIGHT, expires_at=ENDS_AT, facts=JOURNEY), Done)
    return subject_of(counter.enrol(tokens=None, partition=FLIGHT, facts=facts))


def swept(counter: Counter) -> None:
    counter.clerk.sweep()
    counter.settle()
    counter.settle()


# ---------------------------------------------------------------- may they pass?


def test_a_rule_looks_at_all_that_is_known_of_somebody(counter: Counter, house: House) -> None:
    subject = flown(counter, born="1990-02-03")
    assert counter.check(subject) == Eligible()
    assert house.known.items() >= {**JOURNEY, "born": "1990-02-03", "registered": "yes"}.items()
    assert counter.check(flown(counter, child="yes")) == UNDER_AGE


def test_a_visitor_is_judged_by_their_document_for_the_journey_of_this_lane(counter: Counter, house: House) -> None:
    flown(counter)
    assert counter.check(document=DOCUMENT) == Eligible()
    assert house.known.items() >= {**JOURNEY, "document.issuer": "CHN", "document.electronic": "yes"}.items()
    assert "H12345678" not in str(house.known)


def test_who_is_not_registered_any_more_is_told_apart_by_reason(counter: Counter) -> None:
    assert counter.check("9" * 32) == Failed(Reason.NOT_REGISTERED)
    subject = flown(counter)
    counter.order("revoke", subject=subject)
    assert counter.check(subject) == Failed(Reason.RECORD_REVOKED)
    other = flown(counter)
    counter.now = ENDS_AT
    assert counter.check(other) == Failed(Reason.RECORD_EXPIRED)


def test_records_that_cannot_be_read_are_no_answer_about_the_traveller(counter: Counter) -> None:
    subject = flown(counter)
    counter.records.close()
    assert counter.check(subject) == Failed(Reason.RECORDS_UNAVAILABLE)
    assert counter.check_in(DOCUMENT) == Failed(Reason.RECORDS_UNAVAILABLE)


# ---------------------------------------------------------------- consent withdrawn


def test_a_consent_withdrawn_holds_at_once_and_destroys_what_it_was_given_for(counter: Counter) -> None:
    subject = subject_of(counter.enrol(facts={"name": "Anna"}))
    answer = counter.order("withdraw_consent", subject=subject)
    assert isinstance(answer, Done)
    assert answer.result["withdrawn"] == ["face", "facts"]
    assert counter.look_up(b"A1234567") == Failed(Reason.CONSENT_WITHDRAWN)
    assert counter.check(subject) == Failed(Reason.CONSENT_WITHDRAWN)
    assert counter.vision.asked[-1] == ("revoke", {"subject": subject})
    assert "name" not in (counter.records.about(SubjectId(subject), NOW) or {})
    assert counter.kinds()[-1] is FactKind.CONSENT_WITHDRAWN
    again = counter.order("withdraw_consent", subject=subject)
    assert isinstance(again, Rejected) and "withdrawn before" in again.message


def test_a_consent_to_one_thing_leaves_the_others(counter: Counter) -> None:
    subject = subject_of(counter.enrol(facts={"name": "Anna"}))
    asked = len(counter.vision.asked)
    answer = counter.order("withdraw_consent", subject=subject, to="facts")
    assert isinstance(answer, Done) and answer.result["withdrawn"] == ["facts"]
    assert counter.check(subject) == Eligible()
    assert len(counter.vision.asked) == asked
    wrong = counter.order("withdraw_consent", subject=subject, to="hands")
    assert isinstance(wrong, Rejected) and "face, finger, facts" in wrong.message


def test_a_template_that_vision_cannot_remove_now_goes_when_it_is_back(counter: Counter) -> None:
    subject = subject_of(counter.enrol())
    counter.vision.answers["revoke"] = AWAY
    answer = counter.order("withdraw_consent", subject=subject)
    assert isinstance(answer, Done) and "when vision is back" in str(answer.result["template"])
    counter.vision.answers["list"] = {"done": {"subjects": [{"subject": subject}]}}
    counter.clerk.reconcile()
    counter.settle()
    counter.settle()
    assert counter.vision.asked[-1] == ("revoke", {"subject": subject})


# ---------------------------------------------------------------- another name


def test_a_new_document_is_the_same_person_and_the_journal_does_not_say_what_changed(counter: Counter) -> None:
    subject = subject_of(counter.enrol(facts={"document.name": "CHAN", "document.expires": "2027-01-01"}))
    answer = counter.order("change_facts", subject=subject, facts={"document.name": "WONG", "document.expires": ""})
    assert answer == Done({"subject": subject, "changed": ["document.expires", "document.name"]})
    assert counter.records.facts(SubjectId(subject)) == {"document.name": "WONG"}
    fact = counter.facts[-1]
    assert (fact.kind, fact.subject) == (FactKind.OPERATOR_ORDERED, subject)
    assert "WONG" not in str(fact)
    for facts, says in (({}, "at least one fact"), ({"partition": "main"}, "nothing that can be said")):
        refused = counter.order("change_facts", subject=subject, facts=facts)
        assert isinstance(refused, Rejected) and says in refused.message


# ---------------------------------------------------------------- partitions


def test_a_partition_is_made_here_and_in_the_gallery(counter: Counter) -> None:
    flown(counter)
    assert ("partition_make", {"partition": FLIGHT, "expires_at": ENDS_AT}) in counter.vision.asked
    assert counter.kinds()[0] is FactKind.PARTITION_MADE
    answer = counter.order("partitions")
    assert isinstance(answer, Done)
    assert answer.result["partitions"] == [
        {"partition": "main", "expires_at": None, "people": 0, "facts": {}},
        {"partition": FLIGHT, "expires_at": ENDS_AT, "people": 1, "facts": JOURNEY},
    ]


def test_a_partition_without_an_end_is_there_for_ever(counter: Counter) -> None:
    assert counter.order("partition_make", name="permit-residents") == Done({"partition": "permit-residents"})
    counter.now += 50 * 365 * 86_400.0
    swept(counter)
    assert len(counter.records.partitions.list()) == 2


def test_a_destroyed_partition_takes_its_people_with_it_and_says_how_many(counter: Counter) -> None:
    subjects = [flown(counter), flown(counter)]
    answer = counter.order("partition_destroy", name=FLIGHT)
    assert answer == Done({"partition": FLIGHT, "destroyed": True, "people": 2})
    assert ("partition_destroy", {"partition": FLIGHT}) in counter.vision.asked
    assert counter.check(subjects[0]) == Failed(Reason.NOT_REGISTERED)
    assert counter.kinds()[-1] is FactKind.PARTITION_DESTROYED
    assert dict(counter.facts[-1].fields) == {"partition": FLIGHT, "by": "uid-1000", "people": 2}
    assert counter.records.partitions.to_tell() == ()


def test_vision_that_was_away_destroys_its_part_as_soon_as_it_is_back(counter: Counter) -> None:
    flown(counter)
    counter.vision.answers["partition_destroy"] = AWAY
    answer = counter.order("partition_destroy", name=FLIGHT)
    assert isinstance(answer, Done) and answer.result["templates"] == LATER
    again = counter.order("partition_make", name=FLIGHT)
    assert isinstance(again, Rejected) and "not destroyed yet" in again.message
    counter.vision.answers["partition_destroy"] = {"done": {"people": 1}}
    swept(counter)
    assert counter.records.partitions.to_tell() == ()
    assert isinstance(counter.order("partition_make", name=FLIGHT), Done)


def test_a_partition_whose_time_is_over_is_destroyed_by_the_lane_itself(counter: Counter) -> None:
    """Nobody orders it, and nobody looks: the clerk's own sweep does it, within a second of real time."""
    subject = flown(counter)
    counter.now = ENDS_AT
    assert counter.check(subject) == Failed(Reason.RECORD_EXPIRED)  # from that very moment, swept or not
    until(lambda: counter.records.list() == [], "the partition is destroyed")
    until(lambda: FactKind.PARTITION_DESTROYED in counter.kinds(), "it is written down")
    assert dict(counter.facts[-1].fields) == {"partition": FLIGHT, "by": "lane", "people": 1}
    assert counter.check(subject) == Failed(Reason.NOT_REGISTERED)


def test_a_key_that_cannot_be_destroyed_does_not_keep_the_templates_of_others(tmp_path: Path, counter: Counter) -> None:
    for name in ("flight-a", "flight-b"):
        counter.order("partition_make", name=name, expires_at=ENDS_AT)
    key = tmp_path / "keys" / "record-partitions" / "flight-a.key"
    key.unlink()
    key.mkdir()
    counter.now = ENDS_AT
    gone = ("partition_destroy", {"partition": "flight-b"})
    until(lambda: gone in counter.vision.asked, "vision hears of the other flight")
    assert counter.records.partitions.unfinished() == ("flight-a",)


def test_a_clock_that_nobody_vouches_for_destroys_no_partition(tmp_path: Path, counter: Counter) -> None:
    """The board starts without network, with a date of years ahead. When the clock is set right everybody is there."""
    subject = flown(counter)
    with closing(Counter(tmp_path, HouseRules("lane", vouched=lambda: None))) as lost:
        lost.now = ENDS_AT + 1e8
        swept(lost)
        assert lost.check(subject) == Failed(Reason.RECORD_EXPIRED)
        assert lost.records.partitions.due(lost.now) == (FLIGHT,)
        lost.now = NOW
        assert lost.check(subject) == Eligible()


def test_two_lanes_that_share_their_records_destroy_a_partition_once(tmp_path: Path, counter: Counter) -> None:
    subject = flown(counter)
    with closing(Counter(tmp_path)) as other:
        assert other.check(subject) == Eligible()
        counter.order("partition_destroy", name=FLIGHT)
        assert other.check(subject) == Failed(Reason.NOT_REGISTERED)
        swept(other)
        assert FactKind.PARTITION_DESTROYED not in other.kinds()


def test_what_a_crash_left_of_a_destruction_is_finished_by_the_next_sweep(counter: Counter) -> None:
    flown(counter)
    with counter.records.store.transaction() as database:
        database.execute("update partition set gone = 1")
    swept(counter)
    assert counter.records.list() == []
    assert dict(counter.facts[-1].fields) == {"partition": FLIGHT, "by": "lane", "people": 1}


@pytest.mark.parametrize(
    ("verb", "args", "says"),
    [
        ("partition_make", {"name": "Flight 1"}, "1 to 40 of a-z"),
        ("partition_make", {"name": "main"}, "exists"),
        ("partition_make", {"name": "a", "expires_at": "tomorrow"}, "seconds since 1970"),
        ("partition_make", {"name": "a", "expires_at": NOW}, "before it begins"),
        ("partition_make", {"name": "a", "facts": {"consent.face": "given"}}, "nothing that can be said"),
        ("partition_make", {}, "at least one text"),
        ("partition_destroy", {"name": "main"}, "none to destroy"),
        ("partition_change", {"name": "a", "facts": {"journey.gate": "1"}}, "none that has facts"),
        ("partition_change", {"name": "a"}, "at least one fact"),
    ],
)
def test_an_order_about_a_partition_that_makes_no_sense_is_refused(
    counter: Counter, verb: str, args: dict[str, object], says: str
) -> None:
    answer = counter.order(verb, **args)
    assert isinstance(answer, Rejected)
    assert says in answer.message


def test_a_store_that_cannot_be_swept_is_told_of_once(counter: Counter, caplog: pytest.LogCaptureFixture) -> None:
    counter.settle()
    counter.records.close()
    for _ in range(3):
        swept(counter)
    assert len([record for record in caplog.records if "closed database" in record.getMessage()]) == 1


# ---------------------------------------------------------------- tries


def test_who_is_refused_too_often_is_referred_for_a_while(counter: Counter) -> None:
    subject = flown(counter)
    for _ in range(2):
        counter.decided(Verdict.REFUSE, subject)
        assert counter.check(subject) == Eligible()
    counter.decided(Verdict.REFUSE, subject)
    assert counter.check(subject) == OFTEN
    assert counter.kinds().count(FactKind.REFUSED_OFTEN) == 1
    assert (counter.facts[-1].subject, dict(counter.facts[-1].fields)) == (subject, {"tries": 3})
    counter.now += 600.0
    assert counter.check(subject) == Eligible()


@pytest.mark.parametrize("reason", [Reason.VERIFY_TIMEOUT, Reason.NOT_LIVE])
def test_who_was_looked_at_and_did_not_fit_is_counted_though_they_are_referred(
    counter: Counter, reason: Reason
) -> None:
    """Somebody with a found card looks away after each fourth frame, or holds up one print after the other."""
    subject = flown(counter)
    for _ in range(3):
        counter.decided(Verdict.REFER, subject, reason=reason)
    assert counter.check(subject) == OFTEN


def test_to_be_referred_is_no_refusal_and_a_passage_clears_the_count(counter: Counter) -> None:
    subject = flown(counter)
    for _ in range(5):
        counter.decided(Verdict.REFER, subject, reason=Reason.NO_FACE)
    for _ in range(2):
        counter.decided(Verdict.REFUSE, subject)
    counter.decided(Verdict.ADMIT, subject)
    counter.ended(passed=True)
    counter.decided(Verdict.REFUSE, subject)
    assert counter.check(subject) == Eligible()


def test_who_says_that_it_is_not_them_is_not_counted_against_whoever_was_found(counter: Counter) -> None:
    """A false hit in front: the person standing there declines, and it is not the found one's fault."""
    subject = flown(counter)
    for _ in range(5):
        counter.decided(Verdict.REFUSE, subject, reason=Reason.DECLINED)
    assert counter.check(subject) == Eligible()


def test_nobody_can_be_counted_who_is_not_known(counter: Counter) -> None:
    for _ in range(5):
        counter.decided(Verdict.REFUSE, "")
    assert counter.kinds() == []


# ---------------------------------------------------------------- the journey


def test_a_touchpoint_is_passed_when_the_passage_is(counter: Counter, house: House) -> None:
    subject = flown(counter)
    counter.decided(Verdict.ADMIT, subject, "1" * 16)
    counter.ended(passed=False, run="1" * 16)
    counter.check(subject)
    assert house.known["journey.passed"] == ""
    counter.ended(passed=True, run="2" * 16)  # a passage of nobody who is known
    counter.decided(Verdict.ADMIT, subject, "3" * 16)
    counter.ended(passed=True, run="3" * 16)
    counter.check(subject)
    assert house.known["journey.passed"] == "bag-drop"


def test_admissions_that_never_end_are_not_kept_for_ever(counter: Counter, house: House) -> None:
    subject = flown(counter)
    for n in range(100):
        counter.decided(Verdict.ADMIT, subject, f"{n:016x}")
    counter.ended(passed=True, run=f"{0:016x}")
    counter.check(subject)
    assert house.known["journey.passed"] == ""


def test_one_journey_over_several_lanes_that_share_their_records(tmp_path: Path) -> None:
    """Check-in, bag drop, another gate, boarding; then the flight has left, and nothing of it is left either."""
    houses = {name: House(touchpoint=name) for name in ("check-in", "bag-drop", "boarding")}
    counters = {name: Counter(tmp_path, house.rules) for name, house in houses.items()}
    desk = counters["check-in"]
    desk.order("partition_make", name=FLIGHT, expires_at=ENDS_AT, facts=JOURNEY)
    found = desk.check_in(DOCUMENT)
    assert isinstance(found, Enrolled)
    passed = ""
    for number, (name, counter) in enumerate(counters.items()):
        assert counter.check(found.subject) == Eligible()
        assert houses[name].known["journey.passed"] == passed
        counter.decided(Verdict.ADMIT, found.subject, f"{number:016x}")
        counter.ended(passed=True, run=f"{number:016x}")
        counter.settle()
        passed = f"{passed} {name}".strip()
    desk.order("partition_change", name=FLIGHT, facts={"journey.gate": "31"})
    assert counters["boarding"].check(found.subject) == Eligible()
    assert houses["boarding"].known["journey.gate"] == "31"
    desk.order("partition_destroy", name=FLIGHT)
    for counter in counters.values():
        assert counter.check(found.subject) == Failed(Reason.NOT_REGISTERED)
        counter.close()
    with closing(Records(tmp_path / "records.sqlite", b"k" * 32)) as left:
        for table in ("traveller", "token", "consent", "touchpoint", "refusal", "partition"):
            assert left.store.rows(f"select * from {table}") == []
