"""A TOML file with the line of every key, which the standard parser does not tell."""

import hashlib
import os
import re
import stat
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatefw.errors import ConfigError, system_words

FILE_BYTES = 256 * 1024
STATEMENT_LINES = 200

Place = tuple[str, ...]
"""A key by its path: ("door", "entry_door", "release"); of an array of tables by number: ("rule", "1", "name")."""


@dataclass(frozen=True, slots=True)
class Document:
    """`table` as tomllib reads it; `lines` holds the first line of every table and key, from 1. `sha256` is of
    the file's bytes, hex."""

    file: str
    table: dict[str, Any]
    lines: dict[Place, int]
    sha256: str = ""

    def line(self, place: Place) -> int | None:
        """The line of a key, or of the nearest table around it that is written down."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place)


def read(path: Path) -> Document:
    """Parse the file. Raises ConfigError: not there, no plain file, too long, not UTF-8, not TOML (with its line)."""
    content = _content(path)
    try:
        text = content.decode()
        table = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(str(path), line, "", "is not UTF-8; save it as UTF-8 text") from error
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+)", str(error))
        number = int(found[1]) if found else None
        raise ConfigError(str(path), number, _key_of(text, number), f"is not TOML: {_says(error)}") from error
    except RecursionError as error:
        raise ConfigError(str(path), None, "", "is nested too deeply; is it a lane file?") from error
    return Document(str(path), table, lines_of(text.replace("\r\n", "\n")), hashlib.sha256(content).hexdigest())


def _content(path: Path) -> bytes:
    """All of a plain file; nobody waits for the writer of a pipe."""
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            plain = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            content = file.read(FILE_BYTES + 1) if plain else b""
    except OSError as error:
        raise ConfigError(str(path), None, "", f"cannot be read: {system_words(error)}") from error
    if not plain:
        raise ConfigError(str(path), None, "", "is a pipe or a device; name a plain file")
    if len(content) > FILE_BYTES:
        raise ConfigError(str(path), None, "", f"is longer than {FILE_BYTES} bytes; is it a lane file?")
    return content


def _key_of(text: str, line: int | None) -> str:
    """The key that a line which is not TOML begins with, "" when it begins with none."""
    statement = text.split("\n")[line - 1] if line else ""
    found = re.match(r"\s*([A-Za-z0-9_.\-]+)\s*=", statement)
    return found[1] if found else ""


def _says(error: tomllib.TOMLDecodeError) -> str:
    twice = "overwrite" in str(error) or "declare" in str(error)
    return f"{error}{'; the same key or table is there already, take one away' if twice else ''}"


def lines_of(text: str) -> dict[Place, int]:
    """The document is valid, so every statement parses by itself: a header, or a key with all lines of its value."""
    found: dict[Place, int] = {}
    arrays: dict[Place, int] = {}
    table: Place = ()
    for number, statement in _statements(text):
        parsed = tomllib.loads(statement)
        places = list(_places(parsed))
        if statement.lstrip().startswith("["):
            table = _header(parsed, arrays)
            for depth in range(1, len(table) + 1):
                found.setdefault(table[:depth], number)
        else:
            for place in places:
                found.setdefault(table + place, number)
    return found


def _header(parsed: dict[str, Any], arrays: dict[Place, int]) -> Place:
    """The table that a header opens. `arrays`: how many tables each array has so far; one more after [[...]]."""
    place: Place = ()
    inner: Any = parsed
    while isinstance(inner, dict) and inner:
        [(key, inner)] = inner.items()
        place = (*place, key)
        if isinstance(inner, list):
            arrays[place] = arrays.get(place, 0) + 1
        if place in arrays:
            place = (*place, str(arrays[place]))
    return place


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Each statement with the line it begins on. One of more than STATEMENT_LINES lines is left out."""
    lines = text.split("\n")
    number = 0
    while number < len(lines):
        for length in range(1, STATEMENT_LINES + 1):
            statement = "\n".join(lines[number : number + length])
            try:
                parsed = tomllib.loads(statement)
            except (tomllib.TOMLDecodeError, RecursionError):
                continue
            if parsed:
                yield number + 1, statement
            break
        number += length


def _places(table: dict[str, Any]) -> Iterator[Place]:
    """Every key, outer ones first; the tables of an array by number, from 1."""
    for key, value in table.items():
        yield (key,)
        numbered = enumerate(value, 1) if isinstance(value, list) else ()
        inner = {str(number): each for number, each in numbered if isinstance(each, dict)} or value
        if isinstance(inner, dict):
            for place in _places(inner):
                yield (key, *place)
