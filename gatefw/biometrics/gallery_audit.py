"""What is left in a gallery: proves that what should not open does not, and looks for what should not be there.

Reads beside a running gate and changes nothing. Every row is tried with its partition's key, and one that has none with
every key there is. What cannot be proven: that flash, snapshots or backups hold no old copy of a key (partition_keys
says more), and that SQLite overwrote what it freed, since `secure_delete` is a setting of each writer and not of the
file. So file and free pages are searched for rows that are in no table.
"""

import math
import sqlite3
import stat
from collections.abc import Iterator, Mapping, Set
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from gatefw import keys, store
from gatefw.biometrics import gallery_layout as layout
from gatefw.biometrics.gallery import MAIN, keys_of
from gatefw.biometrics.gallery_layout import Partition, Row
from gatefw.errors import StoreError


class Key(StrEnum):
    """UNUSABLE: there is a file, but it cannot be read, or others can read it too."""

    THERE = "there"
    GONE = "gone"
    UNUSABLE = "unusable"


@dataclass(slots=True)
class Holding:
    """One partition as it was found. `opens`: templates that open with its key; `expired`: whose time is over.

    `strangers`: templates that open with another key, where they stand or moved back to that key's partition.
    """

    name: str
    expires_at: float
    key: Key
    people: int
    templates: int
    opens: int = 0
    strangers: int = 0
    expired: int = 0


@dataclass(slots=True)
class Audit:
    """`problems` are to be dealt with, `notes` to be known. `copies`: erased rows in the file; None: cannot be said."""

    partitions: list[Holding] = field(default_factory=list)
    free_pages: int = 0
    log_bytes: int = 0
    copies: int | None = None
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def listed(path: Path) -> tuple[Partition, ...]:
    """The partitions of the gallery at `path`, read only. Raises StoreError."""
    with _reading(path) as database:
        return layout.partitions(database)


def audit(path: Path, key_file: Path, now: float) -> Audit:
    """The audit of the gallery at `path` at `now` (Unix seconds). Raises StoreError when it cannot be read at all."""
    result = Audit()
    result.problems += _too_open(path, key_file)
    held, unusable = _keys(path, key_file, result)
    with _reading(path) as database:
        database.execute("BEGIN")  # one moment of the gallery, whoever writes to it meanwhile
        found = {each.name: _holding(each, held, unusable) for each in _partitions(database, result)}
        rows = database.execute("SELECT * FROM template").fetchall()
        result.free_pages = int(database.execute("PRAGMA freelist_count").fetchone()[0])
        _look_for_copies(path, database, result)
    for row in rows:  # after the reading: a gate that truncates its log waits for readers
        _try(row, found[row[0]], held, now)
    result.partitions = list(found.values())
    for each in result.partitions:
        result.problems += _wrong(each, now)
        result.notes += _worth_knowing(each)
    result.problems += [
        f"key {name}: there is no such partition, but rows in a backup would open; make one of that name and destroy it"
        for name in sorted(held.keys() - found.keys())
        if keys_of(path).get(name) is not None  # else it was destroyed just now, and its partition with it
    ]
    return result


def _keys(path: Path, key_file: Path, result: Audit) -> tuple[Mapping[str, bytes], Set[str]]:
    """The row key of each partition that has one, and who has a file that is no good key.

    To be called before the rows are read: a key is made before its partition stands.
    """
    held, unusable = {}, set()
    partition_keys = keys_of(path)
    names = [MAIN, *(name for name in partition_keys.names() if name != MAIN)]
    for name in names:
        try:
            key = keys.read(key_file) if name == MAIN else partition_keys.get(name)
        except StoreError as error:
            result.problems.append(str(error))
            unusable.add(name)
            continue
        if key is None:
            result.notes.append(f"key {name}: overwritten, its file is still there; destroy the partition again")
        else:
            held[name] = layout.row_key(key)
    expected = {f"{name}.key" for name in names[1:]}
    if partition_keys.directory.is_dir():
        result.problems += [
            f"{file}: is no key of a partition; a process killed while it made or destroyed one left it, erase it"
            for file in sorted(partition_keys.directory.iterdir())
            if file.name not in expected
        ]
    return held, unusable


def _partitions(database: sqlite3.Connection, result: Audit) -> Iterator[Partition]:
    """Those the gallery knows, and those that only rows know of."""
    yield from layout.partitions(database)
    query = """
        SELECT partition, count(DISTINCT subject), count(*) FROM template
        WHERE partition NOT IN (SELECT name FROM partition) GROUP BY partition
    """
    for name, people, templates in database.execute(query).fetchall():
        result.problems.append(f"partition {name}: has rows, but is not known; make one of that name and destroy it")
        yield Partition(name, math.inf, people, templates)


def _holding(found: Partition, held: Mapping[str, bytes], unusable: Set[str]) -> Holding:
    key = Key.THERE if found.name in held else Key.UNUSABLE if found.name in unusable else Key.GONE
    return Holding(found.name, found.expires_at, key, found.people, found.templates)


def _try(row: Row, holding: Holding, held: Mapping[str, bytes], now: float) -> None:
    own = held.get(holding.name)
    if own is not None and _opens(row, own):
        holding.opens += 1
    elif any(_opens(moved, key) for name, key in held.items() for moved in (row, (name, *row[1:]))):
        holding.strangers += 1
    holding.expired += row[3] <= now


def _opens(row: Row, key: bytes) -> bool:
    try:
        layout.unseal(key, row)
    except StoreError:
        return False
    return True


def _wrong(found: Holding, now: float) -> Iterator[str]:
    if found.strangers:
        yield f"partition {found.name}: {found.strangers} templates open with another partition's key; destroy both"
    if found.opens and found.expires_at <= now:
        yield f"partition {found.name}: its time is over, and {found.opens} templates open; destroy it"
    shut = found.templates - found.opens - found.strangers
    if found.key is Key.THERE and shut:
        yield f"partition {found.name}: {shut} templates do not open, they were altered or moved; enrol them again"


def _worth_knowing(found: Holding) -> Iterator[str]:
    if found.key is Key.GONE and (shut := found.templates - found.strangers):
        yield (
            f"partition {found.name}: its key is destroyed; {shut} templates are left and open with no key there is; "
            "destroy it again to erase them"
        )
    if found.expired:
        yield f"partition {found.name}: {found.expired} templates are expired and not yet revoked; none is compared"


def _look_for_copies(path: Path, database: sqlite3.Connection, result: Audit) -> None:
    """Rows in the bytes of the file that are in no table. While the log holds pages, the file may lag behind."""
    log = path.with_name(f"{path.name}-wal")
    result.log_bytes = log.stat().st_size if log.exists() else 0
    if result.log_bytes:
        result.notes.append(f"log: holds {result.log_bytes} bytes, so copies of erased rows cannot be told; ask again")
        return
    result.copies = layout.erased_copies(database, path)
    if result.copies:
        result.problems.append(
            f"{path}: holds {result.copies} copies of erased rows; start the gate again, it erases them"
        )


def _too_open(path: Path, key_file: Path) -> Iterator[str]:
    """Of the key files, `keys.read` tells."""
    files = [path, *(path.with_name(path.name + suffix) for suffix in ("-wal", "-shm"))]
    for file in [*files, key_file.parent, keys_of(path).directory]:
        if file.exists() and (mode := stat.S_IMODE(file.stat().st_mode)) & 0o077:
            right = "0700" if file.is_dir() else "0600"
            yield f"{file}: mode is {mode:04o}, open to others; chmod {right}, and think who read it"


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    with _guarded(path):
        database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=store.BUSY_S)
        database.isolation_level = None
    with closing(database), _guarded(path):
        if (found := layout.layout(database)) != layout.LAYOUT:
            raise StoreError(
                f"gallery {path}: has layout {found}, not {layout.LAYOUT}; start the gate once, it adapts it"
            )
        yield database


@contextmanager
def _guarded(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise StoreError(
            f"gallery {path}: cannot be read: {error}; give the lane file or state directory, and be the gate's user"
        ) from error
