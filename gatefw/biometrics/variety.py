"""How different the frames of a probe were: copies of one picture are worth one, however many are averaged.

A card's thresholds for fused frames were measured on different photographs. The frames of one visit have the light, the
hair and the day in common, and may be nearly copies; their mean is as far from everybody as one of them is. With a
picture that is a person's own vector and an error of energy E, the weighted mean of frames has the energy E - V left, V
being how far the frames lie from their mean:

    V = sum of shares * |frame - mean|^2         0 for copies, E (1 - 1/frames) for different photographs
    distance^2 = one^2 - variety * (one^2 - all^2)      variety = V / (E (1 - 1/frames)), kept in 0 .. 1

on the line between the distances for one frame and for all of them (`nearness` measured that it is one). So the FPIR is
held whatever the camera shows, and nobody is missed because a camera is quick. On the development faces, three frames
against three templates, where 1e-3 of strangers may be let by:

    frames                   let by                             missed where 1e-4 may be let by (the strict end)
    three photographs        1.07e-3 (of 148,610)               0.2 % (of 880), as at the distance for three
    one, and another twice   0.77e-3 (of 285,640)               1.9 % (of 1,670), at the distance for three 2.2 %
    three copies of one      1.00e-3 (of 528,434)               5.6 % (of 2,630), at the distance for three 18 %
"""

import math
from collections.abc import Sequence

import numpy as np

from gatefw.biometrics.card import Card
from gatefw.biometrics.search import Reach
from gatefw.biometrics.template import Template

CALM = 0.8
"""Whose pictures differ less than the average, so much less, is taken for one whose frames were different."""


def error_energy(card: Card) -> float:
    """Half of the mean squared distance of two photographs of one person; 0 where the card does not say."""
    for mated in card.mated:
        if (mated.frames, mated.templates) == (1, 1):
            shares, distances = np.array((0.0, *mated.shares)), np.array((mated.distances[0], *mated.distances))
            middle = (distances[1:] ** 2 + distances[:-1] ** 2) / 2
            return float(np.diff(shares) @ middle / shares[-1]) / 2
    return 0.0


def variety(mean: Template, frames: Sequence[Template], weights: Sequence[float], energy: float) -> float:
    """How different at least one frame, whose weighted mean is `mean`, were: 0 for copies, 1 for photographs.

    1, the strict end, where the `energy` of a single one's error is not known.
    """
    if len(frames) == 1:
        return 0.0
    shares = np.asarray(weights, np.float64)
    shares = shares / shares.sum() if shares.sum() > 0 else np.full(len(frames), 1 / len(frames))
    off = np.array([frame.distance(mean) ** 2 for frame in frames])
    most = CALM * energy * (1 - 1 / len(frames))
    return min(1.0, float(shares @ off) / most) if most > 0 else 1.0


def between(one: Reach, every: Reach, variety: float) -> Reach:
    """The reach for frames that are so different, from that for one frame and that for different ones."""

    def reach(templates: int) -> float:
        first, last = one(templates) ** 2, every(templates) ** 2
        return math.sqrt(max(0.0, first - variety * (first - last)))

    return reach
