"""Key files of the sealed stores: 32 random bytes, readable by their owner alone, perhaps wrapped (`key_ring`).

Losing a key loses its store, so a key is made exactly once: at first use, while the store does not exist yet. A key
that went missing later is an error to be answered with a backup, never with a fresh key (which would leave every sealed
row unreadable and hide why).
"""

import secrets
from pathlib import Path

from gatefw.errors import StoreError
from gatefw.key_ring import KeyRing
from gatefw.key_root import KEY_BYTES
from gatefw.private_file import make_directory, sync_directory

__all__ = ["KEY_BYTES", "create", "load_or_create", "make_directory", "read", "sync_directory"]


def load_or_create(path: Path, store_exists: bool) -> bytes:
    """The 32 byte key in `path`; made (mode 0600, directory 0700 if missing) when neither key nor store exists.

    Raises StoreError: the key is missing while its store exists, is no plain file, belongs to another user, is open to
    group or others, does not hold a key, or that is wrapped and does not open. Two processes that start together get
    the same key.
    """
    if not path.exists():
        if store_exists:
            raise StoreError(f"key file {path}: missing, but its store exists; restore the key from backup")
        create(path)
    return read(path)


def create(path: Path) -> bool:
    """Make a random key (mode 0600, directory 0700 if missing), durable; False when there was one, which stays.

    It is kept as the other keys in its directory are: see `key_ring`. Raises StoreError.
    """
    return KeyRing(path.parent).create(path, secrets.token_bytes(KEY_BYTES))


def read(path: Path) -> bytes:
    """The 32 byte key in `path`. Raises StoreError: as `load_or_create`, and when it is not there."""
    found = KeyRing(path.parent).get(path)
    if found is None:
        raise StoreError(f"key file {path}: was overwritten, the key is destroyed; restore it from backup")
    return found[0]
