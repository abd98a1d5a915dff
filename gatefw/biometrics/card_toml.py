"""TOML and frozen dataclasses: a record out of a table, exactly its keys and kinds, and a record as TOML again."""

import json
import math
import types
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from gatefw.errors import ModelError


def build(kind: Any, value: Any, where: str) -> Any:
    """`value` out of TOML as the type `kind`. Raises ModelError with the place: unknown or missing key, wrong value."""
    if is_dataclass(kind):
        if not isinstance(value, Mapping):
            raise ModelError(f"{where}: {value!r} is not a table")
        return _record(kind, value, where)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return build(arguments[0], value, where)
    if origin is tuple and isinstance(value, list):
        each = [arguments[0]] * len(value) if arguments[-1] is ... else arguments
        if len(each) == len(value):
            return tuple(build(k, v, f"{where}[{i}]") for i, (k, v) in enumerate(zip(each, value, strict=True)))
    if origin is Literal and value in arguments:
        return value
    if kind is float and type(value) in (int, float) and math.isfinite(value):
        return float(value)
    if kind in (str, int, bool) and type(value) is kind:
        return value
    raise ModelError(f"{where}: {value!r} is not {_wanted(kind)}")


def _wanted(kind: Any) -> str:
    """A type in the words of somebody who writes TOML."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return f"one of {', '.join(map(_value, arguments))}"
    if origin is tuple and arguments[-1] is ...:
        return f"a list, each {_wanted(arguments[0])}"
    if origin is tuple:
        return f"a list of {len(arguments)}, each {_wanted(arguments[0])}"
    return {str: "a text", bool: "true or false", int: "a whole number", float: "a finite number"}.get(kind, "a table")


def text(record: Any) -> str:
    """A record as TOML that `build` makes the same record of: keys in their order, defaults left out."""
    return "\n".join(_lines(record, "")).lstrip() + "\n"


def _record(kind: Any, table: Mapping[str, Any], where: str) -> Any:
    kinds = get_type_hints(kind)
    if unknown := sorted(set(table) - set(kinds)):
        raise ModelError(f"{where}: unknown key {unknown[0]!r}; known are {', '.join(kinds)}")
    for field in fields(kind):
        if field.name not in table and field.default is MISSING:
            raise ModelError(f"{where}: key {field.name!r} is missing")
    return kind(**{name: build(kinds[name], value, f"{where}: {name}") for name, value in table.items()})


def _lines(record: Any, prefix: str) -> Iterator[str]:
    said = [(field.name, getattr(record, field.name)) for field in fields(record)]
    said = [
        (name, value)
        for (name, value), field in zip(said, fields(record), strict=True)
        if field.default is MISSING or value != field.default
    ]
    tables = [(name, value) for name, value in said if _is_table(value)]
    yield from (f"{name} = {_value(value)}" for name, value in said if not _is_table(value))
    for name, value in tables:
        many = isinstance(value, tuple)
        for each in value if many else (value,):
            yield from ("", f"[[{prefix}{name}]]" if many else f"[{prefix}{name}]")
            yield from _lines(each, f"{prefix}{name}.")


def _is_table(value: Any) -> bool:
    return is_dataclass(value) or (isinstance(value, tuple) and bool(value) and is_dataclass(value[0]))


def _value(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_value, value))}]"
    return repr(value)
