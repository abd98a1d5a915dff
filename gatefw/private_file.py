"""Small files that are their owner's alone, whole or not there: how keys and what is said about them are written."""

import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gatefw.errors import StoreError, system_words


def read(path: Path, most_bytes: int) -> bytes:
    """What is in it, `most_bytes` and one at most. Raises StoreError: no plain file, another's, or open to others."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)  # waits for no writer
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
        return os.read(descriptor, most_bytes + 1)
    finally:
        os.close(descriptor)


def create(path: Path, content: bytes) -> bool:
    """Write a new one (mode 0600, directory 0700 if missing), durable; False when there was one, which stays.

    Written under another name, then linked: the final name only ever shows all of it, and the first one wins.
    Raises StoreError.
    """
    try:
        make_directory(path.parent)
        fresh = _written(path, content)
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
        raise StoreError(f"key file {path}: cannot be created: {system_words(error)}") from error


def replace(path: Path, content: bytes) -> None:
    """Write it, in place of what was there, whose bytes are overwritten when the new ones are safe. Raises StoreError.

    A crash leaves the one or the other.
    """
    try:
        with _opened_to_blank(path) as blank:
            _put(path, content)
            sync_directory(path.parent)
            blank()
    except OSError as error:
        raise StoreError(f"key file {path}: cannot be written: {system_words(error)}; it is as it was") from error


def put(path: Path, content: bytes) -> None:
    """As `replace`, faster: what was there is not overwritten, and it is for the caller to sync the directory."""
    try:
        _put(path, content)
    except OSError as error:
        raise StoreError(f"key file {path}: cannot be written: {system_words(error)}; it is as it was") from error


def overwrite(path: Path) -> None:
    """Zeros in place of every byte, durable; nothing when it is not there. Raises OSError."""
    with _opened_to_blank(path) as blank:
        blank()


def make_directory(path: Path) -> None:
    """Make it (mode 0700), and what is missing above it, durable; nothing when it is there. Raises OSError.

    A directory whose own name is not durable takes all that was made durable in it along.
    """
    missing = [each for each in (path, *path.parents) if not each.exists()]
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    for each in missing:
        sync_directory(each.parent)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable, not only the bytes of its files."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _written(path: Path, content: bytes) -> Path:
    """A file beside `path`, durable. Raises OSError, and leaves nothing."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    return fresh


def _put(path: Path, content: bytes) -> None:
    fresh = _written(path, content)
    try:
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise


@contextmanager
def _opened_to_blank(path: Path) -> Iterator[Callable[[], None]]:
    """What overwrites the file that is called so now, whatever is called so then."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        yield lambda: None
        return
    try:
        yield lambda: _blank(descriptor)
    finally:
        os.close(descriptor)


def _blank(descriptor: int) -> None:
    os.pwrite(descriptor, bytes(os.fstat(descriptor).st_size), 0)
    os.fsync(descriptor)
