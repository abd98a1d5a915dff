"""The record of what the gate did: numbered, chained by hash, durable before anything moves.

One SQLite file (WAL, synchronous = FULL) with one writer thread. `append` only queues; the thread commits everything
that queued up while its last commit ran, then calls the callbacks. So a release waits for one sync of the disk, never
for a queue of syncs, and the loop waits for nothing.

The rows are chained as `journal_chain` says. Beside the file lies the latch, the first cause of a FAULT, as the target
of a symbolic link: made in one step, the first cause wins, and a full disk has room for it when it has none for a row.
"""

import contextlib
import os
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from gatefw import journal_chain as chain
from gatefw import sealing, store
from gatefw.errors import GateError, JournalBroken, Overflow, StoreError
from gatefw.events import check, encode
from gatefw.journal_chain import Head, Link, Walk
from gatefw.journal_file import Latch, begin, own
from gatefw.journal_keeping import JournalTerms, Keeper
from gatefw.journal_reading import Reading, Row, unreadable
from gatefw.model import Fact, FactKind, Reason
from gatefw.passage_tally import Tally, Where
from gatefw.wall_time import WallTime

__all__ = ["Journal", "Row", "own"]

QUEUE_ROWS = 4096
GROUP_ROWS = 256
CLOCK_SLACK_NS = 1_000_000_000  # threads read the clock out of turn by less than this; more is a clock set back


@dataclass(frozen=True, slots=True)
class _Append:
    fact: Fact
    at: WallTime
    on_committed: Callable[[int], None] | None


@dataclass(frozen=True, slots=True)
class _SetLatch:
    latch: Latch
    reason: Reason | None
    kept: "Future[None]" = field(default_factory=Future)


@dataclass(frozen=True, slots=True)
class _Acknowledge:
    line: str
    by: str
    heard: Callable[[int | GateError], None]


class _Close:
    """Ends the writer thread after what was queued before it."""


_Item = _Append | _SetLatch | _Acknowledge | _Close


class Journal(Reading):
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
        terms: JournalTerms | None,
    ) -> None:
        self._lane, self._wall_clock, self._failed, self._files = lane, wall_clock, failed, files
        self._latch, self._maintenance = Latch(path), Latch(path, "maintenance")
        self._queue: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._watchers: list[Callable[[int], None]] = []
        self._broken = self._closed = False
        self._writer = files.enter_context(contextlib.closing(store.connect(path)))
        epoch = begin(self._writer, path, lane)
        reader = files.enter_context(contextlib.closing(store.connect(path)))
        super().__init__(reader, path, epoch, sealing.derive(key, "journal"))
        self._head = chain.newest(self._writer, path)
        self._tally = Tally(self._writer, where)
        self._tally.catch_up(self._head.n)
        self._keeper = Keeper(self._writer, path, lane, epoch, terms) if terms else None
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
        terms: JournalTerms | None = None,
    ) -> Self:
        """Open or create the journal of `lane` at `path`; its newest row is checked, the whole chain by `verify`.

        `failed` is called once, from the writer thread, when rows can no longer be made durable (disk full, I/O error):
        from then on nothing is committed and no waiting callback is called, so nothing moves for want of a record.
        `where` says what its passages are counted as (`passage_tally`); without it, as the lane's own system, in UTC.
        Without `terms` nothing is signed and nothing removed.
        Raises StoreError: another process or another lane has it, it is damaged, or its directory cannot be used.
        """
        with contextlib.ExitStack() as files:
            files.callback(os.close, own(path))
            try:
                journal = cls(path, lane, key, wall_clock, failed, files, where or Where(lane), terms)
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

    def now_of_people(self) -> WallTime:
        """By what people's registrations end: the clock itself while somebody vouches for it, else `now`.

        One wrong jump ahead raises `now` for good; it must not end every registration for good as well.
        """
        at = self._wall_clock()
        return at if at.synchronised else _raise_to(at, self._head.at_ns)

    @property
    def broken(self) -> bool:
        """Whether rows can no longer be made durable; only a restart begins anew."""
        return self._broken

    def head(self) -> int:
        """Number of the newest committed row, 0 when there is none."""
        return self._head.n

    def watch(self, committed: Callable[[int], None]) -> None:
        """Call `committed(head)` from the writer thread after every commit."""
        self._watchers.append(committed)

    def verify(self, recent: bool = False, pace: Callable[[int], None] = lambda _n: None) -> Walk:
        """Walk the whole chain. Raises JournalBroken: the first row that does not hold and why, or what cannot be read.

        `recent`: only from the newest checkpoint on, where there is one. `pace` is told of every row, and may wait.
        """
        with unreadable(self._path), contextlib.closing(store.connect(self._path)) as database:
            checkpoint = chain.last(database, FactKind.JOURNAL_CHECKPOINT)
            key = self._keeper.public if self._keeper and checkpoint else ""

            def seen(link: Link) -> None:
                self.unsealed(link.n, link.sealed)
                pace(link.n)

            since = checkpoint[0] - 1 if recent and checkpoint else None
            return chain.walked(
                database, lambda: Walk(f"journal {self._path}", self._lane, self.epoch, key), since, seen
            )

    def latched(self) -> Reason | None:
        """The first cause of the FAULT this lane is in, as it stands on disk; a latch nobody can read still latches."""
        return self._latch.cause()

    def latch(self, reason: Reason) -> None:
        """Keep `reason` on disk through restarts, unless an earlier one stands; done in order with the rows.

        It is queued even where no row is taken any more: what fills the queue is a fault to be remembered.
        """
        self._put(_SetLatch(self._latch, reason))

    def unlatch(self) -> None:
        """Forget the latched cause; done in order with the rows."""
        self._put(_SetLatch(self._latch, None))

    def maintained(self) -> bool:
        """Whether a technician had the lane, and nobody has said that this is over, as it stands on disk."""
        return self._maintenance.cause() is not None

    def keep_maintenance(self, whether: bool) -> "Future[None]":
        """Keep it on disk through restarts, or forget it; done in order with the rows, as the latch is.

        What is returned is done, on the writer thread, when the disk has it, and fails where it cannot have it.
        """
        item = _SetLatch(self._maintenance, Reason.MAINTENANCE if whether else None)
        if self._closed:
            item.kept.set_exception(JournalBroken(f"journal {self._path}: is closed; the daemon is ending"))
        else:
            self._queue.put(item)
        return item.kept

    def acknowledge(self, line: str, by: str, heard: Callable[[int | GateError], None]) -> None:
        """An archive has what a receipt, or a checkpoint, is about; `heard` which row says so, or why it does not.

        It is called from the writer thread, and must only enqueue.
        """
        if self._closed:
            heard(JournalBroken(f"journal {self._path}: is closed; ask again when the daemon has started"))
        else:
            self._queue.put(_Acknowledge(line, by, heard))

    def close(self) -> None:
        """Write what is queued, sign it, end the thread, give the file back. May be called twice."""
        if not self._closed:
            self._closed = True
            self._queue.put(_Close())
            self._thread.join()
            self._files.close()

    # ---------------------------------------------------------------- the writer thread

    def _put(self, item: _Item) -> None:
        if not self._closed:
            self._queue.put(item)

    def _work(self) -> None:
        following: _Item | None = None
        while not isinstance(item := following or self._next(), _Close):
            following = None
            try:
                match item:
                    case _SetLatch():
                        self._set_latch(item)
                    case _Acknowledge():
                        self._acknowledge(item)
                    case _Append():
                        group, following = self._group(item)
                        self._commit(group)
                    case None:
                        self._keep()
            except Exception as error:  # noqa: BLE001  whatever it was, what is recorded is no longer certain
                self._break(error)
        try:
            if self._keeper and self._keeper.unsigned(self._head.n):
                self._commit([], sign=True)
        except Exception as error:  # noqa: BLE001  as above
            self._break(error)

    def _next(self) -> _Item | None:
        """What is queued; None when nothing comes, and there is something else to do."""
        if self._keeper is None or self._broken:
            return self._queue.get()
        try:
            return self._queue.get(timeout=self._keeper.idle_s(self._head.n))
        except queue.Empty:
            return None

    def _set_latch(self, item: _SetLatch) -> None:
        try:
            item.latch.set(item.reason)
        except Exception as error:
            item.kept.set_exception(error)
            raise
        item.kept.set_result(None)

    def _group(self, first: _Append) -> tuple[list[_Append], _Item | None]:
        """`first` and the rows that wait behind it, and what ended the group if it must be done next."""
        group = [first]
        with contextlib.suppress(queue.Empty):
            while len(group) < GROUP_ROWS:
                item = self._queue.get_nowait()
                if not isinstance(item, _Append):
                    return group, item
                group.append(item)
        return group, None

    def _commit(self, group: list[_Append], sign: bool = False) -> None:
        """In one transaction; with a checkpoint behind it to `sign` it, and when it is time for one."""
        if self._broken:
            return
        head, keeper = self._head, self._keeper
        self._writer.execute("begin immediate")
        for item in group:
            head = self._insert(item, head)
        if keeper and (sign or keeper.due(head.n)):
            at = _raise_to(self._wall_clock(), head.at_ns)
            head = self._insert(_Append(keeper.checkpoint(head, at), at, None), head)
        self._writer.execute("commit")
        first, self._head = self._head.n + 1, head
        for n, item in enumerate(group, first):
            if item.on_committed is not None:
                item.on_committed(n)
        for committed in self._watchers:
            committed(head.n)
        if keeper and keeper.wants_to_look:
            keeper.look()

    def _keep(self) -> None:
        """Nobody writes: sign what is unsigned, remove what is old, look how much room there is."""
        keeper = self._keeper
        if keeper is None or self._broken:
            return
        if keeper.due(self._head.n):
            self._commit([])
        if keeper.wants_to_look:
            keeper.look()
        if keeper.removing:
            keeper.remove_some()
        elif (removal := keeper.removable(self.now())) is not None:
            self._commit([_Append(removal, self.now(), None)], sign=True)
            keeper.wrote(removal)

    def _acknowledge(self, asked: _Acknowledge) -> None:
        try:
            if self._keeper is None or self._broken:
                raise JournalBroken(f"journal {self._path}: nothing can be written any more; look after the disk")
            fact = self._keeper.acknowledged(asked.line, asked.by)
            n = self._head.n + 1
            self._commit([_Append(fact, self.now(), None)])
            self._keeper.wrote(fact)
        except Exception as error:
            asked.heard(error if isinstance(error, GateError) else JournalBroken(f"journal {self._path}: {error}"))
            if not isinstance(error, GateError):
                raise
        else:
            asked.heard(n)

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

    def _break(self, error: Exception) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._writer.execute("rollback")
        if not self._broken:
            self._broken = True
            self._failed(
                JournalBroken(f"journal {self._path}: cannot be written: {error}; free the disk, then restart")
            )


def _raise_to(at: WallTime, floor_ns: int) -> WallTime:
    if at.ns >= floor_ns:
        return at
    return WallTime(floor_ns, at.synchronised and floor_ns - at.ns < CLOCK_SLACK_NS)
