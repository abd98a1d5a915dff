"""An exact nearest-neighbour search over int8 rows: the k nearest within a distance, the same by every way to compute.

    x8 = round(R (x - mean) / step), clipped to -127 .. 127       R: a fixed random rotation, which changes no distance
    score(row, probe) = 2 row.probe - |row|^2                     whole numbers: the nearest row has the largest
    distance^2 = step^2 (|probe|^2 - score)

What is found is exact *for these int8 rows*, ties going to the lower label. How far an int8 distance may be from the
distance of the float vectors is `error`: whoever needs the float one searches that much farther and compares again.
"""

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gatefw.errors import ModelError

Matrix = NDArray[np.float32]
Labels = NDArray[np.int32]

PAD = 64
"""Rows are zeros from `dim` up to a multiple of so many numbers."""
TOP = 127
DEVIATIONS = 4.0
"""So many standard deviations of a coordinate are the whole int8 range: 3.5 costs a bias of 5e-4, 2.5 one of 0.013."""
_BLOCK = 4096
_SEED = 20261124


@dataclass(frozen=True, slots=True)
class Hit:
    """A row: its label, and its int8 distance."""

    label: int
    distance: float


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


class Index:
    """Rows in memory, each under a label 0 .. 2**31 - 1. Any thread may call any method.

    A change made while a search runs waits for its end, and is visible to the next one; no search sees half a row.
    """

    def __init__(self, dim: int, scale: Scale) -> None:
        if scale.mean.shape != (dim,) or not scale.step > 0:
            raise ModelError(f"index: a scale for {scale.mean.shape[0]} numbers, rows have {dim}")
        self.dim, self.scale, self.error = dim, scale, 0.0
        self._width = -(-dim // PAD) * PAD
        self._rotation = _rotation(dim)
        self._lock = threading.Lock()
        self._rows = np.zeros((0, self._width), np.int8)
        self._norms = np.zeros(0, np.int32)
        self._labels = np.zeros(0, np.int32)
        self._at: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._at)

    def put(self, labels: Sequence[int] | Labels, vectors: Matrix) -> None:
        """Add rows, or replace those of the same labels."""
        rows, error = self._rounded(vectors)
        with self._lock:
            self.error = max(self.error, error)
            fresh = sum(int(label) not in self._at for label in labels)
            self._reserve(len(self._at) + fresh)
            for label, row in zip(labels, rows, strict=True):
                at = self._at.setdefault(int(label), len(self._at))
                self._rows[at], self._labels[at] = row, label
                self._norms[at] = np.square(row.astype(np.int32)).sum()

    def remove(self, labels: Sequence[int] | Labels) -> None:
        """Overwrite rows; those that are not there are none of our business."""
        with self._lock:
            for label in labels:
                at = self._at.pop(int(label), None)
                if at is None:
                    continue
                last = len(self._at)
                if at != last:
                    for part in (self._rows, self._norms, self._labels):
                        part[at] = part[last]
                    self._at[int(self._labels[at])] = at
                self._rows[last] = 0
                self._norms[last] = self._labels[last] = 0

    def nearest(self, probes: Matrix, most: int, within: float = math.inf) -> list[list[Hit]]:
        """For each probe the `most` nearest rows at `within` or nearer (int8 distance), nearest first."""
        return [hits[:most] for hits in self._searched(probes, within)]

    def within(self, probe: NDArray[np.float32], distance: float) -> list[Hit]:
        """Every row at `distance` or nearer (int8 distance), nearest first."""
        return self._searched(probe[None], distance)[0]

    def error_of(self, probe: NDArray[np.float32]) -> float:
        """How far the int8 row of this probe is from it."""
        return self._rounded(probe[None])[1]

    def close(self) -> None:
        """Overwrite all rows."""
        with self._lock:
            for part in (self._rows, self._norms, self._labels):
                part.fill(0)
            self._at.clear()

    def _searched(self, probes: Matrix, within: float) -> list[list[Hit]]:
        rounded, _ = self._rounded(probes)
        with self._lock:
            return [self._one(row.astype(np.float32), within) for row in rounded]

    def _one(self, probe: NDArray[np.float32], within: float) -> list[Hit]:
        scores, labels = list[NDArray[np.int64]](), list[Labels]()
        length = int(np.square(probe.astype(np.int64)).sum())
        least = -math.inf if within == math.inf else length - (within / self.scale.step) ** 2
        for begin in range(0, len(self._at), _BLOCK):
            end = min(begin + _BLOCK, len(self._at))
            dots = self._rows[begin:end].astype(np.float32) @ probe  # exact: whole numbers below 2**24
            score = 2 * dots.astype(np.int64) - self._norms[begin:end]
            kept = score >= least
            scores.append(score[kept])
            labels.append(self._labels[begin:end][kept])
        if not scores:
            return []
        score, label = np.concatenate(scores), np.concatenate(labels)
        order = np.lexsort((label, -score))
        return [
            Hit(int(label[at]), self.scale.step * math.sqrt(max(0, length - int(score[at])))) for at in order.tolist()
        ]

    def _rounded(self, vectors: Matrix) -> tuple[NDArray[np.int8], float]:
        """int8 rows, and how far the worst of them is from its vector."""
        if vectors.ndim != 2 or vectors.shape[1] != self.dim:
            raise ModelError(f"index: vectors are {vectors.shape}, rows have {self.dim} numbers")
        turned = (vectors - self.scale.mean) @ self._rotation.T / np.float32(self.scale.step)
        rows = np.zeros((len(vectors), self._width), np.int8)
        rows[:, : self.dim] = np.clip(np.rint(turned), -TOP, TOP).astype(np.int8)
        off = np.linalg.norm(turned - rows[:, : self.dim], axis=1) * self.scale.step
        return rows, float(off.max(initial=0.0))

    def _reserve(self, rows: int) -> None:
        if rows <= len(self._rows):
            return
        room = max(rows, 2 * len(self._rows), 1024)
        for name in ("_rows", "_norms", "_labels"):
            old = getattr(self, name)
            new = np.zeros((room, *old.shape[1:]), old.dtype)
            new[: len(old)] = old
            old.fill(0)
            setattr(self, name, new)


def _rotation(dim: int) -> Matrix:
    """The same orthogonal matrix for everybody; it is no secret."""
    drawn = np.random.default_rng(_SEED).standard_normal((dim, dim))
    turned, triangle = np.linalg.qr(drawn)
    return (turned * np.sign(np.diag(triangle))).astype(np.float32)
