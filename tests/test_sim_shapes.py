"""A world with two doors, one, or none: an opening without a door is a line on the floor."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatefw.model import Beam, DoorId, Input, Occupancy, Position, Zone
from hw.sim.door import TICK_S
from hw.sim.people import SCRIPTS, send_in
from hw.sim.physics import World
from hw.sim.places import Place
from hw.sim.settings import WorldSettings, parse
from hw.sim.steps import Script, Walk
from hw.sim.virtual import VirtualSite

SHAPES = {
    "two doors": (DoorId.ENTRY, DoorId.EXIT),
    "an exit door": (DoorId.EXIT,),
    "no door": (),
}


def world_with(*doors: DoorId) -> World:
    return World(WorldSettings(travel_s=0.3, lock_s=0.05, walk_m_s=2.0, hardware_limit_s=30.0, doors=doors))


def wanderer() -> Script:
    for place in (Place.FRONT, Place.AIRLOCK, Place.GONE):
        if not (yield Walk(place, patience_s=2.0)):
            return f"stopped before {place}"
    return "went through"


def outcome(world: World, name: str) -> str:
    return next(str(each["outcome"]) for each in world.history.of("finished") if each["person"] == name)


def violations(world: World) -> list[str]:
    return [str(entry["violation"]) for entry in world.history.of("violation")]


@pytest.mark.parametrize(
    ("doors", "ends"),
    [
        (SHAPES["two doors"], "stopped before airlock"),
        (SHAPES["an exit door"], "stopped before gone"),
        (SHAPES["no door"], "went through"),
    ],
    ids=list(SHAPES),
)
def test_people_are_stopped_by_the_doors_that_are_there_and_by_no_others(doors: tuple[DoorId, ...], ends: str) -> None:
    world = world_with(*doors)
    send_in(world, "anna", wanderer())
    world.advance(20.0)
    assert outcome(world, "anna") == ends
    assert not violations(world)


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(list(SHAPES.values())),
    st.lists(st.tuples(st.sampled_from(DoorId), st.integers(1, 60)), max_size=12),
)
def test_nobody_is_across_a_door_that_was_never_driven(
    doors: tuple[DoorId, ...], drives: list[tuple[DoorId, int]]
) -> None:
    world = world_with(*doors)
    for name in ("anna", "ben"):
        send_in(world, name, wanderer())
    driven = set()
    for door, ticks in drives:
        if door in doors:
            driven.add(door)
            world.drive(door, True)
        world.advance(world.now_s + ticks * TICK_S)
        if door in doors:
            world.drive(door, False)
    world.advance(world.now_s + 60.0)
    crossed = {entry["door"] for entry in world.history.of("crossed")}
    assert not [door for door in doors if door in crossed and door not in driven]
    assert not [each for each in violations(world) if each in ("crush", "opened_undriven", "release_too_long")]
    if len(doors) < 2:
        assert "both_unsecured" not in violations(world)


def test_one_door_that_opens_is_no_airlock_standing_open() -> None:
    """The only door of a lane opens: nobody was shut in, and the audit does not say that both are unsecured."""
    world = world_with(DoorId.EXIT)
    world.drive(DoorId.EXIT, True)
    world.advance(5.0)
    assert world.doors[DoorId.EXIT].passable
    assert not violations(world)


def test_an_absent_door_is_secured_its_beam_is_clear_and_its_opening_can_be_walked() -> None:
    world = world_with()
    for door in DoorId:
        assert world.position(door) is Position.SECURED
        assert world.passable(door)
        assert world.beam(door) is Beam.CLEAR
    site = VirtualSite(world)
    site.advance(1.0)
    assert (site.doors, site.next_s()) == ({}, math.inf)


@pytest.mark.parametrize("act", ["drive", "run_motor", "harm", "stick"])
def test_what_is_not_there_cannot_be_moved_or_broken(act: str) -> None:
    world = world_with(DoorId.EXIT)
    acts = {
        "drive": lambda: world.drive(DoorId.ENTRY, True),
        "run_motor": lambda: world.run_motor(DoorId.ENTRY, "motor_open", True),
        "harm": lambda: world.harm(DoorId.ENTRY, jammed=True),
        "stick": lambda: world.stick("entry_door.beam", False),
    }
    with pytest.raises(ValueError, match="entry_door"):
        acts[act]()


@pytest.mark.parametrize(
    ("table", "named"),
    [
        ({"doors": ["entry_door"]}, "world.doors"),
        ({"doors": ["exit_door", "exit_door"]}, "world.doors"),
        ({"doors": ["back_door"]}, "world.doors"),
        ({"doors": ["exit_door"], "pins": {"entry_door": {"release": 17}}}, "world.pins.entry_door.release"),
    ],
)
def test_a_shape_that_cannot_be_is_refused_with_its_key(table: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        parse(table)


@pytest.mark.parametrize(
    ("doors", "in_front", "inside"),
    [
        (SHAPES["two doors"], Place.FRONT, Place.AIRLOCK),
        (SHAPES["an exit door"], Place.AIRLOCK, Place.AIRLOCK),
        (SHAPES["no door"], Place.FRONT, Place.FRONT),
    ],
    ids=list(SHAPES),
)
def test_the_cameras_look_where_people_stand_in_a_lane_of_this_shape(
    doors: tuple[DoorId, ...], in_front: Place, inside: Place
) -> None:
    world = world_with(*doors)
    for place in Place:
        world.enter(f"somebody {place}", at=place).photo = f"{place}.jpg"
    world.enter("a hooded one", at=in_front)
    assert world.faces_in_front() == (None, f"{in_front}.jpg")
    assert f"{inside}.jpg" in world.faces()


def test_a_traveller_at_the_only_door_walks_through_when_it_opens_and_back_when_it_does_not() -> None:
    """Two people step up to a boarding gate. For the first it opens; the second gives up and walks back."""
    world = world_with(DoorId.EXIT)
    send_in(world, "first", SCRIPTS["boarder"](photo="anna.jpg"))
    world.advance(3.0)
    assert world.occupancy() is Occupancy.ONE
    assert not world.zone(Zone.FRONT)
    world.drive(DoorId.EXIT, True)
    world.advance(6.0)
    world.drive(DoorId.EXIT, False)
    send_in(world, "second", SCRIPTS["boarder"](leave_patience_s=4.0))
    world.advance(30.0)
    assert (outcome(world, "first"), outcome(world, "second")) == ("passed", "turned_back")
    assert not violations(world)


def test_a_traveller_where_no_door_is_stands_for_a_while_and_walks_on() -> None:
    world = world_with()
    shown = []
    world.on_present = lambda scanner, code: shown.append((scanner, code))
    send_in(world, "anna", SCRIPTS["passer"](photo="a.jpg", code="P<UTO", document="d1", scanner="mrz", stand_s=4.0))
    world.advance(2.0)
    assert world.faces() == world.faces_in_front() == ("a.jpg",)
    assert (shown, world.laid) == ([("mrz", b"P<UTO")], {"document": {"document": "d1"}})
    world.advance(30.0)
    assert outcome(world, "anna") == "went_on"
    assert not world.laid


# ---------------------------------------------------------------- buttons, fingers, and who walks in


def presses(world: World, which: Input) -> int:
    return sum(1 for entry in world.history.of("input") if entry["input"] == which and entry["on"])


def test_who_is_told_by_nobody_that_they_are_asked_presses_until_the_door_opens() -> None:
    world = world_with(*DoorId)
    site = VirtualSite(world)
    send_in(world, "anna", SCRIPTS["known"](photo="anna.jpg", fingers="7"))
    world.advance(2.6)
    assert world.faces_in_front() == ("anna.jpg",)
    assert {Input.CONFIRM, Input.DECLINE} <= set(site.read_sensors().inputs)
    assert presses(world, Input.CONFIRM) == 3
    world.drive(DoorId.ENTRY, True)
    world.advance(4.5)
    world.drive(DoorId.ENTRY, False)
    assert Input.CONFIRM not in world.active
    world.advance(6.0)
    assert world.laid == {"finger": {"finger": 7, "quality": "good"}}
    world.advance(10.0)
    assert not world.laid
    world.drive(DoorId.EXIT, True)
    world.advance(20.0)
    assert (outcome(world, "anna"), presses(world, Input.DECLINE)) == ("passed", 0)


@pytest.mark.parametrize(
    ("says", "confirmed", "declined"), [("yes", 3, 0), ("no", 0, 3), ("nothing", 0, 0), ("leaves", 0, 0)]
)
def test_where_no_door_opens_everybody_goes_away_again(says: str, confirmed: int, declined: int) -> None:
    world = world_with(*DoorId)
    send_in(world, "anna", SCRIPTS["known"](photo="anna.jpg", says=says, enter_patience_s=3.0))
    world.advance(20.0)
    assert outcome(world, "anna") == "not_admitted"
    assert (presses(world, Input.CONFIRM), presses(world, Input.DECLINE)) == (confirmed, declined)
    assert not world.active


def test_somebody_else_walks_in_when_the_door_opens_for_a_decoy() -> None:
    """Anna's face is known and she says yes; as the door opens she steps back, and Ben, who waited, walks in."""
    world = world_with(*DoorId)
    send_in(world, "anna", SCRIPTS["decoy"](photo="anna.jpg"))
    send_in(world, "ben", SCRIPTS["follower"](photo="ben.jpg"))
    world.advance(2.0)
    assert world.faces_in_front() == ("anna.jpg", None)
    world.drive(DoorId.ENTRY, True)
    world.advance(6.0)
    assert world.occupancy() is Occupancy.ONE
    assert world.faces() == ("ben.jpg",)
    assert outcome(world, "anna") == "not_admitted"


def test_a_finger_that_is_not_read_is_laid_down_again_in_its_next_state_and_no_more_once_a_door_opens() -> None:
    world = world_with(*DoorId)
    send_in(world, "anna", SCRIPTS["traveller"](code="X", fingers="7:dry 7:smudged 7 7"))
    world.drive(DoorId.ENTRY, True)
    world.advance(3.0)
    world.drive(DoorId.ENTRY, False)
    world.advance(7.0)
    assert world.laid == {"finger": {"finger": 7, "quality": "smudged"}}
    world.drive(DoorId.EXIT, True)
    world.advance(30.0)
    laid = [entry["quality"] for entry in world.history.of("laid")]
    assert laid == ["dry", "smudged"]
    assert (outcome(world, "anna"), world.laid) == ("passed", {})
