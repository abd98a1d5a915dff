"""gatefw enrol, revoke, subjects: who may pass."""

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gatefw.cli import command, facts

ENROL_S = 60.0
ENROL = """\
Registers a traveller with the running gate: their token, one to eight photographs, what is known of them, and their
consent. The photographs are read by the vision process and not kept; template and facts are sealed. Record and template
are made together or not at all. Prints the subject id, which is random and leads to nobody, and `twice`: others who
have the same face, for an officer to look at. With --again a registration gets new photographs, and the consent to
them; facts that are given replace those of before, all else stays as it was.

example:
  gatefw enrol --new-token --consent --days 365 photo.jpg
  gatefw enrol --token A1234567 --consent --days 365 --fact permit.expires=2031-05-01 photo1.jpg photo2.jpg
  gatefw enrol --no-token --partition park-hetao --consent --days 30 --facts /dev/stdin photo.jpg < facts.json
  gatefw enrol --again 3f0c...e1 --consent photo.jpg
"""
REVOKE = """\
Ends a registration at once: from now on the token is refused, and the template is removed.

example:
  gatefw revoke 3f0c...e1
"""
SUBJECTS = """\
Every registration, without tokens, documents or names: its partition, its state, what was agreed to, how long it holds.

example:
  gatefw subjects --json
"""


def add_parser(commands: Any) -> None:
    """Add `enrol`, `revoke` and `subjects`."""
    enrol = command.add(commands, "enrol", "register a traveller", ENROL)
    token = enrol.add_mutually_exclusive_group(required=True)
    token.add_argument("--token", action="append", help="what the reader reads: an ID card's number or a GATE1: code")
    token.add_argument("--new-token", action="store_true", help="make a new random code and print it")
    token.add_argument("--no-token", action="store_true", help="they are found by their face alone")
    token.add_argument("--again", metavar="SUBJECT", help="new photographs for this registration")
    enrol.add_argument(
        "--consent", action="store_true", help="the traveller agreed to face comparison, and to these facts, just now"
    )
    enrol.add_argument("--days", type=float, help="how long the registration holds; as before with --again")
    enrol.add_argument("--partition", metavar="NAME", help="a flight, a permit class, a park (default: main)")
    facts.add(enrol, "permit.expires=2031-05-01")
    enrol.add_argument("photo", type=Path, nargs="+")
    enrol.set_defaults(run=run_enrol)
    revoke = command.add(commands, "revoke", "end a registration", REVOKE)
    revoke.add_argument("subject")
    revoke.set_defaults(run=run_revoke)
    subjects = command.add(commands, "subjects", "list the registrations", SUBJECTS)
    subjects.set_defaults(run=run_subjects)
    for parser in (enrol, revoke, subjects):
        command.add_dir(parser)
        command.add_json(parser)


def run_enrol(arguments: argparse.Namespace) -> int:
    from gatefw.identifier import new_identifier

    tokens = [new_identifier().decode()] if arguments.new_token else arguments.token
    args = {
        "tokens": tokens,
        "again": arguments.again,
        "photos": [str(path.absolute()) for path in arguments.photo],
        "days": arguments.days,
        "partition": arguments.partition,
        "facts": facts.given(arguments),
        "consent": arguments.consent,
    }
    result = command.ask(arguments, "enrol", args, ENROL_S)
    command.show(result | ({"token": tokens[0]} if arguments.new_token else {}), arguments.json)
    return 0


def run_revoke(arguments: argparse.Namespace) -> int:
    result = command.ask(arguments, "revoke", {"subject": arguments.subject})
    command.show(result, arguments.json)
    return 0


def run_subjects(arguments: argparse.Namespace) -> int:
    result = command.ask(arguments, "subjects")
    if arguments.json:
        print(json.dumps(result, indent=2))
        return 0
    for each in result["subjects"]:
        agreed = " ".join(_agreed(consent) for consent in each["consents"])
        print(f"{each['subject']}  {each['partition']:16} {each['state']:9} {until(each['expires_at']):23} {agreed}")
    print(f"{len(result['subjects'])} registered")
    return 0


def until(expires_at: float | None) -> str:
    """When something ends, for people: UTC, since whoever reads this may sit anywhere."""
    if expires_at is None:
        return "for ever"
    return f"until {datetime.fromtimestamp(expires_at, UTC):%Y-%m-%d %H:%MZ}"


def _agreed(consent: dict[str, Any]) -> str:
    return str(consent["to"]) + ("" if consent["withdrawn_at"] is None else " (withdrawn)")
