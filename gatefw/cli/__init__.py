"""The command line: one file per group of commands; their docstrings and descriptions are the help.

Exit status: 0 done; 1 done, and the answer is no (a config with problems, a story that went wrong); 2 could not be
done: the message says what was asked, what was found and what to do; 130 ended by Ctrl-C. `gatefw manual` has them.
"""

import argparse
import errno
import importlib
import logging
import sys
from collections.abc import Iterable

from gatefw import __version__, log_words
from gatefw.cli.understanding import Parser
from gatefw.errors import GateError, printable, system_words

DESCRIPTION = """\
Supervisor of a border e-gate: runs one lane, and is what people who fit and mend gates use.

example:
  gatefw check config/lanes/contactless-e-channel.toml
  gatefw run config/lanes/contactless-e-channel.toml
  gatefw status
"""
GROUPS: dict[str, tuple[str, ...]] = {
    "run": ("run", "watcher", "make-safe"),
    "check": ("check",),
    "config": ("config",),
    "operate": ("status", "lane"),
    "watch": ("watch",),
    "screen": ("screen",),
    "console": ("console",),
    "status_page": ("status-page",),
    "doctor": ("doctor", "explain"),
    "reverse": ("reverse",),
    "people": ("enrol", "revoke", "subjects"),
    "record": ("change-facts", "withdraw-consent"),
    "partition": ("partition",),
    "finger": ("enrol-finger",),
    "gallery": ("gallery",),
    "secrets": ("secrets",),
    "tokens": ("tokens",),
    "authority": ("authority",),
    "device": ("device",),
    "commission": ("commission",),
    "events": ("events",),
    "keys": ("keys",),
    "journal": ("journal",),
    "why": ("why",),
    "replay": ("replay",),
    "bundle": ("bundle",),
    "stats": ("stats",),
    "metrics": ("metrics",),
    "reload": ("reload",),
    "models": ("models",),
    "face": ("face",),
    "demo": ("demo",),
    "install": ("install", "uninstall", "self-test"),
    "stick": ("stick",),
    "simulate": ("simulate",),
    "systems": ("systems",),
    "completion": ("completion", "manual"),
}
"""The file of each group in this folder, and its commands: a command loads no other group. In the order of the help."""


def parser(groups: Iterable[str] = GROUPS) -> argparse.ArgumentParser:
    top = Parser(prog="gatefw", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("--version", action="version", version=f"gatefw {__version__}")
    top.add_argument("-v", "--verbose", action="store_true", help="log what happens to standard error")
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for group in groups:
        importlib.import_module(f"gatefw.cli.{group}").add_parser(commands)
    return top


def _asked(arguments: list[str]) -> Iterable[str]:
    """The group of the command that is given; where there is none such all of them, for the help."""
    command = next((word for word in arguments if not word.startswith("-")), "")
    return [group for group, commands in GROUPS.items() if command in commands] or GROUPS


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    options = parser(_asked(arguments)).parse_args(arguments)
    level = logging.INFO if options.verbose else logging.WARNING
    log_words.begin(level, "%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        status = int(options.run(options))
        sys.stdout.flush()
        return status
    except GateError as error:
        print(f"gatefw: {error}", file=sys.stderr)
        for note in getattr(error, "__notes__", ()):
            print(f"gatefw: {printable(str(note))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except OSError as error:
        if error.filename is None and error.errno != errno.ENOSPC:
            raise  # of no file: a mistake of ours, and where it was made is worth knowing
        logging.getLogger(__name__).info("where it happened", exc_info=True)
        print(f"gatefw: {printable(str(error.filename or 'the output'))}: {system_words(error)}", file=sys.stderr)
        return 2
