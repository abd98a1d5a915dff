"""What is left in a gallery: proves that what should not open does not, and looks for what should not be there.

Reads beside a running gate and changes nothing. Every chunk is tried with its partition's key, and one that has none,
or does not open with it, with every key there is; who is in it is compared with who is listed. What cannot be proven:
that flash, snapshots or backups hold no old copy of a key (partition_keys says more), and that SQLite overwrote what it
freed, since `secure_delete` is a setting of each writer and not of the file. So the whole file, free pages too, is
searched for seals that no chunk has.
"""

import math
import sqlite3
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from gatefw import key_audit, key_state, keys, store
from gatefw.biometrics import gallery_layout as layout
from gatefw.biometrics.gallery import MAIN, keys_of
from gatefw.biometrics.gallery_layout import Partition
from gatefw.biometrics.gallery_trial import Trial, tried
from gatefw.errors import StoreError
from gatefw.keeping import Provider
from gatefw.key_audit import Gone

NAMED = 20
"""Of so many chunks with one problem each is named, of the others only how many they are."""
Told = Callable[[str], None]
Lived = Mapping[str, tuple[Provider, ...]]


class Key(StrEnum):
    """UNUSABLE: there is a file, but it cannot be read, or others can read it too."""

    THERE = "there"
    GONE = "gone"
    UNUSABLE = "unusable"


@dataclass(slots=True)
class Holding:
    """One partition as it was found. `opens`: templates that open with its key; `expired`: whose time is over.

    `strangers`: templates that open with another key, where they stand or moved back to that key's partition.
    `bytes`: of the people, as they are sealed. `lived`: by whom the key has been kept, first to last.
    """

    name: str
    expires_at: float
    key: Key
    people: int
    templates: int
    bytes: int
    opens: int = 0
    strangers: int = 0
    expired: int = 0
    lived: tuple[Provider, ...] = ()


@dataclass(slots=True)
class Audit:
    """`problems` are to be dealt with, `notes` to be known. `copies`: erased seals in the file; None: cannot be said.

    `destroyed`: keys of partitions, and whether they are proven gone.
    `damaged`: people out of reach, because their chunk does not open with the key that is there.
    """

    partitions: list[Holding] = field(default_factory=list)
    free_pages: int = 0
    log_bytes: int = 0
    copies: int | None = None
    damaged: int = 0
    destroyed: list[Gone] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def listed(path: Path) -> tuple[Partition, ...]:
    """The partitions of the gallery at `path`, read only. Raises StoreError."""
    with _reading(path) as database:
        return layout.partitions(database)


def audit(path: Path, key_file: Path, now: float, told: Told = lambda _words: None) -> Audit:
    """The audit of the gallery at `path` at `now` (Unix seconds). Raises StoreError when it cannot be read at all."""
    result = Audit()
    result.problems += _too_open(path, key_file)
    held, unusable = _keys(path, key_file, result)
    lived = _lived(path, key_file, result)
    with _reading(path) as database:
        database.execute("BEGIN")  # one moment of the gallery, whoever writes to it meanwhile
        found = {each.name: _holding(each, held, unusable, lived) for each in _partitions(database, result)}
        (chunks,) = database.execute("SELECT count(*) FROM chunk").fetchone()
        result.free_pages = int(database.execute("PRAGMA freelist_count").fetchone()[0])
        _compare_lists(database, found, now, result)
        _prove(database, held, result)
        _look_for_copies(path, database, result, told)
        database.execute("COMMIT")  # a gate that truncates its log waits for readers
        tally = _tally(tried(database, held), found, held.keys(), chunks, told)
    result.damaged, result.problems = tally.damaged, result.problems + tally.problems
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
            if file.name not in expected | key_state.FILES
        ]
    return held, unusable


def _lived(path: Path, key_file: Path, result: Audit) -> Lived:
    """By whom each key has been kept; what is wrong with them, and which were destroyed, is told."""
    own = key_audit.audit(keys_of(path).directory)
    result.destroyed = own.destroyed
    result.problems += [problem for problem in own.problems if problem not in result.problems]
    main = key_audit.audit(key_file.parent).keys.get(key_file.stem, ())
    return {**own.keys, MAIN: main}


def _partitions(database: sqlite3.Connection, result: Audit) -> Iterator[Partition]:
    """Those the gallery knows, and those that only chunks know of."""
    yield from layout.partitions(database)
    query = """
        SELECT partition, sum(people), sum(templates), sum(bytes) FROM chunk
        WHERE partition NOT IN (SELECT name FROM partition) GROUP BY partition
    """
    for name, people, templates, size in database.execute(query).fetchall():
        result.problems.append(f"partition {name}: has chunks, but is not known; make one of that name and destroy it")
        yield Partition(name, math.inf, people, templates, size)


def _holding(found: Partition, held: Mapping[str, bytes], unusable: Set[str], lived: Lived) -> Holding:
    key = Key.THERE if found.name in held else Key.UNUSABLE if found.name in unusable else Key.GONE
    return Holding(
        found.name, found.expires_at, key, found.people, found.templates, found.bytes, lived=lived.get(found.name, ())
    )


def _compare_lists(database: sqlite3.Connection, found: Mapping[str, Holding], now: float, result: Audit) -> None:
    """Who is listed, with how many are to be in each chunk; and how many of them are expired."""
    query = "SELECT chunk, count(*), sum(templates * (expires_at <= ?)) FROM person GROUP BY chunk"
    lists = {number: (people, expired) for number, people, expired in database.execute(query, (now,))}
    wrong = []
    for number, partition, people in database.execute("SELECT number, partition, people FROM chunk"):
        listed, expired = lists.pop(number, (0, 0))
        found[partition].expired += expired
        if people != listed:
            wrong.append(f"chunk {number}: has {people} people, and {listed} are listed in it; enrol them again")
    wrong += [
        f"chunk {each}: is not there, and {listed} are listed in it; enrol them again"
        for each, (listed, _) in lists.items()
    ]
    result.problems += _some(wrong)


def _prove(database: sqlite3.Connection, held: Mapping[str, bytes], result: Audit) -> None:
    try:
        if MAIN in held:
            layout.prove(database, held[MAIN])
    except StoreError as error:
        result.problems.append(
            f"gallery key: is not the one this gallery was made with: {error}. Restore the key from backup, and enrol "
            "nobody again before: nothing but the key may be wrong"
        )


def _tally(trials: Iterable[Trial], found: Mapping[str, Holding], held: Set[str], chunks: int, told: Told) -> Audit:
    """What the trials of all chunks come to. A partition that came meanwhile is somebody's work and not our matter."""
    result, shut, differing = Audit(), list[str](), list[str]()
    for done, each in enumerate(trials):
        told(f"chunk {done} of {chunks}")
        if (holding := found.get(each.partition)) is None:
            continue
        if each.opens:
            holding.opens += each.templates
        elif each.elsewhere:
            holding.strangers += each.templates
        elif each.partition in held:
            result.damaged += each.people
            shut.append(
                f"chunk {each.number} of partition {each.partition}: does not open, {each.people} people are out of "
                "reach; it was altered or moved, or the disk fails: enrol them again"
            )
        if not each.listed:
            differing.append(f"chunk {each.number}: holds other people than are listed in it; enrol them again")
    result.problems = [*_some(shut), *_some(differing)]
    return result


def _some(problems: Sequence[str]) -> Iterator[str]:
    yield from problems[:NAMED]
    if len(problems) > NAMED:
        yield f"and {len(problems) - NAMED} more chunks like that"


def _wrong(found: Holding, now: float) -> Iterator[str]:
    if found.key is Key.UNUSABLE and found.people:
        yield f"partition {found.name}: {found.people} people are out of reach until its key can be used"
    if found.strangers:
        yield f"partition {found.name}: {found.strangers} templates open with another partition's key; destroy both"
    if found.opens and found.expires_at <= now:
        yield f"partition {found.name}: its time is over, and {found.opens} templates open; destroy it"


def _worth_knowing(found: Holding) -> Iterator[str]:
    if found.key is Key.GONE and (shut := found.templates - found.strangers):
        yield (
            f"partition {found.name}: its key is destroyed; {shut} templates are left and open with no key there is; "
            "destroy it again to erase them"
        )
    if found.expired:
        yield f"partition {found.name}: {found.expired} templates are expired and not yet revoked; none is compared"


def _look_for_copies(path: Path, database: sqlite3.Connection, result: Audit, told: Told) -> None:
    """Seals in the bytes of the file that no chunk has. While the log holds pages, the file may lag behind."""
    log = path.with_name(f"{path.name}-wal")
    result.log_bytes = log.stat().st_size if log.exists() else 0
    if result.log_bytes:
        result.notes.append(f"log: holds {result.log_bytes} bytes, so copies of erased seals cannot be told; ask again")
        return
    present = set[bytes]()
    for (sealed,) in database.execute("SELECT sealed FROM seal"):
        present.add(layout.nonce_of(sealed))
        told(f"{len(present)} seals")
    told("the whole file")
    result.copies = len(set(layout.nonces_in(path)) - present)
    if result.copies:
        result.problems.append(f"{path}: holds {result.copies} copies of erased seals; run gatefw gallery compact")


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
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise _unreadable(path, error) from error
        raise StoreError(
            f"gallery {path}: is damaged: {error}; restore it from backup, or set it aside and enrol people again"
        ) from error
    except (sqlite3.Error, OSError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> StoreError:
    said = store.unreadable(path, error)
    return StoreError(f"gallery {path}: cannot be read: {said}; the lane file or --dir says which gallery")
