"""The mirror at a real gate: its daemon, its vision process, its screen; only hardware and people are simulated."""

import os
import signal
from pathlib import Path

import pytest
from live_gate import DEADLINE_S, LiveGate, live_gate
from mirror_watched import watched
from peers import until

pytestmark = [pytest.mark.real, pytest.mark.models]
MIRROR = "[screen]\nmirror = true\n"


def vision_of(gate: LiveGate) -> int:
    found = Path(f"/proc/{gate.daemon.pid}/task").glob("*/children")
    (pid,) = [int(each) for path in found for each in path.read_text().split()]
    return pid


@pytest.mark.timeout(600)
def test_whoever_is_looked_at_sees_themselves_and_nobody_else_does_also_after_vision_was_killed(
    models: Path, photos: Path
) -> None:
    """Twice somebody comes with another one's code, so that they are looked at for a second or more."""
    with live_gate(models, photos, tables=MIRROR) as gate, watched(gate) as browser:
        code = gate.enrol(photos / "obama.jpg")
        for name in ("bert", "carl"):
            browser.seen.clear()
            gate.world.traveller(name, code=code, photo="biden.jpg")
            assert gate.world.outcome(name, DEADLINE_S) == "turned_back"
            gate.await_phase("idle")
            seen = len(browser.seen)
            assert seen > 0, name
            assert len(set(browser.seen[-1].grey)) > 50, "a photograph"
            os.kill(vision_of(gate), signal.SIGKILL)
            until(lambda: gate.phase() == "degraded", "the lane without vision", DEADLINE_S)
            gate.await_phase("idle")
            assert len(browser.seen) == seen
