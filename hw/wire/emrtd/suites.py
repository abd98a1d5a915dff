"""The ciphers of ICAO 9303-11, 9.7 and 9.8: two-key 3DES with the retail MAC, and AES with CMAC."""

import hashlib
from dataclasses import dataclass
from enum import Enum

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

MAC_BYTES = 8
FOR_ENCRYPTION, FOR_MAC, FOR_PASSWORD = 1, 2, 3
"""What a key is derived for: the counter of the key derivation (9.7.1)."""


@dataclass(frozen=True, slots=True)
class _Terms:
    strength: int
    block_bytes: int
    key_bytes: int
    digest: str


class Suite(Enum):
    """A block cipher, its MAC and the hash by which its keys are derived. A larger `strength` is preferred."""

    TRIPLE_DES = _Terms(0, 8, 16, "sha1")
    AES_128 = _Terms(1, 16, 16, "sha1")
    AES_192 = _Terms(2, 16, 24, "sha256")
    AES_256 = _Terms(3, 16, 32, "sha256")

    @property
    def strength(self) -> int:
        return self.value.strength

    @property
    def block_bytes(self) -> int:
        return self.value.block_bytes

    def derive(self, secret: bytes, purpose: int) -> bytes:
        """A key out of a shared secret; for 3DES with odd parity, as the standard's examples show it."""
        key = hashlib.new(self.value.digest, secret + purpose.to_bytes(4, "big")).digest()[: self.value.key_bytes]
        return key if self is not Suite.TRIPLE_DES else bytes(b & 0xFE | (b >> 1).bit_count() + 1 & 1 for b in key)

    def encrypt(self, key: bytes, iv: bytes, data: bytes) -> bytes:
        """CBC over whole blocks."""
        context = self._cipher(key, iv).encryptor()
        return context.update(data) + context.finalize()

    def decrypt(self, key: bytes, iv: bytes, data: bytes) -> bytes:
        """CBC over whole blocks. Raises ValueError for anything else."""
        context = self._cipher(key, iv).decryptor()
        return context.update(data) + context.finalize()

    def mac(self, key: bytes, data: bytes) -> bytes:
        """The first eight bytes of the MAC of data of any length: ISO/IEC 9797-1 MAC 3 with padding 2, or CMAC."""
        if self is not Suite.TRIPLE_DES:
            context = CMAC(AES(key))
            context.update(data)
            return context.finalize()[:MAC_BYTES]
        left, right = key[:8] * 3, key[8:] * 3  # three equal keys make single DES
        zero = modes.CBC(bytes(8))
        chained = Cipher(TripleDES(left), zero).encryptor().update(pad(data, 8))[-8:]
        undone = Cipher(TripleDES(right), zero).decryptor().update(chained)
        return Cipher(TripleDES(left), zero).encryptor().update(undone)

    def _cipher(self, key: bytes, iv: bytes) -> Cipher[modes.CBC]:
        return Cipher(TripleDES(key + key[:8]) if self is Suite.TRIPLE_DES else AES(key), modes.CBC(iv))


def pad(data: bytes, block_bytes: int) -> bytes:
    """ISO/IEC 9797-1 padding method 2: one bit, then zeros up to a whole block."""
    return data + b"\x80" + bytes(-(len(data) + 1) % block_bytes)


def unpad(data: bytes, block_bytes: int) -> bytes:
    """Raises ValueError: there is no such padding."""
    body = data.rstrip(b"\x00")
    if not body.endswith(b"\x80") or len(data) - len(body) > block_bytes - 1:
        raise ValueError("no padding")
    return body[:-1]
