"""How the file of a gallery comes to the layout of today, from nothing or from an earlier one: whole or not at all.

Layouts 1 and 2 had a row for each template, sealed by itself; layout 1 knew no partitions: everybody goes to the main
one. A row of a partition whose key is destroyed opens for nobody, and is left out. One that should open and does not
keeps the whole gallery as it was.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from gatefw import sealing
from gatefw.biometrics import gallery_layout as layout
from gatefw.biometrics.gallery_chunk import Member
from gatefw.biometrics.gallery_layout import LAYOUT, MAIN, UNSWEPT
from gatefw.biometrics.gallery_people import Keys
from gatefw.biometrics.runtime import Delegate, Maker, Runtime
from gatefw.biometrics.template import Template
from gatefw.model import SubjectId

Put = Callable[[str, Sequence[Member]], object]
"""Enrols people into a partition, in the transaction that is open."""


def upgrade(database: sqlite3.Connection, keys: Keys, put: Put) -> None:
    """Bring the gallery up to date, whoever else does the same.

    What earlier rows leave in unused pages is erased before this returns, or at the next start. Raises StoreError: it
    has a later layout, or a row does not open.
    """
    if layout.layout(database) not in (LAYOUT, UNSWEPT):
        database.execute("BEGIN IMMEDIATE")
        try:
            _convert(database, keys, put)
        except BaseException:
            database.execute("ROLLBACK")
            raise
        database.execute("COMMIT")
    if layout.layout(database) == UNSWEPT:
        database.execute("VACUUM")
        database.execute(f"PRAGMA user_version = {LAYOUT}")


def _convert(database: sqlite3.Connection, keys: Keys, put: Put) -> None:
    found = layout.layout(database)  # another process may have been faster
    layout.check_known(found)
    if found in (LAYOUT, UNSWEPT):
        return
    partitions = database.execute("SELECT * FROM partition").fetchall() if found == 2 else []
    for table in ("template", *["partition"] * (found == 2)) if found else ():
        database.execute(f"ALTER TABLE {table} RENAME TO old_{table}")
    main = keys(MAIN)
    assert main is not None, "the main partition's key is the gallery's"
    layout.make(database, main)
    if found:
        database.executemany("INSERT OR REPLACE INTO partition VALUES (?, ?)", partitions)
        for partition, people in groupby(_opened(database, found, keys), key=lambda each: each[0]):
            put(partition, [member for _, member in people])
        database.execute("DROP TABLE old_template")
        database.execute("DROP TABLE IF EXISTS old_partition")
    database.execute(f"PRAGMA user_version = {UNSWEPT if found else LAYOUT}")


def _opened(database: sqlite3.Connection, found: int, keys: Keys) -> Iterator[tuple[str, Member]]:
    """Everybody who can be opened, partition by partition."""
    where = "partition" if found == 2 else f"'{MAIN}'"
    query = f"SELECT {where}, old_template.* FROM old_template ORDER BY 1, subject, number"  # noqa: S608  our own words
    rows = database.execute(query).fetchall()
    for (partition, subject), theirs in groupby(rows, key=lambda row: (row[0], row[found])):
        key = keys(partition)
        if key is not None:
            opened = [_template(key, row[1:], found) for row in theirs]
            expires_at = min(each for each, _ in opened)
            yield partition, Member(SubjectId(subject), expires_at, tuple(template for _, template in opened))


def _template(key: bytes, row: Sequence[Any], found: int) -> tuple[float, Template]:
    """When it expires, and what was sealed in a row: all columns before the seal were bound to it."""
    *place, sealed = row
    content = sealing.unseal(key, sealed, json.dumps(place).encode())
    expires_at, model, runtime, version, delegate = place[found + 1 :]
    maker = Maker(model, Runtime(runtime), version, Delegate(delegate))
    return expires_at, Template(np.frombuffer(content, "<f4").astype(np.float32), maker)
