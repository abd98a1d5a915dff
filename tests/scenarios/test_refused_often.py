"""Somebody is refused again and again: then an officer looks, and after a while the lane has forgotten it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from counter import subject_of
from staffed import Office, passes

from gatefw.model import FactKind, SubjectId
from gatefw.simulate import lanes
from gatefw.simulate.traveller import Traveller

LANE = lanes.load("contactless-e-channel")
FACTS = {"residence": "hong-kong", "document.kind": "hong-kong-identity-card"}
ANNA = Traveller("anna", FACTS, tokens=("A1234567",))
FINDER = Traveller("finder", tokens=("A1234567",))


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """Anna is registered with her card."""
    office = Office(tmp_path)
    office.subjects["anna"] = SubjectId(subject_of(office.counter(LANE).enrol(facts=FACTS)))
    yield office
    office.close()


def test_whoever_is_refused_three_times_is_referred_and_it_is_told_once(office: Office) -> None:
    """Somebody has found Anna's card and does not give up. The fourth time no door opens at all. That goes for Anna
    too, who is the holder: the counter helps her. After an hour the lane knows nothing of it."""
    assert [passes(office, LANE, FINDER) for _ in range(4)] == [("face_mismatch",)] * 3 + [("too_many_tries",)]
    assert passes(office, LANE, ANNA) == ("too_many_tries",)
    often = [fact for each in office.counters for fact in each.facts if fact.kind is FactKind.REFUSED_OFTEN]
    assert [fact.subject for fact in often] == [office.subjects["anna"]]
    office.let_pass(LANE.tries.within_s + 1.0)
    assert passes(office, LANE, ANNA) == ("ok",)


def test_a_passage_clears_the_count(office: Office) -> None:
    """Anna's twin takes the wrong card twice. Anna passes; so the next mistake is the first again."""
    assert [passes(office, LANE, FINDER) for _ in range(2)] == [("face_mismatch",)] * 2
    assert passes(office, LANE, ANNA) == ("ok",)
    assert [passes(office, LANE, FINDER) for _ in range(3)] == [("face_mismatch",)] * 3


def test_somebody_who_took_back_their_consent_is_not_looked_at(office: Office) -> None:
    """Anna wants her face forgotten. Her card opens nothing any more, from that moment on."""
    desk = office.counters[0]
    desk.vision.answers["revoke"] = {"done": {"revoked": True}}
    desk.order("withdraw_consent", subject=office.subjects["anna"], to="face")
    assert passes(office, LANE, ANNA) == ("consent_withdrawn",)
