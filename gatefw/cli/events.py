"""gatefw events: follow what a gate publishes."""

import argparse
import json
import signal
from typing import Any

from gatefw.cli import command

DESCRIPTION = """\
Prints every event of a running gate, each once and in order, until interrupted; waits for a gate that is not there.

example:
  gatefw events tail
  gatefw events tail --since 0 --json
  gatefw events tail --key office.key

Without --since it begins with the next event; with it, after that number: 0 prints the whole journal.
"""


def add_parser(subparsers: Any) -> None:
    """Add `events tail`."""
    commands = subparsers.add_parser("events", help="follow what a gate publishes").add_subparsers(required=True)
    parser = command.add(commands, "tail", "print events as they come", DESCRIPTION)
    parser.add_argument("--since", type=_number, metavar="N", help="begin after event N (default: with the next one)")
    parser.add_argument("--json", action="store_true", help="one CloudEvents object a line")
    command.add_dir(parser)
    command.add_key(parser)
    parser.set_defaults(run=run)


def _number(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(f"{text!r} is no event number; 0 is before the first")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    for number in (signal.SIGINT, signal.SIGPIPE):  # end at once, as tail does: there is nothing to tidy up
        signal.signal(number, signal.SIG_DFL)
    from gatefw.bus_client import follow

    for event in follow(command.bus_key(arguments), arguments.since):
        print(json.dumps(event) if arguments.json else _line(event), flush=True)
    return 0


def _line(event: dict[str, Any]) -> str:
    fields = " ".join(f"{name}={_word(value)}" for name, value in event["data"].items())
    kind = event["type"].removeprefix("gatefw.").removesuffix(".v1")
    run_id = event.get("run", "-" * 16)
    return f"{int(event['sequence']):6} {event['time'][:23]} {run_id} {kind:22} {fields}".rstrip()


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:.4g}" if isinstance(value, float) else str(value)
