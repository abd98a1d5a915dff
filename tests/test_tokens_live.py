"""Signed tokens at a real daemon: one passage for each, through a kill and a restart."""

import secrets
import signal
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from live_gate import LiveGate, live_gate
from peers import until

from gatefw import signed_token
from gatefw.signed_token import Claims, Direction

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

KEY = Ed25519PrivateKey.generate()
# This machine's kernel need not vouch for its clock; that a lane which asks for it refuses is `test_token_check`'s.
TABLES = f"""
[tokens]
direction = "arrival"
require_synchronised = false
max_life_s = 3600
[tokens.issuers]
5f1c09d2 = "{KEY.public_key().public_bytes_raw().hex()}"
"""


def _token(subject: str, lane: str = "sim") -> str:
    now = int(time.time())
    claims = Claims(subject, lane, Direction.ARRIVAL, now - 5, now + 3000, secrets.token_bytes(8))
    return signed_token.issue(claims, "5f1c09d2", KEY).decode()


def _shown(gate: LiveGate, name: str, code: str) -> tuple[str, str]:
    """What came of somebody who shows a code and has the right face: outcome, and the reason of the last decision."""
    gate.await_phase("idle")
    gate.world.traveller(name, code=code, photo="obama2.jpg")
    outcome = gate.world.outcome(name, 90.0)
    gate.await_phase("idle")
    return outcome, [e["data"]["reason"] for e in gate.events() if e["type"] == "gatefw.passage.decided.v1"][-1]


def test_a_signed_token_lets_one_traveller_through_once_though_the_daemon_is_killed(models: Path, photos: Path) -> None:
    with live_gate(models, photos, tables=TABLES) as gate:
        subject = gate.enrol(photos / "obama.jpg")
        token = _token(subject)
        assert _shown(gate, "anna", token) == ("passed", "ok")
        assert _shown(gate, "copy", token) == ("not_admitted", "token_replayed")
        gate.kill(signal.SIGKILL)
        gate.restart()
        assert _shown(gate, "again", token) == ("not_admitted", "token_replayed")
        assert _shown(gate, "astray", _token(subject, "another-lane")) == ("not_admitted", "token_elsewhere")
        assert _shown(gate, "anna-again", _token(subject)) == ("passed", "ok")
        assert gate.world.violations() == []
        assert (gate.run / "state" / "tokens.sqlite").stat().st_mode & 0o777 == 0o600


SECOND_READER = """
[reader.second]
driver = "serial"
link = "serial:${RUN}/tty-second?baud=115200"
family = "newland"
product = "GATE-2D"
[world.lines.second]
device = "scanner"
baud = 115200
family = "newland"
held_s = 60.0
"""


def _started_by(gate: LiveGate) -> list[str]:
    return [e["data"]["reader"] for e in gate.events() if e["type"] == "gatefw.passage.started.v1"]


def test_a_scanner_that_is_spoken_to_is_lit_by_the_idle_lane_and_set_up_again_when_it_was_pulled_out(
    models: Path, photos: Path
) -> None:
    with live_gate(models, photos, tables=SECOND_READER) as gate:
        code = gate.enrol(photos / "obama.jpg")
        gate.world.do("present", scanner="second", code=code)
        until(lambda: _started_by(gate) == ["reader.second"], "a passage to begin with its code", 60)
        gate.await_phase("idle", deadline_s=60)
        gate.world.do("line", line="second", plugged=False)
        until(lambda: gate.ask("status")["missing"] == ["reader.second"], "the scanner to be missed", 60)
        gate.world.do("line", line="second", plugged=True)
        gate.await_phase("idle", deadline_s=60)
        gate.world.do("present", scanner="second", code=code)
        until(lambda: _started_by(gate) == ["reader.second"] * 2, "another passage to begin with its code", 60)
