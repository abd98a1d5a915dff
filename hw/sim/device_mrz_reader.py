"""A reader of machine readable zones on a line: says the zone that is swiped through it, well or badly.

Options: `terminator` (CR), `framed` (STX before and ETX after a zone). Acts:

    swipe    {"lines": "P<UTO...\\nL898..."}            the zone as it is
    misread  {"lines": ..., "at": 46, "sign": "O"}      one sign taken for another
    skid     {"lines": ..., "at": 46}                   one sign lost: the line comes out too short
    present  {"code": b"P<UTO..."}                      somebody swipes it: `World.present`
"""

import math
from collections.abc import Mapping
from typing import Any

from hw.wire.mrz_reader import encode


class MrzReader:
    """A `LineDevice`."""

    def __init__(self, terminator: str = "\r", framed: bool = False) -> None:
        if terminator not in ("\r", "\n", "\r\n") or not isinstance(framed, bool):
            raise ValueError("terminator is CR, LF or CRLF; framed is true or false")
        self._terminator, self._framed = terminator.encode(), framed
        self._says = b""

    def receive(self, data: bytes, now_s: float) -> None:
        """It cannot be told anything."""

    def advance(self, now_s: float) -> bytes:  # noqa: ARG002  as every device; this one has no clock
        said, self._says = self._says, b""
        return said

    def next_s(self) -> float:
        return -math.inf if self._says else math.inf

    def power_up(self, now_s: float) -> None:  # noqa: ARG002
        self._says = b""

    def act(self, what: str, given: Mapping[str, Any], now_s: float) -> None:  # noqa: ARG002
        if what == "present":
            what, given = "swipe", {"lines": given["code"].decode("latin-1")}
        lines, at, sign = given.get("lines"), given.get("at", 0), given.get("sign", "O")
        if not isinstance(lines, str) or not isinstance(at, int) or not isinstance(sign, str):
            raise ValueError(f"{what} takes lines (a text), at (a number) and sign (a text)")
        match what:
            case "swipe":
                seen = lines
            case "misread":
                seen = lines[:at] + sign[:1] + lines[at + 1 :]
            case "skid":
                seen = lines[:at] + lines[at + 1 :]
            case _:
                raise ValueError(f"{what!r} is nothing that happens to such a reader: swipe, misread or skid")
        self._says += encode(seen.encode(), self._terminator, self._framed)


def make(options: Mapping[str, Any], world: object) -> MrzReader:  # noqa: ARG001  nobody swipes by himself
    """Raises ValueError, TypeError for an option it does not know."""
    return MrzReader(**options)
