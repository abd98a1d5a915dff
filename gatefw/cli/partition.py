"""gatefw partition: the flights, permit classes, parks and time windows that people are registered in."""

import argparse
import dataclasses
import json
from datetime import datetime
from typing import Any

from gatefw import key_audit, records
from gatefw.cli import command, facts, key_words, place
from gatefw.cli.people import until
from gatefw.errors import Refusal

DESTROY_S = 60.0
MAKE = """\
Makes a partition, with a key of its own. People are enrolled into it, and end with it: when its time is over, or it is
destroyed, its key is destroyed, and with it everything about them. Its facts are those of everybody in it: the journey.

example:
  gatefw partition make flight-cx100 --expires 2026-12-01T03:00:00+08:00 \\
    --fact journey.name=CX100 --fact journey.gate=24 --fact journey.closes_at=2026-12-01T00:40:00+08:00
  gatefw partition make permit-residents
"""
CHANGE = """\
Changes the facts of a partition, for everybody in it at once. Those not named stay; an empty value removes one.

example:
  gatefw partition change flight-cx100 --fact journey.gate=31
"""
DESTROY = """\
Destroys a partition now: its key first, then templates, records, tokens and journeys of everybody in it. Nothing brings
them back. `gatefw gallery audit` shows what is left.

example:
  gatefw partition destroy flight-cx100
"""
AUDIT = """\
Where the keys of the records' partitions live and have lived, and which of those that were destroyed are proven gone:
those that lived in a TPM from their first moment, and no others. Reads beside a running gate, as its user. `gatefw
gallery audit` says the same of the keys of faces.

example:
  gatefw partition audit config/lanes/document-free.toml
  gatefw partition audit --dir /var/lib/gatefw --json

Exit status: 0 when nothing is wrong, 1 when a key cannot be used, or what is destroyed may still open.
"""
LIST = """\
Every partition: how many people, until when, what for.

example:
  gatefw partition list --json
"""


def add_parser(commands: Any) -> None:
    """Add `partition` with `make`, `change`, `destroy`, `list` and `audit`."""
    group = commands.add_parser("partition", help="flights, permit classes, parks: made, changed, destroyed")
    own = group.add_subparsers(title="commands", required=True, metavar="COMMAND")
    make = command.add(own, "make", "make a partition", MAKE)
    make.add_argument("--expires", metavar="TIME", help="when it ends, with its offset from UTC (default: never)")
    make.set_defaults(run=run_make)
    change = command.add(own, "change", "change the facts of a partition", CHANGE)
    change.set_defaults(run=run_change)
    destroy = command.add(own, "destroy", "destroy a partition and everything in it", DESTROY)
    destroy.set_defaults(run=run_destroy)
    listing = command.add(own, "list", "list the partitions", LIST)
    listing.set_defaults(run=run_list)
    prove = command.add(own, "audit", "prove which keys are gone", AUDIT)
    place.add(prove)
    command.add_json(prove)
    prove.set_defaults(run=run_audit)
    for parser in (make, change):
        facts.add(parser, "journey.gate=24")
    for parser in (make, change, destroy):
        parser.add_argument("name", metavar="NAME")
    for parser in (make, change, destroy, listing):
        command.add_dir(parser)
        command.add_json(parser)


def run_make(arguments: argparse.Namespace) -> int:
    expires_at = None if arguments.expires is None else _moment(arguments.expires)
    return _order(arguments, "partition_make", {"expires_at": expires_at, "facts": facts.given(arguments)})


def run_change(arguments: argparse.Namespace) -> int:
    return _order(arguments, "partition_change", {"facts": facts.given(arguments)})


def run_destroy(arguments: argparse.Namespace) -> int:
    return _order(arguments, "partition_destroy", {})


def run_list(arguments: argparse.Namespace) -> int:
    result = command.ask(arguments, "partitions")
    if arguments.json:
        print(json.dumps(result, indent=2))
        return 0
    for each in result["partitions"]:
        known = " ".join(f"{name}={value}" for name, value in each["facts"].items())
        print(f"{each['partition']:24} {each['people']:6} people  {until(each['expires_at']):23} {known}".rstrip())
    return 0


def run_audit(arguments: argparse.Namespace) -> int:
    found = key_audit.audit(records.keys_of(place.paths(arguments).records).directory)
    if arguments.json:
        print(json.dumps(dataclasses.asdict(found), indent=2, default=str))
    else:
        key_words.show(found)
    return 1 if found.problems else 0


def _order(arguments: argparse.Namespace, verb: str, args: dict[str, object]) -> int:
    result = command.ask(arguments, verb, {"name": arguments.name, **args}, DESTROY_S)
    command.show(result, arguments.json)
    return 0


def _moment(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Refusal(f"--expires {text}: a moment with its offset is wanted, like 2026-12-01T03:00:00+08:00")
    return moment.timestamp()
