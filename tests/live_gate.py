"""A real gate for tests: simulated world, watcher and daemon as processes of their own, any of which may be killed."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from peers import until

from gatefw.bus_client import follow
from gatefw.bus_keys import ClientKey
from gatefw.control import call
from gatefw.errors import DeviceLost
from gatefw.identifier import new_identifier
from hw.sim.client import WorldClient, launched

SIM = Path(__file__).resolve().parents[1] / "config" / "sim.toml"
DEADLINE_S = 120.0  # a gate took 49 s to come into service, measured for coverage on a machine with a load of 18


class LiveGate:
    """The processes and what can be asked of them. The world outlives the daemon."""

    def __init__(self, world: WorldClient, run: Path, env: dict[str, str], config: Path, stack: ExitStack) -> None:
        self.world, self.run = world, run
        self.env, self.config, self._stack = env, config, stack
        self.daemon = self.start("run")

    def start(self, command: str, *options: str) -> "subprocess.Popen[bytes]":
        log = self._stack.enter_context((self.run / f"{command}.log").open("ab"))
        words = [sys.executable, "-m", "gatefw", "-v", command, *options, str(self.config)]
        process = subprocess.Popen(words, env=self.env, stdout=log, stderr=log)
        self._stack.callback(_end, process)
        return process

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        self.daemon.send_signal(how)
        self.daemon.wait(DEADLINE_S)

    def restart(self) -> None:
        self.daemon = self.start("run")

    def ask(self, verb: str, **args: object) -> dict[str, Any]:
        return call(self.run / "control.sock", verb, args, DEADLINE_S)

    def phase(self) -> str:
        try:
            return str(self.ask("status")["phase"])
        except DeviceLost:
            return "not there"

    def await_phase(self, *phases: str, deadline_s: float = DEADLINE_S) -> None:
        until(lambda: self.phase() in phases, f"the lane to be {' or '.join(phases)}", deadline_s)

    def enrol(self, photo: Path) -> str:
        """Enrol somebody and return their QR code's text."""
        code = new_identifier().decode()
        self.ask("enrol", tokens=[code], photos=[str(photo)], days=1, consent=True)
        return code

    def events(self) -> list[dict[str, Any]]:
        """Everything in the journal, over the bus."""
        head = self.ask("status")["journal_head"]
        found = []
        for event in follow(ClientKey.read(self.run / "bus.key"), 0):
            found.append(event)
            if int(event["sequence"]) >= head:
                return found
        return found

    def doors(self) -> dict[str, str]:
        """Where each door really is."""
        return {name: door["position"] for name, door in self.world.do("state")["doors"].items()}

    def beam(self, door: str) -> str:
        """What the gate sees of a door's beam."""
        return str(self.ask("status")["beams"][door])

    def driven(self) -> list[str]:
        """The doors whose release line is on."""
        return [name for name, door in self.world.do("state")["doors"].items() if door["relay"]]


@contextmanager
def live_gate(
    models: Path,
    photos: Path,
    *,
    keep: bool = False,
    watcher: bool = True,
    hardware_limit_s: float = 20.0,
    tables: str = "",
    change: Callable[[str], str] = str,
    lane: str = "",
    before: Callable[[Path], None] = lambda _run: None,
    wire: Callable[[WorldClient], None] = lambda _world: None,
    phases: tuple[str, ...] = ("idle",),
) -> Iterator[LiveGate]:
    """A gate in service on simulated hardware; everything is ended and removed with the block.

    `tables` is put at the end of its lane file, after `change` was made to it; `lane` is the text of another one than
    config/sim.toml. `before` does in the run directory what has to be done before the world begins, `wire` to the world
    before the daemon does. The block begins when the lane is in one of `phases`; with none, as soon as it was started.
    """
    with ExitStack() as stack:
        run = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gate-")))
        (run / "state").mkdir(mode=0o700)
        (run / "state" / "models").symlink_to(models)
        config = run / "lane.toml"
        text = re.sub(r"(?m)^required = \w+", f"required = {str(watcher).lower()}", lane or SIM.read_text())
        config.write_text(f"{change(text)}\n{tables}\n")
        before(run)
        env = {key: value for key, value in os.environ.items() if not key.endswith("_DIRECTORY")}
        env |= {"GATEFW_STATE": str(run / "state"), "GATEFW_RUN": str(run)}
        world = stack.enter_context(launched(run, config, keep=keep, photos=photos, hardware_limit_s=hardware_limit_s))
        wire(world)
        gate = LiveGate(world, run, env, config, stack)
        if watcher:
            gate.start("watcher")
        if phases:
            gate.await_phase(*phases)
        yield gate


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(DEADLINE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
