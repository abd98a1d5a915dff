"""What a serial receiver makes of a line that is not as it should be: another symbol rate, or its two wires exchanged.

Bits are laid out as they go over the line (start, eight data bits, the lowest first, stop) and sampled as a receiver
does it: from a falling edge on, in the middle of each of its own bits. It keeps what it read although the stop bit was
wrong, as Linux does without INPCK.
"""

import termios

_RATES = {getattr(termios, name): int(name[1:]) for name in dir(termios) if name[0] == "B" and name[1:].isdecimal()}
_BITS = 10
BREAK = b"\0"
"""What Linux reads where the line goes to space and stays there."""


def rate_of(descriptor: int, else_: int) -> int:
    """The symbol rate that the program at the other end of this pseudo-terminal has set; `else_` for an odd one."""
    speed = termios.tcgetattr(descriptor)[4]
    return _RATES.get(speed, else_)


def received(data: bytes, sent_baud: int, read_baud: int, *, inverted: bool = False) -> bytes:
    """What is read of `data`, sent without a gap. inverted: the line rests at space, and marks are spaces."""
    if sent_baud == read_baud and not inverted:
        return data
    bits = [bit is not inverted for byte in data for bit in _frame(byte)]
    return bytes(_sampled(bits, sent_baud / read_baud, rests=not inverted))


def _frame(byte: int) -> list[bool]:
    return [False, *(bool(byte >> at & 1) for at in range(8)), True]


def _sampled(bits: list[bool], step: float, rests: bool) -> list[int]:
    """`step`: how many bits of the line pass in one of the receiver's; after the last one the line rests."""

    def level(at: float) -> bool:
        return bits[int(at)] if at < len(bits) else rests

    read, at, marks = [], 0.0, rests
    while at < len(bits):
        if not marks or level(at):  # waits for a mark, then for its end
            marks = marks or level(at)
            at = float(int(at) + 1)
            continue
        byte = sum(level(at + (bit + 1.5) * step) << bit for bit in range(8))
        read.append(byte)
        at += (_BITS - 0.5) * step
        marks = level(at)
    return read
