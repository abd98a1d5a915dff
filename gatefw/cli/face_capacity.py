"""gatefw face capacity: among how many people a face finds somebody, at the rates a lane wants. It is humbling."""

import argparse
import json
import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hw
from gatefw import config
from gatefw.biometrics import card as cards
from gatefw.biometrics.card import Card
from gatefw.biometrics.threshold import FINGER_FMR, Capacity, capacity, capacity_with_finger
from gatefw.cli import command
from gatefw.cli.album_options import EMBEDDER
from gatefw.state import state_dir

FUSED = tuple((frames, templates) for frames in (1, 3, 5) for templates in (1, 3))
LARGE = 100_000
FPIRS, FNIRS = (0.001, 0.01), (0.05, 0.2)

DESCRIPTION = f"""\
Among how many enrolled people this model finds a traveller by the face alone, while of so many strangers no more than
FPIR are taken for somebody, and of enrolled travellers no more than FNIR are missed or have a double. For 1, 3 and 5
frames fused, and people of 1 and 3 templates.

alone         what a lane holds: both rates even at the strict ends of the 95 % intervals of the measurement
likeliest     at the likeliest values instead; the bracket is what the intervals allow
other         the share of enrolled travellers who are missed and taken for another who is as near (misidentification)
finger        the face only names whose finger is asked for. A false accept then needs the finger sensor's FMR too,
              {FINGER_FMR:g} by its vendor's word, not measured by us; so the face may be as loose as it likes, and what
              bounds the gallery is FNIR: the looser, the more travellers have a double and are ambiguous

example:
  gatefw face capacity
  gatefw face capacity --fpir 0.1 --fnir 0.1 --json
  gatefw face capacity --lane config/lanes/document-free.toml
"""

TRUST = """\
Strangers are random people of the kind that was measured. Twins and relatives are far nearer, and so may be people whom
the model was not trained on. Frames are different photographs of a person here; frames of one minute gain less, so
more than the FNIR may be missed with 3 and 5 of them. `beyond`: the false match rate is so many times smaller than what
ten comparisons of the measurement stand behind; the fitted tail says so, nobody has seen it."""


def add_parser(commands: Any) -> None:
    """Add `capacity`."""
    parser = command.add(commands, "capacity", "among how many people a face finds somebody", DESCRIPTION)
    parser.add_argument("--model", default=EMBEDDER, metavar="NAME", help=f"default: {EMBEDDER}")
    parser.add_argument("--card", type=Path, metavar="FILE", help="a card that is not installed")
    parser.add_argument("--lane", type=Path, metavar="FILE", help="model, FPIR and FNIR out of a lane file")
    parser.add_argument("--fpir", type=_rate, nargs="+", default=FPIRS, metavar="X", help="0..1, default: 0.001 0.01")
    parser.add_argument("--fnir", type=_rate, nargs="+", default=FNIRS, metavar="X", help="0..1, default: 0.05 0.2")
    command.add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    model, wanted = arguments.model, [(fpir, fnir) for fpir in arguments.fpir for fnir in arguments.fnir]
    if arguments.lane:
        lane = config.load(arguments.lane, hw.schema)
        model, wanted = lane.vision_table.embedder, [(lane.gallery.fpir, lane.gallery.fnir)]
    card = cards.read(arguments.card or _found(model))
    rows = []
    with command.progress(sys.stderr) as tell:
        for fpir, fnir in wanted:
            for frames, templates in FUSED:
                tell(f"FPIR {fpir:g}, FNIR {fnir:g}: {frames} frames, {templates} templates")
                rows.append(row(card, fpir, fnir, frames, templates))
    if not arguments.json:
        print("\n".join(_told(card, rows)))
    print(json.dumps({"model": card.name, "finger_fmr": FINGER_FMR, "capacity": rows}))
    return 0


def row(card: Card, fpir: float, fnir: float, frames: int, templates: int) -> dict[str, Any]:
    """One line of the table, for machines."""
    alone = capacity(card, fpir, fnir, frames, templates)
    finger = capacity_with_finger(card, fpir, fnir, frames, templates)
    rates = {"fpir": fpir, "fnir": fnir, "frames": frames, "templates": templates}
    return rates | {"alone": _figures(alone), "finger": _figures(finger)}


def _figures(held: Capacity) -> dict[str, Any]:
    found: dict[str, Any] = {"people": held.people, "likeliest": held.likeliest, "interval": held.interval}
    if held.threshold is not None:
        threshold = held.threshold
        found |= {
            "distance": round(threshold.distance, 4),
            "fmr": float(f"{threshold.fmr:.3g}"),
            "fnir_expected": round(threshold.fnmr, 4),
            "taken_for_another": float(f"{threshold.taken.best:.2g}"),
            "times_beyond": round(threshold.times_beyond, 1),
        }
    return found


def _told(card: Card, rows: list[dict[str, Any]]) -> Iterator[str]:
    if measured := card.measured:
        yield f"{card.name}, measured on {measured.dataset}: {measured.people} people, {measured.pictures} pictures"
    rates = None
    for each in rows:
        if rates != (rates := (each["fpir"], each["fnir"])):
            yield f"\nFPIR {rates[0]:g}, FNIR {rates[1]:g}: the largest gallery"
            yield f"  frames  templates      alone  distance  beyond    other  {'likeliest [95 %]':<30}  finger [95 %]"
        alone, finger = each["alone"], each["finger"]
        low, high = alone["interval"]
        distance = f"{alone['distance']:.3f}" if "distance" in alone else "-"
        times = alone.get("times_beyond", 1)
        beyond = f"{times:{'.0f' if times >= 10 else '.2g'}} x" if times > 1 else ""
        other = f"{alone['taken_for_another']:.2%}" if "distance" in alone else "-"
        with_it = f"{finger['people']:,} [{finger['people']:,}, {finger['interval'][1]:,}]"
        likeliest = f"{alone['likeliest']:,} [{low:,}, {high:,}]"
        used = f"{alone['people']:>9,}  {distance:>8}  {beyond:>6}  {other:>7}"
        yield f"  {each['frames']:<6}  {each['templates']:<9}  {used}  {likeliest:<30}  {with_it}"
    yield from ("", *_in_words(rows), "", TRUST, "")


def _in_words(rows: list[dict[str, Any]]) -> Iterator[str]:
    """What that allows, and what not."""
    most = max(rows, key=lambda each: int(each["alone"]["people"]))
    seen = max((each["alone"]["people"] for each in rows if each["alone"].get("times_beyond", 2) <= 1), default=0)
    finger = max(rows, key=lambda each: int(each["finger"]["people"]))
    if not finger["finger"]["people"]:
        yield "At these rates a face finds nobody, alone or with a finger: one person enrolled is too many already."
        return
    yield (
        f"By the face alone {most['alone']['people']:,} people at most: {most['frames']} frames fused, "
        f"{most['templates']} photographs each, FPIR {most['fpir']:g}, FNIR {most['fnir']:g}."
    )
    yield f"Without carrying the tail beyond what was measured {seen:,}."
    yield (
        f"With a finger {finger['finger']['people']:,}: {finger['frames']} frames, {finger['templates']} photographs, "
        f"FNIR {finger['fnir']:g}."
    )
    if most["alone"]["people"] < LARGE:
        yield f"A gallery of {LARGE:,} is no gallery for a face alone: it is to be divided, or asked for more evidence."


def _found(name: str) -> Path:
    """The installed card, which knows what was measured here; before there is one, the shipped one."""
    installed = state_dir(os.environ) / "models" / f"{name}.toml"
    return installed if installed.exists() else cards.SHIPPED / f"{name}.toml"


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 < rate < 1:
        raise argparse.ArgumentTypeError(f"{text}: a share between 0 and 1 is wanted")
    return rate
