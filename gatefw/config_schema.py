"""JSON Schema 2020-12 of a lane file, for editors: made from the types by which `gatefw check` reads it.

It knows keys, types, units, bounds and words, of drivers' tables too. What one table demands of another (pins used
twice, ways out, times that stand behind times) only `gatefw check` knows.
"""

import dataclasses
import enum
import inspect
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from gatefw import settings
from gatefw.config_reading import Schema
from gatefw.config_tables import ROLES, SECTIONS
from gatefw.ports import Bound, Pin
from gatefw.reversal import REVERSED
from gatefw.rule import RULE_TABLE, Rule
from gatefw.settings import Shape

Json = dict[str, Any]
TITLE = "A lane file of gatefw"
_PLAIN: Mapping[Any, Json] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    Pin: {"type": "integer", "minimum": 0, "maximum": settings.PIN_MAX},
}


def json_schema(schema: Schema, drivers: Iterable[tuple[str, str]]) -> Json:
    """`schema(role, driver)` and `drivers` are those of `hw`."""
    there = list(drivers)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": TITLE,
        **_tables(schema, there, whole=True),
        "required": [name for name, kind in SECTIONS.items() if name != "gpio" and _required(kind)],
        "$defs": {REVERSED: _tables(schema, there, whole=False)},
    }


def _tables(schema: Schema, drivers: list[tuple[str, str]], whole: bool) -> Json:
    """All tables of a file; of `[reversed]` where it is not `whole`: nothing in it must be there."""
    sections = {name: _table(kind, whole) for name, kind in SECTIONS.items()}
    roles = {role: _role([how for of, how in drivers if of == role], role, schema, whole) for role in ROLES}
    rules: Json = {"type": "array", "items": _table(Rule)}
    other: Json = {REVERSED: {"$ref": f"#/$defs/{REVERSED}"}} if whole else {}
    world: Json = {"type": "object", "description": "a simulated gate: wants lane.simulated = true"}
    return {
        "type": "object",
        "properties": {**sections, RULE_TABLE: rules, **roles, "world": world, **other},
        "additionalProperties": False,
    }


def _role(hows: list[str], role: str, schema: Schema, whole: bool) -> Json:
    """The devices of a role, by name: each is as its driver has it."""
    by_driver = [
        {
            "if": {"properties": {"driver": {"const": how}}, "required": ["driver"]},
            "then": _device(how, role, schema, whole),
        }
        for how in hows
    ]
    one: Json = {"type": "object", "properties": {"driver": {"enum": hows, "description": f"hw/{role}_NAME.py"}}}
    one |= {"required": ["driver"]} if whole else {}
    return {"type": "object", "additionalProperties": {**one, "allOf": by_driver}}


def _device(how: str, role: str, schema: Schema, whole: bool) -> Json:
    table = _table(schema(role, how), whole)
    table["properties"] = {"driver": {"const": how}, **table["properties"]}
    return table


def _table(kind: type, whole: bool = True) -> Json:
    hints = typing.get_type_hints(kind, include_extras=True)
    fields = dataclasses.fields(kind)
    made: Json = {"type": "object"}
    if said := inspect.getdoc(kind):
        made["description"] = " ".join(said.split())
    made["properties"] = {field.name: _key(hints[field.name], field, whole) for field in fields}
    if whole and (required := _required(kind)):
        made["required"] = required
    return {**made, "additionalProperties": False}


def _required(kind: type) -> list[str]:
    return [field.name for field in dataclasses.fields(kind) if settings.is_required(field)]


def _key(hint: Any, field: "dataclasses.Field[Any]", whole: bool) -> Json:
    if (nested := settings.nested(hint)) is not None:
        return _table(nested, whole)
    made = {**_value(hint), "description": settings.wanted(hint, field.name)}
    if not settings.is_required(field) and isinstance(field.default, bool | int | float | str):
        made["default"] = field.default.value if isinstance(field.default, enum.Enum) else field.default
    return made


def _value(kind: Any) -> Json:
    """What a key's value may be."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return {**_value(arguments[0]), **_limit(arguments[1])}
    if origin in (Union, types.UnionType):
        return _value(next(each for each in arguments if each is not type(None)))
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is tuple:
        return {"type": "array", "minItems": 1, "items": _value(arguments[0])}
    if origin is Mapping:
        return {"type": "object", "propertyNames": _value(arguments[0]), "additionalProperties": _value(arguments[1])}
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return {"enum": [each.value for each in kind]}
    return dict(_PLAIN[kind])


def _limit(limit: object) -> Json:
    match limit:
        case Bound(low, high):
            return {"minimum": low, "maximum": high}
        case Shape(pattern, _):
            return {"pattern": f"^(?:{pattern})$"}
    return {}
