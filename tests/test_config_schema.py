"""JSON Schema of lane files: made from the types, takes every lane file of ours, refuses what `check` refuses."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from test_config import FOLDER

import hw
from gatefw.cli import main
from gatefw.config_schema import json_schema

FILE = FOLDER / "gatefw.schema.json"
SCHEMA = json_schema(hw.schema, hw.drivers())
LANES = [*sorted((FOLDER / "lanes").glob("*.toml")), FOLDER / "sim.toml", FOLDER / "reference.toml"]
Break = Callable[[dict[str, Any]], object]


def problems(document: dict[str, Any]) -> list[jsonschema.ValidationError]:
    return list(jsonschema.Draft202012Validator(SCHEMA).iter_errors(document))


def lane() -> dict[str, Any]:
    return tomllib.loads((FOLDER / "lanes" / "contactless-e-channel.toml").read_text(encoding="utf-8"))


def test_the_file_is_the_schema_of_today(capsys: pytest.CaptureFixture[str]) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert json.loads(FILE.read_text(encoding="utf-8")) == json.loads(json.dumps(SCHEMA)), (
        "run `gatefw config schema > config/gatefw.schema.json`"
    )
    assert main(["config", "schema"]) == 0
    assert capsys.readouterr().out == FILE.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", LANES, ids=lambda path: path.stem)
def test_every_lane_file_of_ours_is_taken(path: Path) -> None:
    assert problems(tomllib.loads(path.read_text(encoding="utf-8"))) == []


BROKEN: dict[str, Break] = {
    "a key nobody knows": lambda lane: lane["timers"].update(scan_sec=2.0),
    "another unit": lambda lane: lane["timers"].update(scan_ms=2000),
    "a number as a text": lambda lane: lane["timers"].update(scan_s="2.0"),
    "out of bounds": lambda lane: lane["timers"].update(scan_s=61.0),
    "a word that there is not": lambda lane: lane["lane"].update(on_refusal="shout"),
    "a name with a blank": lambda lane: lane["lane"].update(name="two words"),
    "a required key": lambda lane: lane["lane"].pop("procedure"),
    "a required table": lambda lane: lane.pop("vision"),
    "a table nobody knows": lambda lane: lane.update(timer={}),
    "a driver that there is not": lambda lane: lane["door"]["entry_door"].update(driver="gpoi"),
    "a device without a driver": lambda lane: lane["door"]["entry_door"].pop("driver"),
    "a driver's key nobody knows": lambda lane: lane["door"]["entry_door"].update(relase=17),
    "a driver's required key": lambda lane: lane["door"]["entry_door"].pop("release"),
    "a pin that there is not": lambda lane: lane["door"]["entry_door"].update(release=54),
    "a way out by the window": lambda lane: lane["lane"]["way_out"].update(fault="window"),
    "a rule for no reason": lambda lane: lane["rule"].append({"name": "x", "fact": "born"}),
    "an empty list": lambda lane: lane["rule"].append(
        {"name": "x", "fact": "born", "reason": "under_age", "one_of": []}
    ),
    "an issuer without a key": lambda lane: lane.setdefault("tokens", {}).update(issuers={"xyz": "00"}),
    "a misspelt key the other way": lambda lane: lane.update(reversed={"port": {"plaice": "north"}}),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_check_refuses_of_one_table_is_refused(name: str) -> None:
    broken = lane()
    broken.setdefault("rule", [])
    assert problems(broken) == []
    BROKEN[name](broken)
    assert problems(broken)


def test_the_other_way_says_only_what_is_different() -> None:
    document = lane()
    document["reversed"] = {"port": {"direction": "departure"}, "door": {"entry_door": {"release": 8}}}
    assert problems(document) == []


def test_an_editor_is_told_units_bounds_and_defaults() -> None:
    enter = SCHEMA["properties"]["timers"]["properties"]["enter_s"]
    assert enter == {
        "type": "number",
        "minimum": 1.0,
        "maximum": 300.0,
        "description": "a number of seconds from 1 to 300",
        "default": 15.0,
    }
