"""What a lane file comes to: every key with its value, whether that stands in the file or is the default."""

import dataclasses
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from gatefw.config import Config
from gatefw.config_tables import SECTIONS
from gatefw.ports import Pin
from gatefw.reload import Difference
from gatefw.reversal import REVERSED
from gatefw.rule import RULE_TABLE
from gatefw.toml_document import Document, Place

UNTOLD = "(not shown)"
_SECRET = re.compile(r"(^|_)(password|passphrase|secret|private_key)$")
"""No key of a lane file holds a secret: they name files. A driver that is not ours might have one."""
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_\-]+")
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Told:
    """One key: its value as TOML has it, and the line that says so; None for a default."""

    place: Place
    value: Any
    line: int | None

    @property
    def key(self) -> str:
        return ".".join(self.place)

    @property
    def source(self) -> str:
        return "default" if self.line is None else f"line {self.line}"


@dataclass(frozen=True, slots=True)
class Change:
    """One key that two lane files have otherwise; None where one has it not. `reloads`: counts without a restart."""

    key: str
    old: Any
    new: Any
    reloads: bool


def told(config: Config, document: Document) -> list[Told]:
    """Every key that counts, in the order of the reference. `document` is the file that `config` was read from."""

    def line(place: Place) -> int | None:
        there = (REVERSED, *place)
        if config.reversed and there in document.lines:
            return document.lines[there]
        return document.lines.get(place)

    return [Told(place, value, line(place)) for place, value in _values(config)]


def differences(old: Config, new: Config) -> list[Change]:
    """What `new` says otherwise, by key. What takes part of another table's check with it is as `reload` has it."""
    before, after = ({".".join(place): value for place, value in _values(each)} for each in (old, new))
    applied = Difference.of(old, new).applied

    def reloads(key: str) -> bool:
        return any(key == each or key.startswith(f"{each}.") for each in applied)

    return [
        Change(key, before.get(key), after.get(key), reloads(key))
        for key in dict.fromkeys((*before, *after))
        if before.get(key, _MISSING) != after.get(key, _MISSING)
    ]


def toml(value: Any) -> str:
    """A value as a lane file would have it."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return json.dumps(value, ensure_ascii=False)
        case list():
            return f"[{', '.join(map(toml, value))}]"
        case dict():
            inner = ", ".join(f"{quoted(key)} = {toml(each)}" for key, each in value.items())
            return f"{{ {inner} }}" if inner else "{}"
        case None:
            return "(not there)"
        case _:
            return str(value)


def quoted(key: str) -> str:
    """A key as TOML has it: bare where it may be."""
    return key if _PLAIN_KEY.fullmatch(key) else json.dumps(key, ensure_ascii=False)


def lane_file(every: Iterable[Told]) -> Iterator[str]:
    """The lines of a lane file that says all of it outright, with where each value comes from as its comment."""
    table: Place | None = None
    for each in every:
        header = each.place[:-1]
        if header != table:
            if table is not None:
                yield ""
            yield f"[[{RULE_TABLE}]]" if header[0] == RULE_TABLE else f"[{'.'.join(map(quoted, header))}]"
            table = header
        yield f"{quoted(each.place[-1]) + ' = ' + toml(each.value):<44} # {each.source}"


# ---------------------------------------------------------------- from settings to keys


def _values(config: Config) -> Iterator[tuple[Place, Any]]:
    for name in SECTIONS:
        settings = getattr(config, "vision_table" if name == "vision" else name)
        if settings is not None:
            yield from _of(settings, (name,))
    for number, rule in enumerate(config.rules, 1):
        yield from _of(rule, (RULE_TABLE, str(number)))
    for device in config.devices:
        place = (device.role, device.name)
        yield (*place, "driver"), device.driver
        yield from _of(device.settings, place)


def _of(settings: Any, place: Place) -> Iterator[tuple[Place, Any]]:
    """The keys of a table, then its tables. What may be away and is says nothing, nor does an empty table."""
    tables = []
    for field in dataclasses.fields(settings):
        value, where = getattr(settings, field.name), (*place, field.name)
        if dataclasses.is_dataclass(value) and not isinstance(value, Pin):
            tables.append((where, value))
        elif value is not None and not (isinstance(value, Mapping) and not value):
            yield where, UNTOLD if _SECRET.search(field.name) and value else _plain(value)
    for where, value in tables:
        yield from _of(value, where)


def _plain(value: Any) -> Any:
    match value:
        case Pin(number):
            return number
        case Enum():
            return value.value
        case tuple():
            return [_plain(each) for each in value]
        case Mapping():
            return {str(_plain(key)): _plain(each) for key, each in value.items()}
        case _:
            return value
