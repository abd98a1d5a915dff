"""The lane table, over every state it can reach and every event there is."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lane_space import EVENTS, Move, explore

from gatefw.lane import find, step
from gatefw.lane_table import ANYWHERE, ON_ENTRY, TRANSITIONS
from gatefw.lane_terms import Policy, Shape, State
from gatefw.model import (
    Alarm,
    Arm,
    Decided,
    DoorId,
    DoorIs,
    Elapsed,
    EndRun,
    Input,
    InputIs,
    Invited,
    LaneCommand,
    LaneEvent,
    Occupancy,
    Operated,
    Phase,
    Position,
    Purpose,
    Reason,
    Release,
    Secure,
    Signal,
    Started,
    Timer,
    Unlatch,
    Verb,
    Verdict,
    Zone,
    ZoneIs,
)

ENTRY, EXIT = DoorId.ENTRY, DoorId.EXIT
WITH_RUN = {Phase.TOKEN_PRESENTED, Phase.ENTRY_RELEASED, Phase.ENTERING, Phase.VERIFYING, Phase.EXIT_RELEASED}
WITH_RUN |= {Phase.LEAVING}
DOORS: tuple[tuple[DoorId, ...], ...] = ((ENTRY, EXIT), (EXIT,), ())


def shape(state: State) -> Shape:
    return state.policy.shape


# ---------------------------------------------------------------- invariants: over every move there is

INVARIANTS: dict[str, Callable[..., bool]] = {}


def invariant(check: Callable[[State, LaneEvent, State, tuple[LaneCommand, ...]], bool]) -> Callable[..., bool]:
    INVARIANTS[check.__name__] = check
    return check


@invariant
def the_exit_is_wanted_only_for_an_admission_or_an_emergency(s, e, t, c):
    exercised = t.wants_exit is Purpose.EXERCISE and t.phase is Phase.EXERCISE
    return t.wants_exit in (None, Purpose.ADMIT, Purpose.EMERGENCY) or exercised


@invariant
def a_door_is_exercised_only_out_of_maintenance_in_a_lane_at_rest(s, e, t, c):
    if not any(isinstance(x, Release) and x.purpose is Purpose.EXERCISE for x in c):
        return True
    at_rest = s.occupancy is Occupancy.EMPTY and s.entry is s.exit is Position.SECURED
    return s.phase is Phase.MAINTENANCE and at_rest and not (s.fire or s.evacuate or s.stop)


@invariant
def an_exercise_ends_in_maintenance_or_in_what_is_graver(s, e, t, c):
    graver = (Phase.EVACUATED, Phase.FAULT)
    return s.phase is not Phase.EXERCISE or t.phase in (Phase.EXERCISE, Phase.MAINTENANCE, *graver)


@invariant
def whoever_steps_into_an_exercise_is_let_out_by_the_entry(s, e, t, c):
    if t.phase is not Phase.EXERCISE or t.occupancy is Occupancy.EMPTY:
        return True
    return (t.wants_entry, t.wants_exit) == (Purpose.WAY_OUT if shape(s) is Shape.AIRLOCK else None, None)


@invariant
def an_admission_is_wanted_only_while_it_is_walked(s, e, t, c):
    return t.wants_exit is not Purpose.ADMIT or t.phase in (Phase.EXIT_RELEASED, Phase.LEAVING)


@invariant
def the_exit_is_released_to_admit_only_by_a_committed_admit_with_exactly_one_between_secured_doors(s, e, t, c):
    if Release(EXIT, Purpose.ADMIT) not in c:
        return True
    both_secured = s.entry is s.exit is Position.SECURED
    verified = s.phase is Phase.VERIFYING or (s.phase is Phase.TOKEN_PRESENTED and shape(s) is Shape.ONE_DOOR)
    return verified and e == Decided(Verdict.ADMIT) and s.occupancy is Occupancy.ONE and both_secured


@invariant
def the_entry_is_released_to_enter_only_when_the_procedure_invites(s, e, t, c):
    return Release(ENTRY, Purpose.ENTER) not in c or (s.phase is Phase.TOKEN_PRESENTED and e == Invited())


@invariant
def both_doors_are_wanted_at_once_only_in_an_emergency(s, e, t, c):
    return None in (t.wants_entry, t.wants_exit) or t.wants_entry is t.wants_exit is Purpose.EMERGENCY


@invariant
def nothing_is_wanted_before_the_first_snapshot(s, e, t, c):
    return t.started or (c == () and t.wants_entry is t.wants_exit is None)


@invariant
def fire_and_evacuation_always_free_the_escape_plan(s, e, t, c):
    pressed = e in (InputIs(Input.FIRE, Signal.ON), InputIs(Input.EVACUATE, Signal.ON))
    if not (pressed and s.started):
        return True
    return t.phase is Phase.EVACUATED and all(t.wants(door) is Purpose.EMERGENCY for door in t.policy.doors)


@invariant
def an_officers_order_to_evacuate_is_the_button(s, e, t, c):
    if e != Operated(Verb.EVACUATE) or not s.started:
        return True
    pressed, commands = step(s, InputIs(Input.EVACUATE, Signal.ON))
    return (t, c) == (pressed._replace(evacuate=s.evacuate, generation=0), commands)


@invariant
def an_officers_order_to_hold_moves_the_doors_as_stop_does_and_is_over_as_it_is(s, e, t, c):
    if e != Operated(Verb.HOLD) or not s.started:
        return True
    pressed, _ = step(s, InputIs(Input.STOP, Signal.ON))
    technicians = s.phase in (Phase.MAINTENANCE, Phase.EXERCISE)
    return t == (s if technicians else pressed._replace(stop=s.stop, generation=0))


@invariant
def the_call_button_never_wants_the_exit(s, e, t, c):
    return e != InputIs(Input.CALL, Signal.ON) or not any(isinstance(x, Release) and x.door is EXIT for x in c)


@invariant
def the_call_button_always_raises_an_alarm(s, e, t, c):
    return e != InputIs(Input.CALL, Signal.ON) or not s.started or Alarm(Reason.CALLED) in c


@invariant
def the_call_button_frees_the_entry_unless_the_exit_is_being_walked(s, e, t, c):
    if e != InputIs(Input.CALL, Signal.ON) or not s.started or shape(s) is not Shape.AIRLOCK:
        return True
    if s.phase is Phase.LEAVING and s.exit in (Position.CLOSED, Position.OPEN):
        return True
    return t.wants_entry in (Purpose.WAY_OUT, Purpose.EMERGENCY)


@invariant
def whoever_does_not_leave_by_an_exit_that_is_shut_or_that_nobody_reads_is_let_out_by_the_entry(s, e, t, c):
    waited = e == Elapsed(Timer.LEAVE, s.generation) and s.phase is Phase.LEAVING and s.started
    if not waited or s.vacant or s.exit in (Position.CLOSED, Position.OPEN):
        return True
    return t.wants_entry is Purpose.WAY_OUT


@invariant
def stop_releases_nothing(s, e, t, c):
    return e != InputIs(Input.STOP, Signal.ON) or not any(isinstance(x, Release) for x in c)


@invariant
def stop_voids_an_admission(s, e, t, c):
    return e != InputIs(Input.STOP, Signal.ON) or t.wants_exit is not Purpose.ADMIT


@invariant
def a_secured_door_that_moves_unbidden_is_a_fault(s, e, t, c):
    quiet = (Phase.EVACUATED, Phase.FAULT, Phase.MAINTENANCE, Phase.EXERCISE)
    if not s.started or not isinstance(e, DoorIs) or s.phase in quiet or e.position is Position.UNKNOWN:
        return True
    moved = s.position(e.door) is Position.SECURED and e.position is not Position.SECURED
    return not moved or s.wants(e.door) is not None or s.settling(e.door) or t.phase is Phase.FAULT


@invariant
def at_rest_no_door_has_an_excuse_to_move(s, e, t, c):
    return t.phase not in (Phase.IDLE, Phase.VERIFYING) or not (t.settling_entry or t.settling_exit)


@invariant
def an_evacuation_ends_only_by_a_reset_with_the_inputs_restored_and_the_lane_empty(s, e, t, c):
    if s.phase is not Phase.EVACUATED or t.phase is Phase.EVACUATED or e == Started():
        return True
    restored = not (s.fire or s.evacuate or s.stop)
    return e == Operated(Verb.RESET) and restored and s.vacant


@invariant
def a_latched_fault_ends_only_by_a_reset(s, e, t, c):
    return not (s.latched and not t.latched) or (e == Operated(Verb.RESET) and Unlatch() in c)


@invariant
def a_latched_lane_serves_nobody(s, e, t, c):
    nobody_served = (Phase.FAULT, Phase.EVACUATED, Phase.MAINTENANCE, Phase.EXERCISE)
    return not (t.latched and t.started) or t.phase in nobody_served


@invariant
def only_a_healthy_lane_in_service_takes_a_token(s, e, t, c):
    return not (s.phase is Phase.IDLE and t.phase is Phase.TOKEN_PRESENTED) or (t.healthy and t.in_service)


@invariant
def a_run_that_is_left_is_ended(s, e, t, c):
    return not (s.phase in WITH_RUN and t.phase not in WITH_RUN) or any(isinstance(x, EndRun) for x in c)


@invariant
def a_run_passes_when_the_admitted_one_was_seen_to_leave_or_where_there_is_no_door_by_the_admission(s, e, t, c):
    if EndRun(True, Reason.OK) not in c:
        return True
    if shape(s) is Shape.NO_DOOR:
        return e == Decided(Verdict.ADMIT)
    gone = t.occupancy is Occupancy.EMPTY if shape(s) is Shape.AIRLOCK else e == ZoneIs(Zone.BEHIND, True)
    return s.phase is Phase.LEAVING and gone


@invariant
def whoever_may_be_inside_a_lane_that_gave_up_has_a_way_out(s, e, t, c):
    gave_up = (Phase.REFUSED, Phase.REFERRED, Phase.FAULT, Phase.DEGRADED, Phase.RECOVERING)
    if not t.started or t.phase not in gave_up or t.vacant:
        return True
    return t.wants_entry is Purpose.WAY_OUT


@invariant
def a_door_that_is_not_there_is_secured_and_wanted_for_nothing(s, e, t, c):
    gone = [door for door in DoorId if door not in t.policy.doors]
    return all(t.position(door) is Position.SECURED and t.wants(door) is None for door in gone)


@invariant
def a_lane_that_encloses_nobody_lets_nobody_in_and_has_nobody_to_let_out(s, e, t, c):
    within = (Phase.ENTERING, Phase.REFUSED, Phase.REFERRED)
    return shape(t) is Shape.AIRLOCK or t.phase not in within


@invariant
def with_one_door_an_admission_is_for_the_one_on_the_spot_and_is_over_once_they_leave_it(s, e, t, c):
    return shape(t) is not Shape.ONE_DOOR or t.wants_exit is not Purpose.ADMIT or t.occupancy is Occupancy.ONE


@invariant
def with_one_door_nobody_is_admitted_after_another_may_have_stepped_onto_the_spot(s, e, t, c):
    waits = t.phase in (Phase.TOKEN_PRESENTED, Phase.VERIFYING, Phase.EXIT_RELEASED) and t.phase is s.phase
    if shape(t) is not Shape.ONE_DOOR or not waits or s.occupancy is t.occupancy:
        return True
    return (s.occupancy, t.occupancy) == (Occupancy.EMPTY, Occupancy.ONE)


@invariant
def no_door_is_secured_on_a_time_out_with_somebody_inside(s, e, t, c):
    if not isinstance(e, Elapsed) or s.vacant or s.phase is Phase.EXIT_RELEASED:
        return True
    return not any(isinstance(x, Secure) and s.position(x.door) is Position.OPEN for x in c)


@invariant
def a_stale_timer_does_nothing(s, e, t, c):
    return not (isinstance(e, Elapsed) and e.generation == 1) or (t == s and c == ())


@invariant
def commands_and_wants_say_the_same(s, e, t, c):
    wants = {ENTRY: s.wants_entry, EXIT: s.wants_exit}
    for command in c:
        if isinstance(command, Release):
            wants[command.door] = command.purpose
        elif isinstance(command, Secure):
            wants[command.door] = None
    return (wants[ENTRY], wants[EXIT]) == (t.wants_entry, t.wants_exit)


@invariant
def the_timer_of_a_phase_is_armed_when_it_is_entered(s, e, t, c):
    armed = [x.timer for x in c if isinstance(x, Arm)]
    if t.phase is s.phase:
        return len(armed) <= 1
    return armed == [ON_ENTRY[t.phase].timer] if ON_ENTRY[t.phase].timer else armed == []


class Explored:
    """One walk over everything: the states, the rows taken, the first counter-example of each invariant.

    The site holds refused travellers: such a lane reaches every state that one which lets them out reaches, and more.
    """

    def __init__(self, doors: tuple[DoorId, ...]) -> None:
        self.taken: set[int] = set()
        self.violations: dict[str, Move] = {}
        self.states = explore(Policy(hold_on_refusal=True, doors=doors), self._visit)

    def _visit(self, move: Move) -> None:
        self.taken.add(id(move.row))
        for name, holds in INVARIANTS.items():
            if name not in self.violations and not holds(*move[:4]):
                self.violations[name] = move


@pytest.fixture(scope="module")
def explored() -> dict[Shape, Explored]:
    return {Policy(doors=doors).shape: Explored(doors) for doors in DOORS}


@pytest.mark.exhaustive
@pytest.mark.parametrize("shape", Shape)
@pytest.mark.parametrize("name", INVARIANTS)
def test_in_every_reachable_state_and_for_every_event(name: str, shape: Shape, explored: dict[Shape, Explored]) -> None:
    assert explored[shape].violations.get(name) is None


@pytest.mark.exhaustive
def test_every_row_of_the_tables_is_taken_from_some_reachable_state(explored: dict[Shape, Explored]) -> None:
    lets_out = State(phase=Phase.VERIFYING, started=True)
    either_way = State(Policy(refusal=(ENTRY, EXIT)), phase=Phase.HOLD, started=True)
    elsewhere = {id(find(lets_out, Decided(Verdict.REFUSE))[1]), id(find(either_way, Operated(Verb.LET_OUT_EXIT))[1])}
    taken = elsewhere.union(*(walk.taken for walk in explored.values()))
    rows = [row for shape in Shape for row in (*ANYWHERE[shape], *TRANSITIONS[shape])]
    assert [(r.phases, r.on.words, r.when.words) for r in rows if id(r) not in taken] == []


@pytest.mark.exhaustive
def test_from_every_occupied_state_timers_alone_lead_to_a_way_out(explored: dict[Shape, Explored]) -> None:
    """Liveness: with doors that obey, nobody waits for ever for something that never comes."""
    for start in explored[Shape.AIRLOCK].states:
        if not start.started or start.occupancy is not Occupancy.ONE:
            continue
        state = start
        for _ in range(3):
            if state.wants_entry or state.wants_exit:
                break
            for door in DoorId:
                state, _ = step(state, DoorIs(door, Position.SECURED))
            timer = ON_ENTRY[state.phase].timer
            state, _ = step(state, Elapsed(timer or Timer.SCAN, state.generation))
        assert state.wants_entry or state.wants_exit, start


@pytest.mark.exhaustive
@pytest.mark.parametrize("shape", [Shape.ONE_DOOR, Shape.NO_DOOR])
def test_timers_alone_free_a_lane_that_encloses_nobody(shape: Shape, explored: dict[Shape, Explored]) -> None:
    """Liveness: whoever walks off in the midst of a passage does not keep the next one waiting for ever."""
    for state in explored[shape].states:
        if not state.started or state.phase not in WITH_RUN:
            continue
        for _ in range(3):
            for door in state.policy.doors:
                state, _ = step(state, DoorIs(door, Position.SECURED))
            timer = ON_ENTRY[state.phase].timer
            state, _ = step(state, Elapsed(timer or Timer.SCAN, state.generation))
        assert state.phase not in WITH_RUN


@settings(max_examples=300)
@given(st.data())
def test_step_is_total_even_where_no_lane_should_be(data: st.DataObject) -> None:
    purposes = st.sampled_from([None, *Purpose])
    flags = {
        name: data.draw(st.booleans())
        for name in ("started", "in_service", "healthy", "latched", "fire", "evacuate", "stop")
    }
    state = State(
        Policy(doors=data.draw(st.sampled_from(DOORS))),
        phase=data.draw(st.sampled_from(Phase)),
        entry=data.draw(st.sampled_from(Position)),
        exit=data.draw(st.sampled_from(Position)),
        occupancy=data.draw(st.sampled_from(Occupancy)),
        wants_entry=data.draw(purposes),
        wants_exit=data.draw(purposes),
        **flags,
    )
    after, commands = step(state, data.draw(st.sampled_from(EVENTS)))
    assert isinstance(hash(after), int)
    assert isinstance(commands, tuple)
