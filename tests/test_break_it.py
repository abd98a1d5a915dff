"""The ways to break a gate: what there is, and one of them played; `make break-it` plays them all."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from break_it.broken import Came, broken, told, wanted
from break_it.ways import WAYS

from gatefw.doctor import pages

SILENT = (
    "NO/NC swapped",
    "beam stuck clear",
    "zones swapped",
    "relay welded",
    "RS-485 A/B swapped",
    "camera out of focus",
    "wrong key",
    "clock off",
    "pin persistence on",
    "door contacts crossed",
)


def test_there_are_twenty_five_ways_and_those_that_nothing_reports_are_among_them() -> None:
    assert len({way.name for way in WAYS}) == len(WAYS) == 25
    for wanted_one in SILENT:
        assert any(wanted_one in way.name for way in WAYS), wanted_one


def test_every_way_ends_in_a_code_that_has_a_page() -> None:
    assert {way.code for way in WAYS} <= set(pages.titles())


def test_the_last_line_counts_how_many_were_broken_and_how_many_were_named() -> None:
    came = [Came("one", True, "G0501 error", True, 1.0), Came("two", False, "healthy", False, 1.0)]
    assert json.loads(told(came)) == {"broken": 2, "named": 1}


@pytest.mark.real
@pytest.mark.models
def test_a_gate_whose_wire_is_on_the_wrong_side_of_a_contact_is_named_by_the_real_doctor(
    models: Path, photos: Path
) -> None:
    """The lane never comes into service, and no device has an error; the first line says which wire to move."""
    (way,) = wanted(["closed contact"])
    came = broken(way, models, photos)
    assert came.named, came.first
    assert came.silent


@pytest.mark.parametrize("runner", ["break_it/run", "systems/run", "kernel/run", "trust/kills", "trust/storm"])
def test_a_runner_that_is_started_outside_of_its_environment_says_where_that_is(runner: str) -> None:
    """By its first line, with a Python that has nothing of what gatefw wants."""
    tests = Path(__file__).parent
    bare = [str(Path(sys.executable).resolve()), "-S", str(tests / runner), "--help"]
    done = subprocess.run(bare, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"})
    assert done.returncode == 2
    assert f".venv/bin/python tests/{runner}" in done.stderr
    assert "Traceback" not in done.stderr
