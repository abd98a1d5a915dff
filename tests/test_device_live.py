"""A technician at a real daemon: what there is, a scanner, a door, and a trace that plays back."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live_gate import DEADLINE_S, LiveGate, live_gate
from peers import until

import hw
from gatefw.model import Token

pytestmark = [pytest.mark.real, pytest.mark.models, pytest.mark.timeout(600)]

WAIT_S = 60.0
CODE = "GATE1:TRAVELLER-NUMBER"


@pytest.fixture
def gate(models: Path, photos: Path) -> Iterator[LiveGate]:
    with live_gate(models, photos, watcher=False) as gate:
        yield gate


def maintained(gate: LiveGate) -> None:
    """In maintenance, from now on for its whole time."""
    if gate.phase() == "maintenance":
        gate.ask("maintain_end")
    gate.ask("maintain", name="tester", why="other")


class Command:
    """`gatefw device ...`, running. `lines` are read as they come."""

    def __init__(self, gate: LiveGate, *words: str) -> None:
        command = [sys.executable, "-m", "gatefw", "device", *words, "--dir", str(gate.run)]
        self._ran = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.lines: list[str] = []

    def until(self, said: str) -> str:
        assert self._ran.stdout is not None
        for line in self._ran.stdout:
            self.lines.append(line)
            if said in line:
                return line
        raise AssertionError(f"ended without {said!r}: {self.lines}, {self.ended()}")

    def interrupt(self) -> None:
        self._ran.send_signal(signal.SIGINT)

    def ended(self) -> tuple[int, str]:
        """Exit status, and what was said to standard error; the rest of its lines are read."""
        said, complained = self._ran.communicate(timeout=WAIT_S)
        self.lines += said.splitlines(keepends=True)
        return self._ran.returncode, complained


def done(gate: LiveGate, *words: str) -> tuple[int, list[Any], str]:
    """The exit status of a command, the JSON lines it said, and what it complained of."""
    command = Command(gate, *words, "--json")
    status, complained = command.ended()
    return status, [json.loads(line) for line in command.lines] if words[0] != "list" else command.lines, complained


def ordered(gate: LiveGate) -> list[tuple[str, bool]]:
    told = [event["data"] for event in gate.events() if event["type"] == "gatefw.operator.ordered.v1"]
    return [(each["verb"], each["accepted"]) for each in told]


def health(gate: LiveGate) -> list[str]:
    """What became of the scanner, one after the other."""
    told = [event for event in gate.events() if event["data"].get("device") == "reader.front"]
    return [event["type"].split(".")[2] for event in told]


def test_what_there_is_a_scanner_and_a_door(gate: LiveGate) -> None:
    status, lines, _ = done(gate, "list")
    listed = {each["device"]: each for each in json.loads("".join(lines))["devices"]}
    assert status == 0
    assert (listed["reader.front"]["driver"], listed["reader.front"]["state"]) == ("serial", "there")
    assert set(listed) >= {"door.entry_door", "door.exit_door", "sensors.lane", "indicator.lamps", "camera.inside"}

    status, lines, complained = done(gate, "test", "reader.front")
    assert (status, lines) == (2, [])
    assert "gatefw lane maintain" in complained

    maintained(gate)
    test = Command(gate, "test", "reader.front", "--seconds", "60")
    test.until("show a card or a code")
    gate.world.do("present", scanner="scanner-front", code=CODE)
    assert test.ended() == (0, "")
    assert test.lines[-1] == f"reader.front: passed  kind=identifier  symbology=]Q1  bytes={len(CODE)}\n"
    assert "TRAVELLER" not in "".join(test.lines)

    maintained(gate)
    status, lines, _ = done(gate, "test", "door.entry_door")
    assert (status, lines[-1]["passed"]) == (0, True), lines
    assert 0 < lines[-1]["opened_s"] < lines[-1]["secured_s"]
    assert gate.doors() == {"entry_door": "secured", "exit_door": "secured"}
    assert gate.phase() == "maintenance"

    maintained(gate)
    status, lines, _ = done(gate, "test", "camera.inside")
    assert (status, lines[-1]["ail"]) == (0, ""), lines
    assert lines[-1]["frames_per_s"] > 1

    begun = [each for each in ordered(gate) if each[0] not in ("maintain", "maintain_end")]
    assert begun == [
        ("device_test", False),
        ("device_test", True),
        ("device_test", True),
        ("exercise_entry", True),
        ("device_test", True),
    ]
    assert [event["type"] for event in gate.events() if "passage" in event["type"]] == []


def test_a_trace_shows_the_wire_plays_back_and_ends_with_maintenance(gate: LiveGate, tmp_path: Path) -> None:
    maintained(gate)
    out = tmp_path / "scanner.txt"
    trace = Command(gate, "trace", "reader.front", "--seconds", "600", "--out", str(out))
    until(lambda: out.exists() and out.read_text(), "the reader is opened through the recording", WAIT_S)
    until(lambda: health(gate)[-2:] == ["lost", "recovered"], "the reader is there", WAIT_S)
    gate.world.do("present", scanner="scanner-front", code=CODE)
    until(lambda: out.read_text().endswith("0d\n"), "the code is told to its end", WAIT_S)
    trace.interrupt()
    assert trace.ended()[0] == 130
    assert out.stat().st_mode & 0o777 == 0o600
    assert CODE.encode().hex() not in out.read_text()
    driver = hw.load("reader", "serial")
    reader = driver.open(driver.Settings(f"replay:{out}"))
    assert reader.read(DEADLINE_S) == Token(b"x" * len(CODE), "]Q1")
    reader.close()
    assert list(gate.run.glob("trace-*")) == []

    maintained(gate)
    trace = Command(gate, "trace", "reader.front", "--raw", "--personal-data-may-be-shown", "--seconds", "600")
    trace.until("# serial:")
    gate.ask("maintain_end")
    status, complained = trace.ended()
    assert status == 1
    assert "maintenance is over" in complained
    assert list(gate.run.glob("trace-*")) == []
    assert ("device_trace_raw", True) in ordered(gate)
    until(lambda: health(gate)[-1] == "recovered", "the reader is there", WAIT_S)


def test_a_daemon_that_ends_and_a_technician_who_goes_end_the_trace(gate: LiveGate) -> None:
    maintained(gate)
    trace = Command(gate, "trace", "reader.front", "--seconds", "600")
    trace.until("# serial:")
    os.kill(trace._ran.pid, signal.SIGKILL)
    trace.ended()
    until(lambda: not list(gate.run.glob("trace-*")), "nobody watches, and nothing is recorded", WAIT_S)

    maintained(gate)
    trace = Command(gate, "trace", "reader.front", "--seconds", "600")
    trace.until("# serial:")
    gate.kill(signal.SIGTERM)
    assert trace.ended()[0] in (1, 2)
    assert gate.daemon.returncode == 0
    assert list(gate.run.glob("trace-*")) == []


def test_maintenance_ends_by_itself_out_of_service_and_no_line_of_a_door_changes(gate: LiveGate) -> None:
    """A technician goes for lunch: the world, which sees every pin, sees none of a door's change by that."""
    gate.ask("maintain", name="mk", why="repair", seconds=4)
    status = gate.ask("status")
    assert 0 < status["maintenance"]["left_s"] <= 4
    mark = gate.world.mark()
    gate.await_phase("out_of_service")
    lines = [entry for entry in gate.world.history()[mark:] if entry.kind == "line"]
    assert {entry.facts["name"].partition(".")[0] for entry in lines} <= {"red", "amber", "green", "lamps"}
    assert gate.doors() == {"entry_door": "secured", "exit_door": "secured"}
    until(lambda: maintenance(gate)[-1]["type"].split(".")[2] == "ended", "its end in the journal", WAIT_S)
    assert [event["type"].split(".")[2] for event in maintenance(gate)] == ["started", "ending", "ended"]
    assert maintenance(gate)[-1]["data"] == {"by": "lane", "name": "mk", "phase": "out_of_service"}


def maintenance(gate: LiveGate) -> list[dict[str, Any]]:
    return [event for event in gate.events() if "maintenance" in event["type"]]
