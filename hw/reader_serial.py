"""A barcode or QR scanner (or a card reader that sends lines of text) on a serial port or USB CDC.

Set the scanner to continuous or presentation mode, to a CR, LF or CRLF terminator, and to "CDC", not "keyboard". It
cannot be asked who it is; sending more than any symbol holds without a terminator tells that it is something else.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from gatefw.errors import BadReply
from gatefw.model import Token
from gatefw.ports import Bound
from hw.link import Link, open_link
from hw.wire.ascii_scanner import Framer

_READ_BYTES = 4096


@dataclass(frozen=True)
class Settings:
    """`link` as in `hw.link`: `serial:/dev/serial/by-id/usb-...?baud=9600`."""

    link: str
    max_code_bytes: Annotated[int, Bound(64, 65536)] = 8192  # the largest QR code holds 7089 digits
    gap_s: Annotated[float, Bound(0.02, 2.0)] = 0.25  # a silence this long inside a code: it was torn off


def open(settings: Settings) -> "SerialReader":  # noqa: A001  the name every driver exports
    """The reader, with whatever was scanned before forgotten. Raises DeviceLost, SetupError (bad link URL)."""
    link = open_link(settings.link)
    try:
        link.flush_input()
    except BaseException:
        link.close()
        raise
    return SerialReader(settings, link)


class SerialReader:
    """A `TokenReader`. One thread reads and closes it."""

    def __init__(self, settings: Settings, link: Link, now_s: Callable[[], float] = time.monotonic) -> None:
        self._settings, self._link, self._now_s = settings, link, now_s
        self._framer = Framer(settings.max_code_bytes, settings.gap_s)
        self._read: deque[Token] = deque()  # codes of one read of the link: at most _READ_BYTES / 2

    def read(self, timeout_s: float) -> Token | None:
        deadline_s = self._now_s() + timeout_s
        while not self._read:
            data = self._link.read(_READ_BYTES, max(0.0, deadline_s - self._now_s()))
            overlong = self._framer.overlong
            self._read.extend(Token(code.payload, code.symbology) for code in self._framer.feed(data, self._now_s()))
            if self._framer.overlong > overlong:
                raise BadReply(
                    f"{self._settings.link}: over {self._settings.max_code_bytes} bytes without a terminator: "
                    "not a scanner, a wrong baud rate, or a scanner set to send no CR or LF"
                )
            if self._now_s() >= deadline_s:
                break
        return self._read.popleft() if self._read else None

    def close(self) -> None:
        self._link.close()
