"""Roots of keys in a TPM (in software): what leaves it, when, and what is left when it has forgotten."""

import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from swtpm import swtpm, tool

from gatefw import key_ring
from gatefw.errors import StoreError
from gatefw.keeping import Keeping, Provider
from gatefw.keys import load_or_create
from gatefw.partition_keys import PartitionKeys
from gatefw.tpm import Tpm

KILLED = """
import os, signal, sys
from pathlib import Path
from gatefw.key_ring import KeyRing

def before(step):
    if step == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)

directory = Path(sys.argv[1])
KeyRing(directory, before=before).destroy(directory / f"{sys.argv[3]}.key")
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tpm-") as folder:
        yield Path(folder)


@pytest.fixture
def tcti(folder: Path) -> Iterator[str]:
    with swtpm(folder) as tcti:
        yield tcti


@pytest.fixture
def keys(tmp_path: Path) -> PartitionKeys:
    return PartitionKeys(tmp_path / "keys" / "gallery-partitions")


def keeping(tcti: str, pcrs: str = "") -> Keeping:
    return Keeping(Provider.TPM, tcti=tcti, pcrs=pcrs)


def anew(keys: PartitionKeys) -> PartitionKeys:
    """Another process, which remembers no root."""
    key_ring._secrets.clear()
    return PartitionKeys(keys.directory)


def test_a_flight_is_destroyed_whatever_the_flash_has_kept(keys: PartitionKeys, tcti: str) -> None:
    """The flash is copied bit by bit while the flight is there, and put back when it has left."""
    keys.ring.require(keeping(tcti))
    flight, park = keys.make("cx100"), keys.make("park")
    flash = shutil.copytree(keys.directory, keys.directory.with_name("flash"))
    assert anew(keys).get("cx100") == flight
    index = keys.ring.state().root.index

    anew(keys).destroy("cx100")
    assert (anew(keys).get("cx100"), anew(keys).get("park")) == (None, park)
    assert [(each.name, each.proven) for each in keys.ring.destroyed()] == [("cx100", True)]
    assert (Tpm(tcti).has(index), Tpm(tcti).has(index ^ 1)) == (False, True)

    shutil.rmtree(keys.directory)
    flash.rename(keys.directory)
    with pytest.raises(StoreError, match="is empty; the TPM was cleared"):
        anew(keys).get("cx100")


@pytest.mark.parametrize("step", ["keep", "wrap park", "forget"])
def test_a_process_killed_while_it_destroys_is_finished_by_the_next(keys: PartitionKeys, tcti: str, step: str) -> None:
    keys.ring.require(keeping(tcti))
    park, _ = keys.make("park"), keys.make("cx100")
    killed = subprocess.run([sys.executable, "-c", KILLED, keys.directory, step, "cx100"], timeout=120, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert anew(keys).get("park") == park
    anew(keys).destroy("cx100")
    assert (anew(keys).get("cx100"), anew(keys).get("park")) == (None, park)
    assert [(each.name, each.proven) for each in keys.ring.destroyed()] == [("cx100", True)]
    found = keys.ring.state().root.index
    assert (Tpm(tcti).has(found), Tpm(tcti).has(found ^ 1)) == (True, False)


def test_keys_bound_to_registers_open_while_those_are_as_they_were(keys: PartitionKeys, tcti: str) -> None:
    """Another system is started on the same board: its boot measures otherwise, and the TPM gives it nothing."""
    keys.ring.require(keeping(tcti, "sha256:8"))
    path = keys.directory / "gallery.key"
    key = load_or_create(path, store_exists=False)
    anew(keys)
    assert load_or_create(path, store_exists=True) == key
    anew(keys)
    tool(tcti, "pcrextend", f"8:sha256={'a' * 64}")
    with pytest.raises(StoreError, match=r"refused: .*and are the registers sha256:8 as they were"):
        load_or_create(path, store_exists=True)
    with pytest.raises(StoreError, match="refused: "):
        anew(keys).ring.require(keeping(tcti, "sha256:8"))


def test_an_owner_with_a_password_is_told_apart_from_a_tpm_that_is_away(keys: PartitionKeys, tcti: str) -> None:
    with pytest.raises(StoreError, match=r"tpm2_getcap: refused: .*is it there, may we use it"):
        keys.ring.require(keeping("swtpm:path=/nowhere/tpm"))
    tool(tcti, "changeauth", "-c", "o", "secret")
    with pytest.raises(StoreError, match=r"tpm2_nvdefine .*is the owner's authorisation empty"):
        anew(keys).ring.require(keeping(tcti))
    tool(tcti, "changeauth", "-c", "o", "-p", "secret")
    anew(keys).ring.require(keeping(tcti))  # what had begun is finished
    assert keys.make("park") == anew(keys).get("park")


def test_the_key_of_a_store_whose_tpm_was_cleared_is_never_made_anew(keys: PartitionKeys, tcti: str) -> None:
    keys.ring.require(keeping(tcti))
    path = keys.directory / "gallery.key"
    load_or_create(path, store_exists=False)
    before = path.read_bytes()
    tool(tcti, "clear", "-c", "p")
    anew(keys)
    for start in (lambda: keys.ring.require(keeping(tcti)), lambda: load_or_create(path, store_exists=True)):
        with pytest.raises(StoreError, match="is empty; the TPM was cleared, or is another board's"):
            start()
    path.unlink()
    with pytest.raises(StoreError, match="missing, but its store exists"):
        load_or_create(path, store_exists=True)
    path.write_bytes(before)
