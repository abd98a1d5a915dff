"""What is written down for the lane, and what follows when it cannot be."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from peers import until

from gatefw.gate_terms import Committed, GateInput
from gatefw.model import Fact, FactKind, Faulted, Reason, RunId
from gatefw.scribe import Scribe

KEY = b"k" * 32
RUN = RunId("ab" * 8)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[], tuple[Scribe, list[GateInput]]]]:
    """Open the same journal as the daemon before."""
    scribes: list[Scribe] = []

    def again() -> tuple[Scribe, list[GateInput]]:
        for scribe in scribes:
            scribe.close()
        told: list[GateInput] = []
        scribes.append(Scribe(tmp_path / "journal.db", "lane-1", KEY, told.append))
        return scribes[-1], told

    yield again
    for scribe in scribes:
        scribe.close()


Opened = Callable[[], tuple[Scribe, list[GateInput]]]
BEGAN = Fact(FactKind.PASSAGE_STARTED, RUN, (("reader", "reader.front"), ("symbology", "")))


def test_who_waits_for_the_disk_hears_when_it_is_on_it(opened: Opened) -> None:
    scribe, told = opened()
    scribe.append(BEGAN)
    scribe.append(BEGAN, 7)
    until(lambda: told == [Committed(7)], "the commit", 30)


def test_a_passage_whose_process_died_is_ended_once(opened: Opened) -> None:
    scribe, told = opened()
    scribe.append(BEGAN, 1)
    until(lambda: told, "the commit", 30)
    scribe, _ = opened()
    assert scribe.journal.unfinished() == [RUN]
    scribe.end_unfinished()
    until(lambda: scribe.journal.unfinished() == [], "the passage to be ended", 30)
    written = scribe.journal.head()
    scribe, _ = opened()
    scribe.end_unfinished()
    assert scribe.journal.head() == written


def test_the_first_cause_of_a_latch_stays_until_it_is_forgotten(opened: Opened) -> None:
    scribe, _ = opened()
    scribe.keep_latch(Reason.TAMPERED)
    scribe.keep_latch(Reason.SOFTWARE)
    scribe, told = opened()
    assert scribe.latch is Reason.TAMPERED
    scribe.forget_latch()
    assert (scribe.latch, told) == (None, [])
    scribe, _ = opened()
    assert scribe.latch is None


def test_a_journal_that_does_not_hold_together_is_a_latched_fault(opened: Opened, tmp_path: Path) -> None:
    scribe, told = opened()
    for ticket in range(3):
        scribe.append(BEGAN, ticket)
    until(lambda: len(told) == 3, "the commits", 30)
    scribe.close()
    with closing(sqlite3.connect(tmp_path / "journal.db")) as database, database:
        database.execute("delete from event where n = 2")
    scribe, _ = opened()
    assert scribe.latch is Reason.JOURNAL_BROKEN


def test_a_journal_of_which_the_disk_lost_a_page_is_a_latched_fault_and_not_the_daemons_end(
    opened: Opened, tmp_path: Path
) -> None:
    """Story: the card gives back something else for one page of the file. The daemon starts all the same:
    with nobody to let people out, and a thread that keeps the process from ending, the lane would be worse off."""
    scribe, told = opened()
    scribe.note_config("0" * 64, reversed_=False)
    for ticket in range(200):
        scribe.append(Fact(FactKind.SERVICE_STOPPED), ticket)
    until(lambda: len(told) == 200, "the commits", 30)
    scribe.close()
    path = tmp_path / "journal.db"
    with closing(sqlite3.connect(path)) as database:
        (page,) = database.execute("pragma page_size").fetchone()
    with path.open("r+b") as file:
        file.seek(path.read_bytes().index(b"gatefw.config.loaded") // page * page)
        file.write(b"\xff" * page)
    scribe, told = opened()
    scribe.note_config("1" * 64, reversed_=False)
    scribe.end_unfinished()
    assert scribe.latch is Reason.JOURNAL_BROKEN
    assert told == [Faulted(Reason.JOURNAL_BROKEN)] * 2


def test_a_fact_that_is_lost_is_a_fault_once_until_one_is_written_again(opened: Opened) -> None:
    scribe, told = opened()
    bad = Fact(FactKind.ALARM_RAISED, None, (("reason", "Anna Example"),))
    scribe.append(bad)
    scribe.append(bad)
    assert told == [Faulted(Reason.SOFTWARE)]
    scribe.append(BEGAN)
    scribe.append(bad)
    assert told == [Faulted(Reason.SOFTWARE)] * 2
