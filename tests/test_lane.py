"""The lane table, over every state it can reach and every event there is."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lane_space import EVENTS, Move, explore

from gatefw.lane import find, step
from gatefw.lane_table import ANYWHERE, ON_ENTRY, TRANSITIONS
from gatefw.lane_terms import GENERATIONS, Policy, Shape, State
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


# ---------------------------------------------------------------- stories


def play(*events: LaneEvent, policy: Policy | None = None) -> tuple[State, list[LaneCommand]]:
    """A lane in service at rest, then these events; `Elapsed` is given the current generation."""
    state = State.at_boot(policy or Policy(), in_service=True, latched=False)
    rest = (
        *(DoorIs(door, Position.SECURED) for door in state.policy.doors),
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


@pytest.mark.parametrize("door", DoorId)
@pytest.mark.parametrize("position", Position)
def test_a_lock_that_was_released_is_late_until_it_is_seen_secured_and_the_other_one_stays_as_it_is(
    door: DoorId, position: Position
) -> None:
    settles = State(started=True, settling_entry=True, settling_exit=True)
    after, _ = find(settles, DoorIs(door, position))
    assert (after.settling(door), after.settling(door.other)) == (position is not Position.SECURED, True)
    assert (after.position(door), after.position(door.other)) == (position, Position.UNKNOWN)
    settled, _ = find(State(started=True), DoorIs(door, position))
    assert not (settled.settling_entry or settled.settling_exit)


@pytest.mark.parametrize(("which", "flag"), [(Input.FIRE, "fire"), (Input.EVACUATE, "evacuate"), (Input.STOP, "stop")])
@pytest.mark.parametrize("before", [False, True])
def test_what_is_pressed_stays_pressed_until_it_is_seen_released(which: Input, flag: str, before: bool) -> None:
    state = State(started=True)._replace(**{flag: before})
    told = {signal: getattr(find(state, InputIs(which, signal))[0], flag) for signal in Signal}
    assert told == {Signal.ON: True, Signal.OFF: False, Signal.UNKNOWN: before}


def test_a_timer_of_an_earlier_phase_says_nothing() -> None:
    state, _ = play(Presented())
    assert find(state, Elapsed(Timer.CHECK, state.generation))[1] is not None
    assert find(state, Elapsed(Timer.CHECK, state.generation - 1))[1] is None


def test_a_call_in_a_fault_of_an_empty_lane_is_answered_and_whoever_swept_the_lane_takes_it_back_by_the_reset() -> None:
    """Somebody leans on the button of a lane in FAULT: the entry is released, and open until an officer looks."""
    called, said = play(Faulted(Reason.SOFTWARE), InputIs(Input.CALL, Signal.ON), DoorIs(ENTRY, Position.OPEN))
    assert (called.phase, called.wants_entry) == (Phase.FAULT, Purpose.WAY_OUT)
    assert said[-2:] == [Alarm(Reason.CALLED), Release(ENTRY, Purpose.WAY_OUT)]
    reset, said = step(called, Operated(Verb.RESET))
    assert (reset.phase, reset.wants_entry) == (Phase.RECOVERING, None)
    assert said[:2] == (Unlatch(), Secure(ENTRY))
    waits, _ = step(reset, Elapsed(Timer.SCAN, reset.generation))
    assert waits.phase is Phase.RECOVERING
    secured, _ = step(waits, DoorIs(ENTRY, Position.SECURED))
    assert step(secured, Elapsed(Timer.SCAN, secured.generation))[0].phase is Phase.IDLE


@pytest.mark.parametrize(
    "meanwhile",
    [
        OccupancyIs(Occupancy.ONE),
        OccupancyIs(Occupancy.UNKNOWN),
        DoorIs(EXIT, Position.CLOSED),
        DoorIs(EXIT, Position.UNKNOWN),
        InputIs(Input.STOP, Signal.ON),
    ],
)
def test_a_call_in_a_fault_is_not_taken_back_while_somebody_may_be_inside_or_more_is_open(meanwhile: LaneEvent) -> None:
    """It is the sweep of a lane that is empty, with its exit secured and no input pressed, that takes it back."""
    called = (Faulted(Reason.SOFTWARE), InputIs(Input.CALL, Signal.ON), DoorIs(ENTRY, Position.OPEN))
    state, _ = play(*called, meanwhile)
    assert find(state, Operated(Verb.RESET))[1] is None
    assert state.wants_entry is Purpose.WAY_OUT


def test_a_fault_whose_entry_stands_open_though_nobody_called_is_not_reset() -> None:
    state, _ = play(DoorIs(ENTRY, Position.OPEN))
    assert (state.phase, state.wants_entry) == (Phase.FAULT, None)
    assert find(state, Operated(Verb.RESET))[1] is None


def test_booting_with_somebody_inside_frees_the_way_out_and_serves_nobody() -> None:
    state = State(in_service=True)
    for event in (DoorIs(ENTRY, Position.SECURED), DoorIs(EXIT, Position.SECURED), OccupancyIs(Occupancy.ONE)):
        state, said = step(state, event)
        assert said == ()
    state, said = step(state, Started())
    assert state.phase is Phase.RECOVERING
    assert Release(ENTRY, Purpose.WAY_OUT) in said
    assert step(state, Presented())[0].phase is Phase.RECOVERING


def test_a_lock_may_be_late_until_the_lane_is_at_rest_and_then_a_door_that_moves_is_forced() -> None:
    """Closed before anybody touched the released entry: its contact has said secured all the time."""
    closed = (Presented(), Invited(), Operated(Verb.CLOSE))
    late, _ = play(*closed, DoorIs(EXIT, Position.SECURED), DoorIs(ENTRY, Position.CLOSED))
    assert late.phase is Phase.RECOVERING
    forced, said = play(*closed, Elapsed(Timer.SCAN, -1), DoorIs(ENTRY, Position.OPEN))
    assert forced.phase is Phase.FAULT
    assert Latch(Reason.DOOR_FORCED) in said


def test_whoever_is_verified_stands_between_doors_of_which_none_may_be_late() -> None:
    """The count is told twice while the entry's contact has not moved yet."""
    entering, _ = play(Presented(), Invited(), OccupancyIs(Occupancy.ONE))
    assert entering.settling(ENTRY)
    verifying, _ = step(entering, OccupancyIs(Occupancy.ONE))
    assert (verifying.phase, verifying.settling(ENTRY)) == (Phase.VERIFYING, False)
    forced, _ = step(verifying, DoorIs(ENTRY, Position.OPEN))
    assert forced.phase is Phase.FAULT


def test_a_lane_starts_once() -> None:
    """A second start in the middle of a passage neither looks at the inputs anew nor gives the traveller up."""
    passing, _ = play(Presented(), Invited())
    assert step(passing, Started()) == (passing, ())


def test_each_arming_of_a_timer_has_the_next_number_so_that_none_of_the_last_fifteen_is_taken_for_it() -> None:
    state, _ = play()
    state, numbers = state._replace(phase=Phase.RECOVERING), []
    for _ in range(GENERATIONS + 1):
        state, said = step(state, DoorIs(EXIT, Position.SECURED))
        numbers += [each.generation for each in said if isinstance(each, Arm)]
    first = numbers[0]
    assert numbers == [(first + n) % GENERATIONS for n in range(GENERATIONS + 1)]
    assert len(set(numbers)) == GENERATIONS == 16


def test_a_fault_outlasts_the_technician_until_a_reset_after_a_sweep() -> None:
    stay = (Operated(Verb.MAINTAIN), Operated(Verb.MAINTAIN_END))
    fault, _ = play(Faulted(Reason.SOFTWARE), *stay)
    assert (fault.phase, fault.latched) == (Phase.FAULT, True)
    reset, _ = play(Faulted(Reason.SOFTWARE), Operated(Verb.RESET), *stay)
    assert (reset.phase, reset.latched) == (Phase.OUT_OF_SERVICE, False)


@pytest.mark.parametrize("door", DoorId)
def test_a_lock_is_late_only_after_its_release_and_until_it_is_seen_secured(door: DoorId) -> None:
    """While it is wanted released nothing about it is late; taken back it may still give way, once."""
    released = (Operated(Verb.MAINTAIN), Operated(Verb.EXERCISE_ENTRY if door is ENTRY else Verb.EXERCISE_EXIT))
    state, said = play(*released)
    assert Release(door, Purpose.EXERCISE) in said
    assert not state.settling(door)
    taken_back = (*released, Elapsed(Timer.EXERCISE, -1))
    state, said = play(*taken_back)
    assert Secure(door) in said
    assert (state.settling(door), state.settling(door.other)) == (True, False)
    state, _ = play(*taken_back, DoorIs(door, Position.SECURED))
    assert not state.settling(door)


def test_a_lane_that_a_technician_had_does_not_serve_by_itself_afterwards() -> None:
    """Somebody is in it when the maintenance ends, and leaves: it is seen at rest again, and waits to be opened."""
    stay = (Operated(Verb.MAINTAIN), OccupancyIs(Occupancy.ONE), Operated(Verb.MAINTAIN_END))
    state, _ = play(*stay, OccupancyIs(Occupancy.EMPTY), Elapsed(Timer.SCAN, -1))
    assert (state.phase, state.in_service) == (Phase.OUT_OF_SERVICE, False)
    state, _ = play(Operated(Verb.MAINTAIN), Operated(Verb.MAINTAIN_EXTEND), Operated(Verb.MAINTAIN_END))
    assert (state.phase, state.in_service) == (Phase.OUT_OF_SERVICE, False)


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


# ---------------------------------------------------------------- one door: a marked spot before the exit

SPOT = Policy(doors=(EXIT,))
UP_TO_THE_SPOT: tuple[LaneEvent, ...] = (Presented(), OccupancyIs(Occupancy.ONE), Invited())
BEHIND = ZoneIs(Zone.BEHIND, True)


def at_the_spot(*events: LaneEvent) -> tuple[State, list[LaneCommand]]:
    return play(*UP_TO_THE_SPOT, *events, policy=SPOT)


def test_with_one_door_the_one_on_the_spot_is_verified_admitted_and_walks_through() -> None:
    state, said = at_the_spot(
        Decided(Verdict.ADMIT),
        DoorIs(EXIT, Position.OPEN),
        BEHIND,
        OccupancyIs(Occupancy.EMPTY),
        DoorIs(EXIT, Position.SECURED),
    )
    assert state.phase is Phase.IDLE
    assert [c for c in said if not isinstance(c, Arm)][:4] == [
        Proceed(),
        Release(EXIT, Purpose.ADMIT),
        Secure(EXIT),
        EndRun(True, Reason.OK),
    ]


def test_with_one_door_whoever_is_invited_before_they_step_up_is_waited_for() -> None:
    state, said = play(Presented(), Invited(), policy=SPOT)
    assert (state.phase, [c for c in said if isinstance(c, Release)]) == (Phase.ENTRY_RELEASED, [])
    stepped_up, said = step(state, OccupancyIs(Occupancy.ONE))
    assert (stepped_up.phase, said[0]) == (Phase.VERIFYING, Proceed())
    nobody, said = step(state, Elapsed(Timer.ENTER, state.generation))
    assert (nobody.phase, said[0]) == (Phase.IDLE, EndRun(False, Reason.NOBODY_ENTERED))
    two, _ = step(state, OccupancyIs(Occupancy.MANY))
    gone, said = step(two, Elapsed(Timer.ENTER, two.generation))
    assert (gone.phase, said[0]) == (Phase.IDLE, EndRun(False, Reason.NOT_EXACTLY_ONE))


def test_the_next_in_line_does_not_walk_through_on_the_admission_of_another() -> None:
    """The admitted one is through; the next stands on the spot before the leaf has closed."""
    state, said = at_the_spot(Decided(Verdict.ADMIT), DoorIs(EXIT, Position.OPEN), BEHIND, OccupancyIs(Occupancy.ONE))
    assert (state.phase, state.wants_exit) == (Phase.LEAVING, None)
    assert EndRun(True, Reason.OK) in said
    state, _ = step(state, DoorIs(EXIT, Position.SECURED))
    assert state.phase is Phase.IDLE


def test_whoever_steps_back_from_the_spot_takes_their_admission_with_them() -> None:
    """Admitted, the door open, and then back out: it is secured before anybody else steps up, and nobody passed."""
    state, said = at_the_spot(Decided(Verdict.ADMIT), DoorIs(EXIT, Position.OPEN), OccupancyIs(Occupancy.EMPTY))
    assert (state.phase, state.wants_exit) == (Phase.LEAVING, None)
    state, said = step(state, DoorIs(EXIT, Position.SECURED))
    assert (state.phase, said[0]) == (Phase.IDLE, EndRun(False, Reason.WILL_NOT_LEAVE))


def test_a_door_that_falls_shut_before_the_one_who_opened_it_may_give_way_late_and_is_not_forced() -> None:
    state, said = at_the_spot(Decided(Verdict.ADMIT), DoorIs(EXIT, Position.OPEN), DoorIs(EXIT, Position.SECURED))
    assert state.phase is Phase.RECOVERING
    assert EndRun(False, Reason.WILL_NOT_LEAVE) in said
    assert step(state, DoorIs(EXIT, Position.CLOSED))[0].phase is Phase.RECOVERING


@pytest.mark.parametrize("occupancy", [Occupancy.EMPTY, Occupancy.MANY, Occupancy.UNKNOWN])
def test_on_the_spot_stands_the_one_who_was_looked_at_or_nobody_is_admitted(occupancy: Occupancy) -> None:
    """A face was found; before the journal has the decision somebody else may have stepped onto the spot."""
    state, said = play(OccupancyIs(Occupancy.ONE), Presented(), OccupancyIs(occupancy), policy=SPOT)
    assert state.phase is Phase.IDLE
    reason = Reason.WALKED_AWAY if occupancy is Occupancy.EMPTY else Reason.NOT_EXACTLY_ONE
    assert EndRun(False, reason) in said
    assert step(state, Decided(Verdict.ADMIT))[0].wants_exit is None


def test_with_one_door_a_decision_that_needs_nobody_inside_opens_for_exactly_one() -> None:
    one, _ = play(OccupancyIs(Occupancy.ONE), Presented(), Decided(Verdict.ADMIT), policy=SPOT)
    assert (one.phase, one.wants_exit) == (Phase.EXIT_RELEASED, Purpose.ADMIT)
    none, said = play(Presented(), Decided(Verdict.ADMIT), policy=SPOT)
    assert (none.phase, EndRun(False, Reason.NOT_EXACTLY_ONE) in said) == (Phase.IDLE, True)


def test_with_one_door_a_second_one_on_the_spot_ends_the_admission() -> None:
    state, said = at_the_spot(Decided(Verdict.ADMIT), OccupancyIs(Occupancy.MANY))
    assert (state.phase, state.wants_exit) == (Phase.RECOVERING, None)
    assert Alarm(Reason.TAILGATING) in said


@pytest.mark.parametrize("verdict", [Verdict.REFUSE, Verdict.REFER])
def test_whoever_is_turned_away_on_the_spot_is_free_to_go_and_the_lane_for_the_next(verdict: Verdict) -> None:
    state, said = at_the_spot(Decided(verdict))
    assert state.phase is Phase.IDLE
    assert EndRun(False, None) in said
    assert not [c for c in said if isinstance(c, Release)]


def test_a_lane_with_one_door_comes_into_service_though_people_wait_before_it() -> None:
    state, _ = play(OccupancyIs(Occupancy.MANY), Operated(Verb.CLOSE), Operated(Verb.OPEN), policy=SPOT)
    assert step(state, Elapsed(Timer.SCAN, state.generation))[0].phase is Phase.IDLE


def test_a_call_from_before_a_lane_ends_what_is_under_way_and_releases_nothing() -> None:
    state, said = at_the_spot(Decided(Verdict.ADMIT), InputIs(Input.CALL, Signal.ON))
    assert (state.phase, state.wants_entry, state.wants_exit) == (Phase.RECOVERING, None, None)
    assert EndRun(False, Reason.CALLED) in said


def test_whoever_steps_up_to_an_exit_that_is_exercised_finds_it_secured() -> None:
    state, _ = play(Operated(Verb.MAINTAIN), Operated(Verb.EXERCISE_EXIT), policy=SPOT)
    assert (state.phase, state.wants_exit) == (Phase.EXERCISE, Purpose.EXERCISE)
    state, said = step(state, OccupancyIs(Occupancy.ONE))
    assert (state.wants_exit, Alarm(Reason.INTRUSION) in said) == (None, True)
    assert find(state, Operated(Verb.EXERCISE_ENTRY))[1] is None


# ---------------------------------------------------------------- no door: a counter

COUNTER = Policy(doors=())


def test_without_doors_an_admission_is_the_end_of_the_run() -> None:
    inside, said = play(Presented(), Invited(), Decided(Verdict.ADMIT), policy=COUNTER)
    assert (inside.phase, EndRun(True, Reason.OK) in said, Proceed() in said) == (Phase.IDLE, True, True)
    in_front, said = play(Presented(), Operated(Verb.OPEN), Decided(Verdict.ADMIT), policy=COUNTER)
    assert (in_front.phase, EndRun(True, Reason.OK) in said) == (Phase.IDLE, True)
    assert not [c for c in said if isinstance(c, Release | Secure)]


def test_at_a_counter_there_is_nothing_to_exercise() -> None:
    state, _ = play(Operated(Verb.MAINTAIN), policy=COUNTER)
    assert [find(state, Operated(verb))[1] for verb in (Verb.EXERCISE_ENTRY, Verb.EXERCISE_EXIT)] == [None, None]


def test_a_counter_that_was_closed_meanwhile_finishes_and_closes() -> None:
    state, said = play(Presented(), Invited(), Operated(Verb.CLOSE), Decided(Verdict.ADMIT), policy=COUNTER)
    assert (state.phase, EndRun(True, Reason.OK) in said) == (Phase.OUT_OF_SERVICE, True)


def test_a_counter_whose_camera_is_lost_is_degraded_and_comes_back_by_itself() -> None:
    lost, _ = play(Presented(), Invited(), HealthIs(False), policy=COUNTER)
    assert lost.phase is Phase.DEGRADED
    back, _ = play(Presented(), Invited(), HealthIs(False), HealthIs(True), Elapsed(Timer.SCAN, 0), policy=COUNTER)
    assert back.phase is Phase.IDLE
