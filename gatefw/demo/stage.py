"""The stage: world, watcher and daemon as processes, in a directory of their own, from which nothing is left behind."""

import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatefw.biometrics import card as cards
from gatefw.biometrics.install import PHOTO_SHA256
from gatefw.demo.witness import Event, Witness
from gatefw.errors import DeviceLost, ModelError, Refusal, SetupError
from gatefw.model import FactKind, Phase
from gatefw.state import state_dir
from hw.sim.client import WorldClient
from hw.sim.settings import CONTROL

LANE_FILE = Path(__file__).resolve().parents[2] / "config" / "sim.toml"
MIRROR = "\n[screen]\nmirror = true\n"
"""What the demo's lane has besides: people see themselves on its screen."""
START_S = 120.0  # a machine that is busy is slow, not broken: nothing waits for these but what is broken
END_S = 30.0
COMMAND_S = 70.0
LOOK_S = 0.02
ENDS = ("console", "screen", "events", "daemon", "watcher", "world")
"""In this order, so that nobody misses whom it follows."""
_LINUX_SET_DEATH_SIGNAL = 1  # prctl(2)
_LIBC = ctypes.CDLL(None)  # loaded before any fork


@dataclass(frozen=True, slots=True)
class Belongings:
    """What the demo needs of the machine: installed models and photographs."""

    models: Path
    photos: Path


def belongings(state: Path) -> Belongings:
    """Those in the state directory. Raises ModelError, which says how to get them."""
    found = Belongings(state / "models", state / "photos")
    missing = [str(found.photos / name) for name in PHOTO_SHA256 if not (found.photos / name).is_file()]
    try:
        for card in cards.shipped():
            cards.installed(found.models, card.name)
    except ModelError as error:
        missing.insert(0, str(error))
    if missing:
        raise ModelError(f"demo: {missing[0]}; run `gatefw models install --photos` first")
    return found


class Stage:
    """A running gate. `photos` is the directory of photographs, `logs` where each process's output is."""

    def __init__(self, directory: Path, run: Path, belongings: Belongings) -> None:
        self.photos, self.logs = belongings.photos, directory / "logs"
        self.run, self.lane = run, run / "lane.toml"
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._files = ExitStack()
        self._env = {key: value for key, value in os.environ.items() if key not in _SYSTEMD}
        self._env |= {"GATEFW_STATE": str(directory / "state"), "GATEFW_RUN": str(run), "PYTHONUNBUFFERED": "1"}
        (directory / "state").mkdir(mode=0o700)
        self.logs.mkdir()
        (directory / "state" / "models").symlink_to(belongings.models)

    def start(self, tell: Callable[[Event], None]) -> None:
        """World, watcher, daemon, events, each when the one before is there. `tell` is told every event."""
        self.lane.write_text(LANE_FILE.read_text(encoding="utf-8") + MIRROR, encoding="utf-8")
        world = ("hw.sim", "--dir", str(self.run), "--config", str(self.lane), "--photos", str(self.photos))
        self._begin("world", world, CONTROL)
        self.world = self._files.enter_context(WorldClient(self.run))
        self._begin("watcher", ("gatefw", "-v", "watcher", str(self.lane)), "watcher.sock")
        self._begin("daemon", ("gatefw", "-v", "run", str(self.lane)), "events.sock")
        events = self._begin("events", ("gatefw", "events", "tail", "--since", "0", "--json"))
        assert events.stdout is not None
        self.witness = Witness(self._files.enter_context(events.stdout), tell)

    def serve(self, name: str, *command: str) -> str:
        """Start a command that prints one line, its address, and serves until it is ended; its address.

        Raises SetupError: it did not start.
        """
        process = self._begin(name, ("gatefw", *command))
        assert process.stdout is not None
        address = self._files.enter_context(process.stdout).readline().strip()
        if not address:
            raise SetupError(f"demo: {name} did not start; its log ends: {self._end_of_log(name)}")
        return address

    def await_idle(self) -> None:
        """The lane has come into service. Raises TimeoutError."""
        self.witness.wait_for(FactKind.PHASE_CHANGED, START_S, 0, phase=Phase.IDLE)

    def gatefw(self, *arguments: str) -> dict[str, Any]:
        """Run a command of the real command line and return what it prints with --json. Raises Refusal: its words."""
        command = [sys.executable, "-P", "-m", "gatefw", *arguments, "--json"]
        done = subprocess.run(command, env=self._env, capture_output=True, text=True, timeout=COMMAND_S, check=False)
        if done.returncode != 0:
            raise Refusal(done.stderr.strip())
        return dict(json.loads(done.stdout))

    def kill_vision(self) -> None:
        """SIGKILL the vision process, which is a child of the daemon. Raises DeviceLost when there is none."""
        tasks = Path(f"/proc/{self._processes['daemon'].pid}/task")
        children = [int(pid) for each in tasks.glob("*/children") for pid in each.read_text().split()]
        if len(children) != 1:
            raise DeviceLost(f"vision: the daemon has {len(children)} children; only vision is wanted; see {self.logs}")
        os.kill(children[0], signal.SIGKILL)

    def dead(self) -> list[str]:
        """Which processes ended by themselves, and how."""
        return [
            f"{name} ended with {process.returncode}; its log ends: {self._end_of_log(name)}"
            for name, process in self._processes.items()
            if process.poll() is not None
        ]

    def end(self) -> list[str]:
        """End every process in order, each by SIGTERM; which did not end as it should."""
        wrong = self.dead()
        for name in [each for each in ENDS if each in self._processes]:
            process = self._processes.pop(name)
            process.terminate()
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                wrong.append(f"{name} did not end within {END_S:g} s; its log ends: {self._end_of_log(name)}")
            if process.wait() not in (0, -signal.SIGTERM):
                wrong.append(f"{name} ended with {process.returncode}; its log ends: {self._end_of_log(name)}")
        return wrong

    def close(self) -> None:
        """Kill what still runs, and let go of everything."""
        for process in self._processes.values():
            process.kill()
            process.wait()
        if hasattr(self, "witness"):
            self.witness.join()
        self._files.close()

    def _begin(self, name: str, module: tuple[str, ...], socket: str = "") -> subprocess.Popen[str]:
        """Start `python -m MODULE ...` and wait for its socket. A session of its own: Ctrl-C reaches us, not it."""
        log = self._files.enter_context((self.logs / f"{name}.log").open("w"))
        process = self._processes[name] = subprocess.Popen(
            [sys.executable, "-P", "-m", *module],
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=log if socket else subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
        ends_s = time.monotonic() + START_S
        while socket and not (self.run / socket).exists():
            if process.poll() is not None or time.monotonic() > ends_s:
                raise SetupError(f"demo: {name} did not start; its log ends: {self._end_of_log(name)}")
            time.sleep(LOOK_S)  # until the socket is there; nobody tells when
        return process

    def _end_of_log(self, name: str) -> str:
        lines = (self.logs / f"{name}.log").read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "(nothing)"


_SYSTEMD = ("STATE_DIRECTORY", "RUNTIME_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


def _die_with_parent() -> None:
    """In the child: SIGKILL when the demo is gone, even killed itself. Nobody would end it after that."""
    _LIBC.prctl(_LINUX_SET_DEATH_SIGNAL, signal.SIGKILL)


@contextmanager
def staged(tell: Callable[[Event], None], keep: Path | None = None) -> Iterator[Stage]:
    """A gate that runs until the end of the block, whatever ends it. With `keep`, its state and logs stay there.

    Raises ModelError when models or photographs are missing, SetupError when a process does not start.
    """
    own = belongings(state_dir(os.environ))
    if not LANE_FILE.is_file():
        raise SetupError(f"demo: the simulated lane {LANE_FILE} is not there; run the demo from a checkout")
    with tempfile.TemporaryDirectory(prefix="gatefw-") as run, ExitStack() as stack:
        directory = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gatefw-")))
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise SetupError(f"demo: {directory} is not empty; give a new directory to --keep")
        stage = Stage(directory.absolute(), Path(run), own)
        stack.callback(stage.close)
        stage.start(tell)
        yield stage
