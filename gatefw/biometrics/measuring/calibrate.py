"""What a model does on a folder of photographs, as the tables of its card: thresholds, tails of strangers, oneself.

    [[threshold]]   one against one: each FMR that ten comparisons of strangers stand behind, FNMR with its interval
    [[tail]]        strangers, for 1, 3, 5 fused frames and 1, 3 templates (`tail.fit`)
    [[mated]]       people and themselves, the same, where enough have that many pictures
    [measured]      when, on what, of how many

Faces are looked at as a lane looks: pictures that it would refuse are left out, as its camera goes on looking. Frames
are different photographs here. Frames of one minute are more alike: fused, they bring strangers less near than is
fitted here, which is safe, and people less near to themselves, so that the FNIR of fused frames is the least to expect.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gatefw import __version__
from gatefw.biometrics.card import Card, Mated, Measured, Tail, Threshold
from gatefw.biometrics.chain import Chain
from gatefw.biometrics.measuring.album import Album, collect
from gatefw.biometrics.measuring.scores import Scores, mated, non_mated
from gatefw.biometrics.tail import INTERVAL, fit
from gatefw.errors import SetupError

FUSED = tuple((frames, templates) for frames in (1, 3, 5) for templates in (1, 3))
FMRS = (1e-2, 1e-3, 1e-4, 1e-5)
COMPARISONS_FEWEST = 10
"""Fewer comparisons do not stand behind a false match rate."""
PEOPLE_FEWEST = 50
"""Of fewer people there are no mated distances, nor strangers."""
REPLICATES = 400
SHARES = (
    0.01,
    0.05,
    0.1,
    0.2,
    0.3,
    0.4,
    0.5,
    0.6,
    0.7,
    0.8,
    0.85,
    0.9,
    0.93,
    0.95,
    0.97,
    0.98,
    0.985,
    0.99,
    0.995,
    0.998,
)

Numbers = NDArray[np.float64]


def calibrated(chain: Chain, folder: Path, dataset: str, tell: Callable[[str], None] = lambda _words: None) -> Card:
    """The card of the chain's embedder with all it measured on `folder`/identity/picture.

    dataset: what the folder is called in the card. Raises SetupError: the folder holds too few people, or too few with
    several pictures, to say how near strangers come.
    """
    album = collect(chain.probe, folder, lambda done, of: tell(f"{done} of {of} pictures"))
    return tables(album, chain.embedder.card, dataset, tell)


def tables(album: Album, card: Card, dataset: str, tell: Callable[[str], None] = lambda _words: None) -> Card:
    """As `calibrated`, of pictures that were looked at already."""
    counts = np.array([len(shots) for shots in album.of_people()])
    have = {number: int((counts >= number).sum()) for number in range(1, 9)}
    if have[2] < PEOPLE_FEWEST or have[3] < PEOPLE_FEWEST:
        raise SetupError(
            f"{have[1]} people with a good picture, {have[2]} with two, {have[3]} with three: {PEOPLE_FEWEST} with "
            "three are the least, some 1000 are wanted; take a larger folder"
        )
    strangers = {fused: non_mated(album, *fused) for fused in FUSED if have[max(fused)] >= PEOPLE_FEWEST}
    oneself = {fused: mated(album, *fused) for fused in FUSED if have[sum(fused)] >= PEOPLE_FEWEST}
    return replace(
        card,
        threshold=tuple(_rows(strangers[1, 1], oneself[1, 1])),
        tail=tuple(_tails(strangers, tell)),
        mated=tuple(distances_of(scores, *fused) for fused, scores in oneself.items()),
        measured=Measured(
            date=datetime.now(UTC).date().isoformat(),
            dataset=dataset,
            people=have[1],
            pictures=int(counts.sum()),
            by=f"gatefw {__version__} face calibrate",
        ),
    )


def distances_of(scores: Scores, frames: int, templates: int) -> Mated:
    """How far people are from themselves. At the last share as many are beyond as 3 of all people.

    When nobody of n people is missed, up to 3/n may be (95 %): no smaller FNMR is ever said.
    """
    distances, weights, people = _sorted(scores)
    most = round(1 - 3 / people, 4)
    shares = np.array([*(share for share in SHARES if share < most), most])
    low, high = np.quantile([_at(distances, drawn, shares) for drawn in weights], INTERVAL, axis=0)
    best = _at(distances, np.ones(len(distances)), shares)
    return Mated(
        frames=frames,
        templates=templates,
        shares=tuple(shares.tolist()),
        distances=_rounded(best),
        low=_rounded(np.minimum(low, best)),
        high=_rounded(np.maximum(high, best)),
        comparisons=len(scores),
        people=people,
    )


def _rows(strangers: Scores, oneself: Scores) -> Iterator[Threshold]:
    near = np.sort(strangers.distances)
    distances, weights, _ = _sorted(oneself)
    for fmr in FMRS:
        if len(near) * fmr >= COMPARISONS_FEWEST:
            distance = round(float(near[int(len(near) * fmr)]), 4)
            beyond = distances > distance
            drawn = [each[beyond].sum() / each.sum() for each in weights]
            fnmr, low, high = _rounded([beyond.mean(), *np.quantile(drawn, INTERVAL)])
            yield Threshold(fmr, distance, fnmr, (low, high))


def _tails(strangers: dict[tuple[int, int], Scores], tell: Callable[[str], None]) -> Iterator[Tail]:
    for (frames, templates), scores in strangers.items():
        tell(f"tail of {frames} frames, {templates} templates")
        yield fit(scores.distances, scores.probes, scores.references, frames, templates)


def _sorted(scores: Scores) -> tuple[Numbers, Numbers, int]:
    """Mated distances in order, how often each is in every bootstrap over people (a row each), and how many people."""
    order = np.argsort(scores.distances)
    everybody, places = np.unique(scores.probes[order], return_inverse=True)
    chance, people = np.random.default_rng(0), len(everybody)
    drawn = [np.bincount(chance.integers(0, people, people), minlength=people)[places] for _ in range(REPLICATES)]
    return scores.distances[order].astype(np.float64), np.array(drawn, np.float64), people


def _at(distances: Numbers, weights: Numbers, shares: Numbers) -> Numbers:
    """The distances that these shares of weighted comparisons do not exceed."""
    running = np.cumsum(weights)
    places = np.searchsorted(running, shares * running[-1])
    return np.asarray(distances[np.minimum(places, len(distances) - 1)])


def _rounded(numbers: Numbers | list[float]) -> tuple[float, ...]:
    return tuple(round(float(number), 4) for number in numbers)
