"""gatefw demo: a day at a simulated lane, to look at or to be checked by a machine."""

import argparse
import json
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from gatefw.cli import command
from gatefw.cli.colour import coloured
from gatefw.errors import SetupError

if TYPE_CHECKING:
    from gatefw.demo.stories import Story

DESCRIPTION = """\
Shows a day at a lane, live: the real daemon, watcher and vision process on a simulated gate, in a directory of their
own that is removed afterwards. Takes about 80 seconds; needs the models and photographs of
`gatefw models install --photos`. Where a browser finds the traveller's screen and the officer's console is printed;
--headless and --json serve no pages. Exit status 0 only if every story ended as it should and no process died.

example:
  gatefw demo
  gatefw demo --only impostor
  gatefw demo --port 8090
  gatefw demo --headless --json
"""


def add_parser(commands: Any) -> None:
    """Add `demo`."""
    parser = command.add(commands, "demo", "watch a day at a simulated lane", DESCRIPTION)
    parser.add_argument("--headless", action="store_true", help="only what it came to")
    parser.add_argument("--only", metavar="STORY", help="one story; the table names them")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave state and logs in this new directory")
    pages = "serve the screen at this port, the console at the next (default: at any that are free)"
    parser.add_argument("--port", type=int, default=0, help=pages)
    command.add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from gatefw.demo.pages import opened
    from gatefw.demo.play import perform
    from gatefw.demo.screen import Screen
    from gatefw.demo.stage import staged

    for number in (signal.SIGTERM, signal.SIGINT):  # a shell gives its background commands a deaf ear for the second
        signal.signal(number, _end)
    stories = _chosen(arguments.only)
    quiet = arguments.headless or arguments.json
    screen = Screen(sys.stdout, coloured(sys.stdout))
    if not quiet:
        screen.opens()
    with staged(_unheard if quiet else screen.event, arguments.keep) as stage:
        if not quiet:
            screen.pages(opened(stage, arguments.port))
        stage.await_idle()
        results = perform(stage, stories, _unheard if quiet else screen.begins, _unheard if quiet else screen.ends)
        dead = stage.end()
    if arguments.json:
        print(json.dumps({"stories": [result.to_json() for result in results]}, indent=2))
    else:
        screen.table(results)
    for problem in [*(f"{each.name}: {why}" for each in results for why in each.problems), *dead]:
        print(f"gatefw demo: {problem}", file=sys.stderr)
    return 0 if all(result.ok for result in results) and not dead else 1


def _chosen(name: str | None) -> "list[Story]":
    from gatefw.demo.stories import STORIES

    chosen = [story for story in STORIES if name in (None, story.name)]
    if not chosen:
        raise SetupError(f"demo: no story is called {name!r}; there are {', '.join(story.name for story in STORIES)}")
    return chosen


def _unheard(_heard: object) -> None:
    """Nobody looks."""


def _end(_number: int, _frame: FrameType | None) -> None:
    """SIGTERM ends the demo as Ctrl-C does: with everything it started."""
    raise KeyboardInterrupt
