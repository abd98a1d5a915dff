"""Error rates of a search among many (1:N, open set), measured by drawing galleries from a folder. ISO/IEC 19795-1.

In each draw N people are enrolled with one picture; everybody else is a stranger who searches with one; and those who
are enrolled and have another picture search with that.

    FPIR(t)            share of strangers' searches with anybody at a distance of t or less
    FNIR(t)            share of enrolled people's searches whose own reference is not the nearest, or is beyond t
    misidentified(t)   share of those where another one alone lies within t: A would be taken for B
    ambiguous(t)       share of those where two or more lie within t: nobody would be taken
    rank-1             share of those whose own reference is the nearest, however far

Strangers are people who happen not to be enrolled: not twins, relatives or those who look for somebody alike. Intervals
are of 95 %: people are drawn again with replacement, galleries out of those who were drawn, and who was drawn twice
searches twice.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gatefw.biometrics.measuring.album import Album
from gatefw.biometrics.measuring.rates import CARRIED, Numbers, Rate, rate, resamples
from gatefw.biometrics.measuring.scores import People, between

FPIRS = (1e-2, 1e-3)
ENROLLED, ENROLLED_EACH = 20_000, 2_000
"""Galleries are drawn until so many were enrolled: for the figure itself, and for each replicate of its interval."""
DRAWS, DRAWS_EACH = 200, 40
"""No more of them, however small."""
_FIGURES = 4


@dataclass(frozen=True, slots=True)
class Held:
    """At the distance that holds this FPIR. carried: CARRIED pairs of people at least lie below it."""

    fpir: float
    carried: bool
    threshold: Rate
    fnir: Rate
    misidentified: Rate
    ambiguous: Rate


@dataclass(frozen=True, slots=True)
class Gallery:
    """Searches among `people`. searches: of enrolled people and of strangers, in all draws together."""

    people: int
    rank_1: Rate
    held: tuple[Held, ...]
    mated_searches: int
    strangers_searches: int


@dataclass(frozen=True, eq=False, slots=True)
class Searches:
    """Distances. strangers: of the nearest; of enrolled people: own, and the nearest and second nearest other one."""

    strangers: Numbers
    strangers_weights: Numbers
    own: Numbers
    other: Numbers
    second: Numbers
    weights: Numbers


class Draws:
    """Galleries out of an album, drawn by chance. Who has no template has no part in it."""

    def __init__(self, album: Album) -> None:
        shots = album.of_people()
        self._vectors = album.vectors
        self._shots = np.array([shot for own in shots for shot in own], np.intp)
        self._counts = np.array([len(own) for own in shots], np.int64)
        self._starts = np.cumsum(self._counts) - self._counts
        self.people = len(shots)
        self.there = int((self._counts > 0).sum())

    def searches(self, size: int, number: int, counts: People, chance: np.random.Generator) -> Searches:
        """So many galleries of a size, out of people who were each drawn counts[p] times."""
        return _together([self._draw(size, counts, chance) for _ in range(number)])

    def _draw(self, size: int, counts: People, chance: np.random.Generator) -> Searches:
        people = chance.permutation(np.flatnonzero((counts > 0) & (self._counts > 0)))
        enrolled, strangers = people[:size], people[size:]
        first = self._any(enrolled, chance)
        references = self._vectors[self._shot(enrolled, first)]
        nearest = between(self._vectors[self._shot(strangers, self._any(strangers, chance))], references).min(1)
        more = np.flatnonzero(self._counts[enrolled] > 1)
        step = 1 + np.floor(chance.random(len(more)) * (self._counts[enrolled[more]] - 1)).astype(np.int64)
        distances = between(self._vectors[self._shot(enrolled[more], first[more] + step)], references).astype(float)
        own = distances[np.arange(len(more)), more].copy()
        distances[np.arange(len(more)), more] = np.inf
        others = np.partition(np.pad(distances, ((0, 0), (0, 2)), constant_values=np.inf), 1, axis=1)
        weights = counts[enrolled[more]].astype(float)
        return Searches(
            nearest.astype(float), counts[strangers].astype(float), own, others[:, 0], others[:, 1], weights
        )

    def _any(self, people: NDArray[np.intp], chance: np.random.Generator) -> NDArray[np.int64]:
        return np.floor(chance.random(len(people)) * self._counts[people]).astype(np.int64)

    def _shot(self, people: NDArray[np.intp], which: NDArray[np.int64]) -> NDArray[np.intp]:
        return self._shots[self._starts[people] + which % self._counts[people]]


def galleries(
    album: Album,
    sizes: Sequence[int],
    replicates: int = 400,
    seed: int = 0,
    fpirs: Sequence[float] = FPIRS,
    told: Callable[[int, int], None] = lambda _done, _of: None,
) -> Iterator[Gallery]:
    """The rates at each gallery size. More than a third of the people are left out: too few strangers."""
    draws = Draws(album)
    once = np.ones(draws.people, np.int32)
    for place, size in enumerate(sizes):
        if not 2 <= size <= draws.there // 3:
            continue
        chance = np.random.default_rng((seed, size))
        searches = draws.searches(size, min(DRAWS, -(-ENROLLED // size)), once, chance)
        found, samples = figures(searches, fpirs), []
        each = min(DRAWS_EACH, -(-ENROLLED_EACH // size))
        for number, counts in enumerate(resamples(draws.people, replicates, seed)):
            told(place * replicates + number, len(sizes) * replicates)
            samples.append(figures(draws.searches(size, each, counts, chance), fpirs))
        yield _gallery(size, searches, found, np.array(samples).reshape(-1, len(found)), draws.there, fpirs)


def figures(searches: Searches, fpirs: Sequence[float]) -> Numbers:
    """Rank-1; then threshold, FNIR, misidentified and ambiguous at each FPIR in turn; NaN without strangers."""
    if not len(searches.strangers):
        return np.full(1 + _FIGURES * len(fpirs), np.nan)
    order = np.argsort(searches.strangers)
    nearest, found = searches.strangers[order], np.cumsum(searches.strangers_weights[order])
    own, other, second = searches.own, searches.other, searches.second
    values = [_share(own < other, searches.weights)]
    for fpir in fpirs:
        taken = int(np.searchsorted(found, fpir * found[-1] * (1 + 1e-12), "right"))
        threshold = nearest[taken - 1] if taken else np.nextafter(nearest[0], -np.inf)
        within, others, two = own <= threshold, other <= threshold, second <= threshold
        values.append(threshold)
        values.append(1 - _share(within & (own < other), searches.weights))
        values.append(_share(~within & others & ~two, searches.weights))
        values.append(_share((within & others) | (~within & two), searches.weights))
    return np.array(values)


def _gallery(
    size: int, searches: Searches, found: Numbers, samples: Numbers, people: int, fpirs: Sequence[float]
) -> Gallery:
    rank_1, *rest = (rate(value, samples[:, column], people) for column, value in enumerate(found))
    pairs = people * (people - 1) / 2
    held = tuple(
        Held(fpir, bool(fpir / size * pairs >= CARRIED), *rest[_FIGURES * at : _FIGURES * (at + 1)])
        for at, fpir in enumerate(fpirs)
    )
    return Gallery(size, rank_1, held, len(searches.own), len(searches.strangers))


def _share(which: NDArray[np.bool_], weights: Numbers) -> float:
    of = weights.sum()
    return float(weights[which].sum() / of) if of else float("nan")


def _together(parts: Sequence[Searches]) -> Searches:
    names = Searches.__dataclass_fields__
    return Searches(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
