"""The reference of a lane file, made from the types by which it is read: every key with its unit, bounds and default.

`listed` says all of it from the types alone. `annotated` keeps a reference that people write (config/reference.toml)
true: what stands in brackets at the head of a comment is made here, keys that are missing are added with their
defaults, and keys that nobody reads are dropped; what else is said of a key stays.
"""

import dataclasses
import enum
import inspect
import re
import textwrap
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from gatefw import settings
from gatefw.config_reading import Schema
from gatefw.config_tables import ROLES, SECTIONS
from gatefw.config_told import quoted, toml
from gatefw.errors import SetupError
from gatefw.ports import Bound, Pin
from gatefw.rule import RULE_TABLE, Rule
from gatefw.settings import Shape

WIDTH = 120
WORDS = 8
COLUMN = 29
_HEADER = re.compile(r"(?P<mark>#: )?\[+(?P<table>[^\[\]]+)\]+")
_KEY = re.compile(
    r"(?P<mark>#: )?(?P<key>[A-Za-z0-9_\-]+) = (?P<value>\"[^\"]*\"|[^#\"]+?)(?P<gap> *)(?:# ?(?P<said>.*))?"
)
_MADE = re.compile(r"\[[^\[\]]*\] ?")
_SHORT = {bool: "true, false", int: "whole number", float: "number", str: "text", Pin: f"pin 0..{settings.PIN_MAX}"}


# ---------------------------------------------------------------- one key


def limits(hint: Any, name: str) -> str:
    """What a key takes, in a few words: "0.1..60 s", "let_out, hold", "text"."""
    origin, arguments = get_origin(hint), get_args(hint)
    unit = name.rpartition("_")[2]
    unit = f" {unit}" if unit in settings.UNITS and unit != name else ""
    if origin is Annotated:
        match arguments[1]:
            case Bound(low, high):
                return f"{_number(low)}..{_number(high)}{unit}"
            case Shape(_, says):
                return says
    if origin in (Union, types.UnionType):
        return limits(next(each for each in arguments if each is not type(None)), name)
    if origin is Literal:
        return ", ".join(map(str, arguments))
    if origin is tuple:
        return f"list of {limits(arguments[0], name)}"
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        words = [str(each.value) for each in hint]
        return ", ".join(words) if len(words) <= WORDS else f"one of {len(words)} words"
    return _SHORT.get(hint, "table") + (unit if hint in (int, float) else "")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:g}"


def note(kind: type, key: str, shown: str | None = None) -> str:
    """The bracket of a key: its limits, and its default where that is not what is `shown`; "" where all is plain."""
    field = next(each for each in dataclasses.fields(kind) if each.name == key)
    hint = typing.get_type_hints(kind, include_extras=True)[key]
    said = limits(hint, key)
    if settings.is_required(field):
        return f"[{said}; required]"
    if field.default is None:
        return f"[{said}; may be left away]"
    default = "{}" if field.default is dataclasses.MISSING else toml(_plain(field.default))
    if shown is None or not _same(shown, default):
        return f"[{said}; default {default}]"
    return "" if hint in (bool, str) else f"[{said}]"


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, enum.Enum) else value


def _same(shown: str, default: str) -> bool:
    try:
        return float(shown) == float(default)
    except ValueError:
        return shown.strip() == default


# ---------------------------------------------------------------- all of it, from the types


def kinds(schema: Schema, drivers: Iterable[tuple[str, str]]) -> dict[str, type]:
    """Every table that there may be: sections by name, drivers as `role.how`."""
    return {**SECTIONS, RULE_TABLE: Rule, **{f"{role}.{how}": schema(role, how) for role, how in drivers}}


def listed(schema: Schema, drivers: Iterable[tuple[str, str]], tables: Iterable[str] = ()) -> Iterator[str]:
    """The lines of the reference, of these `tables` (or single keys, `timers.scan_s`) or of all.

    Raises SetupError for a table that there is not.
    """
    there = kinds(schema, drivers)
    for name in tables or there:
        chosen = [each for each in there if each == name or each.startswith(f"{name}.")]
        table, _, key = name.rpartition(".")
        fields = dataclasses.fields(there[table]) if table in there else ()
        if found := next((field for field in fields if field.name == key), None):
            yield from (_header(table), _line(there[table], found), "")
        elif not chosen:
            raise SetupError(f"table {name!r}: {settings.unknown(name, there, {}).replace('key', 'table')}")
        for each in chosen:
            yield from _table(each, there[each])


def _table(name: str, kind: type) -> Iterator[str]:
    role, _, how = name.partition(".")
    yield from _prose(kind)
    yield _header(name)
    if role in ROLES:
        yield f'driver = "{how}"'
    hints = typing.get_type_hints(kind, include_extras=True)
    tables = []
    for field in dataclasses.fields(kind):
        if (inner := settings.nested(hints[field.name])) is not None:
            tables.append((f"{name}.{field.name}", inner))
        else:
            yield _line(kind, field)
    yield ""
    for inner_name, inner in tables:
        yield from _table(inner_name, inner)


def _header(table: str) -> str:
    role = table.partition(".")[0]
    return f"[[{table}]]" if table == RULE_TABLE else f"[{role}.NAME]" if role in ROLES else f"[{table}]"


def _prose(kind: type) -> Iterator[str]:
    for paragraph in (inspect.getdoc(kind) or "").split("\n\n"):
        yield from textwrap.wrap(paragraph, WIDTH, initial_indent="# ", subsequent_indent="# ")


def _line(kind: type, field: "dataclasses.Field[Any]") -> str:
    if settings.is_required(field) or field.default is None:
        return f"{'# ' + field.name + ' =':<{COLUMN}}# {note(kind, field.name)}"
    default = "{}" if field.default is dataclasses.MISSING else toml(_plain(field.default))
    said = note(kind, field.name, default)
    return f"{quoted(field.name) + ' = ' + default:<{COLUMN}}# {said}" if said else f"{field.name} = {default}"


# ---------------------------------------------------------------- kept true in a file


def annotated(text: str, schema: Schema) -> str:
    """`text` with the bracket of every key as its type has it now, and with every key of each of its tables."""
    done: list[str] = []
    for header, lines in _blocks(text):
        kind = _kind(header, lines, schema)
        done += lines if kind is None else _kept_true(kind, lines)
    return "\n".join(done)


def _blocks(text: str) -> Iterator[tuple[str, list[str]]]:
    """The header of each table, without brackets, and its lines with those that follow; "" before the first."""
    header, lines = "", list[str]()
    for line in text.split("\n"):
        if found := _HEADER.match(line):
            yield header, lines
            header, lines = found["table"], []
        lines.append(line)
    yield header, lines


def _kind(header: str, lines: list[str], schema: Schema) -> type | None:
    role = header.partition(".")[0]
    if role in ROLES:
        found = [each["value"].strip('"') for line in lines if (each := _KEY.match(line)) and each["key"] == "driver"]
        return schema(role, found[0])
    if header == RULE_TABLE:
        return None  # a rule of the reference is an example, and shows no key it has no use for
    kind: type | None = SECTIONS.get(role)
    for name in header.split(".")[1:]:
        kind = settings.nested(typing.get_type_hints(kind, include_extras=True)[name]) if kind else None
    return kind


def _kept_true(kind: type, lines: list[str]) -> list[str]:
    fields = {field.name: field for field in dataclasses.fields(kind)}
    done, there, last = list[str](), {"driver"}, 0
    for line in lines:
        found = _KEY.fullmatch(line)
        if found is None or found["key"] == "driver":
            done.append(line)
            last = len(done) if found or _HEADER.match(line) else last
        elif found["key"] in fields:
            there.add(found["key"])
            done.append(_again(kind, found))
            last = len(done)
    hints = typing.get_type_hints(kind, include_extras=True)
    missing = [
        _line(kind, field)
        for name, field in fields.items()
        if name not in there and settings.nested(hints[name]) is None and get_origin(hints[name]) is not Mapping
    ]
    mark = "#: " if lines[0].startswith("#: ") else ""
    return done[:last] + [mark + line for line in missing] + done[last:]


def _again(kind: type, found: re.Match[str]) -> str:
    said = _MADE.sub("", found["said"] or "", count=1) if (found["said"] or "").startswith("[") else found["said"] or ""
    said = f"{note(kind, found['key'], found['value'])} {said}".strip()
    before = f"{found['mark'] or ''}{found['key']} = {found['value']}"
    return f"{before + ' ':<{max(COLUMN, len(before + found['gap']))}}# {said}" if said else before
