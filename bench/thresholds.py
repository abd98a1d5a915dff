"""Do the thresholds of a gallery keep what they promise? Fitted on half of the people, tried on the other half.

    python -m bench.thresholds DIR [--splits N] [--draws N] [--fpir X ...] [--most N ...]

Of each size of gallery that the other half can fill, and each number of fused frames and templates: galleries and
strangers are drawn from people whom the fit never saw, and searched at the likeliest distance and at its strict end,
which is the one in use. FPIR: strangers who found somebody. FNIR: travellers who were missed, or not alone. Taken for
another: travellers who found one person, and not themselves. These are press photographs: strangers are random people.
"""

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gatefw.biometrics.card import Card
from gatefw.biometrics.chain import Chain
from gatefw.biometrics.measuring.album import Album, collect
from gatefw.biometrics.measuring.calibrate import tables
from gatefw.biometrics.measuring.scores import between, fused
from gatefw.biometrics.runtime import Runtime
from gatefw.biometrics.threshold import search_threshold
from gatefw.cli import command
from gatefw.errors import GateError
from gatefw.state import state_dir

MODELS = ("blazeface-short-range-int8", "dlib-resnet-int8")
KINDS = ((1, 1), (1, 3), (3, 1), (3, 3))
Distances = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Tried:
    """One split, one kind, one size: what was counted at both distances, and the FNIR that was expected."""

    likeliest: Counter[str]
    strict: Counter[str]
    expected: float
    expected_high: float


@dataclass(frozen=True, eq=False)
class Half:
    """People with enough pictures for a reference: everybody's probe against everybody's reference.

    own: who has pictures for both, none on both sides. Rows are probes, the diagonal is oneself.
    """

    distances: Distances
    own: NDArray[np.intp]

    @classmethod
    def of(cls, album: Album, frames: int, templates: int) -> "Half":
        shots = [own for own in album.of_people() if len(own) >= max(frames, templates)]
        probes = fused(album, [own[:frames] for own in shots], weighted=True)
        references = fused(album, [own[-templates:] for own in shots], weighted=False)
        own = [number for number, each in enumerate(shots) if len(each) >= frames + templates]
        return cls(between(probes, references), np.array(own, np.intp))

    def searched(self, most: int, distance: float, chance: np.random.Generator) -> Counter[str]:
        """One gallery of so many people, and all the others as strangers."""
        order = chance.permutation(len(self.distances))
        enrolled, strangers = order[:most], order[most:]
        near = self.distances[:, enrolled] <= distance
        counted = Counter(strangers=len(strangers), found=int(near[strangers].any(1).sum()))
        for place, person in enumerate(enrolled):
            if person in self.own:
                alone, right = near[person].sum() == 1, bool(near[person, place])
                counted["travellers"] += 1
                counted["missed"] += not (alone and right)
                counted["taken"] += bool(alone and not right)
        return counted


def halves(album: Album, seed: int) -> tuple[Album, Album]:
    """The people of an album in two, at random."""
    order = np.random.default_rng(seed).permutation(album.people)
    ours, theirs = np.array_split(order, 2)
    return _part(album, ours), _part(album, theirs)


def _part(album: Album, people: NDArray[np.int64]) -> Album:
    numbers = {int(person): number for number, person in enumerate(people)}
    shots = [replace(shot, person=numbers[shot.person]) for shot in album.shots if shot.person in numbers]
    return Album(tuple(sorted(shots, key=lambda shot: shot.person)), len(people))


def tried(
    album: Album, card: Card, options: argparse.Namespace, tell: Callable[[str], None] = lambda _words: None
) -> Iterator[dict[str, float]]:
    """A row for each kind, size and FPIR, over all splits."""
    cells: dict[tuple[int, int, int, float], list[Tried]] = {}
    for split in range(options.splits):
        tell(f"split {split + 1} of {options.splits}")
        ours, theirs = halves(album, split)
        fitted = tables(ours, card, "half")
        chance = np.random.default_rng(split)
        for frames, templates in KINDS:
            half = Half.of(theirs, frames, templates)
            for most in (each for each in options.most if each <= 0.75 * len(half.distances)):
                for fpir in options.fpir:
                    threshold = search_threshold(fitted, most, fpir, frames, templates)
                    likeliest, strict = Counter[str](), Counter[str]()
                    for _ in range(options.draws):
                        likeliest += half.searched(most, threshold.distances.best, chance)
                        strict += half.searched(most, threshold.distance, chance)
                    row = Tried(likeliest, strict, threshold.fnmr, threshold.fnmr_interval[1])
                    cells.setdefault((frames, templates, most, fpir), []).append(row)
    for (frames, templates, most, fpir), rows in cells.items():
        asked = {"frames": frames, "templates": templates, "most": most, "fpir": fpir}
        yield asked | _row(fpir, rows)


def _row(fpir: float, rows: list[Tried]) -> dict[str, float]:
    likeliest = sum((row.likeliest for row in rows), Counter[str]())
    strict = sum((row.strict for row in rows), Counter[str]())
    each = [row.strict["found"] / row.strict["strangers"] for row in rows]
    missed = [row.strict["missed"] / max(1, row.strict["travellers"]) for row in rows]
    return {
        "fpir_likeliest": round(likeliest["found"] / likeliest["strangers"], 5),
        "fpir_strict": round(strict["found"] / strict["strangers"], 5),
        "splits_held": sum(found <= fpir for found in each),
        "splits": len(rows),
        "fnir_expected": round(float(np.mean([row.expected for row in rows])), 4),
        "fnir": round(float(np.mean(missed)), 4),
        "fnir_held": sum(found <= row.expected_high for found, row in zip(missed, rows, strict=True)),
        "taken_for_another": strict["taken"],
        "travellers": strict["travellers"],
    }


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.thresholds", description=str(__doc__).partition("\n")[0])
    parser.add_argument("folder", type=Path, metavar="DIR", help="a folder with a folder of photographs a person")
    parser.add_argument("--splits", type=int, default=8)
    parser.add_argument("--draws", type=int, default=50, help="galleries of each size and split")
    parser.add_argument("--fpir", type=float, nargs="+", default=[0.01, 0.1])
    parser.add_argument("--most", type=int, nargs="+", default=[50, 100, 200, 400])
    options = parser.parse_args(arguments)
    try:
        with command.progress(sys.stderr) as tell:
            chain = Chain.load(state_dir(os.environ) / "models", *MODELS, Runtime.LITERT)
            album = collect(chain.probe, options.folder, lambda done, of: tell(f"{done} of {of} pictures"))
            rows = list(tried(album, chain.embedder.card, options, tell))
    except GateError as error:
        print(f"thresholds: {error}", file=sys.stderr)
        return 2
    print("\n".join(_told(rows)))
    print(json.dumps({"thresholds": rows}))
    return 0


def _told(rows: list[dict[str, float]]) -> Iterator[str]:
    yield "| fused, templates | among | FPIR promised | likeliest | strict, held | FNIR expected | seen, held | other |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in rows:
        splits = row["splits"]
        yield (
            f"| {row['frames']}, {row['templates']} | {row['most']} | {row['fpir']:.1%} | {row['fpir_likeliest']:.2%} "
            f"| {row['fpir_strict']:.2%}, {row['splits_held']} of {splits} | {row['fnir_expected']:.1%} "
            f"| {row['fnir']:.1%}, {row['fnir_held']} of {splits} "
            f"| {row['taken_for_another']} of {row['travellers']:,} |"
        )


if __name__ == "__main__":
    sys.exit(main())
