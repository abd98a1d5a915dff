"""Templates are sealed, bound to their subject and expiry, and either whole in the gallery or not there."""

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
from hypothesis import given
from hypothesis import strategies as st

from gatefw import sealing
from gatefw.biometrics.gallery import MAIN, TEMPLATES_MAX, Entry, Gallery, Partition, keys_of
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


def leave_copies(path: Path, statement: str) -> None:
    """Run a statement as a writer would that overwrites nothing it frees."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("PRAGMA secure_delete = OFF")
        database.execute(
            "INSERT INTO template SELECT partition, 'copy', 0, 1, model, runtime, version, delegate, sealed "
            "FROM template WHERE subject = 'anna' LIMIT 1"
        )
        database.execute(statement)


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


def sealed_of(path: Path, subject: str) -> list[bytes]:
    with closing(sqlite3.connect(path)) as database:
        return [row[0] for row in database.execute("SELECT sealed FROM template WHERE subject = ?", (subject,))]


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


def test_revoked_bytes_are_gone_from_file_and_log(tmp_path: Path) -> None:
    path = tmp_path / "gallery.db"
    with closing(Gallery(path, KEY)) as gallery:
        gallery.enrol(ANNA, [template(1)], expires_at=100.0)
        with closing(sqlite3.connect(path)) as database:
            sealed = database.execute("SELECT sealed FROM template").fetchone()[0]
        assert any(sealed in file.read_bytes() for file in tmp_path.iterdir())
        assert gallery.revoke(ANNA)
        assert not gallery.revoke(ANNA)
        assert not any(sealed[:32] in file.read_bytes() for file in tmp_path.iterdir())
        assert gallery.get(ANNA, now=0.0) is Reason.NOT_ENROLLED


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE template SET subject = 'bert'",
        "UPDATE template SET expires_at = 1e12",
        "UPDATE template SET model = 'b'",
        "UPDATE template SET runtime = 'tflite'",
        "UPDATE template SET version = '9'",
        "UPDATE template SET delegate = 'none'",
        "UPDATE template SET number = 5",
        "UPDATE template SET partition = 'park'",
        "UPDATE template SET sealed = zeroblob(540)",
        "UPDATE template SET sealed = zeroblob(3)",
    ],
)
def test_a_template_that_was_moved_or_altered_does_not_open(tmp_path: Path, statement: str) -> None:
    path = tmp_path / "gallery.db"
    with closing(Gallery(path, KEY)) as gallery:
        gallery.make_partition("park", 1e12)
        gallery.enrol(ANNA, [template(1)], expires_at=100.0)
        edit(path, statement)
        with pytest.raises(StoreError, match="does not open"):
            gallery.get(BERT if "bert" in statement else ANNA, now=0.0)


def test_another_key_is_found_out_at_the_start(tmp_path: Path) -> None:
    with closing(Gallery(tmp_path / "gallery.db", KEY)) as gallery:
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
    assert gallery.partitions() == (
        Partition(FLIGHT, 50.0, people=1, templates=2),
        Partition(MAIN, float("inf"), people=1, templates=1),
        Partition("permit-a", 100.0, people=1, templates=1),
    )
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
    everybody = dict(gallery.everybody(now, patterns))
    assert list(everybody) == found
    assert all(len(templates) == (2 if subject == ANNA else 1) for subject, templates in everybody.items())


def test_a_destroyed_partition_leaves_no_key_no_row_and_nothing_in_file_and_log(gallery: Gallery, path: Path) -> None:
    rows = sealed_of(path, "anna")
    assert gallery.destroy_partition(FLIGHT) == 1
    assert keys_of(path).names() == ["permit-a"]
    assert gallery.get(ANNA, now=0.0) is Reason.NOT_ENROLLED
    assert [each.name for each in gallery.partitions()] == [MAIN, "permit-a"]
    assert [subject for subject, _ in gallery.everybody(0.0)] == [BERT, CARL]
    contents = [file.read_bytes() for file in path.parent.iterdir() if file.is_file()]
    assert not any(sealed[:12] in each for sealed in rows for each in contents)
    assert gallery.destroy_partition(FLIGHT) == 0


def test_a_destruction_that_was_cut_off_after_the_key_has_destroyed_everything_already(
    gallery: Gallery, path: Path
) -> None:
    keys_of(path).destroy(FLIGHT)
    assert gallery.get(ANNA, now=0.0) is Reason.NOT_ENROLLED
    assert [subject for subject, _ in gallery.everybody(0.0)] == [BERT, CARL]
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


def test_a_copy_that_sqlite_left_of_a_row_is_erased_with_the_row(gallery: Gallery, path: Path) -> None:
    gallery.enrol(ANNA, [template(1)], 1e9)
    (sealed,) = sealed_of(path, "anna")
    leave_copies(path, "DELETE FROM template WHERE subject = 'copy'")
    assert gallery.revoke(ANNA)
    assert sealed[:12] not in path.read_bytes()


def test_copies_of_an_erasure_that_was_cut_off_are_erased_at_the_next_start(path: Path) -> None:
    with closing(Gallery(path, KEY)) as gallery:
        gallery.enrol(ANNA, [template(1)], 1e9)
        (sealed,) = sealed_of(path, "anna")
    leave_copies(path, "DELETE FROM template")
    assert sealed[:12] in path.read_bytes()
    Gallery(path, KEY).close()
    assert sealed[:12] not in path.read_bytes()


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


def test_a_gallery_of_layout_1_goes_to_the_main_partition_with_everybody_in_it(path: Path) -> None:
    write_layout_1(path, KEY)
    old = sealed_of(path, "anna")
    for _ in range(2):
        with closing(Gallery(path, KEY)) as gallery:
            assert gallery.list() == [Entry(ANNA, 2, 100.0), Entry(BERT, 1, 100.0)]
            got = gallery.get(ANNA, now=99.0)
            assert not isinstance(got, Reason)
            assert [np.array_equal(t.vector, template(n).vector) for t, n in zip(got, (1, 2), strict=True)] == [
                True,
                True,
            ]
    assert not any(sealed in path.read_bytes() for sealed in old)


def test_a_gallery_of_layout_1_that_does_not_open_is_left_as_it_is(path: Path) -> None:
    write_layout_1(path, bytes(32))
    old = sealed_of(path, "anna")
    with pytest.raises(StoreError, match="does not open"):
        Gallery(path, KEY)
    assert sealed_of(path, "anna") == old
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
