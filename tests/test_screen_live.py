"""The traveller's screen at a real daemon: it follows, and knows one that was stopped from one that is at rest."""

import signal
from contextlib import closing
from pathlib import Path

import pytest
from live_gate import live_gate
from peers import until

from gatefw import mirror_wire
from gatefw.display import SOCKET
from gatefw.screen.link import Link
from gatefw.screen.picture import Line

pytestmark = [pytest.mark.real, pytest.mark.models]


def test_a_daemon_that_is_stopped_with_its_socket_open_is_silent_and_one_that_goes_on_is_heard(
    models: Path, photos: Path
) -> None:
    lines: list[Line | None] = []
    with live_gate(models, photos) as gate, closing(Link(gate.run / SOCKET, lines.append)):
        gate.await_phase("idle")
        until(lambda: lines and lines[-1] is not None, "the lane's line")
        assert not (gate.run / mirror_wire.SOCKET).exists(), "a mirror that no lane file asked for"
        gate.daemon.send_signal(signal.SIGSTOP)
        until(lambda: lines[-1] is None, "that nobody says it any more")
        gate.daemon.send_signal(signal.SIGCONT)
        until(lambda: lines[-1] is not None, "the same lane again")
        gate.kill()
        until(lambda: lines[-1] is None, "that it is gone")
