"""Inputs and effects of a Gate as JSON and back, with everything personal replaced by signs that mean nobody.

What is personal the model says itself: a field that is kept out of `repr`. Its value becomes `personal-N`, the same for
the same value while `Masks` lives, so that a run still hangs together; nothing leads back. Only the kinds of `KINDS`
are ever made out of a tape: what is read from one is data, and never code.

    enum {"Phase": "idle"}    dataclass {"DoorSensed": {"door": ...}}    set {"set": [...]}    bytes {"bytes": "00ff"}
"""

import dataclasses
from collections.abc import Mapping
from enum import Enum
from types import ModuleType
from typing import Any

from gatefw import clearance, gate_settings, gate_terms, lane_terms, leases, model
from gatefw.errors import BadReply

NAMES = frozenset({("Stay", "name")})
"""Fields in which a person may be named though `repr` shows them."""
UNTOLD = frozenset({("Tell", "detail")})
"""For an operator's eyes: not on the tape at all."""
Json = Any


def _kinds(*modules: ModuleType) -> Mapping[str, type]:
    named = ((name, kind) for module in modules for name, kind in vars(module).items() if isinstance(kind, type))
    return {
        name: kind
        for name, kind in named
        if dataclasses.is_dataclass(kind) or issubclass(kind, Enum | lane_terms.State)
    }


KINDS = _kinds(model, gate_terms, lane_terms, leases, clearance, gate_settings)


class Masks:
    """Signs for personal values; `forget` when nobody is under way, so that no two runs are tied by one.

    Who works at the lane keeps the sign: a gate says the name again when they have gone.
    """

    def __init__(self) -> None:
        self._signs: dict[str | bytes, str] = {}
        self._names: dict[str, str] = {}
        self._given = 0

    def sign(self, personal: str | bytes) -> str | bytes:
        """Empty stays empty: whether there is something is no secret, and procedures may ask for it."""
        if not personal:
            return personal
        if personal not in self._signs:
            self._given += 1
            self._signs[personal] = f"personal-{self._given}"
        sign = self._signs[personal]
        return sign.encode() if isinstance(personal, bytes) else sign

    def name(self, name: str) -> str:
        return self._names.setdefault(name, f"technician-{len(self._names) + 1}") if name else name

    def known(self, text: str) -> str:
        """Of a text that may be a personal one which was seen before."""
        return self._names.get(text) or self._signs.get(text, text)

    def forget(self) -> None:
        self._signs.clear()


class Played(Masks):
    """What comes from a tape holds signs alone, and stays as it is."""

    def sign(self, personal: str | bytes) -> str | bytes:
        return personal

    def name(self, name: str) -> str:
        return name


def packed(value: Any, masks: Masks) -> Json:
    """Raises TypeError: a kind that no tape knows."""
    match value:
        case Enum():
            return {type(value).__name__: value.value}
        case None | bool() | int() | float():
            return value
        case str():
            return masks.known(value)
        case bytes():
            return {"bytes": value.hex()}
        case lane_terms.State():
            return {"State": {name: packed(each, masks) for name, each in value._asdict().items()}}
        case tuple() | list():
            return [packed(each, masks) for each in value]
        case set() | frozenset():
            return {type(value).__name__: sorted((packed(each, masks) for each in value), key=repr)}
        case dict():
            return {"dict": [[packed(key, masks), packed(each, masks)] for key, each in value.items()]}
    kind = type(value)
    return {kind.__name__: {name: _field(getattr(value, name), how, masks) for name, how in _fields(kind)}}


class _How(Enum):
    """What is done with a field."""

    TOLD = 0
    SIGN = 1
    NAME = 2


def _how(kind: str, field: "dataclasses.Field[Any]") -> _How:
    if (kind, field.name) in NAMES:
        return _How.NAME
    return _How.TOLD if field.repr else _How.SIGN


def _fields(kind: type) -> tuple[tuple[str, _How], ...]:
    """What is told of a kind, and how. Raises TypeError: no tape knows it."""
    if kind not in _FIELDS:
        name = kind.__name__
        if KINDS.get(name) is not kind:
            raise TypeError(f"tape: {name} is no kind that is recorded")
        told = (each for each in dataclasses.fields(kind) if each.init and (name, each.name) not in UNTOLD)
        _FIELDS[kind] = tuple((each.name, _how(name, each)) for each in told)
    return _FIELDS[kind]


_FIELDS: dict[type, tuple[tuple[str, _How], ...]] = {}
"""Found once for each kind: the loop packs every input."""


def _field(value: Any, how: _How, masks: Masks) -> Json:
    if how is _How.NAME:
        return masks.name(value)
    if how is _How.SIGN and isinstance(value, str | bytes):
        sign = masks.sign(value)
        return sign if isinstance(sign, str) else {"bytes": sign.hex()}
    return packed(value, masks)


def unpacked(data: Json) -> Any:
    """The value. Raises BadReply: it is none, or of a kind that no tape knows."""
    try:
        return _unpacked(data)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadReply(f"tape: {type(error).__name__}: {error}; was it recorded by another version?") from error


def _unpacked(data: Json) -> Any:
    if isinstance(data, list):
        return tuple(_unpacked(each) for each in data)
    if not isinstance(data, dict):
        return data
    ((name, inner),) = data.items()
    match name:
        case "bytes":
            return bytes.fromhex(inner)
        case "set":
            return {_unpacked(each) for each in inner}
        case "frozenset":
            return frozenset(_unpacked(each) for each in inner)
        case "dict":
            return {_unpacked(key): _unpacked(each) for key, each in inner}
    kind = KINDS[name]
    if issubclass(kind, Enum):
        return kind(inner)
    return kind(**{key: _unpacked(each) for key, each in inner.items()})
