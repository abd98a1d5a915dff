"""gatefw check: what is wrong in a lane file, and where. Opens no device and moves nothing."""

import argparse
import dataclasses
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gatefw import lane_check
from gatefw.door_table import Row
from gatefw.errors import printable

DESCRIPTION = """\
Reads a lane file as the daemon would and names every problem by file, line and key: misspelt keys (in drivers' tables
too), wrong units, values out of bounds, pins used twice, links that mean nothing, missing models, bad CSCA
certificates, and doors that would shut somebody in or open the border. Then it shows what every door does when nobody
commands it: without power, at boot, after an end, a crash and a hang. Works on any machine, best on the gate's own
board, whose kernel it asks what becomes of the outputs of a dead process, and where it warns of each library and key
file that a driver wants and this machine lacks; no hardware is touched.

example:
  gatefw check config/lanes/contactless-e-channel.toml
  gatefw check config/sim.toml --json

Exit status: 0 when the lane can start (warnings may stand), 1 when it cannot.
"""


def add_parser(subparsers: Any) -> None:
    """Add `check`."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "check",
        help="say what is wrong in a lane file",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, help="the lane file")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    examined = lane_check.examine(arguments.file)
    findings, doors, errors = examined.findings, examined.doors, examined.errors
    if arguments.json:
        told = [dataclasses.asdict(found) for found in findings]
        print(json.dumps({"findings": told, "doors": [_plain(row) for row in doors]}, indent=2))
        return 1 if errors else 0
    for found in findings:
        print(found)
    _print_doors(doors)
    warnings = len(findings) - errors
    print(f"{printable(str(arguments.file))}: {_count(errors, 'problem')}, {_count(warnings, 'warning')}")
    return 1 if errors else 0


def _plain(row: Row) -> dict[str, object]:
    lasts_s = None if math.isinf(row.alone.lasts_s) else row.alone.lasts_s
    return {
        "door": row.door,
        "when": row.plight,
        "state": row.alone.state,
        "lasts_s": lasts_s,
        "why": row.alone.because,
    }


def _print_doors(doors: Sequence[Row]) -> None:
    """A release under way may last so many seconds more; the door is then as the table says."""
    if doors:
        print(f"{'door':<12}{'when':<12}{'it is':<11}{'after s':>8}  because")
    for row in doors:
        lasts = "never" if math.isinf(row.alone.lasts_s) else f"{row.alone.lasts_s:g}"
        print(f"{row.door:<12}{row.plight:<12}{row.alone.state:<11}{lasts:>8}  {row.alone.because}")


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
