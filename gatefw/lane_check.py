"""A lane file examined whole, as `gatefw check` and `gatefw doctor` show it: its text, its doors, what drivers lack.

Reads files alone: no device is opened and nothing moves.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import hw
from gatefw import clearance, config, config_tables, csca_store, door_table, toml_document
from gatefw.biometrics import card, evaluation
from gatefw.biometrics.threshold import require_held
from gatefw.config import Config, Finding
from gatefw.door_table import Row
from gatefw.state import state_dir
from gatefw.wall_time import wall_clock
from hw.gpio.persistence import dead_outputs
from hw.link import link_problem


@dataclass(frozen=True, slots=True)
class Examined:
    """What is wrong, in the order of looking; `lane` and `doors`, what each does when left alone, if nothing is."""

    findings: tuple[Finding, ...]
    lane: Config | None
    doors: tuple[Row, ...]

    @property
    def errors(self) -> int:
        return sum(not found.warning for found in self.findings)


def examine(
    path: Path, env: Mapping[str, str] = os.environ, sysfs: Path = Path("/sys"), models: Path | None = None
) -> Examined:
    """Every problem of the lane file at `path` on this machine.

    `sysfs`: where its kernel tells of itself. `models`: where vision has them, None for the state directory's.
    """
    models = models or state_dir(env) / "models"
    findings = config.check(
        path,
        hw.schema,
        procedure=clearance.face_follows,
        presence=lambda name: clearance.beginning(name) is clearance.Beginning.PRESENCE,
        asked=clearance.asked,
        model=lambda name: card.installed(models, name),
        csca=_store,
        pad=lambda name: evaluation.required(models, name),
        holds=lambda name, size: require_held(models, name, size.most, size.fpir, size.fnir, size.frames),
        env=env,
    )
    if any(not found.warning for found in findings):
        return Examined(tuple(findings), None, ())
    lane, lines = config.load(path, hw.schema, env), toml_document.read(path)
    outputs = dead_outputs(lane.gpio.factory if lane.gpio else "", sysfs)
    findings += [
        Finding(str(path), lines.line(each.place), ".".join(each.place), each.problem, each.warning)
        for each in door_table.objections(lane, outputs)
    ]
    doors = tuple(door_table.rows(lane, outputs))
    if not any(not found.warning for found in findings):
        findings += _devices(lane)
    return Examined(tuple(findings), lane, doors)


def _devices(lane: Config) -> list[Finding]:
    """Links that mean nothing; and as warnings what drivers will want of this machine: the gate's own may have it."""
    path, lines, found = lane.file, toml_document.read(lane.file), []
    owners: dict[str, config_tables.Device] = {}
    for device in lane.devices:
        place = (device.role, device.name)
        if problem := _link_problem(device, owners):
            found.append(Finding(str(path), lines.line((*place, "link")), f"{device.label}.link", problem))
        lacks = getattr(hw.load(device.role, device.driver), "lacks", _nothing)
        found += [
            Finding(str(path), lines.line(place), device.label, problem, True) for problem in lacks(device.settings)
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


def _store(directory: str) -> list[tuple[str, bool]]:
    _, problems = csca_store.read(Path(directory), wall_clock().utc)
    return [(str(each), each.warning) for each in problems]
