"""A whole gate for a bench: world, watcher and daemon as processes of their own, on the lane of config/sim.toml.

State lies beside the real state, on the disk that a gate would write to; the sockets are in a temporary directory.
"""

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from gatefw.control import call
from gatefw.model import Phase
from gatefw.state import state_dir
from hw.sim.client import WorldClient, launched

ROOT = Path(__file__).resolve().parent.parent
QUICK = {"scan_s": "0.1", "travel_s": "0.05", "lock_s": "0.02", "required": "true"}
"""Nothing that is measured waits for these: a round is over sooner. The watcher is there, as in a real gate."""
START_S = 120.0


@dataclass(frozen=True, slots=True)
class LiveGate:
    """A gate that runs. Times are monotonic seconds; a process was begun at `begun_s`."""

    world: WorldClient
    run: Path
    daemon: int
    watcher: int
    begun_s: float
    ready_s: float

    def order(self, verb: str, **args: object) -> dict[str, Any]:
        return call(self.run / "control.sock", verb, args)

    def status(self) -> dict[str, Any]:
        return self.order("status")

    def await_phase(self, phase: Phase) -> None:
        until(lambda: self.status()["phase"] == phase, f"the lane to be {phase.value}")

    def children(self) -> list[int]:
        """The processes that the daemon started."""
        tasks = Path(f"/proc/{self.daemon}/task")
        return [int(pid) for children in tasks.glob("*/children") for pid in children.read_text().split()]


def until(so: Callable[[], object], what: str, deadline_s: float = START_S) -> None:
    """Wait until it is so, looking every 5 ms. Raises TimeoutError."""
    ends_s = time.monotonic() + deadline_s
    while not so():
        if time.monotonic() > ends_s:
            raise TimeoutError(f"waited {deadline_s} s for {what}")
        time.sleep(0.005)


@contextmanager
def live(edits: Mapping[str, str] | None = None, daemon: tuple[str, ...] = ("gatefw",)) -> Iterator[LiveGate]:
    """A gate whose daemon has just said READY. `edits`: values of keys in the lane file, as TOML; see `QUICK`.

    `daemon` is the module that is run, with its first arguments. All is ended and removed with the block.
    """
    with ExitStack() as stack:
        state = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", dir=state_dir())))
        run = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gatefw-")))
        (state / "models").symlink_to(state_dir() / "models")
        config = run / "lane.toml"
        config.write_text(_edited((ROOT / "config" / "sim.toml").read_text(), {**QUICK, **(edits or {})}))
        env = {key: value for key, value in os.environ.items() if not key.endswith("_DIRECTORY")}
        env |= {"GATEFW_STATE": str(state), "GATEFW_RUN": str(run)}
        world = stack.enter_context(launched(run, config, photos=state_dir() / "photos"))
        log = stack.enter_context((run / "log").open("w+b"))
        watcher = stack.enter_context(_started(("gatefw", "watcher", str(config)), env, log))
        until((run / "watcher.sock").exists, "the watcher")
        notified = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        notified.bind(str(run / "notify.sock"))
        begun_s = time.monotonic()
        told = {**env, "NOTIFY_SOCKET": str(run / "notify.sock")}  # the watcher has a READY of its own
        process = stack.enter_context(_started((*daemon, "run", str(config)), told, log))
        ready_s = _ready_s(notified, run / "log")
        yield LiveGate(world, run, process.pid, watcher.pid, begun_s, ready_s)


@contextmanager
def _started(module: tuple[str, ...], env: Mapping[str, str], log: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m MODULE ...` until the end of the block, which asks it to end and waits."""
    with subprocess.Popen([sys.executable, "-m", *module], cwd=ROOT, env=env, stderr=log) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(START_S)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


def _ready_s(notified: socket.socket, log: Path) -> float:
    """When the daemon said READY, as it says it to systemd."""
    notified.settimeout(START_S)
    try:
        while b"READY=1" not in notified.recv(4096):
            pass
    except TimeoutError:
        raise TimeoutError(f"the daemon was not ready in {START_S} s; it says: {log.read_text()[-2000:]}") from None
    return time.monotonic()


def _edited(text: str, values: Mapping[str, str]) -> str:
    """A TOML text with the first value of each key replaced, and two lines wired that the lane does not use."""
    for key, value in values.items():
        text, found = re.subn(rf"(?m)^{key} = \S+", f"{key} = {value}", text, count=1)
        assert found, f"config/sim.toml has no key {key}"
    return text.replace("[world.pins]\n", "[world.pins]\ntamper = 7\nbuzzer = 8\n", 1)
