"""Commands to a chip and its answers (ISO/IEC 7816-3, 12.1; ICAO 9303-10, 3.6)."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import TypeVar

from hw.wire.emrtd.refusal import unreadable

OK = 0x9000
NOT_FOUND = 0x6A82
WRONG_KEY = frozenset((*range(0x6300, 0x6400), 0x6982, 0x6988))
"""How chips say that a proof of the printed key is wrong: 6300 in the standard, some as they do to any bad security."""

MAX_ANSWER_BYTES = 65536 + 2

T = TypeVar("T")
Dialogue = Generator[bytes, bytes, T]
"""Yields a command's bytes, is sent its answer's, and returns what came of it; raises ChipRefused."""
Chance = Callable[[int], bytes]
"""So many random bytes, fit for keys."""


@dataclass(frozen=True, slots=True)
class Command:
    """`le` is the largest answer wanted, 1 to 65536 bytes; None wants no data. `data` is at most 65535 bytes long."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = field(default=b"", repr=False)
    le: int | None = None

    @property
    def header(self) -> bytes:
        return bytes((self.cla, self.ins, self.p1, self.p2))

    def encode(self) -> bytes:
        """The bytes of the command; with extended lengths only where short ones do not hold it."""
        if len(self.data) <= 0xFF and (self.le or 0) <= 0x100:
            body = bytes([len(self.data)]) + self.data if self.data else b""
            return self.header + body + (b"" if self.le is None else bytes([self.le & 0xFF]))
        body = len(self.data).to_bytes(2, "big") + self.data if self.data else b""
        return self.header + b"\x00" + body + (b"" if self.le is None else (self.le & 0xFFFF).to_bytes(2, "big"))


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` is SW1-SW2."""

    data: bytes = field(repr=False)
    status: int

    @classmethod
    def parse(cls, answer: bytes) -> "Answer":
        """Raises ChipRefused: no status, or longer than any answer."""
        if not 2 <= len(answer) <= MAX_ANSWER_BYTES:
            raise unreadable(f"an answer of {len(answer)} bytes")
        return cls(answer[:-2], int.from_bytes(answer[-2:], "big"))

    def expect_ok(self, asked: str) -> bytes:
        """The data of an answer that says 9000. Raises ChipRefused with what was asked."""
        if self.status != OK:
            raise unreadable(f"{asked}: answered {self.status:04X}")
        return self.data


def select_file(file_id: int) -> Command:
    return Command(0x00, 0xA4, 0x02, 0x0C, file_id.to_bytes(2, "big"))


SELECT_APPLICATION = Command(0x00, 0xA4, 0x04, 0x0C, bytes.fromhex("A0000002471001"))


def plain(command: Command) -> Dialogue[Answer]:
    """One command in the open."""
    return Answer.parse((yield command.encode()))
