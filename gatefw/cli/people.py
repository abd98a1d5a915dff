"""gatefw enrol, revoke, subjects: who may pass."""

import argparse
import json
from pathlib import Path
from typing import Any

from gatefw.cli import command
from gatefw.control import call

ENROL_S = 60.0
ENROL = """\
Registers a traveller with the running gate: their token, one to eight photographs, and their consent. The photographs
are read by the vision process and not kept; the template is sealed. Record and template are made together or not at
all. Prints the subject id, which is random and leads to nobody.

example:
  gatefw enrol --new-token --consent --days 365 photo.jpg
  gatefw enrol --token A1234567 --consent --days 365 photo1.jpg photo2.jpg
"""
REVOKE = """\
Ends a registration at once: from now on the token is refused, and the template is removed.

example:
  gatefw revoke 3f0c...e1
"""
SUBJECTS = """\
Every registration, without tokens, documents or names.

example:
  gatefw subjects --json
"""


def add_parser(commands: Any) -> None:
    """Add `enrol`, `revoke` and `subjects`."""
    enrol = command.add(commands, "enrol", "register a traveller", ENROL)
    token = enrol.add_mutually_exclusive_group(required=True)
    token.add_argument("--token", action="append", help="what the reader reads: an ID card's number or a GATE1: code")
    token.add_argument("--new-token", action="store_true", help="make a new random code and print it")
    enrol.add_argument("--consent", action="store_true", help="the traveller agreed to face comparison, just now")
    enrol.add_argument("--days", type=float, required=True, help="how long the registration holds")
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
        "photos": [str(path.absolute()) for path in arguments.photo],
        "days": arguments.days,
        "consent": arguments.consent,
    }
    result = call(command.control_socket(arguments), "enrol", args, ENROL_S)
    command.show(result | ({"token": tokens[0]} if arguments.new_token else {}), arguments.json)
    return 0


def run_revoke(arguments: argparse.Namespace) -> int:
    result = call(command.control_socket(arguments), "revoke", {"subject": arguments.subject})
    command.show(result, arguments.json)
    return 0


def run_subjects(arguments: argparse.Namespace) -> int:
    result = call(command.control_socket(arguments), "subjects")
    if arguments.json:
        print(json.dumps(result, indent=2))
        return 0
    for each in result["subjects"]:
        print(f"{each['subject']}  {each['state']:9} until {each['expires_at']:.0f}")
    print(f"{len(result['subjects'])} registered")
    return 0
