"""A barcode or QR scanner (or a card reader that sends lines of text) on a serial port or USB CDC.

`family = "plain"`: nothing is sent to it. Set it to continuous or presentation mode, to a CR, LF or CRLF terminator,
and to "CDC", not "keyboard". It cannot be asked who it is; sending more than any symbol holds without a terminator
tells that it is something else.

`family = "newland"` or `"honeywell"`: it is asked who it is and set up each time it is opened, in its volatile memory
alone, and lit only while it is triggered: by the lane, while that is idle. A trigger is a lease: the scanner goes dark
by itself when nobody renews it. `hw.wire.scanner_commands` says how far these conventions can be trusted.
"""

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

from gatefw.errors import BadReply, WrongDevice
from gatefw.model import Token
from gatefw.ports import Bound
from hw.link import Link, open_link
from hw.wire import scrub
from hw.wire.ascii_scanner import Framer
from hw.wire.scanner_commands import FAMILIES, LIT_S, TAG_BYTES, Answer, Answers, Convention, Outcome

RENEW_S = 2.0  # well within LIT_S
_READ_BYTES = 4096


@dataclass(frozen=True)
class Settings:
    """`link` as in `hw.link`: `serial:/dev/serial/by-id/usb-...?baud=9600`. `product`: words that a scanner which can
    be asked must use of itself; another one in its place is refused."""

    link: str
    family: Literal["plain", "newland", "honeywell"] = "plain"
    product: str = ""
    reply_s: Annotated[float, Bound(0.2, 30.0)] = 3.0
    max_code_bytes: Annotated[int, Bound(64, 65536)] = 8192  # the largest QR code holds 7089 digits
    gap_s: Annotated[float, Bound(0.02, 2.0)] = 0.25  # a silence this long inside a code: it was torn off


def scrubber() -> scrub.Scrub:
    """For a recording of its wire. Codes are hidden, what the scanner is told and answers is not."""
    return scrub.Codes()


def open(settings: Settings) -> "SerialReader":  # noqa: A001  the name every driver exports
    """The reader, with whatever was scanned before forgotten; one with a family dark, and proven to be of it.

    Raises DeviceLost, SetupError (bad link URL), WrongDevice (it gives no answer of its family within `reply_s`, calls
    itself something else, or does not take a setting).
    """
    link = open_link(settings.link)
    try:
        link.flush_input()
        if settings.family == "plain":
            return SerialReader(settings, link)
        return TriggeredReader(settings, link, FAMILIES[settings.family])
    except BaseException:
        link.close()
        raise


class SerialReader:
    """A `TokenReader`. One thread reads and closes it."""

    def __init__(self, settings: Settings, link: Link, now_s: Callable[[], float] = time.monotonic) -> None:
        self._settings, self._link, self._now_s = settings, link, now_s
        self._framer = Framer(settings.max_code_bytes, settings.gap_s)
        self._read: deque[Token] = deque()  # codes of one read of the link: at most _READ_BYTES / 2

    def read(self, timeout_s: float) -> Token | None:
        deadline_s = self._now_s() + timeout_s
        while not self._read:
            until_s = min(deadline_s, self._kept_until_s())
            data = self._link.read(_READ_BYTES, max(0.0, until_s - self._now_s()))
            overlong = self._framer.overlong
            found = self._framer.feed(self._codes_in(data), self._now_s())
            self._read.extend(Token(code.payload, code.symbology) for code in found)
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

    def _kept_until_s(self) -> float:
        """Do what keeps the scanner reading; when that is to be done again."""
        return math.inf

    def _codes_in(self, data: bytes) -> bytes:
        return data


class TriggeredReader(SerialReader):
    """A `TokenReader` that is `Triggered`, and knows who it is."""

    def __init__(
        self, settings: Settings, link: Link, convention: Convention, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(settings, link, now_s)
        self._convention = convention
        self._answers: Answers = convention.answers(settings.gap_s)
        self._on, self._renew_s = False, math.inf
        self._told = False  # a trigger, which it has not answered yet
        self._prove()

    def trigger(self, on: bool) -> None:
        self._on, self._told = on, True
        self._link.write(self._convention.trigger(on))
        self._renew_s = self._now_s() + RENEW_S if on else math.inf

    def read(self, timeout_s: float) -> Token | None:
        token = super().read(timeout_s)
        if token is not None and self._on:
            self._renew_s = -math.inf  # it went dark with this code
        return token

    def _kept_until_s(self) -> float:
        if self._on and self._now_s() >= self._renew_s:
            self.trigger(True)
        return self._renew_s

    def _codes_in(self, data: bytes) -> bytes:
        if not self._convention.answers_triggers:
            return data
        codes = self._answers.feed(data, self._now_s())
        while self._answers.found:
            answer, told = self._answers.found.popleft(), self._told
            self._told = False
            if told and answer.outcome is not Outcome.DONE:  # else somebody shows a code that looks like an answer
                raise BadReply(f"{self._settings.link}: the scanner does not take {answer.tag.decode()} any more")
        return codes

    def _prove(self) -> None:
        """Ask who it is, darken it and set it up."""
        where, family = self._settings.link, self._settings.family
        said = self._ask(self._convention.identify)
        if self._settings.product.encode() not in said.text:
            raise WrongDevice(
                f"{where}: a {family} scanner answers, but does not call itself {self._settings.product!r}: another "
                "model is plugged in here, or correct `product` in the lane file"
            )
        for body in self._convention.set_up:
            if self._ask(body).outcome is not Outcome.DONE:
                raise WrongDevice(f"{where}: this {family} scanner does not take the setting {body.decode()}")
        self._link.write(self._convention.trigger(False))

    def _ask(self, body: bytes) -> Answer:
        """The answer to one command; codes that come in between are of before, and forgotten."""
        self._link.write(self._convention.command(body))
        heard, deadline_s = 0, self._now_s() + self._settings.reply_s
        while (left_s := deadline_s - self._now_s()) > 0:
            data = self._link.read(_READ_BYTES, left_s)
            heard += len(data)
            self._answers.feed(data, self._now_s())
            while self._answers.found:
                answer = self._answers.found.popleft()
                if answer.tag == body[:TAG_BYTES]:
                    return answer
        raise WrongDevice(
            f"{self._settings.link}: no answer of a {self._settings.family} scanner to {body.decode()} in "
            f"{self._settings.reply_s:g} s, but {heard} bytes of something else: another device is plugged in here, it "
            "is switched to keyboard mode, or its baud rate is not the link's"
        )


assert LIT_S > 2 * RENEW_S
