"""The files of a journal: the store with its tables, the lock of who writes it, and the latches.

A latch is the first cause of something, as the target of a symbolic link: made in one step, the first cause wins, and a
full disk has room for it when it has none for a row. `latch` is that of a FAULT, `maintenance` that of a technician.
"""

import contextlib
import fcntl
import os
import secrets
import sqlite3
from pathlib import Path

from gatefw import journal_chain as chain
from gatefw import store
from gatefw.errors import StoreError
from gatefw.keys import make_directory, sync_directory
from gatefw.model import FactKind, Reason

_SCHEMA = f"""
begin immediate;
create table if not exists journal (epoch text not null, lane text not null);
create table if not exists event (
    n integer primary key, epoch text not null, at integer not null, quality text not null, kind text not null,
    run text, body blob not null, subject_sealed blob, previous blob not null, hash blob not null);
create index if not exists ending on event (run) where kind in ('passage.ended', 'passage.cleared_by_hand');
{chain.INDEX}
commit;
"""


class Latch:
    """Of one journal. Its methods raise OSError."""

    def __init__(self, journal: Path, name: str = "latch") -> None:
        self._path = journal.with_name(f"{journal.name}.{name}")

    def cause(self) -> Reason | None:
        """As it stands on disk; a latch nobody can read still latches."""
        try:
            return Reason(self._path.readlink().name)
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            return Reason.SOFTWARE

    def set(self, reason: Reason | None) -> None:
        """None takes it back; otherwise an earlier cause stays."""
        if reason is None:
            self._path.unlink(missing_ok=True)
        else:
            with contextlib.suppress(FileExistsError):
                self._path.symlink_to(reason.value)
        sync_directory(self._path.parent)


def own(path: Path) -> int:
    """Take the journal for this process until the descriptor is closed; a lock of a dead process is void by itself."""
    lock = path.with_name(path.name + ".lock")
    try:
        make_directory(path.parent)
        descriptor = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(f"journal {path}: cannot be created: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise StoreError(f"journal {path}: another process writes it; stop that gatefw first") from error
    return descriptor


def was_signed(path: Path) -> bool:
    """Whether a journal holds a checkpoint: then its key must be there. Raises StoreError."""
    if not path.exists():
        return False
    try:
        with contextlib.closing(store.connect(path)) as database:
            database.executescript(_SCHEMA)
            return chain.last(database, FactKind.JOURNAL_CHECKPOINT) is not None
    except sqlite3.Error as error:
        raise StoreError(f"journal {path}: cannot be read: {error}; restore it or move it away") from error


def begin(database: sqlite3.Connection, path: Path, lane: str) -> str:
    """The epoch of this journal: 64 random bits, drawn when it is made."""
    database.executescript(_SCHEMA)
    found = database.execute("select epoch, lane from journal").fetchone()
    if found is None:
        found = (secrets.token_hex(8), lane)
        database.execute("insert into journal values (?, ?)", found)
    if found[1] != lane:
        raise StoreError(f"journal {path}: belongs to lane {found[1]}, not {lane}; give each lane its own")
    return str(found[0])
