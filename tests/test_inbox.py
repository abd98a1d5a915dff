"""The one bounded queue in front of the Gate."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatefw.errors import Overflow
from gatefw.gate_terms import Committed, DeviceImpaired, DeviceWent, DoorSensed, GateInput, LaneSensed
from gatefw.inbox import Inbox
from gatefw.model import Beam, DoorId, Input, Occupancy, Position, Reason, Signal, Zone

doors = st.builds(DoorSensed, st.sampled_from(DoorId), st.sampled_from(Position), st.sampled_from(Beam))
lanes = st.builds(
    LaneSensed,
    st.sampled_from(Occupancy),
    st.sampled_from([(), ((Zone.BEHIND, True),), ((Zone.BEHIND, False),)]),
    st.sampled_from([(), ((Input.FIRE, Signal.ON),), ((Input.CALL, Signal.ON),)]),
)
commits = st.builds(Committed, st.integers(0, 99))


def _drain(inbox: Inbox) -> list[GateInput]:
    taken = []
    while (event := inbox.get(0)) is not None:
        taken.append(event)
    return taken


def _no_repeats(values: list[object]) -> list[object]:
    return [value for n, value in enumerate(values) if n == 0 or values[n - 1] != value]


@given(st.lists(doors | lanes | commits, max_size=40))
def test_no_position_count_zone_or_input_is_ever_skipped_and_no_event_is_lost(events: list[GateInput]) -> None:
    inbox = Inbox()
    for event in events:
        inbox.put(event)
    taken = _drain(inbox)
    assert [e for e in taken if isinstance(e, Committed)] == [e for e in events if isinstance(e, Committed)]
    for door in DoorId:
        put = [e.position for e in events if isinstance(e, DoorSensed) and e.door is door]
        got = [e.position for e in taken if isinstance(e, DoorSensed) and e.door is door]
        assert _no_repeats(list(got)) == _no_repeats(list(put))
    put_lane: list[object] = [event for event in events if isinstance(event, LaneSensed)]
    got_lane: list[object] = [event for event in taken if isinstance(event, LaneSensed)]
    assert _no_repeats(got_lane) == _no_repeats(put_lane)


@given(st.lists(doors | lanes, min_size=1, max_size=40))
def test_the_newest_level_is_always_the_last_one_taken(events: list[GateInput]) -> None:
    inbox = Inbox()
    for event in events:
        inbox.put(event)
    assert _drain(inbox)[-1] == events[-1]


def test_a_flickering_beam_does_not_fill_the_queue() -> None:
    inbox = Inbox(capacity=2)
    for n in range(1000):
        inbox.put(DoorSensed(DoorId.ENTRY, Position.OPEN, Beam.BROKEN if n % 2 else Beam.CLEAR))
    assert len(_drain(inbox)) == 1


def test_a_full_queue_is_an_overflow_once_and_never_a_silent_drop() -> None:
    inbox = Inbox(capacity=3)
    for n in range(5):
        inbox.put(Committed(n))
    with pytest.raises(Overflow, match="3 inputs"):
        inbox.get(0)
    assert inbox.get(0) is None
    inbox.put(Committed(9))
    assert inbox.get(0) == Committed(9)


def test_after_an_overflow_the_newest_levels_are_still_told() -> None:
    """Workers do not repeat what did not change: a level lost for ever would be believed for ever."""
    inbox = Inbox(capacity=3)
    inbox.put(DoorSensed(DoorId.EXIT, Position.SECURED, Beam.CLEAR))
    inbox.put(DeviceWent("vision"))
    for n in range(5):
        inbox.put(Committed(n))
    inbox.put(DoorSensed(DoorId.EXIT, Position.OPEN, Beam.CLEAR))
    with pytest.raises(Overflow):
        inbox.get(0)
    assert _drain(inbox) == [DeviceWent("vision"), DoorSensed(DoorId.EXIT, Position.OPEN, Beam.CLEAR)]


def test_an_empty_inbox_gives_nothing_when_the_time_is_over() -> None:
    assert Inbox().get(0.001) is None


def test_an_overflow_keeps_what_devices_suffer_from_each_ailment_by_itself() -> None:
    inbox = Inbox(2)
    tampered = DeviceImpaired("reader.front", Reason.TAMPERED, True)
    floods = DeviceImpaired("reader.front", Reason.DEVICE_FLOODS, True)
    calm = DeviceImpaired("reader.front", Reason.DEVICE_FLOODS, False)
    for event in (tampered, floods, Committed(1), calm):
        inbox.put(event)
    with pytest.raises(Overflow):
        inbox.get(0)
    assert _drain(inbox) == [tampered, calm]
