"""What a lane file comes to, and how two differ: `gatefw config show` and `diff`."""

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
from test_config import ENV, FOLDER, SIMULATED, Lane

import hw
from gatefw import config, toml_document
from gatefw.cli import main
from gatefw.config_told import UNTOLD, Told, differences, lane_file, told

LANES = sorted((FOLDER / "lanes").glob("*.toml"))


@pytest.fixture
def lane(tmp_path: Path) -> Lane:
    return Lane(tmp_path / "lane.toml")


def of(lane: Lane) -> dict[str, Told]:
    return {each.key: each for each in told(lane.load(), toml_document.read(lane.path))}


def test_every_key_is_told_with_its_line_or_as_a_default(lane: Lane) -> None:
    keys = of(lane.edit("enter_s = 15.0", "enter_s = 12.5"))
    assert (keys["timers.enter_s"].value, keys["timers.enter_s"].line) == (12.5, lane.line("enter_s = 12.5"))
    assert (keys["tries.most"].value, keys["tries.most"].source) == (3, "default")
    assert keys["door.entry_door.driver"].value == "gpio"
    assert keys["door.entry_door.release"].value == 17
    assert keys["lane.way_out.refusal"].line == lane.line("[lane.way_out]") + 1


@pytest.mark.parametrize("path", [*LANES, SIMULATED], ids=lambda path: path.stem)
def test_what_is_shown_is_a_lane_file_that_comes_to_the_same(path: Path, tmp_path: Path) -> None:
    """Values, tables, rules and lists are written so that they are read again as they were."""
    first = config.load(path, hw.schema, ENV, reverse=False)
    shown = tmp_path / "shown.toml"
    shown.write_text("\n".join(lane_file(told(first, toml_document.read(path)))), encoding="utf-8")
    assert differences(first, config.load(shown, hw.schema, ENV)) == []


def test_the_other_way_of_a_reversible_lane_has_the_lines_that_say_so(lane: Lane) -> None:
    text = lane.text + '\n[reversed.port]\nplace = "north"\n'
    lane.path.write_text(text)
    other = config.load(lane.path, hw.schema, ENV, reverse=True)
    keys = {each.key: each for each in told(other, toml_document.read(lane.path))}
    assert keys["port.place"] == Told(("port", "place"), "north", text.count("\n"))


@dataclass(frozen=True)
class WithPassword:
    """A driver that is not ours."""

    host: str
    password: str = ""


def test_a_secret_that_a_driver_has_in_its_table_is_not_shown(lane: Lane) -> None:
    lane.text += '\n[reader.far]\ndriver = "far"\nhost = "10.0.0.7"\npassword = "swordfish"\n'
    lane.path.write_text(lane.text)

    def schema(role: str, how: str) -> type:
        return WithPassword if how == "far" else hw.schema(role, how)

    read = config.load(lane.path, schema, ENV)
    every = told(read, toml_document.read(lane.path))
    assert {each.key: each.value for each in every}["reader.far.password"] == UNTOLD
    assert "swordfish" not in "\n".join(lane_file(every))
    assert "10.0.0.7" in "\n".join(lane_file(every))


def test_two_files_differ_by_what_they_say_and_not_how(lane: Lane, tmp_path: Path) -> None:
    before = lane.load()
    other = Lane(tmp_path / "other.toml").edit("enter_s = 15.0", "enter_s=15  # as ever")
    other.text = "# another comment\n" + other.text + "\n[tries]\nmost = 3\n"
    assert differences(before, other.load()) == []


def test_of_each_change_it_is_said_when_it_counts(lane: Lane, tmp_path: Path) -> None:
    before = lane.load()
    other = Lane(tmp_path / "other.toml").edit("release = 17", "release = 8")
    other.text += "\n[tries]\nmost = 7\n"
    changes = {each.key: each for each in differences(before, other.load())}
    assert (changes["tries.most"].old, changes["tries.most"].new, changes["tries.most"].reloads) == (3, 7, True)
    assert (changes["door.entry_door.release"].new, changes["door.entry_door.release"].reloads) == (8, False)
    assert len(changes) == 2


def test_a_device_that_is_there_in_one_of_them_alone_is_told_key_by_key(lane: Lane, tmp_path: Path) -> None:
    before = lane.load()
    other = Lane(tmp_path / "other.toml")
    other.text += '\n[reader.second]\ndriver = "serial"\nlink = "serial:/dev/x?baud=9600"\n'
    changes = {each.key: each for each in differences(before, other.load())}
    assert (changes["reader.second.link"].old, changes["reader.second.link"].reloads) == (None, False)


# ---------------------------------------------------------------- on the command line


def test_show_is_for_people_and_for_machines(lane: Lane, capsys: pytest.CaptureFixture[str]) -> None:
    lane.load()
    assert main(["config", "show", str(lane.path)]) == 0
    assert tomllib.loads(capsys.readouterr().out)["timers"]["enter_s"] == 15.0
    assert main(["config", "show", str(lane.path), "--json"]) == 0
    [enter] = [each for each in json.loads(capsys.readouterr().out) if each["key"] == "timers.enter_s"]
    assert enter == {"key": "timers.enter_s", "value": 15.0, "line": lane.line("enter_s = ")}


def test_diff_says_no_when_they_differ(lane: Lane, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = Lane(tmp_path / "other.toml").edit("check_s = 10.0", "check_s = 4.0")
    lane.load(), other.load()
    assert main(["config", "diff", str(lane.path), str(lane.path)]) == 0
    assert main(["config", "diff", str(lane.path), str(other.path)]) == 1
    told = "timers.check_s: 10.0 -> 4.0  (after a reload, once the lane is empty)\n1 key differs\n"
    assert capsys.readouterr().out.endswith(told)
    assert main(["config", "diff", str(lane.path), str(other.path), "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == [{"key": "timers.check_s", "old": 10.0, "new": 4.0, "reloads": True}]


@pytest.mark.parametrize("verb", [["show"], ["migrate"], ["diff", str(SIMULATED)]])
def test_a_file_that_cannot_be_read_is_named_with_its_line(
    verb: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "lane.toml"
    broken.write_text("[lane\n")
    assert main(["config", *verb, str(broken)]) == 2
    assert f"{broken}:1: is not TOML" in capsys.readouterr().err
