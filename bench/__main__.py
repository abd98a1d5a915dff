"""`python -m bench`: runs the benches that are named, or all of them, and prints what they measured."""

import argparse
import importlib
import json
import os
import platform
import sys

from bench.harness import table
from gatefw.errors import GateError

BENCHES = (
    "stages",
    "edge_to_door",
    "start",
    "memory",
    "screen",
    "mirror",
    "journal",
    "journal_start",
    "stats",
    "tokens",
    "finger",
    "documents",
    "chip",
    "replug",
    "cameras",
    "face_peer",
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure the gate on this machine.")
    parser.add_argument("bench", nargs="*", metavar="BENCH", help=f"of {', '.join(BENCHES)}; all when none is named")
    parser.add_argument("--rounds", type=int, help="instead of each bench's own number")
    parser.add_argument("--json", action="store_true", help="all numbers in one line, at the end")
    options = parser.parse_args()
    if unknown := set(options.bench) - set(BENCHES):
        parser.error(f"no bench is called {', '.join(sorted(unknown))}; there are {', '.join(BENCHES)}")
    if options.rounds is not None and options.rounds < 1:
        parser.error(f"--rounds {options.rounds}: at least 1 is wanted")
    machine = {"machine": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()}
    print(f"{machine['machine']}, {machine['cores']} cores, Python {machine['python']}; load {os.getloadavg()[0]:.1f}")
    results: dict[str, object] = {"machine": machine}
    for name in options.bench or BENCHES:
        bench = importlib.import_module(f"bench.{name}")
        rounds = options.rounds or bench.ROUNDS
        try:
            rows = bench.run(rounds)
        except (GateError, OSError) as error:
            print(f"bench {name}: {error}", file=sys.stderr)
            return 2
        results[name] = [each.to_json() for each in rows]
        print("\n" + table(f"{name}: {str(bench.__doc__).splitlines()[0]} {rounds} rounds.", rows), flush=True)
    if options.json:
        print(json.dumps(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
