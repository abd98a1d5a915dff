"""Clearance records on their way to the authorities: sealed, durable before they are sent, kept, and erased.

    draft     a passage under way: its traveller, in a box for each authority, from before anybody is asked about them
    record    a passage that ended: a whole letter, in the order in which it is sent; with the time of its receipt
    tally     per authority: how many were erased, and when it was last heard

What is in a box the gate cannot read back: it has the authority's public key and nothing else. A process that dies
leaves drafts; the next one finishes them from the journal, so a death at any time loses none, and a record that is sent
again has the number that it had.
"""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gatefw import store
from gatefw.errors import StoreError
from gatefw.model import RunId

_SCHEMA = """
begin immediate;
create table if not exists draft (
    run text not null, authority text not null, id blob not null, traveller blob not null, since integer not null,
    primary key (run, authority));
create table if not exists record (
    n integer primary key autoincrement, authority text not null, letter blob not null, hash blob not null unique,
    queued_at real not null, delivered_at real);
create index if not exists waiting on record (authority, n) where delivered_at is null;
create index if not exists kept on record (delivered_at) where delivered_at is not null;
create table if not exists tally (authority text primary key, erased integer not null default 0, heard_at real);
commit;
"""


@dataclass(frozen=True, slots=True)
class Draft:
    """The traveller's half of one record. `since`: the newest row of the journal when it was begun."""

    authority: str
    id: bytes
    traveller: bytes = field(repr=False)
    since: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A record to be sent; `hash` is what its receipt names."""

    letter: bytes = field(repr=False)
    hash: bytes


@dataclass(frozen=True, slots=True)
class Standing:
    """How one authority's records stand. Times are seconds since 1970 UTC, None where there is nothing."""

    authority: str
    drafts: int
    waiting: int
    delivered: int
    erased: int
    oldest_waiting_at: float | None
    heard_at: float | None


class ClearanceRecords:
    """The open store. Every method may be called from any thread; all raise StoreError."""

    def __init__(self, path: Path) -> None:
        """Open or create the store at `path`, mode 0600."""
        self._path, self._lock = path, threading.Lock()
        self._database = store.connect(path)
        try:
            with self._guarded():
                self._database.executescript(_SCHEMA)
        except StoreError:
            self._database.close()
            raise

    def close(self) -> None:
        """May be called twice."""
        self._database.close()

    # ---------------------------------------------------------------- a passage under way, and its end

    def begin(self, run: RunId, drafts: Sequence[Draft]) -> None:
        """Write down who passes. What the same run began before stays as it is."""
        rows = [(run, each.authority, each.id, each.traveller, each.since) for each in drafts]
        with self._transaction() as database:
            database.executemany("insert or ignore into draft values (?, ?, ?, ?, ?)", rows)

    def drafts(self, run: RunId) -> list[Draft]:
        """What was begun about a passage and is not finished."""
        rows = self._rows("select authority, id, traveller, since from draft where run = ? order by authority", run)
        return [Draft(*row) for row in rows]

    def begun(self) -> list[RunId]:
        """Every passage with drafts, the oldest first."""
        return [RunId(run) for (run,) in self._rows("select run from draft group by run order by min(rowid)")]

    def finish(self, run: RunId, letters: Sequence[tuple[str, Waiting]], now: float) -> None:
        """The passage ended: its drafts become records, one letter for each authority."""
        rows = [(authority, each.letter, each.hash, now) for authority, each in letters]
        with self._transaction() as database:
            query = "insert into record (authority, letter, hash, queued_at) values (?, ?, ?, ?)"
            database.executemany(query, rows)
            finished = [(run, authority) for authority, _ in letters]
            database.executemany("delete from draft where run = ? and authority = ?", finished)

    # ---------------------------------------------------------------- on their way

    def next(self, authority: str) -> Waiting | None:
        """The oldest record that this authority has not received."""
        query = "select letter, hash from record where authority = ? and delivered_at is null order by n limit 1"
        return next((Waiting(*row) for row in self._rows(query, authority)), None)

    def delivered(self, authority: str, letter_hash: bytes, now: float) -> bool:
        """The authority has signed that it has it. False when no such record waits for that."""
        query = "update record set delivered_at = ? where authority = ? and hash = ? and delivered_at is null"
        with self._transaction() as database:
            return database.execute(query, (now, authority, letter_hash)).rowcount > 0

    def heard(self, authority: str, now: float) -> None:
        """The authority said something that it had signed."""
        query = (
            "insert into tally (authority, heard_at) values (?, ?) "
            "on conflict (authority) do update set heard_at = excluded.heard_at"
        )
        with self._transaction() as database:
            database.execute(query, (authority, now))

    def erase(self, delivered_before: float) -> dict[str, int]:
        """Erase what was received before then, overwritten in the file and in its log; how many of each authority."""
        counts = "select authority, count(*) from record where delivered_at < ? group by authority"
        with self._transaction() as database:
            erased = dict(database.execute(counts, (delivered_before,)).fetchall())
            database.execute("delete from record where delivered_at < ?", (delivered_before,))
            query = (
                "insert into tally (authority, erased) values (?, ?) "
                "on conflict (authority) do update set erased = erased + excluded.erased"
            )
            database.executemany(query, list(erased.items()))
        if erased:
            self._forget_log()
        return erased

    # ---------------------------------------------------------------- how they stand

    def most_waiting(self) -> int:
        """Of the authority with the most: how many are under way or not received."""
        query = (
            "select count(*) from (select authority from draft union all "
            "select authority from record where delivered_at is null) group by authority order by 1 desc limit 1"
        )
        return next((count for (count,) in self._rows(query)), 0)

    def standings(self) -> list[Standing]:
        """Every authority there is something about, by name."""
        query = """
            select name,
                (select count(*) from draft where authority = name),
                (select count(*) from record where authority = name and delivered_at is null),
                (select count(*) from record where authority = name and delivered_at is not null),
                coalesce((select erased from tally where authority = name), 0),
                (select min(queued_at) from record where authority = name and delivered_at is null),
                (select heard_at from tally where authority = name)
            from (select authority as name from draft union select authority from record union
                select authority from tally) order by name"""
        return [Standing(*row) for row in self._rows(query)]

    # ---------------------------------------------------------------- inside

    def _rows(self, query: str, *values: object) -> list[Any]:
        with self._guarded():
            return self._database.execute(query, values).fetchall()

    def _forget_log(self) -> None:
        """The write-ahead log keeps no copy of what was erased."""
        with self._guarded():
            self._database.execute("pragma wal_checkpoint(truncate)").fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._guarded(), store.transaction(self._database) as database:
            yield database

    def _guarded(self) -> AbstractContextManager[None]:
        return store.guarded(self._lock, f"clearance records {self._path}")


def standings(path: Path) -> list[Standing]:
    """How the records at `path` stand, read beside a running lane; none without a store. Raises StoreError."""
    if not path.exists():
        return []
    with closing(ClearanceRecords(path)) as records:
        return records.standings()
