"""A Gate between two runs, as data: what it knows when nobody is under way, so that a recording may begin there.

Everything a Gate holds is walked, part by part. What it was built with is not in it: a Gate that is built with other
settings and then told what this one knew is that lane, as if its lane file had been another one from here on.
"""

import itertools
from enum import Enum
from typing import Any

from gatefw.errors import BadReply
from gatefw.gate import Gate
from gatefw.lane_terms import State
from gatefw.tape import Json, Masks, packed, unpacked

BUILT_WITH = frozenset(
    {"_settings", "_clear", "_new_run", "_effects", "_finder", "_keeps_out", "required", "lease_s", "renew_s",
     "confirm_s", "_by_token", "in_zone", "again_s", "_tickets", "rows"}
)  # fmt: skip
"""Of a Gate and its parts: given when it is made, or left over from its last input; tickets are counted on apart, and
`rows` are notes of whoever looks on."""


def photograph(gate: Gate, masks: Masks) -> Json:
    """None while somebody is under way: a procedure that waits for an answer is no data."""
    if not gate.between_runs:
        return None
    ticket = next(vars(gate)["_tickets"])
    _count_on(gate, ticket)
    return {"ticket": ticket, "gate": _walked(gate, masks)}


def restore(gate: Gate, photo: Json) -> None:
    """Let a Gate that was just built know what the photographed one knew. Raises BadReply: it was another version."""
    try:
        _count_on(gate, photo["ticket"])
        _laid_over(gate, photo["gate"])
    except (AttributeError, KeyError, TypeError) as error:
        raise BadReply(f"photograph: {error}; was it recorded by another version?") from error


def _count_on(gate: Gate, ticket: int) -> None:
    tickets = itertools.count(ticket)
    for part in (gate, gate.runs):
        setattr(part, "_tickets", tickets)  # noqa: B010  the one count is of both


def _parts(thing: Any) -> dict[str, Any]:
    names = getattr(thing, "__slots__", None) or vars(thing)
    return {name: getattr(thing, name) for name in names if name not in BUILT_WITH}


def _walked(thing: Any, masks: Masks) -> Json:
    return {
        name: {"part": _walked(value, masks)} if _changes(value) else {"value": packed(value, masks)}
        for name, value in _parts(thing).items()
    }


def _changes(value: Any) -> bool:
    """Whether it is a part with parts of its own; what is frozen, or one of Python's own, is told whole."""
    plain = isinstance(value, str | bytes | int | float | tuple | list | set | frozenset | dict | Enum | None)
    return not (plain or getattr(getattr(value, "__dataclass_params__", None), "frozen", False))


def _laid_over(thing: Any, data: Json) -> None:
    if data.keys() != _parts(thing).keys():
        raise AttributeError(f"{type(thing).__name__} has other parts")
    for name, told in data.items():
        if "part" in told:
            _laid_over(getattr(thing, name), told["part"])
            continue
        value = unpacked(told["value"])
        if isinstance(value, State):
            value = value._replace(policy=getattr(thing, name).policy)
        setattr(thing, name, value)
