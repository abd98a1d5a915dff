"""A journal is bounded: what goes was signed, acknowledged and old, and a full disk keeps people out in time."""

import itertools
import os
import queue
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from kept_journal import DAY_NS, KEY, LANE, PUBLIC, SIGNING, STOPPED, Kept, Wall
from peers import until

from gatefw import journal_audit, passage_stats
from gatefw.errors import GateError, Refusal, StoreError
from gatefw.events import new_run
from gatefw.gate_terms import DeviceImpaired
from gatefw.journal import Journal
from gatefw.journal_anchor import Signed, Signer
from gatefw.journal_chain import BadRow
from gatefw.journal_file import was_signed
from gatefw.journal_keeping import REMOVE_ROWS
from gatefw.keys import load_or_create
from gatefw.model import Alarm, Fact, FactKind, Reason, RunId
from gatefw.senses import Senses

ARCHIVE = Signer(bytes(range(2, 34)))
STARTED = (("reader", "reader.front"), ("symbology", ""))
ENDED = (("passed", True), ("reason", Reason.OK), ("seconds", 7.0))
SOON_S = 0.01
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a disk")


def nothing(_n: int) -> None:
    """No progress is told."""


def newest(path: Path) -> Signed:
    return journal_audit.newest_checkpoint(path)


Opener = Callable[..., Kept]


class Clock:
    """The monotonic clock, and how often it was asked."""

    asked = 0

    def __call__(self) -> float:
        self.asked += 1
        return time.monotonic()


CLOCK = Clock()


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opener]:
    """Open the journal of this test, again and again, with the same wall clock."""
    kept: list[Kept] = []
    wall = Wall()

    def again(**terms: object) -> Kept:
        for each in kept:
            each.journal.close()
        kept.append(Kept(tmp_path / "j", wall, **({"look_s": SOON_S, "clock_s": CLOCK} | terms)))
        return kept[-1]

    yield again
    for each in kept:
        each.journal.close()


# ---------------------------------------------------------------- retention


def test_what_is_old_goes_in_whole_segments_and_the_rest_is_verified_from_a_checkpoint_on(opened: Opener) -> None:
    kept = opened(archive_required=False, keep_s=86_400.0)
    kept.write(*[STOPPED] * 10)  # checkpoints are rows 5 and 10
    kept.wall.ns += 2 * DAY_NS
    kept.when_removed()
    assert kept.first() == 10
    kept.write(STOPPED)
    report = journal_audit.verify(kept.path, PUBLIC, [], nothing)
    assert (report.begins, report.removed_upto) == (10, 9)
    assert kept.journal.verify().begins == 10
    kept = opened(archive_required=False)
    assert kept.journal.verify().begins == 10
    assert kept.first() == 10
    assert kept.broke == []


@pytest.mark.parametrize("why", ["too young", "not acknowledged", "no clock", "not signed by a clock"])
def test_nothing_goes_before_it_may(opened: Opener, why: str) -> None:
    terms = {"archive_required": why == "not acknowledged", "keep_s": 86_400.0}
    kept = opened(**terms)
    kept.wall.synchronised = why != "not signed by a clock"
    kept.write(*[STOPPED] * 10)
    kept.wall.ns += DAY_NS // 2 if why == "too young" else 2 * DAY_NS
    kept.wall.synchronised = why != "no clock"
    asked = CLOCK.asked
    until(lambda: CLOCK.asked > asked + 50, "it to look for old rows some times", 60)
    assert (kept.removed(), kept.first()) == (0, 1)


def test_a_port_that_does_without_a_vouched_clock_removes_by_the_one_it_has(opened: Opener) -> None:
    kept = opened(archive_required=False, keep_s=86_400.0, require_synchronised=False)
    kept.wall.synchronised = False
    kept.write(*[STOPPED] * 10)
    kept.wall.ns += 2 * DAY_NS
    kept.when_removed()


def test_a_process_that_dies_between_the_word_and_the_deed_finishes_it_at_the_next_start(opened: Opener) -> None:
    """Story: the removal is written down and signed, some rows are gone, and the power fails."""
    kept = opened(archive_required=False, keep_s=86_400.0)
    kept.write(*[STOPPED] * 20)
    with closing(sqlite3.connect(kept.path)) as database:
        before = database.execute("select * from event where n < 20").fetchall()
    kept.wall.ns += 2 * DAY_NS
    kept.when_removed()
    first = kept.first()
    for gone in (0, 1, first // 2, first - 2):
        kept.journal.close()
        with closing(sqlite3.connect(kept.path)) as database, database:
            lost = [row for row in before if gone < row[0] < first]
            database.executemany("insert into event values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", lost)
        assert journal_audit.verify(kept.path, PUBLIC, [], nothing).begins == first, "what is left of them is no matter"
        kept = opened(archive_required=False)
        assert kept.journal.verify().begins == first
        until(lambda kept=kept: kept.first() == first, "the rest to go", 60)


def test_a_process_that_is_killed_while_it_removes_leaves_a_journal_that_holds(tmp_path: Path) -> None:
    """Story: a lane that keeps nothing is killed, again and again, with rows on their way in and out."""
    for told in (60, 150, 300):
        with subprocess.Popen(
            [sys.executable, "-c", REMOVER, tmp_path / "j"], stdout=subprocess.PIPE, cwd=Path(__file__).parent
        ) as writer:
            assert writer.stdout is not None
            committed = [int(writer.stdout.readline()) for _ in range(told)]
            writer.kill()
        report = journal_audit.verify(tmp_path / "j", PUBLIC, [], nothing)
        assert report.ends >= committed[-1]
        assert report.begins == report.removed_upto + 1 > 1


REMOVER = """
import sys
from pathlib import Path
from kept_journal import Kept, STOPPED
kept = Kept(Path(sys.argv[1]), keep_s=0.0, look_s=0.0, archive_required=False)
while True:
    kept.write(STOPPED)
    print(kept.journal.head(), flush=True)
"""


def test_the_key_of_a_journal_that_was_signed_is_never_made_anew(tmp_path: Path) -> None:
    key = tmp_path / "keys" / "journal-sign.key"
    load_or_create(key, was_signed(tmp_path / "j"))
    key.unlink()
    with Kept(tmp_path / "j") as kept:
        kept.write(STOPPED)
    with pytest.raises(StoreError, match="restore the key from backup"):
        load_or_create(key, was_signed(tmp_path / "j"))


def test_more_rows_than_one_transaction_takes_go_one_transaction_after_the_other(opened: Opener) -> None:
    kept = opened(archive_required=False, keep_s=86_400.0, checkpoint_rows=10**6)
    for _ in range(2 * REMOVE_ROWS):
        kept.journal.append(STOPPED)
    kept.write(STOPPED)
    kept = opened(archive_required=False, keep_s=86_400.0, checkpoint_rows=10**6)  # closing has signed them all
    kept.wall.ns += 2 * DAY_NS
    kept.when_removed()
    assert kept.first() == 2 * REMOVE_ROWS + 2


def test_rows_removed_by_somebody_else_are_missing(opened: Opener) -> None:
    """Story: whoever deletes the first rows, up to a checkpoint, writes no signed row that says so."""
    kept = opened()
    kept.write(*[STOPPED] * 20)
    kept.journal.close()
    with closing(sqlite3.connect(kept.path)) as database, database:
        database.execute("delete from event where n < 10")
    with pytest.raises(BadRow, match="row 1 is missing; row 10 follows"):
        journal_audit.verify(kept.path, PUBLIC, [], nothing)


def test_what_is_counted_and_what_is_under_way_outlive_the_rows(opened: Opener) -> None:
    kept = opened(archive_required=False, keep_s=86_400.0)
    old, new = new_run(), RunId("b" * 16)
    kept.write(Fact(FactKind.PASSAGE_STARTED, old, STARTED), Fact(FactKind.PASSAGE_ENDED, old, ENDED))
    kept.write(*[STOPPED] * 8)
    kept.wall.ns += 2 * DAY_NS
    kept.when_removed()
    assert kept.journal.endings(old) == {}
    kept.write(Fact(FactKind.PASSAGE_STARTED, new, STARTED))
    assert kept.journal.unfinished() == [new]
    kept.write(Fact(FactKind.PASSAGE_ENDED, new, ENDED))
    assert kept.journal.unfinished() == []
    assert kept.journal.endings(new)[FactKind.PASSAGE_ENDED]["passed"] is True
    assert sum(sums.of("passed") for _, sums in passage_stats.read(kept.path)) == 2
    kept = opened()
    assert sum(sums.of("passed") for _, sums in passage_stats.read(kept.path)) == 2


# ---------------------------------------------------------------- the archive


def test_what_an_archive_has_goes_when_it_is_old_and_its_receipt_stays_in_the_journal(opened: Opener) -> None:
    kept = opened(keep_s=86_400.0, archive_key=ARCHIVE.public)
    kept.write(*[STOPPED] * 12)
    checkpoint = newest(kept.path)
    receipt = ARCHIVE.receipt(checkpoint)
    assert isinstance(kept.acknowledge(receipt.line), int)
    kept.wall.ns += 2 * DAY_NS
    kept.when_removed()
    assert kept.first() == checkpoint.n + 1 == 15
    told = kept.journal.last(FactKind.JOURNAL_ACKNOWLEDGED)
    assert told == {"upto": 14, "hash": checkpoint.hash.hex(), "by": "uid-7", "receipt": receipt.line}


def test_without_an_archives_key_an_operators_word_is_enough(opened: Opener) -> None:
    kept = opened()
    kept.write(*[STOPPED] * 4)
    line = newest(kept.path).line
    assert isinstance(kept.acknowledge(line), int)
    assert "acknowledged already" in str(kept.acknowledge(line))


def test_a_receipt_of_somebody_else_or_of_something_else_is_refused(opened: Opener) -> None:
    kept = opened(archive_key=ARCHIVE.public)
    kept.write(*[STOPPED] * 4)
    checkpoint = newest(kept.path)
    lane = Signer(SIGNING)
    other_row = lane.checkpoint(LANE, kept.journal.epoch, 3, checkpoint.hash, kept.wall(), bytes(32))
    other_epoch = lane.checkpoint(LANE, "0" * 16, 4, checkpoint.hash, kept.wall(), bytes(32))
    other_lane = lane.checkpoint("lane-2", kept.journal.epoch, 4, checkpoint.hash, kept.wall(), bytes(32))
    for line, says in (
        (checkpoint.line, "a receipt of the archive is wanted"),
        (lane.receipt(checkpoint).line, "signed with key"),
        (ARCHIVE.receipt(other_row).line, "row 3 of this journal is not the one"),
        (ARCHIVE.receipt(other_epoch).line, "row 4 of this journal is not the one"),
        (ARCHIVE.receipt(other_lane).line, "row 4 of this journal is not the one"),
        (ARCHIVE.receipt(checkpoint).line[:-128] + "0" * 128, "signature does not hold"),
        ("", "no line of a checkpoint"),
    ):
        error = kept.acknowledge(line)
        assert isinstance(error, Refusal)
        assert says in str(error)
    assert kept.journal.last(FactKind.JOURNAL_ACKNOWLEDGED) is None


def test_a_journal_that_nothing_is_kept_for_refuses_a_receipt(tmp_path: Path) -> None:
    heard: queue.Queue[int | GateError] = queue.Queue()
    with closing(Journal.open(tmp_path / "j", LANE, KEY, Wall(), print)) as journal:
        journal.acknowledge("", "uid-7", heard.put)
        assert isinstance(heard.get(timeout=30), GateError)
    journal.acknowledge("", "uid-7", heard.put)
    assert "is closed" in str(heard.get(timeout=30))


# ---------------------------------------------------------------- room


def test_a_journal_that_fills_says_so_in_time_and_is_full_before_the_disk_is(opened: Opener) -> None:
    kept = opened(most_bytes=300 * 1024)
    while (Reason.JOURNAL_FULL, True) not in kept.said:
        kept.write(*[STOPPED] * 20)
    assert kept.said == [(Reason.JOURNAL_FILLING, True), (Reason.JOURNAL_FULL, True)]
    kept.write(STOPPED)  # what those inside do is still recorded
    assert kept.broke == []
    kept = opened(most_bytes=300 * 1024)
    until(lambda: len(kept.said) == 2, "it to say so again after a start", 60)


def test_it_has_room_again_when_old_rows_are_gone(opened: Opener) -> None:
    kept = opened(most_bytes=300 * 1024, archive_required=False, keep_s=86_400.0)
    while (Reason.JOURNAL_FULL, True) not in kept.said:
        kept.write(*[STOPPED] * 20)
    kept.wall.ns += 2 * DAY_NS
    until(lambda: {(Reason.JOURNAL_FULL, False), (Reason.JOURNAL_FILLING, False)} <= set(kept.said), "room", 60)


# ---------------------------------------------------------------- disks


@contextmanager
def mounted(place: Path, *how: str) -> Iterator[Path]:
    """A file system of its own; skipped where nobody may mount one."""
    place.mkdir()
    try:
        done = subprocess.run(["mount", *how, place], capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"mount: {error}")
    if done.returncode:
        pytest.skip(f"mount: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def written_until_it_broke(kept: Kept) -> list[int]:
    """The rows that were called durable."""
    numbers: list[int] = []
    for count in itertools.count(64, 64):
        for _ in range(64):
            kept.journal.append(STOPPED, numbers.append)
        until(lambda count=count: kept.broke or len(numbers) == count, "the rows", 60)
        if kept.broke:
            break
    return numbers


@needs_root
def test_a_full_disk_keeps_people_out_before_it_takes_a_row(tmp_path: Path) -> None:
    """Story: somebody else's files fill the disk of a lane that is at work."""
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=10m", "tmpfs") as disk:
        with Kept(disk / "j", look_s=0.0, least_free_bytes=6 * 2**20) as kept:
            kept.write(STOPPED)
            free = os.statvfs(disk)
            (disk / "others").write_bytes(bytes(free.f_bavail * free.f_frsize - 5 * 2**20))  # SQLite's log takes 4
            kept.write(STOPPED)
            full = until(lambda: (Reason.JOURNAL_FULL, True) in kept.said and kept.journal.head(), "it to say so", 60)
            numbers = written_until_it_broke(kept)
            assert len(numbers) > 500, "what those inside do is recorded, with the room that was kept for it"
            assert (numbers[0] > full - 2, len(kept.broke)) == (True, 1)
            kept.journal.append(STOPPED, numbers.append)
            kept.journal.latch(Reason.JOURNAL_BROKEN)
            until(kept.journal.latched, "the latch, for which there is always room", 60)
        (disk / "others").unlink()
        with Kept(disk / "j") as kept:
            assert kept.journal.latched() is Reason.JOURNAL_BROKEN
            assert kept.journal.head() >= numbers[-1]
            kept.journal.verify()
            told = [row.n for row in kept.journal.read(0, 10_000)]
            assert set(numbers) <= set(told)


@needs_root
def test_a_disk_that_goes_read_only_breaks_the_journal_and_loses_nothing(tmp_path: Path) -> None:
    """Story: the memory card fails, and the kernel takes it away for writing, as it does with errors=remount-ro."""
    image = tmp_path / "card"
    image.write_bytes(bytes(8 * 2**20))
    if subprocess.run(["mkfs.ext4", "-q", image], capture_output=True, check=False).returncode:
        pytest.skip("no mkfs.ext4")
    card = ("-o", "loop,errors=remount-ro", str(image))
    with mounted(tmp_path / "a", *card) as disk, Kept(disk / "j") as kept:
        kept.write(*[STOPPED] * 6)
        device = disk.stat().st_dev
        loop = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve().name
        Path(f"/sys/fs/ext4/{loop}/trigger_fs_error").write_text("1")
        assert written_until_it_broke(kept) == []
        assert len(kept.broke) == 1
        committed = kept.journal.head()
    with mounted(tmp_path / "b", *card) as disk, Kept(disk / "j") as kept:
        assert committed == 7
        assert kept.journal.head() >= committed, "what was not promised may be there all the same"
        kept.journal.verify()


@needs_root
def test_a_journal_on_a_disk_that_was_made_read_only_is_not_opened(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=1m", "tmpfs") as disk:
        with Kept(disk / "j") as kept:
            kept.write(STOPPED)
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        with pytest.raises(StoreError):
            Kept(disk / "j")
        report = journal_audit.verify(disk / "j", PUBLIC, [], nothing)
        assert report.ends == 2, "and can still be read"


def test_a_store_that_may_grow_no_more_takes_no_row_by_half(tmp_path: Path) -> None:
    """The same without anybody's leave: SQLite itself says that the disk is full."""
    with Kept(tmp_path / "j") as kept:
        kept.write(STOPPED)
        (pages,) = kept.journal._writer.execute("pragma page_count").fetchone()
        kept.journal._writer.execute(f"pragma max_page_count = {pages + 60}")
        numbers = written_until_it_broke(kept)
    with Kept(tmp_path / "j") as kept:
        assert kept.journal.head() >= max(numbers)
        kept.journal.verify()


# ---------------------------------------------------------------- the lane


def test_a_full_journal_keeps_new_travellers_out_and_raises_an_alarm() -> None:
    senses = Senses(required=())
    news = senses.device_impaired(DeviceImpaired("journal", Reason.JOURNAL_FILLING, True))
    assert (senses.keeps_out, news[1:]) == (False, [Alarm(Reason.JOURNAL_FILLING)])
    news = senses.device_impaired(DeviceImpaired("journal", Reason.JOURNAL_FULL, True))
    assert (senses.keeps_out, news[1:]) == (True, [Alarm(Reason.JOURNAL_FULL)])
    senses.device_impaired(DeviceImpaired("journal", Reason.JOURNAL_FULL, False))
    assert not senses.keeps_out
