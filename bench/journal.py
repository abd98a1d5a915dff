"""What a fact costs until it is durable: alone, and with others under way that share one sync of the disk.

`1 in flight` waits for each fact before the next: one commit each. `20 in flight` always has twenty waiting, as a busy
moment does: the journal commits what queued up while its last commit ran. It signs and looks after itself as a lane's
does. Peers: `insert`, a bare SQLite insert committed under the same settings (WAL, synchronous = FULL), `insert 20`,
the same with twenty rows in each commit, and `sync`, the disk alone: 4 KiB written and synced. All on the disk where
the state is.

Seen in November 2026 on two x86-64 cores that some twenty other processes wanted (load 25), so upper bounds; medians of
ten rounds, on a disk that synced in 0.7 ms: 1 in flight 560 facts a second (2.6 times a bare insert), 20 in flight 4590
(7200 in the best round; 0.26 of a bare insert each). A memory card that takes 10 ms to sync has more to gain.
"""

import os
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

from bench.harness import Row, rotate, row, timed
from gatefw import store
from gatefw.errors import JournalBroken
from gatefw.journal import Journal
from gatefw.journal_keeping import JournalTerms
from gatefw.model import DoorId, Fact, FactKind, Position, RunId
from gatefw.state import state_dir
from gatefw.wall_time import wall_clock

ROUNDS = 10
FACTS = 200
PATIENCE_S = 30.0
IN_FLIGHT = (1, 20)
INSERT = "insert into event (body) values (?)"
ROW = (bytes(400),)
FACT = Fact(FactKind.DOOR_MOVED, RunId("0123456789abcdef"), (("door", DoorId.ENTRY), ("position", Position.OPEN)))


def run(rounds: int) -> list[Row]:
    """A row for each number of facts under way. Raises StoreError when the state directory cannot be used."""
    with ExitStack() as stack:
        state = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", dir=state_dir())))
        bare = stack.enter_context(closing(store.connect(state / "bare.sqlite")))
        bare.execute("create table event (n integer primary key, body blob not null)")
        file = os.open(state / "sync", os.O_CREAT | os.O_WRONLY, 0o600)
        stack.callback(os.close, file)
        terms = JournalTerms(bytes(32))
        journal = Journal.open(state / "journal.sqlite", "bench", bytes(32), wall_clock, _broke, None, terms)
        stack.callback(journal.close)
        samples = rotate(
            {
                "sync": timed(lambda: _sync(file), FACTS),
                "insert": timed(lambda: bare.execute(INSERT, ROW), FACTS),
                "insert 20": lambda: timed(lambda: _insert_20(bare), FACTS // 20)() / 20,
                **{f"{count} in flight": _appends(journal, count) for count in IN_FLIGHT},
            },
            rounds,
        )
    peers = ("sync", "insert", "insert 20")
    rows = [row(samples, name, "ms", 1e3, peers) for name in samples]
    return [replace(each, note=f"{1e3 / each.median:.0f}/s") for each in rows]


def _appends(journal: Journal, in_flight: int) -> Callable[[], float]:
    """Seconds for each of FACTS facts, with so many not yet committed at any time."""

    def sample() -> float:
        room = threading.Semaphore(in_flight)
        began_s = time.perf_counter()
        for _ in range(FACTS):
            _take(room)
            journal.append(FACT, lambda _n: room.release())
        for _ in range(in_flight):
            _take(room)
        return (time.perf_counter() - began_s) / FACTS

    return sample


def _take(room: threading.Semaphore) -> None:
    if not room.acquire(timeout=PATIENCE_S):
        raise TimeoutError(f"the journal committed nothing for {PATIENCE_S} s; look after the disk")


def _insert_20(database: sqlite3.Connection) -> None:
    database.execute("begin immediate")
    database.executemany(INSERT, [ROW] * 20)
    database.execute("commit")


def _sync(file: int) -> None:
    os.pwrite(file, bytes(4096), 0)
    os.fsync(file)


def _broke(error: JournalBroken) -> None:
    raise error
