"""What was committed stays, in order, whatever happens to the process, and an altered row is found."""

import json
import os
import queue
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from peers import without_coverage

from gatefw.errors import FaultError, JournalBroken, Overflow, StoreError
from gatefw.journal import QUEUE_ROWS, Journal
from gatefw.journal_chain import row_hash
from gatefw.model import Fact, FactKind, Reason, RunId, SubjectId
from gatefw.wall_time import WallTime

KEY = bytes(range(32))
STOPPED = Fact(FactKind.SERVICE_STOPPED)
DEADLINE_S = 30.0


def broke(error: JournalBroken) -> None:
    pytest.fail(str(error))


class Wall:
    """A wall clock that stands where a test puts it."""

    def __init__(self) -> None:
        self.ns, self.synchronised = 1_800_000_000_000_000_000, True

    def __call__(self) -> WallTime:
        return WallTime(self.ns, self.synchronised)


@pytest.fixture
def wall() -> Wall:
    return Wall()


Opener = Callable[..., Journal]


@pytest.fixture
def opened(wall: Wall) -> Iterator[Opener]:
    journals: list[Journal] = []

    def open_journal(path: Path, lane: str = "lane", key: bytes = KEY) -> Journal:
        journals.append(Journal.open(path, lane, key, wall, failed=broke))
        return journals[-1]

    yield open_journal
    for journal in journals:
        journal.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "journal"]


def commit(journal: Journal, *facts: Fact) -> list[int]:
    """Append and wait until each is durable."""
    numbers: queue.Queue[int] = queue.Queue()
    for fact in facts:
        journal.append(fact, numbers.put)
    return [numbers.get(timeout=DEADLINE_S) for _ in facts]


def hold(journal: Journal, go: threading.Event) -> None:
    """Keep the writer thread busy, as a slow disk would, until `go`."""
    busy = threading.Event()

    def block(_: int) -> None:
        busy.set()
        go.wait(DEADLINE_S)

    journal.append(STOPPED, block)
    assert busy.wait(DEADLINE_S)


def alter(path: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        assert database.execute(statement, values).rowcount == 1


# ---------------------------------------------------------------- rows


def test_rows_are_numbered_from_one_without_gaps_through_a_restart(tmp_path: Path, opened: Opener) -> None:
    journal = opened(tmp_path / "j")
    assert journal.head() == 0
    assert commit(journal, STOPPED, STOPPED) == [1, 2]
    epoch = journal.epoch
    journal.close()
    journal = opened(tmp_path / "j")
    assert (journal.epoch, journal.head()) == (epoch, 2)
    assert commit(journal, STOPPED) == [3]
    assert [row.n for row in journal.read(0, 10)] == [1, 2, 3]
    assert [row.n for row in journal.read(1, 1)] == [2]
    journal.verify()


def test_a_row_reads_back_as_the_event_that_is_published(tmp_path: Path, opened: Opener) -> None:
    journal = opened(tmp_path / "j")
    commit(journal, STOPPED)
    (row,) = journal.read(0, 10)
    assert row.type == "gatefw.service.stopped.v1"
    assert f'"id":"{journal.epoch}:1"'.encode() in row.body


def test_a_callback_comes_only_after_the_row_can_be_read(tmp_path: Path, opened: Opener) -> None:
    journal, seen = opened(tmp_path / "j"), queue.Queue[bool]()
    journal.append(STOPPED, lambda n: seen.put([row.n for row in journal.read(n - 1, 1)] == [n]))
    assert seen.get(timeout=DEADLINE_S)


def test_everything_that_waited_for_the_disk_is_committed_at_once(tmp_path: Path, opened: Opener) -> None:
    journal, heads, go = opened(tmp_path / "j"), queue.Queue[int](), threading.Event()
    journal.watch(heads.put)
    hold(journal, go)
    for _ in range(100):
        journal.append(STOPPED)
    go.set()
    assert heads.get(timeout=DEADLINE_S) == 1
    journal.close()
    assert [heads.get_nowait() for _ in range(heads.qsize())] == [101]


def test_passages_that_were_under_way_when_the_process_died_are_found(tmp_path: Path, opened: Opener) -> None:
    journal = opened(tmp_path / "journal.sqlite")
    run, other = RunId("a" * 16), RunId("b" * 16)
    started = (("reader", "reader.front"), ("symbology", ""))
    ended = (("passed", True), ("reason", Reason.OK), ("seconds", 7.0))
    assert journal.unfinished() == []
    commit(journal, Fact(FactKind.PASSAGE_STARTED, run, started), Fact(FactKind.PASSAGE_STARTED, other, started))
    assert journal.unfinished() == [run, other]
    commit(journal, Fact(FactKind.PASSAGE_ENDED, run, ended))
    assert journal.unfinished() == [other]
    commit(journal, Fact(FactKind.PASSAGE_ENDED, other, ended))
    assert journal.unfinished() == []


def test_the_subject_is_sealed_and_opens_only_in_its_own_row(tmp_path: Path, opened: Opener) -> None:
    journal = opened(tmp_path / "j")
    commit(journal, Fact(FactKind.SERVICE_STOPPED, subject=SubjectId("subject-of-ada")), STOPPED)
    assert journal.subject(1) == "subject-of-ada"
    assert journal.subject(2) is None
    assert journal.subject(3) is None
    journal.close()
    for file in tmp_path.iterdir():
        assert b"subject-of-ada" not in file.read_bytes()
    alter(
        tmp_path / "j", "update event set subject_sealed = (select subject_sealed from event where n = 1) where n = 2"
    )
    with pytest.raises(StoreError, match="newest row 2"):
        opened(tmp_path / "j")


def test_another_key_is_told_by_verify(tmp_path: Path, opened: Opener) -> None:
    journal = opened(tmp_path / "j")
    commit(journal, Fact(FactKind.SERVICE_STOPPED, subject=SubjectId("s")))
    journal.close()
    with pytest.raises(JournalBroken, match="row 1: sealed subject"):
        opened(tmp_path / "j", key=bytes(32)).verify()


def test_a_fact_that_does_not_fit_the_schema_is_refused_at_once_and_harms_nothing(
    tmp_path: Path, opened: Opener
) -> None:
    journal = opened(tmp_path / "j")
    with pytest.raises(FaultError):
        journal.append(Fact(FactKind.SERVICE_STOPPED, RunId("a name")))
    assert commit(journal, STOPPED) == [1]


def test_the_files_are_their_owners_alone(tmp_path: Path, opened: Opener) -> None:
    journal = opened(tmp_path / "state" / "j")
    commit(journal, STOPPED)
    journal.latch(Reason.FIRE)
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "state").iterdir() if not file.is_symlink()} == {0o600}


# ---------------------------------------------------------------- trusted time


def test_the_newest_row_is_the_floor_of_a_clock_that_was_set_back(tmp_path: Path, opened: Opener, wall: Wall) -> None:
    journal = opened(tmp_path / "j")
    start_ns = wall.ns
    commit(journal, STOPPED)
    wall.ns = 0
    assert journal.now() == WallTime(start_ns, synchronised=False)
    commit(journal, STOPPED)
    journal.close()
    journal = opened(tmp_path / "j")
    assert journal.now().ns == start_ns
    wall.ns = start_ns + 1
    assert journal.now() == WallTime(start_ns + 1, synchronised=True)
    assert b'"clockquality":"unsynchronised"' in journal.read(1, 1)[0].body
    journal.verify()


def test_a_clock_that_jumped_ahead_once_ends_no_registration_when_it_is_right_again(
    tmp_path: Path, opened: Opener, wall: Wall
) -> None:
    """Story: a board whose battery is flat starts in another decade, and writes a row, before the network sets its
    clock. The rows go on from there. Whoever is registered until next year is, by the clock that is vouched for."""
    journal = opened(tmp_path / "j")
    right_ns = wall.ns
    wall.ns, wall.synchronised = 2 * right_ns, False
    commit(journal, STOPPED)
    assert journal.now_of_people().ns == 2 * right_ns
    wall.ns, wall.synchronised = right_ns, True
    assert (journal.now().ns, journal.now_of_people().ns) == (2 * right_ns, right_ns)
    wall.ns, wall.synchronised = 0, False  # set back, and nobody vouches for it: who has expired stays so
    assert journal.now_of_people().ns == 2 * right_ns


# ---------------------------------------------------------------- what must be found


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("update event set body = cast(body || ' ' as blob) where n = 2", "row 2: its hash does not fit"),
        ("update event set body = 'text' where n = 2", "row 2: its body is not"),
        ("update event set at = at + 1000000 where n = 2", "row 2: its columns do not say"),
        ("update event set quality = 'unsynchronised' where n = 2", "row 2: its columns do not say"),
        ("update event set run = 'x' where n = 2", "row 2: its columns do not say"),
        ("update event set kind = 'service.started' where n = 2", "row 2: its columns do not say"),
        ("update event set kind = 'nonsense' where n = 2", "row 2: its columns do not say"),
        ("update event set epoch = 'x' where n = 2", "row 2: its epoch is x"),
        ("update event set previous = zeroblob(32) where n = 2", "row 2: its previous hash"),
        ("update event set hash = zeroblob(32) where n = 2", "row 2: its hash does not fit"),
        ("update event set n = 9 where n = 2", "row 2 is missing"),
        ("delete from event where n = 2", "row 2 is missing; row 3 follows"),
        ("delete from event where n = 1", "row 1 is missing; row 2 follows"),
    ],
)
def test_an_altered_moved_or_removed_row_is_named(tmp_path: Path, opened: Opener, statement: str, says: str) -> None:
    journal = opened(tmp_path / "j")
    commit(journal, STOPPED, STOPPED, STOPPED)
    journal.verify()
    alter(tmp_path / "j", statement)
    with pytest.raises(JournalBroken, match=says):
        journal.verify()


@given(column=st.sampled_from(["body", "hash", "previous", "subject_sealed"]), n=st.integers(1, 3), data=st.data())
@settings(max_examples=40, deadline=None)
def test_any_flipped_byte_anywhere_is_found(
    tmp_path_factory: pytest.TempPathFactory, column: str, n: int, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("journal") / "j"
    with closing(Journal.open(path, "lane", KEY, Wall(), failed=broke)) as journal:
        commit(journal, *[Fact(FactKind.SERVICE_STOPPED, subject=SubjectId("s"))] * 3)
        with closing(sqlite3.connect(path)) as database:
            value = bytearray(database.execute(f"select {column} from event where n = ?", (n,)).fetchone()[0])
        value[data.draw(st.integers(0, len(value) - 1))] ^= data.draw(st.integers(1, 255))
        alter(path, f"update event set {column} = ? where n = ?", bytes(value), n)
        with pytest.raises(JournalBroken):
            journal.verify()


def test_what_a_newer_version_wrote_was_not_altered(tmp_path: Path, opened: Opener) -> None:
    """Story: an upgrade is taken back. The journal stays, with an event of a kind that nobody here has heard of."""
    journal = opened(tmp_path / "j")
    commit(journal, STOPPED)
    epoch = journal.epoch
    journal.close()
    with closing(sqlite3.connect(tmp_path / "j")) as database, database:
        at, quality, body, previous = database.execute("select at, quality, body, hash from event").fetchone()
        newer = json.loads(body) | {"type": "gatefw.lane.danced.v1", "sequence": f"{2:020d}", "data": {"steps": 3}}
        body = json.dumps(newer).encode()
        row = (
            2,
            epoch,
            at,
            quality,
            "lane.danced",
            None,
            body,
            None,
            previous,
            row_hash(previous, 2, epoch, body, None),
        )
        database.execute("insert into event values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    journal = opened(tmp_path / "j")
    assert commit(journal, STOPPED) == [3]
    journal.verify()
    assert [each.type for each in journal.read(0, 9)][1] == "gatefw.lane.danced.v1"


def test_an_altered_newest_row_keeps_the_journal_from_opening(tmp_path: Path, opened: Opener) -> None:
    journal = opened(tmp_path / "j")
    commit(journal, STOPPED)
    journal.close()
    alter(tmp_path / "j", "update event set body = x'00'")
    with pytest.raises(StoreError, match="newest row 1"):
        opened(tmp_path / "j")


def test_one_process_and_one_lane_have_a_journal(tmp_path: Path, opened: Opener) -> None:
    journal = opened(tmp_path / "j")
    with pytest.raises(StoreError, match="another process"):
        opened(tmp_path / "j")
    journal.close()
    with pytest.raises(StoreError, match="belongs to lane lane, not other"):
        opened(tmp_path / "j", lane="other")
    opened(tmp_path / "j")


def test_a_file_that_is_no_journal_is_left_alone(tmp_path: Path, opened: Opener) -> None:
    (tmp_path / "j").write_bytes(b"holiday letters" * 1000)
    with pytest.raises(StoreError, match="cannot be opened"):
        opened(tmp_path / "j")
    assert (tmp_path / "j").read_bytes() == b"holiday letters" * 1000


# ---------------------------------------------------------------- the latch


def test_the_first_cause_of_a_fault_stays_through_restarts_until_it_is_taken_back(
    tmp_path: Path, opened: Opener
) -> None:
    journal = opened(tmp_path / "j")
    assert journal.latched() is None
    journal.latch(Reason.DOOR_FORCED)
    journal.latch(Reason.FIRE)
    journal.close()
    journal = opened(tmp_path / "j")
    assert journal.latched() is Reason.DOOR_FORCED
    journal.unlatch()
    journal.latch(Reason.FIRE)
    journal.close()
    assert opened(tmp_path / "j").latched() is Reason.FIRE


def test_that_a_technician_has_the_lane_survives_a_restart_until_it_is_forgotten(
    tmp_path: Path, opened: Opener
) -> None:
    journal = opened(tmp_path / "j")
    assert not journal.maintained()
    journal.keep_maintenance(True)
    journal.close()
    journal = opened(tmp_path / "j")
    assert (journal.maintained(), journal.latched()) == (True, None)
    journal.keep_maintenance(False)
    journal.close()
    assert not opened(tmp_path / "j").maintained()


def test_that_a_technician_has_the_lane_is_called_kept_when_the_disk_has_it(tmp_path: Path, opened: Opener) -> None:
    """The disk is slow: until it is done nobody is told, and a crash would forget it."""
    journal, go = opened(tmp_path / "j"), threading.Event()
    hold(journal, go)
    found: list[bool] = []
    kept = journal.keep_maintenance(True)
    kept.add_done_callback(lambda _kept: found.append(journal.maintained()))
    assert (kept.done(), journal.maintained()) == (False, False)
    go.set()
    kept.result(DEADLINE_S)
    journal.close()
    assert found == [True]


def test_what_a_journal_that_is_closed_cannot_keep_is_not_called_kept(tmp_path: Path, opened: Opener) -> None:
    journal = opened(tmp_path / "j")
    journal.close()
    with pytest.raises(JournalBroken, match="closed"):
        journal.keep_maintenance(True).result(0)


def test_a_latch_nobody_can_read_still_latches(tmp_path: Path, opened: Opener) -> None:
    journal = opened(tmp_path / "j")
    (tmp_path / "j.latch").write_text("?")
    assert journal.latched() is Reason.SOFTWARE
    (tmp_path / "j.latch").unlink()
    (tmp_path / "j.latch").symlink_to("no-such-reason")
    assert journal.latched() is Reason.SOFTWARE


def test_the_latch_keeps_its_place_among_the_rows(tmp_path: Path, opened: Opener) -> None:
    journal, seen = opened(tmp_path / "j"), queue.Queue[Reason | None]()
    journal.append(STOPPED, lambda _: seen.put(journal.latched()))
    journal.latch(Reason.FIRE)
    journal.append(STOPPED, lambda _: seen.put(journal.latched()))
    assert [seen.get(timeout=DEADLINE_S) for _ in range(2)] == [None, Reason.FIRE]


# ---------------------------------------------------------------- what cannot be written


def test_a_queue_that_is_full_is_a_fault_and_never_a_drop(tmp_path: Path, opened: Opener) -> None:
    journal, go = opened(tmp_path / "j"), threading.Event()
    hold(journal, go)
    for _ in range(QUEUE_ROWS):
        journal.append(STOPPED)
    with pytest.raises(Overflow, match="wait for the disk"):
        journal.append(STOPPED)
    go.set()
    journal.close()
    assert journal.head() == 1 + QUEUE_ROWS


def test_a_latch_is_kept_though_the_queue_is_full_of_rows(tmp_path: Path, opened: Opener) -> None:
    """The disk that is too slow is itself the fault that must be remembered."""
    journal, go = opened(tmp_path / "j"), threading.Event()
    hold(journal, go)
    for _ in range(QUEUE_ROWS):
        journal.append(STOPPED)
    journal.latch(Reason.OVERFLOW)
    go.set()
    journal.close()
    assert journal.latched() is Reason.OVERFLOW


def test_a_closed_journal_drops_silently_and_closes_twice(tmp_path: Path, opened: Opener) -> None:
    journal = opened(tmp_path / "j")
    journal.close()
    journal.append(STOPPED, lambda _: pytest.fail("committed after close"))
    journal.latch(Reason.FIRE)
    journal.close()
    assert journal.latched() is None


def test_a_callback_that_raises_breaks_the_journal_loudly(tmp_path: Path, wall: Wall) -> None:
    failures: queue.Queue[JournalBroken] = queue.Queue()

    def explode(_: int) -> None:
        raise ValueError("queue full")

    with closing(Journal.open(tmp_path / "j", "lane", KEY, wall, failures.put)) as journal:
        journal.append(STOPPED, explode)
        assert "queue full" in str(failures.get(timeout=DEADLINE_S))
        journal.append(STOPPED, lambda _: pytest.fail("committed after it broke"))
    assert failures.empty()


FULL_DISK = """
import resource, sys
from pathlib import Path
from gatefw.wall_time import WallTime
from gatefw.journal import Journal
from gatefw.model import DoorId, Fact, FactKind, Phase, Position, Reason, RunId, SubjectId
path = Path(sys.argv[1])
journal = Journal.open(path, "lane", bytes(32), lambda: WallTime(10**18, True), lambda e: print("failed", e))
journal.append(Fact(FactKind.SERVICE_STOPPED), lambda n: print("committed", n))
journal.latch(Reason.RESTARTED), journal.unlatch()
while journal.head() < 1: pass
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
for _ in range(500):
    journal.append(Fact(FactKind.SERVICE_STOPPED), lambda n: print("committed", n))
journal.latch(Reason.JOURNAL_BROKEN)
journal.close()
print("latched", journal.latched())
"""


def test_when_the_disk_is_full_nothing_is_called_committed_and_the_fault_is_told_once_and_latched(
    tmp_path: Path,
) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", FULL_DISK, tmp_path / "j"],
        env=without_coverage(),  # which would write to the full disk
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    lines = ran.stdout.splitlines()
    committed = [int(line.split()[1]) for line in lines if line.startswith("committed")]
    assert len([line for line in lines if line.startswith("failed journal")]) == 1
    assert lines[-1] == "latched journal_broken"
    with closing(Journal.open(tmp_path / "j", "lane", bytes(32), Wall(), failed=broke)) as journal:
        assert committed == list(range(1, journal.head() + 1))
        journal.verify()


WRITER = """
import sys
from pathlib import Path
from gatefw.wall_time import wall_clock
from gatefw.journal import Journal
from gatefw.model import DoorId, Fact, FactKind, Phase, Position, Reason, RunId, SubjectId
journal = Journal.open(Path(sys.argv[1]), "lane", bytes(32), wall_clock, failed=print)
while True:
    journal.append(Fact(FactKind.SERVICE_STOPPED), lambda n: print(n, flush=True))
    if journal.head() % 7 == 0:
        list(journal.read(0, 5))
"""


@pytest.mark.parametrize("killed_after", [1, 60, 700])
def test_a_kill_in_the_middle_of_commits_loses_no_committed_row(tmp_path: Path, killed_after: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, tmp_path / "j"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as writer:
        assert writer.stdout is not None
        told = [int(writer.stdout.readline()) for _ in range(killed_after)]
        os.kill(writer.pid, signal.SIGKILL)
        told += [int(line) for line in writer.stdout.read().split(b"\n")[:-1]]
    with closing(Journal.open(tmp_path / "j", "lane", bytes(32), Wall(), failed=broke)) as journal:
        assert told == list(range(1, len(told) + 1))
        assert journal.head() >= len(told)
        journal.verify()
        assert commit(journal, STOPPED) == [journal.head()]
