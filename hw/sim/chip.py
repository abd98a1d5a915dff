"""The chip of a travel document: it answers commands as ICAO 9303-10 and -11 demand, and can fail on purpose.

PACE and BAC, secure messaging, Chip Authentication, Active Authentication, plain and extended lengths. Whatever bytes
come, it answers with a status word. `fault` sees every answer before it leaves: see `hw.sim.chip_faults`.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass

from hw.sim.chip_access import BasicAccess, Pace, signed
from hw.sim.chip_crypto import Group, Rejected, Session
from hw.sim.chip_keys import CARD_ACCESS, Personalisation
from hw.wire import der

OK, NO_FILE, NO_ACCESS, WRONG_LENGTH, NOT_KNOWN = 0x9000, 0x6A82, 0x6982, 0x6700, 0x6D00
APPLICATION = bytes.fromhex("A0000002471001")
ATR = bytes.fromhex("3B8880010073C8400000900062")
"""A contactless chip as a PC/SC reader shows it (PC/SC part 3, 3.1.3.2.3); it takes extended lengths."""

Fault = Callable[[int, bytes, bytes], bytes]
"""(how many commands came before this one, the command, the right answer) -> what is answered."""


@dataclass(frozen=True)
class _Command:
    header: bytes
    data: bytes
    le: int | None

    @property
    def ins(self) -> int:
        return self.header[1]

    @property
    def parameters(self) -> int:
        return self.header[2] << 8 | self.header[3]


class Chip:
    """One chip on a reader. `transmit` is all there is to it, and `reset`, which the reader does by its field."""

    def __init__(
        self, made: Personalisation, fault: Fault | None = None, chance: Callable[[int], bytes] = os.urandom
    ) -> None:
        self.atr, self._made, self._fault, self._chance = ATR, made, fault, chance
        self.commands = 0
        self.reset()

    def reset(self) -> None:
        """Field off and on: every session and choice is forgotten."""
        self._session: Session | None = None
        self._next: Session | None = None  # takes over after the answer that is on its way
        self._selected: bytes | None = None
        self._basic = BasicAccess(self._made.key, self._chance)
        self._pace: Pace | None = None
        self._agreeing = False

    def transmit(self, command: bytes) -> bytes:
        """The answer to any bytes; a fault may raise instead."""
        number, self.commands = self.commands, self.commands + 1
        answer = self._answer(command)
        return self._fault(number, command, answer) if self._fault is not None else answer

    def _answer(self, raw: bytes) -> bytes:
        try:
            command = _parsed(raw)
            if not command.header[0] & 0x0C:
                self._session = None  # whoever speaks in the open has ended the session
                return self._plain(command)
        except Rejected as rejected:
            return rejected.status.to_bytes(2, "big")
        return self._protected(command)

    def _plain(self, command: _Command) -> bytes:
        data, status = self._status_of(command)
        self._session, self._next = self._next, None
        return data + status.to_bytes(2, "big")

    def _protected(self, command: _Command) -> bytes:
        session = self._session
        if session is None:
            return (0x6988).to_bytes(2, "big")
        try:
            data, le = session.opened(command.header, command.data)
        except Rejected as rejected:
            self._session = None
            return rejected.status.to_bytes(2, "big")
        answer = session.closed(*self._status_of(_Command(command.header, data, le)), odd=bool(command.ins & 1))
        self._session, self._next = self._next or session, None
        return answer

    def _status_of(self, command: _Command) -> tuple[bytes, int]:
        try:
            return self._done(command), OK
        except Rejected as rejected:
            return b"", rejected.status
        except der.Malformed:
            return b"", 0x6A80

    def _done(self, command: _Command) -> bytes:
        """What the command asks for. Raises Rejected with the status that refuses it."""
        secure = self._session is not None
        match command.ins, command.parameters:
            case 0xA4, 0x040C:
                return self._select_application(command.data)
            case 0xA4, 0x020C:
                return self._select(int.from_bytes(command.data, "big"), secure)
            case 0xB0, offset:
                return self._read(offset, command.le)
            case 0xB1, 0:
                return der.encode(0x53, self._read(_offset(command.data), (command.le or 256) - 4))
            case 0x84, 0 if self._made.basic_access and not secure:
                return self._basic.challenge()
            case 0x82, 0 if self._made.basic_access and not secure:
                answer, self._next = self._basic.authenticate(command.data)
                return answer
            case 0x22, 0xC1A4 if not secure:
                self._pace = Pace.begun(self._made.key, self._made.offers, command.data, self._chance)
                return b""
            case 0x22, 0x41A6 if secure:
                return self._agree(der.read(command.data, strict=False).value)
            case 0x22, 0x41A4 if secure:
                return self._begin_agreement(command.data)
            case 0x86, 0:
                return self._general_authenticate(command.data, secure)
            case 0x88, 0 if secure and self._made.signing is not None:
                return signed(self._made.signing, self._made.digest, command.data, self._chance)
        raise Rejected(NO_ACCESS if command.ins in (0x84, 0x82, 0x88, 0x22) else NOT_KNOWN)

    def _select_application(self, name: bytes) -> bytes:
        if name != APPLICATION:
            raise Rejected(NO_FILE)
        self._selected = None
        return b""

    def _select(self, file_id: int, secure: bool) -> bytes:
        self._selected = None
        if not secure and file_id != CARD_ACCESS:
            raise Rejected(NO_ACCESS)
        if file_id not in self._made.files:
            raise Rejected(NO_FILE)
        self._selected = self._made.files[file_id]
        return b""

    def _read(self, offset: int, le: int | None) -> bytes:
        if self._selected is None:
            raise Rejected(0x6986)
        if offset >= len(self._selected):
            raise Rejected(0x6B00)
        return self._selected[offset : offset + (le or 256)]

    def _general_authenticate(self, data: bytes, secure: bool) -> bytes:
        inner = der.only(data, 0x7C, strict=False)
        if secure and self._agreeing:
            return self._agree(der.only(inner.value, 0x80, strict=False).value) or der.encode(0x7C)
        if self._pace is None:
            raise Rejected(0x6985)
        try:
            answer, self._next = self._pace.step(inner.items())
        except Rejected:
            self._pace = None
            raise
        return der.encode(0x7C, answer)

    def _begin_agreement(self, data: bytes) -> bytes:
        own, named = self._made.agreement, der.read(data, strict=False).value
        if own is None or named != own.protocol:
            raise Rejected(0x6A80)
        self._agreeing = True
        return b""

    def _agree(self, public: bytes) -> bytes:
        """Chip Authentication: the session that follows has the keys that both agree on."""
        own = self._made.agreement
        if own is None:
            raise Rejected(0x6A80)
        group = Group(own.parameter)
        shared = group.times(own.secret, group.read(public))[0].to_bytes(group.size, "big")
        self._next, self._agreeing = Session.of(own.cipher, shared), False
        return b""


def _offset(data: bytes) -> int:
    return int.from_bytes(der.only(data, 0x54, strict=False).value[:4], "big")


def _parsed(raw: bytes) -> _Command:
    """A command of ISO/IEC 7816-3, 12.1, short or extended. Raises Rejected(6700)."""
    if len(raw) < 4 or len(raw) > 65544:
        raise Rejected(WRONG_LENGTH)
    header, body = raw[:4], raw[4:]
    extended = len(body) > 1 and body[0] == 0
    width = 2 if extended else 1
    if extended:
        body = body[1:]
    if len(body) <= width:
        le = (int.from_bytes(body, "big") or 256**width) if len(body) == width else None
        if len(body) not in (0, width):
            raise Rejected(WRONG_LENGTH)
        return _Command(header, b"", le)
    size = int.from_bytes(body[:width], "big")
    data, rest = body[width : width + size], body[width + size :]
    if len(data) != size or not size or len(rest) not in (0, width):
        raise Rejected(WRONG_LENGTH)
    return _Command(header, data, (int.from_bytes(rest, "big") or 256**width) if rest else None)
