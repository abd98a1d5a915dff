"""How the rows of a journal hold together.

    n  epoch  at  quality  kind  run  body  subject_sealed  previous  hash
    hash = SHA-256(previous | n | epoch | body | subject_sealed), previous = the hash of row n - 1

The chain shows an altered, removed or inserted row. Rows of the kind `journal.checkpoint` carry the lane's signature
over the row before them (`journal_anchor`): nobody without its key makes a chain anew. What was removed by retention
ends before such a row, and a row `journal.removed` says so. That the newest rows were cut off is seen by whoever holds
a checkpoint (an anchor) that stood among them.
"""

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatefw.errors import JournalBroken, StoreError
from gatefw.events import type_of
from gatefw.journal_anchor import Signed
from gatefw.model import FactKind
from gatefw.wall_time import WallTime

GENESIS = bytes(32)
READ_ROWS = 256  # in one reading, and so in one hold on the daemon's log
_COLUMNS = "n, epoch, at, quality, kind, run, body, subject_sealed, previous, hash"
_ABOUT = (FactKind.CONFIG_LOADED, FactKind.JOURNAL_CHECKPOINT, FactKind.JOURNAL_ACKNOWLEDGED, FactKind.JOURNAL_REMOVED)
ABOUT_ITSELF = f"kind in ({', '.join(repr(kind.value) for kind in _ABOUT)})"
INDEX = f"create index if not exists about_itself on event (kind) where {ABOUT_ITSELF};"
"""Finds the newest row that a journal holds about itself, however long it is."""


class BadRow(JournalBroken):
    """Row `n` is the first one that does not hold."""

    def __init__(self, where: str, n: int, problem: str) -> None:
        super().__init__(f"{where}: row {n}{problem}")
        self.n = n


@dataclass(frozen=True, slots=True)
class Head:
    """The newest row: what the next one is chained to."""

    n: int
    hash: bytes
    at_ns: int


@dataclass(frozen=True, slots=True)
class Link:
    """One row, as its chain needs it. `columns` are the ones that say what the body says, where there are any."""

    n: int
    epoch: str
    body: bytes
    sealed: bytes | None
    previous: bytes
    hash: bytes
    columns: tuple[int, str, str, str | None] | None = None


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
    link = _link(row)
    if problem := _problem(link, link.epoch, link.previous):
        raise StoreError(f"journal {path}: newest row {link.n}{problem}; keep the file as evidence and move it away")
    return Head(link.n, link.hash, row[2])


def last(database: sqlite3.Connection, kind: FactKind, before: int = 2**62) -> tuple[int, dict[str, Any]] | None:
    """Number and fields of the newest row of a kind that a journal holds about itself."""
    row = database.execute(
        f"select n, body from event where {ABOUT_ITSELF} and kind = ? and n < ? order by n desc limit 1",  # noqa: S608
        (kind, before),
    ).fetchone()
    return None if row is None else (row[0], json.loads(row[1])["data"])


def removed_upto(database: sqlite3.Connection) -> int:
    """The number of the newest row that retention has removed, 0 for none."""
    found = last(database, FactKind.JOURNAL_REMOVED)
    return int(found[1]["upto"]) if found else 0


def links(database: sqlite3.Connection, since: int) -> Iterator[Link]:
    """The rows after number `since`, a few at a time: a long reading would keep the daemon's log from being cut."""
    query = f"select {_COLUMNS} from event where n > ? order by n limit ?"  # noqa: S608 constant
    while rows := database.execute(query, (since, READ_ROWS)).fetchall():
        yield from map(_link, rows)
        since = rows[-1][0]


def _link(row: tuple[Any, ...]) -> Link:
    n, epoch, at_ns, quality, kind, run, body, sealed, previous, found = row
    return Link(n, epoch, body, sealed, previous, found, (at_ns, quality, kind, run))


class Walk:
    """Goes along a chain, row by row, and knows afterwards what it saw.

    `key`: the lane's public key (hex); without it the first checkpoint's own, which nobody vouches for. `anchors` are
    checkpoints that somebody kept elsewhere. Every method raises BadRow.
    """

    def __init__(self, where: str, lane: str, epoch: str, key: str = "", anchors: Iterable[Signed] = ()) -> None:
        self.where, self.lane, self.epoch, self.key = where, lane, epoch, key
        self._anchors = {(each.n, each.hash): each for each in anchors}
        self._anchored = {n for n, _ in self._anchors}
        self._previous, self._next = GENESIS, 1
        self.begins = self.rows = self.checkpoints = self.signed_upto = self.removed = self._claimed = 0
        self.anchors_met = 0
        self.newest: Signed | None = None

    @property
    def ends(self) -> int:
        """The newest row."""
        return self._next - 1

    def take(self, link: Link) -> None:
        """The next row."""
        if not self.rows:
            self._begin(link)
        if link.n != self._next:
            raise BadRow(self.where, self._next, f" is missing; row {link.n} follows")
        if problem := _problem(link, self.epoch, self._previous):
            raise BadRow(self.where, link.n, problem)
        if link.n in self._anchored:
            if (link.n, link.hash) not in self._anchors:
                raise BadRow(
                    self.where, link.n, ": is not the row that its anchor was made for; the journal was replaced"
                )
            self.anchors_met += 1
        if b'"type":"gatefw.journal.' in link.body:
            try:
                self._about_itself(link, json.loads(link.body))
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise BadRow(self.where, link.n, ": its body is not one of our events; it was altered") from error
        if link.n == self.begins > 1 and not self.checkpoints:
            raise BadRow(self.where, 1, f" is missing; row {link.n} follows")
        self.rows += 1
        self._previous, self._next = link.hash, link.n + 1

    def _begin(self, link: Link) -> None:
        """At the first row there ever was, or where a checkpoint vouches for what was before."""
        self.begins = link.n
        if link.n > 1 and isinstance(link.body, bytes) and type_of(FactKind.JOURNAL_CHECKPOINT).encode() in link.body:
            self._previous, self._next = link.previous, link.n

    def _about_itself(self, link: Link, event: dict[str, Any]) -> None:
        if event["type"] == type_of(FactKind.JOURNAL_REMOVED):
            self._claimed = max(self._claimed, int(event["data"]["upto"]))
        if event["type"] != type_of(FactKind.JOURNAL_CHECKPOINT):
            return
        try:
            checkpoint = Signed.of(event["data"]["anchor"])
        except StoreError as error:
            raise BadRow(self.where, link.n, f": its checkpoint: {error}") from error
        self.key = self.key or checkpoint.key
        told = checkpoint.is_checkpoint, checkpoint.epoch, checkpoint.n, checkpoint.hash, checkpoint.time
        if told != (True, self.epoch, link.n - 1, link.previous, event["time"]):
            raise BadRow(self.where, link.n, ": its checkpoint is of another row or journal")
        if checkpoint.lane != self.lane or event["source"] != f"/gatefw/{self.lane}":
            raise BadRow(self.where, link.n, f": its checkpoint is of lane {checkpoint.lane}, not {self.lane}")
        if checkpoint.key != self.key:
            raise BadRow(self.where, link.n, f": its checkpoint was signed with key {checkpoint.key}, not {self.key}")
        if self.newest is not None and checkpoint.previous != self.newest.digest:
            raise BadRow(self.where, link.n, ": its checkpoint does not follow the one before")
        self.newest, self.signed_upto = checkpoint, link.n - 1
        self.removed = self._claimed  # what nobody signed anybody may have written
        self.checkpoints += 1

    def finish(self, whole: bool) -> None:
        """After the last row. `whole`: this is the journal itself, not a part of it that somebody asked for."""
        if not whole:
            return
        if self.rows and self.begins - 1 != self.removed:
            follows = f" is missing; row {self.begins} follows, and no signed row says that it was removed"
            raise BadRow(self.where, self.removed + 1, follows)
        for each in sorted(self._anchors.values(), key=lambda each: each.n):
            if each.n > self.ends:
                raise BadRow(
                    self.where,
                    self.ends + 1,
                    f" is missing: the journal was cut off; an anchor of {each.time} vouches for rows up to {each.n}",
                )


def walked(
    database: sqlite3.Connection,
    made: Callable[[], Walk],
    since: int | None = None,
    seen: Callable[[Link], None] = lambda _link: None,
) -> Walk:
    """`made` walk, along all rows, or along those after `since`. Raises BadRow.

    What retention removes meanwhile is no gap: then it begins anew, behind it.
    """
    while True:
        removed, walk = removed_upto(database), made()
        try:
            for link in links(database, removed if since is None else since):
                walk.take(link)
                seen(link)
            walk.finish(since is None)
        except BadRow:
            if removed_upto(database) == removed:
                raise
            since = None
        else:
            return walk


def _problem(link: Link, own_epoch: str, before: bytes) -> str | None:
    if link.epoch != own_epoch:
        return f": its epoch is {link.epoch}, this journal's is {own_epoch}"
    if link.previous != before:
        return ": its previous hash is not the hash of the row before"
    try:
        if row_hash(before, link.n, link.epoch, link.body, link.sealed) != link.hash:
            return ": its hash does not fit its content; it was altered"
        event = json.loads(link.body)
        told = event["sequence"], event["epoch"]
        if told != (f"{link.n:020d}", link.epoch) or not isinstance(event["data"], dict):
            return ": its columns do not say what its body says; they were altered"
        return _columns_problem(link.columns, event) if link.columns else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return ": its body is not one of our events; it was altered"


def _columns_problem(columns: Sequence[Any], event: dict[str, Any]) -> str | None:
    at_ns, quality, kind, run = columns
    told = event["type"], event["clockquality"], event.get("run"), event["time"]
    written = type_of(kind), quality, run, WallTime(at_ns, True).rfc3339
    return None if told == written else ": its columns do not say what its body says; they were altered"


def epoch_of(database: sqlite3.Connection) -> tuple[str, str]:
    """Epoch and lane. Raises StoreError: not a journal."""
    with contextlib.suppress(sqlite3.DatabaseError):
        found = database.execute("select epoch, lane from journal").fetchone()
        if found is not None:
            return str(found[0]), str(found[1])
    raise StoreError("is no journal of gatefw, or has no row yet; name its journal.sqlite")
