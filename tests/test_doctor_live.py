"""gatefw doctor before a real gate: healthy while it is, and right about what killed it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from live_gate import LiveGate, live_gate

pytestmark = [pytest.mark.real, pytest.mark.models]


def doctor(gate: LiveGate, *words: str) -> tuple[int, dict[str, Any]]:
    """Exit status, and what it told; the state directory is named for when the daemon cannot."""
    env = {key: value for key, value in os.environ.items() if not key.endswith("_DIRECTORY")}
    env |= {"GATEFW_STATE": str(gate.run / "state"), "GATEFW_RUN": str(gate.run)}
    ran = subprocess.run(
        [sys.executable, "-m", "gatefw", "doctor", "--json", *words],
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert not ran.stderr, ran.stderr
    told: dict[str, Any] = json.loads(ran.stdout)
    return ran.returncode, told


def test_a_gate_in_service_is_healthy_and_each_trouble_is_named_as_it_comes(models: Path, photos: Path) -> None:
    """Somebody opens a key to others, misspells a line of the lane file, changes it well; then the daemon is killed."""
    with live_gate(models, photos) as gate:
        gate.await_phase("idle")
        status, told = doctor(gate)
        assert (status, told["state"], told["daemon"]) == (0, "healthy", "answers"), told
        assert told["file"] == str(gate.run / "lane.toml")

        key = gate.run / "state" / "keys" / "records.key"
        key.chmod(0o644)
        status, told = doctor(gate)
        assert (status, told["findings"][0]["code"], told["findings"][0]["where"]) == (3, "G0200", str(key))
        status, told = doctor(gate, "--fix")
        assert (status, told["state"], [each["code"] for each in told["fixed"]]) == (0, "healthy", ["G0200"])

        file = gate.run / "lane.toml"
        whole = file.read_text()
        file.write_text(re.sub(r"(?m)^scan_s", "scan_sx", whole, count=1))
        status, told = doctor(gate)
        assert (status, told["findings"][0]["code"]) == (1, "G0010")
        file.write_text(re.sub(r"(?m)^scan_s = .*", "scan_s = 2.5", whole, count=1))
        status, told = doctor(gate)
        assert (status, told["findings"][0]["code"]) == (1, "G0012")
        gate.ask("reload")
        assert doctor(gate)[0] == 0

        gate.kill()
        status, told = doctor(gate, str(file))
        assert (status, told["daemon"], told["findings"][0]["code"]) == (3, "stale", "G0023")

        gate.restart()
        gate.await_phase("idle")
        assert doctor(gate)[0] == 0
