"""Readers of machine readable zones, swiped or by camera, that send the lines they saw: text, CR or LF after each line.

Access-IS, Desko, Elyctis and others do so when set to "CDC" or "RS-232"; STX and ETX around a zone are taken too.
Nothing is sent to them. How many lines belong together is told by the length of the first: 3 of 30, 2 of 36, 2 of 44.

What a reader misread is handed on as it is, so that the traveller is told to try again; whether a zone holds together
is asked elsewhere (`hw.wire.mrz`), and nothing is repaired. Traps, as with bar codes: a zone torn off by a pulled plug
must not be glued to the next (a gap ends it, unread), and of a line that is too long nothing comes out.
"""

import re

from hw.wire.mrz import FORMATS

MAX_LINE_BYTES = 64
_COUNTS = {width: count for count, width in FORMATS.values()}
_ZONE_LINE = re.compile(rb"[A-Z0-9<]+")


def encode(lines: bytes, terminator: bytes = b"\r", framed: bool = False) -> bytes:
    """The bytes by which a reader sends a zone (its lines joined by line feeds): what a simulated reader says."""
    sent = b"".join(line + terminator for line in lines.split(b"\n"))
    return b"\x02" + sent + b"\x03" if framed else sent


class Framer:
    """Cuts a stream of bytes into zones, lines joined by line feeds. Holds at most three lines, whatever comes in.

    `gap_s` is the longest silence inside one zone. `overlong` counts lines that were discarded for their length:
    they come from something that is no such reader. `foreign` those with signs that no zone has: many of them do, a few
    are a worn document, whose unreadable signs some readers send as `?`.
    """

    def __init__(self, gap_s: float) -> None:
        self.overlong = self.foreign = 0
        self._gap_s, self._last_byte_s = gap_s, 0.0
        self._line = bytearray()
        self._lines: list[bytes] = []
        self._discarding = False

    @property
    def held_bytes(self) -> int:
        """How much is waiting for its end."""
        return len(self._line) + sum(map(len, self._lines))

    def feed(self, data: bytes, now_s: float) -> list[bytes]:
        """The zones that `data` completes. `now_s` is when it was read, monotonic seconds."""
        if not data:
            return []
        if now_s - self._last_byte_s > self._gap_s:
            self._forget()
        self._last_byte_s = now_s
        zones = []
        *complete, rest = re.split(rb"[\r\n\x02\x03]", data)
        for part in complete:
            self._take(part)
            zone = self._end_of_line()
            if zone:
                zones.append(zone)
        self._take(rest)
        return zones

    def _forget(self) -> None:
        self._line.clear()
        self._lines.clear()
        self._discarding = False

    def _take(self, part: bytes) -> None:
        if self._discarding:
            return
        if len(self._line) + len(part) > MAX_LINE_BYTES:
            self._forget()
            self._discarding = True
            self.overlong += 1
        else:
            self._line += part

    def _end_of_line(self) -> bytes:
        """The zone that ends with this line, or nothing yet."""
        line, self._discarding = bytes(self._line), False
        self._line.clear()
        if not line:
            return b""
        if not _ZONE_LINE.fullmatch(line):
            self._lines.clear()
            self.foreign += 1
            return b""
        self._lines.append(line)
        count = _COUNTS.get(len(self._lines[0]))
        whole = count is None or len(line) != len(self._lines[0]) or len(self._lines) == count
        if not whole:
            return b""
        zone = b"\n".join(self._lines)
        self._lines.clear()
        return zone
