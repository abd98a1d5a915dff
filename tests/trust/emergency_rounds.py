"""One gate under load, and emergencies at it: the real daemon and watcher, with a thread that never lets go of the GIL.

Vision is dead from the start, and the journal's file is held by somebody else while an emergency lasts: nothing can be
committed meanwhile. What is measured begins when an input was given its level and ends when the last line of
`way_out.emergency` is on; the input's own debouncing is taken off.
"""

import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from peers import until
from trust.emergency_site import AT_REST, EVACUATE, FIRE, LINES, OCCUPIED, STOP, Site

from gatefw.control import call
from gatefw.errors import GateError
from gatefw.model import Phase

ROOT = Path(__file__).resolve().parents[2]
DEBOUNCE_S = 0.02
GLITCH_S = 0.005
NICE = -10
LOCKS_AGAIN_S = 0.15
"""Nothing may secure a door by itself: it is watched for so long after the input is off again."""
PATIENCE_S = 60.0
EDITS = {"scan_s": "0.1", "start": '"unit"', "lease_s": "1.0", "renew_s": "0.25"}
SITUATIONS = ("at rest", "occupied", "in maintenance", "stopped")
QUIET = (Phase.DEGRADED, Phase.OUT_OF_SERVICE)
ON = {FIRE: 1, EVACUATE: 0}


@dataclass
class Seen:
    """What came of all rounds at one gate; times in seconds behind the debouncing."""

    took_s: list[float] = field(default_factory=list)
    spans: list[tuple[float, float]] = field(default_factory=list)
    """From when the input was given its level until the last line was on; monotonic, one for each of `took_s`."""
    phases: Counter[str] = field(default_factory=Counter)
    glitches: int = 0
    violations: list[str] = field(default_factory=list)


def preferred() -> bool:
    """Whether we may give the daemon what its unit gives it: more of the CPU, and urgent threads."""
    return os.geteuid() == 0


def _prefer(pid: int) -> None:
    """As `Nice=` and `CPUWeight=` of the units do: before the rest of this machine, as a process and as a group."""
    if preferred():
        os.setpriority(os.PRIO_PROCESS, pid, NICE)
        with suppress(OSError):
            Path(f"/proc/{pid}/autogroup").write_text(str(NICE))


def rounds(count: int, seed: int) -> Seen:
    """So many emergencies at a gate of its own."""
    seen, chance = Seen(), random.Random(seed)
    with TemporaryDirectory(prefix="g") as place, _gate(Path(place)) as site:
        gate = Rounds(Path(place), site, seen, chance)
        for number in range(count):
            gate.emergency(SITUATIONS[number % len(SITUATIONS)], chance.choice((FIRE, EVACUATE)))
        gate.look_into_the_journal()
    return seen


@contextmanager
def _gate(place: Path) -> Iterator[Site]:
    text = (ROOT / "config" / "sim.toml").read_text().partition("[world]")[0].replace('codes = "front"', "", 1)
    for key, value in EDITS.items():
        text = re.sub(rf"(?m)^{key} = \S+", f"{key} = {value}", text, count=1)
    (place / "lane.toml").write_text(text)
    env = os.environ | {"GATEFW_STATE": str(place / "s"), "GATEFW_RUN": str(place)}
    site = Site(place / "pins.sock")
    processes = []
    try:
        with (place / "log").open("wb") as log:
            for module in (["gatefw", "watcher"], ["bench.busy", "0.0005", "run"]):
                command = [sys.executable, "-m", *module, str(place / "lane.toml")]
                processes.append(subprocess.Popen(command, cwd=ROOT, env=env, stderr=log, start_new_session=True))
                _prefer(processes[-1].pid)
        yield site
    except BaseException:
        sys.stderr.write((place / "log").read_text()[-3000:])
        raise
    finally:
        for process in reversed(processes):
            process.send_signal(signal.SIGKILL)
            process.wait()
        site.close()


class Rounds:
    def __init__(self, place: Path, site: Site, seen: Seen, chance: random.Random) -> None:
        self._place, self._site, self._seen, self._chance = place, site, seen, chance
        self._await(*QUIET)

    def emergency(self, situation: str, pin: int) -> None:
        """Bring the lane into a situation; a glitch, then an emergency; then all as before."""
        self._bring_about(situation)
        self._glitch(pin)
        phase = self._phase()
        with self._journal_held():
            began_s = self._site.put(pin, ON[pin])
            free = self._site.await_driven(set(LINES), PATIENCE_S)
            driven = self._site.driven()
            if free:
                ended_s = max(driven.values())
                self._seen.spans.append((began_s, ended_s))
                self._seen.took_s.append(ended_s - began_s - DEBOUNCE_S)
                self._seen.phases[f"{phase}, {situation}"] += 1
            else:
                self._violated(f"{phase}: only {sorted(driven)} were released in {PATIENCE_S:.0f} s")
            time.sleep(self._chance.uniform(0.0, 0.05))
            self._site.put(pin, 1 - ON[pin])
            if self._site.await_dropped(LOCKS_AGAIN_S):
                self._violated(f"{phase}: the doors were secured by themselves")
        for quiet in (OCCUPIED, STOP):
            self._site.put(quiet, AT_REST.get(quiet, 1))
        self._await(Phase.EVACUATED)
        until(lambda: self._order("reset"), "the lane to be reset", PATIENCE_S)
        self._await(*QUIET)

    def look_into_the_journal(self) -> None:
        """Every emergency is written down, though it was not waited for."""
        until(lambda: self._recorded() == len(self._seen.took_s), "every emergency to be recorded", PATIENCE_S)

    def _recorded(self) -> int:
        with closing(sqlite3.connect(self._journal)) as journal:
            bodies = journal.execute("select body from event where kind = 'lane.phase_changed'").fetchall()
        return sum(json.loads(body)["data"]["phase"] == Phase.EVACUATED for (body,) in bodies)

    @property
    def _journal(self) -> Path:
        return self._place / "s" / "journal.sqlite"

    def _glitch(self, pin: int) -> None:
        """Shorter than the debouncing, by our own clock; one that we kept for longer counts for nothing."""
        on_s = self._site.put(pin, ON[pin])
        time.sleep(GLITCH_S)
        lasted_s = self._site.put(pin, 1 - ON[pin]) - on_s
        freed = self._site.await_driven({next(iter(LINES))}, 0.1)
        if lasted_s < DEBOUNCE_S / 2:
            self._seen.glitches += 1
            if freed:
                self._violated(f"a glitch of {lasted_s * 1e3:.1f} ms released a door")

    @contextmanager
    def _journal_held(self) -> Iterator[None]:
        """Nobody can commit; not for longer than the daemon bears it."""
        with closing(sqlite3.connect(self._journal, timeout=PATIENCE_S, isolation_level=None)) as journal:
            journal.execute("begin immediate")
            try:
                yield
            finally:
                journal.execute("rollback")

    def _bring_about(self, situation: str) -> None:
        match situation:
            case "occupied":
                self._site.put(OCCUPIED, 0)
            case "in maintenance":
                until(lambda: self._order("maintain", name="tester", why="other"), "maintenance to begin", PATIENCE_S)
            case "stopped":
                self._site.put(STOP, 1)

    def _order(self, verb: str, **args: object) -> bool:
        try:
            call(self._place / "control.sock", verb, args, PATIENCE_S)
        except GateError:
            return False
        return True

    def _phase(self) -> str:
        with suppress(GateError):
            return str(call(self._place / "control.sock", "status")["phase"])
        return ""

    def _await(self, *phases: Phase) -> None:
        until(lambda: self._phase() in phases, f"the lane to be {' or '.join(phases)}", PATIENCE_S)

    def _violated(self, what: str) -> None:
        self._seen.violations.append(what)
