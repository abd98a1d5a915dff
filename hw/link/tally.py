"""What a port has said and heard since it was opened, counted and not kept: how a line is bad shows in it.

A pair that is exchanged brings a break for each turn of the line and nothing else, another symbol rate bytes that no
text holds, a scanner without terminator text without an end. Read by any thread; what was said is in none of it.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

_TEXT = bytes((*range(0x20, 0x7F), 0x0A, 0x0D))
_ENDS = b"\r\n"


@dataclass(slots=True)
class Tally:
    """Of one opening. turns: how often something was said; zeros, text, ends: of the bytes heard, those that are 0,
    printable (with CR and LF), CR or LF.
    """

    since_s: float = field(default_factory=time.monotonic)
    turns: int = 0
    heard: int = 0
    zeros: int = 0
    text: int = 0
    ends: int = 0

    def says(self) -> None:
        self.turns += 1

    def hears(self, data: bytes) -> None:
        self.heard += len(data)
        self.zeros += data.count(0)
        self.text += len(data) - len(data.translate(None, _TEXT))
        self.ends += len(data) - len(data.translate(None, _ENDS))

    def to_json(self) -> dict[str, object]:
        counts = {name: getattr(self, name) for name in ("turns", "heard", "zeros", "text", "ends")}
        return {"open_s": round(time.monotonic() - self.since_s, 1), **counts}


_of: dict[str, tuple[Tally, Tally]] = {}
"""Of each path, the tallies of its last opening and of the fullest one before."""


def begin(path: str) -> Tally:
    """A port is open, from now on counted anew."""
    new = Tally()
    _of[path] = (new, _fuller(path))
    return new


def of(path: str) -> Mapping[str, object]:
    """What there is to tell of a port; until as much has happened on it as the time before, how it was then."""
    return _fuller(path).to_json() if path in _of else {}


def _fuller(path: str) -> Tally:
    last, before = _of.get(path, (Tally(), Tally()))
    return last if last.turns + last.heard >= before.turns + before.heard else before
