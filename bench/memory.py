"""The memory of each process of a gate, after a traveller has passed.

From /proc/PID/smaps_rollup. `pss` shares what several processes map (libraries, the interpreter) among them: the sum
over all processes is what the gate takes. `rss` counts it in full. Peers: a bare interpreter, and one that has imported
numpy, cv2 and zmq; both count the sharing with the processes of the gate, because they run beside them.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.harness import Row, Samples, row
from bench.live import ROOT, START_S, LiveGate, live
from gatefw.identifier import new_identifier
from gatefw.model import Phase
from gatefw.state import state_dir

ROUNDS = 3
PEERS = {"bare": "", "libraries": "import numpy, cv2, zmq; "}
GATE = ("supervisor", "vision", "watcher")


def run(rounds: int) -> list[Row]:
    """Two rows for each process, and their sums. Raises TimeoutError when nobody gets through."""
    names = [f"{name} {kind}" for name in (*PEERS, *GATE, "gate") for kind in ("pss", "rss")]
    samples: Samples = {name: [] for name in names}
    for _ in range(rounds):
        for name, size_bytes in _sizes_bytes().items():
            samples[name].append(size_bytes)
    return [row(samples, name, "MB", 1e-6, (f"bare {name[-3:]}", f"libraries {name[-3:]}")) for name in names]


def _sizes_bytes() -> dict[str, int]:
    with live() as gate, _idle(PEERS["bare"]) as bare, _idle(PEERS["libraries"]) as libraries:
        _let_somebody_pass(gate)
        (vision,) = gate.children()
        pids = {"supervisor": gate.daemon, "vision": vision, "watcher": gate.watcher}
        sizes = {
            f"{name} {kind}": rollup_bytes(pid, kind)
            for name, pid in {**pids, "bare": bare, "libraries": libraries}.items()
            for kind in ("pss", "rss")
        }
    return sizes | {f"gate {kind}": sum(sizes[f"{name} {kind}"] for name in GATE) for kind in ("pss", "rss")}


def _let_somebody_pass(gate: LiveGate) -> None:
    """Enrolled with one photograph, passed with another."""
    gate.await_phase(Phase.IDLE)
    code, photos = new_identifier().decode(), state_dir() / "photos"
    gate.order("enrol", tokens=[code], photos=[str(photos / "obama.jpg")], days=1, consent=True)
    gate.world.traveller("ada", code=code, photo="obama2.jpg", walk_m_s=5.0)
    outcome = gate.world.outcome("ada", START_S)
    assert outcome == "passed", f"the traveller was to pass and is {outcome}"


def rollup_bytes(pid: int, kind: str) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(f"{kind.capitalize()}:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"/proc/{pid}/smaps_rollup has no {kind}; is this Linux 4.14 or newer?")


@contextmanager
def _idle(imports: str) -> Iterator[int]:
    """An interpreter that has done its imports and waits for us."""
    program = [sys.executable, "-c", f"{imports}print(flush=True); input()"]
    with subprocess.Popen(program, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.stdin.write(b"\n")
