"""What a card reader with a keypad reads, over OSDP: raw card bits and keys (IEC 60839-11-5: osdp_RAW, osdp_KEYPAD).

A card is the same card whatever format code its reader puts beside its bits, and whatever fills the last byte up; an
entry at a keypad is what stands before `#`. Cards and entries become texts that are the same each time, so that they
can be looked up: `card:26:01020340`, `keys:4711`.
"""

import re
from dataclasses import dataclass, field

CARD_BITS_MIN, CARD_BITS_MAX = 8, 512
"""Fewer bits are noise on a card coil; more than 64 bytes are in no answer of a reader."""

_ENTER, _CLEAR = b"\r#", b"\x7f*"  # as the standard codes them, and as some readers send them
_CARD = re.compile(rb"card:([1-9][0-9]{0,2}):([0-9A-F]{2,128})")


@dataclass(frozen=True, slots=True)
class Card:
    """`bits` of a card, from the left; what is right of them in the last byte is zero. Personal data."""

    bits: int
    data: bytes = field(repr=False)

    def text(self) -> bytes:
        return b"card:%d:%s" % (self.bits, self.data.hex().upper().encode("ascii"))


def card(bits: int, data: bytes) -> Card:
    """The card that a reader reports. Raises ValueError: too few, too many, or not as many bytes as the bits need."""
    if not CARD_BITS_MIN <= bits <= CARD_BITS_MAX:
        raise ValueError(f"a card of {bits} bits: wanted are {CARD_BITS_MIN} to {CARD_BITS_MAX}")
    if len(data) != (bits + 7) // 8:
        raise ValueError(f"a card of {bits} bits in {len(data)} bytes")
    unused = -bits % 8
    return Card(bits, data[:-1] + bytes((data[-1] >> unused << unused,)))


def parse_card(text: bytes) -> Card:
    """The card behind its text. Raises ValueError for a text that `Card.text` would not write."""
    matched = _CARD.fullmatch(text)
    found = card(int(matched[1]), bytes.fromhex(matched[2].decode("ascii"))) if matched else None
    if found is None or found.text() != text:
        raise ValueError("not a card: card:BITS:HEX is wanted, unused bits zero")
    return found


class Keypad:
    """Gathers the keys that a reader reports into entries, and forgets what nobody finished.

    Digits up to `#` are an entry. `*`, any other key, and a pause of `gap_s` seconds drop what was keyed so far: the
    rest of one traveller's entry must not become the beginning of the next one's. Of an entry of more than `max_keys`
    digits nothing comes out.
    """

    def __init__(self, max_keys: int, gap_s: float) -> None:
        self._max_keys, self._gap_s = max_keys, gap_s
        self._keyed = bytearray()
        self._too_many = False
        self._last_key_s = 0.0

    def feed(self, keys: bytes, now_s: float) -> list[bytes]:
        """The entries that these keys complete, as texts. `now_s` is when they were reported, monotonic seconds."""
        if not keys:
            return []
        if now_s - self._last_key_s > self._gap_s:
            self.clear()
        self._last_key_s = now_s
        return [entry for key in keys if (entry := self._key(key))]

    def clear(self) -> None:
        self._keyed.clear()
        self._too_many = False

    def __len__(self) -> int:
        return len(self._keyed)

    def _key(self, key: int) -> bytes:
        if key in b"0123456789":
            self._too_many |= len(self._keyed) >= self._max_keys
            if not self._too_many:
                self._keyed.append(key)
            return b""
        entry = b"keys:" + self._keyed if key in _ENTER and self._keyed and not self._too_many else b""
        self.clear()
        return entry
