"""A finger at a real daemon: enrolled by command, lost with the plug and back with it, gone with the registration."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from live_gate import DEADLINE_S, LiveGate, live_gate
from peers import until

pytestmark = [pytest.mark.real, pytest.mark.models]

TABLES = """
[finger.inside]
driver = "r30x"
link = "serial:${RUN}/tty-finger?baud=57600"
reply_s = 4.0

[world.lines.finger]
device = "finger_r30x"
baud = 57600
"""
ANNA = 7


@pytest.fixture
def gate(models: Path, photos: Path) -> Iterator[LiveGate]:
    with live_gate(models, photos, watcher=False, tables=TABLES) as gate:
        yield gate


def enrolled_by_command(gate: LiveGate, subject: str) -> dict[str, object]:
    """`gatefw enrol-finger`, and somebody at the sensor who does what it says."""
    command = [sys.executable, "-m", "gatefw", "enrol-finger", subject, "--consent", "--json", "--dir", str(gate.run)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as ran:
        assert ran.stderr is not None and ran.stdout is not None
        for line in ran.stderr:
            act = "lift" if line.startswith("lift") else "lay"
            given = {"finger": ANNA} if act == "lay" else {}
            gate.world.do("line", line="finger", act=act, **{"with": given})
        said = ran.stdout.read()
        assert ran.wait(DEADLINE_S) == 0
    return dict(json.loads(said))


def kept(gate: LiveGate) -> list[str]:
    with closing(sqlite3.connect(gate.run / "state" / "fingers.sqlite")) as database:
        return [row[0] for row in database.execute("select subject from finger")]


def test_a_finger_from_the_command_to_the_end_of_the_registration(gate: LiveGate, photos: Path) -> None:
    gate.enrol(photos / "obama.jpg")
    subject = gate.ask("subjects")["subjects"][0]["subject"]
    assert enrolled_by_command(gate, subject)["enrolled"] is True
    assert kept(gate) == [subject]
    agreed = gate.ask("subjects")["subjects"][0]["consents"]
    assert [each["to"] for each in agreed] == ["face", "finger"]

    gate.world.do("line", line="finger", plugged=False)
    until(lambda: gate.ask("status")["missing"] == ["finger.inside"], "the sensor is missed", DEADLINE_S)
    gate.await_phase("degraded")
    gate.world.do("line", line="finger", plugged=True)
    until(lambda: gate.ask("status")["missing"] == [], "the sensor is back", DEADLINE_S)

    gate.kill()
    gate.restart()
    gate.await_phase("idle")
    assert kept(gate) == [subject]
    gate.ask("revoke", subject=subject)
    assert kept(gate) == []
    told = ("subject.finger_enrolled", "device.lost", "device.recovered", "subject.revoked")
    wanted = {f"gatefw.{kind}.v1" for kind in told}
    until(lambda: wanted <= {event["type"] for event in gate.events()}, "all of it is told", DEADLINE_S)
