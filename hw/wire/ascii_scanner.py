"""Barcode scanners that send lines of text: a code, then CR, LF or CRLF, perhaps an AIM symbology prefix before it.

Newland, Honeywell, Zebra, Datalogic and others do so when set to "CDC" or "RS-232" and a terminator; nothing is sent to
them. AIM prefix: ISO/IEC 15424 (`]`, a letter for the symbology, a character for its options: `]Q1` is a QR code).

Three traps of this format, each of which would let one code be taken for another:
  * a code torn off by a reset or a pulled plug must not be glued to the next one: a gap between bytes ends it, unread;
  * the gap is counted from the last byte, not from the last call: an empty read says nothing;
  * of a code that is too long nothing may come out, its tail neither: all is discarded until the terminator.
"""

from dataclasses import dataclass, field

_MODIFIERS = [b"%X" % value for value in range(16)]


@dataclass(frozen=True, slots=True)
class Code:
    """What one scan sent, without prefix and terminator. Personal data, so kept out of `repr`."""

    payload: bytes = field(repr=False)
    symbology: str = ""


def encode(code: Code, terminator: bytes = b"\r") -> bytes:
    """The bytes by which a scanner sends a code: what a simulated scanner says."""
    return code.symbology.encode("ascii") + code.payload + terminator


class Framer:
    """Cuts a stream of bytes into codes. Holds at most `max_code_bytes`, whatever comes in.

    `gap_s` is the longest silence inside one code. `overlong` counts codes that were discarded for their length: no
    symbol is that long, so they come from something that is not this scanner, or from a wrong baud rate.
    """

    def __init__(self, max_code_bytes: int, gap_s: float) -> None:
        self.overlong = 0
        self._max_code_bytes, self._gap_s = max_code_bytes, gap_s
        self._code = bytearray()
        self._discarding = False
        self._last_byte_s = 0.0

    def feed(self, data: bytes, now_s: float) -> list[Code]:
        """The codes that `data` completes. `now_s` is when it was read, monotonic seconds."""
        if not data:
            return []
        if now_s - self._last_byte_s > self._gap_s:
            self._begin()
        self._last_byte_s = now_s
        codes = []
        *complete, rest = data.replace(b"\n", b"\r").split(b"\r")
        for part in complete:
            self._take(part)
            if self._code:
                codes.append(_without_prefix(bytes(self._code)))
            self._begin()
        self._take(rest)
        return codes

    def _begin(self) -> None:
        self._code.clear()
        self._discarding = False

    def _take(self, part: bytes) -> None:
        if self._discarding:
            return
        if len(self._code) + len(part) > self._max_code_bytes:
            self._code.clear()
            self._discarding = True
            self.overlong += 1
        else:
            self._code += part


def _without_prefix(line: bytes) -> Code:
    if line[:1] == b"]" and line[1:2].isalpha() and line[2:3] in _MODIFIERS:
        return Code(line[3:], line[:3].decode("ascii"))
    return Code(line)
