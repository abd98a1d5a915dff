"""Tag-length-value bytes: DER as ITU-T X.690 has it for signed things, and the looser BER-TLV of a chip's files.

Everything here was handed over by a stranger's document. So lengths are definite and inside what is there, nothing is
read twice, nothing recurses by itself (a caller opens one level at a time, and knows how many there are), and every
list is capped. The strict form takes the shortest encoding only: what was signed can be spelt in one way.
"""

from dataclasses import dataclass, field

INTEGER, BIT_STRING, OCTET_STRING, NULL, OBJECT_ID = 0x02, 0x03, 0x04, 0x05, 0x06
SEQUENCE, SET = 0x30, 0x31
CONTEXT_0, CONTEXT_1, CONTEXT_2, CONTEXT_3 = 0xA0, 0xA1, 0xA2, 0xA3
MAX_ELEMENTS = 256
_MAX_LENGTH_BYTES = 3  # 16 MiB: no chip holds as much
_MAX_OBJECT_ID_BYTES = 32


class Malformed(ValueError):
    """The bytes are not what the standard allows at this place. The message holds none of them."""


@dataclass(frozen=True, slots=True)
class Element:
    """One element. `tag` is its identifier octets as one number (0x30, 0x7F61), `encoded` the whole of its bytes."""

    tag: int
    value: bytes = field(repr=False)
    encoded: bytes = field(repr=False)

    def items(self) -> list["Element"]:
        """The elements inside. Raises Malformed when its value is anything else."""
        return elements(self.value)


def read(data: bytes, at: int = 0, strict: bool = True) -> Element:
    """The element that begins at `at`. Raises Malformed when it is torn off, or not the shortest (`strict`)."""
    start, tag = at, _byte(data, at)
    at += 1
    if tag & 0x1F == 0x1F:
        second = _byte(data, at)
        if second & 0x80 or (strict and second < 0x1F):  # ICAO 9303-10 has 5F01
            raise Malformed("a tag is longer than two bytes, or longer than it must be")
        tag, at = tag << 8 | second, at + 1
    length, at = _length(data, at, strict)
    if length > len(data) - at:
        raise Malformed("an element is longer than what holds it")
    return Element(tag, data[at : at + length], data[start : at + length])


def only(data: bytes, tag: int, strict: bool = True) -> Element:
    """The one element that `data` consists of. Raises Malformed for another tag, or anything behind it."""
    element = read(data, strict=strict)
    if element.tag != tag or len(element.encoded) != len(data):
        raise Malformed(f"one element of tag {tag:X} is wanted, and nothing behind it")
    return element


def elements(data: bytes, strict: bool = True) -> list[Element]:
    """The elements that `data` consists of, at most MAX_ELEMENTS. Raises Malformed."""
    found: list[Element] = []
    at = 0
    while at < len(data):
        if len(found) == MAX_ELEMENTS:
            raise Malformed(f"over {MAX_ELEMENTS} elements in one")
        found.append(read(data, at, strict))
        at += len(found[-1].encoded)
    return found


def expect(element: Element | None, tag: int) -> Element:
    """The element, if it is one of `tag`. Raises Malformed."""
    if element is None or element.tag != tag:
        raise Malformed(f"tag {tag:X} is wanted, not {'the end' if element is None else f'{element.tag:X}'}")
    return element


class Items:
    """The elements of a SEQUENCE, taken one by one in the order of its schema."""

    def __init__(self, element: Element, tag: int = SEQUENCE) -> None:
        self._items = expect(element, tag).items()
        self._next = 0

    def take(self, tag: int) -> Element:
        """The next one, which must be of `tag`."""
        found = self.take_if(tag)
        return found if found is not None else expect(self._peek(), tag)

    def take_any(self) -> Element:
        found = self._peek()
        if found is None:
            raise Malformed("a sequence ends too early")
        self._next += 1
        return found

    def take_if(self, tag: int) -> Element | None:
        """The next one if it is of `tag`: an optional part."""
        found = self._peek()
        if found is None or found.tag != tag:
            return None
        self._next += 1
        return found

    @property
    def left(self) -> int:
        """How many there are still."""
        return len(self._items) - self._next

    def end(self) -> None:
        """Raises Malformed when there is more than the schema has."""
        if self._peek() is not None:
            raise Malformed("a sequence has more parts than its schema")

    def _peek(self) -> Element | None:
        return self._items[self._next] if self._next < len(self._items) else None


def integer(element: Element) -> int:
    """The value of an INTEGER in its shortest form."""
    value = expect(element, INTEGER).value
    if not value or (len(value) > 1 and (value[0], value[1] >> 7) in ((0x00, 0), (0xFF, 1))):
        raise Malformed("an INTEGER is empty, or longer than it must be")
    return int.from_bytes(value, "big", signed=True)


def object_id(element: Element) -> str:
    """The dotted form of an OBJECT IDENTIFIER."""
    value = expect(element, OBJECT_ID).value
    if not 0 < len(value) <= _MAX_OBJECT_ID_BYTES or value[-1] & 0x80:
        raise Malformed("an OBJECT IDENTIFIER is empty, over 32 bytes, or torn off")
    arcs, arc, fresh = [], 0, True
    for byte in value:
        if fresh and byte == 0x80:
            raise Malformed("an OBJECT IDENTIFIER is longer than it must be")
        arc, fresh = arc << 7 | byte & 0x7F, not byte & 0x80
        if fresh:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


def bits(element: Element) -> bytes:
    """The bytes of a BIT STRING that holds whole bytes."""
    value = expect(element, BIT_STRING).value
    if value[:1] != b"\0":
        raise Malformed("a BIT STRING is no row of whole bytes")
    return value[1:]


def encode(tag: int, *values: bytes) -> bytes:
    """One element around `values`, in its shortest form."""
    value = b"".join(values)
    size = len(value).to_bytes(max(1, (len(value).bit_length() + 7) // 8), "big")
    length = size if len(value) < 0x80 else bytes([0x80 | len(size)]) + size
    return tag.to_bytes(2 if tag > 0xFF else 1, "big") + length + value


def encode_integer(value: int) -> bytes:
    """An INTEGER, zero or greater."""
    return encode(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def encode_object_id(dotted: str) -> bytes:
    """An OBJECT IDENTIFIER from its dotted form."""
    first, second, *others = map(int, dotted.split("."))
    value = b""
    for arc in (first * 40 + second, *others):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(0x80 | arc & 0x7F)
        value += bytes(reversed(groups))
    return encode(OBJECT_ID, value)


def _byte(data: bytes, at: int) -> int:
    if at >= len(data):
        raise Malformed("an element is torn off")
    return data[at]


def _length(data: bytes, at: int, strict: bool) -> tuple[int, int]:
    """The length that begins at `at`, and where its value begins."""
    first = _byte(data, at)
    if first < 0x80:
        return first, at + 1
    count = first & 0x7F
    if not 1 <= count <= _MAX_LENGTH_BYTES or at + 1 + count > len(data):
        raise Malformed("a length is open, torn off or over 16 MiB")
    length = int.from_bytes(data[at + 1 : at + 1 + count], "big")
    if strict and (length < 0x80 or length >> 8 * (count - 1) == 0):
        raise Malformed("a length is longer than it must be")
    return length, at + 1 + count
