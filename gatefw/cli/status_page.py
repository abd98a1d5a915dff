"""gatefw status-page: the running lane and what the doctor says of it, for a browser."""

import argparse
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatefw.cli import command
from gatefw.control import call

if TYPE_CHECKING:
    from gatefw.watch.source import Source

DESCRIPTION = """\
Serves a page for technicians to a browser on this machine until it is ended: the lane as it is now, doors, zones,
devices with how long their turns take, the newest events, and what `gatefw doctor` finds, each with its remedy and what
it means. It renews itself; the doctor looks once a minute while somebody reads. It only looks: nothing can be ordered,
and nobody who passes is named. FILE is the lane file for the doctor, as in `gatefw doctor`.

It sees what its user may see, and whoever can reach the port sees that too: start it when you come, end it when you go.
From your own machine: ssh -L 8093:127.0.0.1:8093 GATE, and start it there.

example:
  gatefw status-page
  gatefw status-page --port 8093 --lang zh_HK
"""
PORT = 8093
ANSWER_S = 2.0
EVERY_S = 1.0


def add_parser(commands: Any) -> None:
    """Add `status-page`."""
    parser = command.add(commands, "status-page", "the running lane and its doctor, for a browser", DESCRIPTION)
    parser.add_argument("file", type=Path, nargs="?", metavar="FILE", help="the lane file")
    parser.add_argument("--port", type=int, default=PORT, help=f"of 127.0.0.1 (default: {PORT}; 0: one that is free)")
    command.add_lang(parser)
    command.add_dir(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from gatefw.technician.page import technician
    from gatefw.technician.rounds import doctor
    from gatefw.web.serve import bound, serve
    from gatefw.words import language

    tongue = language(arguments.lang, os.environ)
    command.served_dir(arguments, "the page says that the gate does not answer")
    app = technician(lambda: _source(arguments), doctor(arguments.file, arguments.dir), tongue)
    listener = bound("127.0.0.1", arguments.port)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/", flush=True)
    serve(app, listener)
    return 0


def _source(arguments: argparse.Namespace) -> "Source":
    from gatefw.bus_client import follow
    from gatefw.watch.source import Source

    def events(since: int | None, ended: Callable[[], bool]) -> Iterator[Mapping[str, Any]]:
        return follow(command.bus_key(arguments), since, ended)

    arguments.key = None
    socket = command.control_socket(arguments)
    return Source(lambda verb: call(socket, verb, timeout_s=ANSWER_S), events, EVERY_S)
