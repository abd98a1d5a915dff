"""The last known good lane file: kept when the lane serves, believed only as it was kept, never taken by itself."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
from test_config import SIMULATED

import hw
from gatefw import known_good
from gatefw.cli import main
from gatefw.config import Config, load
from gatefw.errors import StoreError
from gatefw.known_good import COPY, DIGEST, Keeper
from gatefw.model import Phase


@pytest.fixture
def lane(tmp_path: Path) -> Config:
    (tmp_path / "state").mkdir()
    return read(tmp_path, SIMULATED.read_text(encoding="utf-8"))


def read(place: Path, text: str) -> Config:
    file = place / "lane.toml"
    file.write_text(text)
    return load(file, hw.schema, {"GATEFW_STATE": str(place / "state"), "GATEFW_RUN": str(place)})


def test_what_served_is_kept_byte_for_byte_and_for_its_owner_alone(lane: Config) -> None:
    state = lane.paths.state
    assert known_good.read(state) is None
    assert known_good.keep(lane, now=lambda: 1000.0)
    kept = known_good.read(state)
    assert kept is not None and (kept.sha256, kept.kept_at) == (lane.sha256, 1000.0)
    assert kept.path.read_bytes() == lane.file.read_bytes()
    assert {(state / name).stat().st_mode & 0o777 for name in (COPY, DIGEST)} == {0o600}


def test_a_file_that_was_edited_since_the_start_is_not_what_served(lane: Config) -> None:
    with lane.file.open("a") as file:
        file.write("# and then somebody edited it\n")
    assert not known_good.keep(lane)
    assert known_good.read(lane.paths.state) is None


def test_a_copy_that_somebody_edited_is_not_believed(lane: Config) -> None:
    known_good.keep(lane)
    copy = lane.paths.state / COPY
    copy.write_text(copy.read_text().replace("release = 17", "release = 18"))
    with pytest.raises(StoreError, match="is not the lane file that was kept there"):
        known_good.read(lane.paths.state)
    assert known_good.keep(lane), "the next start that serves mends it"
    assert known_good.read(lane.paths.state) is not None


@pytest.mark.parametrize("written", [b"", b"{", b"[]", b'{"sha256": 1}'])
def test_a_digest_that_cannot_be_read_says_so(written: bytes, lane: Config) -> None:
    known_good.keep(lane)
    (lane.paths.state / DIGEST).write_bytes(written)
    with pytest.raises(StoreError, match="cannot be read"):
        known_good.read(lane.paths.state)


def test_a_power_cut_between_the_two_files_leaves_the_one_before(lane: Config, tmp_path: Path) -> None:
    """The digest of the new one is on disk, the copy is still the old one."""
    known_good.keep(lane)
    old = shutil.copy(lane.paths.state / COPY, tmp_path / "old.toml")
    known_good.keep(read(tmp_path, lane.file.read_text() + "\n[tries]\nmost = 7\n"))
    shutil.copy(old, lane.paths.state / COPY)
    kept = known_good.read(lane.paths.state)
    assert kept is not None and kept.sha256 == lane.sha256


def test_a_power_cut_before_the_very_first_copy_leaves_none(lane: Config) -> None:
    known_good.keep(lane)
    (lane.paths.state / COPY).unlink()
    assert known_good.read(lane.paths.state) is None


def test_the_same_file_is_not_written_again(lane: Config) -> None:
    known_good.keep(lane, now=lambda: 1.0)
    known_good.keep(lane, now=lambda: 2.0)
    assert json.loads((lane.paths.state / DIGEST).read_text())["kept_at"] == 1.0


def test_a_lane_that_never_served_keeps_nothing(lane: Config) -> None:
    keeper = Keeper(lane)
    for phase in Phase:
        if phase is not Phase.IDLE:
            keeper.look(phase)
    keeper.close()
    assert known_good.read(lane.paths.state) is None
    keeper.look(Phase.IDLE)
    keeper.look(Phase.IDLE)
    keeper.close()
    assert known_good.read(lane.paths.state) is not None


def test_a_lane_that_runs_the_copy_does_not_keep_it_anew(lane: Config) -> None:
    keeper = Keeper(dataclasses.replace(lane, last_known_good=True))
    keeper.look(Phase.IDLE)
    keeper.close()
    assert known_good.read(lane.paths.state) is None


def test_a_disk_that_cannot_be_written_costs_no_passage(lane: Config, caplog: pytest.LogCaptureFixture) -> None:
    (lane.paths.state / f".{COPY}").mkdir()
    gone = dataclasses.replace(lane, paths=dataclasses.replace(lane.paths, state=lane.file / "no directory"))
    keeper = Keeper(gone)
    keeper.look(Phase.IDLE)
    keeper.close()
    assert "is not kept" in caplog.text


def test_it_is_printed_for_whoever_wants_it_back(
    lane: Config, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEFW_STATE", str(lane.paths.state))
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    assert main(["config", "last-good"]) == 1
    assert "reach service once" in capsys.readouterr().err
    known_good.keep(lane, now=lambda: 0.0)
    assert main(["config", "last-good"]) == 0
    told = capsys.readouterr()
    assert told.out == lane.file.read_text() and "1970-01-01 00:00Z" in told.err
