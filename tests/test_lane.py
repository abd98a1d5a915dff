"""The lane table, over every state it can reach and every event there is."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lane_space import EVENTS, Move, explore

from gatefw.lane import ALWAYS, ON_ENTRY, TRANSITIONS, find, step
from gatefw.lane_terms import Policy, State
from gatefw.model import (
    Alarm,
    Arm,
    Decided,
    DoorId,
    DoorIs,
    Elapsed,
    EndRun,
    Faulted,
    HealthIs,
    Input,
    InputIs,
    Invited,
    LaneCommand,
    LaneEvent,
    Latch,
    Occupancy,
    OccupancyIs,
    Operated,
    Phase,
    Position,
    Presented,
    Proceed,
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
)

ENTRY, EXIT = DoorId.ENTRY, DoorId.EXIT
WITH_RUN = {Phase.TOKEN_PRESENTED, Phase.ENTRY_RELEASED, Phase.ENTERING, Phase.VERIFYING, Phase.EXIT_RELEASED}
WITH_RUN |= {Phase.LEAVING}


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
    return (t.wants_entry, t.wants_exit) == (Purpose.WAY_OUT, None)


@invariant
def an_admission_is_wanted_only_while_it_is_walked(s, e, t, c):
    return t.wants_exit is not Purpose.ADMIT or t.phase in (Phase.EXIT_RELEASED, Phase.LEAVING)


@invariant
def the_exit_is_released_to_admit_only_by_a_committed_admit_with_exactly_one_between_secured_doors(s, e, t, c):
    if Release(EXIT, Purpose.ADMIT) not in c:
        return True
    both_secured = s.entry is s.exit is Position.SECURED
    return s.phase is Phase.VERIFYING and e == Decided(Verdict.ADMIT) and s.occupancy is Occupancy.ONE and both_secured


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
    return t.phase is Phase.EVACUATED and t.wants_entry is t.wants_exit is Purpose.EMERGENCY


@invariant
def the_call_button_never_wants_the_exit(s, e, t, c):
    return e != InputIs(Input.CALL, Signal.ON) or not any(isinstance(x, Release) and x.door is EXIT for x in c)


@invariant
def the_call_button_always_raises_an_alarm(s, e, t, c):
    return e != InputIs(Input.CALL, Signal.ON) or not s.started or Alarm(Reason.CALLED) in c


@invariant
def the_call_button_frees_the_entry_unless_the_exit_is_being_walked(s, e, t, c):
    if e != InputIs(Input.CALL, Signal.ON) or not s.started:
        return True
    if s.phase is Phase.LEAVING and s.exit in (Position.CLOSED, Position.OPEN):
        return True
    return t.wants_entry in (Purpose.WAY_OUT, Purpose.EMERGENCY)


@invariant
def whoever_does_not_leave_by_an_exit_that_is_shut_or_that_nobody_reads_is_let_out_by_the_entry(s, e, t, c):
    waited = e == Elapsed(Timer.LEAVE, s.generation) and s.phase is Phase.LEAVING and s.started
    if not waited or s.occupancy is Occupancy.EMPTY or s.exit in (Position.CLOSED, Position.OPEN):
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
    return e == Operated(Verb.RESET) and restored and s.occupancy is Occupancy.EMPTY


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
def a_run_passes_only_through_leaving(s, e, t, c):
    return EndRun(True, Reason.OK) not in c or (s.phase is Phase.LEAVING and t.occupancy is Occupancy.EMPTY)


@invariant
def whoever_may_be_inside_a_lane_that_gave_up_has_a_way_out(s, e, t, c):
    gave_up = (Phase.REFUSED, Phase.REFERRED, Phase.FAULT, Phase.DEGRADED, Phase.RECOVERING)
    if not t.started or t.phase not in gave_up or t.occupancy is Occupancy.EMPTY:
        return True
    return t.wants_entry is Purpose.WAY_OUT


@invariant
def no_door_is_secured_on_a_time_out_with_somebody_inside(s, e, t, c):
    if not isinstance(e, Elapsed) or s.occupancy is Occupancy.EMPTY or s.phase is Phase.EXIT_RELEASED:
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

    def __init__(self) -> None:
        self.taken: set[int] = set()
        self.violations: dict[str, Move] = {}
        self.states = explore(Policy(hold_on_refusal=True), self._visit)

    def _visit(self, move: Move) -> None:
        self.taken.add(id(move.row))
        for name, holds in INVARIANTS.items():
            if name not in self.violations and not holds(*move[:4]):
                self.violations[name] = move


@pytest.fixture(scope="module")
def explored() -> Explored:
    return Explored()


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", INVARIANTS)
def test_in_every_reachable_state_and_for_every_event(name: str, explored: Explored) -> None:
    assert explored.violations.get(name) is None


@pytest.mark.exhaustive
def test_every_row_of_the_table_is_taken_from_some_reachable_state(explored: Explored) -> None:
    lets_out = State(phase=Phase.VERIFYING, started=True)
    taken = explored.taken | {id(find(lets_out, Decided(Verdict.REFUSE))[1])}
    dead = [row for row in (*ALWAYS, *TRANSITIONS) if id(row) not in taken]
    assert [(r.phases, r.on.words, r.when.words) for r in dead] == []


@pytest.mark.exhaustive
def test_from_every_occupied_state_timers_alone_lead_to_a_way_out(explored: Explored) -> None:
    """Liveness: with doors that obey, nobody waits for ever for something that never comes."""
    for start in explored.states:
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


@settings(max_examples=300)
@given(st.data())
def test_step_is_total_even_where_no_lane_should_be(data: st.DataObject) -> None:
    purposes = st.sampled_from([None, *Purpose])
    flags = {
        name: data.draw(st.booleans())
        for name in ("started", "in_service", "healthy", "latched", "fire", "evacuate", "stop")
    }
    state = State(
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


# ---------------------------------------------------------------- stories


def play(*events: LaneEvent, policy: Policy | None = None) -> tuple[State, list[LaneCommand]]:
    """A lane in service at rest, then these events; `Elapsed` is given the current generation."""
    state = State(policy or Policy(), in_service=True)
    rest = (
        DoorIs(ENTRY, Position.SECURED),
        DoorIs(EXIT, Position.SECURED),
        OccupancyIs(Occupancy.EMPTY),
        HealthIs(True),
        Started(),
        Elapsed(Timer.SCAN, -1),
    )
    said: list[LaneCommand] = []
    for event in (*rest, *events):
        if isinstance(event, Elapsed):
            event = Elapsed(event.timer, state.generation)
        state, commands = step(state, event)
        said.extend(commands)
    return state, said


INSIDE: tuple[LaneEvent, ...] = (
    Presented(),
    Invited(),
    DoorIs(ENTRY, Position.OPEN),
    OccupancyIs(Occupancy.ONE),
    DoorIs(ENTRY, Position.CLOSED),
    DoorIs(ENTRY, Position.SECURED),
)


def test_a_traveller_is_invited_verified_admitted_and_leaves() -> None:
    state, said = play(
        *INSIDE,
        Decided(Verdict.ADMIT),
        DoorIs(EXIT, Position.OPEN),
        OccupancyIs(Occupancy.EMPTY),
        DoorIs(EXIT, Position.SECURED),
    )
    assert state.phase is Phase.IDLE
    assert [c for c in said if not isinstance(c, Arm)] == [
        Release(ENTRY, Purpose.ENTER),
        Secure(ENTRY),
        Proceed(),
        Release(EXIT, Purpose.ADMIT),
        Secure(EXIT),
        EndRun(True, Reason.OK),
    ]


def test_an_impostor_is_let_out_where_he_came_from() -> None:
    state, said = play(*INSIDE, Decided(Verdict.REFUSE))
    assert state.phase is Phase.REFUSED
    assert said[-3:-1] == [EndRun(False, None), Release(ENTRY, Purpose.WAY_OUT)]


def test_a_refused_impostor_waits_for_the_officer_where_the_site_says_hold() -> None:
    state, _ = play(*INSIDE, Decided(Verdict.REFUSE), policy=Policy(hold_on_refusal=True))
    assert (state.phase, state.wants_entry, state.wants_exit) == (Phase.HOLD, None, None)
    state, _ = play(*INSIDE, Decided(Verdict.REFUSE), Elapsed(Timer.HOLD, 0), policy=Policy(hold_on_refusal=True))
    assert (state.phase, state.wants_entry) == (Phase.REFUSED, Purpose.WAY_OUT)


def test_two_who_slip_in_together_are_let_out_before_any_face_is_asked() -> None:
    state, said = play(Presented(), Invited(), DoorIs(ENTRY, Position.OPEN), OccupancyIs(Occupancy.MANY))
    assert state.phase is Phase.REFUSED
    assert EndRun(False, Reason.TAILGATING) in said
    assert Proceed() not in said


def test_a_second_person_who_appears_after_the_admission_voids_it() -> None:
    state, said = play(*INSIDE, Decided(Verdict.ADMIT), OccupancyIs(Occupancy.MANY))
    assert (state.phase, state.wants_exit, state.wants_entry) == (Phase.REFUSED, None, Purpose.WAY_OUT)
    assert EndRun(False, Reason.TAILGATING) in said


def test_an_admit_that_comes_after_the_occupancy_changed_is_void() -> None:
    state, _ = play(*INSIDE, OccupancyIs(Occupancy.EMPTY), Decided(Verdict.ADMIT))
    assert (state.phase, state.wants_exit) == (Phase.RECOVERING, None)


def test_a_lost_device_lets_the_occupant_out_and_the_lane_comes_back_by_itself() -> None:
    lost, _ = play(*INSIDE, HealthIs(False))
    assert (lost.phase, lost.wants_entry) == (Phase.DEGRADED, Purpose.WAY_OUT)
    back, _ = play(
        *INSIDE,
        HealthIs(False),
        DoorIs(ENTRY, Position.OPEN),
        OccupancyIs(Occupancy.EMPTY),
        DoorIs(ENTRY, Position.SECURED),
        HealthIs(True),
        Elapsed(Timer.SCAN, 0),
    )
    assert back.phase is Phase.IDLE


def test_a_forced_door_latches_a_fault() -> None:
    state, said = play(DoorIs(EXIT, Position.OPEN))
    assert state.phase is Phase.FAULT
    assert Latch(Reason.DOOR_FORCED) in said


def test_a_lock_that_gives_way_after_its_release_was_taken_back_is_late_and_not_forced() -> None:
    """The lane is closed in the moment in which the entry was released."""
    late, _ = play(Presented(), Invited(), Operated(Verb.CLOSE), DoorIs(ENTRY, Position.CLOSED))
    assert late.phase is Phase.RECOVERING
    forced, _ = play(
        Presented(),
        Invited(),
        Operated(Verb.CLOSE),
        DoorIs(ENTRY, Position.CLOSED),
        DoorIs(ENTRY, Position.SECURED),
        DoorIs(ENTRY, Position.CLOSED),
    )
    assert forced.phase is Phase.FAULT


def test_a_fault_outlives_a_restart_and_ends_by_a_reset_after_a_sweep() -> None:
    state = State(latched=True, in_service=True)
    for event in (
        DoorIs(ENTRY, Position.SECURED),
        DoorIs(EXIT, Position.SECURED),
        OccupancyIs(Occupancy.EMPTY),
        HealthIs(True),
        Started(),
    ):
        state, _ = step(state, event)
    assert state.phase is Phase.FAULT
    occupied, _ = step(state, OccupancyIs(Occupancy.ONE))
    assert step(occupied, Operated(Verb.RESET))[0].phase is Phase.FAULT
    assert step(state, Operated(Verb.RESET))[0].phase is Phase.RECOVERING


def test_booting_with_somebody_inside_frees_the_way_out_and_serves_nobody() -> None:
    state = State(in_service=True)
    for event in (DoorIs(ENTRY, Position.SECURED), DoorIs(EXIT, Position.SECURED), OccupancyIs(Occupancy.ONE)):
        state, said = step(state, event)
        assert said == ()
    state, said = step(state, Started())
    assert state.phase is Phase.RECOVERING
    assert Release(ENTRY, Purpose.WAY_OUT) in said
    assert step(state, Presented())[0].phase is Phase.RECOVERING


def test_the_call_button_works_in_maintenance_too() -> None:
    state, said = play(Operated(Verb.MAINTAIN), InputIs(Input.CALL, Signal.ON))
    assert (state.phase, state.wants_entry) == (Phase.MAINTENANCE, Purpose.WAY_OUT)
    assert Alarm(Reason.CALLED) in said


def test_a_closed_lane_lets_the_traveller_under_way_finish_first() -> None:
    state, _ = play(
        *INSIDE,
        Operated(Verb.CLOSE),
        Decided(Verdict.ADMIT),
        DoorIs(EXIT, Position.OPEN),
        OccupancyIs(Occupancy.EMPTY),
        DoorIs(EXIT, Position.SECURED),
    )
    assert state.phase is Phase.OUT_OF_SERVICE


def test_the_first_cause_of_a_fault_is_the_one_that_is_latched() -> None:
    _, said = play(Faulted(Reason.OVERFLOW), Faulted(Reason.SOFTWARE))
    assert [c for c in said if isinstance(c, Latch)] == [Latch(Reason.OVERFLOW)]
