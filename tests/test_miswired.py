"""What is wired wrongly is suspected, from levels alone; of a lane that is wired rightly nothing ever is."""

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from miswirings import MISWIRINGS, Miswiring

from gatefw.doctor.miswired import Kind, Suspicion, suspicions
from gatefw.edges import Course, Edge
from gatefw.model import DoorId, Phase
from gatefw.simulate import lanes
from gatefw.simulate.day import _chosen, made_up, scripted_lane
from gatefw.simulate.lane import SimulatedLane
from gatefw.simulate.stories import of_lane
from gatefw.simulate.traveller import Story, Traveller
from hw.sim.physics import World

AIRLOCKS = ("contactless-e-channel", "e-channel", "smart-departure", "document-free", "hetao")
BY_TOKEN = AIRLOCKS[:3]
LANES = {name: lanes.load(name) for name in AIRLOCKS}
SHUTS_S, LIMITS_S = 8.0, dict.fromkeys(DoorId, 20.0)
SEEDS = st.integers(0, 2**32)
FEW = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def suspected(lane: SimulatedLane) -> list[Suspicion]:
    told = lane.edges.course(lane.now_s).to_json()
    return suspicions(Course.from_json(told), SHUTS_S, LIMITS_S)


def come(
    lane: SimulatedLane, seed: int, choose: Callable[[list[Story], Random], Story], most: int = 3
) -> SimulatedLane:
    """Some people, one after the other, each as long as it takes, but no longer than somebody has patience."""
    chance = Random(seed)
    stories = list(of_lane(lane.config, lane.settings.terms))
    for number in range(most):
        story = choose(stories, chance)
        traveller = story.played_by(made_up(f"traveller-{number}", lane.config, chance, story))
        lane.send(traveller)
        lane.run_until(lambda one=traveller: one.name not in lane.world.people, 60.0)  # type: ignore[misc]
    lane.run_until(lambda: False, 30.0)
    return lane


def who_passes(stories: list[Story], _chance: Random) -> Story:
    return stories[0]


@FEW
@given(seed=SEEDS, name=st.sampled_from(AIRLOCKS))
def test_of_a_lane_that_is_wired_rightly_nothing_is_suspected_whoever_comes(seed: int, name: str) -> None:
    lane = come(scripted_lane(LANES[name], seed), seed, _chosen, most=12)
    assert suspected(lane) == []


@pytest.mark.parametrize("wrong", MISWIRINGS, ids=lambda wrong: f"{wrong.kind}-{wrong.where}")
@settings(max_examples=4, deadline=None)
@given(seed=SEEDS, name=st.sampled_from(BY_TOKEN))
def test_what_is_wired_wrongly_is_suspected_and_nothing_else(seed: int, name: str, wrong: Miswiring) -> None:
    lane = come(scripted_lane(LANES[name], seed, wrong.wire), seed, who_passes)
    assert [(each.kind, each.where) for each in suspected(lane)] == [(wrong.kind, wrong.where)]


@pytest.mark.parametrize("door", DoorId)
@FEW
@given(seed=SEEDS, name=st.sampled_from(AIRLOCKS))
def test_a_relay_that_welds_while_it_carries_current_is_suspected_of_its_door(
    seed: int, name: str, door: DoorId
) -> None:
    """It is found out by the leaf, which stays open until the door hardware ends the release."""
    lane = come(scripted_lane(LANES[name], seed), seed, who_passes, most=1)
    lane.send(neighbourly(lane, seed))
    assert lane.run_until(lambda: lane.gate.leases.held(door) is not None, 60.0)
    lane.world.harm(door, welded=True)
    lane.run_until(lambda: False, 60.0)
    assert [(each.kind, each.where) for each in suspected(lane)] == [(Kind.RELAY_WELDED, door)]


def neighbourly(lane: SimulatedLane, seed: int) -> Traveller:
    story = next(iter(of_lane(lane.config, lane.settings.terms)))
    return story.played_by(made_up("another", lane.config, Random(seed), story))


def test_a_door_that_does_not_answer_its_release_is_suspected_and_the_other_one_is_not() -> None:
    lane = scripted_lane(LANES["contactless-e-channel"], 1)
    lane.world.stick("entry_door.closed", True)
    jammed = Course(
        0.0,
        30.0,
        {"entry_door": "secured", "exit_door": "secured", "entry_door.release": "off"},
        [Edge(10.0, "entry_door.release", "enter"), Edge(16.0, "entry_door.release", "off")],
    )
    assert [(each.kind, each.where) for each in suspicions(jammed, SHUTS_S)] == [(Kind.NOTHING_MOVES, "entry_door")]


def test_a_door_that_answered_once_has_no_crossed_contacts_though_the_other_one_was_forced() -> None:
    """Its second release came while somebody broke the other door open."""
    edges = [
        Edge(10.0, "entry_door.release", "enter"),
        Edge(10.1, "entry_door", "open"),
        Edge(12.0, "entry_door.release", "off"),
        Edge(13.0, "entry_door", "secured"),
        Edge(20.0, "entry_door.release", "enter"),
        Edge(20.1, "exit_door", "open"),
        Edge(22.0, "entry_door.release", "off"),
        Edge(24.0, "exit_door", "secured"),
    ]
    before = {"entry_door": "secured", "exit_door": "secured", "entry_door.release": "off"}
    assert suspicions(Course(0.0, 60.0, before, edges), SHUTS_S) == []


def test_a_beam_that_is_broken_at_rest_and_while_somebody_passes_is_broken_and_not_swapped() -> None:
    edges = [
        Edge(10.1, "entry_door", "open"),
        Edge(11.0, "occupancy", "one"),
        Edge(13.0, "entry_door", "secured"),
        Edge(50.0, "entry_door.beam", "clear"),
    ]
    before = {"entry_door": "secured", "exit_door": "secured", "entry_door.beam": "broken", "occupancy": "empty"}
    assert [each.kind for each in suspicions(Course(0.0, 60.0, before, edges), SHUTS_S)] == [Kind.BEAM_BROKEN]


def test_a_contact_that_was_right_before_is_no_swapped_one_but_one_that_failed() -> None:
    before = {"entry_door": "secured", "exit_door": "secured"}
    broken = Course(0.0, 60.0, before, [Edge(40.0, "exit_door", "unknown")])
    assert [(each.kind, each.where) for each in suspicions(broken, SHUTS_S)] == [(Kind.CONTACT_FAILED, "exit_door")]


def test_a_door_that_somebody_holds_open_by_standing_in_it_has_no_welded_relay() -> None:
    edges = [
        Edge(10.0, "entry_door.release", "enter"),
        Edge(10.1, "entry_door", "open"),
        Edge(11.0, "entry_door.beam", "broken"),
        Edge(12.0, "entry_door.release", "off"),
        Edge(40.0, "entry_door.beam", "clear"),
        Edge(41.0, "entry_door", "secured"),
    ]
    before = {"entry_door": "secured", "exit_door": "secured", "entry_door.beam": "clear"}
    assert suspicions(Course(0.0, 60.0, before, edges), SHUTS_S) == []


def test_both_contacts_the_other_way_round_are_told_from_a_door_that_stands_open_by_its_release() -> None:
    """At rest both say open. Released, the one with exchanged contacts says secured, which no open door does."""
    before = {"entry_door": "open", "exit_door": "secured"}
    assert [each.kind for each in suspicions(Course(0.0, 30.0, before, []), SHUTS_S)] == [Kind.NEVER_SECURED]
    edges = [
        Edge(10.0, "entry_door.release", "way_out"),
        Edge(10.2, "entry_door", "unknown"),
        Edge(10.6, "entry_door", "secured"),
        Edge(13.0, "entry_door.release", "off"),
        Edge(14.0, "entry_door", "open"),
    ]
    assert [each.kind for each in suspicions(Course(0.0, 30.0, before, edges), SHUTS_S)] == [Kind.BOTH_SWAPPED]


def test_what_a_lost_device_said_last_is_no_evidence() -> None:
    before = {"entry_door": "unread", "exit_door": "secured", "occupancy": "unread", "fire": "unread"}
    assert suspicions(Course(0.0, 600.0, before, []), SHUTS_S) == []


def test_zones_that_are_exchanged_keep_everybody_out_of_a_lane_that_finds_people_by_their_zone() -> None:
    """Nobody is ever found in front, so nobody passes: the zone behind, where somebody stands, is all there is."""
    wrong = next(each for each in MISWIRINGS if each.kind is Kind.ZONES_SWAPPED)
    lane = come(scripted_lane(LANES["hetao"], 5, wrong.wire), 5, who_passes)
    assert lane.phase is Phase.IDLE
    assert [each.kind for each in suspected(lane)] == [Kind.ZONES_SWAPPED]


def test_a_world_that_is_miswired_moves_as_before_and_shows_it_on_the_terminal_alone() -> None:
    """The drive of a door looks at its own beam; what is wrong is what the board sees of it."""
    lane = scripted_lane(LANES["contactless-e-channel"], 1)
    world: World = lane.world
    world.miswire("entry_door.closed", "exit_door.closed", inverted=True)
    assert world.circuit("entry_door.closed") and not world.terminal("entry_door.closed")
    world.miswire("entry_door.closed", None)
    assert world.terminal("entry_door.closed")
    with pytest.raises(ValueError, match="is no loop"):
        world.miswire("entry_door.bell", "fire")
