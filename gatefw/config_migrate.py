"""A lane file of an older layout becomes one of today's: what was renamed or moved, by the version that did so.

A move changes the file as a person would: the line keeps its value and its comment, and stands under its new name, in
its new table. What comes out must read as the same settings, moved: else nothing is changed.
"""

import copy
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gatefw import toml_document
from gatefw.errors import SetupError
from gatefw.toml_document import Place

ANY = "*"


@dataclass(frozen=True, slots=True)
class Move:
    """Since version `since` the key `old` is called `new`. ANY stands for a name of the site's own, which is kept."""

    since: str
    old: Place
    new: Place

    def to(self, place: Place) -> Place | None:
        """Where this very key goes; None when the move is not about it."""
        if len(place) != len(self.old) or any(
            want not in (ANY, name) for want, name in zip(self.old, place, strict=True)
        ):
            return None
        own = iter(name for want, name in zip(self.old, place, strict=True) if want == ANY)
        return tuple(next(own) if want == ANY else want for want in self.new)


MOVES: tuple[Move, ...] = ()
"""Oldest first. None yet: no key of a lane file was ever renamed. Whoever renames one adds it here, and `check` then
says of the old name what it is called now."""


@dataclass(frozen=True, slots=True)
class Moved:
    old: Place
    new: Place
    since: str

    def __str__(self) -> str:
        return f"{'.'.join(self.old)} is {'.'.join(self.new)} since {self.since}"


def renamed(place: Place, moves: Sequence[Move] = MOVES) -> str:
    """What to say about a key that nobody knows, if it had this name once; else ""."""
    for move in moves:
        if (new := move.to(place)) is not None:
            return f"is {'.'.join(new)} since {move.since}; `gatefw config migrate` moves it"
    return ""


def migrated(text: str, moves: Sequence[Move] = MOVES) -> tuple[str, list[Moved]]:
    """The text in today's layout, and what was moved. Raises SetupError for what only a person can move."""
    done: list[Moved] = []
    for move in moves:
        for place in _of(tomllib.loads(text), move.old):
            new = move.to(place)
            assert new is not None
            text = _moved(text, place, new)
            done.append(Moved(place, new, move.since))
    return text, done


def _of(table: dict[str, Any], pattern: Place) -> Iterator[Place]:
    """The places of a document that a pattern names."""
    name, rest = pattern[0], pattern[1:]
    for key in list(table) if name == ANY else [name] * (name in table):
        if not rest:
            yield (key,)
        elif isinstance(table[key], dict):
            yield from ((key, *inner) for inner in _of(table[key], rest))


def _moved(text: str, old: Place, new: Place) -> str:
    before = tomllib.loads(text)
    wanted = _transplanted(before, old, new)
    lines = text.split("\n")
    found = toml_document.lines_of(text)
    first = found[old] - 1
    is_table = isinstance(_at(before, old), dict)
    after = "\n".join(_headers(lines, old, new) if is_table else _key(lines, found, first, old, new))
    try:
        same = tomllib.loads(after) in (wanted, _pruned(wanted, old[:-1]))
    except tomllib.TOMLDecodeError:
        same = False
    if not same:
        raise SetupError(
            f"line {first + 1}: {'.'.join(old)} is {'.'.join(new)} now; it is written so that only you can move it"
        )
    return after


def _headers(lines: list[str], old: Place, new: Place) -> list[str]:
    """A table, and the tables within it, under another name."""
    header = re.compile(rf"^(\s*\[+\s*){re.escape('.'.join(old))}(?=[.\]\s])")
    return [header.sub(rf"\g<1>{'.'.join(new)}", line) for line in lines]


def _key(lines: list[str], found: dict[Place, int], first: int, old: Place, new: Place) -> list[str]:
    end = _end(lines, first)
    statement = [
        re.sub(rf"^(\s*){re.escape(old[-1])}(\s*=)", rf"\g<1>{new[-1]}\g<2>", lines[first]),
        *lines[first + 1 : end],
    ]
    if old[:-1] == new[:-1]:
        return lines[:first] + statement + lines[end:]
    rest = lines[:first] + lines[end:]
    if new[:-1] in found:
        header = found[new[:-1]]
        at = header - (end - first if header > first else 0)
        return rest[:at] + statement + rest[at:]
    return [*rest, f"[{'.'.join(new[:-1])}]", *statement, ""]


def _end(lines: list[str], first: int) -> int:
    """The line behind a statement."""
    for end in range(first + 1, len(lines) + 1):
        try:
            tomllib.loads("\n".join(lines[first:end]))
        except tomllib.TOMLDecodeError:
            continue
        return end
    raise AssertionError("a statement of a valid file ends")


def _transplanted(table: dict[str, Any], old: Place, new: Place) -> dict[str, Any]:
    """The document with one value in another place. Raises SetupError when there is one already."""
    after = copy.deepcopy(table)
    value = _at(after, old[:-1]).pop(old[-1])
    inner = after
    for name in new[:-1]:
        inner = inner.setdefault(name, {})
    if new[-1] in inner:
        raise SetupError(
            f"{'.'.join(old)} is {'.'.join(new)} now, and both are there; take away the one that is not meant"
        )
    inner[new[-1]] = value
    return after


def _pruned(table: dict[str, Any], place: Place) -> dict[str, Any]:
    """Without the tables on the way to `place` that hold nothing any more: they had no header of their own."""
    after = copy.deepcopy(table)
    while place and _at(after, place) == {}:
        del _at(after, place[:-1])[place[-1]]
        place = place[:-1]
    return after


def _at(table: dict[str, Any], place: Place) -> Any:
    value: Any = table
    for name in place:
        value = value[name]
    return value
