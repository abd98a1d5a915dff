"""What a chip, or whoever sits between it and the reader, does wrong: each is a `Fault` of `hw.sim.chip`."""

from collections.abc import Callable

from hw.sim.chip import Fault


class TornOff(Exception):
    """The document left the reader's field while a command was on its way."""


def torn_off(after: int) -> Fault:
    """The document is taken away after so many commands."""

    def fault(number: int, _command: bytes, answer: bytes) -> bytes:
        if number >= after:
            raise TornOff
        return answer

    return fault


def altered(at: int, byte: int, mask: int = 0x01) -> Fault:
    """One byte of the answer to command `at` comes over wrong; `byte` counts around, `mask` says which bits."""

    def fault(number: int, _command: bytes, answer: bytes) -> bytes:
        if number != at:
            return answer
        place = byte % len(answer)
        return answer[:place] + bytes([answer[place] ^ mask]) + answer[place + 1 :]

    return fault


def replayed(at: int) -> Fault:
    """Command `at` is answered with what the one before it was answered: an old counter."""
    last = b""

    def fault(number: int, _command: bytes, answer: bytes) -> bytes:
        nonlocal last
        sent, last = (last if number == at else answer), answer
        return sent

    return fault


def garbage(at: int, said: bytes) -> Fault:
    """Command `at` is answered with these bytes."""

    def fault(number: int, _command: bytes, answer: bytes) -> bytes:
        return said if number == at else answer

    return fault


def slow(wait: Callable[[], object]) -> Fault:
    """`wait` is called before every answer."""

    def fault(_number: int, _command: bytes, answer: bytes) -> bytes:
        wait()
        return answer

    return fault
