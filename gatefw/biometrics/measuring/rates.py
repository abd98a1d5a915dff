"""Error rates of one comparison (1:1), with intervals, from scores. Words and definitions of ISO/IEC 19795-1.

    FMR(t)    share of non-mated comparisons at a distance of t or less
    FNMR(t)   share of mated comparisons beyond t, of those that were made
    GFRR(t)   the same where a lost face (FTA of the probe, FTE of the reference) counts as a non-match
    EER       where FMR and FNMR are equal: for comparing models, no gate stands there

Every interval is of 95 %, by a bootstrap over people: one person's comparisons err together, so people are drawn again,
not pairs, and with them the threshold is found again. Where no error was seen at all, the upper end is that of so many
independent people without one: 1 - 0.025 ** (1 / people).
"""

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gatefw.biometrics.measuring.scores import People, Scores
from gatefw.errors import SetupError

FMRS = (1e-2, 1e-3, 1e-4, 1e-5)
CARRIED = 10
"""So many comparisons must lie below a threshold, else it was put there by the few who happened to be alike."""
QUANTILES = (0.025, 0.975)

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rate:
    """A figure and the ends of its interval; with fewer than two replicates these are the figure itself."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Point:
    """What the model does where its FMR is `fmr`. carried: at least CARRIED comparisons lie below the threshold."""

    fmr: float
    carried: bool
    threshold: Rate
    fnmr: Rate
    gfrr: Rate


@dataclass(frozen=True, slots=True)
class Rates:
    """det: an FMR and the FNMR there, for the plot; as far down as the comparisons carry."""

    eer: Rate
    points: tuple[Point, ...]
    det: tuple[tuple[float, Rate], ...]


class Side:
    """The mated or the non-mated scores in the order of their distances, each weighing what its people weigh."""

    def __init__(self, scores: Scores) -> None:
        order = np.argsort(scores.distances, kind="stable")
        self.distances: Numbers = scores.distances[order].astype(np.float64)
        self.made = int(np.searchsorted(self.distances, np.inf))
        self._probes, self._references = scores.probes[order], scores.references[order]
        self._mated = np.array_equal(scores.probes, scores.references)
        self.sums = np.arange(len(order) + 1, dtype=np.float64)

    @property
    def people(self) -> int:
        """How many have a part in it."""
        return len(np.union1d(self._probes, self._references))

    def resampled(self, counts: People) -> "Side":
        """The same, where person p was drawn counts[p] times."""
        other = copy(self)
        weights = counts[self._probes] if self._mated else counts[self._probes] * counts[self._references]
        other.sums = np.concatenate([[0.0], np.cumsum(weights, dtype=np.float64)])
        return other

    def within(self, distance: Numbers | float, lost: bool = False) -> Numbers:
        """The share of comparisons at a distance or less: of those made, or with the `lost`; NaN of none."""
        of = self.sums[-1 if lost else self.made]
        reached = self.sums[np.minimum(np.searchsorted(self.distances, distance, "right"), self.made)]
        return np.asarray(reached / of if of else np.full(np.shape(distance), np.nan))

    def threshold(self, share: Numbers | float) -> Numbers:
        """The largest distance found that this share at most does not exceed; less than all when there is none."""
        allowed = np.asarray(share) * self.sums[self.made] * (1 + 1e-12)
        taken = np.searchsorted(self.sums[1 : self.made + 1], allowed, "right")
        after = self.distances[np.minimum(taken, self.made - 1)]
        taken = np.where(taken < self.made, np.searchsorted(self.distances, after), taken)  # equals stand together
        below = np.nextafter(self.distances[0], -np.inf)
        return np.asarray(np.where(taken > 0, self.distances[np.maximum(taken - 1, 0)], below))


class Curve:
    """FMR and FNMR as the threshold moves. Raises SetupError when there are no comparisons of a kind."""

    def __init__(self, mated: Scores, non_mated: Scores) -> None:
        self.mated, self.non_mated = Side(mated), Side(non_mated)
        for side, what in ((self.mated, "two pictures of one person"), (self.non_mated, "pictures of two people")):
            if not side.made:
                raise SetupError(f"nothing to compare: {what}, with a face in both, are nowhere; take a larger folder")
        self._grid = np.union1d(self.mated.distances, self.non_mated.distances)

    def resampled(self, counts: People) -> "Curve":
        """The same, where person p was drawn counts[p] times."""
        other = copy(self)
        other.mated, other.non_mated = self.mated.resampled(counts), self.non_mated.resampled(counts)
        return other

    def fmr(self, threshold: Numbers | float) -> Numbers:
        return self.non_mated.within(threshold)

    def fnmr(self, threshold: Numbers | float) -> Numbers:
        return 1 - self.mated.within(threshold)

    def gfrr(self, threshold: Numbers | float) -> Numbers:
        return 1 - self.mated.within(threshold, lost=True)

    def eer(self) -> float:
        """The mean of both rates at the threshold where they are nearest to each other."""
        low, high = 0, len(self._grid) - 1
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self._ahead(middle) >= 0 else (middle + 1, high)
        at = min((max(low - 1, 0), low), key=lambda place: abs(self._ahead(place)))
        return float(self.fmr(self._grid[at]) + self.fnmr(self._grid[at])) / 2

    def _ahead(self, place: int) -> float:
        return float(self.fmr(self._grid[place]) - self.fnmr(self._grid[place]))


def resamples(people: int, replicates: int, seed: int) -> Iterator[People]:
    """How often each of so many people is drawn, when as many are drawn again with replacement."""
    chance = np.random.default_rng(seed)
    for _ in range(replicates):
        yield np.bincount(chance.integers(people, size=people), minlength=people).astype(np.int32)


def measured(
    curve: Curve,
    people: int,
    replicates: int = 400,
    seed: int = 0,
    fmrs: Sequence[float] = FMRS,
    told: Callable[[int, int], None] = lambda _done, _of: None,
) -> Rates:
    """The rates of a curve over `people` people (their numbers in its scores are below that)."""
    grid = _carried_grid(curve.non_mated.made)
    asked = np.array([*fmrs, *grid])
    draws = []
    for number, counts in enumerate(resamples(people, replicates, seed)):
        told(number, replicates)
        draws.append(_figures(curve.resampled(counts), asked))
    found, samples = _figures(curve, asked), np.array(draws).reshape(-1, 1 + 3 * len(asked))
    heard = curve.mated.people
    eer, *rest = (rate(value, samples[:, column], heard) for column, value in enumerate(found))
    thresholds, fnmrs, gfrrs = (rest[start::3][: len(asked)] for start in range(3))
    points = tuple(
        Point(fmr, fmr * curve.non_mated.made >= CARRIED * (1 - 1e-9), *of)
        for fmr, *of in zip(fmrs, thresholds, fnmrs, gfrrs, strict=False)
    )
    return Rates(eer, points, tuple(zip(grid.tolist(), fnmrs[len(fmrs) :], strict=True)))


def rate(value: float, samples: Numbers, people: int) -> Rate:
    """A figure with its interval out of bootstrap replicates; those in which nothing was compared are left out."""
    samples = samples[np.isfinite(samples)]
    if len(samples) < 2:
        return Rate(float(value), float(value), float(value))
    low, high = np.quantile(samples, QUANTILES)
    if value == 0:
        high = max(high, 1 - QUANTILES[0] ** (1 / people))
    return Rate(float(value), float(min(low, value)), float(max(high, value)))


def _figures(curve: Curve, fmrs: Numbers) -> Numbers:
    """EER, then threshold, FNMR and GFRR at each of the FMRs in turn."""
    thresholds = curve.non_mated.threshold(fmrs)
    columns = np.stack([thresholds, curve.fnmr(thresholds), curve.gfrr(thresholds)], 1)
    return np.concatenate([[curve.eer()], columns.ravel()])


def _carried_grid(comparisons: int) -> Numbers:
    """FMRs for a plot, evenly spaced on its axis, from one half down to what so many comparisons carry."""
    least = min(0.25, CARRIED / comparisons)
    return np.geomspace(0.5, least, 48)
