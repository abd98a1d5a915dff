"""People's stores and the lane file, as they were before a new version touched them.

The journal is not among them, nor are its keys. It says what was done at the gate, also by a version that did not stay,
and is never taken back; whoever reads it finds the rows of both, and what signed them. All else goes back to what the
previous version wrote: it would refuse the later layout of a store. Nobody was served meanwhile, and no order that
changes any of it was taken (`gatefw.trial`), so nobody misses something. Keys are in these directories; of the copies
nothing is left but zeros. A fault that the other version latched for its own sake (`software`) goes with it; what it
found of doors and inputs stays latched.
"""

import contextlib
import os
import shutil
from pathlib import Path

from gatefw import private_file
from gatefw.errors import SetupError
from gatefw.installer.places import STATES, Places
from gatefw.model import Reason
from gatefw.private_file import sync_directory

DIRECTORIES = (*STATES, "etc/gatefw")
RECORD = "installed.json"
JOURNAL, KEYS = "journal", "keys"
LATCH = "var/lib/gatefw/journal.sqlite.latch"
KEY_BYTES = 64 * 1024
"""No key file is larger."""


def save(places: Places) -> None:
    """Copy them, durable; what an earlier try left is made anew. Raises SetupError (no room), OSError."""
    home = places.own / "saved"
    discard(places)
    wanted = sum(path.stat().st_size for name in DIRECTORIES for path in _files(places.root / name))
    free = shutil.disk_usage(places.own).free
    if free < wanted + (64 << 20):
        raise SetupError(
            f"{places.own}: {free >> 20} MiB free; the copies of the stores take {wanted >> 20} MiB; make room"
        )
    home.mkdir(mode=0o700, parents=True)
    for name in DIRECTORIES:
        if (places.root / name).is_dir():
            _copy(places.root / name, home / name)
    with contextlib.suppress(FileNotFoundError):
        shutil.copy2(places.own / RECORD, home / RECORD)
    if (places.root / LATCH).is_symlink():
        (home / "latched").touch()
    os.sync()
    (home / "complete").touch()
    sync_directory(home)


def restore(places: Places) -> None:
    """Put them back; killed in its midst it is done again. Nothing where nothing was saved. Raises OSError."""
    home = places.own / "saved"
    if not (home / "complete").exists():
        return
    for name in DIRECTORIES:
        before = home / name
        for path in _files(places.root / name):
            if path.is_symlink() or not (before / path.relative_to(places.root / name)).exists():
                path.unlink()  # a link where a directory was would lead root's copy elsewhere
        if before.is_dir():
            _copy(before, places.root / name)
    latch = places.root / LATCH
    if latch.is_symlink() and latch.readlink().name == Reason.SOFTWARE and not (home / "latched").exists():
        latch.unlink()
    if (home / RECORD).exists():
        shutil.copy2(home / RECORD, places.own / RECORD)
    os.sync()


def discard(places: Places) -> None:
    """Remove the copies; the small ones, with the keys, are overwritten first. Raises OSError."""
    home = places.own / "saved"
    (home / "complete").unlink(missing_ok=True)
    for path in home.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.stat().st_size <= KEY_BYTES:
            private_file.overwrite(path)
    shutil.rmtree(home, ignore_errors=True)


def _files(directory: Path) -> list[Path]:
    """Everything that is copied: no socket, and nothing of the journal."""
    found = sorted(directory.rglob("*")) if directory.is_dir() else []
    return [path for path in found if (path.is_symlink() or path.is_file()) and not _of_journal(path, directory)]


def _of_journal(path: Path, directory: Path) -> bool:
    parts = path.relative_to(directory).parts
    return parts[0].startswith(JOURNAL) or (parts[0] == KEYS and parts[-1].startswith(JOURNAL))


def _copy(source: Path, into: Path) -> None:
    """With owners and modes, each file whole: beside its place, then renamed."""
    _like(source, into)
    for path in _files(source):
        goes = into / path.relative_to(source)
        for parent in reversed(path.relative_to(source).parents):
            _like(source / parent, into / parent)
        fresh = goes.with_name(f".{goes.name}.copied")
        fresh.unlink(missing_ok=True)
        shutil.copy2(path, fresh, follow_symlinks=False)
        _own(path, fresh)
        fresh.replace(goes)


def _like(source: Path, made: Path) -> None:
    made.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copystat(source, made)
    _own(source, made)


def _own(source: Path, made: Path) -> None:
    status = source.lstat()
    if os.geteuid() == 0:
        os.chown(made, status.st_uid, status.st_gid, follow_symlinks=False)
