"""gatefw bundle: one archive for support, by an allow-list, without personal data and secrets."""

import argparse
import json
import os
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatefw.cli import command
from gatefw.errors import GateError, Refusal, SetupError, system_words

if TYPE_CHECKING:
    from gatefw.bundle import Bundle
    from gatefw.doctor.seen import Seen

DESCRIPTION = """\
Writes one archive for support: versions, what doctor finds, what the lane file sets (no comments, no texts), status and
counters of the daemon, units, machine and boot, which stores are there, how many passages ended how, and the newest
events of the journal. No picture, store, key, log, name or number of anybody is in it: every member is made anew out of
values whose form is known (docs/decisions/0047). manifest.json says of each why it is in, with its SHA-256, and what
could not be had. The daemon may be dead, and the lane file broken.

--trace takes files of `gatefw device trace --out` that were not made with --raw. --list shows what would be in, and
writes nothing.

example:
  gatefw bundle
  gatefw bundle --list
  gatefw bundle /etc/gatefw/lane.toml --since 3d --trace scanner.txt -o case-117.tar.gz

Exit status: 0 done, 2 it could not be written.
"""
SPAN = re.compile(r"([0-9]{1,4})([mhd])")
UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def add_parser(commands: Any) -> None:
    """Add `bundle`."""
    parser = command.add(commands, "bundle", "one archive for support, without personal data", DESCRIPTION)
    parser.add_argument("file", type=Path, nargs="?", metavar="FILE", help="the lane file (default: as for doctor)")
    parser.add_argument("-o", "--out", type=Path, metavar="OUT", help="a new file (gatefw-bundle-TIME.tar.gz)")
    parser.add_argument("--since", default="24h", metavar="SPAN", help="events so far back: 90m, 24h (default), 3d")
    parser.add_argument(
        "--trace", type=Path, action="append", default=[], metavar="FILE", help="a scrubbed trace as well"
    )
    parser.add_argument("--list", action="store_true", help="show what would be in, and write nothing")
    root = "the system is below DIR: a mounted card"
    parser.add_argument("--root", type=Path, default=Path("/"), metavar="DIR", help=root)
    command.add_dir(parser)
    command.add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from gatefw.bundle import collect
    from gatefw.bundle.sources import allowed

    now = datetime.now(UTC).replace(microsecond=0)
    since = now - _span(arguments.since)
    out = arguments.out or Path(f"gatefw-bundle-{now:%Y%m%dT%H%M%SZ}.tar.gz")
    with command.progress(sys.stderr) as tell:
        seen = _looked(arguments, tell)
        bundle = collect(allowed(seen, since, arguments.trace), tell=tell)
    if not arguments.list:
        _write(out, bundle.archive(now.isoformat()))
    if arguments.json:
        told = json.loads(bundle.manifest(now.isoformat()))
        print(json.dumps({"file": None if arguments.list else str(out), **told}, indent=2))
    else:
        _show(bundle, None if arguments.list else out)
    return 0


def _looked(arguments: argparse.Namespace, tell: Callable[[str], None]) -> "Seen":
    """A lane file that cannot even be looked at is no reason for no bundle."""
    from gatefw.doctor.gather import gather
    from gatefw.doctor.seen import Machine

    machine = Machine(root=arguments.root)
    try:
        return gather(arguments.file, arguments.dir, machine, tell=tell)
    except (GateError, OSError, ValueError):
        return replace(gather(None, arguments.dir, machine, tell=tell), file=arguments.file)


def _span(text: str) -> timedelta:
    found = SPAN.fullmatch(text)
    if found is None:
        raise Refusal(f"--since {text}: a span is wanted, as 90m, 24h or 3d")
    return timedelta(**{UNITS[found[2]]: int(found[1])})


def _write(path: Path, content: bytes) -> None:
    """A new file, its owner's alone, whole or not there."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SetupError(
            f"bundle: {path}: a new file is wanted: {system_words(error)}; name another with -o"
        ) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        path.unlink()
        raise SetupError(f"bundle: {path}: cannot be written: {system_words(error)}") from error


def _show(bundle: "Bundle", out: Path | None) -> None:
    for each in bundle.members:
        print(f"{len(each.content):>10,}  {each.name:<18}  {each.why}")
    for name, why in bundle.left_out:
        print(f"{'-':>10}  {name:<18}  {why}")
    print(f"{out}: {out.stat().st_size:,} bytes; look into it before you send it" if out else "nothing was written")
