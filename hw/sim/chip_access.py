"""How a chip lets a reader in, and how it signs: the chip's side of BAC, PACE and Active Authentication."""

import hashlib
from collections.abc import Callable

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from hw.sim.chip_crypto import Group, Point, Rejected, Session, cbc, derived, mac
from hw.sim.chip_keys import Offer, SigningKey
from hw.wire import der

Chance = Callable[[int], bytes]
_TRAILERS = {
    "sha1": b"\xbc",
    "sha224": b"\x38\xcc",
    "sha256": b"\x34\xcc",
    "sha384": b"\x36\xcc",
    "sha512": b"\x35\xcc",
}
_DIGESTS = {
    "sha1": hashes.SHA1(),  # noqa: S303  some chips
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}


class BasicAccess:
    """BAC: a challenge, good for one try."""

    def __init__(self, key: bytes, chance: Chance) -> None:
        seed = hashlib.sha1(key).digest()[:16]  # noqa: S324  the standard's
        self._enc, self._mac, self._chance = derived(1, seed, 1), derived(1, seed, 2), chance
        self._challenge: bytes | None = None

    def challenge(self) -> bytes:
        self._challenge = self._chance(8)
        return self._challenge

    def authenticate(self, data: bytes) -> tuple[bytes, Session]:
        """Raises Rejected(6300): the other does not have the key, or answers another challenge."""
        challenge, self._challenge = self._challenge, None
        if challenge is None:
            raise Rejected(0x6985)
        if len(data) != 40 or mac(1, self._mac, data[:32]) != data[32:]:
            raise Rejected(0x6300)
        opened = cbc(1, self._enc, bytes(8), data[:32], False)
        if opened[8:16] != challenge:
            raise Rejected(0x6300)
        half = self._chance(16)
        cryptogram = cbc(1, self._enc, bytes(8), challenge + opened[:8] + half, True)
        secret = bytes(a ^ b for a, b in zip(half, opened[16:], strict=True))
        session = Session.of(1, secret, int.from_bytes(challenge[4:] + opened[4:8], "big"))
        return cryptogram + mac(1, self._mac, cryptogram), session


class Pace:
    """PACE by generic mapping, step by step; a step out of order ends it."""

    def __init__(self, key: bytes, offer: Offer, chance: Chance) -> None:
        self._offer, self._group, self._chance = offer, Group(offer.parameter), chance
        self._password = derived(offer.cipher, hashlib.sha1(key).digest(), 3)  # noqa: S324  the standard's
        self._steps = iter((self._nonce, self._map, self._agree, self._confirm))

    @classmethod
    def begun(cls, key: bytes, offers: tuple[Offer, ...], data: bytes, chance: Chance) -> "Pace":
        """For the protocol and parameters that MSE:Set AT names. Raises Rejected(6A80): not ours, or ambiguous."""
        parts = {part.tag: part.value for part in der.elements(data, strict=False)}
        fitting = [offer for offer in offers if offer.protocol == parts.get(0x80)]
        if 0x84 in parts:
            fitting = [offer for offer in fitting if bytes([offer.parameter]) == parts[0x84]]
        if len(fitting) != 1 or parts.get(0x83) != b"\x01":
            raise Rejected(0x6A80)
        return cls(key, fitting[0], chance)

    def step(self, parts: list[der.Element]) -> tuple[bytes, Session | None]:
        """One GENERAL AUTHENTICATE. Raises Rejected."""
        step = next(self._steps, None)
        if step is None or len(parts) > 1:
            raise Rejected(0x6985)
        tag, value = (parts[0].tag, parts[0].value) if parts else (0, b"")
        return step(tag, value)

    def _nonce(self, tag: int, value: bytes) -> tuple[bytes, None]:
        if tag or value:
            raise Rejected(0x6A80)
        self._s = self._chance(16)
        block = 8 if self._offer.cipher == 1 else 16
        return der.encode(0x80, cbc(self._offer.cipher, self._password, bytes(block), self._s, True)), None

    def _map(self, tag: int, value: bytes) -> tuple[bytes, None]:
        theirs = self._point(tag, 0x81, value)
        group, secret = self._group, self._secret()
        agreed = group.times(secret, theirs)
        self._mapped = group.plus(group.times(int.from_bytes(self._s, "big"), group.g), agreed)
        return der.encode(0x82, group.written(group.times(secret, group.g))), None

    def _agree(self, tag: int, value: bytes) -> tuple[bytes, None]:
        self._theirs = self._point(tag, 0x83, value)
        secret, group = self._secret(), self._group
        self._ours = group.times(secret, self._mapped)
        self._shared = group.times(secret, self._theirs)[0].to_bytes(group.size, "big")
        return der.encode(0x84, group.written(self._ours)), None

    def _confirm(self, tag: int, value: bytes) -> tuple[bytes, Session]:
        key = derived(self._offer.cipher, self._shared, 2)
        if tag != 0x85 or value != self._token(key, self._ours):
            raise Rejected(0x6300)
        return der.encode(0x86, self._token(key, self._theirs)), Session.of(self._offer.cipher, self._shared)

    def _token(self, key: bytes, point: Point) -> bytes:
        named = der.encode(der.OBJECT_ID, self._offer.protocol)
        return mac(self._offer.cipher, key, der.encode(0x7F49, named, der.encode(0x86, self._group.written(point))))

    def _point(self, tag: int, wanted: int, value: bytes) -> Point:
        if tag != wanted:
            raise Rejected(0x6A80)
        return self._group.read(value)

    def _secret(self) -> int:
        return 1 + int.from_bytes(self._chance(self._group.size + 8), "big") % (self._group.n - 1)


def signed(key: SigningKey, digest: str, challenge: bytes, chance: Chance) -> bytes:
    """Active Authentication: the challenge, signed. Raises Rejected: it has not eight bytes."""
    if len(challenge) != 8:
        raise Rejected(0x6700)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        half = (key.key_size + 7) // 8
        r, s = decode_dss_signature(key.sign(challenge, ec.ECDSA(_DIGESTS[digest])))
        return r.to_bytes(half, "big") + s.to_bytes(half, "big")
    return _signed_rsa(key, digest, challenge, chance)


def _signed_rsa(key: rsa.RSAPrivateKey, digest: str, challenge: bytes, chance: Chance) -> bytes:
    """ISO/IEC 9796-2, scheme 1: as much of the message as fits is in the signature, the challenge is not."""
    numbers, size, trailer = key.private_numbers(), key.key_size // 8, _TRAILERS[digest]
    hash_bytes = hashlib.new(digest).digest_size
    recoverable = chance(size - 1 - hash_bytes - len(trailer))
    message = b"\x6a" + recoverable + hashlib.new(digest, recoverable + challenge).digest() + trailer
    modulus = numbers.public_numbers.n
    return pow(int.from_bytes(message, "big"), numbers.d, modulus).to_bytes(size, "big")
