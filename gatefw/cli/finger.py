"""gatefw enrol-finger: add a finger to a registration, at the lane's own sensor."""

import argparse
import sys
from pathlib import Path
from typing import Any

from gatefw.cli import command
from gatefw.control import call

ENROL_FINGER = """\
Adds a finger to a registration that is in use, in place of an earlier one. The traveller lays the same finger on the
lane's sensor three times; what to do next is said on standard error. The template is sealed on this machine and is not
kept in the sensor. Take the lane out of service first: whoever is at the sensor stands in the lane, and a traveller
whose finger is wanted meanwhile comes first. Ctrl-C ends it, and nothing is kept.

example:
  gatefw lane close
  gatefw enrol-finger 3f0c...e1 --consent
"""
SAYS = {
    "lay": "lay a finger on the sensor",
    "lift": "lift it",
    "again": "lay the same finger once more",
    "unclear": "not clear: lift it, wipe finger and sensor, and lay it once more",
}


def add_parser(commands: Any) -> None:
    """Add `enrol-finger`."""
    parser = command.add(commands, "enrol-finger", "add a finger to a registration", ENROL_FINGER)
    parser.add_argument("subject", help="the subject id, as `enrol` and `subjects` show it")
    parser.add_argument("--consent", action="store_true", help="the traveller agreed to finger comparison, just now")
    parser.set_defaults(run=run)
    command.add_dir(parser)
    command.add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Begin, then ask for what comes next until there is an outcome."""
    socket = command.control_socket(arguments)
    told = call(socket, "enrol_finger", {"subject": arguments.subject, "consent": arguments.consent})
    while "session" in told:
        told = _next(socket, told)
    command.show(told, arguments.json)
    return 0


def _next(socket: Path, told: dict[str, Any]) -> dict[str, Any]:
    told = call(socket, "enrol_finger", {"session": told["session"], "prompts": told["prompts"]})
    if prompt := told.get("prompt"):
        print(SAYS.get(prompt, prompt), file=sys.stderr, flush=True)
    return told
