"""gatefw gallery list, audit, compact: what partitions of faces there are, and what is left of those destroyed."""

import argparse
import dataclasses
import json
import math
import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from gatefw import keys, trial
from gatefw.biometrics.gallery import Gallery
from gatefw.biometrics.gallery_audit import Audit, audit, listed
from gatefw.cli import command, key_words, place

LIST = """\
The partitions of the gallery with their people, without who they are: how many, with how many templates, in how many
bytes; and what that is in the file and for each template. Reads beside a running gate.

example:
  gatefw gallery list config/lanes/document-free.toml
  gatefw gallery list --json
"""
AUDIT = """\
Proves what is left in the gallery. Every chunk of templates is tried with its partition's key, and one that does not
open with that, or has none, with every key there is; the file is searched for copies of erased templates; and what
should not be there, or should and is not, is named: chunks that are damaged, with how many people are out of reach in
them, keys without partition, expired partitions that still open, files others may read. Reads beside a running gate, as
its user, and changes nothing. It reads the file twice: 3.3 million templates took 89 seconds on a busy machine.

It says where each key lives and has lived, and which of those that were destroyed are proven gone: those that lived in
a TPM from their first moment, and no others. It cannot see what lies below the file system: flash memory, snapshots and
backups may hold an old key. Encrypt the disk, and keep keys out of backups.

example:
  gatefw gallery audit config/lanes/document-free.toml
  gatefw gallery audit --dir /var/lib/gatefw --json

Exit status: 0 when nothing is wrong, 1 when something opens that should not, or should not be there.
"""
COMPACT = """\
Writes the file of the gallery anew: without the pages that are free, and without whatever lies in them. It needs as
much room again on the disk; for gigabytes stop the gate first, whose enrolments would wait, and fail after 5 seconds.

example:
  gatefw gallery compact config/lanes/document-free.toml
  gatefw gallery compact --dir /var/lib/gatefw --json
"""


def add_parser(commands: Any) -> None:
    """Add `gallery` with `list`, `audit` and `compact`."""
    group = commands.add_parser("gallery", help="what is in the gallery, and what is left").add_subparsers(
        required=True
    )
    show = command.add(group, "list", "the partitions and how many people they have", LIST)
    show.set_defaults(run=run_list)
    prove = command.add(group, "audit", "prove what is left of what was destroyed", AUDIT)
    prove.set_defaults(run=run_audit)
    shrink = command.add(group, "compact", "write the file anew, without free pages", COMPACT)
    shrink.set_defaults(run=run_compact)
    for parser in (show, prove, shrink):
        place.add(parser)
        command.add_json(parser)


def run_list(arguments: argparse.Namespace) -> int:
    path = place.paths(arguments).gallery
    found = [dataclasses.asdict(each) for each in listed(path)]
    templates, size = sum(each["templates"] for each in found), path.stat().st_size
    each_takes = round(size / templates) if templates else None
    if arguments.json:
        told = {"partitions": _finite(found), "file_bytes": size, "file_bytes_per_template": each_takes}
        print(json.dumps(told, indent=2))
        return 0
    _table(found, "people", "templates", "bytes")
    print(f"\nthe file has {size} bytes{f', {each_takes} for each template' if templates else ''}")
    return 0


def run_audit(arguments: argparse.Namespace) -> int:
    paths = place.paths(arguments)
    with command.progress(sys.stderr) as told:
        found = audit(paths.gallery, paths.key("gallery"), time.time(), told)
    if arguments.json:
        result = dataclasses.asdict(found)
        print(
            json.dumps({"gallery": str(paths.gallery), **result, "partitions": _finite(result["partitions"])}, indent=2)
        )
    else:
        _report(found)
    return 1 if found.problems else 0


def run_compact(arguments: argparse.Namespace) -> int:
    paths = place.paths(arguments)
    trial.require_none(paths.state, "gallery compact")
    listed(paths.gallery)  # a file that is no gallery is not made one
    before = paths.gallery.stat().st_size
    with (
        command.progress(sys.stderr) as told,
        closing(Gallery(paths.gallery, keys.read(paths.key("gallery")))) as gallery,
    ):
        told("writing the file anew")
        gallery.compact()
    after = paths.gallery.stat().st_size
    if arguments.json:
        print(json.dumps({"gallery": str(paths.gallery), "bytes_before": before, "bytes": after}))
    else:
        print(f"the file has {after} bytes, it had {before}")
    return 0


def _report(found: Audit) -> None:
    rows = [dataclasses.asdict(each) | {"lives": "+".join(each.lived) or "-"} for each in found.partitions]
    _table(rows, "key", "lives", "people", "templates", "bytes", "opens", "strangers", "expired")
    copies = "unknown" if found.copies is None else found.copies
    print(f"\ncopies of erased seals: {copies}; free pages: {found.free_pages}; bytes in the log: {found.log_bytes}")
    print(f"people out of reach, in chunks that do not open: {found.damaged}")
    key_words.show_destroyed(found.destroyed)
    for note in found.notes:
        print(f"note: {note}")
    for problem in found.problems:
        print(f"PROBLEM: {problem}")
    count = len(found.problems)
    print(f"{count} problem{'' if count == 1 else 's'}" if count else "nothing opens that should not")


def _table(rows: list[dict[str, Any]], *columns: str) -> None:
    width = max([9, *(len(row["name"]) for row in rows)])
    print(f"{'partition':{width}}", *(f"{column:>10}" for column in columns), " until")
    for row in rows:
        print(f"{row['name']:{width}}", *(f"{row[column]:>10}" for column in columns), f" {_until(row['expires_at'])}")


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
