"""gatefw systems: every clearance system, who passes it and who is turned away, as just played."""

import argparse
import dataclasses
import json
import sys
from itertools import chain
from typing import Any

from gatefw.cli import command

DESCRIPTION = """\
Plays every story of every lane file of the project in virtual time (see `gatefw simulate`), and prints what came of
each: passed or turned away, for which reason, and where the story is written. Matching is scripted.

example:
  gatefw systems
  gatefw systems e-channel hetao --json

Exit status: 0 when every story ended as it should, 1 when not.
"""


def add_parser(commands: Any) -> None:
    """Add `systems`."""
    parser = command.add(commands, "systems", "every system: who passes, who does not, and why", DESCRIPTION)
    parser.add_argument("lane", nargs="*", help="lane files, or names of the project's (default: all of them)")
    parser.add_argument("--markdown", action="store_true", help="as docs/systems.md has it")
    command.add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from gatefw.simulate import lanes, table

    ways = [way for lane in arguments.lane or lanes.names() for way in lanes.both_ways(lane)]
    found = []
    with command.progress(sys.stderr) as progress:
        for row in chain.from_iterable(map(table.rows, ways)):
            progress(f"{row.system}: {row.story}")
            found.append(row)
    if arguments.json:
        print(json.dumps([dataclasses.asdict(row) for row in found], indent=2))
    else:
        print(table.markdown(found) if arguments.markdown else table.plain(found))
    return 0 if all(row.ok for row in found) else 1
