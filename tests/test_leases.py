"""Leases: what is driven follows what is wanted and permitted, through any order of events."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatefw.gate_terms import Drive, Drop
from gatefw.interlock import permits
from gatefw.lane_terms import State
from gatefw.leases import NEEDS_COMMIT, SETTLE_S, Began, Denied, Ended, Leases
from gatefw.model import Beam, DoorId, Occupancy, Phase, Position, Purpose, Reason, Release, Secure, Sensed, Signal

LEASE_S, RENEW_S, CONFIRM_S = 2.0, 0.5, 10.0

sensings = st.builds(
    Sensed,
    st.sampled_from(Position),
    st.sampled_from(Position),
    st.sampled_from(Beam),
    st.sampled_from(Beam),
    st.sampled_from(Occupancy),
    st.sampled_from(Signal),
    st.sampled_from(Signal),
    st.sampled_from(Signal),
)
entry_wants = st.sampled_from([None, Purpose.ENTER, Purpose.WAY_OUT, Purpose.EMERGENCY])
exit_wants = st.sampled_from([None, Purpose.ADMIT, Purpose.WAY_OUT, Purpose.EMERGENCY])
moments = st.tuples(entry_wants, exit_wants, sensings, st.booleans(), st.floats(0.0, 1.0))


def leases() -> Leases:
    return Leases(LEASE_S, RENEW_S, CONFIRM_S)


@given(st.lists(moments, max_size=30))
def test_no_door_is_driven_without_want_permission_and_commit_and_none_dropped_without_permission(
    story: list[tuple[Purpose | None, Purpose | None, Sensed, bool, float]],
) -> None:
    doors, now_s = leases(), 0.0
    for entry, exit_, sensed, committed, passes_s in story:
        now_s += passes_s
        state = State(started=True, wants_entry=entry, wants_exit=exit_)
        before = {door: doors.held(door) for door in DoorId}
        approved = dict(doors.approved)
        if committed:
            approved |= {d: w for d in DoorId if (w := state.wants(d)) in NEEDS_COMMIT and w is not None}
            doors.approved.update(approved)
        for outcome in doors.reconcile(state, sensed, now_s):
            if isinstance(outcome, Drive) and before[outcome.door] is None:
                want = state.wants(outcome.door)
                assert want is outcome.purpose
                assert permits(Release(outcome.door, outcome.purpose), sensed).permitted
                assert want not in NEEDS_COMMIT or approved.get(outcome.door) is want
            if isinstance(outcome, Drop):
                assert permits(Secure(outcome.door), sensed).permitted


@given(st.lists(moments, max_size=30))
def test_both_doors_are_held_at_once_only_in_an_emergency(
    story: list[tuple[Purpose | None, Purpose | None, Sensed, bool, float]],
) -> None:
    doors, now_s, before = leases(), 0.0, 0
    for entry, exit_, sensed, committed, passes_s in story:
        now_s += passes_s
        state = State(started=True, wants_entry=entry, wants_exit=exit_)
        if committed:
            doors.approved.update({d: w for d in DoorId if (w := state.wants(d)) in NEEDS_COMMIT and w is not None})
        doors.reconcile(state, sensed, now_s)
        held = [doors.held(door) for door in DoorId if doors.held(door) is not None]
        assert len(held) < 2 or before == 2 or Purpose.EMERGENCY in held
        before = len(held)


@given(st.lists(moments, max_size=30))
def test_a_door_that_is_not_there_is_never_driven_and_never_in_the_way_of_the_only_one(
    story: list[tuple[Purpose | None, Purpose | None, Sensed, bool, float]],
) -> None:
    doors, now_s = leases(), 0.0
    for _, exit_, sensed, committed, passes_s in story:
        now_s += passes_s
        alone = replace(sensed, entry=Position.SECURED, entry_beam=Beam.CLEAR)
        state = State(started=True, wants_exit=exit_)
        if committed and exit_ in NEEDS_COMMIT and exit_ is not None:
            doors.approved[DoorId.EXIT] = exit_
        for outcome in doors.reconcile(state, alone, now_s):
            assert outcome.door is DoorId.EXIT
            if isinstance(outcome, Denied):
                assert outcome.reason not in (Reason.OTHER_DOOR_NOT_SECURED, Reason.OTHER_DOOR_UNKNOWN)
        assert doors.unconfirmed(state, alone, now_s) in (None, DoorId.EXIT)


def test_a_release_that_was_taken_back_is_over_only_when_its_lock_had_time_to_give_way() -> None:
    """Admitted and called in the same moment: the exit's contacts still say secured when its release is taken back."""
    doors = leases()
    inside = Sensed(Position.SECURED, Position.SECURED, Beam.CLEAR, Beam.CLEAR, Occupancy.ONE, *[Signal.OFF] * 3)
    doors.approved[DoorId.EXIT] = Purpose.ADMIT
    doors.reconcile(State(started=True, wants_exit=Purpose.ADMIT), inside, 0.0)
    called = State(started=True, wants_entry=Purpose.WAY_OUT)
    assert Drop(DoorId.EXIT) in doors.reconcile(called, inside, 0.001)
    assert doors.reconcile(called, inside, 0.3) == []
    assert doors.held(DoorId.ENTRY) is None
    doors.reconcile(called, inside, 0.6)
    assert doors.held(DoorId.ENTRY) is Purpose.WAY_OUT


@given(st.floats(0.01, 0.2))
def test_a_wanted_door_is_renewed_before_its_lease_ends(step_s: float) -> None:
    doors, now_s, driven_s = leases(), 0.0, 0.0
    state = State(started=True, wants_entry=Purpose.WAY_OUT)
    sensed = Sensed(exit=Position.SECURED)
    for _ in range(100):
        for outcome in doors.reconcile(state, sensed, now_s):
            if isinstance(outcome, Drive):
                driven_s = now_s
        assert now_s - driven_s < LEASE_S
        now_s += step_s


def test_an_approval_is_for_one_release_and_dies_with_its_want() -> None:
    """Committed for one traveller, never used: the next traveller's release waits for a commit of its own."""
    doors = leases()
    doors.approved[DoorId.ENTRY] = Purpose.ENTER
    ready = Sensed(Position.SECURED, Position.SECURED, Beam.CLEAR, Beam.CLEAR, Occupancy.EMPTY, *[Signal.OFF] * 3)
    doors.reconcile(State(started=True), ready, 0.0)
    assert doors.reconcile(State(started=True, wants_entry=Purpose.ENTER), ready, 1.0) == []


def test_a_door_that_stays_unsecured_though_nothing_is_in_its_way_is_found_after_the_time_to_confirm() -> None:
    doors = leases()
    state = State(started=True, healthy=True, phase=Phase.RECOVERING)
    sensed = Sensed(Position.CLOSED, Position.SECURED, Beam.CLEAR, Beam.CLEAR, Occupancy.EMPTY, *[Signal.OFF] * 3)
    assert doors.unconfirmed(state, sensed, 0.0) is None
    assert doors.unconfirmed(state, sensed, CONFIRM_S) is None
    assert doors.unconfirmed(state, sensed, CONFIRM_S + 0.1) is DoorId.ENTRY


def test_a_door_with_somebody_in_it_is_not_a_door_that_does_not_lock() -> None:
    doors = leases()
    state = State(started=True, healthy=True, phase=Phase.RECOVERING)
    sensed = Sensed(Position.OPEN, Position.SECURED, Beam.BROKEN, Beam.CLEAR, Occupancy.EMPTY, *[Signal.OFF] * 3)
    for now_s in (0.0, 50.0, 100.0):
        assert doors.unconfirmed(state, sensed, now_s) is None


def test_a_door_that_is_released_for_one_thing_never_goes_over_to_letting_somebody_through() -> None:
    """A way out turns into an entry of a lane that lost its mind: nothing closes under stop, and nobody is let in."""
    doors = leases()
    stopped = Sensed(
        Position.OPEN, Position.SECURED, Beam.CLEAR, Beam.CLEAR, Occupancy.ONE, Signal.OFF, Signal.OFF, Signal.ON
    )
    doors.reconcile(State(started=True, wants_entry=Purpose.WAY_OUT), stopped, 0.0)
    enters = State(started=True, wants_entry=Purpose.ENTER)
    doors.reconcile(enters, stopped, 1.0)
    doors.approved[DoorId.ENTRY] = Purpose.ENTER
    doors.reconcile(enters, stopped, 1.1)
    assert doors.held(DoorId.ENTRY) is Purpose.WAY_OUT
    assert Drop(DoorId.ENTRY) in doors.reconcile(enters, replace(stopped, stop=Signal.OFF), 1.2)


# ---------------------------------------------------------------- one door and one moment at a time

ENTRY, EXIT = DoorId.ENTRY, DoorId.EXIT
REST = Sensed(
    Position.SECURED, Position.SECURED, Beam.CLEAR, Beam.CLEAR, Occupancy.EMPTY, Signal.OFF, Signal.OFF, Signal.OFF
)
OUT, FREED = Purpose.WAY_OUT, Purpose.EMERGENCY


def wants(entry: Purpose | None = None, exit_: Purpose | None = None) -> State:
    return State(started=True, healthy=True, wants_entry=entry, wants_exit=exit_)


def test_what_a_door_is_held_for_is_told_until_its_release_has_ended() -> None:
    doors = leases()
    assert doors.held(ENTRY) is None
    doors.reconcile(wants(OUT), REST, 0.0)
    assert (doors.held(ENTRY), doors.held(EXIT)) == (OUT, None)
    assert doors.reconcile(wants(), REST, 0.1) == [Drop(ENTRY), Ended(ENTRY)]
    assert doors.held(ENTRY) is None


def test_an_emergency_waits_for_no_other_door() -> None:
    """Fire while one door is a way out and the lock of the other may still give way: both are driven in one step."""
    fire = replace(REST, fire=Signal.ON)
    both = leases().reconcile(wants(FREED, FREED), fire, 0.0)
    assert [each for each in both if isinstance(each, Drive)] == [Drive(d, LEASE_S, FREED) for d in (ENTRY, EXIT)]
    doors = leases()
    doors.reconcile(wants(OUT), REST, 0.0)
    doors.reconcile(wants(), REST, 0.1)
    assert doors.reconcile(wants(None, FREED), fire, 0.2)[0] == Drive(EXIT, LEASE_S, FREED)


def test_a_way_out_waits_for_the_other_door_to_be_dropped_and_settled() -> None:
    doors = leases()
    doors.reconcile(wants(OUT), REST, 0.0)
    held = doors.reconcile(wants(OUT, OUT), REST, 0.1)
    assert held == [Denied(EXIT, OUT, Reason.OTHER_DOOR_NOT_SECURED)]
    doors.reconcile(wants(None), REST, 1.0)
    assert doors.reconcile(wants(None, OUT), REST, 1.0 + SETTLE_S - 0.01) == []
    assert doors.reconcile(wants(None, OUT), REST, 1.0 + SETTLE_S)[:1] == [Drive(EXIT, LEASE_S, OUT)]


def test_a_refusal_is_said_once_for_each_reason_and_again_when_it_is_wanted_anew() -> None:
    doors, open_ = leases(), replace(REST, exit=Position.OPEN)
    denied = [Denied(ENTRY, OUT, Reason.OTHER_DOOR_NOT_SECURED)]
    assert doors.reconcile(wants(OUT), open_, 0.0) == denied
    assert doors.reconcile(wants(OUT), open_, 0.1) == []
    assert doors.reconcile(wants(), open_, 0.2) == []
    assert doors.reconcile(wants(OUT), open_, 0.3) == denied


def test_a_release_goes_over_to_another_way_out_without_a_gap_and_is_told() -> None:
    doors, fire = leases(), replace(REST, fire=Signal.ON)
    doors.reconcile(wants(OUT), REST, 0.0)
    assert doors.reconcile(wants(FREED), fire, 0.1) == [Began(ENTRY, FREED, None)]
    assert doors.reconcile(wants(FREED), fire, 0.2) == []
    assert doors.reconcile(wants(FREED), fire, RENEW_S) == [Drive(ENTRY, LEASE_S, FREED)]
    assert doors.reconcile(wants(FREED), fire, 2 * RENEW_S - 0.01) == []
    assert doors.reconcile(wants(FREED), fire, 2 * RENEW_S) == [Drive(ENTRY, LEASE_S, FREED)]


def test_a_release_that_is_not_wanted_goes_on_over_a_body_and_ends_when_it_has_gone() -> None:
    doors, body = leases(), replace(REST, entry_beam=Beam.BROKEN)
    doors.reconcile(wants(OUT), REST, 0.0)
    assert doors.reconcile(wants(), body, 0.1) == []
    assert doors.reconcile(wants(), body, RENEW_S) == [Drive(ENTRY, LEASE_S, OUT)]
    assert doors.reconcile(wants(), REST, RENEW_S + 0.1) == [Drop(ENTRY), Ended(ENTRY)]


def test_a_device_that_went_has_ended_a_passage_and_not_a_way_out() -> None:
    """A way out is driven again when the device comes back; a passage has to be asked for."""
    doors = leases()
    assert not doors.lost(ENTRY, None, 0.0)
    doors.reconcile(wants(OUT), REST, 0.0)
    assert not doors.lost(ENTRY, OUT, 0.1)
    assert doors.held(ENTRY) is OUT
    assert doors.lost(ENTRY, Purpose.ENTER, 1.0)
    assert doors.held(ENTRY) is None
    assert doors.reconcile(wants(None, OUT), REST, 1.0 + SETTLE_S / 2) == []


def test_how_long_a_door_stays_released_by_itself_is_what_its_last_extension_left_and_nothing_without_one() -> None:
    """Whoever goes on after a restart reads this: the lock still has that long, although nobody extends it."""
    doors = leases()
    assert doors.left_s(ENTRY, 0.0) is None
    doors.reconcile(wants(OUT), REST, 0.0)
    assert (doors.left_s(ENTRY, 0.25), doors.left_s(EXIT, 0.25)) == (LEASE_S - 0.25, None)
    doors.reconcile(wants(OUT), REST, RENEW_S)
    assert doors.left_s(ENTRY, RENEW_S) == LEASE_S
    doors.reconcile(wants(), REST, 1.0)
    assert doors.left_s(ENTRY, 1.0) is None


def test_a_way_out_beside_a_door_that_nobody_can_read_begins_with_an_alarm() -> None:
    unread = replace(REST, exit=Position.UNKNOWN)
    assert leases().reconcile(wants(OUT), unread, 0.0) == [
        Drive(ENTRY, LEASE_S, OUT),
        Began(ENTRY, OUT, Reason.OTHER_DOOR_UNKNOWN),
    ]


def test_a_passage_goes_on_while_its_record_stands_and_ends_with_it() -> None:
    doors = leases()
    assert doors.reconcile(wants(Purpose.ENTER), REST, 0.0) == []
    doors.approved[ENTRY] = Purpose.ENTER
    begun = [Drive(ENTRY, LEASE_S, Purpose.ENTER), Began(ENTRY, Purpose.ENTER, None)]
    assert doors.reconcile(wants(Purpose.ENTER), REST, 0.1) == begun
    assert doors.reconcile(wants(Purpose.ENTER), REST, 0.2) == []
    assert doors.reconcile(wants(Purpose.ENTER), REST, 0.1 + RENEW_S) == begun[:1]
    doors.approved.clear()
    assert doors.reconcile(wants(Purpose.ENTER), REST, 0.7) == [Drop(ENTRY), Ended(ENTRY)]


@pytest.mark.parametrize("phase", Phase)
def test_a_door_that_does_not_lock_is_nobodys_fault_where_hands_or_an_emergency_may_hold_it(phase: Phase) -> None:
    hands_off = (Phase.EVACUATED, Phase.FAULT, Phase.MAINTENANCE, Phase.EXERCISE, Phase.HOLD)
    doors, open_ = leases(), replace(REST, exit=Position.OPEN)
    found = [doors.unconfirmed(wants()._replace(phase=phase), open_, now_s) for now_s in (0.0, CONFIRM_S, 10.1)]
    assert found == [None, None, None if phase in hands_off else EXIT]


def test_a_door_that_is_released_is_open_for_as_long_as_it_takes_and_its_lock_is_awaited_only_afterwards() -> None:
    """A refused traveller takes a minute to go: that is no lock that does not catch."""
    doors, refused = leases(), wants(OUT)._replace(phase=Phase.REFUSED)
    doors.reconcile(refused, REST, 0.0)
    open_ = replace(REST, entry=Position.OPEN)
    assert [doors.unconfirmed(refused, open_, now_s) for now_s in (0.0, 30.0, 60.0)] == [None] * 3
    doors.reconcile(wants(), open_, 60.0)
    found = [doors.unconfirmed(wants(), open_, 60.0 + waited_s) for waited_s in (0.0, CONFIRM_S, CONFIRM_S + 0.1)]
    assert found == [None, None, ENTRY]


@pytest.mark.parametrize("waits", [{"started": False}, {"healthy": False}, {"stop": True}])
def test_the_time_to_confirm_does_not_run_before_the_start_without_a_device_or_under_stop(
    waits: dict[str, bool],
) -> None:
    doors, open_ = leases(), replace(REST, exit=Position.OPEN)
    idle = wants()._replace(phase=Phase.IDLE)
    assert doors.unconfirmed(idle, open_, 0.0) is None
    assert doors.unconfirmed(idle._replace(**waits), open_, CONFIRM_S + 1.0) is None
    assert doors.unconfirmed(idle, open_, CONFIRM_S + 2.0) is None
    assert doors.unconfirmed(idle, open_, 2 * CONFIRM_S + 3.0) is EXIT


LETS_THROUGH = [(ENTRY, Purpose.ENTER), (EXIT, Purpose.ADMIT), (ENTRY, Purpose.EXERCISE), (EXIT, Purpose.EXERCISE)]


def test_a_passage_that_was_denied_has_lost_its_record_and_does_not_begin_by_itself_later() -> None:
    """Committed while the other door was just being forced: that it is shut again a moment later invites nobody."""
    doors, forced = leases(), replace(REST, exit=Position.OPEN)
    doors.approved[ENTRY] = Purpose.ENTER
    denied = [Denied(ENTRY, Purpose.ENTER, Reason.OTHER_DOOR_NOT_SECURED)]
    assert doors.reconcile(wants(Purpose.ENTER), forced, 0.0) == denied
    assert doors.reconcile(wants(Purpose.ENTER), REST, 0.1) == []
    assert doors.held(ENTRY) is None


@pytest.mark.parametrize(("door", "purpose"), LETS_THROUGH)
def test_whatever_lets_somebody_through_or_moves_a_door_for_nobody_waits_for_its_record(
    door: DoorId, purpose: Purpose
) -> None:
    one = replace(REST, occupancy=Occupancy.ONE) if purpose is Purpose.ADMIT else REST
    doors, state = leases(), wants(purpose) if door is ENTRY else wants(None, purpose)
    assert doors.reconcile(state, one, 0.0) == []
    doors.approved[door] = purpose
    assert doors.reconcile(state, one, 0.1)[0] == Drive(door, LEASE_S, purpose)


def test_a_passage_that_is_not_permitted_any_more_ends_and_a_way_out_goes_on() -> None:
    unread = replace(REST, fire=Signal.UNKNOWN)
    passage = leases()
    passage.approved[ENTRY] = Purpose.ENTER
    passage.reconcile(wants(Purpose.ENTER), REST, 0.0)
    assert passage.reconcile(wants(Purpose.ENTER), unread, 0.1) == [Drop(ENTRY), Ended(ENTRY)]
    way_out = leases()
    way_out.reconcile(wants(OUT), REST, 0.0)
    assert way_out.reconcile(wants(OUT), unread, 0.1) == []
