"""How long a start waits for a long journal.

`new rows` is what a start does: it opens the journal and verifies it from its newest checkpoint on; the rest is
verified beside the lane's work. `all rows` is what it did before there were checkpoints. Both with the file in the page
cache, and 900 rows behind the newest checkpoint, as a process leaves them that is killed at a bad moment.

Seen in November 2026 with BENCH_JOURNAL_ROWS=1000000 (514 MB), once, on two x86-64 cores with a load of 27 and at the
lowest priority, so upper bounds: new rows 53 ms, all rows 305 s.
"""

import os
import tempfile
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

from bench.harness import Row, rotate, row, timed
from bench.journal import FACT, PATIENCE_S
from gatefw.errors import JournalBroken
from gatefw.journal import Journal
from gatefw.journal_keeping import JournalTerms
from gatefw.state import state_dir
from gatefw.wall_time import wall_clock

ROUNDS = 5
ROWS = int(os.environ.get("BENCH_JOURNAL_ROWS", "20000"))
BEHIND = 900
IN_FLIGHT = 2000
UNSIGNED = JournalTerms(bytes(32), checkpoint_rows=10**9, checkpoint_s=1e9)


def run(rounds: int) -> list[Row]:
    """A row for each way. Raises StoreError when the state directory cannot be used."""
    with ExitStack() as stack:
        path = (
            Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", dir=state_dir()))) / "journal.sqlite"
        )
        with _opened(path, UNSIGNED) as journal:  # its end signs them
            _write(journal, ROWS)
        with _opened(path, None) as journal:
            _write(journal, BEHIND)
        samples = rotate(
            {"new rows": timed(_start(path, recent=True), 1), "all rows": timed(_start(path, recent=False), 1)}, rounds
        )
    rows = [row(samples, name, "ms", 1e3, ("all rows",)) for name in samples]
    return [replace(each, note=f"{ROWS:,} rows") for each in rows]


def _start(path: Path, recent: bool) -> Callable[[], None]:
    def start() -> None:
        with _opened(path, None) as journal:
            journal.verify(recent)

    return start


def _opened(path: Path, terms: JournalTerms | None) -> "closing[Journal]":
    return closing(Journal.open(path, "bench", bytes(32), wall_clock, _broke, None, terms))


def _write(journal: Journal, rows: int) -> None:
    room = threading.Semaphore(IN_FLIGHT)
    for left in range(rows + IN_FLIGHT, 0, -1):
        if not room.acquire(timeout=PATIENCE_S):
            raise TimeoutError(f"the journal committed nothing for {PATIENCE_S} s; look after the disk")
        if left > IN_FLIGHT:
            journal.append(FACT, lambda _n: room.release())


def _broke(error: JournalBroken) -> None:
    raise error
