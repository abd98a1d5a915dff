"""A lane's status in words: its codes, as `gatefw status` is answered, for whoever reads no English."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from gatefw.model import Beam, DoorId, Input, Occupancy, Phase, Position, Purpose, Reason, Signal, Zone
from gatefw.words import Words

Spell = Callable[[Any], Any]
_INPUTS = {"evacuate": Input.EVACUATE}
"""Inputs that a status calls otherwise than `model` does."""


def in_words(told: Mapping[str, Any], words: Words) -> dict[str, Any]:
    """The same lines in the same order; headings and codes in words, numbers and names as they are.

    The detail of an order that says nothing but the phase is left out: the phase is there, in words.
    """
    spelt = _spelling(words)
    plain = f"lane is {told.get('phase')}"
    return {
        words.label(key): spelt[key](value) if key in spelt else value
        for key, value in told.items()
        if (key, value) != ("detail", plain)
    }


def _spelling(words: Words) -> dict[str, Spell]:
    def code(kind: type[StrEnum]) -> Spell:
        return lambda value: words.name(kind(value)) if value in list(kind) else value

    def each(key: Spell, value: Spell) -> Spell:
        return lambda table: {key(name): value(inner) for name, inner in table.items()}

    def called(name: str) -> Any:
        return code(Input)(_INPUTS.get(name, name))

    def reasons(codes: list[str]) -> list[Any]:
        return [code(Reason)(each_code) for each_code in codes]

    door = code(DoorId)
    return {
        "phase": code(Phase),
        "in_service": lambda yes: words.label("yes" if yes else "no"),
        "doors": each(door, code(Position)),
        "beams": each(door, code(Beam)),
        "released": each(door, code(Purpose)),
        "ways_out": lambda doors: [door(each_door) for each_door in doors],
        "occupancy": code(Occupancy),
        "inputs": each(called, code(Signal)),
        "signals": each(called, code(Signal)),
        "zones": each(code(Zone), words.label),
        "lease_left_s": each(door, str),
        "impaired": each(str, reasons),
        "latched": code(Reason),
        "reason": lambda value: words.label(value) if value == "config_broken" else code(Reason)(value),
        "hint": code(Reason),
    }
