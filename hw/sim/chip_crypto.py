"""The chip's half of ICAO 9303-11's cryptography, written from the standard a second time.

It shares no code with `hw.wire.emrtd`, so that each is a check of the other; the curves' numbers alone are common, and
those are held against OpenSSL's. Points are multiplied here as in a textbook, in any time it takes: nothing is secret.
"""

import hashlib
from dataclasses import dataclass

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

from hw.wire import der
from hw.wire.emrtd import STANDARDISED

KEY_BYTES = {1: 16, 2: 16, 3: 24, 4: 32}
"""By the last part of a protocol's identifier: 1 is 3DES, 2 to 4 are AES."""

_Jacobian = tuple[int, int, int]


class Rejected(Exception):
    """The command is answered with this status word, and no data."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(f"{status:04X}")


def derived(cipher: int, secret: bytes, purpose: int) -> bytes:
    name = "sha256" if cipher >= 3 else "sha1"
    return hashlib.new(name, secret + bytes([0, 0, 0, purpose])).digest()[: KEY_BYTES[cipher]]


def cbc(cipher: int, key: bytes, iv: bytes, data: bytes, encrypt: bool) -> bytes:
    algorithm = TripleDES(key + key[:8]) if cipher == 1 else AES(key)
    whole = Cipher(algorithm, modes.CBC(iv))
    context = whole.encryptor() if encrypt else whole.decryptor()
    return context.update(data) + context.finalize()


def padded(data: bytes, block_bytes: int) -> bytes:
    data += b"\x80"
    while len(data) % block_bytes:
        data += b"\x00"
    return data


def mac(cipher: int, key: bytes, data: bytes) -> bytes:
    """AES: CMAC. 3DES: every block by DES with the left half, the last one by DES, un-DES, DES; padded before."""
    if cipher > 1:
        state = CMAC(AES(key))
        state.update(data)
        return state.finalize()[:8]
    blocks, left, right = padded(data, 8), key[:8] + key[:8], key[8:] + key[8:]
    head = cbc(1, left, bytes(8), blocks[:-8], True)[-8:] if len(blocks) > 8 else bytes(8)
    mixed = bytes(a ^ b for a, b in zip(head, blocks[-8:], strict=True))
    middle = cbc(1, right, bytes(8), cbc(1, left, bytes(8), mixed, True), False)
    return cbc(1, left, bytes(8), middle, True)


@dataclass
class Session:
    """Secure messaging as the chip does it: commands are opened, answers are closed."""

    cipher: int
    key_enc: bytes
    key_mac: bytes
    counter: int = 0

    @classmethod
    def of(cls, cipher: int, secret: bytes, counter: int = 0) -> "Session":
        return cls(cipher, derived(cipher, secret, 1), derived(cipher, secret, 2), counter)

    @property
    def block_bytes(self) -> int:
        return 8 if self.cipher == 1 else 16

    def opened(self, header: bytes, body: bytes) -> tuple[bytes, int | None]:
        """The data and Le of a protected command. Raises Rejected(6988) when it is not authentic."""
        self.counter += 1
        try:
            parts = der.elements(body, strict=False)
        except der.Malformed:
            raise Rejected(0x6988) from None
        if not parts or parts[-1].tag != 0x8E:
            raise Rejected(0x6987)
        protected = b"".join(part.encoded for part in parts[:-1])
        if self._mac(padded(header, self.block_bytes) + protected) != parts[-1].value:
            raise Rejected(0x6988)
        found = {part.tag: part.value for part in parts}
        le = int.from_bytes(found[0x97], "big") or 256 ** len(found[0x97]) if 0x97 in found else None
        cryptogram = found.get(0x87, b"\x01")[1:] + found.get(0x85, b"")
        return self._decrypted(cryptogram), le

    def closed(self, data: bytes, status: int, odd: bool = False) -> bytes:
        """The protected answer, with its status after it. `odd`: to an odd instruction, whose cryptogram is another."""
        self.counter += 1
        body = b""
        if data:
            secret = cbc(self.cipher, self.key_enc, self._iv(), padded(data, self.block_bytes), True)
            body = der.encode(0x85, secret) if odd else der.encode(0x87, b"\x01", secret)
        word = status.to_bytes(2, "big")
        body += der.encode(0x99, word)
        return body + der.encode(0x8E, self._mac(body)) + word

    def _decrypted(self, cryptogram: bytes) -> bytes:
        if not cryptogram:
            return b""
        if len(cryptogram) % self.block_bytes:
            raise Rejected(0x6988)
        data = cbc(self.cipher, self.key_enc, self._iv(), cryptogram, False)
        return data[: data.rindex(b"\x80")] if b"\x80" in data else b""

    def _iv(self) -> bytes:
        zero = bytes(self.block_bytes)
        count = self.counter.to_bytes(self.block_bytes, "big")
        return zero if self.cipher == 1 else cbc(self.cipher, self.key_enc, zero, count, True)

    def _mac(self, data: bytes) -> bytes:
        count = self.counter.to_bytes(self.block_bytes, "big")
        return mac(self.cipher, self.key_mac, count + (data if self.cipher == 1 else padded(data, 16)))


Point = tuple[int, int]


class Group:
    """A standardised curve, by its number in 9303-11, 9.5.1."""

    def __init__(self, parameter: int) -> None:
        curve = STANDARDISED[parameter]
        self.p, self.a, self.n, self.g, self.b = curve.prime, curve.a, curve.order, curve.generator, curve.b
        self.size = (self.p.bit_length() + 7) // 8

    def times(self, factor: int, point: Point) -> Point:
        """Double and add from the highest bit, with projective coordinates so that there is one division only."""
        found: _Jacobian = (0, 1, 0)
        for bit in bin(factor % self.n)[2:]:
            found = self._doubled(found)
            if bit == "1":
                found = self._sum(found, (*point, 1))
        return self._affine(found)

    def plus(self, one: Point, other: Point) -> Point:
        return self._affine(self._sum((*one, 1), (*other, 1)))

    def written(self, point: Point) -> bytes:
        return b"\x04" + point[0].to_bytes(self.size, "big") + point[1].to_bytes(self.size, "big")

    def read(self, data: bytes) -> Point:
        """Raises Rejected: no point of the curve."""
        x, y = (int.from_bytes(data[at : at + self.size], "big") for at in (1, 1 + self.size))
        if len(data) != 1 + 2 * self.size or data[0] != 4 or (y * y - x**3 - self.a * x - self.b) % self.p:
            raise Rejected(0x6A80)
        return x, y

    def _doubled(self, q: _Jacobian) -> _Jacobian:
        x, y, z = q
        s, m = 4 * x * y * y % self.p, (3 * x * x + self.a * z**4) % self.p
        x3 = (m * m - 2 * s) % self.p
        return x3, (m * (s - x3) - 8 * y**4) % self.p, 2 * y * z % self.p

    def _sum(self, q: _Jacobian, r: _Jacobian) -> _Jacobian:
        if not q[2] or not r[2]:
            return q if q[2] else r
        u1, u2 = q[0] * r[2] ** 2 % self.p, r[0] * q[2] ** 2 % self.p
        s1, s2 = q[1] * r[2] ** 3 % self.p, r[1] * q[2] ** 3 % self.p
        if u1 == u2:
            return self._doubled(q) if s1 == s2 else (0, 1, 0)
        h, t = u2 - u1, s2 - s1
        x3 = (t * t - h**3 - 2 * u1 * h * h) % self.p
        return x3, (t * (u1 * h * h - x3) - s1 * h**3) % self.p, h * q[2] * r[2] % self.p

    def _affine(self, q: _Jacobian) -> Point:
        if not q[2]:
            raise Rejected(0x6A80)
        inverse = pow(q[2], -1, self.p)
        return q[0] * inverse**2 % self.p, q[1] * inverse**3 % self.p
