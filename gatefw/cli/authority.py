"""gatefw authority: the lane's own key, and how the clearance records stand that the authorities are to receive."""

import argparse
import dataclasses
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gatefw import keys
from gatefw.clearance_records import Standing, standings
from gatefw.cli import command, place
from gatefw.errors import Refusal

NEW_KEY = """\
Makes the lane's own key: KEYFILE (mode 0600, 32 bytes) is what [authority.NAME] names as key_file, what is printed is
for the authority, which answers nobody whose key it does not know. Whoever has the file can ask in the lane's name.

example:
  gatefw authority new-key /var/lib/gatefw/authority.key
"""
STATUS = """\
Shows for each authority how many clearance records are being written (drafts), wait for it, were received and are kept,
and were erased; since when the oldest waits, and when the authority was last heard. What is in them nobody here can
read. It reads beside a running gate.

example:
  gatefw authority status config/lanes/hetao.toml
  gatefw authority status --json

Exit status: 0 when nothing has waited for more than an hour, 1 otherwise.
"""
LONG_S = 3600.0


def add_parser(commands: Any) -> None:
    """Add `authority` with `new-key` and `status`."""
    group = commands.add_parser("authority", help="the lane's key for authorities, and the records that wait for them")
    own = group.add_subparsers(title="commands", required=True, metavar="COMMAND")
    new_key = command.add(own, "new-key", "make the key that the lane signs with", NEW_KEY)
    new_key.add_argument("keyfile", type=Path, metavar="KEYFILE", help="must not be there yet")
    new_key.set_defaults(run=run_new_key)
    status = command.add(own, "status", "show which clearance records wait, and since when", STATUS)
    place.add(status)
    status.set_defaults(run=run_status)
    for parser in (new_key, status):
        command.add_json(parser)


def run_new_key(arguments: argparse.Namespace) -> int:
    path: Path = arguments.keyfile.absolute()
    if not keys.create(path):
        raise Refusal(f"{path}: is there already; a key is never written over")
    public = Ed25519PrivateKey.from_private_bytes(keys.read(path)).public_key().public_bytes_raw().hex()
    command.show({"key_file": str(path), "public_key": public}, arguments.json)
    return 0


def run_status(arguments: argparse.Namespace) -> int:
    found = standings(place.paths(arguments).clearance_records)
    now = datetime.now(UTC).timestamp()
    if arguments.json:
        print(json.dumps({"authorities": [_told(each) for each in found]}, indent=2))
    else:
        _print(found)
    return 1 if any(now - (each.oldest_waiting_at or now) > LONG_S for each in found) else 0


def _told(standing: Standing) -> Mapping[str, object]:
    times = {"oldest_waiting_at": _moment(standing.oldest_waiting_at), "heard_at": _moment(standing.heard_at)}
    return dataclasses.asdict(standing) | times


def _print(found: list[Standing]) -> None:
    if not found:
        print("no clearance records: the lane has no authorities, or nobody has passed yet")
        return
    columns = f"{'authority':20} {'drafts':>7} {'waiting':>8} {'received':>9} {'erased':>8}"
    print(f"{columns}  {'oldest waits since':20}  last heard")
    for each in found:
        oldest, heard = _moment(each.oldest_waiting_at) or "-", _moment(each.heard_at) or "never"
        print(
            f"{each.authority:20} {each.drafts:>7} {each.waiting:>8} {each.delivered:>9} {each.erased:>8}  "
            f"{oldest:20}  {heard}"
        )


def _moment(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(int(at), UTC).isoformat().replace("+00:00", "Z")
