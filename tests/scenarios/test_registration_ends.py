"""A registration ends, or its facts change, while the lane goes on: the very next run is judged by what is so then."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from counter import subject_of
from staffed import Office, passes

from gatefw.control import Done
from gatefw.model import SubjectId
from gatefw.simulate import lanes
from gatefw.simulate.traveller import Traveller

LANE = lanes.load("contactless-e-channel")
FACTS = {"residence": "hong-kong", "document.kind": "hong-kong-identity-card"}
ANNA = Traveller("anna", FACTS, tokens=("A1234567",))
DAY_S = 86_400.0


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """Anna is registered with her card, for a day, among the trial's people."""
    office = Office(tmp_path)
    desk = office.counter(LANE)
    assert isinstance(desk.order("partition_make", name="trial"), Done)
    office.subjects["anna"] = SubjectId(subject_of(desk.enrol(facts=FACTS, days=1, partition="trial")))
    yield office
    office.close()


def order(office: Office, verb: str, **args: object) -> Done:
    answer = office.counters[0].order(verb, **args)
    assert isinstance(answer, Done), answer
    return answer


def test_who_is_revoked_between_two_passages_does_not_pass_again(office: Office) -> None:
    """Anna passes in the morning. Her registration is ended while she is out; her card opens nothing any more."""
    assert passes(office, LANE, ANNA) == ("ok",)
    order(office, "revoke", subject=office.subjects["anna"])
    assert passes(office, LANE, ANNA) == ("record_revoked",)


def test_a_registration_ends_at_its_second_though_nobody_does_anything(office: Office) -> None:
    """Anna passes a moment before the end of her day, and not a moment after."""
    office.let_pass(DAY_S - 1.0)
    assert passes(office, LANE, ANNA) == ("ok",)
    office.let_pass(1.0)
    assert passes(office, LANE, ANNA) == ("record_expired",)


def test_the_trial_is_over_and_its_people_are_nobody(office: Office) -> None:
    """The partition is destroyed. The lane knows of no Anna, not even that it knew one."""
    order(office, "partition_destroy", name="trial")
    assert passes(office, LANE, ANNA) == ("token_unknown",)


def test_who_moves_away_is_no_resident_from_then_on_and_is_again_with_a_new_card(office: Office) -> None:
    """Anna gives up her residence, and comes back a permanent resident under another name: the same person."""
    anna = office.subjects["anna"]
    order(office, "change_facts", subject=anna, facts={"residence": ""})
    assert passes(office, LANE, ANNA) == ("not_resident",)
    order(office, "change_facts", subject=anna, facts={"residence": "hong-kong-permanent", "document.name": "WONG"})
    assert passes(office, LANE, ANNA) == ("ok",)


def test_who_took_back_their_consent_may_give_it_again(office: Office) -> None:
    """Anna withdraws everything. Another day she agrees once more; a photograph alone makes nobody a resident."""
    anna = office.subjects["anna"]
    order(office, "withdraw_consent", subject=anna)
    assert passes(office, LANE, ANNA) == ("consent_withdrawn",)
    order(office, "enrol", again=anna, photos=["/photos/anna.jpg"], consent=True)
    assert passes(office, LANE, ANNA) == ("not_resident",)
    order(office, "enrol", again=anna, photos=["/photos/anna.jpg"], consent=True, facts=FACTS)
    assert passes(office, LANE, ANNA) == ("ok",)
