"""The pins that a lane uses, and which of them release or drive a door."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

from gatefw.config import Config
from gatefw.ports import Pin

MOVES = {"release": "release_active", "motor_open": "motor_active", "motor_close": "motor_active"}
"""Keys of a door whose line releases or moves it, and the key that says which level does."""


@dataclass(frozen=True, slots=True)
class Used:
    """label: the device, `door.entry_door`; active: the level that does something; held: a resistor holds it off."""

    pin: int
    label: str
    key: str
    active: str
    releases: bool
    held: bool


def used(lane: Config) -> Iterator[Used]:
    """Every pin of the lane file."""
    for device in lane.devices:
        settings = device.settings
        for field in fields(settings):  # type: ignore[arg-type]
            value = getattr(settings, field.name)
            if isinstance(value, Pin):
                active = str(getattr(settings, MOVES.get(field.name, "active"), "high"))
                moves = device.role == "door" and field.name in MOVES
                held = getattr(settings, "off_held_by", "") == "resistor"
                yield Used(value.number, device.label, field.name, active, moves, held)
