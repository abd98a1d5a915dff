"""What of a recorded wire may be shown to people: signs of no meaning stand for what travellers said, and for secrets.

A scrubber takes one line of a recording after the other, `<` from the device or `>` to it, and gives it back in the
same length, framing and check sums included: the driver reads the scrubbed recording as it read the device. Lines end
anywhere, so scrubbers remember where they are. What they do not understand they do not show. Finger sensors have one in
`zfm`.
"""

from collections.abc import Callable

from hw.wire.scanner_commands import MAX_REPLY_BYTES

Scrub = Callable[[str, bytes], bytes]

_STATUS = b"\x05\x06\x15"  # of an answer to a command: see `scanner_commands`
_WORDS = frozenset(b"0123456789<ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") | frozenset(range(0x80, 0x100))


def nothing() -> Scrub:
    """For a wire on which nobody is spoken of: doors, inputs."""
    return lambda _direction, data: data


def zones() -> Scrub:
    """Readers of machine readable zones: each sign of a zone is an X, its line ends stay."""
    return lambda _direction, data: bytes(ord("X") if byte in _WORDS else byte for byte in data)


class Codes:
    """Code scanners: each byte of a code is an x. Line ends, AIM prefixes, commands and the answers to them stay.

    Of an answer that may be long (who the scanner is) a Honeywell's text is hidden, for a code looks no other.
    """

    _FRAME = b"\x02\x010000"

    def __init__(self) -> None:
        self._line = b""  # the beginning of a code, as far as a prefix goes
        self._owed = 0  # answers in a frame
        self._at = 0  # of a frame: its start, then what follows it
        self._last = 0
        self._awaited, self._echoed = b"", 0  # the answer that is the command again

    def __call__(self, direction: str, data: bytes) -> bytes:
        if direction == ">":
            self._told(data)
            return data
        return bytes(map(self._shown, data))

    def _told(self, data: bytes) -> None:
        if data.startswith(b"~\x01"):
            self._owed += 1
        elif data.startswith(b"\x16M\r"):
            self._awaited, self._echoed = data[3:-1], 0

    def _shown(self, byte: int) -> int:
        if self._owed and self._in_frame(byte):
            return byte
        if self._awaited and self._in_echo(byte):
            return byte
        if byte in b"\r\n":
            self._line = b""
            return byte
        if len(self._line) < 3:
            self._line += bytes((byte,))
            begun = self._line
            if begun[:1] == b"]" and (len(begun) < 2 or begun[1:2].isalpha()) and begun[2:3] in b"0123456789ABCDEF":
                return byte
        return ord("x")

    def _in_frame(self, byte: int) -> bool:
        start, last, self._last = len(self._FRAME), self._last, byte
        if self._at < start:
            self._at = self._at + 1 if byte == self._FRAME[self._at] else int(byte == self._FRAME[0])
            return self._at > 0
        self._at += 1
        if (last, byte) == (ord(";"), 0x03) or self._at > MAX_REPLY_BYTES:
            self._owed, self._at, self._line = self._owed - 1, 0, b""
        return True

    def _in_echo(self, byte: int) -> bool:
        """The command's own words, from the beginning of a line on; a status; one of two signs."""
        at, awaited = self._echoed, self._awaited
        if at < len(awaited):
            fits = byte == awaited[at] and (at > 0 or not self._line)
        else:
            fits = byte in (_STATUS if at == len(awaited) else b".!")
        self._echoed = at + 1 if fits else 0
        if fits and at == len(awaited) + 1:
            self._awaited, self._echoed, self._line = b"", 0, b""
        return fits


class Osdp:
    """OSDP (IEC 60839-11-5): what a secure session encrypts stays; clear data are zeros unless they tell of no person.

    A recording of it is there to be read: a session's random numbers cannot be said again. Checks of what was changed
    are wrong.
    """

    def __init__(self) -> None:
        self._ways = {"<": _Frames(_REPLIES), ">": _Frames(_COMMANDS)}

    def __call__(self, direction: str, data: bytes) -> bytes:
        return bytes(map(self._ways[direction].shown, data))


# POLL, ID, CAP, LSTAT, ISTAT, OSTAT, RSTAT, LED, BUZ, CHLNG, SCRYPT
_COMMANDS = frozenset((0x60, 0x61, 0x62, 0x64, 0x65, 0x66, 0x67, 0x69, 0x6A, 0x76, 0x77))
# ACK, NAK, PDID, PDCAP, LSTATR, CCRYPT, RMAC_I, BUSY
_REPLIES = frozenset((0x40, 0x41, 0x45, 0x46, 0x48, 0x76, 0x78, 0x79))


class _Frames:
    """One direction: start, address, length (2), control, perhaps a security block, code, data, code of 4, check."""

    _START, _SECURITY, _CRC, _ENCRYPTED = 0x53, 0x08, 0x04, 0x17
    _LENGTHS = range(7, 1441)

    def __init__(self, harmless: frozenset[int]) -> None:
        self._harmless = harmless
        self._begin()

    def _begin(self) -> None:
        self._at = self._length = self._control = self._block = self._kind = self._code = 0

    def shown(self, byte: int) -> int:
        at, self._at = self._at, self._at + 1
        if at == 0:
            if byte != self._START:
                self._begin()
                return byte if byte == 0xFF else 0  # the line is marked before a frame
            return byte
        if at in (2, 3):
            self._length |= byte << 8 * (at - 2)
            if at == 3 and self._length not in self._LENGTHS:
                self._begin()
                return 0
        elif at == 4:
            self._control = byte
        shown = byte if at <= 4 else self._body(at - 5, byte)
        if at > 4 and at == self._length - 1:
            self._begin()
        return shown

    def _body(self, at: int, byte: int) -> int:
        secured = bool(self._control & self._SECURITY)
        if secured and at == 0:
            self._block = byte
        if secured and at == 1:
            self._kind = byte
        if secured and at < max(2, self._block):
            return byte
        if at == (max(2, self._block) if secured else 0):
            self._code = byte
            return byte
        tail = self._length - 5 - (2 if self._control & self._CRC else 1)
        harmless = self._code in self._harmless or (secured and self._kind >= self._ENCRYPTED)
        return byte if harmless or at >= tail else 0
