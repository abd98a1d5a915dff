"""From the start of the process to a lane in service, and what that time is made of.

`ready` is the READY=1 that systemd waits for: doors and sensors were read, the lane is safe. `vision listens` is its
socket, made when its models are loaded; the process is a child of the daemon here and starts after it. `in service` is
the lamp that says "come": the lane was seen empty and secured for `scan_s`, 0.1 s in this bench and more at a gate.
`bare` and `libraries` are interpreters that do nothing, and that only import numpy, cv2 and zmq; the supervisor itself
imports neither numpy nor cv2.
"""

import subprocess
import sys
import time
from collections.abc import Callable

from bench.harness import Row, Samples, rotate, row
from bench.live import ROOT, START_S, live, until

ROUNDS = 5
PEERS = ("bare", "libraries")
PROGRAMS = {
    "bare": "pass",
    "libraries": "import numpy, cv2, zmq",
    "import supervisor": "import gatefw.supervisor, gatefw.cli",
    "import vision": "import gatefw.vision, ai_edge_litert.interpreter",
}


def run(rounds: int) -> list[Row]:
    """A row for each part, all from the start of a process. Raises TimeoutError when a gate does not come up."""
    parts: Samples = {"ready": [], "vision listens": []}

    def in_service() -> float:
        with live() as gate:
            parts["ready"].append(gate.ready_s - gate.begun_s)
            until((gate.run / "vision.sock").exists, "vision")
            parts["vision listens"].append(time.monotonic() - gate.begun_s)
            gate.world.wait_for(lambda entry: entry.says("line", name="lamps.green", level=1), START_S, "the lamp")
            return time.monotonic() - gate.begun_s

    samples = rotate({**{name: _program(text) for name, text in PROGRAMS.items()}, "in service": in_service}, rounds)
    samples |= parts
    return [row(samples, name, "s", peers=PEERS) for name in (*PROGRAMS, "ready", "vision listens", "in service")]


def _program(text: str) -> Callable[[], float]:
    def sample() -> float:
        began_s = time.perf_counter()
        subprocess.run([sys.executable, "-c", text], cwd=ROOT, check=True, stderr=subprocess.DEVNULL)
        return time.perf_counter() - began_s

    return sample
