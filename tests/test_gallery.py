"""Templates are sealed, bound to their subject and expiry, and either whole in the gallery or not there."""

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatefw.biometrics.gallery import TEMPLATES_MAX, Entry, Gallery
from gatefw.biometrics.runtime import Delegate, Maker, Runtime
from gatefw.biometrics.template import Template
from gatefw.errors import StoreError
from gatefw.model import Reason, SubjectId

KEY = bytes(range(32))
MAKER = Maker("a" * 64, Runtime.LITERT, "2.3.0", Delegate.DEFAULT)
ANNA, BERT = SubjectId("anna"), SubjectId("bert")


def template(seed: int, maker: Maker = MAKER) -> Template:
    return Template(np.random.default_rng(seed).normal(size=128).astype(np.float32), maker)


def edit(path: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(statement, values)


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
        "UPDATE template SET sealed = zeroblob(540)",
        "UPDATE template SET sealed = zeroblob(3)",
    ],
)
def test_a_template_that_was_moved_or_altered_does_not_open(tmp_path: Path, statement: str) -> None:
    path = tmp_path / "gallery.db"
    with closing(Gallery(path, KEY)) as gallery:
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
