"""How every command is added: with a description that shows an example, and the options that many share."""

import argparse
import json
import os
from pathlib import Path
from typing import Any

from gatefw.state import runtime_dir


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
