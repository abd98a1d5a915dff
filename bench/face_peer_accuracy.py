"""Who is told apart, by ours and by the face_recognition stack (dlib), on the same pictures of a folder.

    python -m bench.face_peer_accuracy --faces DIR [--people N] [--pictures N] [--json]

DIR has a folder of photographs for each person, and stands nowhere in this project. Of N people with two pictures or
more, evenly spaced, the first pictures; the central face of each, whatever its quality. Mated: all pairs of a person;
non-mated: first pictures of all. A picture in which a way finds no face is a non-match of that way (GFRR) and left out
of its FNMR. Intervals of 95 % by a bootstrap over people.

Seen in November 2026 on 150 people of press photographs with two pictures each (150 mated comparisons: little to tell
them apart by): ours lost no picture, dlib 2 and, enlarged, 3; GFRR at an FMR of 1e-2 2.0 % [0.0, 4.7], 4.0 % [1.3, 7.3]
and 4.7 % [1.3, 8.0]; EER 2.0, 2.0 and 1.4 %.
"""

import argparse
import json
import sys
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.face_peer import DETECTOR, EMBEDDER, Peer, peer
from gatefw.biometrics import picture
from gatefw.biometrics.chain import Chain, Probe
from gatefw.biometrics.measuring import rates
from gatefw.biometrics.measuring.album import SUFFIXES, central
from gatefw.biometrics.measuring.rates import Rates
from gatefw.biometrics.measuring.scores import Scores
from gatefw.biometrics.runtime import Picture, Runtime
from gatefw.cli.command import progress
from gatefw.errors import GateError, SetupError
from gatefw.state import state_dir

FMRS = (1e-2, 1e-3)
Numbers = NDArray[np.float64]
Embed = Callable[[Picture], Numbers | None]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.face_peer_accuracy", description=str(__doc__).split("\n")[0])
    parser.add_argument("--faces", type=Path, required=True, help="a folder with a folder of photographs a person")
    parser.add_argument("--people", type=int, default=300)
    parser.add_argument("--pictures", type=int, default=3, help="of each person, at most")
    parser.add_argument("--json", action="store_true", help="all numbers in one line, at the end")
    options = parser.parse_args(arguments)
    try:
        albums = _people(options.faces, options.people, options.pictures)
        chain = Chain.load(state_dir() / "models", DETECTOR, EMBEDDER, Runtime.LITERT)
        with peer() as dlib:
            ways = {"ours": _ours(chain), "dlib": _theirs(dlib, 0), "dlib x2": _theirs(dlib, 1)}
            vectors = _vectors(albums, ways)
    except GateError as error:
        print(f"bench.face_peer_accuracy: {error}", file=sys.stderr)
        return 2
    results = {}
    for way, of in vectors.items():
        found = measured(of)
        lost = sum(vector is None for person in of for vector in person)
        results[way] = _told(found, lost)
        print(f"{way:8} " + ", ".join(f"{key} {value}" for key, value in results[way].items()))
    if options.json:
        print(json.dumps({"people": len(albums), "pictures": sum(map(len, albums)), **results}))
    return 0


def measured(vectors: list[list[Numbers | None]]) -> Rates:
    """The rates of one way: the vectors of every person's pictures, None where no face was found."""
    pairs = [(number, *pair) for number, person in enumerate(vectors) for pair in combinations(person, 2)]
    people = np.array([number for number, _, _ in pairs], np.int32)
    mated = Scores(np.array([_distance(a, b) for _, a, b in pairs], np.float32), people, people)
    firsts = list(combinations([person[0] for person in vectors], 2))
    probes, references = np.array(list(combinations(range(len(vectors)), 2)), np.int32).T
    non_mated = Scores(np.array([_distance(a, b) for a, b in firsts], np.float32), probes, references)
    return rates.measured(rates.Curve(mated, non_mated), len(vectors), fmrs=FMRS)


def _distance(a: Numbers | None, b: Numbers | None) -> float:
    return float("inf") if a is None or b is None else float(np.linalg.norm(a - b))


def _told(found: Rates, lost: int) -> dict[str, object]:
    def percent(rate: rates.Rate) -> str:
        return f"{100 * rate.value:.2f} % [{100 * rate.low:.2f}, {100 * rate.high:.2f}]"

    points = {f"FNMR at FMR {point.fmr:g}": percent(point.fnmr) for point in found.points}
    with_lost = {f"GFRR at FMR {point.fmr:g}": percent(point.gfrr) for point in found.points}
    return {"lost": lost, "EER": percent(found.eer)} | points | with_lost


def _people(folder: Path, most: int, pictures: int) -> list[list[Picture]]:
    if not folder.is_dir():
        raise SetupError(f"{folder}: no directory; name one with a folder of pictures for each person")
    homes = (home.glob("*") for home in sorted(folder.iterdir()) if home.is_dir())
    found = (sorted(path for path in home if path.suffix.lower() in SUFFIXES) for home in homes)
    several = [paths for paths in found if len(paths) > 1]
    some = several[:: max(1, len(several) // most)][:most]
    if len(some) < 2:
        raise SetupError(f"{folder}: {len(some)} people with two pictures; hundreds are wanted")
    return [[picture.load(path) for path in paths[:pictures]] for paths in some]


def _vectors(albums: list[list[Picture]], ways: dict[str, Embed]) -> dict[str, list[list[Numbers | None]]]:
    found: dict[str, list[list[Numbers | None]]] = {way: [] for way in ways}
    with progress(sys.stderr) as tell:
        for number, pictures in enumerate(albums):
            tell(f"{number} of {len(albums)} people")
            for way, embed in ways.items():
                found[way].append([embed(rgb) for rgb in pictures])
    return found


def _ours(chain: Chain) -> Embed:
    look = central(chain)

    def embed(rgb: Picture) -> Numbers | None:
        probe = look(rgb)
        return probe.template.vector.astype(np.float64) if isinstance(probe, Probe) else None

    return embed


def _theirs(dlib: Peer, upsample: int) -> Embed:
    def embed(rgb: Picture) -> Numbers | None:
        vector = dlib.ask({"embed": True, "upsample": upsample}, rgb)["vector"]
        return None if vector is None else np.array(vector)

    return embed


if __name__ == "__main__":
    sys.exit(main())
