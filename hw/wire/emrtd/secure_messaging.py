"""Secure messaging (ICAO 9303-11, 9.8): every command and answer is encrypted, counted and authenticated.

The counter is raised before each command and each answer, so that nothing can be replayed, left out or put in another
order. An answer without a right MAC is not looked at; after one, the session is over.
"""

import hmac
from dataclasses import replace

from hw.wire import der
from hw.wire.der import Element
from hw.wire.emrtd.apdu import Answer, Command
from hw.wire.emrtd.refusal import unreadable
from hw.wire.emrtd.suites import FOR_ENCRYPTION, FOR_MAC, Suite, pad, unpad

SHORT_LE_BYTES = 223
"""The most data whose protected answer, padded, with status and MAC, still fits into a short answer of 256 bytes."""

_CRYPTOGRAM, _CRYPTOGRAM_ODD, _LE, _STATUS, _MAC = 0x87, 0x85, 0x97, 0x99, 0x8E


class SecureMessaging:
    """One session's keys and counter; both ends have the same. Keys stay in here."""

    def __init__(self, suite: Suite, secret: bytes, counter: int = 0) -> None:
        """`secret` is what both ends agreed on; `counter` is 0 but after BAC."""
        self._suite, self._counter, self._over = suite, counter, False
        self._key_enc, self._key_mac = suite.derive(secret, FOR_ENCRYPTION), suite.derive(secret, FOR_MAC)

    def wrap(self, command: Command) -> bytes:
        """The protected command. Raises ChipRefused after an answer that was not authentic."""
        if self._over:
            raise unreadable("the session with the chip is over")
        self._counter += 1
        masked = replace(command, cla=command.cla | 0x0C)
        body = b""
        if command.data:
            cryptogram = self._suite.encrypt(self._key_enc, self._iv(), pad(command.data, self._suite.block_bytes))
            odd = command.ins & 1
            body = der.encode(_CRYPTOGRAM_ODD, cryptogram) if odd else der.encode(_CRYPTOGRAM, b"\x01" + cryptogram)
        if command.le is not None:
            wide = command.le > 0x100
            body += der.encode(_LE, (command.le & 0xFFFF).to_bytes(2, "big") if wide else bytes([command.le & 0xFF]))
        mac = self._mac(pad(masked.header, self._suite.block_bytes) + body)
        le = 0x10000 if (command.le or 0) > SHORT_LE_BYTES else 0x100
        return replace(masked, data=body + der.encode(_MAC, mac), le=le).encode()

    def unwrap(self, answer: bytes) -> Answer:
        """What the chip said under protection. Raises ChipRefused, Malformed: not authentic, or not protected."""
        self._counter += 1
        over, self._over = self._over, True  # until this answer has proven otherwise
        outer = Answer.parse(answer)
        parts = der.elements(outer.data, strict=False)
        tags = tuple(part.tag for part in parts)
        if over or tags[-2:] != (_STATUS, _MAC) or tags[:-2] not in ((), (_CRYPTOGRAM,), (_CRYPTOGRAM_ODD,)):
            raise unreadable(f"an answer {outer.status:04X} outside secure messaging")
        protected = b"".join(part.encoded for part in parts[:-1])
        if not hmac.compare_digest(self._mac(protected), parts[-1].value):
            raise unreadable("an answer with a wrong MAC")
        if parts[-2].value != outer.status.to_bytes(2, "big"):
            raise unreadable("an answer whose protected status is another one")
        data = self._decrypt(parts[0]) if len(parts) == 3 else b""
        self._over = False
        return Answer(data, outer.status)

    def _decrypt(self, part: Element) -> bytes:
        cryptogram = part.value
        if part.tag == _CRYPTOGRAM:
            if cryptogram[:1] != b"\x01":
                raise unreadable("a cryptogram of an unknown padding")
            cryptogram = cryptogram[1:]
        try:
            return unpad(self._suite.decrypt(self._key_enc, self._iv(), cryptogram), self._suite.block_bytes)
        except ValueError:
            raise unreadable("a cryptogram that is not whole blocks, or is not padded") from None

    def _count(self) -> bytes:
        return self._counter.to_bytes(self._suite.block_bytes, "big")

    def _mac(self, data: bytes) -> bytes:
        padded = data if self._suite is Suite.TRIPLE_DES else pad(data, self._suite.block_bytes)  # the retail MAC pads
        return self._suite.mac(self._key_mac, self._count() + padded)

    def _iv(self) -> bytes:
        zero = bytes(self._suite.block_bytes)
        if self._suite is Suite.TRIPLE_DES:
            return zero
        return self._suite.encrypt(self._key_enc, zero, self._count())
