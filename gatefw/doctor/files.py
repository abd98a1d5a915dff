"""Files that are one user's alone: who owns them, who else may read them, and how that is mended."""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from gatefw.doctor.finding import Fix, Unseen
from gatefw.doctor.seen import Machine
from gatefw.errors import Refusal


def open_to_others(path: Path) -> int | None:
    """The mode of a file or directory that group or others may use; None when it is its owner's alone, or not there."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return None
    return mode if mode & 0o077 else None


def made_private(path: Path) -> Fix:
    """Takes away what group and others may.

    Whoever fixes is root, most likely, and it lies where the gate's processes write: no link is followed, and in a
    directory of theirs no file of another user is touched.
    """
    wanted = 0o700 if path.is_dir() else 0o600

    def apply() -> str:
        above = path.parent.lstat().st_uid
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            if above not in (0, status.st_uid):
                raise Refusal(f"{path}: is not of the user whose directory it is in; look at it yourself")
            os.fchmod(descriptor, wanted)
        finally:
            os.close(descriptor)
        return f"{path}: mode was {stat.S_IMODE(status.st_mode):04o}, is {wanted:04o}"

    return Fix(f"make the mode of {path} {wanted:04o}", apply)


def made(directory: Path) -> Fix:
    def apply() -> str:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return f"{directory} is there, mode 0700"

    return Fix(f"make {directory}, mode 0700", apply)


def must_be_owner(machine: Machine, path: Path, what: str) -> None:
    """Raises Unseen where whoever asks is not the user whose file it is: keys open for their owner alone."""
    if path.exists() and path.stat().st_uid != machine.uid:
        raise Unseen(f"{what} want the user whose they are: sudo -u {owner(path)} gatefw doctor")


def owner(path: Path) -> str:
    """By name, or as `#1234` where nobody is called so, which sudo understands."""
    try:
        return path.owner()
    except KeyError:
        return f"#{path.stat().st_uid}"


def there(paths: Iterable[Path]) -> Iterator[Path]:
    """Those that there are, each once."""
    yield from (path for path in dict.fromkeys(paths) if path.exists())
