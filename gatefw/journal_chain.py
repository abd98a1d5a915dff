"""How the rows of a journal hold together.

    n  epoch  at  quality  kind  run  body  subject_sealed  previous  hash
    hash = SHA-256(previous | n | epoch | body | subject_sealed), previous = the hash of row n - 1

The chain shows an altered, removed or inserted row. It cannot show that the newest rows were cut off: whoever follows
the bus holds the witness.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatefw.errors import JournalBroken, StoreError
from gatefw.events import WallTime, type_of
from gatefw.model import FactKind

GENESIS = bytes(32)
_COLUMNS = "n, epoch, at, quality, kind, run, body, subject_sealed, previous, hash"


@dataclass(frozen=True, slots=True)
class Head:
    """The newest row: what the next one is chained to."""

    n: int
    hash: bytes
    at_ns: int


def row_hash(previous: bytes, n: int, epoch: str, body: bytes, sealed: bytes | None) -> bytes:
    """Every part goes in with its length before it, so that no two rows spell the same bytes."""
    digest = hashlib.sha256(previous)
    for part in (n.to_bytes(8, "big"), epoch.encode(), body, sealed or b""):
        digest.update(len(part).to_bytes(4, "big") + part)
    return digest.digest()


def place(epoch: str, n: int) -> bytes:
    """Where a sealed subject belongs: it opens in this row of this journal and nowhere else."""
    return f"{epoch}|{n}".encode()


def newest(database: sqlite3.Connection, path: Path) -> Head:
    """The head of the chain, itself checked. Raises StoreError when it was altered."""
    row = database.execute(f"select {_COLUMNS} from event order by n desc limit 1").fetchone()  # noqa: S608 constant
    if row is None:
        return Head(0, GENESIS, 0)
    n, _, at_ns, *_, previous, found = row
    if problem := _problem(row, row[1], previous):
        raise StoreError(f"journal {path}: newest row {n}: {problem}; keep the file as evidence and move it away")
    return Head(n, found, at_ns)


def verified(database: sqlite3.Connection, path: Path, epoch: str) -> Iterator[tuple[int, bytes | None]]:
    """Number and sealed subject of every row, each checked. Raises JournalBroken at the first that does not hold."""
    previous, expected = GENESIS, 1
    for row in database.execute(f"select {_COLUMNS} from event order by n"):  # noqa: S608 constant
        if row[0] != expected:
            raise JournalBroken(f"journal {path}: row {expected} is missing; row {row[0]} follows")
        if problem := _problem(row, epoch, previous):
            raise JournalBroken(f"journal {path}: row {expected}: {problem}")
        yield expected, row[7]
        previous, expected = row[9], expected + 1


def _problem(row: tuple[Any, ...], own_epoch: str, before: bytes) -> str | None:
    n, epoch, at_ns, quality, kind, run, body, sealed, previous, found = row
    if epoch != own_epoch:
        return f"its epoch is {epoch}, this journal's is {own_epoch}"
    if previous != before:
        return "its previous hash is not the hash of the row before"
    try:
        if row_hash(before, n, epoch, body, sealed) != found:
            return "its hash does not fit its content; it was altered"
        event = json.loads(body)
        told = event["sequence"], event["type"], event["clockquality"], event.get("run"), event["time"]
        written = f"{n:020d}", type_of(FactKind(kind)), quality, run, WallTime(at_ns, True).rfc3339
    except (ValueError, KeyError, TypeError):
        return "its body is not one of our events; it was altered"
    return None if told == written else "its columns do not say what its body says; they were altered"
