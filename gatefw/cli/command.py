"""How every command is added: with a description that shows an example, and the options that many share."""

import argparse
import json
import os
import sys
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from gatefw.control import EXPIRES_S, call
from gatefw.state import runtime_dir

if TYPE_CHECKING:
    from gatefw.bus_keys import ClientKey
    from gatefw.model import Phase
    from gatefw.words import Words

QUIET_S = 1.0
"""Whoever waits longer is told how far it has come."""


def add(commands: Any, name: str, summary: str, description: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=summary, description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    return parser


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for machines")


def add_lang(parser: argparse.ArgumentParser) -> None:
    what = "en, zh_HK (Traditional Chinese) or zh_CN (Simplified); else as the environment has it"
    parser.add_argument("--lang", default="", metavar="LANG", help=what)


def words(arguments: argparse.Namespace) -> "Words":
    """In the language that was asked for, or that of the environment; in English where the output has no such letters.

    Raises SetupError when the language is not there.
    """
    from gatefw.words import Words, language

    chosen = Words(language(arguments.lang, os.environ))
    try:
        chosen.label("phase").encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return Words()
    return chosen


def add_dir(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dir", type=Path, help="the runtime directory of the gate (default: as the daemon finds it)")


def served_dir(arguments: argparse.Namespace, meanwhile: str) -> Path:
    """The runtime directory that a page is about, absolute. A page may be started before its daemon, so that there is
    none yet is no error; it is told, for it may be a slip of the pen, with what the page shows meanwhile.
    """
    directory: Path = (arguments.dir or runtime_dir(os.environ)).absolute()
    if not directory.is_dir():
        told = f"there is no such directory yet; until `gatefw run` runs there, {meanwhile}"
        print(f"gatefw: {directory}: {told}", file=sys.stderr, flush=True)
    return directory


def control_socket(arguments: argparse.Namespace) -> Path:
    directory: Path = arguments.dir or runtime_dir(os.environ)
    return directory.absolute() / "control.sock"


def add_key(parser: argparse.ArgumentParser) -> None:
    what = "over the bus, with this key (`gatefw keys new`); it says where the gate is"
    parser.add_argument("--key", type=Path, metavar="FILE", help=what)


def bus_key(arguments: argparse.Namespace) -> "ClientKey":
    """The key that was given, or the one beside the gate's sockets. Raises SetupError."""
    from gatefw.bus_keys import ClientKey

    directory: Path = arguments.dir or runtime_dir(os.environ)
    return ClientKey.read(arguments.key or directory.absolute() / "bus.key")


def order(arguments: argparse.Namespace, verb: str, args: Mapping[str, object] | None = None) -> dict[str, Any]:
    """Give an order: with `--key` over the bus, else over the control socket. Raises what `control.call` does."""
    expects = getattr(arguments, "expects", None)
    if arguments.key is None:
        return ask(arguments, verb, args, expects=expects)
    from gatefw import bus_client

    with waiting(f"{verb}: waiting for the gate"):
        return bus_client.order(bus_key(arguments), verb, args, expects=expects)


def ask(
    arguments: argparse.Namespace,
    verb: str,
    args: Mapping[str, object] | None = None,
    timeout_s: float = EXPIRES_S,
    expects: "Phase | None" = None,
) -> dict[str, Any]:
    """Give an order over the control socket. Raises what `control.call` does."""
    with waiting(f"{verb}: waiting for the gate"):
        return call(control_socket(arguments), verb, args, timeout_s, expects)


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
        print(f"{_column(key.replace('_', ' '), 14)} {'-' if value in (None, '') else value}")


def _column(text: str, cells: int) -> str:
    """Filled up to so many cells of a terminal; Chinese characters are two wide."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return text + " " * (cells - len(text) - wide)


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


@contextmanager
def waiting(what: str, terminal: TextIO | None = None) -> Iterator[None]:
    """Tells a terminal each second for how long nothing has come, for a step that cannot tell by itself."""
    out = terminal or sys.stderr
    if not out.isatty():
        yield
        return
    over, began_s = threading.Event(), time.monotonic()

    def tick() -> None:
        with progress(out) as tell:
            while not over.wait(QUIET_S):
                tell(f"{what}, {time.monotonic() - began_s:.0f} s")

    thread = threading.Thread(target=tick, name="waiting")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
