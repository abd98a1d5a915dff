"""Fuzz targets of OSDP: cards and keys as a reader reports them, and noise where a reader's answers should be."""

from collections.abc import Callable

import osdp_sys

from hw.osdp_session import Session
from hw.wire.osdp_frames import FRAME_BYTES_MAX, Splitter, with_crc
from hw.wire.osdp_input import CARD_BITS_MAX, Keypad, card, parse_card

_KEYS_MAX = 8


def keypad(pieces: list[bytes]) -> None:
    """Whole entries of digits, and never more held than one."""
    pad = Keypad(_KEYS_MAX, 5.0)
    for now_s, piece in enumerate(pieces):
        for entry in pad.feed(piece, float(now_s)):
            assert entry.startswith(b"keys:")
            assert entry[5:].isdigit()
            assert len(entry) <= 5 + _KEYS_MAX
        assert len(pad) <= _KEYS_MAX


def cards(pieces: list[bytes]) -> None:
    """Refused with a ValueError, or a text that is the card's only one."""
    for piece in pieces:
        try:
            found = card(int.from_bytes(piece[:2], "big") % (2 * CARD_BITS_MAX), piece[2:])
        except ValueError:
            continue
        assert parse_card(found.text()) == found


def card_texts(pieces: list[bytes]) -> None:
    told = b"".join(pieces)
    try:
        found = parse_card(told)
    except ValueError:
        return
    assert found.text() == told


class _Noise:
    """A link whose device says these pieces, one a turn."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = iter(pieces)

    def read(self, max_bytes: int, timeout_s: float) -> bytes:
        return next(self._pieces, b"")[:max_bytes]

    def write(self, data: bytes) -> None:
        pass

    def flush_input(self) -> None:
        pass

    def close(self) -> None:
        pass


def answers(pieces: list[bytes]) -> None:
    """Nobody is believed for noise, and no buffer grows."""
    session = Session(_Noise(pieces), 0, bytes(range(16)))
    for _ in pieces:
        assert session.turn() == []
        assert not session.secure
        assert len(session._wire._inbox) <= FRAME_BYTES_MAX


def frames(pieces: list[bytes]) -> None:
    """Whole frames only, the same however the bytes were cut, and never more held than one."""
    splitter, found = Splitter(), []
    for piece in pieces:
        found += splitter.feed(piece)
        assert len(splitter) < FRAME_BYTES_MAX
    assert found == Splitter().feed(b"".join(pieces))
    assert b"".join(found) in b"".join(pieces) or len(found) > 1


TARGETS: dict[str, Callable[[list[bytes]], None]] = {
    "osdp keypad": keypad,
    "osdp cards": cards,
    "osdp card texts": card_texts,
    "osdp frames": frames,
    "osdp answers": answers,
}
_ANSWERS = [  # of libosdp's own reader: who it is, what it can, and that it refuses
    bytes.fromhex("538514000445bebafe0101efbeaddeaddeaded64"),
    bytes.fromhex("5385290005460101020201020301000401010501010601010801000901000a00010d0101100200aa6c"),
    with_crc(bytes.fromhex("538009000441" + "05")),
]
SEEDS: dict[str, list[bytes]] = {
    "osdp keypad": [b"4711\r", b"47*11#", b"1\x7f2\r#"],
    "osdp cards": [bytes.fromhex("001a01020340"), bytes.fromhex("003804a1b2c3d4e5f6")],
    "osdp card texts": [b"card:26:01020340", b"card:56:04A1B2C3D4E5F6"],
    "osdp frames": _ANSWERS,
    "osdp answers": _ANSWERS,
}
osdp_sys.set_loglevel(osdp_sys.LOG_EMERG)
