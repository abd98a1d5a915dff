"""The record of what the gate did: numbered, chained by hash, durable before anything moves.

One SQLite file (WAL, synchronous = FULL) with one writer thread. `append` only queues; the thread commits everything
that queued up while its last commit ran, then calls the callbacks. So a release waits for one sync of the disk, never
for a queue of syncs, and the loop waits for nothing.

The rows are chained as `journal_chain` says. Beside the file lies the latch, the first cause of a FAULT, as the target
of a symbolic link: made in one step, the first cause wins, and a full disk has room for it when it has none for a row.
"""

import contextlib
import fcntl
import json
import os
import queue
import secrets
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from gatefw import journal_chain as chain
from gatefw import sealing, store
from gatefw.errors import GateError, JournalBroken, Overflow, StoreError
from gatefw.events import WallTime, check, encode, type_of
from gatefw.journal_chain import Head
from gatefw.keys import sync_directory
from gatefw.model import Fact, FactKind, Reason, RunId, SubjectId, Verdict
from gatefw.passage_tally import Tally, Where

QUEUE_ROWS = 4096
GROUP_ROWS = 256
CLOCK_SLACK_NS = 1_000_000_000  # threads read the clock out of turn by less than this; more is a clock set back

_SCHEMA = """
begin immediate;
create table if not exists journal (epoch text not null, lane text not null);
create table if not exists event (
    n integer primary key, epoch text not null, at integer not null, quality text not null, kind text not null,
    run text, body blob not null, subject_sealed blob, previous blob not null, hash blob not null);
create index if not exists ending on event (run) where kind in ('passage.ended', 'passage.cleared_by_hand');
commit;
"""
UNDER_WAY = 64
"""Passages that may have been under way when a process died; more than a lane can have."""


@dataclass(frozen=True, slots=True)
class Row:
    """A committed event: its number, its CloudEvents type and its JSON."""

    n: int
    type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class _Append:
    fact: Fact
    at: WallTime
    on_committed: Callable[[int], None] | None


@dataclass(frozen=True, slots=True)
class _SetLatch:
    reason: Reason | None


class _Close:
    """Ends the writer thread after what was queued before it."""


class Journal:
    """The open journal of one lane, made by `Journal.open`. Every method may be called from any thread."""

    def __init__(
        self,
        path: Path,
        lane: str,
        key: bytes,
        wall_clock: Callable[[], WallTime],
        failed: Callable[[JournalBroken], None],
        files: contextlib.ExitStack,
        where: Where,
    ) -> None:
        self._path, self._lane, self._wall_clock, self._failed, self._files = path, lane, wall_clock, failed, files
        self._key = sealing.derive(key, "journal")
        self._latch = path.with_name(path.name + ".latch")
        self._queue: queue.SimpleQueue[_Append | _SetLatch | _Close] = queue.SimpleQueue()
        self._watchers: list[Callable[[int], None]] = []
        self._broken = self._closed = False
        self._reading = threading.Lock()
        self._writer = files.enter_context(contextlib.closing(store.connect(path)))
        self._reader = files.enter_context(contextlib.closing(store.connect(path)))
        self.epoch = _begin(self._writer, path, lane)
        self._head = chain.newest(self._writer, path)
        self._tally = Tally(self._writer, where)
        self._tally.catch_up(self._head.n)
        self._thread = threading.Thread(target=self._work, name="journal")
        self._thread.start()

    @classmethod
    def open(
        cls,
        path: Path,
        lane: str,
        key: bytes,
        wall_clock: Callable[[], WallTime],
        failed: Callable[[JournalBroken], None],
        where: Where | None = None,
    ) -> Self:
        """Open or create the journal of `lane` at `path`; its newest row is checked, the whole chain by `verify`.

        `failed` is called once, from the writer thread, when rows can no longer be made durable (disk full, I/O error):
        from then on nothing is committed and no waiting callback is called, so nothing moves for want of a record.
        `where` says what its passages are counted as (`passage_tally`); without it, as the lane's own system, in UTC.
        Raises StoreError: another process or another lane has it, it is damaged, or its directory cannot be used.
        """
        with contextlib.ExitStack() as files:
            files.callback(os.close, own(path))
            try:
                journal = cls(path, lane, key, wall_clock, failed, files, where or Where(lane))
            except sqlite3.Error as error:
                raise StoreError(f"journal {path}: cannot be read: {error}; restore it or move it away") from error
            journal._files = files.pop_all()
        return journal

    def append(self, fact: Fact, on_committed: Callable[[int], None] | None = None) -> None:
        """Queue `fact` and return at once; `on_committed(n)` is called from the writer thread when it is durable.

        Callbacks must only enqueue. Raises FaultError when the fact does not fit the schema, Overflow when QUEUE_ROWS
        are waiting. After the journal broke or was closed the fact is dropped and never called back.
        """
        check(fact)
        if self._queue.qsize() >= QUEUE_ROWS:
            raise Overflow(f"journal {self._path}: {QUEUE_ROWS} rows wait for the disk; it is too slow or stands still")
        self._put(_Append(fact, self.now(), on_committed))

    def now(self) -> WallTime:
        """Wall time that never runs backwards: the newest row is the floor of a clock that was set back or lost."""
        return _raise_to(self._wall_clock(), self._head.at_ns)

    @property
    def broken(self) -> bool:
        """Whether rows can no longer be made durable; only a restart begins anew."""
        return self._broken

    def head(self) -> int:
        """Number of the newest committed row, 0 when there is none."""
        return self._head.n

    def read(self, since: int, limit: int) -> list[Row]:
        """At most `limit` committed rows after number `since`, in order. Raises JournalBroken on an I/O error."""
        try:
            with self._reading:
                rows = self._reader.execute(
                    "select n, kind, body from event where n > ? order by n limit ?", (since, limit)
                ).fetchall()
        except sqlite3.Error as error:
            raise JournalBroken(f"journal {self._path}: cannot be read: {error}; look after the disk") from error
        return [Row(n, type_of(FactKind(kind)), body) for n, kind, body in rows]

    def subject(self, n: int) -> SubjectId | None:
        """Whom row `n` is about, for those who hold the key. Raises JournalBroken when it does not open."""
        with self._reading:
            row = self._reader.execute("select subject_sealed from event where n = ?", (n,)).fetchone()
        return self._unseal(n, row[0]) if row is not None else None

    def unfinished(self) -> list[RunId]:
        """The passages that were under way when the process before this one died: begun, and never ended."""
        with self._reading:
            begun = self._reader.execute(
                "select run, n from event where kind = ? order by n desc limit ?", (FactKind.PASSAGE_STARTED, UNDER_WAY)
            ).fetchall()
            since = begun[-1][1] if begun else 0
            query = "select run from event where n > ? and kind = ?"
            ended = {run for (run,) in self._reader.execute(query, (since, FactKind.PASSAGE_ENDED))}
        return [RunId(run) for run, _ in reversed(begun) if run not in ended]

    def endings(self, run: RunId) -> dict[FactKind, dict[str, object]]:
        """How a passage ended and whether it was cleared by hand: the fields of both facts, as far as they are there.

        Raises JournalBroken on an I/O error.
        """
        query = (
            "select kind, body from event where run = ? and kind in ('passage.ended', 'passage.cleared_by_hand') "
            "order by n"
        )
        try:
            with self._reading:
                rows = self._reader.execute(query, (run,)).fetchall()
        except sqlite3.Error as error:
            raise JournalBroken(f"journal {self._path}: cannot be read: {error}; look after the disk") from error
        return {FactKind(kind): json.loads(body)["data"] for kind, body in rows}

    def referred(self, run: RunId) -> SubjectId | None:
        """Whom a passage referred to the counter, if it did, and found anybody. Raises JournalBroken."""
        query = "select n, body, subject_sealed from event where run = ? and kind = 'passage.decided'"
        try:
            with self._reading:
                row = self._reader.execute(query, (run,)).fetchone()
        except sqlite3.Error as error:
            raise JournalBroken(f"journal {self._path}: cannot be read: {error}; look after the disk") from error
        if row is None or json.loads(row[1])["data"]["verdict"] != Verdict.REFER:
            return None
        return self._unseal(row[0], row[2])

    def watch(self, committed: Callable[[int], None]) -> None:
        """Call `committed(head)` from the writer thread after every commit."""
        self._watchers.append(committed)

    def verify(self) -> None:
        """Walk the whole chain. Raises JournalBroken naming the first row that does not hold, and why."""
        with contextlib.closing(store.connect(self._path)) as database:
            for n, sealed in chain.verified(database, self._path, self.epoch):
                self._unseal(n, sealed)

    def latched(self) -> Reason | None:
        """The first cause of the FAULT this lane is in, as it stands on disk; a latch nobody can read still latches."""
        try:
            return Reason(self._latch.readlink().name)
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            return Reason.SOFTWARE

    def latch(self, reason: Reason) -> None:
        """Keep `reason` on disk through restarts, unless an earlier one stands; done in order with the rows.

        It is queued even where no row is taken any more: what fills the queue is a fault to be remembered.
        """
        self._put(_SetLatch(reason))

    def unlatch(self) -> None:
        """Forget the latched cause; done in order with the rows."""
        self._put(_SetLatch(None))

    def close(self) -> None:
        """Write what is queued, end the thread, give the file back. May be called twice."""
        if not self._closed:
            self._closed = True
            self._queue.put(_Close())
            self._thread.join()
            self._files.close()

    # ---------------------------------------------------------------- the writer thread

    def _put(self, item: _Append | _SetLatch) -> None:
        if not self._closed:
            self._queue.put(item)

    def _work(self) -> None:
        item = self._queue.get()
        while not isinstance(item, _Close):
            following = None
            try:
                if isinstance(item, _SetLatch):
                    self._set_latch(item.reason)
                else:
                    group, following = self._group(item)
                    if not self._broken:
                        self._commit(group)
            except Exception as error:  # noqa: BLE001  whatever it was, what is recorded is no longer certain
                self._break(error)
            item = following or self._queue.get()

    def _group(self, first: _Append) -> tuple[list[_Append], _SetLatch | _Close | None]:
        """`first` and the rows that wait behind it, and what ended the group if it must be done next."""
        group = [first]
        with contextlib.suppress(queue.Empty):
            while len(group) < GROUP_ROWS:
                item = self._queue.get_nowait()
                if not isinstance(item, _Append):
                    return group, item
                group.append(item)
        return group, None

    def _commit(self, group: list[_Append]) -> None:
        head = self._head
        self._writer.execute("begin immediate")
        for item in group:
            head = self._insert(item, head)
        self._writer.execute("commit")
        first, self._head = self._head.n + 1, head
        for n, item in enumerate(group, first):
            if item.on_committed is not None:
                item.on_committed(n)
        for committed in self._watchers:
            committed(head.n)

    def _insert(self, item: _Append, head: Head) -> Head:
        fact, n, at = item.fact, head.n + 1, _raise_to(item.at, head.at_ns)
        body = encode(fact, self._lane, self.epoch, n, at)
        sealed = None
        if fact.subject is not None:
            sealed = sealing.seal(self._key, fact.subject.encode(), chain.place(self.epoch, n))
        row_hash = chain.row_hash(head.hash, n, self.epoch, body, sealed)
        self._writer.execute(
            "insert into event values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (n, self.epoch, at.ns, at.quality, fact.kind.value, fact.run, body, sealed, head.hash, row_hash),
        )
        self._tally.count(fact, n, at.ns)
        return Head(n, row_hash, at.ns)

    def _set_latch(self, reason: Reason | None) -> None:
        if reason is None:
            self._latch.unlink(missing_ok=True)
        else:
            with contextlib.suppress(FileExistsError):
                self._latch.symlink_to(reason.value)
        sync_directory(self._latch.parent)

    def _break(self, error: Exception) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._writer.execute("rollback")
        if not self._broken:
            self._broken = True
            self._failed(
                JournalBroken(f"journal {self._path}: cannot be written: {error}; free the disk, then restart")
            )

    def _unseal(self, n: int, sealed: bytes | None) -> SubjectId | None:
        if sealed is None:
            return None
        try:
            return SubjectId(sealing.unseal(self._key, sealed, chain.place(self.epoch, n)).decode())
        except GateError as error:
            raise JournalBroken(f"journal {self._path}: row {n}: sealed subject: {error}") from error


def own(path: Path) -> int:
    """Take the journal for this process until the descriptor is closed; a lock of a dead process is void by itself."""
    lock = path.with_name(path.name + ".lock")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(f"journal {path}: cannot be created: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise StoreError(f"journal {path}: another process writes it; stop that gatefw first") from error
    return descriptor


def _begin(database: sqlite3.Connection, path: Path, lane: str) -> str:
    """The epoch of this journal: 64 random bits, drawn when it is made."""
    database.executescript(_SCHEMA)
    found = database.execute("select epoch, lane from journal").fetchone()
    if found is None:
        found = (secrets.token_hex(8), lane)
        database.execute("insert into journal values (?, ?)", found)
    if found[1] != lane:
        raise StoreError(f"journal {path}: belongs to lane {found[1]}, not {lane}; give each lane its own")
    return str(found[0])


def _raise_to(at: WallTime, floor_ns: int) -> WallTime:
    if at.ns >= floor_ns:
        return at
    return WallTime(floor_ns, at.synchronised and floor_ns - at.ns < CLOCK_SLACK_NS)
