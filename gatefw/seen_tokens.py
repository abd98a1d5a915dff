"""Which signed tokens were used: each of them once, through crashes, restarts and clocks that are set back.

A token is written down, synced to the disk, before anything follows from it. What is written down can be forgotten only
when the token can never be good again, and a clock alone does not tell that. So the store keeps a floor, a moment that
never comes down: no token that expires at or before it is good. The floor rises to the time of every use (a token that
was good then shows that its issuer's clock said much the same), and to the expiry of every signed token that was shown
too late. A clock that jumps ahead by years therefore forgets nothing and shuts nobody out once it is right again, and
one that is set back revives nothing that was used or seen expired.
"""

import hashlib
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gatefw import store
from gatefw.errors import StoreError

_SCHEMA = """
begin immediate;
create table if not exists used (id blob primary key, expires integer not null) without rowid;
create table if not exists floor (only integer primary key check (only = 0), at integer not null);
insert or ignore into floor values (0, 0);
commit;
"""


class SeenTokens:
    """The open store. Every method may be called from any thread and is one transaction; all raise StoreError."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()
        self._database = store.connect(path)
        try:
            with self._lock:
                self._database.executescript(_SCHEMA)
        except sqlite3.Error as error:
            self._database.close()
            raise self._lost(error) from error

    def close(self) -> None:
        """May be called twice."""
        self._database.close()

    def floor(self) -> int:
        """No token that expires at or before this second (since 1970 UTC) is good, whatever the clock says."""
        with self._transaction() as database:
            return int(database.execute("select at from floor").fetchone()[0])

    def use(self, key_id: str, token_id: bytes, expires: int, now: int) -> bool:
        """Use a token that is good at `now` up; durable when this returns. False: it was used before."""
        spent = hashlib.sha256(key_id.encode() + b"/" + token_id).digest()
        with self._transaction() as database:
            fresh = database.execute("insert or ignore into used values (?, ?)", (spent, expires)).rowcount == 1
            _raise_floor(database, now)
        return fresh

    def expired(self, expires: int) -> None:
        """A signed token was shown that had expired at `expires`: it is never good again, however the clock goes."""
        with self._transaction() as database:
            _raise_floor(database, expires)

    def count(self) -> int:
        """How many used tokens are remembered: those that could still be shown in time."""
        with self._transaction() as database:
            return int(database.execute("select count(*) from used").fetchone()[0])

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                with store.transaction(self._database) as database:
                    yield database
            except sqlite3.Error as error:
                raise self._lost(error) from error

    def _lost(self, error: sqlite3.Error) -> StoreError:
        return StoreError(
            f"used tokens {self._path}: {error}; look after the disk. Until then no signed token is taken"
        )


def _raise_floor(database: sqlite3.Connection, to: int) -> None:
    database.execute("update floor set at = max(at, ?)", (to,))
    database.execute("delete from used where expires <= (select at from floor)")
