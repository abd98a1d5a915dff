"""The officer's console as it stands in a hall: thirty lanes, two of them real, the others played, in a browser."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from console_bench import HASH, PlayedLane
from console_desk import IN_A_BROWSER, Desk, chromium, playwright
from live_gate import LiveGate, live_gate

from gatefw.cli import main

pytestmark = [pytest.mark.real, pytest.mark.models, *IN_A_BROWSER]
REAL, COUNT = 2, 30


class Process:
    """`gatefw console`, which may be killed and begun again at the same port."""

    def __init__(self, folder: Path, keys: list[Path]) -> None:
        self._file, self._keys, self.port = folder / "console.toml", keys, 0
        self.start()

    def start(self) -> None:
        lanes = [
            f'[[lane]]\nname = "lane-{n}"\ntitle = "Lane {n}"\ngroup = "{group(n)}"\nkey = "{key}"\n'
            for n, key in enumerate(self._keys, 1)
        ]
        officer = f'[[officer]]\nname = "mk"\npassword = "{HASH}"\nmay = ["read", "operate"]\n'
        self._file.write_text(f"[console]\nport = {self.port}\n{''.join(lanes)}{officer}")
        self._file.chmod(0o600)
        words = [sys.executable, "-m", "gatefw", "console", str(self._file)]
        self._process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline().rstrip("/\n").rpartition(":")[2])

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


def group(n: int) -> str:
    return "Arrivals" if n <= COUNT // 2 else "Departures"


@pytest.fixture
def gates(models: Path, photos: Path) -> Iterator[list[LiveGate]]:
    with ExitStack() as held:
        found = [held.enter_context(live_gate(models, photos, phases=())) for _ in range(REAL)]
        for gate in found:
            gate.await_phase("idle")
        yield found


def key_at(gate: LiveGate) -> Path:
    key = gate.run / "desk.key"
    assert main(["keys", "new", "desk", "--may", "read,operate", "--dir", str(gate.run), "--out", str(key)]) == 0
    return key


def phase(n: int, shown: str) -> str:
    return f'.card[data-phase="{shown}"]:has(.name:text-is("Lane {n}"))'


def test_an_officer_watches_thirty_lanes_and_acts_in_one(gates: list[LiveGate], tmp_path: Path) -> None:
    """Lanes 1 and 2 are real. The first is held, the second hangs and goes on, a played one does not answer any more;
    then a group is stopped, the second is evacuated, and the console itself is killed and begun again."""
    with ExitStack() as held:
        played = [PlayedLane(tmp_path / f"lane-{n}") for n in range(REAL + 1, COUNT + 1)]
        for lane in played:
            held.callback(lane.close)
        keys = [key_at(gate) for gate in gates] + [tmp_path / f"lane-{n}" / "console.key" for n in range(3, COUNT + 1)]
        console = Process(tmp_path, keys)
        held.callback(lambda: console.kill())
        browser = chromium(held.enter_context(playwright.sync_playwright()))
        held.callback(browser.close)
        desk = Desk(console.port, browser)
        desk.login()
        for n in range(1, COUNT + 1):
            desk.sees(phase(n, "idle"))
        desk.choose(1)
        desk.type("h")
        desk.says("Lane 1: done")
        desk.sees(phase(1, "hold"))
        gates[1].daemon.send_signal(signal.SIGSTOP)
        played[-1].deaf.set()
        desk.sees(phase(2, "silent"))
        desk.sees(phase(COUNT, "silent"))
        desk.picture("thirty")
        gates[1].daemon.send_signal(signal.SIGCONT)
        desk.sees(phase(2, "idle"))
        desk.choose(COUNT)
        desk.type("g", "1", "Enter")
        desk.says("14 of 15 lanes are held", "dialog")
        desk.says(f"Lane {COUNT}:", "dialog")
        desk.type("Enter")
        desk.sees_no("dialog")
        assert [[order.verb for order in lane.given] for lane in played[-14:-1]] == [["hold"]] * 13
        assert [each["data"]["by"] for each in gates[0].events() if each["type"].endswith("ordered.v1")] == [
            "bus-desk/mk"
        ]
        desk.choose(2)
        desk.type("e", "1", "Enter")
        desk.sees(phase(2, "evacuated"))
        desk.says("Evacuated", "#alarm-list")
        console.kill()
        desk.sees("#stale")
        console.start()
        desk.sees("#login")
        desk.login()
        for n in range(1, COUNT):
            desk.sees(f'.card:not([data-phase="silent"]):has(.name:text-is("Lane {n}"))')
        desk.sees(phase(COUNT, "silent"))
        assert desk.broken == []
