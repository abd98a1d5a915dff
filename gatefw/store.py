"""How every SQLite store of the gate is opened: private, write-ahead, synced at each commit."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from gatefw.errors import StoreError, system_words
from gatefw.keys import make_directory, sync_directory

BUSY_S = 5.0


def connect(path: Path) -> sqlite3.Connection:
    """A connection to the store at `path`, made with mode 0600 (directory 0700) when missing; autocommit, any thread.

    WAL with synchronous = FULL: a commit that returned survives a power cut. Raises StoreError.
    """
    try:
        make_directory(path.parent)
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))  # -wal and -shm take its mode
            sync_directory(path.parent)
    except OSError as error:
        raise StoreError(f"store {path}: cannot be created: {error.strerror}") from error
    try:
        database = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            database.execute("pragma journal_mode = wal")
            database.execute("pragma synchronous = full")
            database.execute("pragma secure_delete = on")  # what is erased is overwritten, not only forgotten
        except sqlite3.Error:
            database.close()
            raise
    except sqlite3.Error as error:
        raise StoreError(f"store {path}: cannot be opened: {error}; restore it from backup or move it away") from error
    return database


def unreadable(path: Path, error: Exception) -> str:
    """Why a store cannot be read. SQLite has one sentence for all that keeps it from a file; the system says which."""
    try:
        path.open("rb").close()
    except OSError as refused:
        return system_words(refused)
    return str(error)


@contextmanager
def guarded(lock: AbstractContextManager[object], name: str) -> Iterator[None]:
    """Whoever uses the store called so, one after the other. What SQLite or its disk raises is a StoreError."""
    with lock:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"{name}: {error}; look after the disk, or restore the store") from error


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All of it or nothing, on disk when it is over; it takes the write lock first. Raises what SQLite does.

    A commit that fails may leave its transaction open: it is taken back too, or what comes next would be part of it.
    """
    database.execute("begin immediate")
    try:
        yield database
        database.execute("commit")
    except BaseException:
        if database.in_transaction:
            database.execute("rollback")
        raise
