"""Every chunk of a gallery, tried with every key there is. Reads only."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gatefw.biometrics import gallery_layout as layout
from gatefw.biometrics.gallery_chunk import Chunk
from gatefw.errors import StoreError


@dataclass(frozen=True, slots=True)
class Trial:
    """How a chunk is. `opens`: with its partition's key; `elsewhere`: not so, but with another one, where it stands or
    moved back to that key's partition. `listed`: who is in it is who is listed. People and templates as they are told.
    """

    number: int
    partition: str
    people: int
    templates: int
    opens: bool = False
    elsewhere: bool = False
    listed: bool = True


def tried(database: sqlite3.Connection, held: Mapping[str, bytes]) -> Iterator[Trial]:
    """Each chunk there was when this began, as it is when its turn comes. `held`: the row key of each partition."""
    query = """
        SELECT partition, version, people, templates, sealed FROM chunk LEFT JOIN seal ON chunk = number
        WHERE number = ?
    """
    for (number,) in database.execute("SELECT number FROM chunk ORDER BY number").fetchall():
        database.execute("BEGIN")
        row = database.execute(query, (number,)).fetchone()
        trial = _tried(database, held, number, *row) if row else None
        database.execute("COMMIT")
        if trial:
            yield trial


def _tried(
    database: sqlite3.Connection,
    held: Mapping[str, bytes],
    number: int,
    partition: str,
    version: int,
    people: int,
    templates: int,
    sealed: bytes | None,
) -> Trial:
    def opened(key: bytes | None, place: str) -> Chunk | None:
        try:
            return layout.unseal(key, place, number, version, sealed) if key and sealed else None
        except StoreError:
            return None

    chunk = opened(held.get(partition), partition)
    if chunk is not None:
        return Trial(number, partition, len(chunk), chunk.templates, True, False, _listed(database, number, chunk))
    elsewhere = any(opened(key, place) for name, key in held.items() for place in (partition, name))
    return Trial(number, partition, people, templates, elsewhere=elsewhere)


def _listed(database: sqlite3.Connection, number: int, chunk: Chunk) -> bool:
    query = """
        SELECT subject, templates, expires_at FROM person
        WHERE chunk = ? AND subject IN (SELECT value FROM json_each(?))
    """
    listed = set(database.execute(query, (number, json.dumps(list(chunk.subjects)))))
    return listed == set(zip(chunk.subjects, map(len, chunk.made), chunk.expires_at, strict=True))
