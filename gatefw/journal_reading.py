"""What an open journal can be asked: its rows, and how passages went. Beside the thread that writes it."""

import contextlib
import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatefw import journal_chain as chain
from gatefw import sealing
from gatefw.errors import GateError, JournalBroken
from gatefw.events import type_of
from gatefw.model import FactKind, RunId, SubjectId, Verdict

UNDER_WAY = 64
"""Passages that may have been under way when a process died; more than a lane can have."""


@dataclass(frozen=True, slots=True)
class Row:
    """A committed event: its number, its CloudEvents type and its JSON."""

    n: int
    type: str
    body: bytes


class Reading:
    """The half of a `Journal` that reads. Every method may be called from any thread, and raises JournalBroken."""

    def __init__(self, database: sqlite3.Connection, path: Path, epoch: str, key: bytes) -> None:
        self._reader, self._path, self.epoch, self._key = database, path, epoch, key
        self._one_at_a_time = threading.Lock()

    def read(self, since: int, limit: int) -> list[Row]:
        """At most `limit` committed rows after number `since`, in order."""
        query = "select n, kind, body from event where n > ? order by n limit ?"
        return [Row(n, type_of(kind), body) for n, kind, body in self._all(query, (since, limit))]

    def removed_upto(self) -> int:
        """The newest row that retention has removed, 0 for none."""
        return int((self.last(FactKind.JOURNAL_REMOVED) or {"upto": 0})["upto"])

    def last(self, kind: FactKind) -> dict[str, Any] | None:
        """The fields of the newest fact of a kind that a journal holds about itself."""
        with self._reading():
            found = chain.last(self._reader, kind)
        return found[1] if found else None

    def subject(self, n: int) -> SubjectId | None:
        """Whom row `n` is about, for those who hold the key."""
        rows = self._all("select subject_sealed from event where n = ?", (n,))
        return self.unsealed(n, rows[0][0]) if rows else None

    def unfinished(self) -> list[RunId]:
        """The passages that were under way when the process before this one died: begun, and never ended."""
        query = "select run, n from event where kind = ? order by n desc limit ?"
        begun = self._all(query, (FactKind.PASSAGE_STARTED, UNDER_WAY))
        since = begun[-1][1] if begun else 0
        query = "select run from event where n > ? and kind = ?"
        ended = {run for (run,) in self._all(query, (since, FactKind.PASSAGE_ENDED))}
        return [RunId(run) for run, _ in reversed(begun) if run not in ended]

    def endings(self, run: RunId) -> dict[FactKind, dict[str, object]]:
        """How a passage ended, and whether it was cleared by hand: the fields of both facts, where they are there."""
        query = (
            "select kind, body from event where run = ? and kind in ('passage.ended', 'passage.cleared_by_hand') "
            "order by n"
        )
        return {FactKind(kind): json.loads(body)["data"] for kind, body in self._all(query, (run,))}

    def referred(self, run: RunId) -> SubjectId | None:
        """Whom a passage referred to the counter, if it did, and found anybody."""
        query = "select n, body, subject_sealed from event where run = ? and kind = 'passage.decided'"
        rows = self._all(query, (run,))
        if not rows or json.loads(rows[0][1])["data"]["verdict"] != Verdict.REFER:
            return None
        return self.unsealed(rows[0][0], rows[0][2])

    def unsealed(self, n: int, sealed: bytes | None) -> SubjectId | None:
        """Whom a sealed subject names, in its own row alone."""
        if sealed is None:
            return None
        try:
            return SubjectId(sealing.unseal(self._key, sealed, chain.place(self.epoch, n)).decode())
        except GateError as error:
            raise JournalBroken(f"journal {self._path}: row {n}: sealed subject: {error}") from error

    def _all(self, query: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        with self._reading():
            return self._reader.execute(query, values).fetchall()

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        with unreadable(self._path), self._one_at_a_time:
            yield


@contextlib.contextmanager
def unreadable(path: Path) -> Iterator[None]:
    """What SQLite cannot read of a journal is a JournalBroken."""
    try:
        yield
    except sqlite3.Error as error:
        raise JournalBroken(f"journal {path}: cannot be read: {error}; look after the disk") from error
