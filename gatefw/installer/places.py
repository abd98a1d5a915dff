"""Where things lie on a machine, below its root or that of an image; and how a file or a link is replaced whole."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from gatefw.errors import SetupError
from gatefw.private_file import sync_directory

PROGRAMS = Path("/opt/gatefw")
LANE = Path("/etc/gatefw/lane.toml")
STATES = ("var/lib/gatefw", "var/lib/gatefw-vision")
SITE = "etc/gatefw"
"""Whose files are a site's: no process of the gate writes there."""


@dataclass(frozen=True, slots=True)
class Places:
    """Of one machine. `current` is what the units run, `proven` the last version that passed its self-test here."""

    root: Path

    @property
    def programs(self) -> Path:
        return self.below(PROGRAMS)

    @property
    def current(self) -> Path:
        return self.programs / "current"

    @property
    def proven(self) -> Path:
        return self.programs / "proven"

    @property
    def lane(self) -> Path:
        return self.below(LANE)

    @property
    def own(self) -> Path:
        """What the installer knows: what it wrote, and how far an upgrade has come. Root's alone."""
        return self.root / "var/lib/gatefw-install"

    @property
    def vision(self) -> Path:
        return self.root / STATES[1]

    @property
    def live(self) -> bool:
        """Whether this is the machine itself, and not an image or a test's directory."""
        return self.root == Path("/")

    def below(self, path: Path) -> Path:
        return self.root / path.relative_to("/")

    def version_of(self, link: Path) -> str | None:
        """The version that `current` or `proven` names."""
        try:
            return link.readlink().name
        except OSError:
            return None


def may_write(root: Path) -> None:
    """Raise SetupError where this user cannot install."""
    if root == Path("/") and os.geteuid() != 0:
        raise SetupError("/: only root may install here; run it with sudo, or give --root DIR for an image")
    if not root.is_dir():
        raise SetupError(f"{root}: not a directory; --root names the root of a machine's files")


@contextmanager
def alone(places: Places) -> Iterator[None]:
    """One installer at a time; others may read what it makes, not write it, whatever the umask. Raises SetupError."""
    import fcntl

    places.own.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (places.own / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SetupError(f"{places.root}: another install is under way; wait for its end") from None
        before = os.umask(0o022)
        try:
            yield
        finally:
            os.umask(before)


def busy(places: Places) -> bool:
    """Whether an installer is at work here. Raises PermissionError: only root may know."""
    import fcntl

    try:
        with (places.own / "lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


@contextmanager
def held(directory: Path) -> Iterator[Path]:
    """A directory of another user, as a path that stays this one whatever they rename. Raises OSError: it is a link."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield Path(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def write(path: Path, content: bytes, mode: int = 0o644, who: tuple[int, int] | None = None) -> None:
    """Replace a file, durable: a power cut leaves the old one or the new one. `who` is to own it. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    with suppress(FileNotFoundError):
        fresh.unlink()
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "wb") as file:
            os.fchmod(file.fileno(), mode)
            if who is not None and os.geteuid() == 0:
                os.fchown(file.fileno(), *who)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        error.filename = str(path)  # a disk that is full does not say of which file
        raise
    sync_directory(path.parent)


def point(link: Path, target: str) -> None:
    """Make a symbolic link say something else in one step, durable. Raises OSError."""
    link.parent.mkdir(parents=True, exist_ok=True)
    fresh = link.with_name(f".{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)
    sync_directory(link.parent)


def gone(path: Path) -> None:
    """Remove a file or a link, durable; nothing where it is not there. Raises OSError."""
    if os.path.lexists(path):  # a disk that is read-only complains of what is not there, too
        path.unlink()
        sync_directory(path.parent)


def keep(path: Path) -> Path:
    """Give what is about to be replaced a second name, NAME.edited, and return it. Raises OSError.

    Another text that is called so stays: then it is NAME.edited.2.
    """
    for number in count(1):
        beside = path.with_name(f"{path.name}.edited{f'.{number}' if number > 1 else ''}")
        try:
            os.link(path, beside, follow_symlinks=False)
        except FileExistsError:
            if path.is_symlink() or beside.is_symlink() or path.read_bytes() != beside.read_bytes():
                continue
        break
    sync_directory(path.parent)
    return beside
