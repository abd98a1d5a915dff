"""Whether this version can run this lane on this machine, before it may: nothing is opened, and nothing moves.

processes    supervisor, vision, watcher and exporter, with all that they import, can be loaded, and are of one build
kernel       every compiled search finds what numpy finds
lane         `gatefw check`: the file, its models by hash, its doors
passage      people pass this lane file in virtual time, as they should
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

PROCESSES = "gatefw.supervisor", "gatefw.vision", "gatefw.watcher", "gatefw.metrics_exporter"
TRAVELLERS = 20
STEP_S = 300.0
SEARCH = """
import numpy as np
from gatefw.biometrics.index import NUMPY, Index, paths
from gatefw.biometrics.scale import Scale
rows = np.random.default_rng(7).standard_normal((1000, 128)).astype(np.float32)
def found(path):
    index = Index(128, Scale.fitted(rows), len(rows), path=path)
    index.put(range(len(rows)), rows)
    return index.nearest(rows[:10], 5)
if wrong := [path for path in paths() if found(path) != found(NUMPY)]:
    raise SystemExit(f"the kernel's {', '.join(wrong)} finds others than numpy; this build must search nobody")
"""
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Tested:
    """`problem` is empty when it is well."""

    what: str
    problem: str


def run(lane: Path, say: Say) -> list[Tested]:
    """Each part in a process of its own, which may die without taking the others along.

    -P: what lies in the directory where somebody called this is no part of the version that is tested.
    """
    tests = {
        "processes": ["-c", "".join(f"import {name}\n" for name in PROCESSES) + "import hw\nhw.require_ours()\n"],
        "kernel": ["-c", SEARCH],
        "lane": ["-m", "gatefw", "check", str(lane)],
        "passage": ["-m", "gatefw", "simulate", str(lane), "--travellers", str(TRAVELLERS), "--json"],
    }
    found = []
    for what, arguments in tests.items():
        say(what)
        found.append(Tested(what, _problem(what, arguments)))
    return found


def _problem(what: str, arguments: Iterable[str]) -> str:
    try:
        done = subprocess.run([sys.executable, "-P", *arguments], capture_output=True, text=True, timeout=STEP_S)
    except subprocess.TimeoutExpired:
        return f"not done after {STEP_S:.0f} s"
    if done.returncode == 0:
        return ""
    if what == "passage" and done.returncode == 1:
        return f"{json.loads(done.stdout)['unexpected']} of {TRAVELLERS} people ended otherwise than expected"
    lines = (done.stderr.strip() or done.stdout.strip()).splitlines() or ["no message"]
    return f"{lines[-1] if what != 'lane' else '; '.join(lines[:3])} (exit {done.returncode})"
