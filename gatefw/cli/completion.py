"""gatefw completion, manual: what a shell and `man` want to know of the commands."""

import argparse
from pathlib import Path
from typing import Any

from gatefw import __version__
from gatefw.cli import command

SHELLS = ("bash", "zsh", "fish")
COMPLETION = """\
Prints a script by which a shell completes commands, options and their words.

example:
  gatefw completion bash > /etc/bash_completion.d/gatefw
  gatefw completion zsh > /usr/local/share/zsh/site-functions/_gatefw
  gatefw completion fish > /etc/fish/completions/gatefw.fish
  source <(gatefw completion bash)
"""
MANUAL = """\
Prints the manual page of all commands, for `man`.

example:
  gatefw manual | man -l -
  gatefw manual > /usr/local/share/man/man1/gatefw.1
"""


def add_parser(commands: Any) -> None:
    """Add `completion` and `manual`."""
    completion = command.add(commands, "completion", "let a shell complete the commands", COMPLETION)
    completion.add_argument("shell", choices=SHELLS)
    completion.set_defaults(run=run_completion)
    manual = command.add(commands, "manual", "print the manual page", MANUAL)
    manual.set_defaults(run=run_manual)


def run_completion(arguments: argparse.Namespace) -> int:
    import shtab

    from gatefw.cli import parser

    print(shtab.complete(_for_shells(parser()), arguments.shell))
    return 0


def run_manual(_arguments: argparse.Namespace) -> int:
    from gatefw import manual_page
    from gatefw.cli import parser

    print(manual_page.page(parser(), __version__), end="")
    return 0


def _for_shells(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """What is a path is completed as one; a command is told by its summary."""
    import shtab

    from gatefw.manual_page import summaries

    told = summaries(parser)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, child in action.choices.items():
                child.description = told.get(name) or child.description
                _for_shells(child)
        elif action.type is Path:
            action.complete = shtab.DIRECTORY if action.metavar == "DIR" or action.dest == "dir" else shtab.FILE  # type: ignore[attr-defined]
    return parser
