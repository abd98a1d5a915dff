"""A secret that a device and we share: whatever happens while it is changed, one of both files opens the device."""

import os
import resource
from pathlib import Path

import pytest

from gatefw.errors import StoreError
from hw.secret import SecretFile

OLD, NEW = b"old!", b"new!"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "secret"
    file.write_text(OLD.hex() + "\n")
    file.chmod(0o600)
    return file


def secret(path: Path) -> SecretFile:
    return SecretFile(path, len(OLD))


def test_a_secret_is_read_from_its_file(path: Path) -> None:
    assert secret(path).exists
    assert secret(path).candidates() == (OLD,)
    assert secret(path).staged() is None


def test_a_new_secret_stands_beside_the_old_one_until_the_device_has_proven_to_know_it(path: Path) -> None:
    secret(path).stage(NEW)
    assert secret(path).candidates() == (OLD, NEW)  # as after a crash: whoever opens the device tries both
    secret(path).settle(NEW)
    assert secret(path).candidates() == (NEW,)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["secret"]


def test_a_device_that_still_knows_the_old_one_keeps_it(path: Path) -> None:
    secret(path).stage(NEW)
    secret(path).settle(OLD)
    assert secret(path).candidates() == (OLD,)
    assert [each.name for each in path.parent.iterdir()] == ["secret"]


def test_a_first_secret_needs_no_file_before(tmp_path: Path) -> None:
    first = secret(tmp_path / "secret")
    assert not first.exists
    first.stage(NEW)
    assert first.candidates() == (NEW,)
    first.settle(NEW)
    assert (tmp_path / "secret").read_text() == NEW.hex() + "\n"


def test_a_newer_change_replaces_one_that_was_never_settled(path: Path) -> None:
    secret(path).stage(b"lost")
    secret(path).stage(NEW)
    assert secret(path).candidates() == (OLD, NEW)


def test_a_secret_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is not there"):
        secret(tmp_path / "secret").candidates()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_secret_that_others_can_read_is_none(path: Path, mode: int) -> None:
    path.chmod(mode)
    with pytest.raises(StoreError, match=f"{mode:04o}"):
        secret(path).candidates()


def test_a_link_is_not_followed(path: Path) -> None:
    link = path.with_name("link")
    link.symlink_to(path)
    with pytest.raises(StoreError, match="cannot be opened"):
        secret(link).candidates()


def test_a_pipe_is_no_secret_and_nobody_waits_for_its_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "secret", 0o600)
    with pytest.raises(StoreError, match="not a plain file"):
        secret(tmp_path / "secret").candidates()


@pytest.mark.parametrize("text", ["", "6f6c64", "6f6c642121", "no hex!!", "6f6c6421" * 100, "\xff"])
def test_what_is_no_secret_of_that_length_is_refused_and_not_repeated(path: Path, text: str) -> None:
    path.write_text(text, encoding="latin-1")
    with pytest.raises(StoreError, match="8 hex digits") as refused:
        secret(path).candidates()
    assert "6f6c" not in str(refused.value)


def test_where_the_new_one_cannot_be_kept_nothing_changes(path: Path) -> None:
    with pytest.raises(StoreError, match="nothing changed"):
        SecretFile(path / "below", len(OLD)).stage(NEW)
    assert secret(path).candidates() == (OLD,)


def test_of_a_new_one_that_was_half_written_nothing_is_left_and_the_old_one_opens_the_device(path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(NEW), hard))  # the disk is full after half of it
    try:
        with pytest.raises(StoreError, match="nothing changed"):
            secret(path).stage(NEW)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert secret(path).candidates() == (OLD,)
    secret(path).stage(NEW)
    assert secret(path).candidates() == (OLD, NEW)


def test_where_the_old_one_cannot_be_replaced_both_stay(tmp_path: Path) -> None:
    file = secret(tmp_path / "secret")
    file.stage(NEW)
    (tmp_path / "secret").mkdir()
    with pytest.raises(StoreError, match="cannot be replaced"):
        file.settle(NEW)
    assert file.staged() == NEW


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_secret_of_another_user_is_refused(path: Path) -> None:
    os.chown(path, 4711, -1)
    with pytest.raises(StoreError, match="belongs to user 4711"):
        secret(path).candidates()
