"""CBOR in its deterministic form (RFC 8949, 4.2.1): one spelling for each value, and no other is read.

What signed tokens and letters to authorities need and nothing more: whole numbers, byte strings, texts, arrays, maps
and tags. No floats, no simple values, no indefinite lengths. A reader that takes one spelling alone cannot be shown the
same token in another.
"""

from dataclasses import dataclass

MAX_BYTES = 1024
MAX_DEPTH = 4
_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(8)
_WIDTHS = {24: 1, 25: 2, 26: 4, 27: 8}


@dataclass(frozen=True, slots=True)
class Tagged:
    """A value with a tag (RFC 8949, 3.4)."""

    tag: int
    value: "Value"


Value = int | bytes | str | tuple["Value", ...] | dict["Value", "Value"] | Tagged


class NotCbor(ValueError):
    """The bytes are no deterministic CBOR of the kinds above. The message names the rule, never the content."""


def decode(data: bytes, most_bytes: int = MAX_BYTES) -> Value:
    """The one value that `data` holds, all of it: so many bytes at most, `MAX_DEPTH` levels. Raises NotCbor."""
    if len(data) > most_bytes:
        raise NotCbor(f"{len(data)} bytes; at most {most_bytes} are read")
    reading = _Reading(data)
    value = reading.value(MAX_DEPTH)
    if reading.at != len(data):
        raise NotCbor(f"{len(data) - reading.at} bytes follow the value")
    return value


def encode(value: Value) -> bytes:
    """The one spelling of `value`; map keys in the order of their own spellings. Raises NotCbor for other types."""
    match value:
        case bool():
            raise NotCbor("a truth value cannot be written")
        case int():
            return _head(_UNSIGNED, value) if value >= 0 else _head(_NEGATIVE, -1 - value)
        case bytes():
            return _head(_BYTES, len(value)) + value
        case str():
            spelt = value.encode()
            return _head(_TEXT, len(spelt)) + spelt
        case tuple():
            return _head(_ARRAY, len(value)) + b"".join(map(encode, value))
        case dict():
            entries = sorted((encode(key), encode(inner)) for key, inner in value.items())
            return _head(_MAP, len(entries)) + b"".join(key + inner for key, inner in entries)
        case Tagged(tag, inner):
            return _head(_TAG, tag) + encode(inner)
    raise NotCbor(f"a {type(value).__name__} cannot be written")


def _head(kind: int, number: int) -> bytes:
    if not 0 <= number < 1 << 64:
        raise NotCbor("a number does not fit into 64 bits")
    if number < 24:
        return bytes((kind << 5 | number,))
    code = next(code for code, width in _WIDTHS.items() if number < 1 << 8 * width)
    return bytes((kind << 5 | code,)) + number.to_bytes(_WIDTHS[code], "big")


class _Reading:
    """One pass over the bytes. Every length is held against what is left before anything is taken."""

    def __init__(self, data: bytes) -> None:
        self._data, self.at = data, 0

    def value(self, depth: int) -> Value:
        if depth == 0:
            raise NotCbor(f"nested deeper than {MAX_DEPTH}")
        kind, number = self._read_head()
        if kind == _UNSIGNED:
            return number
        if kind == _NEGATIVE:
            return -1 - number
        if kind == _BYTES:
            return self._take(number)
        if kind == _TEXT:
            return self._text(number)
        if kind == _ARRAY:
            self._fits(number)
            return tuple(self.value(depth - 1) for _ in range(number))
        return self._map(number, depth - 1) if kind == _MAP else Tagged(number, self.value(depth - 1))

    def _read_head(self) -> tuple[int, int]:
        first = self._take(1)[0]
        kind, code = first >> 5, first & 31
        if kind == _SIMPLE:
            raise NotCbor("a float or a simple value")
        if code < 24:
            return kind, code
        if code not in _WIDTHS:
            raise NotCbor("an indefinite or reserved length")
        width = _WIDTHS[code]
        number = int.from_bytes(self._take(width), "big")
        shortest_above = 24 if width == 1 else 1 << 4 * width
        if number < shortest_above:
            raise NotCbor("a number is not in its shortest form")
        return kind, number

    def _text(self, length: int) -> str:
        try:
            return self._take(length).decode()
        except UnicodeDecodeError:
            raise NotCbor("a text is no UTF-8") from None

    def _map(self, entries: int, depth: int) -> dict[Value, Value]:
        self._fits(2 * entries)
        found: dict[Value, Value] = {}
        before = b""
        for _ in range(entries):
            begin = self.at
            key = self.value(depth)
            spelt = self._data[begin : self.at]
            if spelt <= before:
                raise NotCbor("the keys of a map are doubled or out of order")
            if not isinstance(key, int | bytes | str):
                raise NotCbor("the key of a map is neither number, bytes nor text")
            before = spelt
            found[key] = self.value(depth)
        return found

    def _fits(self, values: int) -> None:
        """Each value takes a byte at least: a length that promises more than is left is wrong now, not later."""
        if values > len(self._data) - self.at:
            raise NotCbor("cut off")

    def _take(self, length: int) -> bytes:
        self._fits(length)
        taken = self._data[self.at : self.at + length]
        self.at += length
        return taken
