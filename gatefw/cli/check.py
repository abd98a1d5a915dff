"""gatefw check: what is wrong in a lane file, and where. Opens no device and moves nothing."""

import argparse
import dataclasses
import json
import math
import os
from pathlib import Path
from typing import Any

import hw
from gatefw import clearance, config, config_tables, csca_store, door_table, toml_document
from gatefw.biometrics import card, evaluation
from gatefw.biometrics.threshold import require_held
from gatefw.door_table import Row
from gatefw.events import wall_clock
from gatefw.state import state_dir
from hw.gpio.persistence import dead_outputs
from hw.link import link_problem

DESCRIPTION = """\
Reads a lane file as the daemon would and names every problem by file, line and key: misspelt keys (in drivers' tables
too), wrong units, values out of bounds, pins used twice, links that mean nothing, missing models, bad CSCA
certificates, and doors that would shut somebody in or open the border. Then it shows what every door does when nobody
commands it: without power, at boot, after an end, a crash and a hang. Works on any machine, best on the gate's own
board, whose kernel it asks what becomes of the outputs of a dead process, and where it warns of each library and key
file that a driver wants and this machine lacks; no hardware is touched.

example:
  gatefw check config/lanes/contactless-e-channel.toml
  gatefw check config/sim.toml --json

Exit status: 0 when the lane can start (warnings may stand), 1 when it cannot.
"""


def add_parser(subparsers: Any) -> None:
    """Add `check`."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "check",
        help="say what is wrong in a lane file",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, help="the lane file")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    models = state_dir(os.environ) / "models"
    findings = config.check(
        arguments.file,
        hw.schema,
        procedure=clearance.face_follows,
        presence=lambda name: clearance.beginning(name) is clearance.Beginning.PRESENCE,
        asked=clearance.asked,
        model=lambda name: card.installed(models, name),
        csca=_store,
        pad=lambda name: evaluation.required(models, name),
        holds=lambda name, size: require_held(models, name, size.most, size.fpir, size.fnir, size.frames),
    )
    doors, objections = _doors(arguments.file, findings)
    findings += objections + _devices(arguments.file, findings)
    errors = sum(not found.warning for found in findings)
    if arguments.json:
        told = [dataclasses.asdict(found) for found in findings]
        print(json.dumps({"findings": told, "doors": [_plain(row) for row in doors]}, indent=2))
        return 1 if errors else 0
    for found in findings:
        print(found)
    _print_doors(doors)
    warnings = len(findings) - errors
    print(f"{arguments.file}: {_count(errors, 'problem')}, {_count(warnings, 'warning')}")
    return 1 if errors else 0


def _doors(path: Path, findings: list[config.Finding]) -> tuple[list[Row], list[config.Finding]]:
    """What the doors do when they are left alone, and what is wrong with it; nothing for a file that cannot be read."""
    if any(not found.warning for found in findings):
        return [], []
    lane, lines = config.load(path, hw.schema), toml_document.read(path)
    outputs = dead_outputs(lane.gpio.factory if lane.gpio else "")
    objections = [
        config.Finding(str(path), lines.line(each.place), ".".join(each.place), each.problem, each.warning)
        for each in door_table.objections(lane, outputs)
    ]
    return door_table.rows(lane, outputs), objections


def _devices(path: Path, findings: list[config.Finding]) -> list[config.Finding]:
    """Links that mean nothing; and as warnings what drivers will want of this machine: the gate's own may have it."""
    if any(not found.warning for found in findings):
        return []
    lines, found = toml_document.read(path), []
    owners: dict[str, config_tables.Device] = {}
    for device in config.load(path, hw.schema).devices:
        place = (device.role, device.name)
        if problem := _link_problem(device, owners):
            found.append(config.Finding(str(path), lines.line((*place, "link")), f"{device.label}.link", problem))
        lacks = getattr(hw.load(device.role, device.driver), "lacks", _nothing)
        found += [
            config.Finding(str(path), lines.line(place), device.label, problem, True)
            for problem in lacks(device.settings)
        ]
    return found


def _link_problem(device: config_tables.Device, owners: dict[str, config_tables.Device]) -> str:
    """A link is one device's alone, but for the units of a field bus."""
    link = getattr(device.settings, "link", None)
    if link is None:
        return ""
    owner = owners.setdefault(link.partition("?")[0], device)
    shared = hasattr(device.settings, "unit") and hasattr(owner.settings, "unit")
    return link_problem(link) or (
        "" if owner is device or shared else f"is {owner.label}'s already; a link has one device"
    )


def _nothing(_settings: object) -> list[str]:
    return []


def _plain(row: Row) -> dict[str, object]:
    lasts_s = None if math.isinf(row.alone.lasts_s) else row.alone.lasts_s
    return {
        "door": row.door,
        "when": row.plight,
        "state": row.alone.state,
        "lasts_s": lasts_s,
        "why": row.alone.because,
    }


def _print_doors(doors: list[Row]) -> None:
    """A release under way may last so many seconds more; the door is then as the table says."""
    if doors:
        print(f"{'door':<12}{'when':<12}{'it is':<11}{'after s':>8}  because")
    for row in doors:
        lasts = "never" if math.isinf(row.alone.lasts_s) else f"{row.alone.lasts_s:g}"
        print(f"{row.door:<12}{row.plight:<12}{row.alone.state:<11}{lasts:>8}  {row.alone.because}")


def _store(directory: str) -> list[tuple[str, bool]]:
    _, problems = csca_store.read(Path(directory), wall_clock().utc)
    return [(str(each), each.warning) for each in problems]


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
