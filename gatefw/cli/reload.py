"""gatefw reload: the running daemon reads its lane file again."""

import argparse
from typing import Any

from gatefw.cli import command
from gatefw.control import RELOAD

TEXT = """\
Has the running daemon read its lane file again. What changed in [timers], [[rule]], [tries], [tokens], [documents] and
[authorities] counts from the next moment at which the lane is empty; everything else that changed is named, and counts
after a restart. A file with a problem changes nothing, and the answer says why, by line and key. SIGHUP does the same.

example:
  gatefw check /etc/gatefw/lane.toml
  gatefw reload
"""
WAIT_S = 60.0


def add_parser(commands: Any) -> None:
    """Add `reload`."""
    parser = command.add(commands, "reload", "read the lane file again, between travellers", TEXT)
    parser.add_argument(
        "--wait-s", type=float, default=WAIT_S, metavar="S", help="how long to wait for an empty lane (default: 60)"
    )
    command.add_dir(parser)
    command.add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """0: all that changed counts now; 1: some of it needs a restart."""
    told = command.ask(arguments, RELOAD, timeout_s=arguments.wait_s)
    command.show(told, arguments.json)
    return 1 if told["refused"] else 0
