"""Facts on a command line: what a document or a permit says of somebody, what a partition is for."""

import argparse
import json
from pathlib import Path

from gatefw.errors import Refusal


def add(parser: argparse.ArgumentParser, example: str) -> None:
    parser.add_argument("--fact", action="append", default=[], metavar="NAME=VALUE", help=f"like {example}; repeatable")
    parser.add_argument(
        "--facts",
        type=Path,
        metavar="FILE",
        help="as a JSON object; from /dev/stdin no other user of this machine sees it",
    )


def given(arguments: argparse.Namespace) -> dict[str, str]:
    """Those of the file, then those of the command line. Raises Refusal."""
    facts = dict(_read(arguments.facts)) if arguments.facts else {}
    for text in arguments.fact:
        name, equals, value = text.partition("=")
        if not equals:
            raise Refusal(f"--fact {name}: NAME=VALUE is wanted, an empty VALUE where a fact is to go")
        facts[name] = value
    return facts


def _read(path: Path) -> dict[str, str]:
    try:
        facts = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise Refusal(f"--facts {path}: cannot be read as JSON: {type(error).__name__}") from error
    if not isinstance(facts, dict):
        raise Refusal(f'--facts {path}: an object is wanted, like {{"permit.expires": "2031-05-01"}}')
    return facts
