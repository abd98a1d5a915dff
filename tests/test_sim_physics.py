"""The simulated world obeys physics: it could not be trusted as a witness against the software otherwise."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatefw.model import Beam, DoorId, Input, Occupancy, Position, Zone
from hw.sim.door import BODY, TICK_S
from hw.sim.history import Entry
from hw.sim.people import caller, companion, doorstopper, follower, send_in, stayer, traveller
from hw.sim.physics import Place, World
from hw.sim.pins import PinTable
from hw.sim.settings import WorldSettings, parse
from hw.sim.steps import Press, Script, Wait, WaitFor, Walk

FAST = WorldSettings(travel_s=0.3, lock_s=0.05, walk_m_s=2.0, hardware_limit_s=3.0)
DOORS = st.sampled_from(DoorId)


def violations(world: World) -> list[str]:
    return [str(entry["violation"]) for entry in world.history.of("violation")]


def outcomes(world: World) -> dict[str, str]:
    return {str(entry["person"]): str(entry["outcome"]) for entry in world.history.of("finished")}


def run_until(world: World, so: Callable[[], bool], limit_s: float = 60.0) -> None:
    """Tick by tick, so that a condition is met at the very tick at which it becomes true."""
    ends_s = world.now_s + limit_s
    while not so():
        assert world.now_s < ends_s, f"not within {limit_s} s; last: {world.history.since(0)[-5:]}"
        world.advance(world.now_s + TICK_S)


def clear_through(world: World, door: DoorId) -> None:
    """What a minimal gate does: let one door open until somebody walks through."""
    world.drive(door, True)
    run_until(world, lambda: world.beam(door) is Beam.BROKEN)
    world.drive(door, False)


# ---------------------------------------------------------------- properties over anything that may happen

PEOPLE: dict[str, Callable[[], Script]] = {
    "traveller": lambda: traveller("X"),
    "doorstopper": lambda: doorstopper("X", stand_s=1.5),
    "companion": lambda: companion(stand_s=1.5),
    "follower": follower,
}
ACTIONS = st.one_of(
    st.tuples(st.just("drive"), DOORS, st.booleans()),
    st.tuples(st.just("input"), st.sampled_from([Input.FIRE, Input.STOP, Input.CALL]), st.booleans()),
    st.tuples(st.just("jam"), DOORS, st.booleans()),
    st.tuples(st.just("force"), DOORS, st.booleans()),
    st.tuples(st.just("person"), st.sampled_from(list(PEOPLE)), st.integers(0, 3)),
    st.tuples(st.just("wait"), st.integers(1, 250), st.none()),
)


def act(world: World, action: tuple[str, object, object]) -> None:
    match action:
        case ("drive", DoorId() as door, bool(on)):
            world.drive(door, on)
        case ("input", Input() as which, bool(on)):
            world.set_input(which, on)
        case ("jam", DoorId() as door, bool(on)):
            world.harm(door, jammed=on)
        case ("force", DoorId() as door, bool(on)):
            world.harm(door, forced=on)
        case ("person", str(script), int(name)) if f"p{name}" not in world.people:
            send_in(world, f"p{name}", PEOPLE[script]())


def ticks(action: tuple[str, object, object]) -> int:
    return action[1] if action[0] == "wait" and isinstance(action[1], int) else 1


@settings(max_examples=60, deadline=None)
@given(st.lists(ACTIONS, max_size=30))
def test_with_working_beams_a_doorway_is_only_ever_stood_in_while_its_leaf_is_fully_open(
    actions: list[tuple[str, object, object]],
) -> None:
    world = World(FAST)
    world.drive(DoorId.ENTRY, True)
    for action in actions:
        act(world, action)
        for _ in range(ticks(action)):
            world.advance(world.now_s + TICK_S)
            for door, body in world.doors.items():
                somebody = any(person.stands_in(door) for person in world.people.values())
                assert world.beam(door) is (Beam.BROKEN if somebody else Beam.CLEAR)
                assert body.passable or not somebody
                assert body.closed or not body.locked
    assert "crush" not in violations(world)


@settings(max_examples=40, deadline=None)
@given(st.lists(ACTIONS, max_size=25))
def test_nobody_ever_crosses_a_leaf_that_is_less_than_half_open_even_when_beams_are_blind(
    actions: list[tuple[str, object, object]],
) -> None:
    world = World(FAST)
    world.stick("entry_door.beam", True)
    world.stick("exit_door.beam", True)
    world.drive(DoorId.ENTRY, True)
    openings: list[float] = []

    def watch(entry: Entry) -> None:
        if entry.kind == "crossed":
            openings.append(world.doors[DoorId(entry["door"])].opening)

    world.history.follow(watch)
    for action in actions:
        act(world, action)
        world.advance(world.now_s + ticks(action) * TICK_S)
    assert all(opening >= BODY for opening in openings)


@settings(max_examples=40, deadline=None)
@given(st.lists(ACTIONS, max_size=20), st.lists(st.floats(0.0, 0.5), max_size=20))
def test_what_happens_does_not_depend_on_how_often_the_world_is_looked_at(
    actions: list[tuple[str, object, object]], looks_s: list[float]
) -> None:
    def play(looks: list[float]) -> list[Entry]:
        world = World(FAST)
        at_s = 0.0
        for index, action in enumerate(actions):
            act(world, action)
            ends_s = at_s + ticks(action) * TICK_S
            for look_s in looks[index:]:
                at_s = min(ends_s, at_s + look_s)
                world.advance(at_s)
            at_s = ends_s
            world.advance(at_s)
        return world.history.since(0)

    assert play(looks_s) == play([])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(DOORS, st.booleans(), st.floats(0.0, 5.0)), max_size=12))
def test_no_release_outlasts_the_hardware_limit_whatever_the_relay_does(
    steps: list[tuple[DoorId, bool, float]],
) -> None:
    world = World(FAST)
    since_s = dict.fromkeys(DoorId, 0.0)
    for door, on, seconds in steps:
        since_s[door] = since_s[door] if world.doors[door].relay and on else world.now_s
        world.drive(door, on)
        world.advance(world.now_s + seconds)
        for each, body in world.doors.items():
            held_s = FAST.hardware_limit_s + FAST.travel_s + FAST.lock_s + 5 * TICK_S
            if body.relay and world.now_s - since_s[each] > held_s:
                assert body.position is Position.SECURED


# ---------------------------------------------------------------- doors


def test_a_released_door_opens_in_its_travel_time_and_locks_after_closing() -> None:
    world = World(FAST)
    door = world.doors[DoorId.ENTRY]
    world.drive(DoorId.ENTRY, True)
    world.advance(TICK_S)
    assert door.position is Position.OPEN
    run_until(world, lambda: door.passable)
    assert world.now_s == pytest.approx(FAST.travel_s, abs=2 * TICK_S)
    world.drive(DoorId.ENTRY, False)
    run_until(world, lambda: door.closed)
    assert door.closed and not door.locked  # not secured yet
    run_until(world, lambda: door.position is Position.SECURED)
    assert world.now_s == pytest.approx(2 * FAST.travel_s + FAST.lock_s, abs=5 * TICK_S)
    assert violations(world) == []


def test_a_release_that_is_never_taken_back_ends_at_the_hardware_limit_and_is_a_violation() -> None:
    world = World(FAST)
    world.drive(DoorId.ENTRY, True)
    world.advance(10.0)
    assert world.doors[DoorId.ENTRY].position is Position.SECURED
    assert violations(world) == ["release_too_long"]
    world.drive(DoorId.ENTRY, False)
    world.advance(10.1)
    world.drive(DoorId.ENTRY, True)
    world.advance(10.5)
    assert world.doors[DoorId.ENTRY].passable


def test_stop_freezes_a_leaf_where_it_is_and_releases_nothing() -> None:
    world = World(FAST)
    world.drive(DoorId.ENTRY, True)
    world.advance(0.1)
    world.set_input(Input.STOP, True)
    world.drive(DoorId.EXIT, True)
    stopped_at = world.doors[DoorId.ENTRY].opening
    world.advance(2.0)
    assert 0.0 < world.doors[DoorId.ENTRY].opening == stopped_at
    assert world.doors[DoorId.EXIT].position is Position.SECURED
    world.set_input(Input.STOP, False)
    world.advance(2.5)
    assert world.doors[DoorId.ENTRY].passable


def test_fire_frees_the_doors_of_the_escape_plan_in_hardware_even_under_stop() -> None:
    world = World(WorldSettings(travel_s=0.3, escape=(DoorId.ENTRY,)))
    world.set_input(Input.STOP, True)
    world.set_input(Input.FIRE, True)
    world.advance(1.0)
    assert world.doors[DoorId.ENTRY].passable
    assert world.doors[DoorId.EXIT].position is Position.SECURED
    world.set_input(Input.FIRE, False)
    world.set_input(Input.STOP, False)
    world.advance(2.0)
    assert world.doors[DoorId.ENTRY].position is Position.SECURED
    assert violations(world) == []


def test_a_late_world_tells_the_fire_before_the_doors_that_it_freed() -> None:
    """Both are seen at once when the world was busy; whoever hears the door first must not take it for forced."""
    world = World(WorldSettings(pins={"exit_door.locked": 25, "exit_door.closed": 24, "fire": 20}))
    pins = PinTable(world, keep=False)
    for number in (25, 24, 20):
        pins.handle("gate", {"claim": number, "direction": "in", "pull": "up"})
    world.set_input(Input.FIRE, True)
    world.advance(1.0)
    assert [message["pin"] for _, message in pins.changes()] == [20, 25, 24]


def test_a_broken_wire_in_the_fire_loop_is_a_fire() -> None:
    world = World(FAST)
    world.stick("fire", False)
    world.advance(1.0)
    assert all(door.passable for door in world.doors.values())


def test_a_companion_keeps_the_door_behind_somebody_open_and_never_comes_in() -> None:
    world = World(FAST)
    send_in(world, "amal", companion(stand_s=2.0))
    world.drive(DoorId.ENTRY, True)
    run_until(world, lambda: world.beam(DoorId.ENTRY) is Beam.BROKEN)
    world.drive(DoorId.ENTRY, False)
    world.advance(world.now_s + 1.0)
    assert world.doors[DoorId.ENTRY].passable
    world.advance(world.now_s + 10.0)
    assert world.doors[DoorId.ENTRY].position is Position.SECURED
    assert list(world.history.of("crossed")) == []
    assert [entry["outcome"] for entry in world.history.of("finished")] == ["not_admitted"]


def test_a_leaf_without_its_beam_stops_on_a_person_and_the_world_calls_it_a_crush() -> None:
    world = World(FAST)
    send_in(world, "amal", doorstopper("X", stand_s=2.0))
    world.stick("entry_door.beam", True)
    world.drive(DoorId.ENTRY, True)
    run_until(world, lambda: world.people["amal"].at_m == 1.0)
    world.drive(DoorId.ENTRY, False)
    world.advance(world.now_s + 1.5)
    assert world.doors[DoorId.ENTRY].opening == BODY
    [crush] = world.history.of("violation")
    assert crush.says("violation", violation="crush", people=["amal"], faults=["entry_door.beam stuck"])


def test_a_jammed_leaf_unlocks_and_does_not_move() -> None:
    world = World(FAST)
    world.harm(DoorId.ENTRY, jammed=True)
    world.drive(DoorId.ENTRY, True)
    world.advance(2.0)
    assert world.doors[DoorId.ENTRY].position is Position.CLOSED


def test_a_welded_relay_keeps_its_door_open_and_the_world_says_whose_fault_that_is() -> None:
    world = World(FAST)
    world.harm(DoorId.ENTRY, welded=True)
    world.advance(world.now_s + 1.0)
    assert world.doors[DoorId.ENTRY].passable
    [violation] = world.history.of("violation")
    assert violation.says("violation", violation="opened_undriven", faults=["entry_door welded"])


def test_two_doors_unsecured_at_once_are_a_violation_unless_there_is_a_fire() -> None:
    world = World(FAST)
    for door in DoorId:
        world.drive(door, True)
    world.advance(0.1)
    assert violations(world) == ["both_unsecured"]
    burning = World(FAST)
    burning.set_input(Input.FIRE, True)
    burning.advance(3.0)
    burning.set_input(Input.FIRE, False)
    burning.advance(6.0)
    assert violations(burning) == []


def test_a_stuck_contact_lies_about_a_door_that_moves_all_the_same() -> None:
    world = World(FAST)
    world.stick("entry_door.closed", True)
    world.drive(DoorId.ENTRY, True)
    world.advance(1.0)
    assert world.circuit("entry_door.closed")
    assert world.doors[DoorId.ENTRY].position is Position.OPEN
    world.stick("entry_door.closed", None)
    assert not world.circuit("entry_door.closed")


# ---------------------------------------------------------------- people


def test_a_traveller_passes_and_is_seen_by_beams_zones_and_the_camera_on_the_way() -> None:
    world = World(FAST)
    presented: list[tuple[str, bytes]] = []
    world.on_present = lambda scanner, code: presented.append((scanner, code))
    send_in(world, "amal", traveller("CODE-1", photo="amal.jpg"))
    run_until(world, lambda: bool(presented))
    assert presented == [("scanner-front", b"CODE-1")]
    assert world.zone(Zone.FRONT)
    assert world.occupancy() is Occupancy.EMPTY
    world.drive(DoorId.ENTRY, True)
    run_until(world, lambda: world.occupancy() is Occupancy.ONE)
    assert world.beam(DoorId.ENTRY) is Beam.BROKEN
    world.drive(DoorId.ENTRY, False)
    run_until(world, lambda: world.doors[DoorId.ENTRY].position is Position.SECURED)
    run_until(world, lambda: world.people["amal"].at_m == 2.0)
    world.advance(world.now_s + 2 * TICK_S)
    assert world.faces() == ("amal.jpg",)
    clear_through(world, DoorId.EXIT)
    run_until(world, lambda: "amal" in outcomes(world))
    assert outcomes(world) == {"amal": "passed"}
    assert [(entry["door"], entry["to"]) for entry in world.history.of("crossed")] == [
        (DoorId.ENTRY, Place.AIRLOCK),
        (DoorId.EXIT, Place.BEHIND),
    ]
    assert not world.people
    assert violations(world) == []


def test_a_traveller_whose_code_opens_nothing_goes_away() -> None:
    world = World(FAST)
    send_in(world, "amal", traveller("CODE-1", enter_patience_s=2.0))
    world.advance(20.0)
    assert outcomes(world) == {"amal": "not_admitted"}
    assert not list(world.history.of("crossed"))


def test_a_refused_traveller_leaves_backwards_by_the_entry_when_it_opens() -> None:
    world = World(FAST)
    send_in(world, "amal", traveller("CODE-1"))
    world.drive(DoorId.ENTRY, True)
    run_until(world, lambda: world.occupancy() is Occupancy.ONE)
    world.drive(DoorId.ENTRY, False)
    run_until(world, lambda: world.doors[DoorId.ENTRY].position is Position.SECURED)
    world.advance(world.now_s + 1.0)  # they come to a stand and look round
    clear_through(world, DoorId.ENTRY)
    world.advance(world.now_s + 10.0)
    assert outcomes(world) == {"amal": "turned_back"}


def test_a_traveller_for_whom_no_door_opens_is_trapped_and_stays_until_carried_out() -> None:
    world = World(FAST)
    send_in(world, "amal", traveller("CODE-1", leave_patience_s=5.0))
    world.drive(DoorId.ENTRY, True)
    run_until(world, lambda: world.occupancy() is Occupancy.ONE)
    world.drive(DoorId.ENTRY, False)
    world.advance(world.now_s + 30.0)
    assert outcomes(world) == {"amal": "trapped"}
    assert world.occupancy() is Occupancy.ONE
    world.leave("amal")
    assert world.occupancy() is Occupancy.EMPTY


def test_a_follower_slips_in_behind_and_both_leave_by_the_door_that_is_open() -> None:
    world = World(FAST)
    send_in(world, "amal", traveller("CODE-1"))
    send_in(world, "bo", follower(), walk_m_s=1.5)
    world.drive(DoorId.ENTRY, True)
    run_until(world, lambda: world.occupancy() is Occupancy.MANY)
    assert world.circuit("zone_airlock_many")
    world.drive(DoorId.ENTRY, False)
    run_until(world, lambda: world.doors[DoorId.ENTRY].position is Position.SECURED)
    world.advance(world.now_s + 1.0)  # they come to a stand and look round
    world.drive(DoorId.ENTRY, True)
    run_until(world, lambda: len(outcomes(world)) == 2)
    assert outcomes(world) == {"amal": "turned_back", "bo": "turned_back"}


def test_somebody_who_stands_in_the_doorway_keeps_it_open_without_any_relay() -> None:
    world = World(FAST)
    send_in(world, "amal", doorstopper("CODE-1", stand_s=2.0))
    world.drive(DoorId.ENTRY, True)
    run_until(world, lambda: world.people["amal"].at_m == 1.0)
    world.drive(DoorId.ENTRY, False)
    stood_s = world.now_s
    world.advance(stood_s + 1.0)
    assert world.doors[DoorId.ENTRY].passable
    run_until(world, lambda: world.doors[DoorId.ENTRY].position is Position.SECURED)
    assert world.now_s > stood_s + 2.0
    assert world.people["amal"].place is Place.AIRLOCK


def test_a_call_is_pressed_and_let_go_by_somebody_inside() -> None:
    world = World(FAST)
    send_in(world, "amal", caller("CODE-1"))
    world.drive(DoorId.ENTRY, True)
    run_until(world, lambda: world.occupancy() is Occupancy.ONE)
    world.drive(DoorId.ENTRY, False)
    run_until(world, lambda: Input.CALL in world.active)
    assert world.occupancy() is Occupancy.ONE
    run_until(world, lambda: Input.CALL not in world.active)


def test_a_stayer_ignores_an_open_door_for_a_while() -> None:
    world = World(FAST)
    send_in(world, "amal", stayer("CODE-1", stay_s=4.0))
    world.set_input(Input.FIRE, True)
    run_until(world, lambda: world.people["amal"].at_m == 2.0)
    arrived_s = world.now_s
    run_until(world, lambda: bool(outcomes(world)))
    assert world.now_s > arrived_s + 4.0
    assert outcomes(world) == {"amal": "passed"}


def test_scripts_are_generators_that_are_told_how_each_step_went() -> None:
    told: list[object] = []

    def curious() -> Script:
        told.append((yield Walk(Place.FRONT)))
        told.append((yield Walk(Place.AIRLOCK, patience_s=1.0)))
        told.append((yield WaitFor(lambda world: world.doors[DoorId.ENTRY].passable, patience_s=1.0)))
        told.append((yield Wait(0.5)))
        told.append((yield Press(Input.CALL)))
        return "curious"

    world = World(FAST)
    send_in(world, "amal", curious())
    world.advance(30.0)
    assert told == [True, False, False, None, None]
    assert outcomes(world) == {"amal": "curious"}


def test_one_person_has_one_body() -> None:
    world = World(FAST)
    send_in(world, "amal", traveller("X"))
    with pytest.raises(ValueError, match="already in the world"):
        send_in(world, "amal", traveller("X"))


def test_a_year_of_an_empty_lane_costs_nothing() -> None:
    world = World(FAST)
    world.advance(1.0)
    assert world.next_s() == float("inf")
    world.advance(365 * 86400.0)
    world.drive(DoorId.ENTRY, True)
    world.advance(365 * 86400.0 + 1.0)
    assert world.doors[DoorId.ENTRY].passable


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"travel": 1}, "world.travel: unknown key"),
        ({"travel_s": "1"}, "world.travel_s: '1' is not a number"),
        ({"walk_m_s": 50.0}, "world.walk_m_s: 50.0 is not a number from"),
        ({"pins": {"entry_door": {"ajar": 3}}}, "world.pins.entry_door.ajar: unknown line"),
        ({"pins": {"fire": 20, "call": 20}}, "world.pins.call: pin 20 is already wired to fire"),
        ({"scanners": {"front": {"bauds": 9600}}}, "world.scanners.front: known are baud, prefix, terminator"),
        ({"scanners": {"front": {"baud": 9}}}, "world.scanners.front.baud: 9 is not a rate"),
        ({"pins": {"fire": 99}}, "world.pins.fire: 99 is not a BCM number"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_key(table: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message.replace(".", r"\.")):
        parse(table)


def test_a_walk_is_played_only_where_something_begins_ends_or_crosses_a_border() -> None:
    world, thoughts = World(WorldSettings(walk_m_s=1.0)), []

    def walks(_world: World) -> float:
        thoughts.append(_world.now_s)
        _world.people["anna"].target_m = 0.0
        return float("inf")

    world.enter("anna", walks)
    world.advance(0.75)
    assert world.people["anna"].at_m == pytest.approx(-0.25)
    world.advance(5.0)
    assert world.people["anna"].at_m == 0.0
    assert len(thoughts) < 20, "of a hundred ticks"
