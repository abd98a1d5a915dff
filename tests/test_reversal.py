"""A lane that goes both ways: what is different the other way, and that it turns only when nobody can be inside."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import hw
from gatefw import config, reversal
from gatefw.cli import main
from gatefw.journal import Journal
from gatefw.model import DoorId, Fact, FactKind, Phase
from gatefw.simulate import lanes
from gatefw.wall_time import wall_clock

FILE = lanes.LANES / "chung-ying-street.toml"
ONE_WAY = lanes.LANES / "contactless-e-channel.toml"


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GATEFW_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    (tmp_path / "state").mkdir(mode=0o700)
    return tmp_path / "state"


@contextlib.contextmanager
def journal(state: Path) -> Iterator[Journal]:
    """The journal of a daemon that runs."""
    opened = Journal.open(state / "journal.sqlite", "chung-ying-street", b"k" * 32, wall_clock, lambda _error: None)
    try:
        yield opened
    finally:
        opened.close()


def changed(phase: Phase) -> Fact:
    return Fact(FactKind.PHASE_CHANGED, None, (("phase", phase), ("previous", Phase.RECOVERING)))


def release_pins(lane: config.Config) -> dict[str, int]:
    return {door.name: getattr(door.settings, "release").number for door in lane.having("door")}  # noqa: B009


def test_the_doors_change_their_pins_and_nothing_else_of_theirs() -> None:
    there, back = (config.load(FILE, hw.schema, reverse=reverse) for reverse in (False, True))
    assert (there.port.direction, back.port.direction) == ("arrival", "departure")
    assert release_pins(there) == {DoorId.ENTRY: 17, DoorId.EXIT: 23}
    assert release_pins(back) == {DoorId.ENTRY: 23, DoorId.EXIT: 17}
    assert there.lane == back.lane and there.rules == back.rules
    assert there.reversible and back.reversible and back.reversed and not there.reversed


def test_a_lane_without_the_table_is_the_same_both_ways() -> None:
    assert config.load(ONE_WAY, hw.schema, reverse=True) == config.load(ONE_WAY, hw.schema)


def test_what_is_wrong_the_other_way_is_found_with_its_line(tmp_path: Path) -> None:
    text = FILE.read_text(encoding="utf-8").replace(
        "[reversed.sensors.lane]\nzone_front = 19", "[reversed.sensors.lane]\nzone_front = 17"
    )
    (tmp_path / "lane.toml").write_text(text, encoding="utf-8")
    (found,) = config.check(tmp_path / "lane.toml", hw.schema)
    assert "used already" in found.problem
    assert found.line is not None and "[reversed" in "\n".join(text.splitlines()[: found.line])


def test_what_is_no_table_is_found(tmp_path: Path) -> None:
    text = ONE_WAY.read_text(encoding="utf-8")
    (tmp_path / "lane.toml").write_text(f"reversed = true\n{text}", encoding="utf-8")
    (found,) = config.check(tmp_path / "lane.toml", hw.schema)
    assert (found.key, found.line) == ("reversed", 1) and "tables [reversed" in found.problem


def test_it_turns_out_of_service_and_turns_back(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The officer closes the lane, ends the daemon, turns the lane; at its next start everybody goes out."""
    with journal(state) as opened:
        opened.append(changed(Phase.IDLE))
        opened.append(changed(Phase.OUT_OF_SERVICE))
    assert main(["reverse", str(FILE)]) == 0
    assert "departure" in capsys.readouterr().out
    assert config.load(FILE, hw.schema).reversed and reversal.is_reversed(state)
    assert config.load(FILE, hw.schema).vision.reversed
    assert main(["reverse", str(FILE)]) == 0
    assert "arrival" in capsys.readouterr().out
    assert not config.load(FILE, hw.schema).reversed


@pytest.mark.parametrize("phase", [Phase.IDLE, Phase.VERIFYING, Phase.RECOVERING, Phase.FAULT])
def test_it_does_not_turn_while_somebody_may_be_inside(
    state: Path, phase: Phase, capsys: pytest.CaptureFixture[str]
) -> None:
    """The power failed with somebody between the doors: their way out must stay where it was."""
    with journal(state) as opened:
        opened.append(changed(Phase.OUT_OF_SERVICE))
        opened.append(changed(phase))
    assert main(["reverse", str(FILE)]) == 2
    assert f"was {phase} when its daemon ended" in capsys.readouterr().err
    assert not reversal.is_reversed(state)


def test_a_start_that_came_to_nothing_counts_as_unknown(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with journal(state) as opened:
        opened.append(changed(Phase.OUT_OF_SERVICE))
        opened.append(Fact(FactKind.SERVICE_STARTED, None, (("version", "0.0.0"), ("phase", Phase.RECOVERING))))
    assert main(["reverse", str(FILE)]) == 2
    assert "was recovering" in capsys.readouterr().err


def test_it_does_not_turn_while_the_daemon_runs(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with journal(state) as opened:
        opened.append(changed(Phase.OUT_OF_SERVICE))
        assert main(["reverse", str(FILE)]) == 2
    assert "stop that gatefw first" in capsys.readouterr().err


def test_a_lane_of_one_way_is_not_turned(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reverse", str(ONE_WAY)]) == 2
    assert "goes one way only" in capsys.readouterr().err


def test_a_lane_that_never_ran_is_empty(state: Path) -> None:
    assert main(["reverse", str(FILE)]) == 0
    assert reversal.is_reversed(state)
