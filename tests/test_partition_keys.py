"""The key of a partition is there whole, or it is gone for good."""

import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatefw.errors import StoreError
from gatefw.keys import KEY_BYTES
from gatefw.partition_keys import PartitionKeys

FLIGHT = "cx100-2026-07-01"


@pytest.fixture
def keys(tmp_path: Path) -> PartitionKeys:
    return PartitionKeys(tmp_path / "keys" / "partitions")


def test_a_key_is_made_once_private_and_is_the_same_for_every_process(keys: PartitionKeys) -> None:
    key = keys.make(FLIGHT)
    assert len(key) == KEY_BYTES
    assert keys.get(FLIGHT) == PartitionKeys(keys.directory).get(FLIGHT) == key
    assert stat.S_IMODE(keys.directory.stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in keys.directory.iterdir()] == [0o600]
    with pytest.raises(StoreError, match="exists; destroy that partition"):
        keys.make(FLIGHT)
    assert keys.get(FLIGHT) == key


def test_what_was_never_made_has_no_key_and_can_be_destroyed(keys: PartitionKeys) -> None:
    assert keys.get(FLIGHT) is None
    assert keys.names() == []
    keys.destroy(FLIGHT)
    assert not keys.directory.exists()


def test_a_destroyed_key_is_gone_and_the_others_stay(keys: PartitionKeys) -> None:
    key, other = keys.make(FLIGHT), keys.make("park")
    keys.destroy(FLIGHT)
    keys.destroy(FLIGHT)
    assert keys.get(FLIGHT) is None
    assert keys.names() == ["park"]
    assert keys.get("park") == other
    assert keys.make(FLIGHT) not in (key, other)


def test_the_bytes_of_a_destroyed_key_are_overwritten_before_its_name_goes(keys: PartitionKeys, tmp_path: Path) -> None:
    key = keys.make(FLIGHT)
    (tmp_path / "witness").hardlink_to(keys.directory / f"{FLIGHT}.key")
    keys.destroy(FLIGHT)
    assert key not in (tmp_path / "witness").read_bytes()


def test_a_destruction_that_was_cut_off_before_the_name_went_counts_as_done(keys: PartitionKeys) -> None:
    key = keys.make(FLIGHT)
    (keys.directory / f"{FLIGHT}.key").write_bytes(bytes(KEY_BYTES))
    assert keys.get(FLIGHT) is None
    assert keys.names() == [FLIGHT]
    with pytest.raises(StoreError, match="exists"):
        keys.make(FLIGHT)
    keys.destroy(FLIGHT)
    assert keys.names() == []
    assert keys.make(FLIGHT) not in (key, bytes(KEY_BYTES))


def test_what_a_killed_maker_left_behind_goes_with_the_key(keys: PartitionKeys) -> None:
    keys.make(FLIGHT)
    keys.make("park")
    for name in (FLIGHT, "park"):
        (keys.directory / f".{name}.key.0badcafe").write_bytes(b"half")
    assert keys.names() == [FLIGHT, "park"]
    keys.destroy(FLIGHT)
    left = {path.name for path in keys.directory.iterdir()}
    assert left == {".park.key.0badcafe", "park.key", "destroyed.jsonl"}


def test_a_key_that_others_may_read_is_refused_and_can_still_be_destroyed(keys: PartitionKeys) -> None:
    keys.make(FLIGHT)
    (keys.directory / f"{FLIGHT}.key").chmod(0o644)
    with pytest.raises(StoreError, match="open to others"):
        keys.get(FLIGHT)
    keys.destroy(FLIGHT)
    assert keys.get(FLIGHT) is None


def test_a_link_in_place_of_a_key_is_never_followed(keys: PartitionKeys, tmp_path: Path) -> None:
    keys.directory.mkdir(mode=0o700, parents=True)
    (tmp_path / "precious").write_bytes(b"another's")
    (keys.directory / f"{FLIGHT}.key").symlink_to(tmp_path / "precious")
    with pytest.raises(StoreError, match="cannot be destroyed"):
        keys.destroy(FLIGHT)
    with pytest.raises(StoreError):
        keys.get(FLIGHT)
    assert (tmp_path / "precious").read_bytes() == b"another's"


@given(
    st.one_of(st.sampled_from(["..", "../x", "a/b", "a\n", "a" * 41]), st.from_regex(r"([^a-z0-9].*)?", fullmatch=True))
)
def test_what_is_no_name_never_becomes_a_path(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    keys = PartitionKeys(tmp_path_factory.getbasetemp() / "nowhere")
    for ask in (keys.make, keys.get, keys.destroy):
        with pytest.raises(StoreError, match="not a name"):
            ask(name)


def test_of_processes_that_make_the_same_key_together_one_succeeds(keys: PartitionKeys) -> None:
    barrier, made, refused = threading.Barrier(8), [], []

    def start() -> None:
        barrier.wait()
        try:
            made.append(keys.make(FLIGHT))
        except StoreError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [keys.get(FLIGHT)]
    assert len(refused) == 7
