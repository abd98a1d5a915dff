"""The judge of `tests/trust/kills`: a round in which all is well, and each thing that may be wrong with it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from trust.kills_checks import (
    Event,
    Round,
    Strike,
    drops_s,
    due,
    occupied,
    phase_at,
    travelling,
    unrecorded,
    violations,
)
from trust.kills_states import WANTED, kept, planned

from hw.sim.history import Entry

MODES = {"SIGKILL": 1.0}


def entries(*happened: tuple[float, str, dict[str, Any]]) -> list[Entry]:
    return [Entry(n, at_s, kind, facts) for n, (at_s, kind, facts) in enumerate(happened, 1)]


def event(n: int, at_s: float, kind: str, run: str = "r", **data: object) -> Event:
    return {"sequence": f"{n:020d}", "type": f"gatefw.{kind}.v1", "at_s": at_s, "run": run, "data": data}


def line(at_s: float, door: str, level: int) -> tuple[float, str, dict[str, Any]]:
    return at_s, "line", {"name": f"{door}.release", "level": level}


def at(at_s: float, place: str) -> tuple[float, str, dict[str, Any]]:
    return at_s, "at", {"person": "anna", "place": place}


def crossed(at_s: float, door: str, to: str) -> tuple[float, str, dict[str, Any]]:
    return at_s, "crossed", {"person": "anna", "door": door, "to": to}


CAME_IN = [
    (0.0, "appeared", {"person": "anna"}),
    line(1.0, "entry_door", 1),
    (1.1, "door", {"door": "entry_door", "state": "opening"}),
    (1.3, "door", {"door": "entry_door", "state": "open"}),
    crossed(1.4, "entry_door", "airlock"),
    at(1.4, "airlock"),
    line(1.5, "entry_door", 0),
]
LET_IN = [
    event(1, 0.5, "lane.phase_changed", phase="token_presented", previous="idle"),
    event(2, 0.5, "passage.started"),
    event(3, 0.9, "door.released", door="entry_door", purpose="enter"),
    event(4, 0.9, "lane.phase_changed", phase="verifying", previous="entering"),
]
AGAIN = [
    event(5, 3.0, "service.started", "", phase="recovering"),
    event(6, 3.0, "passage.ended", passed=False, reason="restarted"),
]


def round_of(happened: Sequence[tuple[float, str, dict[str, Any]]], told: list[Event], mode: str = "SIGKILL") -> Round:
    """Anna came in; the supervisor was killed at 2.0, when row 4 was the last; this is what else there is."""
    story = entries(*sorted([*CAME_IN, *happened], key=lambda each: each[0]))
    return Round(story, [*LET_IN, *told], [Strike(mode, 2.0, 2.01, 4)], lambda each: float(each["at_s"]), LET_IN)


def test_a_death_after_which_everything_came_right_has_no_violation() -> None:
    """She is let out by the way she came, by a supervisor that had recorded it."""
    let_out = event(7, 3.2, "door.released", "", door="entry_door", purpose="way_out")
    told = round_of(
        [line(3.2, "entry_door", 1), crossed(3.5, "entry_door", "front"), at(3.5, "front")], [*AGAIN, let_out]
    )
    assert violations(told) == []
    assert unrecorded(told) == 0


@pytest.mark.parametrize(
    ("happened", "told", "says"),
    [
        ([line(2.5, "exit_door", 1)], AGAIN, "exit_door was released 2.500 without its record"),
        ([line(1.9, "exit_door", 1), line(2.02, "exit_door", 0)], AGAIN, "exit_door was released 1.900"),
        ([line(1.9, "entry_door", 1), line(9.0, "entry_door", 0)], AGAIN, "entry_door.release stayed on for 7.000 s"),
        ([crossed(3.0, "exit_door", "behind")], AGAIN, "anna went across without a recorded admission"),
        ([(3.0, "violation", {"violation": "crush", "at": "exit_door", "faults": []})], AGAIN, "saw crush"),
        ([(9.0, "finished", {"person": "anna", "outcome": "trapped"})], AGAIN, "anna was not let out"),
        ([], AGAIN[:1], "passage r has no end"),
        ([], AGAIN[1:], "the journal has a gap"),
    ],
    ids=["start-moves", "admits-unrecorded", "stays-on", "goes-across", "crush", "trapped", "no-end", "gap"],
)
def test_each_thing_that_is_wrong_is_told(
    happened: list[tuple[float, str, dict[str, Any]]], told: list[Event], says: str
) -> None:
    assert any(says in each for each in violations(round_of(happened, told)))


def test_somebody_who_came_in_without_a_recorded_release_is_told() -> None:
    told = round_of([], AGAIN)
    unreleased = [replace_data(each, purpose="way_out") for each in told.events]
    assert any("came in without" in each for each in violations(replace(told, events=unreleased, shown=[])))


def replace_data(told: Event, **data: str) -> Event:
    return told | {"data": told["data"] | data} if told["type"] == "gatefw.door.released.v1" else told


def test_what_was_published_and_is_not_kept_is_told() -> None:
    told = round_of([], AGAIN)
    changed = told.shown[0] | {"data": {"phase": "idle", "previous": "idle"}}
    assert any("row 1 " in each for each in violations(replace(told, shown=[changed])))


def test_whoever_hangs_and_releases_a_door_is_told() -> None:
    """The loop hangs at 2.0 and is killed at 5.0; in between a line goes on."""
    hung = replace(round_of([line(3.0, "entry_door", 1)], AGAIN), strikes=[Strike("SIGSTOP", 2.0, 5.0, 4)])
    assert any("by a supervisor that hung" in each for each in violations(hung))


def test_a_way_out_that_was_driven_just_before_the_death_may_be_without_its_record() -> None:
    told = round_of([line(1.95, "entry_door", 1), line(2.08, "entry_door", 0)], AGAIN)
    assert violations(told) == []
    assert unrecorded(told) == 1
    assert drops_s(told) == [("SIGKILL", pytest.approx(0.08))]


def test_what_was_so_at_a_moment() -> None:
    told = round_of([], AGAIN)
    assert travelling(told.entries, 1.2)
    assert not travelling(told.entries, 1.35)
    assert occupied(told.entries, 1.2, 1.45)
    assert not occupied(told.entries, 0.0, 1.3)
    assert phase_at(told.events, 0, 4, "idle") == "verifying"
    assert phase_at(told.events, 0, 0, "idle") == "idle"


@pytest.mark.parametrize(
    ("phase", "latched", "wanted"),
    [
        ("verifying", False, ("idle",)),
        ("hold", False, ("hold",)),
        ("fault", False, ("fault", "idle")),
        ("fault", True, ("fault",)),
        ("maintenance", False, ("out_of_service",)),
        ("exercise", False, ("out_of_service",)),
    ],
)
def test_where_the_next_supervisor_must_bring_the_lane(phase: str, latched: bool, wanted: tuple[str, ...]) -> None:
    assert due([event(1, 0.0, "fault.latched", reason="fire")] if latched else [], phase) == wanted


def test_of_a_technician_whose_order_was_answered_the_next_supervisor_knows() -> None:
    assert due([], "idle", technician=True) == ("out_of_service",)
    assert due([], "maintenance", technician=True) == ("out_of_service",)


def test_a_kill_is_made_by_its_seed_and_number_alone_and_every_state_meets_both_kernels() -> None:
    assert planned(1, 40, MODES) == planned(1, 40, MODES) != planned(2, 40, MODES)
    met = {(planned(1, number, MODES).wanted, kept(number)) for number in range(2 * len(WANTED))}
    assert len(met) == 2 * len(WANTED)
