"""A partition ends with its key: what was in it is gone, in every file, and stays gone whatever happens in between."""

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gatefw.errors import Refusal
from gatefw.identifier import new_identifier
from gatefw.model import ChipProof, DocumentRead, Failed, Reason, RecordFound, SubjectId, Token
from gatefw.partition_keys import PartitionKeys
from gatefw.partitions import ToTell
from gatefw.record_terms import FOR_EVER, MAIN, Consent, Modality
from gatefw.records import Records

KEY = bytes(range(32))
NOW = 1_800_000_000.0
ENDS_AT = NOW + 7200.0
FLIGHT = "flight-cx100"
JOURNEY = {"journey.name": "CX100", "journey.gate": "24"}
CONSENT = Consent(frozenset({Modality.FACE}), NOW)
DOCUMENT = DocumentRead("H12345678", "CHN", "CHN", "1990-02-03", "2031-05-01", b"picture", ChipProof.ACTIVE)


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    with closing(Records(tmp_path / "records", KEY)) as records:
        records.partitions.make(FLIGHT, ENDS_AT, JOURNEY, NOW)
        yield records


def register(records: Records, token: Token, partition: str = FLIGHT) -> SubjectId:
    subject = records.enrol([token], {"document.name": "Chan"}, CONSENT, NOW + 86_400 * 365, partition)
    records.activate(subject, NOW)
    return subject


def test_a_key_that_went_missing_is_told_at_the_start_and_is_never_made_anew(
    records: Records, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Out of a backup it comes back, and everybody with it; a partition that was destroyed is told of by nobody."""
    token = new_token()
    subject = register(records, token)
    key = tmp_path / "keys" / "record-partitions" / f"{FLIGHT}.key"
    key.rename(tmp_path / "backup")
    with closing(Records(tmp_path / "records", KEY)) as again:
        assert again.look_up(token, NOW) == Failed(Reason.TOKEN_UNKNOWN)
        with pytest.raises(Refusal, match="exists"):
            again.partitions.make(FLIGHT, ENDS_AT, JOURNEY, NOW)
    assert [FLIGHT in message for message in caplog.messages] == [True]
    assert not key.exists()
    (tmp_path / "backup").rename(key)
    caplog.clear()
    with closing(Records(tmp_path / "records", KEY)) as again:
        assert again.look_up(token, NOW) == RecordFound(subject)
        again.partitions.destroy(FLIGHT)
    with closing(Records(tmp_path / "records", KEY)):
        assert caplog.messages == []


def new_token() -> Token:
    return Token(new_identifier())


def bytes_of(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


def test_somebody_of_a_partition_is_known_with_their_journey_and_ends_with_it(records: Records) -> None:
    subject = register(records, new_token())
    known = records.about(subject, NOW)
    assert isinstance(known, dict)
    assert known.items() >= {**JOURNEY, "partition": FLIGHT, "document.name": "Chan"}.items()
    assert records.registered(subject).expires_at == ENDS_AT
    assert records.about(subject, ENDS_AT) == Failed(Reason.RECORD_EXPIRED)


def test_another_gate_is_another_gate_for_everybody_at_once(records: Records) -> None:
    subject = register(records, new_token())
    records.partitions.change(FLIGHT, {"journey.gate": "31", "journey.name": ""})
    known = records.about(subject, NOW)
    assert isinstance(known, dict)
    assert (known["journey.gate"], "journey.name" in known) == ("31", False)


def test_a_destroyed_partition_leaves_nothing_in_any_file(tmp_path: Path, records: Records) -> None:
    token, other_token = new_token(), new_token()
    subject, other = register(records, token), register(records, other_token, MAIN)
    records.touch(subject, "check-in", NOW)
    with closing(sqlite3.connect(tmp_path / "records")) as database:
        sealed = database.execute("select facts_sealed from traveller where subject = ?", (subject,)).fetchone()[0]
        hashed = database.execute("select hash from token where subject = ?", (subject,)).fetchone()[0]
    key = (tmp_path / "keys" / "record-partitions" / f"{FLIGHT}.key").read_bytes()
    assert all(part in bytes_of(tmp_path) for part in (sealed, hashed, key, subject.encode()))
    assert records.partitions.destroy(FLIGHT) == 1
    assert not any(part in bytes_of(tmp_path) for part in (sealed[12:28], hashed[:16], key, subject.encode()))
    assert records.look_up(token, NOW) == Failed(Reason.TOKEN_UNKNOWN)
    assert records.about(subject, NOW) == Failed(Reason.NOT_REGISTERED)
    assert records.look_up(other_token, NOW) == RecordFound(other)


def test_rows_whose_key_was_destroyed_find_nobody(records: Records, tmp_path: Path) -> None:
    """The process died between the key and the rows."""
    token = new_token()
    subject = register(records, token)
    (tmp_path / "keys" / "record-partitions" / f"{FLIGHT}.key").unlink()
    assert records.look_up(token, NOW) == Failed(Reason.TOKEN_UNKNOWN)
    assert records.about(subject, NOW) == Failed(Reason.NOT_REGISTERED)
    assert records.partitions.facts(FLIGHT) == {}
    for asked in (lambda: records.of_document(DOCUMENT, FLIGHT), lambda: records.change_facts(subject, {"a": "b"})):
        with pytest.raises(Refusal, match=r"destroyed|erased"):
            asked()
    with pytest.raises(Refusal, match="its key is destroyed"):
        records.enrol([new_token()], {}, CONSENT, ENDS_AT, FLIGHT)


def test_a_destruction_that_a_crash_interrupted_is_finished_by_whoever_comes_next(
    records: Records, tmp_path: Path
) -> None:
    register(records, new_token())
    with records.store.transaction() as database:
        database.execute("update partition set gone = 1 where name = ?", (FLIGHT,))
    with pytest.raises(Refusal, match="none of that name"):
        records.partitions.open_until(FLIGHT, NOW)
    with closing(Records(tmp_path / "records", KEY)) as again:
        assert again.partitions.unfinished() == (FLIGHT,)
        assert again.partitions.finish(FLIGHT) == 1
        assert records.partitions.finish(FLIGHT) is None
        assert again.partitions.unfinished() == ()
        assert again.list() == []


def test_vision_hears_of_it_until_it_has_done_it_and_only_then_the_name_is_free(records: Records) -> None:
    made = ToTell(FLIGHT, ENDS_AT, gone=False)
    assert records.partitions.to_tell() == (made,)
    records.partitions.told(made)
    assert records.partitions.to_tell() == ()
    records.partitions.destroy(FLIGHT)
    (gone,) = records.partitions.to_tell()
    assert gone.gone
    with pytest.raises(Refusal, match="not destroyed yet"):
        records.partitions.make(FLIGHT, ENDS_AT, {}, NOW)
    records.partitions.told(gone)
    records.partitions.make(FLIGHT, ENDS_AT, {}, NOW)
    assert records.partitions.facts(FLIGHT) == {}


def test_who_comes_late_to_a_destruction_leaves_the_next_partition_of_that_name_alone(records: Records) -> None:
    """Two daemons saw a partition that was gone. One finished, vision was told, the name was used again; then comes
    the other."""
    records.partitions.destroy(FLIGHT)
    (gone,) = records.partitions.to_tell()
    records.partitions.told(gone)
    records.partitions.make(FLIGHT, ENDS_AT, JOURNEY, NOW)
    subject = register(records, new_token())
    assert records.partitions.finish(FLIGHT) is None
    assert records.facts(subject) == {"document.name": "Chan"}
    assert records.partitions.facts(FLIGHT) == JOURNEY


def test_its_time_is_over_from_the_second_it_ends(records: Records) -> None:
    assert records.partitions.due(ENDS_AT - 0.001) == ()
    assert records.partitions.due(ENDS_AT) == (FLIGHT,)
    assert records.partitions.open_until(FLIGHT, ENDS_AT - 0.001) == ENDS_AT
    with pytest.raises(Refusal, match="its time is over"):
        records.enrol([new_token()], {}, Consent(frozenset({Modality.FACE}), ENDS_AT), FOR_EVER, FLIGHT)


def test_what_cannot_be_a_partition_is_refused_and_nothing_is_made(records: Records) -> None:
    for name, expires_at in (("Flight", ENDS_AT), ("", ENDS_AT), (MAIN, ENDS_AT), (FLIGHT, ENDS_AT), ("park", NOW)):
        with pytest.raises(Refusal, match="partition"):
            records.partitions.make(name, expires_at, {}, NOW)
    for name in (MAIN, "park"):
        with pytest.raises(Refusal, match="none to destroy"):
            records.partitions.destroy(name)
        with pytest.raises(Refusal, match="none that has facts"):
            records.partitions.change(name, JOURNEY)
    assert [(each.name, each.expires_at, each.people) for each in records.partitions.list()] == [
        (MAIN, FOR_EVER, 0),
        (FLIGHT, ENDS_AT, 0),
    ]


def test_a_key_that_a_crash_left_without_its_partition_does_not_keep_the_name(records: Records, tmp_path: Path) -> None:
    left = tmp_path / "keys" / "record-partitions" / "park.key"
    left.write_bytes(b"x" * 32)
    left.chmod(0o600)
    records.partitions.make("park", FOR_EVER, {}, NOW)
    assert left.read_bytes() != b"x" * 32


def test_a_lane_finds_only_people_of_its_own_partitions(records: Records, tmp_path: Path) -> None:
    flown, resident = new_token(), new_token()
    subjects = register(records, flown), register(records, resident, MAIN)
    with closing(Records(tmp_path / "records", KEY, ("flight-*",))) as lane:
        assert lane.look_up(flown, NOW) == RecordFound(subjects[0])
        assert lane.look_up(resident, NOW) == Failed(Reason.TOKEN_UNKNOWN)
        assert lane.about(subjects[1], NOW) == Failed(Reason.NOT_REGISTERED)


def test_a_document_finds_its_record_in_its_own_partition_alone(records: Records) -> None:
    subject = records.enrol([], {}, CONSENT, ENDS_AT, FLIGHT, DOCUMENT)
    found = records.of_document(DOCUMENT, FLIGHT)
    assert found is not None and found.subject == subject
    assert records.of_document(DOCUMENT, MAIN) is None
    with pytest.raises(Refusal, match="revoke that one first"):
        records.enrol([], {}, CONSENT, ENDS_AT, FLIGHT, DOCUMENT)
    records.discard(subject)
    assert records.of_document(DOCUMENT, FLIGHT) is None
    assert records.list() == []


def test_what_was_erased_is_gone_though_the_file_cannot_be_written_anew_just_now(
    records: Records, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Another process is in the middle of something; what is owed is done after the next erasure."""
    subject = register(records, new_token())
    records.store._database.execute("pragma busy_timeout = 1")
    with closing(sqlite3.connect(tmp_path / "records", isolation_level=None)) as other:
        with records.store.transaction() as database:
            database.execute("update partition set gone = 1")
        other.execute("begin")
        other.execute("select * from traveller").fetchall()
        records.store.forget_all()  # a reader only keeps the log from being cut
        other.execute("rollback")
        other.execute("begin immediate")
        records.store.forget_all()
        assert "a copy of what was erased may be left" in caplog.text
        other.execute("rollback")
    assert records.partitions.finish(FLIGHT) == 1
    assert subject.encode() not in bytes_of(tmp_path)


def test_what_a_reader_keeps_from_being_overwritten_is_told_and_goes_with_the_next_erasure(
    records: Records, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody looks into the file with a tool of their own, and leaves it open."""
    subject, other = register(records, new_token()), register(records, new_token())
    records.store.forget_all()
    with closing(sqlite3.connect(tmp_path / "records", isolation_level=None)) as reader:
        (sealed,) = reader.execute("select facts_sealed from traveller where subject = ?", (subject,)).fetchone()
        reader.execute("begin")
        reader.execute("select * from traveller").fetchall()
        records.revoke(subject, NOW)
        assert "another process has been reading" in caplog.text
        assert sealed[12:28] in bytes_of(tmp_path)
    records.revoke(other, NOW)
    assert sealed[12:28] not in bytes_of(tmp_path)


def test_thousands_of_people_leave_no_copy_when_their_partition_is_destroyed(records: Records, tmp_path: Path) -> None:
    """SQLite leaves copies in the unused part of pages now and then, which overwriting deleted rows does not find."""
    with records.store.transaction():
        for number in range(3000):
            records.enrol([], {"document.name": f"Chan {number}"}, CONSENT, ENDS_AT, FLIGHT)
    rows = records.store.rows("select subject, facts_sealed from traveller")
    assert records.partitions.destroy(FLIGHT) == 3000
    left = bytes_of(tmp_path)
    assert not any(subject.encode() in left or sealed[:12] in left for subject, sealed in rows)


def test_a_copy_that_sqlite_left_of_erased_facts_is_found_and_goes(records: Records, tmp_path: Path) -> None:
    subject = register(records, new_token(), MAIN)
    nonce = b"n" * 12
    with closing(sqlite3.connect(tmp_path / "records")) as database:  # an unused page that still holds something
        database.executescript("pragma secure_delete = off; create table left (bytes blob);")
        database.execute("insert into left values (?)", (b"." * 5000 + nonce + b"." * 5000,))
        database.commit()
        database.executescript("drop table left; pragma wal_checkpoint(truncate);")
    assert nonce in bytes_of(tmp_path)
    records.store.forget(nonce)
    assert nonce not in bytes_of(tmp_path)
    assert records.facts(subject) == {"document.name": "Chan"}


# ---------------------------------------------------------------- any order of anything


class AnyOrder(RuleBasedStateMachine):
    """Two lanes' daemons at one file beside what it should hold, with crashes in the middle of a destruction."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        path = Path(self.directory.name) / "records"
        self.lanes = [Records(path, KEY), Records(path, KEY)]
        self.alive: dict[str, set[SubjectId]] = {}
        self.gone: set[str] = set()  # vision has not heard of it yet
        self.dead: set[SubjectId] = set()

    def teardown(self) -> None:
        for lane in self.lanes:
            lane.close()
        self.directory.cleanup()

    @rule(lane=st.integers(0, 1), name=st.sampled_from(["a", "b"]))
    def make(self, lane: int, name: str) -> None:
        try:
            self.lanes[lane].partitions.make(name, ENDS_AT, JOURNEY, NOW)
        except Refusal:
            assert name in self.alive or name in self.gone
        else:
            assert name not in self.alive and name not in self.gone
            self.alive[name] = set()

    @rule(lane=st.integers(0, 1), name=st.sampled_from(["a", "b"]))
    def enrol(self, lane: int, name: str) -> None:
        try:
            subject = self.lanes[lane].enrol([], {"x": "y"}, CONSENT, ENDS_AT, name)
            self.lanes[lane].activate(subject, NOW)
        except Refusal:
            assert name not in self.alive
        else:
            self.alive[name].add(subject)

    @rule(lane=st.integers(0, 1), name=st.sampled_from(["a", "b"]), steps=st.integers(0, 2))
    def destroy(self, lane: int, name: str, steps: int) -> None:
        """All of it, or cut off after the mark, or after the key."""
        if name not in self.alive:
            with pytest.raises(Refusal, match="none to destroy"):
                self.lanes[lane].partitions.destroy(name)
            return
        self.dead |= self.alive[name]
        people = len(self.alive.pop(name))
        self.gone.add(name)
        if steps == 2:
            assert self.lanes[lane].partitions.destroy(name) == people
            return
        with self.lanes[lane].store.transaction() as database:
            database.execute("update partition set gone = 1, told = 0 where name = ?", (name,))
        if steps == 1:
            PartitionKeys(Path(self.directory.name) / "keys" / "record-partitions").destroy(name)

    @rule(lane=st.integers(0, 1), vision=st.booleans())
    def sweep(self, lane: int, vision: bool) -> None:
        partitions = self.lanes[lane].partitions
        for name in partitions.unfinished():
            assert partitions.finish(name) is not None
            assert self.lanes[1 - lane].partitions.finish(name) is None
        for told in partitions.to_tell() if vision else ():
            partitions.told(told)
            self.gone -= {told.name} if told.gone else set()

    @invariant()
    def only_people_of_partitions_that_are_there_are_known(self) -> None:
        for lane in self.lanes:
            assert {each.name for each in lane.partitions.list()} == {MAIN, *self.alive}
            for subject in self.dead:
                known = lane.about(subject, NOW)
                assert known == Failed(Reason.NOT_REGISTERED), known
            for name, subjects in self.alive.items():
                for subject in subjects:
                    known = lane.about(subject, NOW)
                    assert isinstance(known, dict) and known["partition"] == name and known["x"] == "y"


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)
