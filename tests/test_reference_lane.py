"""config/reference.toml names all that a lane file may hold, and holds together."""

import dataclasses
import re
import tomllib
import typing
from pathlib import Path
from typing import Any

import pytest

import hw
from gatefw import clearance, config, config_reference, door_table
from gatefw.cli import main
from gatefw.config_tables import ROLES, SECTIONS
from gatefw.ports import DeadOutputs

FILE = Path(__file__).resolve().parents[1] / "config" / "reference.toml"
AS_IT_STANDS = FILE.read_text(encoding="utf-8")
ENV = {"GATEFW_STATE": "/var/lib/gatefw", "GATEFW_RUN": "/run/gatefw"}


def with_the_alternative() -> str:
    """The lane with sensors on Modbus and documents behind a socket: tables after `#: ` in place of their namesakes."""
    other = AS_IT_STANDS
    for table in re.findall(r"(?m)^#: (\[.+?\])", AS_IT_STANDS):
        other = re.sub(rf"(?sm)^{re.escape(table)}.*?(?=\n(#: )?\[)", "", other, count=1)
    return re.sub(r"(?m)^#: ", "", other)


LANES = {"as it stands": AS_IT_STANDS, "with the alternative": with_the_alternative()}


@pytest.fixture(params=LANES)
def lane(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "lane.toml"
    path.write_text(LANES[request.param])
    return path


def shown(role: str, driver: str) -> list[dict[str, Any]]:
    """Every table of this driver."""
    tables = [tomllib.loads(text).get(role, {}) for text in LANES.values()]
    return [table for named in tables for table in named.values() if table["driver"] == driver]


def test_check_accepts_it_and_has_no_warning(lane: Path) -> None:
    assert config.check(lane, hw.schema, procedure=clearance.face_follows, env=ENV) == []
    for outputs in DeadOutputs:
        assert door_table.objections(config.load(lane, hw.schema, ENV), outputs) == []


@pytest.mark.parametrize("section", SECTIONS)
def test_it_shows_every_key_of_every_section(section: str) -> None:
    table = tomllib.loads(AS_IT_STANDS)[section]
    assert {field.name for field in dataclasses.fields(SECTIONS[section])} == set(table)
    if section == "lane":
        assert set(table["way_out"]) == {"refusal", "fault", "power_loss", "emergency", "external_egress"}


@pytest.mark.parametrize(("role", "driver"), hw.drivers(), ids="_".join)
def test_it_shows_every_setting_of_every_driver(role: str, driver: str) -> None:
    tables = shown(role, driver)
    assert tables, f"no [{role}.NAME] with driver = {driver!r}"
    for table in tables:
        assert {field.name for field in dataclasses.fields(hw.schema(role, driver))} == set(table) - {"driver"}


# What a site has to say though there is a default: one that it must not keep, or that says "none".
SAID = {("door", "motor_stopped_by"), ("vision", "codes"), ("documents", "csca"), ("tokens", "issuers")}
NONE = (None, "", dataclasses.MISSING)


def kinds() -> list[tuple[str, type, dict[str, Any]]]:
    sections = tomllib.loads(AS_IT_STANDS)
    found = [(name, kind, sections[name]) for name, kind in SECTIONS.items()]
    for role, driver in hw.drivers():
        found += [(role, hw.schema(role, driver), table) for table in shown(role, driver)]
    return found


def test_what_has_a_default_is_shown_with_it() -> None:
    other = [
        f"{name}.{field.name} = {table[field.name]!r}, the default is {field.default!r}"
        for name, kind, table in kinds()
        for field in dataclasses.fields(kind)
        if field.default not in NONE and (name, field.name) not in SAID and table[field.name] != field.default
    ]
    assert other == []


def test_units_bounds_and_defaults_are_those_of_the_types() -> None:
    assert config_reference.annotated(AS_IT_STANDS, hw.schema) == AS_IT_STANDS, (
        "run `gatefw config reference --write config/reference.toml`"
    )


def test_a_reference_that_fell_behind_is_brought_up_to_date() -> None:
    """A bound that changed, a key that is new, and one that nobody reads any more; what people wrote stays."""
    behind = AS_IT_STANDS.replace("[1..300 s] until somebody steps in", "[1..9 s] until somebody steps in")
    behind = re.sub(r"(?m)^hold_s = .*\n", "gone_s = 1.0   # [0..1 s] of old\n", behind, count=1)
    again = config_reference.annotated(behind, hw.schema)
    assert "gone_s" not in again
    assert tomllib.loads(again) == tomllib.loads(AS_IT_STANDS)
    assert "[1..300 s] until somebody steps in" in again


def test_the_list_of_all_keys_needs_no_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "reference", "timers", "door.gpio"]) == 0
    said = capsys.readouterr().out
    assert "scan_s = 1.0                 # [0.1..60 s]\n" in said
    assert '[door.NAME]\ndriver = "gpio"\n# release =                  # [pin 0..53; required]\n' in said
    assert "[face]" not in said
    assert main(["config", "reference", "timers.verify_s"]) == 0
    assert capsys.readouterr().out == "[timers]\nverify_s = 20.0              # [1..300 s]\n\n"
    assert main(["config", "reference"]) == 0
    everything = capsys.readouterr().out
    assert all(f'driver = "{how}"' in everything for _, how in hw.drivers())
    assert main(["config", "reference", "timrs"]) == 2
    assert "did you mean timers?" in capsys.readouterr().err
    assert main(["config", "reference", "--write", "nowhere.toml"]) == 2
    assert "`gatefw config reference > nowhere.toml` makes one" in capsys.readouterr().err


def test_no_role_is_left_out() -> None:
    assert {role for role, _ in hw.drivers()} == set(ROLES) == set(typing.cast(Any, hw.ROLES))
    assert set(ROLES) <= set(tomllib.loads(AS_IT_STANDS))
