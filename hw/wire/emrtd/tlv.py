"""Tag, length, value, as ISO/IEC 7816-4 and DER write them. Lengths of at most three bytes, tags of at most two."""

from dataclasses import dataclass

from hw.wire.emrtd.refusal import unreadable

MAX_OBJECTS = 256
"""More objects than this side by side are not read: the longest list in a document holds some twenty."""


@dataclass(frozen=True, slots=True)
class Object:
    """A data object; `raw` is all of it as it was received, header included."""

    tag: int
    value: bytes
    raw: bytes


def tlv(tag: int, value: bytes) -> bytes:
    """The bytes of one object; a value is at most 65535 bytes long."""
    size = len(value)
    name = tag.to_bytes(2 if tag > 0xFF else 1, "big")
    if size < 0x80:
        return name + bytes([size]) + value
    if size < 0x100:
        return name + bytes([0x81, size]) + value
    return name + b"\x82" + size.to_bytes(2, "big") + value


def header(data: bytes) -> tuple[int, int, int]:
    """(tag, length of the header, length of the value) of an object whose first bytes these are. Raises ChipRefused."""
    try:
        at = 2 if data[0] & 0x1F == 0x1F else 1
        if at == 2 and data[1] & 0x80:
            raise unreadable("a tag of more than two bytes")
        tag, size = int.from_bytes(data[:at], "big"), data[at]
        at += 1
        if size & 0x80:
            count = size & 0x7F
            if not 1 <= count <= 3 or len(data) < at + count:
                raise unreadable("a length of no byte, of more than three bytes, or torn off")
            size = int.from_bytes(data[at : at + count], "big")
            at += count
    except IndexError:
        raise unreadable("an object torn off in its header") from None
    return tag, at, size


def objects(data: bytes) -> list[Object]:
    """The objects that `data` consists of, to its last byte. Raises ChipRefused."""
    found: list[Object] = []
    while data:
        tag, start, size = header(data)
        end = start + size
        if end > len(data) or len(found) == MAX_OBJECTS:
            raise unreadable("an object longer than what holds it, or too many objects")
        found.append(Object(tag, data[start:end], data[:end]))
        data = data[end:]
    return found


def only(data: bytes, tag: int) -> bytes:
    """The value of the one object that `data` must be. Raises ChipRefused."""
    found = objects(data)
    if len(found) != 1 or found[0].tag != tag:
        raise unreadable(f"expected one object of tag {tag:02X} and nothing else")
    return found[0].value


def number(item: Object) -> int:
    """A DER INTEGER that is not negative, of at most 1024 bytes. Raises ChipRefused."""
    if item.tag != 0x02 or not 1 <= len(item.value) <= 1024 or item.value[0] & 0x80:
        raise unreadable("expected a positive integer")
    return int.from_bytes(item.value, "big")
