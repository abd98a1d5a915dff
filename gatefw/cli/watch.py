"""gatefw watch: the running lane on a terminal."""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

from gatefw.cli import command
from gatefw.cli.colour import DUMB, coloured
from gatefw.control import call
from gatefw.errors import SetupError

if TYPE_CHECKING:
    from gatefw.watch.seen import Seen
    from gatefw.watch.source import Source

DESCRIPTION = """\
Shows the lane as it is now: doors, people, the passage under way and what it waits for, every device with how long its
turns take, how good the face in front of the camera is (no picture, no name), and the newest events. 80 x 24 is
enough, also over ssh; a larger terminal shows more. It only looks. In maintenance (`gatefw lane maintain`) a device can
be chosen and tested, and the maintenance be ended; both ask first.

example:
  gatefw watch
  gatefw watch --once
  gatefw watch --json | jq .lane.phase
  gatefw watch --key office.key

Signs: = secured, - closed, > open; + a device is there, ~ works badly, ! missing or wrong. When the daemon goes it says
so and waits for it. With --key, over the bus, it asks less often and only looks.

Exit status: 0 ended by `q`; with --once 1 when the gate does not answer; 130 ended by Ctrl-C.
"""
ANSWER_S = 2.0
FIRST_S = 5.0
SIZE = 80, 24
FAR_S = 2.0
PAUSE_S = 0.05


def add_parser(commands: Any) -> None:
    """Add `watch`."""
    parser = command.add(commands, "watch", "the running lane on a terminal", DESCRIPTION)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--once", action="store_true", help="print it once as plain text, and end")
    how.add_argument("--json", action="store_true", help="one object a line, whenever something has changed")
    parser.add_argument("--no-colour", "--no-color", action="store_true", help="as with NO_COLOR in the environment")
    command.add_dir(parser)
    command.add_key(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    with closing(_source(arguments)) as source:
        source.start()
        if arguments.once:
            return _once(source)
        if arguments.json or not sys.stdout.isatty():
            return _changes(source)
        return _screen(arguments, source)


def _source(arguments: argparse.Namespace) -> "Source":
    from gatefw.bus_client import follow
    from gatefw.watch.source import Source

    def events(since: int | None, ended: Callable[[], bool]) -> Iterator[Mapping[str, Any]]:
        return follow(command.bus_key(arguments), since, ended)

    if arguments.key is not None:
        command.bus_key(arguments)  # a key that is none is said at once
        return Source(lambda verb: command.order(arguments, verb), events, FAR_S)
    socket = command.control_socket(arguments)
    return Source(lambda verb: call(socket, verb, timeout_s=ANSWER_S), events)


def _once(source: "Source") -> int:
    from gatefw.watch.picture import picture, plain

    ends_s = time.monotonic() + FIRST_S
    while not _whole(source.seen) and time.monotonic() < ends_s:
        time.sleep(PAUSE_S)  # several threads fill it, and none knows when it is whole
    print(plain(picture(source.seen, *SIZE, source.now_s())))
    return 1 if source.seen.gone or source.seen.lane is None else 0


def _whole(seen: "Seen") -> bool:
    """Everything has come that will come by itself."""
    lane = seen.lane
    told = lane is not None and bool(seen.events or seen.deaf or not lane.journal_head)
    return bool(seen.gone) or (told and bool(seen.devices))


def _changes(source: "Source") -> int:
    before = 0
    while True:
        count = source.changes(before, FIRST_S)
        if count != before:
            print(json.dumps(source.seen.told()), flush=True)
        before = count


def _screen(arguments: argparse.Namespace, source: "Source") -> int:
    from gatefw.watch.screen import Watch

    if os.environ.get("TERM") in DUMB:
        raise SetupError("watch: this terminal says it is dumb and cannot be drawn on; --once and --json need none")
    colour = coloured(sys.stdout) and not arguments.no_colour
    if not colour:
        os.environ["NO_COLOR"] = "1"  # for what the library draws itself
    status = Watch(source, lambda verb, args: command.order(arguments, verb, args), colour).run(mouse=False)
    return 0 if status is None else status
