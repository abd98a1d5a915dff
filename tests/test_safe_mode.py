"""A lane file that cannot be used: the doors are safe, it is said what is wrong, and nobody is let in."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from live_gate import live_gate
from peers import until
from test_config import SIMULATED

import hw
from gatefw import known_good
from gatefw.cli import main
from gatefw.config import load
from gatefw.control import call
from gatefw.errors import DeviceLost, GateError
from gatefw.notify import Notifier
from gatefw.safe_mode import AGAIN_TURNS, NOTHING_KNOWN, SafeMode
from hw.gpio.socket_pins import SocketFactory
from hw.sim.client import WorldClient, launched

WAIT_S = 120.0
EXIT_RELEASE = 23
FINDING = "lane.toml:7: timers.scan: unknown key; did you mean scan_s?"


def answers(control: Path) -> bool:
    try:
        return bool(call(control, "status", timeout_s=WAIT_S))
    except DeviceLost:
        return False


class Bench:
    """Safe mode in a thread of its own; what is wrong with the file is told here."""

    def __init__(self, place: Path, notifier: Notifier | None = None) -> None:
        self.wrong, self.made_safe, self.fails = [FINDING], 0, False
        self.mode = SafeMode(place / "lane.toml", [FINDING], self.safe, lambda: self.wrong, None, notifier)
        self.socket, self.good = place / "control.sock", list[bool]()
        self.thread = threading.Thread(target=lambda: self.good.append(self.mode.run(self.socket)))

    def safe(self) -> str:
        self.made_safe += 1
        if self.fails:
            raise DeviceLost("GPIO 17: somebody holds it")
        return "by the last known good lane file"

    def ask(self, verb: str) -> dict[str, Any]:
        until(lambda: answers(self.socket), "the control socket", WAIT_S)
        return call(self.socket, verb, timeout_s=WAIT_S)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    bench.thread.start()
    yield bench
    bench.mode.stop()
    bench.thread.join()


def test_the_gate_says_that_it_is_out_of_service_and_what_is_wrong(bench: Bench) -> None:
    until(lambda: bench.ask("status")["made_safe"] != "", "the doors to be safe", WAIT_S)
    told = bench.ask("status")
    assert (told["phase"], told["in_service"], told["reason"]) == ("out_of_service", False, "config_broken")
    assert told["findings"] == [FINDING]
    assert told["made_safe"] == "by the last known good lane file"
    assert (set(told["doors"].values()), told["occupancy"]) == ({"unknown"}, "unknown"), "nothing is sensed"
    assert bench.made_safe == 1, "doors that are safe are left alone"


@pytest.mark.parametrize("verb", ["open", "reset", "let_out", "maintain", "enrol", "device_test", "exercise_entry"])
def test_every_order_that_would_do_something_is_refused_with_the_reason(verb: str, bench: Bench) -> None:
    with pytest.raises(GateError, match=r"out of service: lane.toml:7: timers.scan.*gatefw reload"):
        bench.ask(verb)


def test_a_reload_of_a_file_that_is_no_better_says_what_is_wrong_now(bench: Bench) -> None:
    bench.wrong = ["lane.toml:9: another mistake"]
    with pytest.raises(GateError, match=r"still cannot be used: lane\.toml:9: another mistake"):
        bench.ask("reload")
    assert bench.ask("status")["findings"] == ["lane.toml:9: another mistake"]


def test_a_reload_of_a_file_that_was_mended_ends_safe_mode(bench: Bench) -> None:
    bench.wrong = []
    assert bench.ask("reload")["refused"] == []
    bench.thread.join()
    assert bench.good == [True]
    assert not bench.socket.exists()


def test_a_stop_ends_it_without_a_lane(bench: Bench) -> None:
    assert bench.ask("stop") == {"stopping": True}
    bench.thread.join()
    assert bench.good == [False]


def test_doors_that_could_not_be_made_safe_are_tried_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.fails = True
    for _ in range(AGAIN_TURNS + 1):
        bench.mode.turn()
    assert (bench.made_safe, bench.mode.status["made_safe"]) == (2, "")
    bench.fails = False
    for _ in range(2 * AGAIN_TURNS):
        bench.mode.turn()
    assert bench.made_safe == 3 and bench.mode.status["made_safe"]


def test_systemd_sees_a_service_that_is_up_and_feeds_its_watchdog(tmp_path: Path) -> None:
    """Else it would start it again and again, with nobody to ask what is wrong."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(WAIT_S)
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000"})
        bench = Bench(tmp_path, notifier)
        bench.thread.start()
        assert systemd.recv(400).decode() == f"READY=1\nSTATUS=safe mode: {FINDING}"
        assert systemd.recv(400) == b"WATCHDOG=1"
        bench.mode.stop()
        bench.thread.join()


# ---------------------------------------------------------------- the daemon itself


class Site:
    """A simulated gate whose kernel keeps outputs, and a lane file that served before."""

    def __init__(self, place: Path, world: WorldClient) -> None:
        self.place, self.world, self.file = place, world, place / "lane.toml"
        self.env = {key: value for key, value in os.environ.items() if not key.endswith("_DIRECTORY")}
        self.env |= {"GATEFW_STATE": str(place / "state"), "GATEFW_RUN": str(place)}
        self.file.write_text(SIMULATED.read_text(encoding="utf-8"))
        (place / "state").mkdir(mode=0o700)

    def serve_once(self) -> None:
        known_good.keep(load(self.file, hw.schema, self.env))

    def spoil(self) -> None:
        self.file.write_text(
            self.file.read_text().replace("scan_s", "scann_s", 1).replace("release = 17", "release = 18")
        )

    def leave_released(self) -> None:
        """As a daemon that was killed in the middle of an admission leaves it."""
        with closing(SocketFactory(str(self.place / "pins.sock"))) as dying:
            dying.pin(EXIT_RELEASE).output_with_state(1)
        assert self.driven() == ["exit_door"]

    def driven(self) -> list[str]:
        return [name for name, door in self.world.do("state")["doors"].items() if door["relay"]]

    def run(self, command: str, *options: str) -> "subprocess.Popen[str]":
        words = [sys.executable, "-m", "gatefw", command, *options, str(self.file)]
        return subprocess.Popen(words, env=self.env, stderr=subprocess.PIPE, text=True)

    def status(self) -> dict[str, Any]:
        control = self.place / "control.sock"
        until(lambda: answers(control), "the control socket", WAIT_S)
        return call(control, "status", timeout_s=WAIT_S)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with launched(tmp_path, SIMULATED, keep=True) as world:
        yield Site(tmp_path, world)


@pytest.mark.real
def test_a_gate_whose_lane_file_was_broken_secures_its_doors_and_says_why(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody edited the file, the power failed with the exit released, and the gate comes up again."""
    site.serve_once()
    site.spoil()
    site.leave_released()
    daemon = site.run("run")
    try:
        until(lambda: site.status()["made_safe"], "the doors to be safe", WAIT_S)
        assert site.driven() == []
        assert f"{site.file}:" in site.status()["findings"][0]
        assert main(["status", "--dir", str(site.place), "--lang", "zh_HK"]) == 0
        assert "通道設定檔無法使用" in capsys.readouterr().out
        assert main(["status", "--dir", str(site.place), "--lang", "en"]) == 0
        told = capsys.readouterr().out
        assert "reason         config_broken" in told and "did you mean scan_s?" in told
    finally:
        daemon.send_signal(signal.SIGTERM)
        _, said = daemon.communicate(timeout=WAIT_S)
    assert daemon.returncode == 0
    assert "safe mode" in said


@pytest.mark.real
def test_a_gate_that_served_goes_through_safe_mode_and_back_and_runs_an_older_lane_only_when_told_to(
    models: Path, photos: Path
) -> None:
    with live_gate(models, photos, watcher=False) as gate:
        file, state = gate.run / "lane.toml", gate.run / "state"
        until(lambda: known_good.read(state) is not None, "the lane file to be kept", WAIT_S)
        serving = gate.ask("status")
        gate.kill(signal.SIGTERM)
        good = file.read_text()
        file.write_text(good.replace("[timers]", "[timer]"))
        gate.restart()
        gate.await_phase("out_of_service")
        assert "did you mean timers?" in gate.ask("status")["findings"][0]
        assert set(gate.doors().values()) == {"secured"}
        assert set(serving) <= set(gate.ask("status")), "whoever reads the one can read the other"
        file.write_text(good)
        assert gate.ask("reload")["refused"] == []
        gate.await_phase("idle")
        gate.kill(signal.SIGTERM)
        file.write_text(good.replace("[timers]", "[timer]"))
        gate.daemon = gate.start("run", "--last-known-good")
        gate.await_phase("idle")
        loaded = [event["data"] for event in gate.events() if event["type"] == "gatefw.config.loaded.v1"]
        assert [each["last_known_good"] for each in loaded] == [False, True]
        assert len({each["sha256"] for each in loaded}) == 1


@pytest.mark.real
def test_a_gate_that_never_served_tells_at_least_what_is_wrong(site: Site) -> None:
    site.spoil()
    daemon = site.run("run")
    try:
        until(lambda: site.status()["made_safe"], "its first turn", WAIT_S)
        told = site.status()
        assert (told["made_safe"], told["last_known_good"]) == (NOTHING_KNOWN, None)
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.communicate(timeout=WAIT_S)
    refused = site.run("run", "--last-known-good")
    _, said = refused.communicate(timeout=WAIT_S)
    assert (refused.returncode, "none ever reached service" in said) == (2, True)


@pytest.mark.real
def test_under_systemd_a_mended_file_is_a_new_start_of_the_whole_gate(site: Site) -> None:
    """The vision unit ended over the same file; a start of the supervisor's unit wants it again."""
    site.spoil()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(site.place / "notify"))
        site.env["NOTIFY_SOCKET"] = str(site.place / "notify")
        daemon = site.run("run")
        try:
            assert site.status()["reason"] == "config_broken"
            site.file.write_text(SIMULATED.read_text(encoding="utf-8"))
            call(site.place / "control.sock", "reload", timeout_s=WAIT_S)
        finally:
            daemon.communicate(timeout=WAIT_S)
    assert daemon.returncode == 0


@pytest.mark.real
def test_before_a_start_and_after_an_end_doors_are_made_safe_by_what_is_known(site: Site) -> None:
    site.serve_once()
    site.spoil()
    site.leave_released()
    made = site.run("make-safe")
    _, said = made.communicate(timeout=WAIT_S)
    assert (made.returncode, site.driven()) == (0, [])
    assert "doors are those of the last known good lane file" in said


@pytest.mark.real
def test_whoever_wants_no_safe_mode_is_told_and_gets_an_end(site: Site) -> None:
    site.spoil()
    ended = site.run("run", "--if-broken", "exit")
    _, said = ended.communicate(timeout=WAIT_S)
    assert (ended.returncode, "did you mean scan_s?" in said) == (2, True)
    assert not (site.place / "control.sock").exists()
