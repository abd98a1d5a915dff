"""gatefw events: follow what a gate publishes."""

import argparse
import dataclasses
import json
import signal
import sys
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
CONFORM = """\
Plays a gate to a subscriber of yours and judges what it prints. PROGRAM is started with two more arguments, a key file
and the number of the last event that it is to know, and prints every event after that, one JSON object a line, each
once and in order; docs/subscriber.py is one that does. Meanwhile events are lost, doubled, late and out of order, the
program is killed, the gate restarts and comes back with a new journal.

example:
  gatefw events conform -- python docs/subscriber.py
  gatefw events conform --json -- ./our-subscriber --quiet

Exit status: 0 when it printed what it should have, 1 otherwise.
"""


def add_parser(subparsers: Any) -> None:
    """Add `events` with `tail` and `conform`."""
    commands = subparsers.add_parser("events", help="follow what a gate publishes").add_subparsers(required=True)
    parser = command.add(commands, "tail", "print events as they come", DESCRIPTION)
    parser.add_argument("--since", type=_number, metavar="N", help="begin after event N (default: with the next one)")
    parser.add_argument("--json", action="store_true", help="one CloudEvents object a line")
    command.add_dir(parser)
    command.add_key(parser)
    parser.set_defaults(run=run)
    conform = command.add(commands, "conform", "try a subscriber of your own", CONFORM)
    conform.add_argument("program", nargs="+", metavar="PROGRAM", help="and its own arguments")
    conform.add_argument("--patience", type=float, default=30.0, metavar="S", help="for its next line (default: 30)")
    command.add_json(conform)
    conform.set_defaults(run=run_conform)


def _number(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(f"{text!r} is no event number; 0 is before the first")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    from gatefw.bus_client import follow

    key = command.bus_key(arguments)
    for number in (signal.SIGINT, signal.SIGPIPE):  # end at once, as tail does: there is nothing to tidy up
        signal.signal(number, signal.SIG_DFL)
    said: list[str] = []

    def silent() -> None:
        if not said:
            said.append(f"gatefw: event bus at {key.replay}: no answer; is `gatefw run` running there? waiting for it")
            print(*said, file=sys.stderr, flush=True)

    for event in follow(key, arguments.since, silent=silent):
        said.clear()
        print(json.dumps(event) if arguments.json else _line(event), flush=True)
    return 0


def run_conform(arguments: argparse.Namespace) -> int:
    from gatefw.bus_conformance import rehearse

    scenes = []
    for scene in rehearse(arguments.program, arguments.patience):
        scenes.append(scene)
        if not arguments.json:
            print(f"{'ok' if not scene.problem else 'WRONG':6} {scene.events:4} {scene.name}", flush=True)
    problem = scenes[-1].problem
    if arguments.json:
        print(json.dumps({"conforms": not problem, "scenes": [dataclasses.asdict(each) for each in scenes]}, indent=2))
    elif problem:
        print(f"       {problem}")
    return 1 if problem else 0


def _line(event: dict[str, Any]) -> str:
    fields = " ".join(f"{name}={_word(value)}" for name, value in event["data"].items())
    kind = event["type"].removeprefix("gatefw.").removesuffix(".v1")
    run_id = event.get("run", "-" * 16)
    return f"{int(event['sequence']):6} {event['time'][:23]} {run_id} {kind:22} {fields}".rstrip()


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:.4g}" if isinstance(value, float) else str(value)
