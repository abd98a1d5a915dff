"""gatefw check: what is wrong in a lane file, and where. Opens no device and moves nothing."""

import argparse
import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import hw
from gatefw import clearance, config, csca_store
from gatefw.biometrics import card
from gatefw.events import wall_clock
from gatefw.state import state_dir

DESCRIPTION = """\
Reads a lane file as the daemon would and names every problem by file, line and key: misspelt keys (in drivers' tables
too), wrong units, values out of bounds, pins used twice, missing models, bad CSCA certificates, and doors that would
shut somebody in or open the border. Works on any machine; no hardware is touched.

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
    models = state_dir(os.environ) / "models"
    findings = config.check(
        arguments.file,
        hw.schema,
        procedure=clearance.face_follows,
        model=lambda name: card.installed(models, name),
        csca=_store,
    )
    errors = sum(not found.warning for found in findings)
    if arguments.json:
        print(json.dumps({"findings": [dataclasses.asdict(found) for found in findings]}, indent=2))
        return 1 if errors else 0
    for found in findings:
        print(found)
    warnings = len(findings) - errors
    print(f"{arguments.file}: {_count(errors, 'problem')}, {_count(warnings, 'warning')}")
    return 1 if errors else 0


def _store(directory: str) -> list[tuple[str, bool]]:
    _, problems = csca_store.read(Path(directory), wall_clock().utc)
    return [(str(each), each.warning) for each in problems]


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
