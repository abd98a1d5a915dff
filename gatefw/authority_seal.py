"""Sealed for somebody else: a box that only the owner of an X25519 key can open, and whoever sealed it no more can.

    box    ephemeral X25519 public key (32 bytes), ChaCha20-Poly1305 (RFC 8439) over the content
    key    HKDF-SHA256 (RFC 5869) over the shared secret; salt: both public keys; used once, so the nonce is zero

The ephemeral private key is forgotten as soon as the box is shut. `place` is associated data: a box that is shown in
another place does not open there. Keys are 32 bytes, public ones 64 hex digits in a lane file.
"""

import re

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
_INFO = b"gatefw authority box 1"
_ONCE = bytes(12)


class NotSealed(ValueError):
    """A box does not open: it was altered, shown in another place, or is for somebody else."""


def sealing_key(text: str) -> X25519PublicKey:
    """The key that 64 hex digits spell. Raises ValueError: also for a place holder whose boxes anybody can open."""
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise ValueError("64 hex digits are wanted, as the authority publishes them")
    key = X25519PublicKey.from_public_bytes(bytes.fromhex(text))
    try:
        X25519PrivateKey.generate().exchange(key)
    except ValueError:  # a point of small order: the secret is zero, whoever shares it
        raise ValueError("anybody can open what is sealed for this key: it is a place holder, not a key") from None
    return key


def seal(content: bytes, owner: X25519PublicKey, place: bytes) -> bytes:
    """A box for `owner`."""
    once = X25519PrivateKey.generate()
    shut = once.public_key().public_bytes_raw()
    key = _key(once.exchange(owner), shut + owner.public_bytes_raw())
    return shut + ChaCha20Poly1305(key).encrypt(_ONCE, content, place)


def unseal(box: bytes, owner: X25519PrivateKey, place: bytes) -> bytes:
    """What is in a box. Raises NotSealed."""
    shut, sealed = box[:KEY_BYTES], box[KEY_BYTES:]
    try:
        secret = owner.exchange(X25519PublicKey.from_public_bytes(shut))
        key = _key(secret, shut + owner.public_key().public_bytes_raw())
        return ChaCha20Poly1305(key).decrypt(_ONCE, sealed, place)
    except (InvalidTag, ValueError) as error:
        raise NotSealed("a box does not open with this key in this place") from error


def _key(secret: bytes, salt: bytes) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt, _INFO).derive(secret)
