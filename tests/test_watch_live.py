"""A real gate is watched while somebody passes: what is shown is what happens, and nothing of who it is."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from live_gate import DEADLINE_S, live_gate
from planted import spelt

from gatefw.vision_wire import COMPONENTS

pytestmark = [pytest.mark.real, pytest.mark.models]


def test_a_traveller_passes_before_the_eyes_of_a_technician_who_learns_nothing_of_them(
    models: Path, photos: Path
) -> None:
    """Anna shows her code, steps in, looks into the camera and leaves; then the daemon is killed, and comes back."""
    with live_gate(models, photos) as gate:
        code = gate.enrol(photos / "obama.jpg")
        command = [sys.executable, "-m", "gatefw", "watch", "--json", "--dir", str(gate.run)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            lines: list[dict[str, Any]] = []

            def until_told(wanted: Any, what: str) -> dict[str, Any]:
                ends_s = time.monotonic() + DEADLINE_S
                assert process.stdout is not None
                while time.monotonic() < ends_s:
                    lines.append(json.loads(process.stdout.readline()))
                    if wanted(lines[-1]):
                        return lines[-1]
                raise AssertionError(f"{what} was not told")

            until_told(lambda told: told["answers"] and told["lane"]["phase"] == "idle", "an idle lane")
            gate.world.traveller("anna", code=code, photo="obama2.jpg")
            looked = until_told(lambda told: told["lane"]["quality"], "the quality of her face")
            until_told(lambda told: told["lane"]["phase"] == "idle", "an idle lane again")
            assert gate.world.outcome("anna", deadline_s=DEADLINE_S) == "passed"
            gate.kill()
            gone = until_told(lambda told: not told["answers"], "that the daemon is gone")
            gate.restart()
            until_told(lambda told: told["answers"], "that it is back")
            process.terminate()
            process.wait(DEADLINE_S)
    assert "is `gatefw run` running there?" in gone["why"]
    assert tuple(name for name, _ in looked["lane"]["quality"]) == COMPONENTS
    waited = {each for told in lines if told["answers"] for run in told["lane"]["runs"] for each in run["waits_for"]}
    assert waited & {"let_in", "verify_face"}  # looked for now and then: on a busy machine one may come and go unseen
    assert {"entry_door", "exit_door"} <= {
        door["name"] for told in lines if told["answers"] for door in told["lane"]["doors"] if door["released"]
    }
    everything = json.dumps(lines).encode()
    assert [how for how, spell in spelt(code.encode()) if spell in everything] == []
    assert b"obama" not in everything
