"""What the commands say of keys: who keeps them, who has kept them, and which are proven gone."""

import json
from pathlib import Path

import pytest
from swtpm import swtpm

from gatefw import cli, key_ring
from gatefw.keeping import Keeping, Provider
from gatefw.keys import create, read
from gatefw.partition_keys import PartitionKeys

SIM = Path(__file__).resolve().parents[1] / "config" / "sim.toml"


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    state = tmp_path / "state"
    monkeypatch.setenv("GATEFW_STATE", str(state))
    monkeypatch.setenv("GATEFW_RUN", str(tmp_path / "run"))
    return state


def lane(tmp_path: Path, keys: str) -> str:
    path = tmp_path / "lane.toml"
    path.write_text(f"{SIM.read_text()}\n[keys]\n{keys}\n")
    return str(path)


def flights(state: Path) -> PartitionKeys:
    return PartitionKeys(state / "keys" / "record-partitions")


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    key_ring._secrets.clear()
    status = cli.main(list(arguments))
    return status, capsys.readouterr().out


def test_keys_in_files_are_said_to_be_there_and_destroyed_ones_not_to_be_proven_gone(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    create(state / "keys" / "records.key")
    for name in ("cx100", "park"):
        flights(state).make(name)
    flights(state).destroy("cx100")
    status, said = run(capsys, "partition", "audit")
    assert status == 0
    assert f"{state / 'keys' / 'record-partitions'}: kept by file\n  park {' ' * 35} lived in file\n" in said
    assert "destroyed cx100 " in said
    assert ": not proven: its key lived in a file: flash memory, a snapshot or a backup may keep a copy\n" in said
    status, said = run(capsys, "secrets", "show", "--json")
    told = json.loads(said)["directories"]
    assert [(each["provider"], each["keys"]) for each in told] == [
        ("file", {"records": ["file"]}),
        ("file", {"park": ["file"]}),
    ]


def test_a_gate_moves_its_keys_into_a_tpm_and_back_and_the_audit_remembers(
    state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One flight from before, one that only the TPM ever knew: when both have left, the one is proven gone."""
    create(state / "keys" / "records.key")
    key, _ = read(state / "keys" / "records.key"), flights(state).make("cx100")
    with swtpm(tmp_path) as tcti:
        in_tpm = lane(tmp_path, f'provider = "tpm"\ntcti = "{tcti}"')
        status, said = run(capsys, "secrets", "migrate", in_tpm)
        assert (status, said.count("now kept by tpm")) == (0, 2)
        assert run(capsys, "secrets", "migrate", in_tpm)[1].count("was and is kept by tpm") == 2
        assert read(state / "keys" / "records.key") == key
        assert key not in (state / "keys" / "records.key").read_bytes()

        flights(state).make("ka801")
        for name in ("cx100", "ka801"):
            flights(state).destroy(name)
        status, said = run(capsys, "partition", "audit", in_tpm, "--json")
        gone = {each["name"]: (each["proven"], each["because"]) for each in json.loads(said)["destroyed"]}
        assert status == 0
        assert gone["ka801"] == (True, "its key lived in the TPM alone, which has forgotten what opens it")
        assert gone["cx100"][0] is False
        assert gone["cx100"][1].endswith("from before it was kept by the TPM")

        path = tmp_path / "lane.toml"
        path.write_text(path.read_text().replace('provider = "tpm"', 'provider = "file"'))
        assert run(capsys, "secrets", "migrate", str(path))[0] == 0
    assert read(state / "keys" / "records.key") == key == (state / "keys" / "records.key").read_bytes()


def test_an_older_root_that_a_tpm_still_has_is_a_problem(
    state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from gatefw.tpm import Tpm

    with swtpm(tmp_path) as tcti:
        flights(state).ring.require(Keeping(Provider.TPM, tcti=tcti))
        flights(state).make("cx100")
        Tpm(tcti).keep(flights(state).ring.state().root.index ^ 1, bytes(32))
        status, said = run(capsys, "partition", "audit")
        assert (status, "PROBLEM: " in said, "still keeps an older root" in said) == (1, True, True)


def test_a_key_that_does_not_open_is_a_problem_and_the_others_are_told(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("cx100", "park"):
        flights(state).make(name)
    (flights(state).directory / "cx100.key").write_bytes(b"half")
    status, said = run(capsys, "secrets", "show")
    assert (status, "PROBLEM: key file" in said, "park" in said) == (1, True, True)


def test_a_root_is_32_bytes_and_another_one_each_time(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    made = []
    for _ in range(2):
        assert cli.main(["secrets", "new-root"]) == 0
        made.append(capfdbinary.readouterr().out)
    assert [len(each) for each in made] == [32, 32]
    assert made[0] != made[1]
