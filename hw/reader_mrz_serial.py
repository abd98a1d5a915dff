"""A swipe or OCR reader for the machine readable zone of travel documents, on a serial port or USB CDC.

Set it to send the zone as it is, each line followed by CR, LF or CRLF, and to "CDC", not "keyboard". It cannot be asked
who it is; many lines with signs that no zone has, or one of more than any zone's length, tell that something else is
plugged in. A few such lines are a document that cannot be read, and are dropped: no worn document loses the reader.
Made from what such readers' manuals have in common; no real one was met.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from gatefw.errors import BadReply, WrongDevice
from gatefw.model import Token
from gatefw.ports import Bound
from hw.link import Link, open_link
from hw.wire import scrub
from hw.wire.mrz_reader import MAX_LINE_BYTES, Framer

FOREIGN_LINES = 15  # without a zone among them: five swipes of a document of three lines
_READ_BYTES = 1024


@dataclass(frozen=True)
class Settings:
    """`link` as in `hw.link`: `serial:/dev/serial/by-id/usb-...?baud=9600`."""

    link: str
    gap_s: Annotated[float, Bound(0.05, 5.0)] = 0.5  # a silence this long inside a zone: it was torn off


def scrubber() -> scrub.Scrub:
    """For a recording of its wire. Every sign of a zone is hidden."""
    return scrub.zones()


def open(settings: Settings) -> "MrzReader":  # noqa: A001  the name every driver exports
    """The reader, with whatever was read before forgotten. Raises DeviceLost, SetupError (bad link URL)."""
    link = open_link(settings.link)
    try:
        link.flush_input()
    except BaseException:
        link.close()
        raise
    return MrzReader(settings, link)


class MrzReader:
    """A `TokenReader` whose tokens are zones: lines joined by line feeds. One thread uses it."""

    def __init__(self, settings: Settings, link: Link, now_s: Callable[[], float] = time.monotonic) -> None:
        self._settings, self._link, self._now_s = settings, link, now_s
        self._framer = Framer(settings.gap_s)
        self._read: deque[Token] = deque()  # zones of one read of the link: at most _READ_BYTES / 2
        self._excused = 0  # foreign lines before the newest zone

    def read(self, timeout_s: float) -> Token | None:
        deadline_s = self._now_s() + timeout_s
        while not self._read:
            data = self._link.read(_READ_BYTES, max(0.0, deadline_s - self._now_s()))
            self._read.extend(Token(zone) for zone in self._framer.feed(data, self._now_s()))
            if self._read:
                self._excused = self._framer.foreign
            self._look_who_it_is()
            if self._now_s() >= deadline_s:
                break
        return self._read.popleft() if self._read else None

    def close(self) -> None:
        self._link.close()

    def _look_who_it_is(self) -> None:
        if self._framer.overlong:
            raise BadReply(
                f"{self._settings.link}: over {MAX_LINE_BYTES} bytes without a terminator: not a reader of machine "
                "readable zones, a wrong baud rate, or one that is set to send no CR or LF"
            )
        if (foreign := self._framer.foreign - self._excused) > FOREIGN_LINES:
            raise WrongDevice(
                f"{self._settings.link}: sent {foreign} lines with signs that no machine readable zone has, and no "
                "zone: look what is plugged in there, and whether it is set to send the zone as it is, without a prefix"
            )
