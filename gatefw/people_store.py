"""The file about registered people: its tables, its transactions, and how an older file becomes one of today's.

Several daemons of one machine may have it open. Every change is one transaction that takes the write lock first, so
what a transaction reads is still so when it writes.

Erased bytes are overwritten, in the file (secure_delete) and in the log (truncated). SQLite at times leaves a copy in
the unused part of a page when it splits pages: `forget` looks for it, and writes the file anew when there is one. A
file that is too large for that (SEARCHED_BYTES) keeps it.
"""

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from gatefw import store
from gatefw.errors import StoreError

_log = logging.getLogger(__name__)

LAYOUT = 2
SEARCHED_BYTES, PIECE_BYTES = 256 * 1024 * 1024, 1024 * 1024
_TABLES = """
create table traveller (subject text primary key, partition text not null, state text not null, state_at real not null,
    facts_sealed blob, expires_at real not null, revoked_at real);
create index traveller_of on traveller (partition);
create table token (hash blob primary key, subject text not null);
create index token_of on token (subject);
create table consent (subject text not null, modality text not null, given_at real not null, withdrawn_at real,
    primary key (subject, modality));
create table touchpoint (number integer primary key, subject text not null, name text not null, at real not null,
    unique (subject, name));
create table refusal (number integer primary key, subject text not null, lane text not null, at real not null,
    told_at real);
create index refusal_of on refusal (subject, lane);
create table partition (name text primary key, expires_at real not null, facts_sealed blob,
    gone integer not null default 0, told integer not null default 0)
"""
_OF_A_SUBJECT = ("token", "consent", "touchpoint", "refusal", "traveller")
_FROM_LAYOUT_1 = """
insert into token select hash, subject from token_1;
insert into consent select subject, 'face', consent_at, null from traveller_1 where ' ' || consent like '% face%';
insert into consent select subject, 'finger', consent_at, null from traveller_1 where ' ' || consent like '% finger%';
insert into traveller select subject, 'main', state, consent_at, facts_sealed, expires_at, revoked_at from traveller_1;
drop table token_1;
drop table traveller_1
"""


class PeopleStore:
    """The open file. Every method may be called from any thread; all raise StoreError."""

    def __init__(self, path: Path) -> None:
        """Open, make or bring up to date the file at `path`. One of a newer gatefw is left alone."""
        self._path, self._lock = path, threading.RLock()  # who changes something may look as well
        self._owing = False
        self._database = store.connect(path)
        try:
            with self._guarded():
                self._database.execute("pragma temp_store = memory")  # no copy of a row goes to another file
            with self.transaction() as database:
                self._laid_out(database)
        except StoreError:
            self._database.close()
            raise

    def close(self) -> None:
        """May be called twice."""
        self._database.close()

    def rows(self, query: str, *values: object) -> list[Any]:
        """What a query finds."""
        with self._guarded():
            return self._database.execute(query, values).fetchall()

    def row(self, query: str, *values: object) -> Any:
        """The first row that a query finds, or None."""
        with self._guarded():
            return self._database.execute(query, values).fetchone()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of it or nothing; on disk when it is over. One within another is part of that one."""
        with self._guarded():
            if self._database.in_transaction:
                yield self._database
                return
            with store.transaction(self._database) as database:
                yield database

    def forget(self, erased: bytes | None) -> None:
        """Leave no copy of these bytes that a transaction erased, in log and file. None: there was nothing.

        What was erased is erased whatever comes of it: that a copy may be left is logged, and is tried again next time.
        """
        try:
            self._forget_log()
            if self._owing or (erased and self._holds(erased)):
                self._write_anew()
        except StoreError as error:
            self._owing = True
            _log.error("a copy of what was erased may be left: %s", error)

    def forget_all(self) -> None:
        """As `forget`, of everything that was ever erased."""
        self._owing = True
        self.forget(None)

    def _write_anew(self) -> None:
        with self._guarded():
            if self._path.stat().st_size <= SEARCHED_BYTES:
                self._database.execute("vacuum")
        self._owing = False
        self._forget_log()

    def _holds(self, erased: bytes) -> bool:
        """In pieces, each with the end of the one before. Not mapped: another process may cut the file short."""
        with self._guarded(), self._path.open("rb") as file:
            before = b""
            while file.tell() < SEARCHED_BYTES and (piece := file.read(PIECE_BYTES)):
                if erased in before + piece:
                    return True
                before = piece[-len(erased) :]
        return False

    def _forget_log(self) -> None:
        with self._guarded():
            busy = self._database.execute("pragma wal_checkpoint(truncate)").fetchone()[0]
        if busy:
            raise StoreError(f"records {self._path}: another process has been reading for {store.BUSY_S:g} s; end it")

    def _laid_out(self, database: sqlite3.Connection) -> None:
        layout = database.execute("pragma user_version").fetchone()[0]
        if layout == LAYOUT:
            return
        if layout > LAYOUT:
            raise StoreError(
                f"records {self._path}: layout {layout} is of a newer gatefw, we know {LAYOUT}; install it"
            )
        older = database.execute("select 1 from sqlite_master where name = 'traveller'").fetchone() is not None
        if older:
            database.execute("alter table token rename to token_1")
            database.execute("alter table traveller rename to traveller_1")
        for statement in _TABLES.split(";") + (_FROM_LAYOUT_1.split(";") if older else []):
            database.execute(statement)
        database.execute(f"pragma user_version = {LAYOUT}")

    def _guarded(self) -> AbstractContextManager[None]:
        return store.guarded(self._lock, f"records {self._path}")


def erase(database: sqlite3.Connection, subject: str) -> None:
    """Every row about one subject, within a transaction."""
    for table in _OF_A_SUBJECT:
        database.execute(f"delete from {table} where subject = ?", (subject,))  # noqa: S608  our own names
