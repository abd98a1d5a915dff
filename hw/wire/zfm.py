"""Finger sensors of the ZFM family (R30x, AS608, R503): packets that begin with 0xEF01, bytes only, both directions.

    EF 01 | address, 4 bytes | kind, 1 | length of what follows, 2 | content | sum of kind, length and content, 2

All numbers big-endian. A command is answered by one reply, whose first byte is a `Code`; a template follows its reply
(upload) or its command's reply (download) in data packets, the last of which is of kind END. There is no number that
ties a reply to its command: who waited in vain must begin anew, or takes a late answer for the next one's. Source: the
user manuals of ZFM-20 (v2.0) and R307, where they agree.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum

ADDRESS = 0xFFFFFFFF  # of every sensor as it is sold
PUBLISHED_PASSWORD = bytes(4)  # of every sensor as it is sold
BAUD = 57_600  # as it is sold
PASSWORD_BYTES = 4
CONTENT_BYTES_MAX = 256

_START = b"\xef\x01"
_HEAD = struct.Struct(">2sIBH")
_SUM = struct.Struct(">H")
_PARAMETERS = struct.Struct(">HHHHIHH")
PACKET_BYTES_MAX = _HEAD.size + CONTENT_BYTES_MAX + _SUM.size


class Kind(IntEnum):
    COMMAND = 0x01
    DATA = 0x02
    REPLY = 0x07
    END = 0x08  # the last data packet


_KINDS = frozenset(kind.value for kind in Kind)


class Command(IntEnum):
    """First byte of a command. Buffers are numbered 1 and 2; any other number means 2."""

    LOOK = 0x01  # take a picture
    EXTRACT = 0x02  # picture -> features in a buffer
    MATCH = 0x03  # buffer 1 against buffer 2 -> score
    SEARCH = 0x04  # a buffer against the flash
    MERGE = 0x05  # features in both buffers -> template in both
    STORE = 0x06  # buffer -> flash
    LOAD = 0x07  # flash -> buffer
    UPLOAD = 0x08  # buffer -> host
    DOWNLOAD = 0x09  # host -> buffer
    DELETE = 0x0C
    EMPTY = 0x0D  # the whole flash
    SET_PARAMETER = 0x0E
    PARAMETERS = 0x0F
    SET_PASSWORD = 0x12
    PASSWORD = 0x13  # before everything else, where one was set
    FAST_SEARCH = 0x1B
    COUNT = 0x1D  # of templates in flash
    INDEX = 0x1F
    ECHO = 0x53


class Code(IntEnum):
    """First byte of a reply: how the command ended."""

    OK = 0x00
    DAMAGED = 0x01  # the command was not understood
    NO_FINGER = 0x02
    PICTURE_FAILED = 0x03
    TOO_LIGHT = 0x04
    TOO_BLURRED = 0x05
    MESSY = 0x06
    TOO_FEW_POINTS = 0x07
    NO_MATCH = 0x08
    NOT_FOUND = 0x09
    NOT_ONE_FINGER = 0x0A  # the two samples cannot be merged
    NO_SUCH_PLACE = 0x0B
    FLASH_UNREADABLE = 0x0C
    NOTHING_TO_UPLOAD = 0x0D
    NO_DATA_NOW = 0x0E  # it cannot take data packets
    WRONG_PASSWORD = 0x13
    NO_PICTURE = 0x15
    FLASH_FAILED = 0x18
    NO_SUCH_PARAMETER = 0x1A
    WRONG_ADDRESS = 0x20
    PASSWORD_FIRST = 0x21
    HERE = 0x55  # the answer to ECHO


_CODES = {code.value: code.name for code in Code}


def says(code: int) -> str:
    """A code in words, also one that the manuals do not name."""
    return _CODES.get(code, f"code {code:#04x}")


SECURITY_LEVEL = 5
"""The number of the parameter that says how alike two fingers must be, 1 to 5."""


@dataclass(frozen=True, slots=True)
class Packet:
    """`content` is 0 to 256 bytes, and may be somebody's template."""

    kind: Kind
    content: bytes = field(repr=False)
    address: int = ADDRESS


def encode(packet: Packet) -> bytes:
    """The packet as it goes over the line. Its content must fit: at most `CONTENT_BYTES_MAX`."""
    assert len(packet.content) <= CONTENT_BYTES_MAX
    head = _HEAD.pack(_START, packet.address, packet.kind, len(packet.content) + _SUM.size)
    return head + packet.content + _SUM.pack(_sum(head, packet.content))


def data_packets(data: bytes, packet_bytes: int, address: int = ADDRESS) -> list[bytes]:
    """`data` cut into packets of `packet_bytes` (32, 64, 128 or 256), the last one marked as the last."""
    pieces = [data[at : at + packet_bytes] for at in range(0, len(data), packet_bytes)] or [b""]
    return [
        encode(Packet(Kind.END if number == len(pieces) else Kind.DATA, piece, address))
        for number, piece in enumerate(pieces, 1)
    ]


def _sum(head: bytes, content: bytes) -> int:
    return (sum(head[6:]) + sum(content)) & 0xFFFF


class Decoder:
    """Packets out of bytes, whatever lies between them. Holds less than one packet: `PACKET_BYTES_MAX`.

    Bytes that begin no packet are skipped, and so is the first byte of one whose sum is wrong: a whole packet behind or
    within the damage is found. `skipped_bytes` counts them.
    """

    def __init__(self) -> None:
        self.skipped_bytes = 0
        self._held = bytearray()

    def __len__(self) -> int:
        return len(self._held)

    def clear(self) -> None:
        """Forget what came so far: it belongs to something else."""
        self.skipped_bytes = 0
        self._held.clear()

    def feed(self, data: bytes) -> list[Packet]:
        """The packets that these bytes complete, in their order."""
        found: list[Packet] = []
        for at in range(0, len(data), PACKET_BYTES_MAX):
            self._held += data[at : at + PACKET_BYTES_MAX]
            found.extend(self._packets())
        return found

    def _packets(self) -> Iterator[Packet]:
        while self._held:
            start = self._held.find(_START)
            if start < 0:
                start = len(self._held) - self._held.endswith(_START[:1])
            self._skip(start)
            if len(self._held) < _HEAD.size:
                return
            _, address, kind, length = _HEAD.unpack_from(self._held)
            if kind not in _KINDS or not _SUM.size <= length <= CONTENT_BYTES_MAX + _SUM.size:
                self._skip(1)
                continue
            end = _HEAD.size + length
            if len(self._held) < end:
                return
            head, content = bytes(self._held[: _HEAD.size]), bytes(self._held[_HEAD.size : end - _SUM.size])
            if _SUM.unpack_from(self._held, end - _SUM.size)[0] == _sum(head, content):
                del self._held[:end]
                yield Packet(Kind(kind), content, address)
            else:
                self._skip(1)

    def _skip(self, count: int) -> None:
        self.skipped_bytes += count
        del self._held[:count]


class Veil:
    """One direction of a line as it may be shown: templates, passwords and noise are zeros, sums are right for them.

    Byte for byte, in whatever pieces; what it cannot understand it hides.
    """

    def __init__(self) -> None:
        self._shown = bytearray()  # of the packet under way

    def over(self, data: bytes) -> bytes:
        return bytes(self._one(byte) for byte in data)

    def _one(self, byte: int) -> int:
        shown = self._shown
        at = len(shown)
        if at < len(_START):
            if byte != _START[at]:
                shown.clear()
                if byte != _START[0]:
                    return 0
            shown.append(byte)
            return byte
        if at >= _HEAD.size:
            return self._behind_the_head(byte, at)
        shown.append(byte)
        if len(shown) == _HEAD.size:
            _, _, kind, length = _HEAD.unpack_from(shown)
            if kind not in _KINDS or not _SUM.size <= length <= CONTENT_BYTES_MAX + _SUM.size:
                shown.clear()
        return byte

    def _behind_the_head(self, byte: int, at: int) -> int:
        shown = self._shown
        _, _, kind, length = _HEAD.unpack_from(shown)
        sum_at = _HEAD.size + length - _SUM.size
        if at < sum_at:
            password = at > _HEAD.size and shown[_HEAD.size] in (Command.PASSWORD, Command.SET_PASSWORD)
            hidden = kind in (Kind.DATA, Kind.END) or (kind == Kind.COMMAND and password)
            shown.append(0 if hidden else byte)
            return shown[-1]
        right = _sum(bytes(shown[: _HEAD.size]), bytes(shown[_HEAD.size : sum_at]))
        shown.append(_SUM.pack(right)[at - sum_at])
        last = shown[-1]
        if len(shown) == sum_at + _SUM.size:
            shown.clear()
        return last


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a sensor says about itself. `packet_bytes`: of data, 32 to 256; `baud` in bits per second, 8N1."""

    status: int
    system_id: int
    capacity: int
    security_level: int
    address: int
    packet_bytes: int
    baud: int

    def encode(self) -> bytes:
        size = (self.packet_bytes // 32).bit_length() - 1
        return _PARAMETERS.pack(
            self.status, self.system_id, self.capacity, self.security_level, self.address, size, self.baud // 9600
        )


def parameters(told: bytes) -> Parameters:
    """What `Command.PARAMETERS` is answered with, behind the code. Raises ValueError saying what cannot be."""
    if len(told) != _PARAMETERS.size:
        raise ValueError(f"parameters are {_PARAMETERS.size} bytes, these are {len(told)}")
    status, system_id, capacity, level, address, size, baud = _PARAMETERS.unpack(told)
    for name, value, low, high in (
        ("security level", level, 0, 5),
        ("packet size", size, 0, 3),
        ("baud rate", baud, 1, 24),
    ):
        if not low <= value <= high:
            raise ValueError(f"{name} is {value}; it can be {low} to {high}")
    return Parameters(status, system_id, capacity, level, address, 32 << size, baud * 9600)
