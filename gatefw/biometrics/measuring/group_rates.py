"""How the error rates of one comparison differ between groups of people, at thresholds that are the same for all.

Non-mated comparisons are made inside a group: people who are alike are the harder ones, and who stands at a gate with
another's token looks like him. The largest ratio between groups is never below 1, and chance alone makes it large when
groups are small; so it stands beside what groups of the same sizes come to that are drawn without looking.
"""

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gatefw.biometrics.measuring.rates import CARRIED, QUANTILES, Numbers, Rate, rate, resamples
from gatefw.biometrics.measuring.scores import People, Scores

SHUFFLES = 200


@dataclass(frozen=True, slots=True)
class Group:
    """fnmr, fmr: at each of the thresholds; None where the group has too few comparisons for the figure."""

    name: str
    people: int
    mated: int
    non_mated: int
    fnmr: tuple[Rate | None, ...]
    fmr: tuple[Rate | None, ...]


@dataclass(frozen=True, slots=True)
class Ratio:
    """The largest rate of a group over the smallest; by_chance: 97.5 % of groups drawn blindly stay below it.

    None: fewer than two groups carry the figure (at the rate of all, CARRIED errors in each), or one has no error.
    """

    value: float | None
    by_chance: float | None


@dataclass(frozen=True, slots=True)
class Differences:
    """fnmr, fmr: the ratios at each threshold. unassigned: people that belong to no group."""

    groups: tuple[Group, ...]
    fnmr: tuple[Ratio, ...]
    fmr: tuple[Ratio, ...]
    unassigned: int


def differences(
    mated: Scores,
    non_mated: Scores,
    groups: Sequence[str | None],
    thresholds: Sequence[float],
    replicates: int = 400,
    seed: int = 0,
) -> Differences:
    """The rates of every group at these thresholds. groups: of each person, by number."""
    names = sorted({name for name in groups if name is not None})
    labels = np.array([-1 if name is None else names.index(name) for name in groups], np.int32)
    everybody, chance = _Tally(mated, non_mated, len(names), thresholds), np.random.default_rng(seed)
    tally = everybody.grouped(labels)
    made, wrong = tally.counted()
    samples = np.array([_shares(*tally.counted(counts)) for counts in resamples(len(labels), replicates, seed)])
    blind = (everybody.grouped(np.asarray(chance.permutation(labels), np.int32)) for _ in range(SHUFFLES))
    shuffled = np.array([_ratios(*each.counted()) for each in blind])
    shares, sizes = _shares(made, wrong), np.bincount(labels + 1, minlength=len(names) + 1)[1:]
    shares[1] = np.where(_carried(made, wrong)[1], shares[1], np.nan)
    rows = tuple(
        Group(name, int(sizes[at]), int(made[0, at]), int(made[1, at]), *_of_group(shares, samples, at, int(sizes[at])))
        for at, name in enumerate(names)
    )
    ratios = _with_chance(_ratios(made, wrong), shuffled)
    return Differences(rows, ratios[0], ratios[1], int((labels < 0).sum()))


class _Tally:
    """Counts comparisons and errors by group: arrays of mated and non-mated x group (x threshold)."""

    _labels: People

    def __init__(self, mated: Scores, non_mated: Scores, groups: int, thresholds: Sequence[float]) -> None:
        self._groups, self._thresholds = groups, np.array(thresholds)
        self._mated, self._non_mated = (_made(scores) for scores in (mated, non_mated))

    def grouped(self, labels: People) -> "_Tally":
        """Only the comparisons inside the groups of people with these labels; -1 is no group."""
        other = copy(self)
        other._labels = labels
        theirs = self._non_mated
        other._mated = self._mated.where(labels[self._mated.probes] >= 0)
        inside = (labels[theirs.probes] == labels[theirs.references]) & (labels[theirs.probes] >= 0)
        other._non_mated = theirs.where(inside)
        return other

    def counted(self, counts: People | None = None) -> tuple[Numbers, Numbers]:
        """Comparisons made, and errors, when person p was drawn counts[p] times."""
        mated, non_mated = self._mated, self._non_mated
        once = None if counts is None else counts[mated.probes]
        pairs = None if counts is None else counts[non_mated.probes] * counts[non_mated.references]
        missed = [self._sums(mated, once, mated.distances > threshold) for threshold in self._thresholds]
        taken = [self._sums(non_mated, pairs, non_mated.distances <= threshold) for threshold in self._thresholds]
        made = np.array([self._sums(mated, once), self._sums(non_mated, pairs)])
        return made, np.array([np.transpose(missed), np.transpose(taken)])

    def _sums(
        self, scores: Scores, weights: NDArray[np.int32] | None, which: NDArray[np.bool_] | None = None
    ) -> Numbers:
        people = scores.probes if which is None else scores.probes[which]
        kept = weights if weights is None or which is None else weights[which]
        return np.bincount(self._labels[people], kept, self._groups).astype(float)


def _made(scores: Scores) -> Scores:
    return scores.where(np.isfinite(scores.distances))


def _shares(made: Numbers, wrong: Numbers) -> Numbers:
    shares = np.full(wrong.shape, np.nan)
    np.divide(wrong, made[:, :, None], out=shares, where=made[:, :, None] > 0)
    return shares


def _carried(made: Numbers, wrong: Numbers) -> NDArray[np.bool_]:
    """Where a group that errs like all of them together would have CARRIED errors at least."""
    together = wrong.sum(1) / np.maximum(made.sum(1), 1)[:, None]
    return np.asarray(made[:, :, None] * together[:, None] >= CARRIED)


def _ratios(made: Numbers, wrong: Numbers) -> Numbers:
    """Mated and non-mated x threshold: largest over smallest rate of the groups that carry it; NaN of none."""
    carried, shares = _carried(made, wrong), _shares(made, wrong)
    most = np.max(np.where(carried, shares, -np.inf), 1)
    least = np.min(np.where(carried, shares, np.inf), 1)
    ratios = np.full(most.shape, np.nan)
    np.divide(most, least, out=ratios, where=(carried.sum(1) >= 2) & (least > 0))
    return ratios


def _of_group(shares: Numbers, samples: Numbers, at: int, people: int) -> Iterator[tuple[Rate | None, ...]]:
    """FNMR and FMR of group number `at` at each threshold."""
    for kind in (0, 1):
        yield tuple(
            None if np.isnan(value) else rate(value, samples[:, kind, at, column] if len(samples) else samples, people)
            for column, value in enumerate(shares[kind, at])
        )


def _with_chance(found: Numbers, shuffled: Numbers) -> list[tuple[Ratio, ...]]:
    return [
        tuple(
            Ratio(*(_known(value), _known(np.quantile(by, QUANTILES[1]) if len(by) else np.nan)))
            for value, by in ((found[kind, at], _finite(shuffled[:, kind, at])) for at in range(found.shape[1]))
        )
        for kind in (0, 1)
    ]


def _finite(values: Numbers) -> Numbers:
    return values[np.isfinite(values)]


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
