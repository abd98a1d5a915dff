"""A flight's passengers from the check-in to the door of the bridge, with real records, partitions and rules."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from counter import subject_of
from staffed import Office, passes

from gatefw.config import Config
from gatefw.control import Done
from gatefw.model import FactKind
from gatefw.simulate import lanes
from gatefw.simulate.traveller import Traveller

HOUR_S = 3600.0
CHECK_IN, BAG_DROP, SECURITY, E_CHANNEL, BOARDING = (
    lanes.load(f"flight-token-{touchpoint}")
    for touchpoint in ("check-in", "bag-drop", "security", "e-channel", "boarding")
)


@pytest.fixture
def airport(tmp_path: Path) -> Iterator[Office]:
    """Two flights of this evening: CX100 from gate 24, and CX200 from gate 60."""
    office = Office(tmp_path)
    desk = office.counter(CHECK_IN)
    for flight, gate in (("cx100", "gate-24"), ("cx200", "gate-60")):
        closes_at = office.now + 3 * HOUR_S
        journey = {"journey.name": flight, "journey.gate": gate, "journey.closes_at": rfc3339(closes_at)}
        made = desk.order("partition_make", name=f"flight-{flight}", expires_at=closes_at + HOUR_S, facts=journey)
        assert isinstance(made, Done)
    yield office
    office.close()


def rfc3339(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def passenger(name: str, residence: str = "") -> Traveller:
    return Traveller(name, {"document.expires": "2030-01-01", "residence": residence})


def check_in_for(flight: str) -> Config:
    """The counter of another flight."""
    return replace(CHECK_IN, people=replace(CHECK_IN.people, enrol_into=f"flight-{flight}"))


def made_known_as_resident(airport: Office, name: str) -> None:
    """Immigration adds what no travel document says."""
    facts = {"residence": "hong-kong-permanent"}
    changed = airport.counters[0].order("change_facts", subject=airport.subjects[name], facts=facts)
    assert subject_of(changed) == airport.subjects[name]


def test_a_journey_is_walked_in_order_each_place_once_and_then_forgotten(airport: Office) -> None:
    """Anna flies with CX100. Before she checks in nobody knows her face. Then it is her boarding pass, bag tag and
    passport: at each place once, and not at one before its time. Her flight moves to gate 31, so the door of gate 24
    sends her on. When the flight has been gone for an hour, nobody knows her face any more."""
    anna = passenger("anna")
    assert passes(airport, BAG_DROP, anna) == ("not_identified",)
    assert passes(airport, CHECK_IN, anna) == ("ok",)
    assert passes(airport, E_CHANNEL, anna) == ("not_eligible_resident",)
    made_known_as_resident(airport, "anna")
    assert passes(airport, E_CHANNEL, anna) == ("touchpoint_skipped",)
    assert passes(airport, BAG_DROP, anna) == ("ok",)
    assert passes(airport, BAG_DROP, anna) == ("touchpoint_repeated",)
    assert passes(airport, BOARDING, anna) == ("touchpoint_skipped",)
    assert passes(airport, SECURITY, anna) == ("ok",)
    assert passes(airport, E_CHANNEL, anna) == ("ok",)
    moved = airport.counters[0].order("partition_change", name="flight-cx100", facts={"journey.gate": "gate-31"})
    assert isinstance(moved, Done)
    assert passes(airport, BOARDING, anna) == ("wrong_place",)
    gate_31 = replace(BOARDING, port=replace(BOARDING.port, place="gate-31"))
    assert passes(airport, gate_31, anna) == ("ok",)
    assert passes(airport, gate_31, anna) == ("touchpoint_repeated",)

    airport.let_pass(4 * HOUR_S)
    desk = airport.counters[0]
    desk.clerk.sweep()
    desk.settle()
    destroyed = [fact for each in airport.counters for fact in each.facts if fact.kind is FactKind.PARTITION_DESTROYED]
    assert {dict(fact.fields)["partition"] for fact in destroyed} == {"flight-cx100", "flight-cx200"}
    assert passes(airport, gate_31, anna) == ("not_registered",)
    assert all("anna" not in str(row) for row in desk.records.store.rows("select * from traveller"))


def test_who_skips_the_bag_drop_has_no_bag_and_goes_on(airport: Office) -> None:
    """Boris has hand luggage alone: no place after the bag drop asks for it, but nobody drops a bag after security."""
    boris = passenger("boris")
    assert passes(airport, CHECK_IN, boris) == ("ok",)
    assert passes(airport, SECURITY, boris) == ("ok",)
    assert passes(airport, BAG_DROP, boris) == ("touchpoint_skipped",)


def test_the_door_of_another_flight_stays_shut(airport: Office) -> None:
    """Carla flies with CX200 from gate 60, and stands before gate 24."""
    carla = passenger("carla")
    assert passes(airport, check_in_for("cx200"), carla) == ("ok",)
    made_known_as_resident(airport, "carla")
    assert passes(airport, SECURITY, carla) == passes(airport, E_CHANNEL, carla) == ("ok",)
    assert passes(airport, BOARDING, carla) == ("wrong_place",)


def test_a_missed_flight_is_over_for_everybody_and_takes_nobody_new(airport: Office) -> None:
    """Dora has slept in the lounge. Her flight is closed; nor can anybody check in for it any more."""
    dora = passenger("dora")
    assert passes(airport, CHECK_IN, dora) == ("ok",)
    airport.let_pass(3 * HOUR_S + 60.0)
    assert passes(airport, SECURITY, dora) == ("journey_over",)
    airport.let_pass(HOUR_S)
    assert passes(airport, CHECK_IN, passenger("emil")) == ("journey_over",)


def test_a_passenger_who_is_no_resident_is_sent_to_the_counter_of_immigration(airport: Office) -> None:
    """Farid has a foreign passport. The e-Channel sends him to the counter; without its word he cannot board."""
    farid = passenger("farid")
    for lane, expected in ((CHECK_IN, "ok"), (SECURITY, "ok"), (E_CHANNEL, "not_eligible_resident"),
                           (BOARDING, "touchpoint_skipped")):  # fmt: skip
        assert passes(airport, lane, farid) == (expected,)
