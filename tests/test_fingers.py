"""The store of fingers: what is kept opens only where it was kept, and what was revoked is gone from the disk."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gatefw.errors import Refusal, StoreError
from gatefw.fingers import TEMPLATE_BYTES_MAX, Fingerprint, Fingers
from gatefw.model import Reason, SubjectId

KEY, NOW, LATER = b"k" * 32, 1_700_000_000.0, 1_800_000_000.0
ANNA, BORIS = SubjectId("a" * 32), SubjectId("b" * 32)
MARK = b"RIDGES-AND-VALLEYS" * 20
FINGER = Fingerprint("zfm:0009:512", MARK)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fingers.sqlite"


@pytest.fixture
def fingers(path: Path) -> Iterator[Fingers]:
    fingers = Fingers(path, KEY)
    yield fingers
    fingers.close()


def edited(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(statement)


def on_disk(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))


def test_a_finger_that_was_kept_is_there_after_a_restart(path: Path) -> None:
    with closing(Fingers(path, KEY)) as fingers:
        fingers.keep(ANNA, FINGER, LATER)
    with closing(Fingers(path, KEY)) as fingers:
        assert fingers.get(ANNA, NOW) == FINGER
        assert fingers.subjects() == [ANNA]


def test_a_subject_has_one_finger_and_the_newest_counts(fingers: Fingers) -> None:
    fingers.keep(ANNA, FINGER, LATER)
    newer = Fingerprint("zfm:0009:512", b"another finger")
    fingers.keep(ANNA, newer, LATER)
    assert fingers.get(ANNA, NOW) == newer
    assert fingers.subjects() == [ANNA]


def test_who_has_no_finger_or_an_expired_one_is_never_compared(fingers: Fingers) -> None:
    fingers.keep(ANNA, FINGER, LATER)
    assert fingers.get(BORIS, NOW) is Reason.FINGER_NOT_ENROLLED
    assert fingers.get(ANNA, LATER - 1) == FINGER
    assert fingers.get(ANNA, LATER) is Reason.RECORD_EXPIRED


def test_a_finger_is_held_as_long_as_its_registration_and_nobody_gets_one_by_that(fingers: Fingers) -> None:
    fingers.keep(ANNA, FINGER, LATER)
    for subject in (ANNA, BORIS):
        fingers.hold(subject, LATER + 100)
    assert fingers.get(ANNA, LATER) == FINGER
    assert fingers.get(ANNA, LATER + 100) is Reason.RECORD_EXPIRED
    assert fingers.subjects() == [ANNA]


def test_the_disk_shows_no_template(fingers: Fingers, path: Path) -> None:
    fingers.keep(ANNA, FINGER, LATER)
    assert b"RIDGES" not in on_disk(path)
    assert path.stat().st_mode & 0o077 == 0


def test_a_revoked_finger_is_not_on_the_disk_any_more(fingers: Fingers, path: Path) -> None:
    fingers.keep(ANNA, FINGER, LATER)
    with closing(sqlite3.connect(path)) as database:
        sealed = database.execute("select sealed from finger").fetchone()[0]
    assert sealed in on_disk(path)
    assert fingers.revoke(ANNA)
    assert sealed not in on_disk(path)
    assert fingers.get(ANNA, NOW) is Reason.FINGER_NOT_ENROLLED
    assert not fingers.revoke(ANNA)


@pytest.mark.parametrize(
    "change", ["subject = 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb'", "kind = 'zfm:0008:512'", "expires_at = 1.9e9"]
)
def test_a_template_that_was_moved_to_somebody_else_does_not_open(path: Path, change: str) -> None:
    with closing(Fingers(path, KEY)) as fingers:
        fingers.keep(ANNA, FINGER, LATER)
        edited(path, f"update finger set {change}")
        with pytest.raises(StoreError, match="does not open"):
            fingers.get(fingers.subjects()[0], NOW)
    with pytest.raises(StoreError, match="does not open"):
        Fingers(path, KEY)


def test_a_finger_of_a_partition_opens_with_its_key_and_in_it_alone(path: Path) -> None:
    """Anna flies, and her flight leaves. Whatever is copied of the file, and wherever it is moved, opens no more."""
    keys: dict[str, bytes] = {"cx100": b"c" * 32, "park": b"p" * 32}
    with closing(Fingers(path, KEY, keys.get)) as fingers:
        fingers.keep(ANNA, FINGER, LATER, "cx100")
        assert fingers.get(ANNA, NOW) == FINGER
        for elsewhere in ("park", "main"):
            edited(path, f"update finger set partition = '{elsewhere}'")
            with pytest.raises(StoreError, match="does not open"):
                fingers.get(ANNA, NOW)
        edited(path, "update finger set partition = 'cx100'")
        del keys["cx100"]
        assert fingers.get(ANNA, NOW) is Reason.FINGER_NOT_ENROLLED
        with pytest.raises(Refusal, match="partition cx100 is destroyed"):
            fingers.keep(ANNA, FINGER, LATER, "cx100")
        assert fingers.subjects() == [ANNA], "who has none any more is still to be erased"
    with closing(Fingers(path, KEY, keys.get)) as fingers:
        assert fingers.get(ANNA, NOW) is Reason.FINGER_NOT_ENROLLED


def test_fingers_from_before_there_were_partitions_open_as_before(path: Path) -> None:
    with closing(Fingers(path, KEY)) as fingers:
        fingers.keep(ANNA, FINGER, LATER)
    edited(path, "alter table finger drop column partition")
    with closing(Fingers(path, KEY)) as fingers:
        assert fingers.get(ANNA, NOW) == FINGER


def test_a_wrong_key_is_found_at_the_start(path: Path) -> None:
    with closing(Fingers(path, KEY)) as fingers:
        fingers.keep(ANNA, FINGER, LATER)
    with pytest.raises(StoreError, match="does not open"):
        Fingers(path, b"x" * 32)


@pytest.mark.parametrize("size", [0, TEMPLATE_BYTES_MAX + 1])
def test_what_can_be_no_template_is_not_kept(fingers: Fingers, size: int) -> None:
    with pytest.raises(StoreError, match=str(size)):
        fingers.keep(ANNA, Fingerprint("zfm:0009:512", bytes(size)), LATER)
    assert fingers.subjects() == []


def test_a_file_that_is_no_store_is_refused(path: Path) -> None:
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(StoreError):
        Fingers(path, KEY)


def test_a_store_that_was_closed_says_so(path: Path) -> None:
    fingers = Fingers(path, KEY)
    fingers.close()
    fingers.close()
    with pytest.raises(StoreError, match="look after the disk"):
        fingers.subjects()


def test_a_finger_never_shows_in_a_log() -> None:
    assert "RIDGES" not in repr(FINGER)
