"""Every SQLite store of a gate is opened, and changed, the same way."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gatefw import store


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(store.connect(tmp_path / "s.sqlite")) as database:
        database.execute("pragma foreign_keys = on")
        database.execute("create table door (name text primary key)")
        database.execute("create table seen (door references door deferrable initially deferred)")
        yield database


def test_what_fails_half_way_leaves_nothing_behind(database: sqlite3.Connection) -> None:
    with pytest.raises(KeyError), store.transaction(database):
        database.execute("insert into door values ('entry')")
        raise KeyError
    assert database.execute("select count(*) from door").fetchone() == (0,)


def test_a_commit_that_fails_is_taken_back_so_that_the_next_change_is_not_part_of_it(
    database: sqlite3.Connection,
) -> None:
    """SQLite leaves the transaction of such a commit open: what came next would never have been committed."""
    with pytest.raises(sqlite3.IntegrityError), store.transaction(database):
        database.execute("insert into seen values ('nowhere')")
    assert not database.in_transaction
    with store.transaction(database):
        database.execute("insert into door values ('exit')")
    assert not database.in_transaction
    assert database.execute("select count(*) from seen").fetchone() == (0,)
