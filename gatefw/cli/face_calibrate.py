"""gatefw face calibrate: measure a model on a folder of photographs, and write what it does into its card."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from gatefw.biometrics import card as cards
from gatefw.biometrics import fetch
from gatefw.biometrics.card import Card
from gatefw.cli import album_options, command

DESCRIPTION = """\
Looks at every picture of a folder DIR/identity/picture.jpg as a lane would, and measures: the distances for a false
match rate and what they miss (one against one); how near strangers come, and how far people are from themselves, with
1, 3 and 5 frames fused and references of 1 and 3 templates. The threshold of a gallery and its FNIR follow from these.
Writes the model's card with them, the date, the folder's name and the counts; no name and no picture. 1000 people with
several pictures of 300 of them are a good number, and take some minutes.

example:
  gatefw face calibrate FOLDER
  gatefw face calibrate FOLDER --model other-model --out card.toml --dataset "staff, 2026"
  gatefw models add other-model.tflite --card card.toml
  gatefw face capacity --card card.toml
"""


def add_parser(commands: Any) -> None:
    """Add `calibrate`."""
    parser = command.add(commands, "calibrate", "measure a model on a folder, and write it into its card", DESCRIPTION)
    album_options.add(parser)
    parser.add_argument("--out", type=Path, metavar="FILE", help="the card to write (default: MODEL.toml, here)")
    parser.add_argument("--dataset", help="what the card calls the folder (default: its name)")
    command.add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from gatefw.biometrics.measuring.calibrate import tables

    if arguments.out:
        album_options.require_writable("--out", arguments.out)
    chain, album = album_options.collected(arguments)
    dataset = arguments.dataset or arguments.folder.resolve().name
    with command.progress(sys.stderr) as tell:
        card = tables(album, chain.embedder.card, dataset, tell)
    path = arguments.out or Path(f"{card.name}.toml")
    fetch.write_atomically(path, cards.text(card).encode())
    if not arguments.json:
        _print(card)
    print(json.dumps({"card": str(path), **figures(card)}))
    return 0


def figures(card: Card) -> dict[str, Any]:
    """What was measured, for machines."""
    measured = card.measured
    return {
        "model": card.name,
        "dataset": measured.dataset if measured else "",
        "people": measured.people if measured else 0,
        "pictures": measured.pictures if measured else 0,
        "thresholds": [
            {"fmr": row.fmr, "distance": row.distance, "fnmr": row.fnmr, "fnmr_interval": row.fnmr_interval}
            for row in card.threshold
        ],
        "tails": [
            {
                name: getattr(tail, name)
                for name in ("frames", "templates", "at", "share", "shape", "scale", "comparisons")
            }
            for tail in card.tail
        ],
    }


def _print(card: Card) -> None:
    if card.measured:
        print(
            f"{card.name}, on {card.measured.dataset}: {card.measured.people} people, {card.measured.pictures} pictures"
        )
    print("\none against one    FMR       distance   FNMR")
    for row in card.threshold:
        low, high = row.fnmr_interval
        print(f"                   {row.fmr:<8g}  {row.distance:.3f}      {row.fnmr:.2%} [{low:.2%}, {high:.2%}]")
    print("\nstrangers          frames  templates  comparisons  people  tail below  shape")
    for tail in card.tail:
        print(
            f"                   {tail.frames:<6}  {tail.templates:<9}  {tail.comparisons:<11}  {tail.people:<6}  "
            f"{tail.at:.3f}       {tail.shape:+.3f}"
        )
