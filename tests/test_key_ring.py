"""Keys are kept in one way, come to be kept in another, and are gone when destroyed, whenever that is cut off."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from chip import Chip, PowerCut

from gatefw import key_ring
from gatefw.errors import StoreError
from gatefw.keeping import Keeping, Provider
from gatefw.key_ring import KeyRing
from gatefw.keys import load_or_create, read
from gatefw.partition_keys import PartitionKeys

IN_FILES, IN_TPM = Keeping(), Keeping(Provider.TPM)
NAMES = ("cx100", "ka801", "park")


@pytest.fixture
def chip() -> Chip:
    return Chip()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "partitions"


def no_step(_step: str) -> None:
    """Goes on."""


def ring(directory: Path, chip: Chip, before: Callable[[str], None] = no_step) -> KeyRing:
    """As a process that starts anew has it."""
    key_ring._secrets.clear()
    return KeyRing(directory, chip, before)  # type: ignore[arg-type]


def made(directory: Path, chip: Chip, keeping: Keeping) -> dict[str, bytes]:
    """A directory with three keys."""
    fresh = ring(directory, chip)
    fresh.require(keeping)
    keys = {name: bytes([number]) * 32 for number, name in enumerate(NAMES, 1)}
    for name, key in keys.items():
        assert fresh.create(directory / f"{name}.key", key)
    return keys


def opened(directory: Path, chip: Chip) -> dict[str, bytes]:
    """Every key that opens."""
    found = {name: ring(directory, chip).get(directory / f"{name}.key") for name in ring(directory, chip).names()}
    return {name: key[0] for name, key in found.items() if key}


def steps_of(work: Callable[[KeyRing], object], directory: Path, chip: Chip) -> list[str]:
    """What it does, one after the other, on a copy."""
    told = list[str]()
    copy, other = directory.parent.with_name("copies") / directory.name, Chip()
    shutil.copytree(directory, copy)
    other.kept = dict(chip.kept)
    work(ring(copy, other, told.append))
    shutil.rmtree(copy)
    return told


def cut_at(number: int) -> Callable[[str], None]:
    passed = 0

    def before(_step: str) -> None:
        nonlocal passed
        if passed == number:
            raise PowerCut
        passed += 1

    return before


def test_a_key_in_a_tpms_deployment_is_no_32_bytes_of_any_file(directory: Path, chip: Chip) -> None:
    keys = made(directory, chip, IN_TPM)
    assert opened(directory, chip) == keys
    contents = b"".join(path.read_bytes() for path in directory.iterdir())
    secrets = [secret for secret in chip.kept.values() if secret]
    assert len(secrets) == 1
    assert not any(each in contents or each.hex().encode() in contents for each in [*keys.values(), *secrets])


def test_a_destroyed_key_is_proven_gone_where_it_lived_in_a_tpm_alone(directory: Path, chip: Chip) -> None:
    """Somebody has copied the flash before. With the chip as it was the copy opens; afterwards it never does again."""
    keys = made(directory, chip, IN_TPM)
    flash = shutil.copytree(directory, directory.with_name("flash") / directory.name)
    assert opened(flash, chip) == keys
    ring(directory, chip).destroy(directory / "cx100.key")

    assert opened(directory, chip) == {name: key for name, key in keys.items() if name != "cx100"}
    (gone,) = ring(directory, chip).destroyed()
    assert (gone.name, gone.lived, gone.proven) == ("cx100", (Provider.TPM,), True)
    for copied in (flash / "root.json", flash / "cx100.key"):
        shutil.copy(copied, directory)
    with pytest.raises(StoreError, match="is empty; the TPM was cleared, or is another board's"):
        ring(directory, chip).get(directory / "cx100.key")


def test_a_key_that_was_ever_in_a_file_is_not_proven_gone(directory: Path, chip: Chip) -> None:
    made(directory, chip, IN_FILES)
    ring(directory, chip).destroy(directory / "park.key")
    ring(directory, chip).migrate(IN_TPM)
    ring(directory, chip).destroy(directory / "cx100.key")
    told = [(each.name, each.lived, each.proven) for each in ring(directory, chip).destroyed()]
    assert told == [("park", (Provider.FILE,), False), ("cx100", (Provider.FILE, Provider.TPM), False)]


STEPS = ["intend", "erase", "unlink", "mark", "keep", "wrap ka801", "wrap park", "switch", "forget", "tell", "settle"]


@pytest.mark.parametrize("step", [*STEPS, "torn"])
def test_a_destruction_that_is_cut_off_at_any_step_is_finished_by_the_next_start(
    directory: Path, chip: Chip, step: str
) -> None:
    keys = made(directory, chip, IN_TPM)
    before = dict(chip.kept)
    assert steps_of(lambda each: each.destroy(each.directory / "cx100.key"), directory, chip) == STEPS
    chip.torn, number = step == "torn", STEPS.index("keep" if step == "torn" else step)
    with pytest.raises(PowerCut):
        ring(directory, chip, cut_at(number + chip.torn)).destroy(directory / "cx100.key")
    chip.torn = False
    survivors = {name: key for name, key in opened(directory, chip).items() if name != "cx100"}
    assert survivors.keys() == keys.keys() - {"cx100"}, "others open all the time"

    ring(directory, chip).require(IN_TPM)
    if number:  # the first step comes before anything was written down
        assert opened(directory, chip) == survivors
        assert not set(before.values()) & set(chip.kept.values()), "the root that it was wrapped with is forgotten"
        assert [each.proven for each in ring(directory, chip).destroyed()] == [True]
    assert len(chip.kept) == 1
    ring(directory, chip).destroy(directory / "cx100.key")
    assert opened(directory, chip) == survivors
    assert [each.name for each in ring(directory, chip).destroyed()] == ["cx100"]


@pytest.mark.parametrize("to", [IN_TPM, IN_FILES], ids=["to the TPM", "from the TPM"])
@pytest.mark.parametrize("number", range(8))
def test_a_migration_that_is_cut_off_at_any_step_is_finished_by_the_next_start(
    directory: Path, chip: Chip, to: Keeping, number: int
) -> None:
    keys = made(directory, chip, IN_FILES if to is IN_TPM else IN_TPM)
    steps = steps_of(lambda each: each.migrate(to), directory, chip)
    assert len(steps) == 8, steps
    with pytest.raises(PowerCut):
        ring(directory, chip, cut_at(number)).migrate(to)
    assert opened(directory, chip) == keys
    ring(directory, chip).migrate(to)
    assert opened(directory, chip) == keys
    ring(directory, chip).require(to)
    assert len(chip.kept) == (to is IN_TPM)
    assert (directory / "root.json").exists() is (to is IN_TPM)
    plain = [key for key in keys.values() if any(key == path.read_bytes() for path in directory.iterdir())]
    assert len(plain) == (0 if to is IN_TPM else 3)


def test_a_start_with_another_provider_than_the_keys_have_is_refused_and_changes_nothing(
    directory: Path, chip: Chip
) -> None:
    keys = made(directory, chip, IN_FILES)
    with pytest.raises(StoreError, match="are kept by file, the lane file wants tpm"):
        ring(directory, chip).require(IN_TPM)
    ring(directory, chip).migrate(IN_TPM)
    with pytest.raises(StoreError, match="are kept by tpm, the lane file wants file"):
        ring(directory, chip).require(IN_FILES)
    assert opened(directory, chip) == keys


def test_a_key_is_for_its_name_and_its_directory(directory: Path, chip: Chip) -> None:
    made(directory, chip, IN_TPM)
    shutil.copy(directory / "cx100.key", directory / "ka801.key")
    with pytest.raises(StoreError, match="does not open with its root"):
        ring(directory, chip).get(directory / "ka801.key")
    elsewhere = shutil.copytree(directory, directory.with_name("elsewhere"))
    with pytest.raises(StoreError, match="does not open with its root"):
        ring(elsewhere, chip).get(elsewhere / "cx100.key")


def test_a_wrapped_key_that_says_it_had_lived_in_a_tpm_alone_does_not_open(directory: Path, chip: Chip) -> None:
    made(directory, chip, IN_FILES)
    ring(directory, chip).migrate(IN_TPM)
    path = directory / "cx100.key"
    path.write_bytes(path.read_bytes().replace(b'"file", ', b""))
    with pytest.raises(StoreError, match="does not open with its root"):
        ring(directory, chip).get(path)


def test_a_plain_key_among_wrapped_ones_is_refused(directory: Path, chip: Chip) -> None:
    made(directory, chip, IN_TPM)
    (directory / "cx100.key").write_bytes(bytes(range(32)))
    with pytest.raises(StoreError, match="is not wrapped, as others here are"):
        ring(directory, chip).get(directory / "cx100.key")


def test_a_lost_root_is_an_error_and_never_a_fresh_one(directory: Path, chip: Chip) -> None:
    """root.json is lost, then the TPM is another one: no key opens, none is made anew, and the store is as it was."""
    made(directory, chip, IN_TPM)
    (directory / "root.json").rename(directory.parent / "kept.json")
    with pytest.raises(StoreError, match="is not there; restore it from backup"):
        ring(directory, chip).get(directory / "cx100.key")
    with pytest.raises(StoreError, match="are kept by file, the lane file wants tpm"):
        ring(directory, chip).require(IN_TPM)
    (directory.parent / "kept.json").rename(directory / "root.json")
    with pytest.raises(StoreError, match="is empty; the TPM was cleared"):
        ring(directory, Chip()).require(IN_TPM)


def test_a_destruction_waits_for_a_key_that_cannot_be_wrapped_anew(directory: Path, chip: Chip) -> None:
    """Forgetting the root would take that one along, which nobody asked for."""
    keys = made(directory, chip, IN_TPM)
    (directory / "park.key").chmod(0o644)
    with pytest.raises(StoreError, match="open to others"):
        ring(directory, chip).destroy(directory / "cx100.key")
    assert ring(directory, chip).destroyed() == []
    (directory / "park.key").chmod(0o600)
    ring(directory, chip).destroy(directory / "cx100.key")
    assert opened(directory, chip) == {name: key for name, key in keys.items() if name != "cx100"}
    assert [each.proven for each in ring(directory, chip).destroyed()] == [True]


def test_who_has_a_root_in_mind_reads_on_through_its_change(directory: Path, chip: Chip) -> None:
    """Two processes: one looks people up, the other destroys a partition."""
    keys = made(directory, chip, IN_TPM)
    reader = ring(directory, chip)
    assert reader.get(directory / "park.key") == (keys["park"], (Provider.TPM,))
    held = dict(key_ring._secrets)
    ring(directory, chip).destroy(directory / "cx100.key")
    key_ring._secrets.update(held)
    assert reader.get(directory / "park.key") == (keys["park"], (Provider.TPM,))


@pytest.mark.parametrize("told", ["", "[]", "{}", '{"root": {}}', "null"])
def test_a_state_that_says_nothing_is_refused(directory: Path, chip: Chip, told: str) -> None:
    made(directory, chip, IN_TPM)
    (directory / "root.json").write_text(told)
    with pytest.raises(StoreError, match="says nothing that we know"):
        ring(directory, chip).require(IN_TPM)


# -------------------------------------------------------------------- a systemd credential


CREDENTIAL = Keeping(Provider.CREDENTIAL)


@pytest.fixture
def credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As systemd gives it to a service."""
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "gatefw-root").write_bytes(bytes(range(100, 132)))
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    return folder / "gatefw-root"


def test_keys_wrapped_with_a_credential_open_with_that_one_alone(
    directory: Path, credential: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    KeyRing(directory).require(CREDENTIAL)
    key = PartitionKeys(directory).make("cx100")
    assert PartitionKeys(directory).get("cx100") == key
    assert not any(key in path.read_bytes() for path in directory.iterdir())
    PartitionKeys(directory).make("park")
    PartitionKeys(directory).destroy("park")
    assert [each.proven for each in KeyRing(directory).destroyed()] == [False]

    for content, problem in ((b"x" * 32, "is another root"), (b"short", "has 5 bytes, 32 are wanted")):
        key_ring._secrets.clear()
        credential.write_bytes(content)
        with pytest.raises(StoreError, match=problem):
            PartitionKeys(directory).get("cx100")
    credential.unlink()
    with pytest.raises(StoreError, match="cannot be read"):
        PartitionKeys(directory).get("cx100")
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    with pytest.raises(StoreError, match="systemd has given us none; say LoadCredentialEncrypted="):
        KeyRing(directory).require(CREDENTIAL)


@pytest.mark.parametrize("keeping", [IN_FILES, CREDENTIAL], ids=["file", "credential"])
def test_the_key_of_a_store_that_is_there_is_never_made_anew(
    tmp_path: Path, credential: Path, keeping: Keeping
) -> None:
    path = tmp_path / "keys" / "gallery.key"
    KeyRing(path.parent).require(keeping)
    key = load_or_create(path, store_exists=False)
    assert load_or_create(path, store_exists=True) == read(path) == key
    path.unlink()
    with pytest.raises(StoreError, match="missing, but its store exists"):
        load_or_create(path, store_exists=True)
    assert not path.exists()


def test_what_is_written_of_destroyed_keys_is_bounded(directory: Path) -> None:
    keys = PartitionKeys(directory)
    keys.make("cx100")
    keys.destroy("cx100")
    path = directory / "destroyed.jsonl"
    path.write_text(path.read_text() * 1500)
    keys.make("park")
    keys.destroy("park")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert (len(lines), lines[-1]["name"]) == (1000, "park")


def test_what_a_cut_left_half_written_is_cleared_away_by_the_next_destruction(directory: Path) -> None:
    """The power failed while it was written down that a key is destroyed: the name it was written under came back."""
    keys = PartitionKeys(directory)
    keys.make("park")
    for name in ("destroyed.jsonl", "root.json", "cx100.key"):
        (directory / f".{name}.0006babb").write_bytes(b"half")
    keys.destroy("cx100")
    assert [path.name for path in directory.iterdir()] == ["park.key"]
