"""gatefw console: the officer's console, for browsers."""

import argparse
import sys
from pathlib import Path
from typing import Any

from gatefw.cli import command

CONSOLE = """\
Serves the officer's console to browsers until it is ended: a row of lanes, what each waits for, alarms by priority, and
orders to them. CONFIG names the lanes with the console's key to each (`gatefw keys new console --may read,operate`),
the officers with hashes of their passwords, and where it listens: on this machine alone, or with TLS. It is its owner's
alone (mode 0600). After a change of officers: kill -HUP.

--hash reads a password twice without showing it, and prints the line for CONFIG.

example:
  gatefw console console.toml
  gatefw console --hash
  gatefw console console.toml --check
"""


def add_parser(commands: Any) -> None:
    """Add `console`."""
    parser = command.add(commands, "console", "the officer's console, for browsers", CONSOLE)
    parser.add_argument("config", type=Path, nargs="?", metavar="CONFIG", help="the console's file")
    parser.add_argument("--hash", action="store_true", help="read a password and print its line for CONFIG")
    parser.add_argument("--check", action="store_true", help="only say whether CONFIG is in order")
    parser.set_defaults(run=run, usage_error=parser.error)


def run(arguments: argparse.Namespace) -> int:
    if arguments.hash:
        return _hash()
    if arguments.config is None:
        arguments.usage_error("CONFIG is wanted, or --hash")
    from gatefw import hardening
    from gatefw.console import setting
    from gatefw.console.row import Row
    from gatefw.console.server import Console
    from gatefw.web.serve import bound, serve

    file: Path = arguments.config
    if not arguments.check:
        hardening.harden()  # keys to lanes, passwords as they are looked at, cases on their way
    found = setting.read(file)
    if arguments.check:
        print(f"{file}: in order; lanes: {len(found.lanes)}, officers: {len(found.officers)}")
        return 0
    table = found.console
    listener = bound(table.host, table.port, f"{file}: console.port", anywhere=found.tls is not None)
    host = table.names[0] if table.names else f"[{table.host}]" if ":" in table.host else table.host
    print(f"{'https' if found.tls else 'http'}://{host}:{listener.getsockname()[1]}/", flush=True)
    serve(Console(found, Row(found.lanes)).application(lambda: setting.read(file)), listener, found.tls)
    return 0


def _hash() -> int:
    """A password is never an option: whoever lists processes would see it."""
    from getpass import getpass

    from gatefw.console.officers import hashed
    from gatefw.errors import Refusal

    if sys.stdin.isatty():
        password = getpass("password: ")
        if getpass("once more: ") != password:
            raise Refusal("password: the two are not the same; try again")
    else:
        password = sys.stdin.readline().rstrip("\n")
    print(f'password = "{hashed(password)}"')
    return 0
