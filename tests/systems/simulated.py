"""A lane file as it stands, on simulated hardware: its rules, times and pins stay, what hangs on them is played.

`simulated` reads one of config/lanes and writes the same lane with links into the world's directory, and a [world] that
is wired as the lane file says. What a site has to do before (a key for a reader, a password for a sensor) is left out.
"""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from gatefw.reversal import one_way

Table = dict[str, Any]
PINS = ("release", "closed", "locked", "beam")
CARD_KEY = "30313233343536373839414243444546"
AUTHORITY_KEY = bytes(range(32))
"""The lane's own, by which authorities know it."""


def simulated(lane_file: Path, people: str = "", reverse: bool = False) -> str:
    """The text of the simulated lane. `people`: a directory that several lanes share, "" for the lane's own state.

    `reverse`: the world is wired for the lane the other way round, so that people come from its other end.
    """
    lane = tomllib.loads(lane_file.read_text(encoding="utf-8"))
    doors = sorted(lane.get("door", {}))
    world: Table = {"travel_s": 0.4, "walk_m_s": 1.8, "doors": doors, "pins": _pins(one_way(lane, reverse))}
    lane.get("reversed", {}).pop("camera", None)  # the world's cameras look at whoever comes, from either end
    lane["lane"]["simulated"] = True
    lane["gpio"]["factory"] = "socket:${RUN}/pins.sock"
    lane["vision"]["start"] = "child"
    lane.setdefault("people", {})["directory"] = people
    _unsynchronised(lane)
    _cameras(lane, world)
    _lines(lane, world)
    _documents(lane, world)
    _authorities(lane, world)
    return written({**lane, "world": world})


def _pins(lane: Table) -> Table:
    """The world's wiring: the lane's own numbers."""
    pins: Table = {name: {line: door[line] for line in PINS} for name, door in lane.get("door", {}).items()}
    for sensors in lane.get("sensors", {}).values():
        pins |= {name: pin for name, pin in sensors.items() if isinstance(pin, int) and not isinstance(pin, bool)}
    for lamps in lane.get("indicator", {}).values():
        pins["lamps"] = {name: lamps[name] for name in ("red", "amber", "green")}
    return pins


def _unsynchronised(lane: Table) -> None:
    """Nobody vouches for the clock of a test machine; the rule about that is tested where clocks are virtual."""
    for section in ("port", "tokens", "documents"):
        if section in lane:
            lane[section]["require_synchronised"] = False


def _cameras(lane: Table, world: Table) -> None:
    """The identifying camera hangs in front, every other one sees who stands before the exit."""
    world["cameras"] = {}
    identifies = lane["vision"].get("identify", "")
    for name in lane["camera"]:
        world["cameras"][name] = "front" if name == identifies else "inside"
        lane["camera"][name] = {"driver": "socket", "path": f"${{RUN}}/frames-{name}.sock"}


def _lines(lane: Table, world: Table) -> None:
    lines: Table = {}
    for name, reader in lane.get("reader", {}).items():
        device, baud = {"serial": ("", 115200), "osdp": ("osdp_reader", 38400), "mrz_serial": ("mrz_reader", 9600)}[
            reader["driver"]
        ]
        reader["link"] = f"serial:${{RUN}}/tty-{name}?baud={baud}"
        if device:
            lines[name] = {"device": device, "baud": baud}
        else:
            world["scanners"] = {name: {"baud": baud, "prefix": "]Q1"}}
        if device == "osdp_reader":
            reader |= {"key_file": "${RUN}/card.key", "silent_s": 5.0}
            lines[name]["key"] = CARD_KEY
    for sensor in lane.get("finger", {}).values():
        sensor |= {"link": "serial:${RUN}/tty-finger?baud=57600", "password_file": "", "reply_s": 4.0}
        lines["finger"] = {"device": "finger_r30x", "baud": 57600}
    world["lines"] = lines


def _documents(lane: Table, world: Table) -> None:
    for name in lane.get("document", {}):
        lane["document"][name] = {"driver": "socket", "path": "${RUN}/chip-document.sock"}
        lane["documents"]["csca"] = "${RUN}/csca"
        world["documents"] = ["document"]


def _authorities(lane: Table, world: Table) -> None:
    """Each behind a socket of the world, with keys of its own."""
    for number, (name, table) in enumerate(lane.get("authority", {}).items(), 1):
        signs, seals = bytes([number]) * 32, bytes([number + 100]) * 32
        table |= {
            "link": f"unix:${{RUN}}/authority-{name}.sock",
            "signs": Ed25519PrivateKey.from_private_bytes(signs).public_key().public_bytes_raw().hex(),
            "seals": X25519PrivateKey.from_private_bytes(seals).public_key().public_bytes_raw().hex(),
            "key_file": "${RUN}/authority.key",
        }
        own = Ed25519PrivateKey.from_private_bytes(AUTHORITY_KEY).public_key().public_bytes_raw().hex()
        world.setdefault("authorities", {})[name] = {
            "signs": signs.hex(), "seals": seals.hex(), "lane": lane["lane"]["name"], "key": own,
        }  # fmt: skip


# ---------------------------------------------------------------- TOML, as far as lane files need it


def written(document: Mapping[str, Any]) -> str:
    """A TOML text of nested tables; tables in lists become [[tables]], tables in those are written in line."""
    return "\n".join(_table("", document)) + "\n"


def _table(path: str, table: Mapping[str, Any]) -> list[str]:
    inner = {key: value for key, value in table.items() if _is_table(value)}
    lines = [f"{key} = {_value(value)}" for key, value in table.items() if key not in inner]
    if path:
        lines = [f"[{path}]", *lines]
    for key, value in inner.items():
        name = f"{path}.{key}" if path else key
        if isinstance(value, Mapping):
            lines += _table(name, value)
        else:
            for each in value:
                lines += [f"[[{name}]]", *(f"{inner_key} = {_value(it)}" for inner_key, it in each.items())]
    return lines


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, list) and bool(value) and isinstance(value[0], Mapping))


def _value(value: Any) -> str:
    """Strings, numbers, truth and lists are written as JSON writes them."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_value(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_value(each) for each in value) + "]"
    return json.dumps(value)
