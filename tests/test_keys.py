"""A key is made once, is complete or absent, and is nobody else's to read."""

import os
import stat
import threading
from pathlib import Path

import pytest

from gatefw.errors import StoreError
from gatefw.keys import KEY_BYTES, load_or_create


def test_the_first_use_makes_a_private_key_and_every_later_use_reads_the_same(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "gallery.key"
    key = load_or_create(path, store_exists=False)
    assert len(key) == KEY_BYTES
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert load_or_create(path, store_exists=True) == key
    assert [p.name for p in path.parent.iterdir()] == ["gallery.key"]


def test_two_stores_never_share_a_key(tmp_path: Path) -> None:
    assert load_or_create(tmp_path / "a", False) != load_or_create(tmp_path / "b", False)


def test_a_missing_key_is_never_replaced_while_its_store_exists(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="restore the key from backup"):
        load_or_create(tmp_path / "key", store_exists=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key"
    load_or_create(path, store_exists=False)
    path.chmod(mode)
    with pytest.raises(StoreError, match=f"mode is {mode:04o}"):
        load_or_create(path, store_exists=True)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_key_of_another_length_is_refused(tmp_path: Path, size: int) -> None:
    path = tmp_path / "key"
    path.touch(0o600)
    path.write_bytes(b"k" * size)
    with pytest.raises(StoreError, match="not 32"):
        load_or_create(path, store_exists=True)


def test_a_symbolic_link_directory_or_pipe_is_not_a_key_and_nobody_waits_for_its_writer(tmp_path: Path) -> None:
    load_or_create(tmp_path / "real", store_exists=False)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "folder").mkdir(0o700)
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name in ("link", "folder", "pipe"):
        with pytest.raises(StoreError):
            load_or_create(tmp_path / name, store_exists=True)


def test_a_directory_that_cannot_be_made_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be created"):
        load_or_create(tmp_path / "file" / "key", store_exists=False)


def test_processes_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    path, barrier, keys = tmp_path / "key", threading.Barrier(8), []

    def start() -> None:
        barrier.wait()
        keys.append(load_or_create(path, store_exists=False))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1
