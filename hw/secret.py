"""A secret that a device and we share, in a file of its own: hex, mode 0600, never half-written, never lost in between.

To change it is to change it in two places, and power may fail between them. So the new one is written beside the old
one (`FILE.new`) *before* the device is told, and replaces it only once the device has proven to know it:

    stage(fresh) -> tell the device -> the device answers to it -> settle(fresh)

Whoever opens the device tries `candidates()` in turn and settles on the one that it knows: after a crash anywhere in
between, one of both opens it. Nothing here prints, logs or names a secret.
"""

import contextlib
import os
import stat
from pathlib import Path

from gatefw.errors import StoreError


class SecretFile:
    """One secret of `length_bytes`. Only the thread that owns the device uses it."""

    def __init__(self, path: Path, length_bytes: int) -> None:
        self._path, self._length_bytes = path, length_bytes
        self._staged = _beside(path)

    @property
    def exists(self) -> bool:
        """Whether there is a secret, or one that was being handed over for the first time."""
        return self._path.exists() or self._staged.exists()

    def candidates(self) -> tuple[bytes, ...]:
        """The secrets that the device may know, most likely first: ours, and one that a change left behind.

        Raises StoreError: none is there; a file is no plain file, not ours, open to others, or holds something else.
        """
        found = tuple(_read(path, self._length_bytes) for path in (self._path, self._staged) if path.exists())
        if not found:
            raise StoreError(
                f"secret file {self._path}: is not there; `gatefw device install` makes one, or put the device's there"
            )
        return found

    def staged(self) -> bytes | None:
        """The new secret of a change that was never settled, if there is one. Raises StoreError."""
        return _read(self._staged, self._length_bytes) if self._staged.exists() else None

    def stage(self, fresh: bytes) -> None:
        """Keep a new secret beside the old one, durably. Raises StoreError: then the device must not be told."""
        assert len(fresh) == self._length_bytes
        part = self._staged.with_name(f"{self._staged.name}.part")  # which nobody reads: it may be half-written
        try:
            part.unlink(missing_ok=True)
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(fresh.hex() + "\n")
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._staged)
            _sync(self._path.parent)
        except OSError as error:
            raise StoreError(
                f"secret file {self._staged}: cannot be written: {error.strerror}; nothing changed"
            ) from error

    def settle(self, known: bytes) -> None:
        """The device has proven to know this candidate: it is the secret from now on, another one is forgotten.

        Raises StoreError; both files are then still there, and the next opening settles it.
        """
        try:
            if known == self.staged():
                self._staged.replace(self._path)
            else:
                self._staged.unlink(missing_ok=True)
            _sync(self._path.parent)
        except OSError as error:
            raise StoreError(f"secret file {self._path}: cannot be replaced: {error.strerror}") from error


def lacking_secret(path: Path) -> list[str]:
    """What keeps the secret at `path` from being read, as far as whoever asks may look; not whose it is or what it is.

    It is the daemon that must be able to read it, and who asks may be somebody else.
    """
    if not path.is_absolute():
        return [f"secret file {str(path)!r}: is no whole path; another directory would be looked into at every start"]
    try:
        if not path.parent.is_dir():
            return [f"secret file {path}: its directory is not there; make it, of the daemon's own, mode 0700"]
        if not (path.exists() or _beside(path).exists()):
            return [f"secret file {path}: is not there yet; `gatefw device install` makes it"]
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0
    except OSError:
        return []
    return [_open_to_others(path, mode)] if mode & 0o077 else []


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.new")


def _open_to_others(path: Path, mode: int) -> str:
    return f"secret file {path}: mode is {mode:04o}, open to others; change the secret, then chmod 0600"


def _read(path: Path, length_bytes: int) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise StoreError(f"secret file {path}: cannot be opened: {error.strerror}") from error
    with contextlib.closing(os.fdopen(descriptor, "rb")) as file:
        status = os.fstat(descriptor)
        mode = stat.S_IMODE(status.st_mode)
        if not stat.S_ISREG(status.st_mode):
            raise StoreError(f"secret file {path}: not a plain file; put the secret itself there")
        if status.st_uid != os.geteuid():
            raise StoreError(f"secret file {path}: belongs to user {status.st_uid}, we are {os.geteuid()}; chown it")
        if mode & 0o077:
            raise StoreError(_open_to_others(path, mode))
        text = file.read(4 * length_bytes + 2)
    try:
        secret = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        secret = b""
    if len(secret) != length_bytes:
        raise StoreError(f"secret file {path}: wanted are {2 * length_bytes} hex digits and nothing else")
    return secret


def _sync(directory: Path) -> None:
    """Make the names in a directory durable, not only the bytes of its files."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
