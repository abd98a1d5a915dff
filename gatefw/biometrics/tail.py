"""How near strangers come: the lower tail of their distances, fitted to measured ones and carried on below them.

    distances of strangers, nearest first
      below `at`    a generalised Pareto distribution: what the tail of nearly every distribution comes to
      above         what was measured, as it is (`body`)

`at` lies as deep as leaves FEWEST comparisons below it, between the shares DEEPEST and SHALLOWEST: deeper there are too
few to fit, higher it is no tail yet. A distance cannot be less than 0, and two people can be as alike as twins are, so
the end of the distribution is not put above 0, where it would call a distance impossible, and its shape is not above 0,
where it would have no end. Between these two the most likely one is taken.

Intervals hold 95 % of bootstraps over people: all comparisons of a person come and go together. They know how few the
people were, and nothing about people of another kind: twins and relatives are nearer than any of this says. Of a
hundred draws of 120 people from a known distribution, at a share fourteen times smaller than one of their comparisons,
86 intervals held the true distance and 14 lay wholly below it: where it errs it is too strict.
"""

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gatefw.biometrics.card import Body, Replicate, Tail
from gatefw.errors import SetupError

FEWEST = 500
DEEPEST, SHALLOWEST = 1e-3, 3e-2
REPLICATES = 40
INTERVAL = (0.025, 0.975)
BODY = (3e-3, 1e-2, 3e-2, 0.1, 0.3, 0.5)
"""Shares whose distances are kept as they were measured. Nobody wants to know more than half of the strangers."""
_APART = 1.2
_DIGITS = 5
_STEPS = 60
_FLAT = 1e-6

Numbers = NDArray[np.float64]
People = NDArray[np.int32]


class Estimate(NamedTuple):
    """The likeliest value, and the 95 % interval around it."""

    best: float
    low: float
    high: float


def fit(
    distances: NDArray[np.float32],
    probes: People,
    references: People,
    frames: int,
    templates: int,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> Tail:
    """The tail of non-mated comparisons: the distance of each, whose probe it was and whose reference.

    replicates: bootstraps, of which every interval is made. Raises SetupError: too few comparisons for a tail.
    """
    order = np.argsort(distances, kind="stable")
    sorted_ = distances[order].astype(np.float64)
    near = round(len(sorted_) * min(max(DEEPEST, FEWEST / max(1, len(sorted_))), SHALLOWEST))
    if near < FEWEST / 5 or sorted_[near] <= 0:
        raise SetupError(
            f"{len(sorted_)} comparisons of strangers ({frames} frames, {templates} templates) are too few for the "
            f"tail of their distances; {math.ceil(FEWEST / 5 / SHALLOWEST)} are wanted: take more people"
        )
    at, share = round(float(sorted_[near]), _DIGITS), near / len(sorted_)
    shares = (share, *(each for each in BODY if each > share * _APART))
    weights = _Weights(probes[order], references[order], seed)
    drawn = [_drawn(sorted_, weights.draw(), at, shares) for _ in range(replicates)]
    shape, scale = pareto(np.maximum(at - sorted_[:near], 0), np.ones(near), at)
    tail = Tail(
        frames=frames,
        templates=templates,
        at=at,
        share=_rounded(share),
        shape=_rounded(shape),
        scale=_rounded(scale),
        comparisons=len(sorted_),
        people=weights.people,
        replicates=tuple(replicate for replicate, _ in drawn),
    )
    return replace(tail, body=_body(tail, shares, sorted_, np.array([row for _, row in drawn])))


def share_at(tail: Tail, distance: float) -> Estimate:
    """The share of comparisons of strangers at or below a distance, 0..1. Never less than none, never more than all."""
    if distance < tail.at:
        return _estimate([_below(tail.at - distance, each) for each in _fitted(tail)])
    shares, distances, lows, highs = _columns(tail)
    best, low, high = (
        math.exp(float(np.interp(distance, column, shares, right=0.0))) for column in (distances, highs, lows)
    )
    return Estimate(best, low, high)


def distance_at(tail: Tail, share: float) -> Estimate:
    """The distance that this share of comparisons of strangers is at or below; the interval's low end is the safe one.

    Beyond the largest share of the body (0.5) it is that share's distance.
    """
    if share < tail.share:
        return _estimate([_distance(tail.at, share, each) for each in _fitted(tail)])
    shares, *columns = _columns(tail)
    return Estimate(*(float(np.interp(math.log(share), shares, column)) for column in columns))


def pareto(excesses: Numbers, weights: Numbers, at: float) -> tuple[float, float]:
    """Shape (-scale / at .. 0) and scale of the likeliest generalised Pareto of weighted excesses in [0, at].

    With theta = -shape / scale the likeliest shape for a theta is the mean of log(1 - theta excess), so that there is
    one number to look for, in 0 .. 1 / at (Grimshaw 1993): by golden sections.
    """
    whole = float(weights.sum())

    def shape_of(theta: float) -> float:
        return float(weights @ np.log1p(-theta * excesses)) / whole

    def unlikely(theta: float) -> float:
        shape = shape_of(theta)
        return math.log(-shape / theta) + shape

    largest = float(excesses.max())
    low, high = 1e-6 / at, min(1 / at, (1 - 1e-9) / largest)
    golden = (math.sqrt(5) - 1) / 2
    for _ in range(_STEPS):
        left, right = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, right) if unlikely(left) <= unlikely(right) else (left, high)
    theta = (low + high) / 2
    shape = shape_of(theta)
    return shape, -shape / theta


class _Weights:
    """How often each comparison is in a bootstrap over people: as often as one of them was drawn, times the other."""

    def __init__(self, probes: People, references: People, seed: int) -> None:
        everybody = np.union1d(probes, references)
        self._probes, self._references = (np.searchsorted(everybody, side) for side in (probes, references))
        self.people, self._chance = len(everybody), np.random.default_rng(seed)

    def draw(self) -> Numbers:
        drawn = np.bincount(self._chance.integers(0, self.people, self.people), minlength=self.people)
        times = drawn.astype(np.float64)
        return times[self._probes] * times[self._references]


def _drawn(distances: Numbers, weights: Numbers, at: float, shares: tuple[float, ...]) -> tuple[Replicate, Numbers]:
    """Of one bootstrap the tail below `at`, and the distances of the shares."""
    running = np.cumsum(weights)
    near = int(np.searchsorted(distances, at, "right"))
    share = running[near - 1] / running[-1]
    met = weights[:near] > 0
    shape, scale = pareto((at - distances[:near])[met], weights[:near][met], at)
    places = np.searchsorted(running, np.array(shares) * running[-1])
    return (_rounded(share), _rounded(shape), _rounded(scale)), distances[np.minimum(places, len(distances) - 1)]


def _body(tail: Tail, shares: tuple[float, ...], distances: Numbers, drawn: Numbers) -> tuple[Body, ...]:
    """The first row is where the tail begins, and takes its interval from there, so that both meet."""
    begin = _estimate([_distance(tail.at, tail.share, each) for each in _fitted(tail)])
    rows: list[Body] = [(tail.share, tail.at, round(begin.low, _DIGITS), round(begin.high, _DIGITS))]
    lows, highs = np.quantile(drawn, INTERVAL, axis=0)
    for share, low, high in list(zip(shares, lows, highs, strict=True))[1:]:
        best = round(float(distances[int(share * len(distances))]), _DIGITS)
        low, high = min(best, round(float(low), _DIGITS)), max(best, round(float(high), _DIGITS))
        rows.append((share, best, max(low, rows[-1][2]), max(high, rows[-1][3])))
    return tuple(rows)


def _columns(tail: Tail) -> tuple[list[float], ...]:
    """Of the body: the logarithms of the shares, their distances, and the low and high ends of these."""
    rows = tail.body or ((tail.share, tail.at, tail.at, tail.at),)
    return [math.log(row[0]) for row in rows], *([row[column] for row in rows] for column in (1, 2, 3))


def _fitted(tail: Tail) -> tuple[Replicate, ...]:
    """The likeliest tail, and those of the bootstraps after it."""
    return ((tail.share, tail.shape, tail.scale), *tail.replicates)


def _estimate(values: list[float]) -> Estimate:
    """Of the likeliest value, and those of the bootstraps after it."""
    drawn = sorted(values[1:] or values)
    low, high = (_quantile(drawn, share) for share in INTERVAL)
    return Estimate(values[0], min(low, values[0]), max(high, values[0]))


def _quantile(ordered: list[float], share: float) -> float:
    """As numpy's, which takes ten times as long over forty numbers; a table of capacities asks 100,000 times."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def _below(excess: float, fitted: Replicate) -> float:
    share, shape, scale = fitted
    if abs(shape) < _FLAT:
        return share * math.exp(-excess / scale)
    inner = 1 + shape * excess / scale
    return share * math.pow(inner, -1 / shape) if inner > 0 else 0.0


def _distance(at: float, share: float, fitted: Replicate) -> float:
    whole, shape, scale = fitted
    if abs(shape) < _FLAT:
        return max(0.0, at + scale * math.log(share / whole))
    return max(0.0, at - scale / shape * (math.pow(share / whole, -shape) - 1))


def _rounded(number: float) -> float:
    return float(f"{number:.4g}")
