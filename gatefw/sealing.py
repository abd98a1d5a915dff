"""Sealing of single values in a store: AES-256-GCM, bound to the place where the value stands."""

import hashlib
import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gatefw.errors import StoreError

NONCE_BYTES = 12


def derive(key: bytes, purpose: str) -> bytes:
    """A 32 byte key of its own for each purpose, from one key file (HMAC-SHA256 as a PRF, NIST SP 800-108)."""
    return hmac.new(key, b"gatefw " + purpose.encode(), hashlib.sha256).digest()


def seal(key: bytes, plain: bytes, place: bytes) -> bytes:
    """`plain` sealed with a fresh random nonce (NIST SP 800-38D: good for 2^32 values a key); nonce first, tag last.

    `place` is associated data: a sealed value that is moved to another place does not open there.
    """
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, place)


def unseal(key: bytes, sealed: bytes, place: bytes) -> bytes:
    """What was sealed for `place`. Raises StoreError when it was altered, moved, or sealed with another key."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place)
    except (InvalidTag, ValueError) as error:
        raise StoreError(
            "sealed value: does not open; it was altered, moved, or the key file is another one"
        ) from error
