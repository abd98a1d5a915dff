"""The product's 1:N search against every library that could be taken instead, and against the machine's own limit.

    make bench-search
    python -m bench.search [--quick] [--cells 1Mx128 drawn_1Mx128 ...] [--rounds N] [--json]

Five nearest of 10,000 to 5 million, 128 and 512 numbers, one query and a batch of 8, one thread and two. All engines of
a cell hold the same gallery in one process and take turns, so that all see the same caches and neighbours; a ratio is
the median of those of the rounds. `read limit` sums every byte of the int8 gallery: no full scan can beat it, one that
reads less can. An int8 engine is `exact` when it finds what a full scan of its rows finds, for 32 probes; rank-1 and
top-5 are agreement with the nearest in float64. Galleries: `bench.search_sets`. The product is judged by the drawn one,
whose vectors are like a face model's; among unit vectors that point anywhere it is faster. Figures of a machine that is
busy are of little worth: the load is told.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench.search_cell import LIMIT, OURS, OURS_ALL
from bench.search_env import PEERS, ROOT, python_with_peers
from gatefw.errors import GateError, SetupError

SIZES = {"10k": 10_000, "100k": 100_000, "1M": 1_000_000, "5M": 5_000_000}
CELLS = (
    "10kx128", "10kx512", "100kx128", "100kx512", "1Mx128", "drawn_100kx128", "drawn_1Mx128", "1Mx512", "5Mx128",
)  # fmt: skip
QUICK = ("10kx128", "100kx128", "1Mx128", "drawn_1Mx128", "1Mx512")
ROUNDS = {10_000: 20, 100_000: 15, 1_000_000: 10, 5_000_000: 5}
CELL_S = 1800.0
JUDGED = 0.493
"""The threshold of the drawn set whose line stands in the figures: the strictest that the default model's card has."""


def cell_of(name: str) -> tuple[str, int, int]:
    """Set, people and numbers of a cell's name. Raises SetupError with what there is."""
    found = re.fullmatch(r"(drawn_)?(\w+)x(128|512)", name)
    if not found or found[2] not in SIZES or (found[1] and found[3] != "128"):
        raise SetupError(f"no cell is called {name!r}; there are {', '.join(CELLS)}")
    return "drawn" if found[1] else "synthetic", SIZES[found[2]], int(found[3])


def run(name: str, python: Path, quick: bool, rounds: int | None) -> dict[str, Any]:
    """Measure one cell in a process of its own, whose memory is free again afterwards; its table is printed."""
    faces, people, numbers = cell_of(name)
    wide = ["1"] if quick else ["1", "2"], ["1"] if quick else ["1", "8"]
    command = [str(python), "-m", "bench.search_cell", faces, str(people), str(numbers)]
    command += ["--threads", *wide[0], "--queries", *wide[1], "--rounds", str(rounds or ROUNDS[people])]
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    env |= {"OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": wide[0][-1], "OPENBLAS_NUM_THREADS": wide[0][-1]}
    try:
        done = subprocess.run(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, timeout=CELL_S)
    except subprocess.TimeoutExpired as late:
        raise SetupError(f"cell {name} took longer than {CELL_S:.0f} s; leave it out with --cells") from late
    if done.returncode:
        raise SetupError(f"cell {name} ended with {done.returncode}; is there memory enough for it?")
    *shown, last = done.stdout.splitlines()
    print("\n".join(shown), flush=True)
    return dict(json.loads(last))


def figures(name: str, measured: dict[str, Any]) -> dict[str, Any]:
    """The product's line of each part of a cell, under names like `1Mx512_1t_1q`.

    `least_vs_...` are ratios of the least times, which a neighbour disturbs less.
    """
    found = {}
    for part, lines in measured["cells"].items():
        ours = {line["engine"]: line for line in lines if line["engine"].startswith(OURS)}
        judged = next(line for key, line in ours.items() if key.endswith(f"{JUDGED:g}") or "cosine" in key)
        peers = {line["engine"]: line for line in lines if line["engine"] in (LIMIT, judged["best_exact_peer"])}
        line = {key: value for key, value in judged.items() if key != "kind"}
        line |= {"read_limit_ms": peers[LIMIT]["ms"], "rounds": measured["rounds"], "path": measured["path"]}
        for key, peer in (("least_vs_best_exact_peer", judged["best_exact_peer"]), ("least_vs_read_limit", LIMIT)):
            line[key] = round(peers[peer]["least_ms"] / judged["least_ms"], 3)
        line["without_threshold"] = {key: ours[OURS_ALL][key] for key in ("ms", "vs_best_exact_peer", "exact")}
        if name.startswith("drawn"):
            kept = ("ms", "vs_best_exact_peer", "vs_read_limit", "exact", "rescored", "rescored_all_within")
            line["thresholds"] = {
                key.split()[-1]: {k: one[k] for k in kept} for key, one in ours.items() if "L2" in key
            }
        found[f"{name}_{part}"] = line
    return found


def processor() -> str:
    """Its name, as Linux tells it."""
    try:
        told = Path("/proc/cpuinfo").read_text()
    except OSError:
        told = ""
    found = re.search(r"^(?:model name|Model)\s*:\s*(.+)$", told, re.MULTILINE)
    return found[1] if found else platform.processor() or platform.machine()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.search", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cells", nargs="+", metavar="CELL", help=f"of {', '.join(CELLS)}")
    parser.add_argument("--quick", action="store_true", help="fewer cells, one thread and one query alone")
    parser.add_argument("--rounds", type=int, help="in every cell, instead of 20 in the smallest to 5 in the largest")
    parser.add_argument("--json", action="store_true", help="every engine's line in the JSON, not the product's alone")
    options = parser.parse_args(arguments)
    if options.rounds is not None and options.rounds < 1:
        parser.error(f"--rounds {options.rounds}: at least 1 is wanted")
    try:
        names = options.cells or (QUICK if options.quick else CELLS)
        for name in names:
            cell_of(name)
        print(json.dumps(_measured(names, options)))
    except (GateError, OSError) as error:
        print(f"bench search: {error}", file=sys.stderr)
        return 2
    return 0


def _measured(names: tuple[str, ...], options: argparse.Namespace) -> dict[str, Any]:
    python = python_with_peers()
    machine = {"processor": processor(), "cores": os.cpu_count(), "python": platform.python_version()}
    print(f"{machine['processor']}, {machine['cores']} cores; load {os.getloadavg()[0]:.1f}; {', '.join(PEERS)}")
    result: dict[str, Any] = {"machine": machine, "peers": PEERS, "load": [round(os.getloadavg()[0], 1)], "skipped": {}}
    for name in names:
        began_s = time.monotonic()
        measured = run(name, python, options.quick, options.rounds)
        result |= figures(name, measured)
        result["skipped"] |= {f"{name} {engine}": why for engine, why in measured["skipped"].items()}
        for engine, why in measured["skipped"].items():
            print(f"  {engine}: left out, {why}")
        if "strangers" in measured:
            result["strangers"] = {key: measured[key] for key in ("strangers", "strangers_measured")}
        if options.json:
            result.setdefault("engines", {})[name] = measured["cells"]
        result["load"].append(round(os.getloadavg()[0], 1))
        print(f"  {name}: {time.monotonic() - began_s:.0f} s, load {result['load'][-1]}\n", flush=True)
    return result


if __name__ == "__main__":
    sys.exit(main())
