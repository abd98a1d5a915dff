"""Time-outs stand behind what a procedure may ask before anybody is inside, and only tokens are read ahead."""

from pathlib import Path
from typing import Any

import pytest
from test_config import ENV, FOLDER

import hw
from gatefw import clearance, config, config_rules
from gatefw.clearance import Beginning
from gatefw.config import Finding
from gatefw.config_tables import Clearance, Face, GallerySize, Timers

LANES = sorted((FOLDER / "lanes").glob("*.toml"))


def check(file: Path) -> list[Finding]:
    lookups: dict[str, Any] = {
        "procedure": clearance.face_follows,
        "presence": lambda name: clearance.beginning(name) is Beginning.PRESENCE,
        "asked": clearance.asked,
    }
    return config.check(file, hw.schema, env=ENV, **lookups)


def edited(tmp_path: Path, lane: str, old: str, new: str) -> Path:
    text = (FOLDER / "lanes" / f"{lane}.toml").read_text()
    assert old in text
    file = tmp_path / "lane.toml"
    file.write_text(text.replace(old, new, 1))
    return file


@pytest.mark.parametrize("file", LANES, ids=lambda file: file.stem)
def test_the_lanes_of_the_project_leave_time_for_all_that_is_asked_in_front(file: Path) -> None:
    assert [
        found for found in check(file) if found.key in ("timers.check_s", "timers.verify_s", "lane.pipelining")
    ] == []


@pytest.mark.parametrize(
    ("lane", "given", "says"),
    [
        ("document-free", "30.0", "clearance.identify_s (6) + clearance.confirm_s (15)"),
        ("smart-departure", "20.0", "clearance.document_s (15)"),
        ("flight-token-check-in", "40.0", "clearance.document_s (15) + face.deadline_s"),
        ("hetao", "12.0", "clearance.identify_s (6)"),
    ],
)
def test_a_time_out_that_comes_before_what_it_stands_behind_is_named_with_its_parts(
    tmp_path: Path, lane: str, given: str, says: str
) -> None:
    found = [each for each in check(edited(tmp_path, lane, f"check_s = {given}", "check_s = 6.0")) if not each.warning]
    assert [each.key for each in found] == ["timers.check_s"]
    assert says in found[0].problem
    assert found[0].line


@pytest.mark.parametrize("lane", ["document-free", "e-channel"])
def test_the_time_inside_stands_behind_the_face_and_every_try_of_a_finger(tmp_path: Path, lane: str) -> None:
    """Else whoever needs their last try is told that the lane's time is over, with the finger on the glass."""
    found = [each for each in check(edited(tmp_path, lane, "verify_s = 40.0", "verify_s = 32.0")) if not each.warning]
    assert [each.key for each in found] == ["timers.verify_s"]
    assert "clearance.finger_tries = 3 times clearance.finger_s (24)" in found[0].problem


def test_a_lane_that_looks_for_faces_in_front_reads_no_token_ahead(tmp_path: Path) -> None:
    file = edited(tmp_path, "document-free", "again_s =", "pipelining = true\nagain_s =")
    assert [each.key for each in check(file) if not each.warning] == ["lane.pipelining"]


def test_a_procedure_that_asks_for_no_more_than_a_look_up_needs_no_such_time() -> None:
    assert clearance.asked("contactless")[0] == ()


def test_the_authorities_take_their_time_where_a_lane_has_some() -> None:
    told: list[str] = []
    sections = {"timers": Timers(check_s=8.0), "clearance": Clearance(), "face": Face(), "gallery": GallerySize()}
    for authorities in (False, True):
        config_rules.asked(
            (("identify_s",), (), ()), sections, authorities, lambda _place, problem: told.append(problem)
        )
    assert told == ["is 8; it stands behind clearance.identify_s (6) + clearance.authority_s (2), one after the other"]
