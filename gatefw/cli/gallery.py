"""gatefw gallery list, gallery audit: what partitions of faces there are, and what is left of those destroyed."""

import argparse
import dataclasses
import json
import math
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hw
from gatefw import config
from gatefw.biometrics.gallery_audit import Audit, audit, listed
from gatefw.cli import command
from gatefw.config import Paths
from gatefw.state import state_dir

LIST = """\
The partitions of the gallery with their people, without who they are. Reads beside a running gate.

example:
  gatefw gallery list config/lanes/document-free.toml
  gatefw gallery list --json
"""
AUDIT = """\
Proves what is left in the gallery. Every template is tried with its partition's key, and one whose partition was
destroyed with every key there is; the file is searched for copies of erased rows; and what should not be there is
named: keys without partition, expired partitions that still open, files others may read. Reads beside a running gate,
as its user, and changes nothing.

It cannot see what lies below the file system: flash memory, snapshots and backups may hold an old key. Encrypt the
disk, and keep keys out of backups.

example:
  gatefw gallery audit config/lanes/document-free.toml
  gatefw gallery audit --dir /var/lib/gatefw --json

Exit status: 0 when nothing is wrong, 1 when something opens that should not, or should not be there.
"""


def add_parser(commands: Any) -> None:
    """Add `gallery` with `list` and `audit`."""
    group = commands.add_parser("gallery", help="what is in the gallery, and what is left").add_subparsers(
        required=True
    )
    show = command.add(group, "list", "the partitions and how many people they have", LIST)
    show.set_defaults(run=run_list)
    prove = command.add(group, "audit", "prove what is left of what was destroyed", AUDIT)
    prove.set_defaults(run=run_audit)
    for parser in (show, prove):
        place = parser.add_mutually_exclusive_group()
        place.add_argument("file", type=Path, nargs="?", help="the lane file")
        place.add_argument("--dir", type=Path, help="the state directory (default: as the daemon finds it)")
        command.add_json(parser)


def run_list(arguments: argparse.Namespace) -> int:
    found = [dataclasses.asdict(each) for each in listed(_paths(arguments).gallery)]
    if arguments.json:
        print(json.dumps({"partitions": _finite(found)}, indent=2))
        return 0
    _table(found, "people", "templates")
    return 0


def run_audit(arguments: argparse.Namespace) -> int:
    paths = _paths(arguments)
    found = audit(paths.gallery, paths.key("gallery"), time.time())
    if arguments.json:
        result = dataclasses.asdict(found)
        print(
            json.dumps({"gallery": str(paths.gallery), **result, "partitions": _finite(result["partitions"])}, indent=2)
        )
    else:
        _report(found)
    return 1 if found.problems else 0


def _report(found: Audit) -> None:
    rows = [dataclasses.asdict(each) for each in found.partitions]
    _table(rows, "key", "people", "templates", "opens", "strangers", "expired")
    copies = "unknown" if found.copies is None else found.copies
    print(f"\ncopies of erased rows: {copies}; free pages: {found.free_pages}; bytes in the log: {found.log_bytes}")
    for note in found.notes:
        print(f"note: {note}")
    for problem in found.problems:
        print(f"PROBLEM: {problem}")
    print(f"{len(found.problems)} problems" if found.problems else "nothing opens that should not")


def _paths(arguments: argparse.Namespace) -> Paths:
    if arguments.file:
        return config.load(arguments.file, hw.schema).paths
    state = (arguments.dir or state_dir(os.environ)).absolute()
    return Paths(state, state / "run")


def _table(rows: list[dict[str, Any]], *columns: str) -> None:
    width = max([9, *(len(row["name"]) for row in rows)])
    print(f"{'partition':{width}}", *(f"{column:>9}" for column in columns), " until")
    for row in rows:
        print(f"{row['name']:{width}}", *(f"{row[column]:>9}" for column in columns), f" {_until(row['expires_at'])}")


def _until(expires_at: float) -> str:
    if not math.isfinite(expires_at):
        return "-"
    try:
        return datetime.fromtimestamp(expires_at, UTC).isoformat(timespec="minutes")
    except (ValueError, OverflowError):
        return "after 9999"


def _finite(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """JSON knows no infinity: a partition that does not expire has null."""
    return [row | {"expires_at": row["expires_at"] if math.isfinite(row["expires_at"]) else None} for row in rows]
