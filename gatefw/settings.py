"""A config table becomes a frozen dataclass, or every reason why it cannot be one.

The dataclass is the schema: a field without a default must be there; its type says what it takes: bool, int, float,
str, an Enum, `Literal[...]`, `Pin`, a nested dataclass, any of them `| None`, and `Annotated[..., Bound(low, high)]` or
`Annotated[str, Shape(...)]` for limits, `tuple[..., ...]` for a list of at least one, `Mapping` of texts to any of
these. A unit stands at the end of a field's name.
"""

import dataclasses
import enum
import math
import re
import types
import typing
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from gatefw.ports import Bound, Pin
from gatefw.toml_document import Place

UNITS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "min": "minutes", "h": "hours",
         "mm": "millimetres", "cm": "centimetres", "m": "metres", "px": "pixels", "lux": "lux", "c": "degrees Celsius",
         "bytes": "bytes", "hz": "hertz"}  # fmt: skip
PIN_MAX = 53
UNKNOWN = "unknown key"
WORDS_MAX = 30
"""Of a longer list of words a message says how many more there are."""

Report = Callable[[Place, str], None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Shape:
    """What a text must look like: `Annotated[str, Shape(pattern, says)]`."""

    pattern: str
    says: str


class _Wrong(Exception):
    """A value does not fit; the text says what would."""


def build(kind: type[T], table: object, place: Place, report: Report) -> T | None:
    """The settings in `table`, or None after `report` was told of every key that is wrong, missing or unknown."""
    if not isinstance(table, dict):
        report(place, f"a table [{'.'.join(place)}] is wanted, not {_spell(table)}")
        return None
    hints = typing.get_type_hints(kind, include_extras=True)
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    wrong = False
    for key in table.keys() - fields.keys():
        report((*place, key), unknown(key, fields, table))
        wrong = True
    values: dict[str, Any] = {}
    for name, field in fields.items():
        where = (*place, name)
        if name not in table:
            if is_required(field):
                report(where, f"is missing; {wanted(hints[name], name)} is wanted, there is no default")
                wrong = True
        elif (inner := nested(hints[name])) is not None:
            values[name] = build(inner, table[name], where, report)
            wrong |= values[name] is None
        elif get_origin(hints[name]) is Mapping:
            values[name] = _mapping(hints[name], table[name], where, report)
            wrong |= values[name] is None
        else:
            try:
                values[name] = _convert(hints[name], table[name], name)
            except _Wrong as problem:
                report(where, str(problem))
                wrong = True
    return None if wrong else kind(**values)


def is_required(field: "dataclasses.Field[Any]") -> bool:
    """Whether a table must say it: there is no default."""
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def nested(hint: Any) -> type | None:
    """The dataclass that a table under this key is, if it is one."""
    kinds = [each for each in (hint, *get_args(hint)) if dataclasses.is_dataclass(each) and each is not Pin]
    return kinds[0] if kinds and get_origin(hint) in (None, Union, types.UnionType) else None  # type: ignore[return-value]


def _mapping(kind: Any, table: object, place: Place, report: Report) -> Mapping[str, Any] | None:
    """A table whose keys are the site's own; None after `report` was told of every entry that is wrong."""
    if not isinstance(table, dict):
        report(place, f"a table [{'.'.join(place)}] is wanted, not {_spell(table)}")
        return None
    key_kind, value_kind = get_args(kind)
    values: dict[str, Any] = {}
    for key, value in table.items():
        try:
            own = _convert(key_kind, key, key)
            values[own] = _convert(value_kind, value, key)
        except _Wrong as problem:
            report((*place, key), str(problem))
    return types.MappingProxyType(values) if len(values) == len(table) else None


def unknown(key: str, known: Collection[str], table: Mapping[str, object]) -> str:
    """What to say about a key nobody knows: another unit, the nearest key that is not there yet, or all there are."""
    stem, _, unit = key.rpartition("_")
    stem = stem if unit in UNITS else key
    for name in known:
        base, _, right = name.rpartition("_")
        if right in UNITS and base == stem:
            return f"wrong unit: write {name}, in {UNITS[right]}"
    free = [name for name in known if name not in table]
    if near := get_close_matches(key, free, n=1) or get_close_matches(key, known, n=1):
        return f"{UNKNOWN}; did you mean {near[0]}?"
    return f"{UNKNOWN}; known are {', '.join(sorted(known)) or 'none'}"


def _convert(kind: Any, value: object, name: str) -> Any:
    """`value` as `kind`. Raises _Wrong."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        try:
            converted = _convert(arguments[0], value, name)
        except _Wrong:
            _refuse(kind, value, name)  # which also tells the limits
        return converted if _within(arguments[1], converted) else _refuse(kind, value, name)
    if origin in (Union, types.UnionType):
        return _convert(next(each for each in arguments if each is not type(None)), value, name)
    if origin is tuple:
        fits = type(value) is list and len(value) > 0
        return tuple(_convert(arguments[0], each, name) for each in value) if fits else _refuse(kind, value, name)  # type: ignore[attr-defined]
    if origin is Literal:
        fits = type(value) in {type(each) for each in arguments} and value in arguments
        return value if fits else _refuse(kind, value, name)
    if kind is Pin:
        fits = type(value) is int and 0 <= value <= PIN_MAX
        return Pin(value) if fits else _refuse(kind, value, name)  # type: ignore[arg-type]
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return kind(value) if value in [each.value for each in kind] else _refuse(kind, value, name)
    if kind is float and type(value) is int:
        return float(value)
    fits = type(value) is kind and (kind is not float or math.isfinite(value))  # type: ignore[arg-type]
    return value if fits else _refuse(kind, value, name)


def _within(limit: object, value: Any) -> bool:
    match limit:
        case Bound(low, high):
            return bool(low <= value <= high)
        case Shape(pattern, _):
            return re.fullmatch(pattern, value) is not None
    return True


def _refuse(kind: Any, value: object, name: str) -> typing.NoReturn:
    advice = ""
    words: list[str] = []
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        words = [str(each.value) for each in kind]
    elif get_origin(kind) is Literal:
        words = [str(each) for each in get_args(kind)]
    if words:
        near = get_close_matches(str(value), words, n=1)
        advice = f"; did you mean {_spell(near[0])}?" if near else ""
    elif isinstance(value, str) and (number := re.fullmatch(r"\s*([-+]?[0-9.]+)\s*[a-zA-Z]*\s*", value)):
        advice = f"; write {number[1]}, without quotes and unit" if _is_number(kind) else ""
    raise _Wrong(f"{wanted(kind, name)} is wanted, not {_spell(value)}{advice}")


def _is_number(kind: Any) -> bool:
    while (arguments := get_args(kind)) and get_origin(kind) is not Literal:
        kind = arguments[0]
    return kind in (int, float, Pin)


def wanted(kind: Any, name: str) -> str:
    """What a field takes, in words."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        match arguments[1]:
            case Bound(low, high):
                return f"{wanted(arguments[0], name)} from {low:g} to {high:g}"
            case Shape(_, says):
                return says
        return wanted(arguments[0], name)
    if origin in (Union, types.UnionType):
        return wanted(next(each for each in arguments if each is not type(None)), name)
    if origin is Literal:
        return "one of " + ", ".join(map(_spell, arguments))
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        words = [_spell(each.value) for each in kind]
        return f"one of {', '.join(words[:WORDS_MAX])}" + (
            f" and {more} more" if (more := len(words) - WORDS_MAX) > 0 else ""
        )
    if origin is tuple:
        return f"a list of at least one, each {wanted(arguments[0], name)}"
    unit = UNITS.get(name.rpartition("_")[2])
    number = f"number of {unit}" if unit else "number"
    plain = {
        bool: "true or false",
        int: f"a whole {number}",
        float: f"a {number}",
        str: "a text",
        Pin: f"a BCM pin number from 0 to {PIN_MAX}",
    }
    return plain.get(kind) or f"a table [{name}]"


def _spell(value: object) -> str:
    """A value as the file would show it, shortened."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f'"{value[:40]}"' if len(value) <= 40 else f'"{value[:40]}..."'
        case dict():
            return "a table"
        case list():
            return "a list"
        case _:
            return str(value)[:40]
