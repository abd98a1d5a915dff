"""Templates are sealed, bound to their subject and expiry, and either whole in the gallery or not there; a part that is
damaged is told and leaves the others alone."""

import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatefw import sealing
from gatefw.biometrics.gallery import MAIN, TEMPLATES_MAX, Entry, Gallery, Partition, keys_of
from gatefw.biometrics.gallery_chunk import Damaged, Member
from gatefw.biometrics.runtime import Delegate, Maker, Runtime
from gatefw.biometrics.template import Template
from gatefw.errors import Refusal, StoreError
from gatefw.model import Reason, SubjectId

KEY = bytes(range(32))
MAKER = Maker("a" * 64, Runtime.LITERT, "2.3.0", Delegate.DEFAULT)
ANNA, BERT, CARL = SubjectId("anna"), SubjectId("bert"), SubjectId("carl")
FLIGHT = "cx100"


def template(seed: int, maker: Maker = MAKER) -> Template:
    return Template(np.random.default_rng(seed).normal(size=128).astype(np.float32), maker)


def edit(path: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(statement, values)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gallery.db"


@pytest.fixture
def gallery(path: Path) -> Iterator[Gallery]:
    """Anna flies, until 50; Bert is everybody's; Carl has a permit, until 100."""
    with closing(Gallery(path, KEY)) as gallery:
        gallery.make_partition(FLIGHT, 50.0)
        gallery.make_partition("permit-a", 100.0)
        gallery.enrol(ANNA, [template(1), template(2)], 1e9, FLIGHT)
        gallery.enrol(BERT, [template(3)], 200.0)
        gallery.enrol(CARL, [template(4)], 1e9, "permit-a")
        yield gallery


def seals(path: Path) -> dict[str, bytes]:
    """The seal in which each subject is."""
    with closing(sqlite3.connect(path)) as database:
        query = "SELECT subject, sealed FROM person JOIN seal ON person.chunk = seal.chunk"
        return dict(database.execute(query).fetchall())


def met(gallery: Gallery, now: float, *patterns: str) -> list[SubjectId]:
    """Whom a search meets, in order of their ids."""
    found = list[SubjectId]()
    for place in gallery.places(now, patterns):
        chunk = gallery.opened(place)
        assert chunk is not None
        found += [who for who, until in zip(chunk.subjects, chunk.expires_at, strict=True) if until > now]
    return sorted(found)


def damage(path: Path, subject: str) -> None:
    """Overwrite a few bytes of the seal in which a subject is."""
    sealed = seals(path)[subject]
    edit(path, "UPDATE seal SET sealed = ? WHERE sealed = ?", os.urandom(8) + sealed[8:], sealed)


def test_what_was_enrolled_comes_back_bit_by_bit_also_after_a_restart(tmp_path: Path) -> None:
    path, kept = tmp_path / "gallery.db", [template(1), template(2)]
    with closing(Gallery(path, KEY)) as gallery:
        gallery.enrol(ANNA, kept, expires_at=100.0)
    with closing(Gallery(path, KEY)) as gallery:
        got = gallery.get(ANNA, now=99.0)
        assert not isinstance(got, Reason)
        assert [t.maker for t in got] == [MAKER, MAKER]
        assert all(np.array_equal(a.vector, b.vector) for a, b in zip(got, kept, strict=True))
        assert gallery.list() == [Entry(ANNA, 2, 100.0)]


def test_an_expired_or_unknown_subject_is_never_compared(tmp_path: Path) -> None:
    with closing(Gallery(tmp_path / "gallery.db", KEY)) as gallery:
        gallery.enrol(ANNA, [template(1)], expires_at=100.0)
        assert gallery.get(ANNA, now=100.0) is Reason.RECORD_EXPIRED
        assert gallery.get(BERT, now=0.0) is Reason.NOT_ENROLLED


def test_enrolling_again_leaves_nothing_of_the_first_time(tmp_path: Path) -> None:
    with closing(Gallery(tmp_path / "gallery.db", KEY)) as gallery:
        gallery.enrol(ANNA, [template(n) for n in range(3)], expires_at=100.0)
        gallery.enrol(ANNA, [template(9)], expires_at=200.0)
        assert gallery.list() == [Entry(ANNA, 1, 200.0)]


def test_the_files_are_private_and_show_no_vector(tmp_path: Path) -> None:
    path, vector = tmp_path / "gallery.db", template(1)
    with closing(Gallery(path, KEY)) as gallery:
        gallery.enrol(ANNA, [vector], expires_at=100.0)
        for file in tmp_path.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
            assert vector.vector[:4].tobytes() not in file.read_bytes()


def test_revoked_bytes_are_gone_from_file_and_log_and_so_is_the_seal_that_others_shared_with_them(
    tmp_path: Path,
) -> None:
    path = tmp_path / "gallery.db"
    with closing(Gallery(path, KEY)) as gallery:
        for subject in (ANNA, BERT):
            gallery.enrol(subject, [template(1)], expires_at=100.0)
        sealed = seals(path)[ANNA]
        assert sealed == seals(path)[BERT]
        assert any(sealed[-20:] in file.read_bytes() for file in tmp_path.iterdir())
        assert gallery.revoke(ANNA)
        assert not gallery.revoke(ANNA)
        for part in (sealed[:32], sealed[1000:1032], sealed[-20:]):
            assert not any(part in file.read_bytes() for file in tmp_path.iterdir())
        assert gallery.get(ANNA, now=0.0) is Reason.NOT_ENROLLED
        assert not isinstance(gallery.get(BERT, now=0.0), Reason)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE person SET subject = 'dora'",
        "UPDATE person SET expires_at = 1e12",
        "UPDATE person SET templates = 2",
        "UPDATE person SET chunk = 2",
        "UPDATE person SET chunk = 99",
        "UPDATE chunk SET partition = 'park'",
        "UPDATE chunk SET partition = 'nowhere'",
        "UPDATE chunk SET version = version + 1",
        "UPDATE chunk SET number = number + 5",
        "UPDATE seal SET chunk = 3 - chunk WHERE chunk = 1",
        "UPDATE seal SET sealed = (SELECT sealed FROM seal WHERE chunk = 2)",
        "UPDATE seal SET sealed = zeroblob(4576)",
        "UPDATE seal SET sealed = zeroblob(3)",
        "UPDATE seal SET sealed = x''",
        "DELETE FROM seal",
    ],
)
def test_a_person_or_chunk_that_was_moved_or_altered_does_not_open(tmp_path: Path, statement: str) -> None:
    path = tmp_path / "gallery.db"
    with closing(Gallery(path, KEY)) as gallery:
        gallery.make_partition("park", 1e12)
        gallery.enrol(ANNA, [template(1)], expires_at=100.0)
        gallery.enrol(BERT, [template(1)], 100.0, "park")
        edit(path, "DELETE FROM person WHERE subject = 'bert'")
        if "SET chunk = 3" in statement:
            edit(path, "DELETE FROM seal WHERE chunk = 2")
        edit(path, statement)
        assert gallery.get(SubjectId("dora") if "dora" in statement else ANNA, now=0.0) is Reason.GALLERY_DAMAGED


@pytest.mark.parametrize("people", [0, 1])
def test_another_key_is_found_out_at_the_start(tmp_path: Path, people: int) -> None:
    with closing(Gallery(tmp_path / "gallery.db", KEY)) as gallery:
        for _ in range(people):
            gallery.enrol(ANNA, [template(1)], expires_at=100.0)
    with pytest.raises(StoreError, match="does not open"):
        Gallery(tmp_path / "gallery.db", bytes(32))


def test_a_damaged_file_or_a_layout_of_the_future_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "noise").write_bytes(b"this is not a database" * 100)
    with pytest.raises(StoreError):
        Gallery(tmp_path / "noise", KEY)
    Gallery(tmp_path / "gallery.db", KEY).close()
    edit(tmp_path / "gallery.db", "PRAGMA user_version = 7")
    with pytest.raises(StoreError, match="layout 7"):
        Gallery(tmp_path / "gallery.db", KEY)
    with pytest.raises(StoreError):
        Gallery(tmp_path, KEY)


@pytest.mark.parametrize("count", [0, TEMPLATES_MAX + 1])
def test_a_subject_has_one_to_eight_templates(tmp_path: Path, count: int) -> None:
    with closing(Gallery(tmp_path / "gallery.db", KEY)) as gallery, pytest.raises(StoreError, match="templates"):
        gallery.enrol(ANNA, [template(n) for n in range(count)], expires_at=1.0)


KILLED = """
import sys
from pathlib import Path
import numpy as np
from gatefw.biometrics.gallery import Gallery
from gatefw.biometrics.runtime import Delegate, Maker, Runtime
from gatefw.biometrics.template import Template
maker = Maker("a" * 64, Runtime.LITERT, "2.3.0", Delegate.DEFAULT)
gallery = Gallery(Path(sys.argv[1]), bytes(range(32)))
for n in range(10_000):
    gallery.enrol("anna", [Template(np.full(128, n + i, np.float32), maker) for i in range(3)], 1e12)
    print(n, flush=True)
"""


@pytest.mark.real
@pytest.mark.parametrize("after", [1, 7, 20])
def test_a_kill_at_any_moment_leaves_the_last_enrolment_or_the_one_under_way(tmp_path: Path, after: int) -> None:
    path = tmp_path / "gallery.db"
    with subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for _ in range(after):
            done = int(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
        done = max([done, *(int(line) for line in process.stdout.read().split())])
    with closing(Gallery(path, KEY)) as gallery:
        got = gallery.get(ANNA, now=0.0)
    assert not isinstance(got, Reason)
    values = [float(t.vector[0]) for t in got]
    assert values[0] in (done, done + 1)
    assert values == [values[0], values[0] + 1, values[0] + 2]


@given(
    subject=st.text(min_size=1, max_size=20).filter(lambda s: "\0" not in s and s.isprintable()),
    expires_at=st.floats(0, 1e12),
    values=st.lists(st.floats(-10, 10, width=32), min_size=1, max_size=16),
)
def test_any_subject_expiry_and_vector_survive_the_store(
    tmp_path_factory: pytest.TempPathFactory, subject: str, expires_at: float, values: list[float]
) -> None:
    path = tmp_path_factory.mktemp("gallery") / "gallery.db"
    kept = Template(np.array(values, np.float32), MAKER)
    with closing(Gallery(path, KEY)) as gallery:
        gallery.enrol(SubjectId(subject), [kept], expires_at + 1)
        got = gallery.get(SubjectId(subject), expires_at)
    assert not isinstance(got, Reason)
    assert np.array_equal(got[0].vector, kept.vector)


# ---------------------------------------------------------------- partitions


def test_a_partition_has_people_and_an_end_and_the_main_one_is_always_there(gallery: Gallery) -> None:
    flight, main, permit = gallery.partitions()
    assert flight == Partition(FLIGHT, 50.0, people=1, templates=2, bytes=flight.bytes)
    assert main == Partition(MAIN, float("inf"), people=1, templates=1, bytes=main.bytes)
    assert (permit.name, permit.people, permit.templates) == ("permit-a", 1, 1)
    assert 512 < main.bytes < flight.bytes - 500 < 1024
    assert gallery.list()[0] == Entry(ANNA, 2, 1e9, FLIGHT)


def test_whoever_was_enrolled_into_a_partition_expires_with_it(gallery: Gallery) -> None:
    got = gallery.get(ANNA, now=49.0)
    assert not isinstance(got, Reason)
    assert [np.array_equal(each.vector, template(n).vector) for each, n in zip(got, (1, 2), strict=True)] == [
        True,
        True,
    ]
    assert gallery.get(ANNA, now=50.0) is Reason.RECORD_EXPIRED
    gallery.make_partition(FLIGHT, 60.0)  # the flight is late
    assert not isinstance(gallery.get(ANNA, now=50.0), Reason)


def test_who_is_enrolled_again_into_another_partition_leaves_the_first_one(gallery: Gallery) -> None:
    gallery.enrol(ANNA, [template(9)], 1e9, "permit-a")
    assert gallery.list()[0] == Entry(ANNA, 1, 1e9, "permit-a")
    assert gallery.destroy_partition(FLIGHT) == 0
    assert not isinstance(gallery.get(ANNA, now=99.0), Reason)


@pytest.mark.parametrize(
    ("patterns", "now", "found"),
    [
        ([], 0.0, [ANNA, BERT, CARL]),
        (["*"], 0.0, [ANNA, BERT, CARL]),
        (["cx*", "ka*"], 0.0, [ANNA]),
        (["main", "permit-?"], 0.0, [BERT, CARL]),
        (["CX*"], 0.0, []),
        ([], 50.0, [BERT, CARL]),
        ([], 100.0, [BERT]),
        ([], 200.0, []),
    ],
)
def test_a_search_meets_whom_its_patterns_name_and_nobody_expired(
    gallery: Gallery, patterns: list[str], now: float, found: list[SubjectId]
) -> None:
    assert met(gallery, now, *patterns) == found


def test_a_destroyed_partition_leaves_no_key_no_row_and_nothing_in_file_and_log(gallery: Gallery, path: Path) -> None:
    sealed = seals(path)[ANNA]
    assert gallery.destroy_partition(FLIGHT) == 1
    assert keys_of(path).names() == ["permit-a"]
    assert gallery.get(ANNA, now=0.0) is Reason.NOT_ENROLLED
    assert [each.name for each in gallery.partitions()] == [MAIN, "permit-a"]
    assert met(gallery, 0.0) == [BERT, CARL]
    contents = [file.read_bytes() for file in path.parent.iterdir() if file.is_file()]
    assert not any(part in each for part in (sealed[:32], sealed[1000:1032], sealed[-12:]) for each in contents)
    assert gallery.destroy_partition(FLIGHT) == 0


def test_a_destruction_that_was_cut_off_after_the_key_has_destroyed_everything_already(
    gallery: Gallery, path: Path
) -> None:
    keys_of(path).destroy(FLIGHT)
    assert gallery.get(ANNA, now=0.0) is Reason.NOT_ENROLLED
    assert met(gallery, 0.0) == [BERT, CARL]
    with pytest.raises(Refusal, match="there is no partition cx100"):
        gallery.enrol(ANNA, [template(1)], 1e9, FLIGHT)
    with pytest.raises(Refusal, match="half destroyed"):
        gallery.make_partition(FLIGHT, 50.0)
    assert gallery.destroy_partition(FLIGHT) == 1
    gallery.make_partition(FLIGHT, 50.0)
    gallery.enrol(ANNA, [template(1)], 1e9, FLIGHT)
    assert not isinstance(gallery.get(ANNA, now=0.0), Reason)


def test_a_key_that_an_interrupted_making_left_is_replaced_by_the_next(gallery: Gallery, path: Path) -> None:
    key = keys_of(path).make("park")
    gallery.make_partition("park", 10.0)
    assert keys_of(path).get("park") not in (None, key)


@pytest.mark.parametrize("name", [MAIN, "", "Park", "../keys", "a" * 41])
def test_the_main_partition_and_what_is_no_name_are_neither_made_nor_destroyed(gallery: Gallery, name: str) -> None:
    with pytest.raises(Refusal):
        gallery.make_partition(name, 1.0)
    with pytest.raises(Refusal):
        gallery.destroy_partition(name)
    assert len(gallery.partitions()) == 3


def test_nobody_is_enrolled_into_a_partition_that_was_never_made(gallery: Gallery) -> None:
    with pytest.raises(Refusal, match="there is no partition park"):
        gallery.enrol(ANNA, [template(9)], 1e9, "park")
    assert gallery.list()[0] == Entry(ANNA, 2, 1e9, FLIGHT)


def test_every_change_of_any_process_makes_another_generation(gallery: Gallery, path: Path) -> None:
    with closing(Gallery(path, KEY)) as other:
        for change in (
            lambda: gallery.enrol(BERT, [template(5)], 1e9),
            lambda: other.enrol(BERT, [template(6)], 1e9, FLIGHT),
            lambda: other.make_partition("park", 5.0),
            lambda: keys_of(path).destroy("park"),
            lambda: other.destroy_partition("park"),
            lambda: gallery.revoke(BERT),
            lambda: other.revoke(ANNA),
        ):
            before = gallery.generation()
            assert gallery.generation() == before
            change()
            assert gallery.generation() != before


def test_a_partition_that_another_lane_destroyed_is_gone_here_at_once(gallery: Gallery, path: Path) -> None:
    with closing(Gallery(path, KEY)) as other:
        assert not isinstance(gallery.get(ANNA, now=0.0), Reason)
        other.destroy_partition(FLIGHT)
        assert gallery.get(ANNA, now=0.0) is Reason.NOT_ENROLLED


# ---------------------------------------------------------------- chunks


def test_whoever_comes_takes_the_place_of_whoever_left_and_a_chunk_without_people_is_no_more(path: Path) -> None:
    with closing(Gallery(path, KEY)) as gallery:
        gallery.enrol_many(Member(SubjectId(f"{n:032x}"), 1e9, (template(n),)) for n in range(300))
        first = gallery.places(0.0)
        assert [each.people for each in first] == [113, 113, 74]
        for number in range(40, 90):
            gallery.revoke(SubjectId(f"{number:032x}"))
        for number in range(300, 340):
            gallery.enrol(SubjectId(f"{number:032x}"), [template(number)], 1e9)
        assert sum(each.people for each in gallery.places(0.0)) == 290
        assert [each.number for each in gallery.places(0.0)] == [each.number for each in first]
        with closing(sqlite3.connect(path)) as database:
            query = "SELECT subject FROM person WHERE chunk = (SELECT max(number) FROM chunk)"
            last = [SubjectId(subject) for (subject,) in database.execute(query)]
        for subject in last:
            gallery.revoke(subject)
        assert [each.number for each in gallery.places(0.0)] == [each.number for each in first[:2]]


def test_a_change_makes_another_version_of_one_chunk_and_leaves_the_others(path: Path) -> None:
    with closing(Gallery(path, KEY)) as gallery:
        gallery.enrol_many(Member(SubjectId(f"p{n:03}"), 1e9, (template(n),)) for n in range(300))
        before = gallery.places(0.0)
        with closing(Gallery(path, KEY)) as other:
            assert other.revoke(SubjectId("p150"))
        after = gallery.places(0.0)
        assert [a == b for a, b in zip(before, after, strict=True)] == [True, False, True]
        assert gallery.opened(before[1]) is None
        assert after[1] == before[1]._replace(version=before[1].version + 1, people=before[1].people - 1)


def test_many_people_are_enrolled_in_few_chunks_and_all_of_them_are_there(path: Path) -> None:
    told = list[int]()
    with closing(Gallery(path, KEY)) as gallery:
        gallery.enrol(SubjectId("p00007"), [template(7)] * 3, 5.0)
        people = (Member(SubjectId(f"p{n:05}"), 1e9 + n, (template(n % 50),) * (1 + n % 2)) for n in range(17_000))
        assert gallery.enrol_many(people, told=told.append) == 17_000
        assert told == [16_384, 17_000]
        (main,) = gallery.partitions()
        assert (main.people, main.templates) == (17_000, 25_500)
        assert len(gallery.places(0.0)) < 215
        for number in (0, 7, 16_383, 16_999):
            got = gallery.get(SubjectId(f"p{number:05}"), now=1e9 - 1)
            assert not isinstance(got, Reason)
            assert len(got) == 1 + number % 2
            assert np.array_equal(got[0].vector, template(number % 50).vector)


def test_of_many_people_those_that_were_told_are_kept_when_the_next_ones_fail(path: Path) -> None:
    def people() -> Iterator[Member]:
        for number in range(16_384):
            yield Member(SubjectId(f"p{number:05}"), 1e9, (template(1),))
        yield Member(SubjectId("p90000"), 1e9, (template(1),))
        yield Member(SubjectId("p90001"), 1e9, ())

    with closing(Gallery(path, KEY)) as gallery:
        with pytest.raises(StoreError, match="0 templates"):
            gallery.enrol_many(people())
        assert [each.people for each in gallery.partitions()] == [16_384]
        with pytest.raises(Refusal, match="no partition park"):
            gallery.enrol_many([Member(ANNA, 1e9, (template(1),))], "park")


def test_who_is_twice_among_many_is_there_once_as_they_came_last(path: Path) -> None:
    with closing(Gallery(path, KEY)) as gallery:
        gallery.enrol_many([Member(ANNA, 1e9, (template(n),) * (n + 1)) for n in range(3)])
        assert gallery.list() == [Entry(ANNA, 3, 1e9)]


def test_of_seals_that_were_replaced_no_nonce_is_left_in_the_file_however_often_its_pages_split(path: Path) -> None:
    chance = np.random.default_rng(5)

    def large(number: int) -> Member:
        """Fills most of a chunk, or half of one."""
        vector = np.ones(int(chance.integers(4, 9)) * 200, np.float32)
        return Member(SubjectId(f"p{number}"), 1e9, (Template(vector, MAKER),) * 8)

    with closing(Gallery(path, KEY)) as gallery, closing(sqlite3.connect(path)) as database:
        gallery.enrol_many(map(large, range(200)))
        written = {sealed[-12:] for (sealed,) in database.execute("SELECT sealed FROM seal")}
        for number in chance.integers(300, size=150).tolist():
            one = large(number)
            gallery.revoke(one.subject) if number % 3 else gallery.enrol(one.subject, one.templates, one.expires_at)
            written |= {sealed[-12:] for (sealed,) in database.execute("SELECT sealed FROM seal")}
        present = {sealed[-12:] for (sealed,) in database.execute("SELECT sealed FROM seal")}
    assert len(written) > len(present) + 80 > 180
    content = path.read_bytes()
    assert all(nonce in content for nonce in present)
    assert not any(nonce in content for nonce in written - present)


OPERATIONS = st.tuples(
    st.sampled_from(["enrol", "enrol", "enrol_many", "revoke", "destroy", "make", "damage"]),
    st.integers(0, 5),
    st.integers(1, 3),
    st.sampled_from([MAIN, FLIGHT]),
)


@settings(max_examples=12, deadline=None)
@given(st.lists(OPERATIONS, max_size=14))
def test_after_any_changes_everybody_is_as_they_were_enrolled_or_told_to_be_damaged(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[str, int, int, str]]
) -> None:
    path = tmp_path_factory.mktemp("gallery") / "gallery.db"
    expected = dict[SubjectId, tuple[int, str] | None]()
    with closing(Gallery(path, KEY)) as gallery:
        gallery.make_partition(FLIGHT, 1e9)
        for do, number, count, partition in changes:
            who, several = SubjectId(f"p{number}"), [SubjectId(f"p{n}") for n in range(number, number + 3)]
            if do == "enrol":
                gallery.enrol(who, [template(number)] * count, 1e9, partition)
                expected[who] = count, partition
            elif do == "enrol_many":
                gallery.enrol_many((Member(each, 1e9, (template(9),) * count) for each in several), partition)
                expected |= dict.fromkeys(several, (count, partition))
            elif do == "revoke":
                assert gallery.revoke(who) is (expected.pop(who, "") != "")
            elif do in ("destroy", "make") and partition != MAIN:
                gone = [each for each, there in where(path).items() if there == FLIGHT]
                assert gallery.destroy_partition(FLIGHT) == len(gone)
                for each in gone:
                    del expected[each]
                gallery.make_partition(FLIGHT, 1e9)
            elif do == "damage" and who in seals(path):
                shared = seals(path)[who]
                expected |= {each: None for each, sealed in seals(path).items() if sealed == shared}
                damage(path, who)
            for each in [SubjectId(f"p{n}") for n in range(9)]:
                got, wanted = gallery.get(each, now=0.0), expected.get(each, ())
                if isinstance(got, Reason):
                    assert got is (Reason.NOT_ENROLLED if wanted == () else Reason.GALLERY_DAMAGED)
                    assert not wanted
                else:
                    assert wanted
                    assert (len(got), where(path)[each]) == wanted
            assert sum(each.people for each in gallery.partitions()) == len(expected) == len(gallery.list())


def where(path: Path) -> dict[str, str]:
    with closing(sqlite3.connect(path)) as database:
        query = "SELECT subject, partition FROM person JOIN chunk ON number = chunk"
        return dict(database.execute(query).fetchall())


# ---------------------------------------------------------------- damage


@pytest.fixture
def torn(path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Gallery]:
    """Anna and Bert are in a chunk that does not open, Carl is in another one."""
    with closing(Gallery(path, KEY)) as gallery:
        gallery.make_partition("park", 1e9)
        gallery.enrol(ANNA, [template(1)], 1e9)
        gallery.enrol(BERT, [template(2)], 1e9)
        gallery.enrol(CARL, [template(3)], 1e9, "park")
        damage(path, ANNA)
        yield gallery


def test_who_is_in_a_damaged_chunk_is_told_to_be_and_the_chunk_is_named_once(
    torn: Gallery, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        assert [torn.get(each, 0.0) for each in (ANNA, BERT)] == [Reason.GALLERY_DAMAGED] * 2
        assert not isinstance(torn.get(CARL, 0.0), Reason)
    (record,) = caplog.records
    assert f"{path}: chunk 1: does not open" in record.getMessage()
    damaged, _ = torn.places(0.0)
    with pytest.raises(Damaged, match="chunk 1: does not open"):
        torn.opened(damaged)


def test_who_is_enrolled_again_is_there_again_and_the_others_of_the_damaged_chunk_are_not_forgotten(
    torn: Gallery, path: Path
) -> None:
    torn.enrol(ANNA, [template(4)], 1e9)
    assert not isinstance(torn.get(ANNA, 0.0), Reason)
    assert torn.get(BERT, 0.0) is Reason.GALLERY_DAMAGED
    assert [each.people for each in torn.places(0.0)] == [1, 1, 1]
    torn.enrol(BERT, [template(4)], 1e9)
    assert [each.people for each in torn.places(0.0)] == [1, 2]
    assert met(torn, 0.0) == [ANNA, BERT, CARL]


def test_nobody_is_put_into_a_damaged_chunk(torn: Gallery) -> None:
    torn.enrol(SubjectId("dora"), [template(4)], 1e9)
    assert not isinstance(torn.get(SubjectId("dora"), 0.0), Reason)


def test_who_is_revoked_out_of_a_damaged_chunk_takes_its_seal_along_for_it_might_be_mended(
    torn: Gallery, path: Path
) -> None:
    sealed = seals(path)[ANNA]
    assert torn.revoke(ANNA)
    assert torn.get(ANNA, 0.0) is Reason.NOT_ENROLLED
    assert torn.get(BERT, 0.0) is Reason.GALLERY_DAMAGED
    assert not any(part in path.read_bytes() for part in (sealed[:32], sealed[1000:1032], sealed[-12:]))
    assert torn.revoke(BERT)
    assert [each.partition for each in torn.places(0.0)] == ["park"]


def test_a_page_that_sqlite_itself_cannot_follow_is_damage_to_one_chunk_and_not_to_the_gallery(
    tmp_path: Path,
) -> None:
    path = tmp_path / "gallery.db"
    with closing(Gallery(path, KEY)) as gallery:
        gallery.make_partition("park", 1e9)
        for who, partition in ((ANNA, MAIN), (BERT, "park")):
            gallery.enrol(who, [Template(np.ones(512, np.float32), MAKER)] * 8, 1e9, partition)
        sealed = seals(path)[ANNA]
    content = bytearray(path.read_bytes())
    begin = content.index(sealed[2000:2032]) // 4096 * 4096
    content[begin : begin + 4] = b"\x7f\xff\xff\xff"  # which page comes next
    path.write_bytes(content)
    with closing(Gallery(path, KEY)) as gallery:
        assert gallery.get(ANNA, 0.0) is Reason.GALLERY_DAMAGED
        assert not isinstance(gallery.get(BERT, 0.0), Reason)
        gallery.enrol(ANNA, [template(1)], 1e9)
        assert not isinstance(gallery.get(ANNA, 0.0), Reason)
        assert gallery.revoke(ANNA)


# ---------------------------------------------------------------- earlier layouts


LAYOUT_1 = """
CREATE TABLE template (
    subject TEXT NOT NULL, number INTEGER NOT NULL, expires_at REAL NOT NULL,
    model TEXT NOT NULL, runtime TEXT NOT NULL, version TEXT NOT NULL, delegate TEXT NOT NULL,
    sealed BLOB NOT NULL, PRIMARY KEY (subject, number)
) STRICT;
PRAGMA user_version = 1;
"""


def write_layout_1(path: Path, key: bytes) -> None:
    """What a gallery of layout 1 wrote: Anna with two templates, Bert with one."""
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(LAYOUT_1)
        for subject, number, seed in (("anna", 0, 1), ("anna", 1, 2), ("bert", 0, 3)):
            place = (subject, number, 100.0, MAKER.model_sha256, "litert", "2.3.0", "default")
            content = template(seed).vector.astype("<f4").tobytes()
            sealed = sealing.seal(sealing.derive(key, "gallery"), content, json.dumps(list(place)).encode())
            database.execute("INSERT INTO template VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*place, sealed))


def rows_of(path: Path) -> list[bytes]:
    with closing(sqlite3.connect(path)) as database:
        return [row[0] for row in database.execute("SELECT sealed FROM template ORDER BY rowid")]


LAYOUT_2 = """
CREATE TABLE partition (name TEXT NOT NULL PRIMARY KEY, expires_at REAL NOT NULL) STRICT;
INSERT INTO partition VALUES ('main', 9e999), ('cx100', 50.0), ('gone', 60.0);
CREATE TABLE template (
    partition TEXT NOT NULL, subject TEXT NOT NULL, number INTEGER NOT NULL, expires_at REAL NOT NULL,
    model TEXT NOT NULL, runtime TEXT NOT NULL, version TEXT NOT NULL, delegate TEXT NOT NULL,
    sealed BLOB NOT NULL, PRIMARY KEY (subject, number)
) STRICT;
PRAGMA user_version = 2;
"""


def write_layout_2(path: Path) -> None:
    """What a gallery of layout 2 wrote: Anna flies with two templates; Bert is everybody's; Carl's key is destroyed."""
    flight = keys_of(path).make(FLIGHT)
    rows = (("cx100", "anna", 0, 1), ("cx100", "anna", 1, 2), (MAIN, "bert", 0, 3), ("gone", "carl", 0, 4))
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(LAYOUT_2)
        for partition, subject, number, seed in rows:
            key = {FLIGHT: flight, MAIN: KEY}.get(partition, bytes(32))
            place = (partition, subject, number, 100.0, MAKER.model_sha256, "litert", "2.3.0", "default")
            content = template(seed).vector.astype("<f4").tobytes()
            sealed = sealing.seal(sealing.derive(key, "gallery"), content, json.dumps(list(place)).encode())
            database.execute("INSERT INTO template VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*place, sealed))


def test_a_gallery_of_layout_2_keeps_its_partitions_and_leaves_out_whom_nobody_can_open(path: Path) -> None:
    write_layout_2(path)
    old = rows_of(path)
    for _ in range(2):
        with closing(Gallery(path, KEY)) as gallery:
            assert gallery.list() == [Entry(ANNA, 2, 100.0, FLIGHT), Entry(BERT, 1, 100.0)]
            assert [(each.name, each.expires_at, each.people) for each in gallery.partitions()] == [
                (FLIGHT, 50.0, 1),
                ("gone", 60.0, 0),
                (MAIN, float("inf"), 1),
            ]
            got = gallery.get(ANNA, now=49.0)
            assert not isinstance(got, Reason)
            assert [list(each.vector) for each in got] == [list(template(n).vector) for n in (1, 2)]
            assert gallery.get(ANNA, now=50.0) is Reason.RECORD_EXPIRED
    assert not any(sealed[:32] in path.read_bytes() for sealed in old)


def test_an_upgrade_that_was_cut_off_before_the_old_rows_were_erased_is_ended_at_the_next_start(path: Path) -> None:
    with closing(Gallery(path, KEY)) as gallery:
        gallery.enrol(ANNA, [template(1)], 1e9)
    edit(path, "PRAGMA user_version = -3")
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("PRAGMA secure_delete = OFF")
        database.execute("CREATE TABLE old AS SELECT randomblob(2000) AS sealed")
        (sealed,) = database.execute("SELECT sealed FROM old").fetchone()
        database.execute("DROP TABLE old")
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    assert sealed[:100] in path.read_bytes()
    with closing(Gallery(path, KEY)) as gallery:
        assert not isinstance(gallery.get(ANNA, 0.0), Reason)
    assert sealed[:100] not in path.read_bytes()


def test_a_gallery_of_layout_1_goes_to_the_main_partition_with_everybody_in_it(path: Path) -> None:
    write_layout_1(path, KEY)
    old = rows_of(path)
    for _ in range(2):
        with closing(Gallery(path, KEY)) as gallery:
            assert gallery.list() == [Entry(ANNA, 2, 100.0), Entry(BERT, 1, 100.0)]
            got = gallery.get(ANNA, now=99.0)
            assert not isinstance(got, Reason)
            assert [np.array_equal(t.vector, template(n).vector) for t, n in zip(got, (1, 2), strict=True)] == [
                True,
                True,
            ]
    assert not any(sealed[:32] in path.read_bytes() for sealed in old)


def test_a_gallery_of_layout_1_that_does_not_open_is_left_as_it_is(path: Path) -> None:
    write_layout_1(path, bytes(32))
    old = rows_of(path)
    with pytest.raises(StoreError, match="does not open"):
        Gallery(path, KEY)
    assert rows_of(path) == old
    Gallery(path, bytes(32)).close()


def test_lanes_that_start_together_bring_a_gallery_up_to_date_once(path: Path) -> None:
    write_layout_1(path, KEY)
    barrier, entries = threading.Barrier(4), []

    def start() -> None:
        barrier.wait()
        with closing(Gallery(path, KEY)) as gallery:
            entries.append(gallery.list())

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert entries == [[Entry(ANNA, 2, 100.0), Entry(BERT, 1, 100.0)]] * 4


@pytest.mark.parametrize("rotten", [None, 5, "text"])
def test_a_seal_that_is_no_bytes_any_more_is_damage_and_leaves_the_others_alone(path: Path, rotten: object) -> None:
    with closing(Gallery(path, KEY)) as gallery:
        gallery.make_partition(FLIGHT, 1e9)
        gallery.enrol(ANNA, [template(1)], 1e9, FLIGHT)
        gallery.enrol(BERT, [template(2)], 1e9)
    with closing(sqlite3.connect(path)) as database:  # as bits that flip in the head of a row: STRICT looks at writes
        database.execute("PRAGMA writable_schema = ON")
        lax = "CREATE TABLE seal (chunk INTEGER PRIMARY KEY, sealed)"
        database.execute("UPDATE sqlite_master SET sql = ? WHERE name = 'seal'", (lax,))
        database.commit()
    edit(path, "UPDATE seal SET sealed = ? WHERE chunk = (SELECT chunk FROM person WHERE subject = 'anna')", rotten)
    with closing(Gallery(path, KEY)) as gallery:
        assert gallery.get(ANNA, 1.0) is Reason.GALLERY_DAMAGED
        assert not isinstance(gallery.get(BERT, 1.0), Reason)
