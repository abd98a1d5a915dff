"""A journal from outside: verified, exported, and asked for its newest checkpoint, beside the daemon that writes it.

An export is JSON, a line each: what it is, then every row as `{"chain":{...},"event":{...}}`, then its end. The event
stands there byte for byte as it was hashed and published; whom it is about stays sealed.
"""

import contextlib
import json
import os
import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gatefw import journal_chain as chain
from gatefw.errors import Refusal, SetupError, StoreError, system_words
from gatefw.journal_anchor import Signed
from gatefw.journal_chain import BadRow, Link, Walk
from gatefw.model import FactKind
from gatefw.store import unreadable

EXPORT = "gatefw-journal-export"
LINE_BYTES = 1024 * 1024
_SQLITE = b"SQLite format 3\0"
_EVENT = b',"event":'
Tell = Callable[[int], None]
"""Told of the number of every row that was looked at."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a journal, or a part of it, holds. `vouched`: somebody said beforehand which key it is."""

    lane: str
    epoch: str
    begins: int
    ends: int
    checkpoints: int
    signed_upto: int
    removed_upto: int
    key: str
    vouched: bool
    anchors_met: int
    newest: str


def verify(path: Path, key: str, anchors: Sequence[Signed], tell: Tell) -> Report:
    """Every row and every signature of a journal or an export. Raises BadRow: the first that does not hold; StoreError.

    `key` is the lane's public key, empty when it is not known; then that of the anchors counts.
    """
    if not is_store(path):
        with named(path), path.open("rb") as file:
            return _verify_export(file, path, key, anchors, tell)
    with named(path), contextlib.closing(opened(path)) as database:
        epoch, lane = chain.epoch_of(database)
        made = _walk(path, lane, epoch, key, anchors)
        walk = chain.walked(database, made, seen=lambda link: tell(link.n))
    return _report(walk, lane, key, anchors)


def verify_newest(path: Path) -> Report:
    """The last signed segment and what follows it, however long the journal is. Raises BadRow, StoreError."""
    with named(path), contextlib.closing(opened(path)) as database:
        epoch, lane = chain.epoch_of(database)
        newest = chain.last(database, FactKind.JOURNAL_CHECKPOINT)
        before = chain.last(database, FactKind.JOURNAL_CHECKPOINT, newest[0]) if newest else None
        made = _walk(path, lane, epoch, "", ())
        walk = chain.walked(database, made, before[0] - 1 if before else None)
    return _report(walk, lane, "", ())


def newest_checkpoint(path: Path) -> Signed:
    """Raises StoreError: nothing was signed yet, or it is no journal."""
    with named(path), contextlib.closing(opened(path)) as database:
        chain.epoch_of(database)
        found = chain.last(database, FactKind.JOURNAL_CHECKPOINT)
        if found is None:
            raise StoreError("holds no checkpoint yet; one is made within a minute of a row, and when the daemon ends")
        return Signed.of(found[1]["anchor"])


def export(path: Path, since: int, until: int | None, out: Path, tell: Tell) -> Report:
    """Write the whole segments with the rows after `since` up to `until` (None: the newest checkpoint) to `out`.

    The last row is the checkpoint that vouches for the others; the next export begins with it. Everything is verified
    on the way. Raises BadRow, StoreError, Refusal: there is no such row, or nobody has signed it yet.
    """
    with named(path), contextlib.closing(opened(path)) as database:
        epoch, lane = chain.epoch_of(database)
        first, last = _bounds(database, since, until)
        walk = _walk(path, lane, epoch, "", ())()
        with _replacing(out) as file:
            file.write(_head(lane, epoch) + b"\n")
            for link in chain.links(database, first - 1):
                walk.take(link)
                file.write(_exported(link) + b"\n")
                tell(link.n)
                if link.n == last:
                    break
            file.write(_json({"end": walk.ends}) + b"\n")
        return _report(walk, lane, "", ())


def _bounds(database: sqlite3.Connection, since: int, until: int | None) -> tuple[int, int]:
    """The rows at which an export begins and ends."""
    removed = chain.removed_upto(database)
    begins = chain.last(database, FactKind.JOURNAL_CHECKPOINT, since + 2)
    first = max(begins[0] if begins else 1, removed + 1)
    found = chain.last(database, FactKind.JOURNAL_CHECKPOINT)
    if found is None or found[0] <= first:
        raise Refusal(f"export: no row after {since} is signed yet; a checkpoint is made within a minute of a row")
    last = int(found[0])
    if until is not None and not since < until <= last:
        raise Refusal(
            f"export: --until {until}: a row after {since} is wanted, and up to {last}, the newest signed one"
        )
    query = f"select min(n) from event where {chain.ABOUT_ITSELF} and kind = ? and n >= ? and n > ?"  # noqa: S608 constant
    if until is not None:
        last = database.execute(query, (FactKind.JOURNAL_CHECKPOINT, until, first)).fetchone()[0]
    return first, last


def _verify_export(file: BinaryIO, path: Path, key: str, anchors: Sequence[Signed], tell: Tell) -> Report:
    lines = _lines(file)
    lane, epoch = _begins(lines)
    walk, ended = _walk(path, lane, epoch, key, anchors)(), False
    for number, line in enumerate(lines, 2):
        if ended:
            raise BadRow(walk.where, walk.ends + 1, ": stands behind the end of the export")
        if line == _json({"end": walk.ends}):
            ended = True
            continue
        walk.take(_link(line, number, walk))
        tell(walk.ends)
    if not ended:
        raise BadRow(
            walk.where, walk.ends + 1, " is missing: the export was cut off; it does not say that it ends here"
        )
    walk.finish(whole=False)
    return _report(walk, lane, key, anchors)


def _begins(lines: Iterator[bytes]) -> tuple[str, str]:
    """Lane and epoch of an export. Raises StoreError: it is none."""
    first = next(lines, b"")
    found = re.fullmatch(rb'.{0,40}"lane":"([a-z0-9\-]+)","epoch":"([0-9a-f]+)"}', first)
    lane, epoch = (part.decode() for part in found.groups()) if found else ("", "")
    if first != _head(lane, epoch):
        raise StoreError("is neither a journal of gatefw nor an export of one")
    return lane, epoch


def exported_events(path: Path, take: Callable[[bytes], None]) -> str:
    """Hand the JSON of every row of an export to `take`, unverified; the lane. Raises StoreError: it is no export."""
    with named(path), path.open("rb") as file:
        lines = _lines(file)
        lane, _ = _begins(lines)
        for line in lines:
            _, _, body = line.partition(_EVENT)
            if body:
                take(body[:-1])
        return lane


def _walk(path: Path, lane: str, epoch: str, key: str, anchors: Sequence[Signed]) -> Callable[[], Walk]:
    """Raises StoreError: what was kept elsewhere is of another lane. BadRow: of another journal of this lane."""
    where = f"journal {path}"
    for each in anchors:
        if each.lane != lane:
            raise StoreError(f"is of lane {lane}, and an anchor of lane {each.lane}; give the anchors of this lane")
        if each.key != (key or anchors[0].key):
            raise StoreError(f"an anchor was signed with key {each.key}, not {key or anchors[0].key}")
        if each.epoch != epoch:
            raise BadRow(where, 1, f": the journal begins anew, epoch {epoch}; an anchor of {each.time} is of another")
    return lambda: Walk(where, lane, epoch, key or (anchors[0].key if anchors else ""), anchors)


def _report(walk: Walk, lane: str, key: str, anchors: Sequence[Signed]) -> Report:
    vouched = bool(key or anchors)
    if vouched and walk.rows and walk.newest is None:
        raise BadRow(walk.where, walk.begins, ": neither it nor any row behind it is signed")
    return Report(
        lane=lane,
        epoch=walk.epoch,
        begins=walk.begins,
        ends=walk.ends,
        checkpoints=walk.checkpoints,
        signed_upto=walk.signed_upto,
        removed_upto=walk.removed,
        key=walk.key,
        vouched=vouched,
        anchors_met=walk.anchors_met,
        newest=walk.newest.line if walk.newest else "",
    )


# ---------------------------------------------------------------- the lines of an export


def _head(lane: str, epoch: str) -> bytes:
    return _json({EXPORT: 1, "lane": lane, "epoch": epoch})


def _exported(link: Link) -> bytes:
    told = {
        "n": link.n,
        "previous": link.previous.hex(),
        "hash": link.hash.hex(),
        "subject": None if link.sealed is None else link.sealed.hex(),
    }
    return b'{"chain":' + _json(told) + _EVENT + link.body + b"}"


def _link(line: bytes, number: int, walk: Walk) -> Link:
    told, _, body = line.partition(_EVENT)
    try:
        row = json.loads(told + b"}")["chain"]
        sealed = None if row["subject"] is None else bytes.fromhex(row["subject"])
        previous, row_hash = bytes.fromhex(row["previous"]), bytes.fromhex(row["hash"])
        row["n"].to_bytes(8, "big")
    except (AttributeError, KeyError, OverflowError, RecursionError, TypeError, ValueError) as error:
        raise BadRow(walk.where, walk.ends + 1, f": line {number} is no row of an export") from error
    link = Link(row["n"], walk.epoch, body[:-1], sealed, previous, row_hash)
    if _exported(link) != line:  # spelt otherwise, as we never do
        raise BadRow(walk.where, walk.ends + 1, f": line {number} is no row of an export")
    return link


def _lines(file: BinaryIO) -> Iterator[bytes]:
    while line := file.readline(LINE_BYTES):
        yield line.rstrip(b"\n")


def _json(told: dict[str, object]) -> bytes:
    return json.dumps(told, separators=(",", ":")).encode()


# ---------------------------------------------------------------- files


def anchors_in(path: Path) -> list[Signed]:
    """The checkpoints in a file of lines; empty ones and comments (#) are left out. Raises StoreError."""
    with named(path), path.open("rb") as file:
        texts = [line.decode(errors="replace").strip() for line in _lines(file)]
        found = [Signed.of(text) for text in texts if text and not text.startswith("#")]
        if not found or not all(each.is_checkpoint for each in found):
            raise StoreError("holds no checkpoints, a line each; `gatefw journal anchor` prints one")
    return found


def is_store(path: Path) -> bool:
    """Whether it is a journal itself; else it may be an export. Raises StoreError: it cannot be read."""
    with named(path), path.open("rb") as file:
        return file.read(len(_SQLITE)) == _SQLITE


def opened(path: Path) -> sqlite3.Connection:
    """For reading. A copy on a medium that cannot be written has nobody who writes it, and is read as it is."""
    address = f"{path.absolute().as_uri()}?mode=ro"
    database = sqlite3.connect(address, uri=True, timeout=30.0)
    try:
        database.execute("select 1 from sqlite_master").fetchone()
    except sqlite3.DatabaseError as error:
        database.close()
        if not isinstance(error, sqlite3.OperationalError) or path.with_name(path.name + "-wal").exists():
            raise
        database = sqlite3.connect(f"{address}&immutable=1", uri=True)
    return database


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """The whole file is there at once, or not at all; its owner's alone."""
    fresh = path.with_name(f".{path.name}.part")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        raise SetupError(f"{path}: cannot be written: {system_words(error)}") from error
    finally:
        fresh.unlink(missing_ok=True)


@contextlib.contextmanager
def named(path: Path) -> Iterator[None]:
    """Errors say of which file they are."""
    try:
        yield
    except BadRow:
        raise
    except StoreError as error:
        told = str(error)
        raise StoreError(told if told.startswith(f"{path}: ") else f"{path}: {told}") from error
    except FileNotFoundError as error:
        raise StoreError(
            f"{error.filename or path}: {system_words(error)}; name the journal, or an export of one"
        ) from error
    except OSError as error:
        raise StoreError(f"{error.filename or path}: {system_words(error)}") from error
    except sqlite3.Error as error:
        raise StoreError(f"{path}: cannot be read: {unreadable(path, error)}") from error
