"""People's stores and the lane file, as they were before a new version touched them.

The journal is not among them, nor are its keys. It says what was done at the gate, also by a version that did not stay,
and is never taken back; whoever reads it finds the rows of both, and what signed them. All else goes back to what the
previous version wrote: it would refuse the later layout of a store. Nobody was served meanwhile, and no order that
changes any of it was taken (`gatefw.trial`), so nobody misses something. Keys are in these directories; of the copies
nothing is left but zeros. A fault that the other version latched for its own sake (`software`) goes with it; what it
found of doors and inputs stays latched.

/etc/gatefw is no store: no process of the gate writes there, so what is not as it was and not as the installer wrote it
is somebody's. That is kept beside what comes back, and named.
"""

import contextlib
import hashlib
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

from gatefw import private_file
from gatefw.errors import SetupError
from gatefw.installer.places import SITE, STATES, Places, gone, keep
from gatefw.installer.system import Written
from gatefw.model import Reason
from gatefw.private_file import sync_directory

Say = Callable[[str], None]
DIRECTORIES = (*STATES, SITE)
RECORD = "installed.json"
JOURNAL, KEYS = "journal", "keys"
LATCH = "var/lib/gatefw/journal.sqlite.latch"
KEY_BYTES = 64 * 1024
"""No key file is larger."""
ROOM, ROOM_BYTES = "room", 1 << 20
"""Held for the way back, which a disk that was filled meanwhile must not end."""


def save(places: Places) -> None:
    """Copy them, durable; what an earlier try left is made anew. Raises SetupError (no room), OSError."""
    home = places.own / "saved"
    discard(places)
    wanted = sum(path.lstat().st_size for name in DIRECTORIES for path in _files(places.root / name))
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
    (home / ROOM).write_bytes(bytes(ROOM_BYTES))
    os.sync()
    (home / "complete").touch()
    sync_directory(home)


def restore(places: Places, say: Say) -> None:
    """Put them back; killed in its midst it is done again. Nothing where nothing was saved.

    Raises SetupError, OSError.
    """
    home = places.own / "saved"
    if not (home / "complete").exists():
        return
    (home / ROOM).unlink(missing_ok=True)
    _keep_edited(places, home / SITE, say)
    for name in STATES:
        _clear(home / name, places.root / name)
    for name in DIRECTORIES:
        if (home / name).is_dir():
            _copy(home / name, places.root / name)
    latch = places.root / LATCH
    if latch.is_symlink() and latch.readlink().name == Reason.SOFTWARE and not (home / "latched").exists():
        latch.unlink()
    os.sync()
    if (home / RECORD).exists():  # last: by it the installer's files are told from a person's
        (home / RECORD).replace(places.own / RECORD)  # moved: a full disk has no room for another
    sync_directory(places.own)


def _clear(before: Path, now: Path) -> None:
    """Away with what is not as it was, before anything is copied: a disk that took the copies has room for no third.

    A link where a directory was would lead root's copy elsewhere, and a directory where a file was would end it.
    """
    for path in sorted(now.rglob("*")):
        was = before / path.relative_to(now)
        if _of_journal(path, now) or _same(was, path):
            continue
        if path.is_symlink() or path.is_file():
            path.unlink()
        elif path.is_dir() and was.is_file():
            shutil.rmtree(path)


def _keep_edited(places: Places, before: Path, say: Say) -> None:
    """What somebody edited below /etc/gatefw meanwhile gets a second name; what they added stays; both are said."""
    now, written = places.root / SITE, Written.read(places).files
    for path in _files(now):
        name = path.relative_to(now)
        was = before / name
        if _same(was, path):
            continue
        ours = not path.is_symlink() and written.get(f"{SITE}/{name}") == _sha256(path)
        ours |= path.name.startswith(".") and path.suffix in (".new", ".copied")  # half written
        if not ours and not os.path.lexists(was):
            say(f"/{SITE}/{name}: was put there in the trial, and stays")
            continue
        if not ours:
            kept = keep(path)
            say(f"/{SITE}/{name}: was edited in the trial; it is back as it was, and the edited one is {kept.name}")
        if path.is_symlink() or not was.is_file():
            path.unlink()
    for path in _files(before):
        if not os.path.lexists(now / path.relative_to(before)):
            say(f"/{SITE}/{path.relative_to(before)}: was taken away in the trial, and is back")


def discard(places: Places) -> None:
    """Remove the copies; the small ones, with the keys, are overwritten first. Raises OSError."""
    home = places.own / "saved"
    gone(home / "complete")  # durable: zeros must not pass for copies
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
    """With owners and modes, each file whole: beside its place, then renamed. What is the same is left alone."""
    _like(source, into)
    for path in _files(source):
        goes = into / path.relative_to(source)
        if _same(path, goes):
            continue
        for parent in reversed(path.relative_to(source).parents):
            _like(source / parent, into / parent)
        fresh = goes.with_name(f".{goes.name}.copied")
        fresh.unlink(missing_ok=True)
        shutil.copy2(path, fresh, follow_symlinks=False)
        _own(path, fresh)
        fresh.replace(goes)


def _same(one: Path, other: Path) -> bool:
    """Whether both are there, of one kind, owner and mode, with the same in them."""
    try:
        first, second = one.lstat(), other.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    if (first.st_mode, first.st_uid, first.st_gid) != (second.st_mode, second.st_uid, second.st_gid):
        return False
    if stat.S_ISLNK(first.st_mode):
        return one.readlink() == other.readlink()
    return stat.S_ISREG(first.st_mode) and first.st_size == second.st_size and _sha256(one) == _sha256(other)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _like(source: Path, made: Path) -> None:
    made.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copystat(source, made)
    _own(source, made)


def _own(source: Path, made: Path) -> None:
    status = source.lstat()
    if os.geteuid() == 0:
        os.chown(made, status.st_uid, status.st_gid, follow_symlinks=False)
