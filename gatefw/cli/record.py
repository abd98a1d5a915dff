"""gatefw change-facts, withdraw-consent: what changes in a registration while it goes on."""

import argparse
from typing import Any

from gatefw.cli import command, facts

CHANGE_FACTS = """\
Changes what is known of somebody: another name, a new document, a permit that was extended. Facts that are not named
stay; an empty value removes one. That it was done is journalled, what was changed is not.

example:
  gatefw change-facts 3f0c...e1 --fact document.name=WONG --fact document.expires=2036-05-01
  gatefw change-facts 3f0c...e1 --facts /dev/stdin < facts.json
"""
WITHDRAW_CONSENT = """\
Takes back a traveller's consent, at once: what it was given for is destroyed. Without --to that is everything: the
templates of face and finger, and what is known of them. The registration stays, and says so when it is asked.

example:
  gatefw withdraw-consent 3f0c...e1
  gatefw withdraw-consent 3f0c...e1 --to finger
"""


def add_parser(commands: Any) -> None:
    """Add `change-facts` and `withdraw-consent`."""
    change = command.add(commands, "change-facts", "change what is known of somebody", CHANGE_FACTS)
    facts.add(change, "document.expires=2036-05-01")
    change.set_defaults(run=run_change)
    withdraw = command.add(commands, "withdraw-consent", "take back a traveller's consent", WITHDRAW_CONSENT)
    withdraw.add_argument("--to", choices=("face", "finger", "facts"), help="to this alone (default: to everything)")
    withdraw.set_defaults(run=run_withdraw)
    for parser in (change, withdraw):
        parser.add_argument("subject", help="the subject id, as `enrol` and `subjects` show it")
        command.add_dir(parser)
        command.add_json(parser)


def run_change(arguments: argparse.Namespace) -> int:
    args = {"subject": arguments.subject, "facts": facts.given(arguments)}
    command.show(command.ask(arguments, "change_facts", args), arguments.json)
    return 0


def run_withdraw(arguments: argparse.Namespace) -> int:
    args = {"subject": arguments.subject, "to": arguments.to}
    command.show(command.ask(arguments, "withdraw_consent", args), arguments.json)
    return 0
