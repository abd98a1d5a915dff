"""What a screen is told of its lane beforehand: what begins a passage, and the door behind people while it is dead."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import hw
from gatefw.config import Config
from gatefw.config import load as read
from gatefw.crew import gate_settings
from gatefw.display_lane import about, behind, spoken
from gatefw.ports import Alone, LeftAlone, Plight
from gatefw.screen.lane import Lane

LANES = sorted((Path(__file__).parents[1] / "config" / "lanes").glob("*.toml"))


def lane(name: str) -> Config:
    [file] = [each for each in LANES if each.stem == name]
    return read(file, hw.schema, {"HOME": "/nowhere"})


def test_every_lane_says_something_that_a_screen_understands() -> None:
    for file in LANES:
        config = lane(file.stem)
        assert Lane.heard(about(config, gate_settings(config).begins)) is not None


@pytest.mark.parametrize(
    ("name", "begins", "door"),
    [
        ("e-channel", ("card",), "shut"),
        ("contactless-e-channel", ("code",), "shut"),
        ("smart-departure", ("document",), "shut"),
        ("document-free", ("presence",), "shut"),
        ("flight-token-boarding", ("presence",), "none"),
        ("flight-token-check-in", ("document",), "none"),
    ],
)
def test_what_a_lane_takes_is_what_it_has_readers_for(name: str, begins: tuple[str, ...], door: str) -> None:
    config = lane(name)
    told = Lane.heard(about(config, gate_settings(config).begins))
    assert told is not None and (told.begins, told.behind) == (begins, door)


@dataclass(frozen=True)
class OpensAlone:
    """A door that its hardware opens when nobody repeats an order; with `hangs`, not while a process only hangs."""

    hangs: bool = False
    covered_by: str = ""

    def left_alone(self, _around: Alone) -> dict[Plight, LeftAlone]:
        shut = {Plight.ON_HANG} if self.hangs else set()
        return {each: LeftAlone("secured" if each in shut else "released", 0.0, "its controller") for each in Plight}


@pytest.mark.parametrize(("door", "said"), [(OpensAlone(), "open"), (OpensAlone(hangs=True), "shut")])
def test_a_door_is_open_to_a_dead_lane_only_if_it_opens_however_the_lane_died(door: OpensAlone, said: str) -> None:
    """No driver of ours does: a line that is let go locks, and what cuts the supply of the locks tells nobody."""
    config = lane("e-channel")
    devices = tuple(replace(each, settings=door) if each.name == "entry_door" else each for each in config.devices)
    assert behind(replace(config, devices=devices)) == said


def test_nationalities_are_asked_for_only_where_the_lane_file_says_so() -> None:
    config = lane("e-channel")
    assert spoken(config) == {}
    assert spoken(replace(config, screen=replace(config.screen, by_nationality="first")))["CHN"] == "zh_Hans"
