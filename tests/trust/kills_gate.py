"""A gate whose supervisor is there to be killed: world, watcher, scripted vision and a witness on the bus outlive it.

The lane is that of config/sim.toml with people who come with their face alone, quick doors and quick people; its own
`scan_s` stands. Everything else is the real thing.
"""

import itertools
import json
import os
import re
import select
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from peers import until
from systems.simulated import written
from trust.kills_vision import ScriptedVision

from gatefw.bus_client import follow
from gatefw.bus_keys import ClientKey
from gatefw.control import call
from gatefw.errors import DeviceLost, Refusal
from gatefw.identifier import new_identifier
from gatefw.journal import Journal
from gatefw.keys import read
from gatefw.model import DoorId, Input, Phase
from gatefw.wall_time import wall_clock
from hw.sim.client import WorldClient, launched
from hw.sim.history import Entry

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 90.0  # of anything that must come; a busy machine is slow, not wrong
LAST_S = 2.0
RECENT = 1000  # events; a round has fewer
Event = dict[str, Any]


def lane_text() -> str:
    """The lane file of these gates, with its world."""
    lane = tomllib.loads((ROOT / "config" / "sim.toml").read_text(encoding="utf-8"))
    lane["lane"] |= {"procedure": "walk_through", "again_s": 0.5}
    lane["clearance"] = {"identify_s": 5.0, "second_look": True}
    lane["tries"] = {"most": 100, "within_s": 10.0}
    lane["gallery"] = {"most": 100, "fpir": 0.01, "fnir": 0.2}
    lane["vision"] = {
        "start": "unit", "runtime": "litert", "detector": "blazeface-short-range-int8", "embedder": "dlib-resnet-int8",
        "identify": "front",
    }  # fmt: skip
    lane["timers"] |= {"check_s": 10.0, "enter_s": 10.0, "secure_s": 10.0, "leave_s": 10.0, "exercise_s": 20.0}
    lane["watcher"]["required"] = True
    del lane["reader"], lane["world"]["scanners"]
    lane["world"] |= {"travel_s": 0.4, "lock_s": 0.05, "walk_m_s": 4.0}
    return written(lane)


class Nursery:
    """Starts supervisors without Python's imports; see `kills_nursery`. May be used from any thread."""

    def __init__(self) -> None:
        self._asking = threading.Lock()
        program = [sys.executable, str(Path(__file__).with_name("kills_nursery.py"))]
        self._process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, **what: object) -> dict[str, Any]:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        with self._asking:
            stdin.write(json.dumps(what) + "\n")
            stdin.flush()
            return dict(json.loads(stdout.readline()))

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


class Daemon:
    """One life of a supervisor, forked by the nursery or (`program`) started as everybody starts it."""

    def __init__(self, nursery: Nursery, lane_file: Path, env: dict[str, str], program: bool) -> None:
        self._nursery, self._process = nursery, None
        log = lane_file.with_name("run.log")
        self.born_s = time.monotonic()
        if program:
            with log.open("ab") as out:
                command = [sys.executable, "-m", "gatefw", "-v", "run", str(lane_file)]
                self._process = subprocess.Popen(command, env=env, stdout=out, stderr=out)
            self.pid = self._process.pid
        else:
            self.pid = int(nursery.ask(run=str(lane_file), env=env, log=str(log))["pid"])
        self._handle = os.pidfd_open(self.pid)  # its parent waits for it only when it is asked to
        self.status: int | None = None

    def strike(self, number: signal.Signals) -> None:
        signal.pidfd_send_signal(self._handle, number)

    def ended(self, within_s: float) -> bool:
        """Whether it ended in time; its status is then known."""
        if self.status is None and select.select([self._handle], [], [], within_s)[0]:
            waited = self._process.wait() if self._process else self._nursery.ask(ended=self.pid)["status"]
            self.status = int(waited)
            os.close(self._handle)
        return self.status is not None

    def cpu_s(self) -> float:
        """What it has used of the CPU by now."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        if not self.ended(0.0):
            self.strike(signal.SIGKILL)
            self.ended(DEADLINE_S)


class Witness:
    """A subscriber that outlives every supervisor: what it was shown, in order, and so the phase of the lane."""

    def __init__(self, run: Path) -> None:
        self._run, self._changed = run, threading.Condition()
        self.events: list[Event] = []
        self.failed: Exception | None = None
        self._thread = threading.Thread(target=self._work, name="witness", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Once the supervisor has stopped in order: the last that it said ends this one as well.

        It may not have come through sockets that were closing; then this one waits for a gate that is no more, until
        the process ends.
        """
        self._thread.join(LAST_S)

    def phase(self) -> str:
        """The lane's phase by what was shown last, "" before anything was."""
        return next((phase for each in reversed(self.events) if (phase := phase_of(each))), "")

    def await_so(self, so: Callable[[], bool], what: str, within_s: float = DEADLINE_S) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: self.failed or so(), within_s) or self.failed:
                last = [(each["type"].split(".", 1)[1], each["data"]) for each in self.events[-4:]]
                raise TimeoutError(f"waited {within_s} s for {what}; shown last was {last}; {self.failed or ''}")

    def await_phase(self, *phases: str, after: int) -> None:
        """Until the lane was in one of them, by the events after that number; it may have left it since."""
        self.await_so(lambda: any(phase_of(each) in phases for each in self._since(after)), f"the lane to be {phases}")

    def await_rest(self, after: int) -> None:
        """Until the lane is idle, and every passage has its end."""

        def at_rest() -> bool:
            kinds = [each["type"] for each in self._since(after)]
            begun, ended = (kinds.count(f"gatefw.passage.{what}.v1") for what in ("started", "ended"))
            return self.phase() == "idle" and begun == ended

        self.await_so(at_rest, "the lane to be at rest")

    def _since(self, after: int) -> list[Event]:
        """What came after that number, which is not long ago."""
        return [each for each in self.events[-RECENT:] if number(each) > after]

    def _work(self) -> None:
        try:
            key = self._run / "bus.key"
            until(key.exists, "the first supervisor to make a key for its own user", DEADLINE_S)
            for event in follow(ClientKey.read(key), 0):
                with self._changed:
                    self.events.append(event)
                    self._changed.notify_all()
                if event["type"] == "gatefw.service.stopped.v1":
                    return
        except Exception as problem:  # noqa: BLE001  told to whoever waits
            with self._changed:
                self.failed = problem
                self._changed.notify_all()


def number(event: Event) -> int:
    return int(event["sequence"])


def phase_of(event: Event) -> str:
    """The phase that an event says the lane has, "" when it says none."""
    told = event["type"] in ("gatefw.lane.phase_changed.v1", "gatefw.service.started.v1")
    return str(event["data"]["phase"]) if told else ""


class Gate:
    """The processes of one gate. `daemon` is the supervisor of now; nobody starts another one but `start`."""

    def __init__(self, run: Path, models: Path, keep: bool, nursery: Nursery, stack: ExitStack) -> None:
        self.run, self.keep, self._nursery = run, keep, nursery
        self._file, self._names = run / "lane.toml", itertools.count(1)
        (run / "state").mkdir(mode=0o700)
        (run / "state" / "models").symlink_to(models)
        self._file.write_text(lane_text(), encoding="utf-8")
        kept = {name: value for name, value in os.environ.items() if not re.search("_DIRECTORY$|^COVERAGE_", name)}
        self._env = kept | {"GATEFW_STATE": str(run / "state"), "GATEFW_RUN": str(run)}
        self.world: WorldClient = stack.enter_context(launched(run, self._file, keep=keep))
        self._watch(stack)
        self.vision = stack.enter_context(closing(ScriptedVision(run / "vision.sock")))
        self.witness = Witness(run)
        self.base = self._seen = 0
        """The journal's row and the world's entry after which this round begins."""
        self._mends: list[Callable[[], object]] = []
        self._daemon: Daemon | None = None
        stack.callback(self._end)
        self.start()
        self.witness.await_phase("idle", after=0)
        self.order("enrol", tokens=[new_identifier().decode()], photos=[str(self._file)], days=1, consent=True)

    def _watch(self, stack: ExitStack) -> None:
        log = stack.enter_context((self.run / "watcher.log").open("ab"))
        command = [sys.executable, "-m", "gatefw", "-v", "watcher", str(self._file)]
        watcher = stack.enter_context(subprocess.Popen(command, env=self._env, stdout=log, stderr=log))
        stack.callback(watcher.terminate)

    @property
    def daemon(self) -> Daemon:
        assert self._daemon is not None
        return self._daemon

    def start(self, program: bool = False) -> None:
        self._daemon = Daemon(self._nursery, self._file, self._env, program)

    def order(self, verb: str, **args: object) -> None:
        """Until it is done: a lane that is not ready for it yet says so."""
        ends_s = time.monotonic() + DEADLINE_S
        while True:
            try:
                call(self.run / "control.sock", verb, args, DEADLINE_S)
                return
            except (Refusal, DeviceLost):
                if time.monotonic() > ends_s:
                    raise
                threading.Event().wait(0.05)

    def traveller(self) -> None:
        """Somebody whose face is known comes."""
        name = f"p{next(self._names)}"
        self.world.traveller(name, "known", says="nothing", enter_patience_s=20.0, leave_patience_s=60.0)

    # ------------------------------------------------------------ what is done to it, and undone

    def harm(self, door: DoorId, **faults: bool) -> None:
        self.world.do("harm", door=door, **faults)
        self._mends.append(lambda: self.world.do("harm", door=door, **dict.fromkeys(faults, False)))

    def press(self, which: Input) -> None:
        self.world.do("input", input=which, on=True)
        self._mends.append(lambda: self.world.do("input", input=which, on=False))

    def press_shortly(self, which: Input) -> None:
        """And let go of it, once the lane has heard it."""
        before = number(self.witness.events[-1])
        self.world.do("input", input=which, on=True)
        self.witness.await_so(lambda: number(self.witness.events[-1]) > before, f"the lane to hear {which}")
        self.world.do("input", input=which, on=False)

    def lose_cameras(self) -> None:
        self.vision.see(False)
        self._mends.append(lambda: self.vision.see(True))

    def mend(self) -> None:
        """Undo all that, have an officer reset the lane if need be, and await that everybody went and it is at rest."""
        while self._mends:
            self._mends.pop()()
        if self.witness.phase() in (Phase.FAULT, Phase.EVACUATED, Phase.HOLD):
            self.order("reset")
        if self.witness.phase() == Phase.OUT_OF_SERVICE:
            self.order("open")
        for name in [each["person"] for each in self.history() if each.kind == "appeared"]:
            self.await_world("finished", person=name)
        self.witness.await_rest(self.base)

    # ------------------------------------------------------------ what it tells

    def await_phase(self, phase: Phase) -> None:
        """Until the lane was there in this round."""
        self.witness.await_phase(phase, after=self.base)

    def begin_round(self) -> None:
        """What happened before is of no interest any more."""
        self._seen = max((each.n for each in self.history()), default=self._seen)
        self.base = max((number(each) for each in self.rows(self.base)), default=self.base)

    def history(self) -> list[Entry]:
        """What the world saw in this round."""
        return [Entry.from_json(each) for each in self.world.do("history", since=self._seen)["history"]]

    def await_world(self, kind: str, **facts: object) -> None:
        self.world.wait_for(lambda entry: entry.says(kind, **facts), DEADLINE_S, f"{kind} {facts}", self._seen)

    def rows(self, after: int) -> list[Event]:
        """What the journal holds after number `after`, whoever has it open."""
        return journal_rows(self.run / "state" / "journal.sqlite", after)

    def stop(self) -> None:
        """Have the supervisor end in order, and the witness with it; both doors must be let go of, and none moved.

        Raises RuntimeError: it did not, or something moved. JournalBroken: the chain does not hold.
        """
        self.begin_round()
        self.daemon.strike(signal.SIGTERM)
        if not self.daemon.ended(DEADLINE_S) or self.daemon.status != 0:
            raise RuntimeError(f"told to stop, the supervisor ended with {self.daemon.status}")
        self.witness.close()
        if any(each.kind == "door" for each in self.history()) or any(
            door["relay"] for door in self.world.do("state")["doors"].values()
        ):
            raise RuntimeError("a supervisor that was told to stop moved a door, or left one released")
        state = self.run / "state"
        journal = Journal.open(
            state / "journal.sqlite", "sim", read(state / "keys" / "journal.key"), wall_clock, _cannot_fail
        )
        with closing(journal):
            journal.verify()

    def _end(self) -> None:
        if self._daemon is not None:
            self._daemon.close()


@contextmanager
def gate(models: Path, keep: bool, nursery: Nursery) -> Iterator[Gate]:
    """A gate in service, which knows one traveller's face. All of it is removed with the block."""
    with ExitStack() as stack:
        run = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kills-")))
        yield Gate(run, models, keep, nursery, stack)


def wall_s(event: Event) -> float:
    return datetime.fromisoformat(event["time"]).timestamp()


def journal_rows(path: Path, after: int) -> list[Event]:
    """The events of a journal after number `after`, read beside whoever writes it."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10.0)) as database:
        found = database.execute("select body from event where n > ? order by n", (after,)).fetchall()
    return [json.loads(body) for (body,) in found]


def _cannot_fail(error: Exception) -> None:
    raise AssertionError(error)  # nothing is written
