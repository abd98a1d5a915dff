"""Key files of the sealed stores: 32 random bytes, readable by their owner alone.

Losing a key loses its store, so a key is made exactly once: at first use, while the store does not exist yet. A key
that went missing later is an error to be answered with a backup, never with a fresh key (which would leave every sealed
row unreadable and hide why).
"""

import os
import secrets
import stat
from pathlib import Path

from gatefw.errors import StoreError

KEY_BYTES = 32


def load_or_create(path: Path, store_exists: bool) -> bytes:
    """The 32 byte key in `path`; made (mode 0600, directory 0700 if missing) when neither key nor store exists.

    Raises StoreError: the key is missing while its store exists, is no plain file, belongs to another user, is open to
    group or others, or does not hold 32 bytes. Two processes that start together get the same key.
    """
    if not path.exists():
        if store_exists:
            raise StoreError(f"key file {path}: missing, but its store exists; restore the key from backup")
        create(path)
    return read(path)


def create(path: Path) -> bool:
    """Make a random key (mode 0600, directory 0700 if missing), durable; False when there was one, which stays.

    Written under another name, then linked: the final name only ever shows a complete key, and the first one wins.
    Raises StoreError.
    """
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(fresh, path)
                made = True
            except FileExistsError:
                made = False
        finally:
            fresh.unlink(missing_ok=True)
        sync_directory(path.parent)
        return made
    except OSError as error:
        raise StoreError(f"key file {path}: cannot be created: {error.strerror}") from error


def read(path: Path) -> bytes:
    """The 32 byte key in `path`. Raises StoreError: as `load_or_create`, and when it is not there."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise StoreError(f"key file {path}: cannot be opened: {error.strerror}") from error
    try:
        status = os.fstat(descriptor)
        mode = stat.S_IMODE(status.st_mode)
        if not stat.S_ISREG(status.st_mode):
            raise StoreError(f"key file {path}: not a plain file; put the key itself there")
        if status.st_uid != os.geteuid():
            raise StoreError(f"key file {path}: belongs to user {status.st_uid}, we are {os.geteuid()}; chown it")
        if mode & 0o077:
            raise StoreError(f"key file {path}: mode is {mode:04o}, open to others; chmod 0600, and think who read it")
        key = os.read(descriptor, KEY_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(key) != KEY_BYTES:
        raise StoreError(f"key file {path}: length is not {KEY_BYTES} bytes; restore it from backup")
    return key


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable, not only the bytes of its files."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
