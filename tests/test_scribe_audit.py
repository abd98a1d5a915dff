"""The scribe starts with what is new, verifies the rest beside the lane's work, and notes what auditors look for."""

import queue
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from kept_journal import KEY, LANE, SIGNING, made
from peers import until

from gatefw import journal_audit
from gatefw.control import Answer, Done, Order, Rejected
from gatefw.gate_terms import DeviceImpaired, GateInput
from gatefw.journal_keeping import JournalTerms
from gatefw.model import FactKind, Faulted, Reason
from gatefw.scribe import ACKNOWLEDGE, JOURNAL, Scribe


class Opened:
    """Scribes of one journal, one after the other, and what they told the lane."""

    def __init__(self, path: Path) -> None:
        self.path, self.told = path, list[GateInput]()
        self._open: Scribe | None = None

    def again(self, **terms: int) -> Scribe:
        self.close()
        self.told.clear()
        given = JournalTerms(SIGNING, least_free_bytes=1, checkpoint_s=1e9, **terms)  # type: ignore[arg-type]
        self._open = Scribe(self.path, LANE, KEY, self.told.append, None, given)
        return self._open

    def close(self) -> None:
        if self._open:
            self._open.close()
            self._open = None


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    with ExitStack() as stack:
        found = Opened(tmp_path / "j")
        stack.callback(found.close)
        yield found


def test_an_old_row_that_was_altered_is_a_fault_found_while_the_lane_is_at_work(opened: Opened) -> None:
    """Story: the lane has started with the rows since its newest checkpoint; a row of last month was rewritten."""
    made(opened.path)
    with closing(sqlite3.connect(opened.path)) as database, database:
        database.execute("update event set run = 'x' where n = 2")
    scribe = opened.again()  # which did not wait for it: found before, it would be a latch and nothing told
    until(lambda: Faulted(Reason.JOURNAL_BROKEN) in opened.told, "the row to be found", 60)
    until(lambda: scribe.journal.latched() is Reason.JOURNAL_BROKEN, "the latch", 60)


def test_a_new_row_that_was_altered_is_found_before_the_lane_starts(opened: Opened) -> None:
    made(opened.path)
    with closing(sqlite3.connect(opened.path)) as database, database:
        database.execute("delete from event where n = 18")  # the newest checkpoint: 16 and 17 are behind the one before
        database.execute("update event set run = 'x' where n = 16")
    assert opened.again().latch is Reason.JOURNAL_BROKEN
    assert opened.told == []


def test_a_daemon_that_ends_does_not_wait_for_a_million_rows(opened: Opened) -> None:
    made(opened.path, 400)
    opened.again()
    opened.close()
    assert opened.told == []


def test_the_lane_file_is_written_down_when_it_is_another_one(opened: Opened) -> None:
    scribe = opened.again()
    scribe.note_config("a" * 64, False)
    until(lambda: scribe.journal.head() == 1, "the row", 60)
    told = scribe.journal.last(FactKind.CONFIG_LOADED)
    assert told is not None
    assert (told["sha256"], told["reversed"]) == ("a" * 64, False)
    scribe = opened.again()
    scribe.note_config("a" * 64, False)
    scribe.note_config("a" * 64, True)
    scribe.close()
    with closing(sqlite3.connect(opened.path)) as database:
        (count,) = database.execute("select count(*) from event where kind = 'config.loaded'").fetchone()
    assert count == 2


def test_a_disk_with_little_room_is_said_of_the_journal_as_of_a_device(opened: Opened) -> None:
    opened.again(most_bytes=1)
    said = [DeviceImpaired(JOURNAL, Reason.JOURNAL_FILLING, True), DeviceImpaired(JOURNAL, Reason.JOURNAL_FULL, True)]
    until(lambda: opened.told == said, "it to be said", 60)


def test_an_order_says_what_an_archive_has(opened: Opened) -> None:
    made(opened.path)
    line = journal_audit.newest_checkpoint(opened.path).line
    scribe, answers = opened.again(), queue.Queue[Answer]()

    def order(**args: str) -> Answer:
        scribe.acknowledge(Order(ACKNOWLEDGE, args, "uid-7", None, 0.0), answers.put)
        return answers.get(timeout=30)

    assert order(line=line) == Done({"acknowledged": True, "event": 19})
    assert isinstance(order(line=line), Rejected)
    assert isinstance(order(), Rejected)
    told = scribe.journal.last(FactKind.JOURNAL_ACKNOWLEDGED)
    assert told is not None
    assert (told["by"], told["upto"]) == ("uid-7", 17)
