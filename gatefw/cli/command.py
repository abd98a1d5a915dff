"""How every command is added: with a description that shows an example, and the options that many share."""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from gatefw.state import runtime_dir

QUIET_S = 1.0
"""Whoever waits longer is told how far it has come."""


def add(commands: Any, name: str, summary: str, description: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=summary, description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    return parser


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for machines")


def add_dir(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dir", type=Path, help="the runtime directory of the gate (default: as the daemon finds it)")


def control_socket(arguments: argparse.Namespace) -> Path:
    directory: Path = arguments.dir or runtime_dir(os.environ)
    return directory.absolute() / "control.sock"


def show(result: dict[str, Any], as_json: bool) -> None:
    """One line a key; nested tables are indented once."""
    if as_json:
        print(json.dumps(result, indent=2))
        return
    for key, value in result.items():
        if isinstance(value, dict):
            value = "  ".join(f"{name}={inner}" for name, inner in value.items() if inner != "")
        elif isinstance(value, list):
            value = ", ".join(map(str, value)) or "-"
        print(f"{key.replace('_', ' '):14} {'-' if value in (None, '') else value}")


@contextmanager
def progress(terminal: TextIO, clock: Callable[[], float] = time.monotonic) -> Iterator[Callable[[str], None]]:
    """Tells a terminal in a few words how far it has come, once that takes a while, and wipes them away at the end."""
    began_s, width = clock(), 0

    def tell(words: str) -> None:
        nonlocal width
        if terminal.isatty() and clock() - began_s > QUIET_S:
            print(f"\r{words:<{width}}", end="", file=terminal, flush=True)
            width = max(width, len(words))

    try:
        yield tell
    finally:
        if width:
            print(f"\r{'':<{width}}\r", end="", file=terminal, flush=True)
