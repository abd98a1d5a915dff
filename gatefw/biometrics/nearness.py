"""How near strangers come to a fused reference, and how far people are from their own: what a model card measured.

A probe is fused from `frames` frames, a reference from `templates` templates. Each number was not measured with each
other one, and a gallery holds 1 to 8 templates a person. What is between and beyond follows from what was measured:

    strangers      mean vectors are nearer to everybody. At a share of strangers, the square of the distance falls as
                   1/frames + 1/templates does: measured on 88 people with six pictures each it lies on a line, from
                   one against one (0.356 at a share of 1e-2) over three against three (0.262) to six against six
                   (0.238), within 0.002. So the next smaller numbers that were measured, taken for more, would let
                   more strangers through than promised (0.1 % becomes 2 %, one against one to three against three);
                   their distance is shortened by that line
    oneself        of all smaller numbers that were measured the one that misses fewest counts: more frames or templates
                   only bring people nearer to themselves

The line's slope is the card's own, at a share of 1e-2, where it is steeper than at lesser ones.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from gatefw.biometrics.card import Card, Mated, Tail
from gatefw.biometrics.tail import Estimate, distance_at, share_at
from gatefw.errors import ModelError

SLOPE_SHARE = 1e-2


@dataclass(frozen=True, slots=True)
class Strangers:
    """Non-mated comparisons of one kind. `shortened`: by so much the square of a distance of `tail` is less here."""

    tail: Tail
    shortened: float

    def distance(self, share: float) -> Estimate:
        """The distance that this share of them is at or below; 0 where nobody is that rare. Low is the safe end."""
        return Estimate(*(math.sqrt(max(0.0, each**2 - self.shortened)) for each in distance_at(self.tail, share)))

    def share(self, distance: float) -> Estimate:
        """The share of them at or below a distance; nobody is at 0. High is the safe end."""
        if distance <= 0:
            return Estimate(0.0, 0.0, 0.0)
        return share_at(self.tail, math.sqrt(distance**2 + self.shortened))

    def seen(self, share: float) -> float:
        """How many comparisons of that share, or a smaller one, were measured. Below some ten it is extrapolated."""
        return share * self.tail.comparisons


@dataclass(frozen=True, slots=True)
class Comparisons:
    """Probes of `frames` frames with references of `templates` templates, of strangers and of oneself."""

    frames: int
    templates: int
    strangers: Strangers
    mated: tuple[Mated, ...]

    @classmethod
    def of(cls, card: Card, frames: int, templates: int) -> "Comparisons":
        """Raises ModelError: the card has no tails or mated distances, none that these follow from, or wrong ones."""
        _require_sound(card)
        mated = tuple(each for each in card.mated if each.frames <= frames and each.templates <= templates)
        if not mated:
            raise _unmeasured(card, frames, templates)
        return cls(frames, templates, strangers(card, frames, templates), mated)

    def missed(self, distance: float) -> Estimate:
        """The share of people farther from themselves than a distance: FNMR. Never less than the least measured."""
        columns = [[_missed(each.shares, side, distance) for side in _sides(each)] for each in self.mated]
        return Estimate(*map(min, zip(*columns, strict=True)))

    def fnir(self, distance: float, people: int) -> Estimate:
        """The share of enrolled people who are missed, or are not but have one of the others as near (ambiguous)."""
        near = self.strangers.share(distance)
        ends = zip(self.missed(distance), near, strict=True)
        return Estimate(*(missed + (1 - missed) * fpir_of(share, people - 1) for missed, share in ends))

    def taken(self, distance: float, people: int) -> Estimate:
        """The share of enrolled people who are missed, and taken for another who is as near."""
        near = self.strangers.share(distance)
        ends = zip(self.missed(distance), near, strict=True)
        return Estimate(*(missed * fpir_of(share, people - 1) for missed, share in ends))


def fpir_of(fmr: float, people: int) -> float:
    """The share of strangers who are found among so many people, each of them a stranger's chance of `fmr`.

    Some strangers are nearer to everybody than others, so that it is rather less.
    """
    return -math.expm1(people * math.log1p(-fmr)) if fmr < 1 else float(people > 0)


def share_of(fpir: float, people: int) -> float:
    """The share of comparisons with strangers that may be near enough, for an FPIR among so many people."""
    return -math.expm1(math.log1p(-fpir) / max(1, people))


def strangers(card: Card, frames: int, templates: int) -> Strangers:
    """Raises ModelError: the card has no tails, none of fused vectors where these are fused, or wrong ones."""
    _require_sound(card)
    fitting = [tail for tail in card.tail if tail.frames <= frames and tail.templates <= templates]
    if not fitting:
        raise _unmeasured(card, frames, templates)
    tail = min(fitting, key=lambda each: (_spread(each.frames, each.templates), each.frames))
    fewer = _spread(tail.frames, tail.templates) - _spread(frames, templates)
    return Strangers(tail, _slope(card) * fewer if fewer > 0 else 0.0)


def _unmeasured(card: Card, frames: int, templates: int) -> ModelError:
    return ModelError(
        f"model {card.name}: its card has no [[tail]] and [[mated]] for {frames} frames and {templates} templates, so "
        "its rates in a search are not known: run `gatefw models install` for a model of ours, `gatefw face "
        "calibrate` for another"
    )


def _require_sound(card: Card) -> None:
    """Raise ModelError for tables that no measurement gives: an operator's card may say anything."""
    for tail in card.tail:
        if not _is_tail(tail):
            raise ModelError(
                f"model {card.name}: [[tail]] of {tail.frames} frames and {tail.templates} templates: shares must rise "
                "within 0..1, distances with them, scales be above 0 and shapes within -1..1; measure it again with "
                "`gatefw face calibrate`"
            )
    for mated in card.mated:
        columns = (mated.shares, *_sides(mated))
        if not all(_rising(column) and len(column) == len(mated.shares) > 0 for column in columns) or (
            min(mated.frames, mated.templates) < 1 or mated.shares[0] <= 0 or mated.shares[-1] > 1 or min(mated.low) < 0
        ):
            raise ModelError(
                f"model {card.name}: [[mated]] of {mated.frames} frames and {mated.templates} templates: as many "
                "rising distances as rising shares within 0..1 are wanted; measure it again with `gatefw face "
                "calibrate`"
            )


def _is_tail(tail: Tail) -> bool:
    fitted = ((tail.share, tail.shape, tail.scale), *tail.replicates)
    body = tail.body or ((tail.share, tail.at, tail.at, tail.at),)
    return (
        min(tail.frames, tail.templates, tail.comparisons) >= 1
        and all(0 < share < 1 and -1 <= shape <= 1 and 1e-6 <= scale <= 1e6 for share, shape, scale in fitted)
        and all(_rising(column) for column in zip(*body, strict=True))
        and 0 < body[0][0] <= body[-1][0] <= 1
        and body[0][2] > 0
        and body[-1][3] <= 1e6
    )


def _rising(numbers: Sequence[float]) -> bool:
    return all(first <= second for first, second in pairwise(numbers))


def _slope(card: Card) -> float:
    """How much the square of a distance falls with 1/frames + 1/templates."""
    tails = sorted(card.tail, key=lambda tail: _spread(tail.frames, tail.templates))
    most, least = tails[0], tails[-1]
    apart = _spread(least.frames, least.templates) - _spread(most.frames, most.templates)
    if apart <= 0:
        raise ModelError(
            f"model {card.name}: its card has [[tail]] of one against one only, and fused vectors are nearer to "
            "strangers: run `gatefw face calibrate` on a folder with several pictures a person"
        )
    return max(0.0, distance_at(least, SLOPE_SHARE).best ** 2 - distance_at(most, SLOPE_SHARE).best ** 2) / apart


def _spread(frames: int, templates: int) -> float:
    return 1 / frames + 1 / templates


def _sides(mated: Mated) -> tuple[tuple[float, ...], ...]:
    """As an Estimate of what is missed: the likeliest distances, those of the low end, those of the high end."""
    return mated.distances, mated.low, mated.high


def _missed(shares: Sequence[float], distances: Sequence[float], distance: float) -> float:
    """Between the measured shares on straight lines, at a distance of 0 everybody."""
    return 1 - float(np.interp(distance, (0.0, *distances), (0.0, *shares)))
