"""The invariants of the safety argument: each can be broken, says what it means, and is looked at in simulations."""

import pytest

from gatefw.gate_terms import DoorSensed, LaneSensed
from gatefw.lane_terms import Policy, State
from gatefw.model import Beam, DoorId, Input, Occupancy, Phase, Position, Purpose, Sensed, Signal
from gatefw.simulate import lanes
from gatefw.simulate.day import scripted_lane
from gatefw.simulate.invariants import INVARIANTS, AtDoor, Moment, Over, Step, broken

SECURED, OPEN, UNKNOWN = Position.SECURED, Position.OPEN, Position.UNKNOWN
CALM = Sensed(SECURED, SECURED, Beam.CLEAR, Beam.CLEAR, Occupancy.EMPTY, Signal.OFF, Signal.OFF, Signal.OFF)
IDLE = State(phase=Phase.IDLE, entry=SECURED, exit=SECURED, occupancy=Occupancy.EMPTY, started=True, healthy=True)
ENTERS = IDLE._replace(phase=Phase.ENTRY_RELEASED, wants_entry=Purpose.ENTER)
ADMITS = IDLE._replace(phase=Phase.EXIT_RELEASED, wants_exit=Purpose.ADMIT, occupancy=Occupancy.ONE)
FULL = IDLE._replace(phase=Phase.REFUSED, occupancy=Occupancy.ONE)
EVACUATED = IDLE._replace(phase=Phase.EVACUATED, fire=True)
REST = Moment(IDLE, CALM, AtDoor(), AtDoor())


def sensed(**levels: object) -> Sensed:
    known = {name: getattr(CALM, name) for name in Sensed.__dataclass_fields__}
    return Sensed(**{**known, **levels})


def held(purpose: Purpose, **more: object) -> AtDoor:
    return AtDoor(held=purpose, lately=purpose, recorded=purpose)._replace(**more)


def at_rest(**more: object) -> Moment:
    return REST._replace(**more)


ENTER, ADMIT, WAY_OUT, EMERGENCY, EXERCISE = (
    Purpose.ENTER,
    Purpose.ADMIT,
    Purpose.WAY_OUT,
    Purpose.EMERGENCY,
    Purpose.EXERCISE,
)
ONE_IN = sensed(occupancy=Occupancy.ONE)
ENTRY_WAY_OUT = REST._replace(state=FULL._replace(wants_entry=WAY_OUT), sensed=ONE_IN, entry=held(WAY_OUT), inside=1)
BREACHES: dict[str, tuple[Moment, Moment]] = {
    "nothing_moves_before_the_first_snapshot": (
        at_rest(state=IDLE._replace(started=False)),
        at_rest(state=IDLE._replace(started=False), entry=held(WAY_OUT)),
    ),
    "doors_are_released_one_at_a_time": (
        at_rest(exit=AtDoor(lately=ADMIT)),
        at_rest(exit=AtDoor(lately=ADMIT), state=ENTRY_WAY_OUT.state, sensed=ONE_IN, entry=held(WAY_OUT), inside=1),
    ),
    "a_release_begins_only_beside_a_secured_door": (
        at_rest(sensed=sensed(exit=OPEN)),
        at_rest(sensed=sensed(exit=OPEN), state=ENTERS, entry=held(ENTER)),
    ),
    "nothing_begins_for_a_passage_under_an_emergency_input": (
        at_rest(sensed=sensed(stop=Signal.UNKNOWN)),
        at_rest(sensed=sensed(stop=Signal.UNKNOWN), state=ENTERS, entry=held(ENTER)),
    ),
    "each_purpose_has_its_door": (REST, at_rest(exit=held(ENTER))),
    "an_emergency_release_needs_an_emergency": (REST, at_rest(state=EVACUATED, exit=held(EMERGENCY))),
    "a_passage_goes_on_only_as_it_may_begin": (
        at_rest(state=ENTERS, entry=held(ENTER)),
        at_rest(state=ENTERS, entry=held(ENTER), sensed=sensed(exit=OPEN)),
    ),
    "nobody_is_let_through_unrecorded": (REST, at_rest(state=ENTERS, entry=held(ENTER, recorded=None))),
    "the_exit_opens_for_an_admission_an_emergency_or_the_plan": (REST, at_rest(exit=held(WAY_OUT))),
    "an_admission_is_a_committed_one_of_exactly_one": (
        at_rest(sensed=ONE_IN, inside=1),
        at_rest(sensed=ONE_IN, inside=1, state=ADMITS, exit=held(ADMIT), admitted=False),
    ),
    "nobody_is_let_into_a_lane_that_is_not_empty": (REST, at_rest(state=ENTERS, sensed=ONE_IN, entry=held(ENTER))),
    "a_door_is_exercised_only_by_a_technician": (REST, at_rest(entry=held(EXERCISE))),
    "nothing_closes_on_a_broken_beam": (
        at_rest(state=ENTERS, entry=held(ENTER)),
        at_rest(sensed=sensed(entry_beam=Beam.BROKEN)),
    ),
    "nothing_closes_under_stop_or_in_an_emergency": (
        at_rest(entry=held(ENTER)),
        at_rest(sensed=sensed(stop=Signal.ON)),
    ),
    "an_emergency_frees_the_escape_plan": (
        REST,
        at_rest(sensed=sensed(fire=Signal.ON), state=EVACUATED, entry=held(EMERGENCY)),
    ),
    "nothing_relocks_by_itself": (
        at_rest(state=EVACUATED, entry=held(EMERGENCY), exit=held(EMERGENCY)),
        at_rest(state=EVACUATED, entry=held(EMERGENCY)),
    ),
    "a_way_out_is_not_taken_back": (ENTRY_WAY_OUT, ENTRY_WAY_OUT._replace(entry=AtDoor(lately=WAY_OUT))),
    "whoever_may_be_inside_has_a_way_out": (REST, at_rest(state=FULL, sensed=ONE_IN)),
    "a_way_out_waits_only_for_the_other_door": (REST, ENTRY_WAY_OUT._replace(entry=AtDoor())),
    "never_two_doors_passable": (
        at_rest(entry=AtDoor(OPEN, lately=ENTER)),
        at_rest(entry=AtDoor(OPEN, lately=ENTER), exit=AtDoor(OPEN, lately=ADMIT)),
    ),
    "nothing_closes_on_a_body": (
        at_rest(entry=held(ENTER, body=True, position=OPEN)),
        at_rest(entry=AtDoor(OPEN, body=True, lately=ENTER)),
    ),
    "no_door_leaves_its_lock_unbidden": (REST, at_rest(exit=AtDoor(Position.CLOSED))),
    "an_admission_is_of_one_body": (
        at_rest(sensed=ONE_IN, inside=2),
        at_rest(sensed=ONE_IN, inside=2, state=ADMITS, exit=held(ADMIT), admitted=True),
    ),
    "nobody_gets_across_unadmitted": (REST, at_rest(strays=1)),
}


def test_every_invariant_has_a_breach_here() -> None:
    assert set(BREACHES) == set(INVARIANTS)


@pytest.mark.parametrize("name", INVARIANTS)
def test_an_invariant_says_in_a_sentence_what_it_demands(name: str) -> None:
    assert INVARIANTS[name].words.count(" ") >= 5


@pytest.mark.parametrize("name", BREACHES)
def test_a_breach_is_seen_and_by_its_own_invariant(name: str) -> None:
    assert name in broken(Step.between(*BREACHES[name]))


@pytest.mark.parametrize("name", [name for name, each in INVARIANTS.items() if each.over is Over.TRUTH])
def test_nothing_is_asked_over_the_truth_while_a_sensor_lies(name: str) -> None:
    was, now = BREACHES[name]
    assert name not in broken(Step.between(was, now._replace(truthful=False)))


def test_the_breaches_of_a_way_out_are_none_where_the_other_door_is_known_to_be_unsecured() -> None:
    waits = ENTRY_WAY_OUT._replace(entry=AtDoor(), sensed=sensed(exit=OPEN, occupancy=Occupancy.ONE))
    assert broken(Step.between(REST, waits)) == []


def test_two_doors_may_be_passable_in_an_emergency_and_by_a_way_out_beside_an_unreadable_one() -> None:
    both = (AtDoor(OPEN, lately=WAY_OUT), AtDoor(OPEN, lately=ENTER))
    unread = at_rest(sensed=sensed(exit=UNKNOWN), entry=both[0], exit=AtDoor(lately=ENTER))
    assert broken(Step.between(unread, unread._replace(exit=both[1]))) == []
    burning = at_rest(emergency=True, entry=AtDoor(OPEN))
    assert "never_two_doors_passable" not in broken(Step.between(burning, burning._replace(exit=AtDoor(OPEN))))


def test_the_exit_is_a_way_out_where_the_plan_of_the_site_names_it() -> None:
    both = Policy(refusal=(DoorId.ENTRY, DoorId.EXIT))
    now = at_rest(state=FULL._replace(policy=both, wants_exit=WAY_OUT), sensed=ONE_IN, exit=held(WAY_OUT), inside=1)
    assert "the_exit_opens_for_an_admission_an_emergency_or_the_plan" not in broken(Step.between(REST, now))


# ---------------------------------------------------------------- in simulations


def test_a_simulated_lane_is_judged_in_every_step_and_says_what_broke_when() -> None:
    """A gate whose leases lost their mind releases the entry while the exit is open: the judge of the lane tells it."""
    lane = scripted_lane(lanes.load("contactless-e-channel"), seed=1)
    assert lane.judging.judged > 0
    assert lane.violations() == []
    lane.gate.handle(DoorSensed(DoorId.EXIT, OPEN, Beam.CLEAR), lane.now_s)
    lane.gate.leases._held[DoorId.ENTRY] = type("Held", (), {"purpose": ENTER, "renew_at_s": 1e9})()
    lane.judging.saw(DoorSensed(DoorId.EXIT, OPEN, Beam.CLEAR), [], lane.now_s)
    told = " ".join(lane.violations())
    assert "a_release_begins_only_beside_a_secured_door" in told
    assert "nobody_is_let_through_unrecorded" in told


def test_fire_in_a_simulated_lane_is_judged_and_breaks_nothing() -> None:
    lane = scripted_lane(lanes.load("contactless-e-channel"), seed=2)
    lane.world.set_input(Input.FIRE, True)
    lane.run_until(lambda: lane.phase is Phase.EVACUATED)
    lane.world.set_input(Input.FIRE, False)
    lane.run_until(lambda: False, most_s=5.0)
    assert lane.gate.leases.held(DoorId.EXIT) is EMERGENCY
    assert lane.violations() == []
    lane.runner.take(LaneSensed(Occupancy.UNKNOWN))
    assert lane.violations() == []
