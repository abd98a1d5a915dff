"""The `[world]` table of a config file: what is wired where, how fast things move."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gatefw.model import DoorId, Input
from hw.sim import lines
from hw.sim.lines import LineSettings

PINS, FRAMES, CONTROL = "pins.sock", "frames.sock", "world.sock"
"""The sockets of a world, in its directory."""

CAMERA_PLACES = ("inside", "front")
DOOR_OUTPUTS = ("release", "motor_open", "motor_close")
DOOR_CONTACTS = ("closed", "locked", "beam", "opened", "edge")
ZONES = ("zone_front", "zone_airlock", "zone_airlock_many", "zone_behind")
OUTPUTS = frozenset(
    {
        *(f"{door}.{line}" for door in DoorId for line in DOOR_OUTPUTS),
        "lamps.red",
        "lamps.amber",
        "lamps.green",
        "buzzer",
    }
)
INPUTS = frozenset({*(f"{door}.{line}" for door in DoorId for line in DOOR_CONTACTS), *ZONES, *Input})

_RANGES = {
    "travel_s": (0.05, 30.0),
    "lock_s": (0.0, 5.0),
    "walk_m_s": (0.1, 5.0),  # faster, and somebody would step over a light beam within one tick
    "hardware_limit_s": (0.1, 3600.0),
    "frames_per_s": (0.5, 60.0),
}


@dataclass(frozen=True, slots=True)
class ScannerSettings:
    """A code reader on a serial line: its symbol rate (bits per second, 8N1), and how it frames a code."""

    baud: int = 115200
    prefix: str = ""
    terminator: str = "\r"


@dataclass(frozen=True, slots=True)
class AuthoritySettings:
    """An authority: the seeds of its two keys, and the one lane that it answers, with that lane's public key (hex)."""

    signs: str
    seals: str
    lane: str
    key: str


@dataclass(frozen=True, slots=True)
class WorldSettings:
    """A simulated gate. `pins` maps the name of a line to its BCM number; a line that is absent is not wired."""

    travel_s: float = 0.8
    lock_s: float = 0.1
    walk_m_s: float = 1.4
    hardware_limit_s: float = 20.0
    frames_per_s: float = 10.0
    photos: str = ""
    doors: tuple[DoorId, ...] = (DoorId.ENTRY, DoorId.EXIT)
    """The doors there are: both, the exit door alone, or none."""
    escape: tuple[DoorId, ...] = (DoorId.ENTRY, DoorId.EXIT)
    """Doors whose locks lose their supply when the fire loop opens."""
    normally_closed: frozenset[str] = frozenset({Input.FIRE, Input.STOP})
    """Loops that are closed at rest: a broken wire there is an active input."""
    pins: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    cameras: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Cameras besides the one between the doors, and where each hangs; see `hw.sim.cameras`."""
    documents: tuple[str, ...] = ()
    """Readers of travel documents; see `hw.sim.passport_office`, which then issues documents."""
    authorities: Mapping[str, AuthoritySettings] = field(default_factory=lambda: MappingProxyType({}))
    """Authorities, each behind a socket `authority-NAME.sock`; see `hw.sim.authority`."""
    scanners: Mapping[str, ScannerSettings] = field(default_factory=lambda: MappingProxyType({}))
    lines: Mapping[str, LineSettings] = field(default_factory=lambda: MappingProxyType({}))


def motorised(settings: WorldSettings, door: DoorId) -> bool:
    """Whether this door's leaf is moved by two lines of the board, and by nothing else of its own."""
    return f"{door}.motor_open" in settings.pins


def load(path: Path) -> WorldSettings:
    """Read the `[world]` table of a TOML file. Raises ValueError naming file and key, OSError."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        if not isinstance(document.get("world"), dict):
            raise ValueError("there is no [world] table; the simulated gate is described there")
        return parse(document["world"])
    except ValueError as problem:
        raise ValueError(f"{path}: {problem}") from problem


def parse(table: Mapping[str, Any]) -> WorldSettings:
    """Settings from a `[world]` table. Raises ValueError naming the key; an unknown key is an error."""
    known = {each.name for each in fields(WorldSettings)}
    if unknown := sorted(table.keys() - known):
        raise ValueError(f"world.{unknown[0]}: unknown key; known are {', '.join(sorted(known))}")
    given: dict[str, Any] = dict(table)
    doors = given["doors"] = _doors(given.get("doors", list(DoorId)))
    for key in given.keys() & _RANGES.keys():
        given[key] = bounded(key, given[key])
    if "escape" in given:
        given["escape"] = tuple(DoorId(door) for door in given["escape"])
    if "normally_closed" in given:
        given["normally_closed"] = frozenset(Input(name) for name in given["normally_closed"])
    if "pins" in given:
        given["pins"] = _pins(given["pins"], doors)
    for name, place in given.get("cameras", {}).items():
        if place not in CAMERA_PLACES:
            raise ValueError(f"world.cameras.{name}: {place!r} is not one of {', '.join(CAMERA_PLACES)}")
    if "documents" in given:
        given["documents"] = tuple(str(name) for name in given["documents"])
    if "authorities" in given:
        given["authorities"] = {name: _authority(name, table) for name, table in given["authorities"].items()}
    if "scanners" in given:
        given["scanners"] = {name: _scanner(name, table) for name, table in given["scanners"].items()}
    if "lines" in given:
        given["lines"] = {name: lines.parse(name, table) for name, table in given["lines"].items()}
    return WorldSettings(**given)


def bounded(key: str, value: object) -> float:
    """The value of a numeric setting. Raises ValueError when it is no number, or out of its range."""
    low, high = _RANGES[key]
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"world.{key}: {value!r} is not a number from {low} to {high}")
    return float(value)


def _authority(name: str, table: Mapping[str, Any]) -> AuthoritySettings:
    try:
        authority = AuthoritySettings(**table)
    except TypeError as problem:
        raise ValueError(f"world.authorities.{name}: wanted are signs, seals, lane, key: {problem}") from problem
    for key in ("signs", "seals", "key"):
        if not re.fullmatch(r"[0-9a-f]{64}", str(getattr(authority, key))):
            raise ValueError(f"world.authorities.{name}.{key}: 64 hex digits are wanted")
    return authority


def _scanner(name: str, table: Mapping[str, Any]) -> ScannerSettings:
    try:
        scanner = ScannerSettings(**table)
    except TypeError as problem:
        raise ValueError(f"world.scanners.{name}: known are baud, prefix, terminator: {problem}") from problem
    if not isinstance(scanner.baud, int) or not 300 <= scanner.baud <= 4_000_000:
        raise ValueError(f"world.scanners.{name}.baud: {scanner.baud!r} is not a rate from 300 to 4000000")
    return scanner


def _doors(named: list[str]) -> tuple[DoorId, ...]:
    doors = tuple(door for door in DoorId if door in named)
    if len(doors) != len(named) or doors == (DoorId.ENTRY,):
        raise ValueError(f"world.doors: {named!r} is none of [entry_door, exit_door], [exit_door], []")
    return doors


def _pins(table: Mapping[str, Any], doors: tuple[DoorId, ...]) -> Mapping[str, int]:
    """Flatten `entry_door = {release = 17}` to `{"entry_door.release": 17}`; names known, numbers used once."""
    flat: dict[str, int] = {}
    for name, value in table.items():
        flat |= (
            {f"{name}.{line}": number for line, number in value.items()} if isinstance(value, dict) else {name: value}
        )
    wired: dict[int, str] = {}
    for name, number in flat.items():
        if (at := name.partition(".")[0]) in set(DoorId) and at not in doors:
            raise ValueError(f"world.pins.{name}: there is no {at}; world.doors names {', '.join(doors) or 'none'}")
        if name not in OUTPUTS | INPUTS:
            raise ValueError(f"world.pins.{name}: unknown line; known are {', '.join(sorted(OUTPUTS | INPUTS))}")
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= 53:
            raise ValueError(f"world.pins.{name}: {number!r} is not a BCM number from 0 to 53")
        if number in wired:
            raise ValueError(f"world.pins.{name}: pin {number} is already wired to {wired[number]}")
        wired[number] = name
    return flat
