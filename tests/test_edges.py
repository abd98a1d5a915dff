"""The evidence of what was sensed: only changes, the newest of them, and what was before; nothing of anybody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatefw.edges import Course, Edge, Edges
from gatefw.errors import BadReply
from gatefw.gate_terms import DeviceCame, DeviceWent, DoorSensed, Drive, Drop, GateInput, LaneSensed, TokenRead
from gatefw.model import Beam, DoorId, Input, Occupancy, Phase, Position, Purpose, Signal, Token, Zone

SECURED = DoorSensed(DoorId.ENTRY, Position.SECURED, Beam.CLEAR)
OPEN = DoorSensed(DoorId.ENTRY, Position.OPEN, Beam.CLEAR)


def seen(edges: Edges, *events: GateInput) -> Edges:
    """One event a second, from second 1 on."""
    for second, event in enumerate(events, 1):
        edges.saw(event, [], float(second), Phase.IDLE)
    return edges


def test_a_level_is_kept_when_it_changes_and_not_when_it_is_read_again() -> None:
    course = seen(Edges(0.0), SECURED, SECURED, OPEN, OPEN).course(9.0)
    doors = [edge for edge in course.edges if edge.what == "entry_door"]
    assert doors == [Edge(1.0, "entry_door", "secured"), Edge(3.0, "entry_door", "open")]


def test_people_zones_and_inputs_are_kept_by_their_names() -> None:
    sensed = LaneSensed(Occupancy.ONE, ((Zone.FRONT, True),), ((Input.FIRE, Signal.OFF),))
    course = seen(Edges(0.0), sensed).course(2.0)
    assert {(edge.what, edge.now) for edge in course.edges} == {
        ("zone_front", "on"), ("occupancy", "one"), ("fire", "off"), ("phase", "idle"),
    }  # fmt: skip


def test_a_release_is_kept_with_its_purpose_from_its_first_drive_to_its_end() -> None:
    edges = Edges(0.0)
    edges.saw(SECURED, [Drive(DoorId.ENTRY, 2.0, Purpose.ENTER)], 1.0, Phase.ENTRY_RELEASED)
    edges.saw(SECURED, [Drive(DoorId.ENTRY, 2.0, Purpose.ENTER)], 2.0, Phase.ENTRY_RELEASED)
    edges.saw(SECURED, [Drop(DoorId.ENTRY)], 3.0, Phase.ENTERING)
    released = [(edge.at_s, edge.now) for edge in edges.course(4.0).edges if edge.what == "entry_door.release"]
    assert released == [(1.0, "enter"), (3.0, "off")]


def test_what_a_device_read_is_unread_once_it_is_gone_and_is_told_anew_when_it_comes_back() -> None:
    door = seen(Edges(0.0), SECURED, DeviceWent("door.entry_door"), SECURED, DeviceCame("door.entry_door")).course(9.0)
    assert [edge.now for edge in door.edges if edge.what == "entry_door"] == ["secured", "unread", "secured"]
    sensed = LaneSensed(Occupancy.ONE, ((Zone.FRONT, True),), ((Input.FIRE, Signal.OFF),))
    lane = seen(Edges(0.0), sensed, DeviceWent("sensors.lane")).course(9.0)
    assert {edge.what for edge in lane.edges if edge.now == "unread"} == {"occupancy", "zone_front", "fire"}


def test_of_a_token_and_its_run_nothing_is_kept() -> None:
    course = seen(Edges(0.0), TokenRead("reader.front", Token(b"4711"))).course(2.0)
    assert [edge.what for edge in course.edges] == ["phase"]


@given(st.lists(st.sampled_from([SECURED, OPEN]), max_size=60), st.integers(1, 8))
def test_what_fell_out_of_the_ring_is_where_the_rest_begins(events: list[GateInput], kept: int) -> None:
    whole, short = (seen(Edges(0.0, many), *events).course(99.0) for many in (10_000, kept))
    assert len(short.edges) <= kept
    assert list(short.edges) == list(whole.edges)[len(whole.edges) - len(short.edges) :]
    dropped = whole.edges[: len(whole.edges) - len(short.edges)]
    assert dict(short.before) == {edge.what: edge.now for edge in dropped}


def test_a_course_goes_over_the_socket_and_comes_back_with_times_before_now() -> None:
    there = seen(Edges(0.0), SECURED, OPEN).course(5.0)
    back = Course.from_json(there.to_json())
    assert (back.since_s, back.now_s) == (-5.0, 0.0)
    assert [(edge.at_s + 5.0, edge.what, edge.now) for edge in back.edges] == [
        (edge.at_s, edge.what, edge.now) for edge in there.edges
    ]


@pytest.mark.parametrize(
    "told", [{}, {"for_s": 1, "before": [], "edges": []}, {"for_s": 1, "before": {}, "edges": [1]}]
)
def test_what_is_no_course_is_a_bad_reply(told: dict[str, object]) -> None:
    with pytest.raises(BadReply, match="edges"):
        Course.from_json(told)
