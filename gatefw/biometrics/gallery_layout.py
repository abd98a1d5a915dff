"""What the file of a gallery holds: partitions, and rows that open only with their partition's key and in their place.

Every column of a row but the sealed one is associated data of its seal. The expiry of a partition is not: it may be
moved (a flight is late), and what it is worth against somebody who writes to the file is what the file's mode is worth.
The expiry of a row is sealed.
"""

import json
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gatefw import sealing
from gatefw.biometrics.runtime import Delegate, Maker, Runtime
from gatefw.biometrics.template import Template
from gatefw.errors import StoreError
from gatefw.model import SubjectId

MAIN = "main"
"""The partition that every gallery has, which is sealed with the gallery's own key and does not expire."""
LAYOUT = 2
SCHEMA = """
CREATE TABLE partition (name TEXT NOT NULL PRIMARY KEY, expires_at REAL NOT NULL) STRICT;
INSERT INTO partition VALUES ('main', 9e999);
CREATE TABLE template (
    partition TEXT NOT NULL, subject TEXT NOT NULL, number INTEGER NOT NULL, expires_at REAL NOT NULL,
    model TEXT NOT NULL, runtime TEXT NOT NULL, version TEXT NOT NULL, delegate TEXT NOT NULL,
    sealed BLOB NOT NULL, PRIMARY KEY (subject, number)
) STRICT;
PRAGMA user_version = 2;
"""

_RUNTIMES, _DELEGATES = ("|".join(words).encode() for words in (Runtime, Delegate))
_SEAL_BEGINS = re.compile(b"(?:%s)[ -~]{1,24}?(?:%s)(.{%d})" % (_RUNTIMES, _DELEGATES, sealing.NONCE_BYTES), re.DOTALL)
"""Runtime, version, delegate and nonce of a row, as they stand side by side in the file."""

Row = tuple[Any, ...]
"""A row of the table `template`: its place, then what is sealed for it."""


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition without its people. `expires_at`: Unix seconds, infinite for the main one."""

    name: str
    expires_at: float
    people: int
    templates: int


def row_key(key: bytes) -> bytes:
    """What seals the rows of a partition (or of the main one), from the 32 bytes of its key file."""
    return sealing.derive(key, "gallery")


def seal(key: bytes, partition: str, subject: SubjectId, number: int, expires_at: float, template: Template) -> Row:
    """`template` as the row that stands at this place."""
    maker = template.maker
    made_by = maker.model_sha256, maker.runtime, maker.version, maker.delegate
    place = (partition, subject, number, float(expires_at), *made_by)
    content = np.ascontiguousarray(template.vector, "<f4").tobytes()
    return (*place, sealing.seal(key, content, _bound_to(place)))


def unseal(key: bytes, row: Row) -> Template:
    """Raises StoreError when the row was altered or moved, or belongs to another key."""
    *place, sealed = row
    content = sealing.unseal(key, sealed, _bound_to(place))
    model, runtime, version, delegate = place[4:]
    return Template(
        np.frombuffer(content, "<f4").astype(np.float32), Maker(model, Runtime(runtime), version, Delegate(delegate))
    )


def prepare(database: sqlite3.Connection, key: bytes) -> None:
    """Make the tables, or bring those of an earlier layout up to date: whole or not at all, whoever else does the same.

    `key`: the row key of the main partition. Raises StoreError for a layout of the future.
    """
    if layout(database) == LAYOUT:
        return
    database.execute("BEGIN IMMEDIATE")
    try:
        found = layout(database)  # another process may have been faster
        if found == 0:
            _run(database, SCHEMA)
        elif found == 1:
            _from_layout_1(database, key)
        elif found != LAYOUT:
            raise StoreError(f"has layout {found}, this software knows {LAYOUT}; update the software")
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


def layout(database: sqlite3.Connection) -> int:
    """0: an empty file."""
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def partitions(database: sqlite3.Connection) -> tuple[Partition, ...]:
    """Every partition in order of the names, without a look at keys."""
    query = """
        SELECT name, partition.expires_at, count(DISTINCT subject), count(subject)
        FROM partition LEFT JOIN template ON template.partition = name GROUP BY name ORDER BY name
    """
    return tuple(Partition(*row) for row in database.execute(query))


def erased_copies(database: sqlite3.Connection, path: Path) -> int:
    """How many rows that are in no table still lie in the bytes of the file; to be asked while its log is empty.

    Each is found by the open columns before its seal; a fragment without them is not.
    """
    query = "SELECT substr(sealed, 1, ?) FROM template"
    present = {nonce for (nonce,) in database.execute(query, (sealing.NONCE_BYTES,))}
    return len({match[1] for match in _SEAL_BEGINS.finditer(path.read_bytes())} - present)


def _from_layout_1(database: sqlite3.Connection, key: bytes) -> None:
    """Layout 1 knew no partitions: everybody goes to the main one, and is sealed anew for that place."""
    database.execute("ALTER TABLE template RENAME TO template_1")
    _run(database, SCHEMA)
    for *place, sealed in database.execute("SELECT * FROM template_1").fetchall():
        content = sealing.unseal(key, sealed, _bound_to(place))
        moved = (MAIN, *place)
        row = (*moved, sealing.seal(key, content, _bound_to(moved)))
        database.execute("INSERT INTO template VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    database.execute("DROP TABLE template_1")


def _run(database: sqlite3.Connection, script: str) -> None:
    """Statement by statement: `executescript` would commit the transaction that is open."""
    for statement in script.split(";"):
        database.execute(statement)


def _bound_to(place: Sequence[object]) -> bytes:
    """Partition, subject, number, expiry and maker as the associated data of a seal, without two ways to read them."""
    return json.dumps(list(place)).encode()
