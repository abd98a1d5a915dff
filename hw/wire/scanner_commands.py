"""What serial code scanners are told and what they answer, by the conventions of two makers.

Newland     ~ SOH 0000 # TAGSUBdata ; ETX            answered: STX SOH 0000 # TAGSUBdata ACK ; ETX
            `#` is kept until power goes, `@` (never sent) for good; ENQ for ACK: unknown, NAK: out of range.
Honeywell   SYN M CR TAGSUBdata !                    answered: TAGSUBdata ACK !
            `!` is kept until power goes, `.` goes to a flash of few write cycles; it is sent with the question REVINF
            alone, which writes nothing. SYN T CR and SYN U CR, trigger on and off, are not answered.

Sources: the command chapters of both makers' user guides for the framing and the status characters, a recorded dialogue
of a Honeywell Voyager for REVINF; the single settings are partly from memory. No real scanner was ever tried.

A code that is scanned may hold any byte, those of an answer too. Answers therefore decide nothing but whether the
scanner is set up; a code that looks like one is lost, and it alone.
"""

import re
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

LIT_S = 5.0
"""So long the scanner looks for a code after one trigger; it then goes dark by itself."""
MAX_REPLY_BYTES = 2048
_STATUS = rb"[\x06\x05\x15]"
_BODY = re.compile(rb"[A-Z0-9_]{6,20}")
TAG_BYTES = 6


class Outcome(Enum):
    DONE = 0x06  # ACK
    UNKNOWN = 0x05  # ENQ
    REFUSED = 0x15  # NAK


@dataclass(frozen=True, slots=True)
class Answer:
    """`tag` is the six letters of the command, `text` what came with it: its value, or what was asked."""

    tag: bytes
    outcome: Outcome
    text: bytes = field(default=b"", repr=False)


class Answers(ABC):
    """Takes the answers out of what a scanner says; holds at most `MAX_REPLY_BYTES`, none longer than `gap_s`."""

    def __init__(self, gap_s: float) -> None:
        self.found: deque[Answer] = deque(maxlen=16)
        self._gap_s, self._held, self._last_s = gap_s, b"", 0.0

    def feed(self, data: bytes, now_s: float) -> bytes:
        """What in `data` is no answer: codes. `now_s` is when it was read, monotonic seconds."""
        if not data:
            return b""
        if now_s - self._last_s > self._gap_s:
            self._held = b""
        self._last_s = now_s
        self._held += data
        return self._sift()

    @abstractmethod
    def _sift(self) -> bytes:
        """Move whole answers from what is held to `found`, keep the beginning of one, return the rest."""


class Convention(Protocol):
    """How one maker's scanners are spoken to."""

    identify: bytes
    set_up: tuple[bytes, ...]
    answers_triggers: bool

    def command(self, body: bytes) -> bytes:
        """The bytes that tell a scanner `body`, until its power goes. Raises ValueError for what could not be sent."""
        ...

    def trigger(self, on: bool) -> bytes: ...

    def answers(self, gap_s: float) -> Answers:
        """A fresh reader of answers. After a silence of `gap_s` inside an answer, it was torn off and is forgotten."""
        ...


class _Newland:
    identify = b"QRYSYS"
    # AIM prefix; a terminator, CR; one code for each trigger, for 5 s at most
    set_up: tuple[bytes, ...] = (b"AIDENA1", b"TSUENA1", b"TSUSET0D", b"SCNMOD0", b"ORTSET5000")
    answers_triggers = True

    def command(self, body: bytes) -> bytes:
        return b"~\x010000#" + _checked(body) + b";\x03"

    def trigger(self, on: bool) -> bytes:
        return self.command(b"SCNTRG1" if on else b"SCNTRG0")

    def answers(self, gap_s: float) -> "Framed":
        return Framed(gap_s)


class _Honeywell:
    identify = b"REVINF"
    # AIM prefix and suffix CR for all symbologies (99); read when triggered over the line, for 5 s at most
    set_up: tuple[bytes, ...] = (b"PREBK2995C81", b"SUFBK2990D", b"TRGMOD0", b"TRGSTO5000")
    answers_triggers = False

    def command(self, body: bytes) -> bytes:
        return b"\x16M\r" + _checked(body) + (b"." if body == self.identify else b"!")

    def trigger(self, on: bool) -> bytes:
        return b"\x16T\r" if on else b"\x16U\r"

    def answers(self, gap_s: float) -> "Echoed":
        return Echoed(gap_s)


FAMILIES: dict[str, Convention] = {"newland": _Newland(), "honeywell": _Honeywell()}


def _checked(body: bytes) -> bytes:
    """Nothing in a command may end it early, or choose where it is kept."""
    if not _BODY.fullmatch(body):
        raise ValueError(f"scanner command {body!r}: A-Z, 0-9 and _ are wanted")
    return body


class Framed(Answers):
    """Answers that stand between STX SOH and `;` ETX, anywhere among the codes."""

    _begin, _end = b"\x02\x01", b";\x03"
    _form = re.compile(rb"\x02\x010000[@#]([A-Z0-9_]{6})(.*?)(" + _STATUS + rb");\x03", re.DOTALL)

    def _sift(self) -> bytes:
        codes, held = bytearray(), self._held
        while (begin := held.find(self._begin)) >= 0:
            codes += held[:begin]
            end = held.find(self._end, begin)
            if end < 0:
                whole = len(held) - begin <= MAX_REPLY_BYTES
                self._held = (
                    held[begin:] if whole else self._begin + held[-1:]
                )  # of what is too long, nothing comes out
                return bytes(codes)
            self._take(held[begin : end + 2])
            held = held[end + 2 :]
        keep = 1 if held.endswith(self._begin[:1]) else 0
        self._held = held[len(held) - keep :]
        return bytes(codes) + held[: len(held) - keep]

    def _take(self, answer: bytes) -> None:
        if matched := self._form.fullmatch(answer):
            self.found.append(Answer(matched[1], Outcome(matched[3][0]), matched[2]))


class Echoed(Answers):
    """Answers that are the command again, with a status before its last sign. Only while commands are being given."""

    _form = re.compile(rb"([A-Z0-9_]{6})[A-Z0-9_]{0,14}(" + _STATUS + rb")[.!]")

    def _sift(self) -> bytes:
        while matched := self._form.search(self._held):
            text = self._held[: matched.start()]
            self.found.append(Answer(matched[1], Outcome(matched[2][0]), text))
            self._held = self._held[matched.end() :]
        self._held = self._held[-MAX_REPLY_BYTES:]
        return b""
