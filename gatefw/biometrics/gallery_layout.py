"""What the file of a gallery holds (layout 3): partitions, sealed chunks of their people, and who is in which chunk.

    partition    name, and when it ends: not sealed, for it may be moved (a flight is late)
    chunk        partition, version, how many people, templates and bytes; the same number is never given twice
    seal         of a chunk: its people, sealed with the partition's key for layout, partition, chunk and version
    person       in which chunk somebody is. A pointer: what counts is in the seal; where both differ, that is damage
    proof        something sealed with the gallery's own key, which tells another key from a damaged chunk

A seal ends with what it cannot be opened without, its nonce: SQLite, when it splits pages, may leave a copy of the
beginning of a row (some 490 bytes) in the unused part of one, while the end of a long row lies on overflow pages,
which are never copied and are overwritten when they are freed (secure_delete). Seals are padded to fill such pages, so
that each has one, and its end is not torn in two.
"""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gatefw import sealing
from gatefw.biometrics.gallery_chunk import Chunk
from gatefw.errors import StoreError
from gatefw.sealing import NONCE_BYTES

MAIN = "main"
"""The partition that every gallery has, which is sealed with the gallery's own key and does not expire."""
LAYOUT = 3
UNSWEPT = -3
"""Of layout 3, but with rows of an earlier layout in unused pages until the file is written anew."""
SCHEMA = """
CREATE TABLE partition (name TEXT NOT NULL PRIMARY KEY, expires_at REAL NOT NULL) STRICT;
INSERT INTO partition VALUES ('main', 9e999);
CREATE TABLE chunk (
    number INTEGER PRIMARY KEY AUTOINCREMENT, partition TEXT NOT NULL, version INTEGER NOT NULL,
    people INTEGER NOT NULL, templates INTEGER NOT NULL, bytes INTEGER NOT NULL
) STRICT;
CREATE INDEX chunk_by_room ON chunk (partition, bytes);
CREATE TABLE seal (chunk INTEGER PRIMARY KEY, sealed BLOB NOT NULL) STRICT;
CREATE TABLE person (
    subject TEXT NOT NULL PRIMARY KEY, chunk INTEGER NOT NULL, templates INTEGER NOT NULL, expires_at REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE proof (sealed BLOB NOT NULL) STRICT;
"""

WITHOUT_PARTITION = (
    "DELETE FROM person WHERE chunk IN (SELECT number FROM chunk WHERE partition = ?)",
    "DELETE FROM seal WHERE chunk IN (SELECT number FROM chunk WHERE partition = ?)",
    "DELETE FROM chunk WHERE partition = ?",
    "DELETE FROM partition WHERE name = ?",
)
MARK = b"gatefw/3"
"""Stands before the nonce of each seal: by it an audit finds seals wherever they lie in the file."""
_PAGE_BYTES, _FIRST_BYTES = 4092, 484
"""Of a long row, on an overflow page of 4,096 bytes, and on the page of the row itself beside what SQLite adds."""
_ADDED_BYTES = 16 + len(MARK) + NONCE_BYTES
CHUNK_BYTES = _FIRST_BYTES + 16 * _PAGE_BYTES - _ADDED_BYTES
"""So many bytes of people fill a chunk: 113 with one template of 128 numbers each. One alone may be more."""


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition without its people. `expires_at`: Unix seconds, infinite for the main one; `bytes`: sealed ones."""

    name: str
    expires_at: float
    people: int
    templates: int
    bytes: int


def row_key(key: bytes) -> bytes:
    """What seals the chunks of a partition (or of the main one), from the 32 bytes of its key file."""
    return sealing.derive(key, "gallery")


def seal(key: bytes, partition: str, number: int, version: int, content: bytes) -> bytes:
    """The packed people of a chunk, sealed for this place."""
    padding = bytes(-(len(content) + _ADDED_BYTES - _FIRST_BYTES) % _PAGE_BYTES)
    if len(content) + len(padding) + _ADDED_BYTES == _FIRST_BYTES:
        padding += bytes(_PAGE_BYTES)
    sealed = sealing.seal(key, content + padding, _bound_to(partition, number, version))
    return sealed[NONCE_BYTES:] + MARK + sealed[:NONCE_BYTES]


def unseal(key: bytes, partition: str, number: int, version: int, sealed: bytes) -> Chunk:
    """Raises StoreError when the seal was altered or moved, or belongs to another key."""
    turned = nonce_of(sealed) + sealed[: -len(MARK) - NONCE_BYTES]
    return Chunk.unpacked(sealing.unseal(key, turned, _bound_to(partition, number, version)))


def nonce_of(sealed: bytes) -> bytes:
    return sealed[-NONCE_BYTES:]


def prove(database: sqlite3.Connection, key: bytes) -> None:
    """Raises StoreError when the gallery was made with another key than this row key of its main partition."""
    (sealed,) = database.execute("SELECT sealed FROM proof").fetchone() or (b"",)
    sealing.unseal(key, sealed, MARK)


def make(database: sqlite3.Connection, key: bytes) -> None:
    """Make the tables, in the transaction that is open."""
    for statement in SCHEMA.split(";"):  # `executescript` would commit the transaction
        database.execute(statement)
    database.execute("INSERT INTO proof VALUES (?)", (sealing.seal(key, b"", MARK),))


def layout(database: sqlite3.Connection) -> int:
    """0: an empty file."""
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def partitions(database: sqlite3.Connection) -> tuple[Partition, ...]:
    """Every partition in order of the names, without a look at keys."""
    query = """
        SELECT name, expires_at, coalesce(sum(people), 0), coalesce(sum(templates), 0), coalesce(sum(bytes), 0)
        FROM partition LEFT JOIN chunk ON partition = name GROUP BY name ORDER BY name
    """
    return tuple(Partition(*row) for row in database.execute(query))


def nonces_in(path: Path, block_bytes: int = 1 << 22) -> Iterator[bytes]:
    """The nonce of each seal that lies anywhere in the bytes of the file, in use or not; some more than once."""
    rest, end = b"", len(MARK) + NONCE_BYTES
    with path.open("rb") as file:
        while block := file.read(block_bytes):
            content, at = rest + block, -1
            while (at := content.find(MARK, at + 1)) >= 0 and at + end <= len(content):
                yield content[at + len(MARK) : at + end]
            rest = content[1 - end :]


def _bound_to(partition: str, number: int, version: int) -> bytes:
    """The place of a chunk as the associated data of its seal, without two ways to read it."""
    return json.dumps([LAYOUT, partition, number, version]).encode()


def check_known(found: int) -> None:
    """Raise StoreError for a layout of the future."""
    if found not in (0, 1, 2, LAYOUT, UNSWEPT):
        raise StoreError(f"has layout {found}, this software knows {LAYOUT}; update the software")
