"""What happens at a lane, told as stories: with two doors, with one before a marked spot, at a counter without any."""

import pytest

from gatefw.lane import find, step
from gatefw.lane_terms import GENERATIONS, Policy, State
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


@pytest.mark.parametrize(
    ("happens", "phase"),
    [
        (Operated(Verb.HOLD), Phase.HOLD),
        (InputIs(Input.STOP, Signal.ON), Phase.HOLD),
        (InputIs(Input.FIRE, Signal.ON), Phase.EVACUATED),
        (InputIs(Input.TAMPER, Signal.ON), Phase.FAULT),
        (Faulted(Reason.DOOR_UNCONFIRMED), Phase.FAULT),
    ],
)
def test_whoever_is_across_has_passed_whatever_happens_before_the_exit_is_secured_behind_them(
    happens: LaneEvent, phase: Phase
) -> None:
    """The lock does not catch, or an officer holds the lane: the next touchpoint lets through who passed this one."""
    through = (*INSIDE, Decided(Verdict.ADMIT), DoorIs(EXIT, Position.OPEN))
    state, said = play(*through, OccupancyIs(Occupancy.EMPTY), happens)
    assert (state.phase, EndRun(True, Reason.OK) in said) == (phase, True)
    state, said = play(*through, happens)
    assert (state.phase, [each.passed for each in said if isinstance(each, EndRun)]) == (phase, [False])


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
