"""How vectors become int8: turned, so that every coordinate is alike, shifted and rounded."""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]

TOP = 127
"""Never -128: two products of numbers must fit 16 bits (`kernel/kernel.c`)."""
DEVIATIONS = 6.0
"""So many standard deviations of a coordinate are the whole int8 range. With 4 the worst of 100,000 rows is clipped and
moved by 0.08, where rounding moves by 0.01: every search has to go that much farther."""
_SEED = 20261124


@dataclass(frozen=True, eq=False)
class Scale:
    """How vectors become int8: what is subtracted, and the size of one step. Any is correct, a fitting one is finer."""

    mean: NDArray[np.float32]
    step: float

    @classmethod
    def fitted(cls, sample: Matrix) -> "Scale":
        """Of at least one vector like those to come; of a single one nothing is known but its length."""
        mean = sample.mean(0, dtype=np.float64) if len(sample) > 1 else np.zeros(sample.shape[1])
        spread = float(np.sqrt(np.square(sample - mean).mean())) or 1.0
        return cls(mean.astype(np.float32), DEVIATIONS * spread / TOP)

    def rounded(self, vectors: Matrix, width: int) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
        """Vectors as int8 rows, zeros from their length to `width`, and how far each is from its vector."""
        dim = vectors.shape[1]
        turned = (vectors - self.mean) @ rotation(dim).T / np.float32(self.step)
        rows = np.zeros((len(vectors), width), np.int8)
        rows[:, :dim] = np.clip(np.rint(turned), -TOP, TOP).astype(np.int8)
        return rows, np.linalg.norm(turned - rows[:, :dim], axis=1).astype(np.float64) * self.step

    def rounding(self, dim: int) -> float:
        """How far rounding alone may move a vector; who is farther from its row was clipped."""
        return math.sqrt(dim) * self.step / 2 * (1 + 1e-5)


@cache
def rotation(dim: int) -> Matrix:
    """The same orthogonal matrix for everybody; it is no secret."""
    drawn = np.random.default_rng(_SEED).standard_normal((dim, dim))
    turned, triangle = np.linalg.qr(drawn)
    return (turned * np.sign(np.diag(triangle))).astype(np.float32)
