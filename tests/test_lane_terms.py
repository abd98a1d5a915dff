"""What the words of the lane's table mean: each guard, trigger and action, over everything it may depend on."""

from collections.abc import Iterator
from itertools import product

import pytest

from gatefw import lane_terms
from gatefw.lane_terms import SHAPES, Action, Guard, Policy, Shape, State, Trigger, elapsed, operated, pressed
from gatefw.model import (
    Alarm,
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
    ReleaseDropped,
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
CLOSED, OPEN, SECURED, UNKNOWN = Position.CLOSED, Position.OPEN, Position.SECURED, Position.UNKNOWN
NOTHING = Started()
SPOT, COUNTER = Policy(doors=(EXIT,)), Policy(doors=())


def holds(guard: Guard, now: State, was: State | None = None, event: LaneEvent = NOTHING) -> bool:
    return guard.holds(was or now, now, event)


# ---------------------------------------------------------------- guards

BY_OCCUPANCY = {
    "EMPTY": Occupancy.EMPTY,
    "ONE": Occupancy.ONE,
    "MANY": Occupancy.MANY,
    "UNSURE": Occupancy.UNKNOWN,
}
BY_EXIT = {"EXIT_SECURED": {SECURED}, "EXIT_PASSABLE": {CLOSED, OPEN}, "EXIT_OPEN": {OPEN}}
BY_FLAG = {
    "IN_SERVICE": "in_service",
    "HEALTHY": "healthy",
    "LATCHED": "latched",
    "STOPPED": "stop",
    "FIRE": "fire",
    "EVACUATE": "evacuate",
}
FLAGS = tuple(BY_FLAG.values())


@pytest.mark.parametrize("name", BY_OCCUPANCY)
def test_a_guard_about_people_holds_for_its_own_count_alone(name: str) -> None:
    held = [each for each in Occupancy if holds(getattr(lane_terms, name), State(occupancy=each))]
    assert held == [BY_OCCUPANCY[name]]


@pytest.mark.parametrize("name", BY_EXIT)
def test_a_guard_about_the_exit_looks_at_the_exit_alone(name: str) -> None:
    held = {each for each in Position if holds(getattr(lane_terms, name), State(exit=each, entry=UNKNOWN))}
    assert held == BY_EXIT[name]
    assert held == {each for each in Position if holds(getattr(lane_terms, name), State(exit=each, entry=SECURED))}


@pytest.mark.parametrize("name", BY_FLAG)
def test_a_guard_about_a_flag_holds_while_the_flag_does(name: str) -> None:
    guard = getattr(lane_terms, name)
    for flags in product((False, True), repeat=len(FLAGS)):
        state = State()._replace(**dict(zip(FLAGS, flags, strict=True)))
        assert holds(guard, state) is getattr(state, BY_FLAG[name])


def test_both_are_secured_when_each_is() -> None:
    pairs = product(Position, repeat=2)
    held = [(entry, exit_) for entry, exit_ in pairs if holds(lane_terms.SECURED, State(entry=entry, exit=exit_))]
    assert held == [(SECURED, SECURED)]


def test_the_inputs_are_restored_when_none_of_the_three_is_pressed() -> None:
    held = [
        (fire, evacuate, stop)
        for fire, evacuate, stop in product((False, True), repeat=3)
        if holds(lane_terms.INPUTS_RESTORED, State(fire=fire, evacuate=evacuate, stop=stop))
    ]
    assert held == [(False, False, False)]


def test_the_site_says_whether_a_refusal_holds() -> None:
    assert holds(lane_terms.HOLDS, State(Policy(hold_on_refusal=True)))
    assert not holds(lane_terms.HOLDS, State(Policy()))
    assert holds(lane_terms.ALL, State())


@pytest.mark.parametrize(("guard", "door"), [(lane_terms.BY_ENTRY, ENTRY), (lane_terms.BY_EXIT, EXIT)])
def test_the_site_says_by_which_doors_whoever_was_refused_is_let_out(guard: Guard, door: DoorId) -> None:
    ways = ((), (ENTRY,), (EXIT,), (ENTRY, EXIT))
    assert [refusal for refusal in ways if holds(guard, State(Policy(refusal=refusal)))] == [(door,), (ENTRY, EXIT)]


@pytest.mark.parametrize("occupancy", Occupancy)
def test_nobody_can_be_shut_in_where_it_is_empty_or_nothing_encloses_them(occupancy: Occupancy) -> None:
    assert holds(lane_terms.VACANT, State(occupancy=occupancy)) is (occupancy is Occupancy.EMPTY)
    assert holds(lane_terms.VACANT, State(SPOT, occupancy=occupancy))
    assert holds(lane_terms.VACANT, State(COUNTER, occupancy=occupancy))


@pytest.mark.parametrize("door", DoorId)
def test_a_door_is_forced_when_it_was_secured_and_moves_though_nobody_wants_it_and_its_lock_had_time(
    door: DoorId,
) -> None:
    name = "entry" if door is ENTRY else "exit"
    for was_at, goes_to, want, settling in product(Position, Position, (None, *Purpose), (False, True)):
        was = State()._replace(**{name: was_at, f"settling_{name}": settling})
        now = was._replace(**{name: goes_to, f"wants_{name}": want})
        forced = was_at is SECURED and goes_to in (CLOSED, OPEN) and want is None and not settling
        assert holds(lane_terms.FORCED, now, was, DoorIs(door, goes_to)) is forced
    was = State(entry=SECURED, exit=SECURED)
    assert not holds(lane_terms.FORCED, was._replace(**{name: OPEN}), was, NOTHING)


def test_contacts_contradict_when_a_door_that_is_there_cannot_be_told() -> None:
    for position, healthy in product(Position, (False, True)):
        now = State(healthy=healthy)
        contradicts = healthy and position is UNKNOWN
        assert holds(lane_terms.UNCONFIRMED, now, now, DoorIs(ENTRY, position)) is contradicts
    assert not holds(lane_terms.UNCONFIRMED, State(healthy=True), None, NOTHING)


def test_it_may_be_another_when_the_count_changed_but_for_somebody_who_steps_into_an_empty_spot() -> None:
    awaited = (Occupancy.EMPTY, Occupancy.ONE)
    for was, now in product(Occupancy, repeat=2):
        another = was is not now and (was, now) != awaited
        assert holds(lane_terms.PERHAPS_ANOTHER, State(occupancy=now), State(occupancy=was)) is another


@pytest.mark.parametrize("purpose", [None, *Purpose])
def test_guards_about_what_is_wanted_look_at_one_door(purpose: Purpose | None) -> None:
    for other in (None, *Purpose):
        assert holds(lane_terms.TAKEN_BACK, State(wants_exit=purpose, wants_entry=other)) is (purpose is None)
        lets_out = holds(lane_terms.LETS_OUT, State(wants_entry=purpose, wants_exit=other))
        assert lets_out is (purpose is Purpose.WAY_OUT)


def test_pressed_and_present_are_what_the_event_itself_says() -> None:
    assert [s for s in Signal if holds(lane_terms.ON, State(), None, InputIs(Input.CALL, s))] == [Signal.ON]
    assert [p for p in (False, True) if holds(lane_terms.PRESENT, State(), None, ZoneIs(Zone.BEHIND, p))] == [True]
    assert not holds(lane_terms.ON, State(), None, NOTHING)
    assert not holds(lane_terms.PRESENT, State(), None, NOTHING)


def test_guards_are_joined_and_turned_round_with_their_words() -> None:
    yes, no = Guard("yes", lambda _w, _n, _e: True), Guard("no", lambda _w, _n, _e: False)
    assert [holds(a & b, State()) for a, b in product((yes, no), repeat=2)] == [True, False, False, False]
    assert (holds(~yes, State()), holds(~no, State())) == (False, True)
    assert ((yes & no).words, (lane_terms.ALL & yes).words, (~yes).words) == ("yes, no", "yes", "not yes")


def test_a_guard_may_ask_what_was_and_what_happens() -> None:
    """Whichever part of a joint guard asks, it is asked of the same three."""
    asked: list[tuple[State, State, LaneEvent]] = []
    spy = Guard("spy", lambda *three: asked.append(three) is None)
    was, now, event = State(stop=True), State(fire=True), Presented()
    assert (spy & spy).holds(was, now, event)
    assert not (~spy).holds(was, now, event)
    assert asked == [(was, now, event)] * 3


# ---------------------------------------------------------------- triggers

TRIGGERS: dict[str, LaneEvent] = {
    "OCCUPANCY": OccupancyIs(Occupancy.ONE),
    "HEALTH": HealthIs(True),
    "STARTED": Started(),
    "PRESENTED": Presented(),
    "INVITED": Invited(),
    "ADMITTED": Decided(Verdict.ADMIT),
    "REFUSED": Decided(Verdict.REFUSE),
    "REFERRED": Decided(Verdict.REFER),
    "DROPPED": ReleaseDropped(ENTRY),
    "FAULTED": Faulted(Reason.SOFTWARE),
    "BEHIND": ZoneIs(Zone.BEHIND, True),
    "DOOR": DoorIs(ENTRY, OPEN),
}


def _triggers() -> Iterator[tuple[Trigger, LaneEvent]]:
    """Each with an event that it is about."""
    yield from ((getattr(lane_terms, name), event) for name, event in TRIGGERS.items())
    yield from ((pressed(which), InputIs(which, Signal.ON)) for which in Input)
    yield from ((elapsed(timer), Elapsed(timer, 3)) for timer in Timer)
    yield from ((operated(verb), Operated(verb)) for verb in Verb)


def test_each_trigger_is_about_its_own_event_and_no_other() -> None:
    pairs = list(_triggers())
    others: list[LaneEvent] = [*(event for _, event in pairs), ZoneIs(Zone.FRONT, True)]
    for trigger, own in pairs:
        assert [event for event in others if trigger.matches(event)] == [own]


def test_a_trigger_about_a_door_or_an_input_hears_whatever_it_tells() -> None:
    assert all(lane_terms.DOOR.matches(DoorIs(door, at)) for door in DoorId for at in Position)
    assert all(lane_terms.OCCUPANCY.matches(OccupancyIs(each)) for each in Occupancy)
    assert all(pressed(Input.STOP).matches(InputIs(Input.STOP, signal)) for signal in Signal)


# ---------------------------------------------------------------- actions

WAYS = Policy(refusal=(ENTRY, EXIT), fault=(EXIT,), emergency=(EXIT,))
OUT, EMERGENCY = Purpose.WAY_OUT, Purpose.EMERGENCY
WANTED: dict[str, dict[DoorId, Purpose]] = {
    "secure_both": {},
    "enter": {ENTRY: Purpose.ENTER},
    "admit": {EXIT: Purpose.ADMIT},
    "let_out_refused": {ENTRY: OUT, EXIT: OUT},
    "let_out_called": {ENTRY: OUT},
    "settle": {EXIT: OUT},
    "evacuate": {EXIT: EMERGENCY},
}


def commanded(action: Action, state: State, event: LaneEvent = NOTHING) -> tuple[LaneCommand, ...]:
    return action(state, event)


@pytest.mark.parametrize("name", WANTED)
def test_an_action_on_doors_says_what_changes_and_secures_before_it_releases(name: str) -> None:
    """Whatever each door is wanted for before: a door that is wanted for that already is not told again."""
    wanted = WANTED[name]
    for entry, exit_ in product((None, *Purpose), repeat=2):
        before = {ENTRY: entry, EXIT: exit_}
        state = State(WAYS, occupancy=Occupancy.ONE, wants_entry=entry, wants_exit=exit_)
        secured = [Secure(door) for door in DoorId if door not in wanted and before[door] is not None]
        told = {door: purpose for door, purpose in wanted.items() if before[door] is not purpose}
        if name == "let_out_refused" and {entry, exit_} == {OUT, None}:
            secured, told = [], {}  # see below
        assert commanded(getattr(lane_terms, name), state) == (*secured, *(Release(*each) for each in told.items()))


@pytest.mark.parametrize("door", DoorId)
def test_whoever_is_let_out_by_a_door_of_the_plan_is_let_out_by_it_and_no_other(door: DoorId) -> None:
    other = State(WAYS)._replace(**{f"wants_{door.other.removesuffix('_door')}": OUT})
    assert commanded(lane_terms.let_out_by(door), other) == (Secure(door.other), Release(door, OUT))
    chosen = State(WAYS)._replace(**{f"wants_{door.removesuffix('_door')}": OUT})
    assert commanded(lane_terms.let_out_refused, chosen) == ()
    elsewhere = chosen._replace(policy=Policy(refusal=(door.other,)))
    assert commanded(lane_terms.let_out_refused, elsewhere) == (Secure(door), Release(door.other, OUT))


@pytest.mark.parametrize("name", WANTED)
def test_a_door_that_is_not_there_is_told_nothing(name: str) -> None:
    assert commanded(getattr(lane_terms, name), State(COUNTER, occupancy=Occupancy.ONE)) == ()


def test_a_lane_that_gives_up_is_secured_when_nobody_can_be_shut_in() -> None:
    for occupancy in Occupancy:
        said = commanded(lane_terms.settle, State(occupancy=occupancy))
        assert said == (() if occupancy is Occupancy.EMPTY else (Release(ENTRY, OUT),))
    assert commanded(lane_terms.settle, State(SPOT, occupancy=Occupancy.ONE, wants_exit=OUT)) == (Secure(EXIT),)


@pytest.mark.parametrize("door", DoorId)
def test_an_exercise_is_of_one_door(door: DoorId) -> None:
    assert commanded(lane_terms.exercise(door), State()) == (Release(door, Purpose.EXERCISE),)


def test_what_is_told_of_runs_alarms_and_faults() -> None:
    why, state = Reason.TAILGATING, State()
    assert commanded(lane_terms.proceed, state) == (Proceed(),)
    assert commanded(lane_terms.unlatch, state) == (Unlatch(),)
    assert commanded(lane_terms.end(why), state) == (EndRun(False, why),)
    assert commanded(lane_terms.end(None), state) == (EndRun(False, None),)
    assert commanded(lane_terms.end(Reason.OK, passed=True), state) == (EndRun(True, Reason.OK),)
    assert commanded(lane_terms.alarm(why), state) == (Alarm(why),)
    assert commanded(lane_terms.latch(why), state) == (EndRun(False, why), Alarm(why), Latch(why))
    assert commanded(lane_terms.release_dropped, state) == (EndRun(False, Reason.RELEASE_DROPPED),)
    for event, told in ((Faulted(why), why), (NOTHING, Reason.SOFTWARE)):
        assert commanded(lane_terms.latch_fault, state, event) == (EndRun(False, told), Alarm(told), Latch(told))


def test_who_was_counted_out_of_an_airlock_while_leaving_has_passed_and_nobody_else_has() -> None:
    why, passed = Reason.HELD, EndRun(True, Reason.OK)
    for phase, occupancy, policy in product(Phase, Occupancy, (Policy(), SPOT, COUNTER)):
        state = State(policy, phase, occupancy=occupancy)
        across = (phase, occupancy, policy) == (Phase.LEAVING, Occupancy.EMPTY, Policy())
        told = passed if across else EndRun(False, why)
        assert commanded(lane_terms.end(why), state) == (told,)
        assert commanded(lane_terms.latch(why), state) == (told, Alarm(why), Latch(why))
        assert commanded(lane_terms.latch_fault, state, Faulted(why)) == (told, Alarm(why), Latch(why))


# ---------------------------------------------------------------- the state


def test_the_doors_that_are_there_make_the_shape_of_a_lane() -> None:
    assert SHAPES == {(ENTRY, EXIT): Shape.AIRLOCK, (EXIT,): Shape.ONE_DOOR, (): Shape.NO_DOOR}
    assert [policy.shape for policy in (Policy(), SPOT, COUNTER)] == list(Shape)


def test_a_lane_file_that_says_nothing_lets_out_by_the_entry_and_in_an_emergency_by_both() -> None:
    policy = Policy()
    assert (policy.refusal, policy.fault, policy.emergency) == ((ENTRY,), (ENTRY,), (ENTRY, EXIT))
    assert (policy.doors, policy.hold_on_refusal) == ((ENTRY, EXIT), False)


def test_at_boot_nothing_is_sensed_and_nothing_wanted_and_a_door_that_is_not_there_is_secured() -> None:
    for in_service, latched in product((False, True), repeat=2):
        state = State.at_boot(SPOT, in_service=in_service, latched=latched)
        assert (state.in_service, state.latched) == (in_service, latched)
        assert not (state.started or state.healthy or state.fire or state.evacuate or state.stop)
        assert not (state.settling_entry or state.settling_exit)
        assert (state.wants_entry, state.wants_exit, state.occupancy) == (None, None, Occupancy.UNKNOWN)
    positions = {
        policy.shape: State.at_boot(policy, in_service=True, latched=False)[3:5] for policy in (Policy(), SPOT, COUNTER)
    }
    assert positions == {
        Shape.AIRLOCK: (UNKNOWN, UNKNOWN),
        Shape.ONE_DOOR: (SECURED, UNKNOWN),
        Shape.NO_DOOR: (SECURED, SECURED),
    }
    assert State()[2:6] == (0, UNKNOWN, UNKNOWN, Occupancy.UNKNOWN)
    assert not any(State()[6:])


@pytest.mark.parametrize("door", DoorId)
def test_what_is_asked_of_one_door_is_not_told_of_the_other(door: DoorId) -> None:
    name = "entry" if door is ENTRY else "exit"
    state = State()._replace(**{name: OPEN, f"wants_{name}": OUT, f"settling_{name}": True})
    assert (state.position(door), state.wants(door), state.settling(door)) == (OPEN, OUT, True)
    assert (state.position(door.other), state.wants(door.other), state.settling(door.other)) == (UNKNOWN, None, False)
