"""What somebody does to a journal who can write its file and has no key: edits, cuts, swaps, and a chain made anew."""

import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from kept_journal import LANE, PUBLIC

from gatefw.journal_anchor import Signed
from gatefw.journal_chain import Walk, row_hash, walked

Columns = list[object]
"""A row as it stands in the file: n, epoch, at, quality, kind, run, body, subject_sealed, previous, hash."""
N, EPOCH, AT, BODY, SEALED, PREVIOUS, HASH = 0, 1, 2, 6, 7, 8, 9


def rows_of(path: Path) -> list[Columns]:
    with closing(sqlite3.connect(path)) as database:
        return [list(row) for row in database.execute("select * from event order by n")]


def verified(rows: Sequence[Columns], anchors: Sequence[Signed] = (), key: str = PUBLIC) -> Walk:
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("create table event (n, epoch, at, quality, kind, run, body, subject_sealed, previous, hash)")
        database.executemany("insert into event values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        return walked(database, lambda: Walk("journal", LANE, str(rows[0][EPOCH]), key, anchors))


def chained_anew(rows: list[Columns]) -> None:
    """What anybody can do who can write the file: numbers and hashes are no secret."""
    before = bytes(32) if rows[0][N] == 1 else rows[0][PREVIOUS]
    for row in rows:
        event = json.loads(row[BODY])  # type: ignore[arg-type]
        event["sequence"], event["id"] = f"{row[N]:020d}", f"{row[EPOCH]}:{row[N]}"
        row[BODY] = json.dumps(event, separators=(",", ":")).encode()
        row[PREVIOUS] = before
        row[HASH] = before = row_hash(before, row[N], str(row[EPOCH]), row[BODY], row[SEALED])  # type: ignore[arg-type]


def renumbered(rows: list[Columns]) -> None:
    for n, row in enumerate(rows, 1):
        row[N] = n


def anchor_of(row: Columns) -> Signed:
    return Signed.of(json.loads(row[BODY])["data"]["anchor"])  # type: ignore[arg-type]


# ---------------------------------------------------------------- attacks: each says before which row it was


def edited(rows: list[Columns], at: int, _other: int) -> int:
    event = json.loads(rows[at][BODY])  # type: ignore[arg-type]
    event["data"]["more"] = 1
    rows[at][BODY] = json.dumps(event, separators=(",", ":")).encode()
    return at


def removed(rows: list[Columns], at: int, _other: int) -> int:
    del rows[at]
    return at


def doubled(rows: list[Columns], at: int, _other: int) -> int:
    rows.insert(at + 1, list(rows[at]))
    return at + 1


def moved(rows: list[Columns], at: int, other: int) -> int:
    rows.insert(other, rows.pop(at))
    return min(at, other)


def swapped(rows: list[Columns], at: int, other: int) -> int:
    rows[at][2:8], rows[other][2:8] = rows[other][2:8], rows[at][2:8]
    return min(at, other)


def unsealed(rows: list[Columns], at: int, _other: int) -> int:
    rows[at][SEALED] = None if rows[at][SEALED] else b"\0" * 40
    return at


Attack = Callable[[list[Columns], int, int], int]
ATTACKS: tuple[Attack, ...] = (moved, edited, removed, doubled, swapped, unsealed)
"""The first one alters nothing without new numbers: a file's rows have no order but theirs."""
