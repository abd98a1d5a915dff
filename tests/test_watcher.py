"""The process that can only drop outputs: its line to a supervisor, and what it does when that is gone."""

import dataclasses
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from queue import SimpleQueue

import pytest
from modbus_peers import MAP, OTHER_DOOR_UNIT, InMemory
from peers import until

import hw
import hw.door_modbus
from gatefw.cli import main
from gatefw.config import load
from gatefw.control import Done
from gatefw.control_server import ControlServer
from gatefw.errors import DeviceLost, SetupError
from gatefw.watcher import Watcher, WatcherLine, make_safe
from hw.gpio.socket_pins import SocketFactory
from hw.sim.client import WorldClient, launched

WAIT_S = 30.0
SIM = Path(__file__).resolve().parents[1] / "config" / "sim.toml"
ENTRY_RELEASE, EXIT_RELEASE, GREEN = 17, 23, 11

SUPERVISOR = """
import sys, threading
from pathlib import Path
from gatefw.watcher import WatcherLine
line = WatcherLine(Path(sys.argv[1]))
print("connected", flush=True)
while True:
    line.beat()
    threading.Event().wait(0.02)
"""


class Safe:
    """Counts how often the doors were made safe, and can fail."""

    def __init__(self) -> None:
        self.times: SimpleQueue[int] = SimpleQueue()
        self.fails = False
        self.done = 0

    def __call__(self) -> None:
        self.times.put(1)
        if self.fails:
            raise DeviceLost("the lines are held")
        self.done += 1


@pytest.fixture
def safe() -> Safe:
    return Safe()


@pytest.fixture
def path(tmp_path: Path, safe: Safe) -> Iterator[Path]:
    # A busy machine keeps a supervisor from beating, too: long enough that none is killed for that.
    watcher = Watcher(tmp_path / "watcher.sock", safe, stall_s=3.0)
    thread = threading.Thread(target=watcher.run)
    thread.start()
    safe.times.get(timeout=WAIT_S)  # at start
    yield tmp_path / "watcher.sock"
    watcher.stop()
    thread.join()


def _supervisor(path: Path) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen([sys.executable, "-c", SUPERVISOR, str(path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"connected\n"
    process.stdout.close()
    return process


def test_a_killed_supervisor_leaves_the_doors_safe(path: Path, safe: Safe) -> None:
    process = _supervisor(path)
    process.kill()
    process.wait()
    assert safe.times.get(timeout=WAIT_S)


def test_a_supervisor_that_hangs_is_killed_and_then_the_doors_are_made_safe(path: Path, safe: Safe) -> None:
    """A stopped process still holds its lines: nobody else could drop them."""
    process = _supervisor(path)
    os.kill(process.pid, signal.SIGSTOP)
    assert process.wait(timeout=WAIT_S) == -signal.SIGKILL
    assert safe.times.get(timeout=WAIT_S)


def test_a_supervisor_that_comes_back_is_watched_again(path: Path, safe: Safe) -> None:
    for _ in range(2):
        process = _supervisor(path)
        process.kill()
        process.wait()
        assert safe.times.get(timeout=WAIT_S)


def test_doors_that_could_not_be_made_safe_do_not_end_the_watching(path: Path, safe: Safe) -> None:
    safe.fails = True
    for _ in range(2):
        process = _supervisor(path)
        process.kill()
        process.wait()
        assert safe.times.get(timeout=WAIT_S)


def test_doors_that_could_not_be_made_safe_are_tried_again_until_they_are(path: Path, safe: Safe) -> None:
    """A process that ends slowly holds its lines for longer than one try lasts."""
    safe.fails = True
    process = _supervisor(path)
    process.kill()
    process.wait()
    for _ in range(3):
        assert safe.times.get(timeout=WAIT_S)
    done, safe.fails = safe.done, False
    until(lambda: safe.done > done, "the doors to be safe", WAIT_S)
    done = safe.done
    process = _supervisor(path)  # it is heard only after the watcher has come to rest
    process.kill()
    process.wait()
    until(lambda: safe.done > done, "the doors to be safe again", WAIT_S)
    assert safe.done == done + 1


def test_a_door_that_cannot_be_had_does_not_keep_the_other_from_being_made_safe(tmp_path: Path) -> None:
    """A kernel kept the exit released; somebody holds the entry's line for good."""
    config = load(SIM, hw.schema, {"GATEFW_RUN": str(tmp_path), "GATEFW_STATE": str(tmp_path)})
    with launched(tmp_path, SIM, keep=True) as world:
        with closing(SocketFactory(str(tmp_path / "pins.sock"))) as dying:
            dying.pin(EXIT_RELEASE).output_with_state(1)
        assert _driven(world) == ["exit_door"]
        with closing(SocketFactory(str(tmp_path / "pins.sock"))) as holder:
            holder.pin(ENTRY_RELEASE).output_with_state(0)
            with pytest.raises(DeviceLost, match=f"GPIO {ENTRY_RELEASE}"):
                make_safe(config, try_s=0.0)
        assert _driven(world) == []


@pytest.mark.parametrize("runs", [True, False], ids=["daemon", "another program"])
def test_make_safe_beside_a_daemon_says_that_its_end_makes_the_doors_safe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], runs: bool
) -> None:
    """Somebody at a gate that is served wants its doors safe, and cannot know who has the lines."""
    for name in ("GATEFW_RUN", "GATEFW_STATE"):
        monkeypatch.setenv(name, str(tmp_path))
    with launched(tmp_path, SIM, keep=True), ExitStack() as daemon:
        holder = daemon.enter_context(closing(SocketFactory(str(tmp_path / "pins.sock"))))
        holder.pin(ENTRY_RELEASE).output_with_state(0)
        if runs:
            control = tmp_path / "control.sock"
            daemon.callback(ControlServer(control, lambda _order, reply: reply(Done({"phase": "idle"}))).close)
        assert main(["make-safe", str(SIM)]) == 2
    said = capsys.readouterr().err
    assert f"GPIO {ENTRY_RELEASE}" in said
    assert ("end it, which makes them safe: sudo systemctl stop gatefw" in said) == runs


def test_a_mistake_in_one_doors_driver_does_not_keep_the_other_from_being_made_safe(tmp_path: Path) -> None:
    config = load(SIM, hw.schema, {"GATEFW_RUN": str(tmp_path), "GATEFW_STATE": str(tmp_path)})
    broken = tuple(
        dataclasses.replace(device, settings=None) if device.label == "door.entry_door" else device
        for device in config.devices
    )
    with launched(tmp_path, SIM, keep=True) as world:
        with closing(SocketFactory(str(tmp_path / "pins.sock"))) as dying:
            dying.pin(EXIT_RELEASE).output_with_state(1)
        with pytest.raises(AttributeError):
            make_safe(dataclasses.replace(config, devices=broken))
        assert _driven(world) == []


def test_pins_that_cannot_be_had_do_not_keep_a_door_on_another_wire_from_being_made_safe(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = load(SIM, hw.schema, {"GATEFW_RUN": str(tmp_path), "GATEFW_STATE": str(tmp_path)})
    peer = InMemory(tmp_path)
    try:
        wired = hw.door_modbus.Settings(link=peer.url, **{**MAP, "unit": OTHER_DOOR_UNIT})
        devices = tuple(
            dataclasses.replace(device, driver="modbus", settings=wired) if device.label == "door.exit_door" else device
            for device in config.devices
        )
        assert config.gpio is not None
        no_pins = dataclasses.replace(config.gpio, factory="nowhere:")
        with pytest.raises(SetupError, match="nowhere"):
            make_safe(dataclasses.replace(config, devices=devices, gpio=no_pins))
        assert "indicator.lamps: may still say what is not so: pins: this process has none; `[gpio] fact" in caplog.text
        assert peer.line.units[OTHER_DOOR_UNIT].registers[MAP["timeout_register"]] == 100
    finally:
        peer.close()


def test_lamps_and_contacts_say_nothing_more_when_nobody_drives_them(tmp_path: Path) -> None:
    """A kernel that keeps outputs would go on saying that the lane is free, or that nothing is at fault."""
    config = load(SIM, hw.schema, {"GATEFW_RUN": str(tmp_path), "GATEFW_STATE": str(tmp_path)})
    with launched(tmp_path, SIM, keep=True) as world:
        with closing(SocketFactory(str(tmp_path / "pins.sock"))) as dying:
            dying.pin(GREEN).output_with_state(1)
        assert world.do("state")["pins"]["lamps.green"]["level"] == 1
        make_safe(config)
        assert world.do("state")["pins"]["lamps.green"]["level"] == 0


def _driven(world: WorldClient) -> list[str]:
    return [name for name, door in world.do("state")["doors"].items() if door["relay"]]


def test_a_line_without_a_watcher_names_what_to_start(tmp_path: Path) -> None:
    with pytest.raises(DeviceLost, match="gatefw watcher"):
        WatcherLine(tmp_path / "watcher.sock")


def test_a_beat_finds_out_that_the_watcher_is_gone(tmp_path: Path, safe: Safe) -> None:
    watcher = Watcher(tmp_path / "watcher.sock", safe)
    thread = threading.Thread(target=watcher.run)
    thread.start()
    line = WatcherLine(tmp_path / "watcher.sock")
    watcher.stop()
    thread.join()
    with pytest.raises(DeviceLost, match="went away"):
        for _ in range(10):
            line.beat()
    line.close()
