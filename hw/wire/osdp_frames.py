"""Whole frames out of the bytes of an OSDP line (IEC 60839-11-5): start, address, length, control, data, check.

libosdp 3.2.9 loses an answer that does not come in one piece, as no serial port promises; and it prints where noise
fills its buffer. It is therefore given whole frames only, whose check is right.
"""

from binascii import crc_hqx

START = 0x53
FRAME_BYTES_MIN, FRAME_BYTES_MAX = 7, 256
"""Start, address, length, control, one byte, checksum; and more than any reader of cards has to say at once."""

_CRC_FOLLOWS = 0x04  # in the control byte; else one byte of checksum


def crc16(data: bytes) -> int:
    """CRC-16 as the standard has it: polynomial 0x1021, begun with 0x1D0F."""
    return crc_hqx(data, 0x1D0F)


def with_crc(body: bytes) -> bytes:
    return body + crc16(body).to_bytes(2, "little")


class Splitter:
    """Cuts a stream into frames. Holds less than `FRAME_BYTES_MAX` bytes, whatever comes in."""

    def __init__(self) -> None:
        self._held = bytearray()

    def __len__(self) -> int:
        return len(self._held)

    def clear(self) -> None:
        """What is held belongs to nothing any more: a frame answers what was asked last."""
        self._held.clear()

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that `data` completes. What is none is skipped byte by byte: a false start hides no true one."""
        self._held += data
        frames: list[bytes] = []
        while (start := self._held.find(START)) >= 0:
            del self._held[:start]
            length = int.from_bytes(self._held[2:4], "little") if len(self._held) >= 4 else None
            if length is not None and not FRAME_BYTES_MIN <= length <= FRAME_BYTES_MAX:
                del self._held[0]
            elif length is None or len(self._held) < length:
                return frames
            elif _is_whole(frame := bytes(self._held[:length])):
                frames.append(frame)
                del self._held[:length]
            else:
                del self._held[0]
        self._held.clear()
        return frames


def _is_whole(frame: bytes) -> bool:
    if frame[4] & _CRC_FOLLOWS:
        return crc16(frame[:-2]) == int.from_bytes(frame[-2:], "little")
    return sum(frame) & 0xFF == 0
