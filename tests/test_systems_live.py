"""One of the lanes that know their people by their face, live; `tests/systems/run` plays every lane file."""

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from systems.live import LANES, play
from systems.played import SYSTEMS
from systems.simulated import simulated, written

from hw.sim.settings import parse


@pytest.mark.real
@pytest.mark.models
def test_a_traveller_passes_without_a_document_and_a_stranger_does_not(
    models: Path, photos: Path, tmp_path: Path
) -> None:
    """Somebody registered stands in front, says yes, lays down the finger and passes. A stranger is not let in."""
    system = next(each for each in SYSTEMS if each.lane == "document-free")
    visits = tuple(each for each in system.visits if each.name in ("passes", "a stranger"))
    came = list(play(replace(system, visits=visits), models, photos, tmp_path))
    assert [(each.visit, each.outcome, each.reason, each.wrong) for each in came] == [
        ("in service", "", "", ""),
        ("passes", "passed", "ok", ""),
        ("a stranger", "not_admitted", "not_identified", ""),
        ("tells nothing", "", "", ""),
    ]


def test_every_lane_file_is_played() -> None:
    assert sorted({each.lane for each in SYSTEMS}) == sorted(path.stem for path in LANES.glob("*.toml"))


@pytest.mark.parametrize("lane", sorted({each.lane for each in SYSTEMS}))
def test_a_lane_is_simulated_with_its_own_rules_times_and_pins(lane: str) -> None:
    file = tomllib.loads((LANES / f"{lane}.toml").read_text(encoding="utf-8"))
    played = tomllib.loads(simulated(LANES / f"{lane}.toml"))
    for section in ("timers", "clearance", "face", "gallery", "rule"):
        assert played.get(section) == file.get(section)
    for name, door in file.get("door", {}).items():
        assert played["door"][name] == door
    world = parse(played["world"])
    assert [str(door) for door in world.doors] == sorted(file.get("door", {}))
    assert set(world.cameras) == set(file["camera"])
    assert tomllib.loads(written(played)) == played
