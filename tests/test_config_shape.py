"""Lane files with two doors, one door or none: each must have what its shape and its procedure demand."""

import re
from pathlib import Path
from typing import Any

import pytest
from test_config import ENV, FOLDER, Lane

import hw
from gatefw import clearance, config, crew, door_table
from gatefw.clearance import Beginning
from gatefw.config import Finding
from gatefw.lane_terms import Shape
from gatefw.model import DoorId
from gatefw.ports import DeadOutputs

AIRLOCK, BOARDING, BAG_DROP, CHECK_IN = (
    FOLDER / "lanes" / f"{name}.toml"
    for name in ("hetao", "flight-token-boarding", "flight-token-bag-drop", "flight-token-check-in")
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lane.toml"


def by_presence(name: str) -> bool:
    return clearance.beginning(name) is Beginning.PRESENCE


def found(lane: Lane, **given: Any) -> list[Finding]:
    return lane.check(procedure=clearance.face_follows, presence=by_presence, **given)


def without(lane: Lane, table: str) -> Lane:
    lane.text, cut = re.subn(rf"\[{re.escape(table)}\][^\n]*\n(?:[^\[\n].*\n)*", "", lane.text)
    assert cut == 1
    return lane


# ---------------------------------------------------------------- what the files of the project are


@pytest.mark.parametrize(
    ("file", "shape"), [(AIRLOCK, Shape.AIRLOCK), (BOARDING, Shape.ONE_DOOR), (BAG_DROP, Shape.NO_DOOR)]
)
def test_the_doors_of_a_file_are_the_shape_of_its_lane(file: Path, shape: Shape, path: Path) -> None:
    lane = Lane(path, file)
    assert found(lane) == []
    settings = crew.gate_settings(lane.load())
    assert settings.policy.shape is shape
    assert {name for name in settings.required if name.startswith("door.")} == {
        f"door.{door}" for door in settings.policy.doors
    }


def test_there_is_a_worker_for_every_door_that_there_is_and_no_watcher_where_there_is_none(path: Path) -> None:
    one = crew.muster(Lane(path, BOARDING).load(), lambda _: None, lambda _: None)
    assert (set(one.doors), one.watcher is None) == ({DoorId.EXIT}, False)
    counter = Lane(path, BAG_DROP).edit("required = false", "required = true").load()
    mustered = crew.muster(counter, lambda _: None, lambda _: None)
    assert (mustered.doors, mustered.watcher, mustered.door_path) == ({}, None, mustered.sensors)
    assert "watcher" not in crew.gate_settings(counter).required


def test_what_doors_do_by_themselves_is_told_of_those_that_there_are(path: Path) -> None:
    assert {row.door for row in door_table.rows(Lane(path, BOARDING).load(), DeadOutputs.KEPT)} == {"exit_door"}
    assert door_table.rows(Lane(path, BAG_DROP).load(), DeadOutputs.KEPT) == []


# ---------------------------------------------------------------- doors


def test_an_entry_that_leads_nowhere_is_refused(path: Path) -> None:
    keys = {each.key: each.problem for each in found(without(Lane(path, AIRLOCK), "door.exit_door"))}
    assert "[door.exit_door] alone, or no door" in keys["door.exit_door"]


def test_a_door_of_another_name_is_refused(path: Path) -> None:
    keys = {each.key for each in found(Lane(path, BOARDING).edit("[door.exit_door]", "[door.back_door]"))}
    assert "door.back_door" in keys


def test_an_airlock_needs_a_way_out_and_says_who_knows_it(path: Path) -> None:
    told = {each.key: each for each in found(without(Lane(path, AIRLOCK), "lane.way_out"))}
    assert not told["lane.way_out"].warning
    assert "nobody but the site knows" in told["lane.way_out"].problem


def test_an_entry_door_that_was_forgotten_is_noticed_by_its_way_out(path: Path) -> None:
    """What is left is a lane with one door, and it may be meant."""
    lane = without(Lane(path, AIRLOCK), "door.entry_door").edit("second_look = true", "second_look = false")
    [warning] = found(lane)
    assert (warning.key, warning.warning) == ("lane.way_out", True)
    assert "is [door.entry_door] missing?" in warning.problem
    assert lane.load().way_out("emergency") == (DoorId.EXIT,)
    assert lane.load().way_out("refusal") == ()


def test_nobody_is_held_where_nobody_can_be_shut_in(path: Path) -> None:
    [problem] = found(Lane(path, BOARDING).edit('on_refusal = "let_out"', 'on_refusal = "hold"'))
    assert (problem.key, "no entry door" in problem.problem) == ("lane.on_refusal", True)


def test_an_only_door_that_is_open_without_power_is_refused_unless_the_site_says_so(path: Path) -> None:
    [problem] = found(Lane(path, BOARDING).edit('unpowered = "secured"', 'unpowered = "released"'))
    assert problem.key == "door.exit_door.unpowered"
    assert "lane.way_out.power_loss is not there to name it" in problem.problem


# ---------------------------------------------------------------- sensors


@pytest.mark.parametrize(
    ("file", "keys"),
    [
        (AIRLOCK, ("zone_front", "zone_airlock", "zone_airlock_many", "fire", "call", "stop", "officer_evacuate")),
        (BOARDING, ("zone_airlock", "zone_airlock_many", "zone_behind", "fire", "stop", "officer_evacuate")),
        (BAG_DROP, ("zone_front",)),
    ],
)
def test_what_a_lane_of_that_shape_is_not_safe_without_must_be_wired(
    file: Path, keys: tuple[str, ...], path: Path
) -> None:
    for key in keys:
        lane = Lane(path, file)
        lane.text, cut = re.subn(rf"(?m)^{key} = .*\n", "", lane.text)
        assert cut == 1
        assert [each.key for each in found(lane)] == [f"sensors.lane.{key}"]


def test_a_lane_that_must_sense_something_has_sensors(path: Path) -> None:
    [problem] = found(without(Lane(path, BAG_DROP), "sensors.lane"))
    assert (problem.key, "[sensors.NAME] with zone_front" in problem.problem) == ("sensors", True)


# ---------------------------------------------------------------- what begins a passage


def test_a_procedure_that_begins_with_a_token_needs_a_reader(path: Path) -> None:
    [problem] = found(without(Lane(path, CHECK_IN), "reader.mrz"))
    assert problem.key == "reader"
    assert "begins with a token" in problem.problem


def test_a_procedure_that_begins_with_a_face_needs_the_camera_that_finds_it(path: Path) -> None:
    lane = Lane(path, BOARDING)
    lane.text = re.sub(r"(?m)^identify = .*\n", "", lane.text)
    assert [each.key for each in found(lane)] == ["vision.identify"]


def test_behind_a_door_that_closes_the_face_is_looked_at_again(path: Path) -> None:
    [problem] = found(Lane(path, AIRLOCK).edit("second_look = true", "second_look = false"))
    assert (problem.key, "somebody else" in problem.problem) == ("clearance.second_look", True)


def test_without_a_look_at_the_procedures_none_of_this_is_asked(path: Path) -> None:
    """The daemon loads a file that `gatefw check` has looked at."""
    assert config.check(CHECK_IN, hw.schema, env=ENV) == []
    assert Lane(path, BAG_DROP).check() == []
