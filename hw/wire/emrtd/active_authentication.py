"""Active Authentication (ICAO 9303-11, 6.1 and appendix F): the chip signs a challenge with the key of DG15.

RSA signs by ISO/IEC 9796-2, scheme 1, with part of the message in the signature; elliptic curves by plain ECDSA.
"""

import hashlib
import hmac

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from hw.wire import der
from hw.wire.emrtd.apdu import Command
from hw.wire.emrtd.public_keys import EcKey, RsaKey, public_key
from hw.wire.emrtd.refusal import ChipRefused, Why, unsupported
from hw.wire.lds import GROUP_TAGS

CHALLENGE_BYTES = 8
_DIGESTS = {"sha1": hashes.SHA1(), "sha224": hashes.SHA224(), "sha256": hashes.SHA256()} | {  # noqa: S303  the chip's
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_TRAILERS = {0x33: "sha1", 0x34: "sha256", 0x35: "sha512", 0x36: "sha384", 0x38: "sha224"}
_PARTIAL_RECOVERY = 0x6A


def group_15(file: bytes) -> EcKey | RsaKey:
    """The key in DG15, its own tag included. Raises Malformed, ChipRefused (not done)."""
    return public_key(der.only(file, GROUP_TAGS[15], strict=False).value)


def command(key: EcKey | RsaKey, challenge: bytes) -> Command:
    size_bytes = key.size_bytes if isinstance(key, RsaKey) else 2 * _order_bytes(key)
    return Command(0x00, 0x88, 0x00, 0x00, challenge, le=size_bytes)


def verify(key: EcKey | RsaKey, challenge: bytes, signature: bytes, digest: str | None) -> None:
    """Raises ChipRefused: CLONED, the signature is not this key's; UNSUPPORTED, ECDSA with no hash named in DG14."""
    if isinstance(key, RsaKey):
        good = _rsa_good(key, challenge, signature)
    elif digest is None:
        raise unsupported("Active Authentication by ECDSA, but DG14 does not name its hash")
    else:
        good = _ecdsa_good(key, challenge, signature, digest)
    if not good:
        raise ChipRefused(Why.CLONED, "INTERNAL AUTHENTICATE: the challenge was not signed with the key of DG15")


def _order_bytes(key: EcKey) -> int:
    return (key.curve.order.bit_length() + 7) // 8


def _ecdsa_good(key: EcKey, challenge: bytes, signature: bytes, digest: str) -> bool:
    half = _order_bytes(key)
    if len(signature) != 2 * half:
        return False
    r, s = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
    try:
        public = key.curve.public_key(key.point)
        public.verify(encode_dss_signature(r, s), challenge, ec.ECDSA(_DIGESTS[digest]))
    except InvalidSignature:
        return False
    return True


def _rsa_good(key: RsaKey, challenge: bytes, signature: bytes) -> bool:
    signed = int.from_bytes(signature, "big")
    if len(signature) != key.size_bytes or not 0 < signed < key.modulus:
        return False
    opened = pow(signed, key.exponent, key.modulus)
    if opened & 0xF != 0xC:  # the smaller of a signature and its negative may have been sent
        opened = key.modulus - opened
    return recovered_good(opened.to_bytes(key.size_bytes, "big"), challenge)


def recovered_good(message: bytes, challenge: bytes) -> bool:
    """Header, first part of what was signed, hash over both parts, trailer that names the hash."""
    if message[-1] == 0xBC:
        digest, trailer_bytes = "sha1", 1
    elif message[-1] == 0xCC and message[-2] in _TRAILERS:
        digest, trailer_bytes = _TRAILERS[message[-2]], 2
    else:
        return False
    body = message[1:-trailer_bytes]
    size = hashlib.new(digest).digest_size
    recovered, found = body[:-size], body[-size:]
    expected = hashlib.new(digest, recovered + challenge).digest()
    return message[0] == _PARTIAL_RECOVERY and hmac.compare_digest(found, expected)
