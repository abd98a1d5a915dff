"""What is kept of people is kept for as long as is said, and what is kept is said."""

import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from counter import HOUSE, NOW, Counter, subject_of

from gatefw.biometrics.gallery import Gallery
from gatefw.clearance_records import ClearanceRecords
from gatefw.config_tables import People
from gatefw.fingers import Fingers
from gatefw.journal import Journal
from gatefw.model import FactKind, Failed, Reason, RecordFound
from gatefw.records import Records
from gatefw.seen_tokens import SeenTokens
from gatefw.wall_time import wall_clock

DOCS = Path(__file__).resolve().parents[1] / "docs" / "secrets.md"
KEY = bytes(range(32))
DAY_S = 86_400.0


@pytest.fixture
def stores(tmp_path: Path) -> Path:
    """Every store there is, new."""
    failed = threading.Event()
    with (
        closing(Records(tmp_path / "records.sqlite", KEY)),
        closing(Fingers(tmp_path / "fingers.sqlite", KEY)),
        closing(SeenTokens(tmp_path / "tokens.sqlite")),
        closing(ClearanceRecords(tmp_path / "authority.sqlite")),
        closing(Gallery(tmp_path / "gallery.sqlite", KEY)),
        closing(Journal.open(tmp_path / "journal.sqlite", "lane", KEY, wall_clock, lambda _error: failed.set())),
    ):
        pass
    assert not failed.is_set()
    return tmp_path


def columns(folder: Path) -> Iterator[tuple[str, str, str]]:
    for path in sorted(folder.glob("*.sqlite")):
        with closing(sqlite3.connect(path)) as database:
            query = "select name from sqlite_master where type = 'table' and name not like 'sqlite_%'"
            for (table,) in database.execute(query).fetchall():
                for _, column, *_ in database.execute(f"pragma table_info({table})"):
                    yield path.name, table, column


def documented(text: str) -> Iterator[tuple[str, str, str]]:
    """`store: table(column, column)`, and `table(column)` behind it of the same store."""
    store = ""
    for quoted in re.findall(r"`([^`]+)`", text):
        match = re.fullmatch(r"(?:(\S+\.sqlite): )?(\w+)\(([\w,\s]+)\)", quoted)
        if match:
            store = match[1] or store
            yield from ((store, match[2], column.strip()) for column in match[3].split(","))


def test_every_column_of_every_store_says_how_long_it_is_kept_and_what_deletes_it(stores: Path) -> None:
    """A new table or column without an entry fails here; so does an entry of what is there no more."""
    found, told = set(columns(stores)), list(documented(DOCS.read_text(encoding="utf-8")))
    assert {path.name for path in stores.glob("*.sqlite")} == {store for store, _, _ in found}
    assert found - set(told) == set(), "not documented in docs/secrets.md"
    assert set(told) - found == set(), "documented, and not there"
    assert len(told) == len(set(told)), "documented twice"


def test_a_column_nobody_has_written_about_is_found(stores: Path) -> None:
    with closing(sqlite3.connect(stores / "records.sqlite")) as database:
        database.execute("alter table traveller add column shoe_size text")
    assert set(columns(stores)) - set(documented(DOCS.read_text(encoding="utf-8"))) == {
        ("records.sqlite", "traveller", "shoe_size")
    }


# -------------------------------------------------------------------- whose time is over


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    house = replace(HOUSE, people=People(keep_ended_days=30.0), vouched=lambda: vouched[0])
    vouched.append(NOW)
    counter = Counter(tmp_path, house)
    yield counter
    counter.close()
    vouched.clear()


vouched: list[float | None] = []


def days_later(counter: Counter, days: float) -> None:
    counter.now = NOW + days * DAY_S
    vouched[0] = counter.now
    counter.clerk.sweep()
    counter.settle()


def test_who_expired_is_known_for_as_long_as_the_lane_file_says_and_then_to_nobody(counter: Counter) -> None:
    """Registered for 10 days, kept for 30 more. Then record, token and face are gone; somebody else's stay."""
    ended, stays = subject_of(counter.enrol(days=10)), subject_of(counter.enrol(tokens=["B7654321"], days=365))
    days_later(counter, 39)
    assert counter.look_up(b"A1234567") == Failed(Reason.RECORD_EXPIRED)
    days_later(counter, 41)
    assert counter.look_up(b"A1234567") == Failed(Reason.TOKEN_UNKNOWN)
    assert counter.look_up(b"B7654321") == RecordFound(stays)  # type: ignore[arg-type]
    assert [each.subject for each in counter.records.list()] == [stays]
    assert [fields["subject"] for do, fields in counter.vision.asked if do == "revoke"] == [ended]
    (erased,) = [fact for fact in counter.facts if fact.kind is FactKind.SUBJECT_REVOKED]
    assert (erased.subject, dict(erased.fields)["by"]) == (ended, "lane")


def test_that_somebody_was_revoked_is_forgotten_in_time(counter: Counter) -> None:
    subject = subject_of(counter.enrol())
    counter.order("revoke", subject=subject)
    days_later(counter, 29)
    assert counter.look_up(b"A1234567") == Failed(Reason.RECORD_REVOKED)
    days_later(counter, 31)
    assert counter.look_up(b"A1234567") == Failed(Reason.TOKEN_UNKNOWN)


def test_of_many_whose_time_is_over_some_go_at_each_sweep(counter: Counter) -> None:
    for number in range(60):
        counter.enrol(tokens=[f"A12345{number:02}"], days=1)
    days_later(counter, 40)
    assert len(counter.records.list()) <= 10
    counter.clerk.sweep()
    counter.settle()
    assert counter.records.list() == []


def test_a_clock_that_nobody_vouches_for_erases_nobody(counter: Counter) -> None:
    counter.enrol(days=1)
    vouched[0] = None
    counter.now = NOW + 1000 * DAY_S
    counter.clerk.sweep()
    counter.settle()
    assert len(counter.records.list()) == 1
