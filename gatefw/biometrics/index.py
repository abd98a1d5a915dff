"""An exact nearest-neighbour search over int8 rows: the k nearest within a distance, the same by every way to compute.

    x8 = round(R (x - mean) / step), clipped to -127 .. 127       R: a fixed random rotation, which changes no distance
    score(row, probe) = 2 row.probe - |row|^2                     whole numbers: the nearest row has the largest
    distance^2 = step^2 (|probe|^2 - score)

What is found is exact *for these int8 rows*, ties going to the lower label. How far an int8 distance may be from the
distance of the float vectors is known, so whoever needs the float one is given all whom it may reach (`reachable`), and
compares again.

The compiled kernel (`kernel/kernel.c`) reads half of the bytes and misses nothing; where it was not built numpy reads
them all, finds the same, and `path` says so. Of D numbers (a multiple of 64) a row takes D bytes, D / 2 for the plane,
and 13 besides: 205 for 128 numbers, 140 without the kernel.
"""

import logging
import math
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gatefw.biometrics.index_rows import CODE_STEP, Labels, RowStore, kernel
from gatefw.biometrics.scale import Matrix, Scale
from gatefw.errors import ModelError

PAD = 64
"""Rows are zeros from `dim` up to a multiple of so many numbers."""
MOST = 1024
"""Rows that `nearest` is asked for at most."""
NUMPY = "numpy"
_QUERIES = 16
_BLOCK = 4096
_LEAST, _GREATEST = -(2**31), 2**31 - 1

_log = logging.getLogger(__name__)


def paths() -> tuple[str, ...]:
    """The ways to compute on this machine, best first; the last one is numpy, where no kernel is wanted."""
    return (*(kernel.paths().split() if kernel else ()), NUMPY)


@dataclass(frozen=True, slots=True)
class Hit:
    """A row: its label, and its int8 distance."""

    label: int
    distance: float


class Index:
    """Rows in memory, each under a label 0 .. 2**31 - 1; labels index an array, so small ones are wise.

    Any thread may call any method. A change made while a search runs waits for its end, and is visible to the next one;
    no search sees half a row. To be closed.

    threads: persistent, each pinned to a processor; one is right but for millions of rows on an idle machine. path: one
    of `paths()`, the best by default. sigma: 0 for an exact search; above, a *statistical* one, which may miss rows (2
    of 4,078 at 5) and says so (`exact`).
    """

    def __init__(
        self, dim: int, scale: Scale, room: int = 0, threads: int = 1, path: str = "", sigma: float = 0.0
    ) -> None:
        if scale.mean.shape != (dim,) or not scale.step > 0 or not 0 < dim <= 1024:
            raise ModelError(f"index: a scale for {scale.mean.shape} numbers, rows have {dim}; 1 to 1024 are possible")
        self.path = path or paths()[0]
        if self.path not in paths():
            raise ModelError(f"index: no path is called {self.path!r} on this machine; there are {', '.join(paths())}")
        if kernel is None:
            _say_slow()
        self.dim, self.scale, self.error, self.rescored = dim, scale, 0.0, 0
        self._clipped: dict[int, float] = {}
        self._sigma = sigma
        self._width = -(-dim // PAD) * PAD
        self._lock = threading.Lock()
        self._store = RowStore(self._width, room, coded=self.path != NUMPY)
        self._threads = threads
        self._workers = _pinned(threads) if threads > 1 else None

    def __len__(self) -> int:
        return self._store.count

    @property
    def exact(self) -> bool:
        """Whether no row can be missed."""
        return self._sigma == 0 or self.path == NUMPY

    def put(self, labels: Sequence[int] | Labels, vectors: Matrix) -> None:
        """Add rows, or replace those of the same labels. Raises ModelError: a label twice, or not one."""
        rows, errors = self.rounded(vectors)
        names = np.asarray(labels, np.int64)
        if len(names) != len(rows) or len(np.unique(names)) != len(names) or (len(names) and names.min() < 0):
            raise ModelError(f"index: {len(rows)} rows under {len(names)} labels; each wants one of its own, from 0 on")
        with self._lock:
            self._know(names, errors)
            self._store.put(names, rows)

    def remove(self, labels: Sequence[int] | Labels) -> None:
        """Overwrite rows; those that are not there are none of our business."""
        with self._lock:
            self._store.remove(labels)
            for label in labels:
                self._clipped.pop(int(label), None)

    def nearest(self, probes: Matrix, most: int, within: float = math.inf) -> list[list[Hit]]:
        """For each probe the `most` nearest rows at `within` or nearer (int8 distance), nearest first.

        The probes are searched for in one pass over the rows. They are rounded together: a coordinate within a bit of
        the middle between two steps may go to either, and to another one when its probe is asked for alone.
        """
        if not 1 <= most <= MOST:
            raise ModelError(f"index: {most} nearest rows are asked for; 1 to {MOST} can be had")
        rounded, _ = self.rounded(probes)
        with self._lock:
            self.rescored = 0
            found: list[list[Hit]] = []
            for begin in range(0, len(rounded), _QUERIES):
                some = rounded[begin : begin + _QUERIES]
                lengths = np.square(some.astype(np.int64)).sum(1)
                found += self._hits(lengths, *self._nearest(some, self._least(lengths, within), most))
        return found

    def within(self, probe: NDArray[np.float32], distance: float) -> list[Hit]:
        """Every row at `distance` or nearer (int8 distance), nearest first."""
        rounded, _ = self.rounded(probe[None])
        with self._lock:
            self.rescored = 0
            lengths = np.square(rounded.astype(np.int64)).sum(1)
            scores, labels = self._within(rounded, self._least(lengths, distance))
            return self._hits(lengths, [scores], [labels])[0]

    def reachable(self, probe: NDArray[np.float32], distance: float) -> list[Hit]:
        """Every row whose vector may be at `distance` or nearer to the probe, in float32; in no order.

        Rounding moves all rows by about the same (`error`); those that were clipped are looked at singly, by how far
        each was moved, so that a single odd vector does not make every search go farther.
        """
        rounded, errors = self.rounded(probe[None])
        off = float(errors[0])
        hits = {hit.label: hit for hit in self.within(probe, distance + self.error + off)}
        with self._lock:
            clipped = {label: error for label, error in self._clipped.items() if label not in hits}
            rows = self._store.of(list(clipped)).astype(np.int64)
        far = np.sqrt(np.square(rows - rounded.astype(np.int64)).sum(1)) * self.scale.step
        singly = (Hit(label, float(each)) for label, each in zip(clipped, far, strict=True))
        return [*hits.values(), *(hit for hit in singly if hit.distance <= distance + clipped[hit.label] + off)]

    def _know(self, labels: NDArray[np.int64], errors: NDArray[np.float64]) -> None:
        """Remember how far rows are from their vectors."""
        usual = errors <= self.scale.rounding(self.dim)
        self.error = max(self.error, float(errors[usual].max(initial=0.0)))
        for label in self._clipped.keys() & set(labels.tolist()):
            del self._clipped[label]
        self._clipped.update(zip(labels[~usual].tolist(), errors[~usual].tolist(), strict=True))

    def rounded(self, vectors: Matrix) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
        """As `Scale.rounded`, as wide as the rows. Raises ModelError: vectors of another length, or not finite."""
        if vectors.ndim != 2 or vectors.shape[1] != self.dim:
            raise ModelError(f"index: vectors are {vectors.shape}, rows have {self.dim} numbers")
        if not np.isfinite(vectors).all():
            raise ModelError("index: a vector with numbers that are not finite; its model is broken")
        return self.scale.rounded(vectors, self._width)

    def close(self) -> None:
        """Overwrite all rows, and end the threads."""
        with self._lock:
            self._store.clear()
            self._clipped.clear()
            if self._workers is not None:
                self._workers.shutdown()
                self._workers = None

    # ------------------------------------------------------------ searching

    def _nearest(
        self, probes: NDArray[np.int8], least: Labels, most: int
    ) -> tuple[list[NDArray[np.int64]], list[Labels]]:
        if self.path == NUMPY:
            found = [self._scanned(probe, int(bar)) for probe, bar in zip(probes, least, strict=True)]
            return [scores[:most] for scores, _ in found], [labels[:most] for _, labels in found]

        def part(begin: int, end: int) -> tuple[Labels, Labels, int]:
            scores, labels = (np.empty((len(probes), most), np.int32) for _ in range(2))
            arguments = self._told(begin, end, probes, least, most, scores, labels)
            return scores, labels, kernel.search(*arguments)

        parts = list(self._spread(part))
        self.rescored += sum(each[2] for each in parts)
        scores, labels = parts[0][:2]
        if len(parts) > 1:
            scores, labels = (np.concatenate([each[n] for each in parts], 1) for n in (0, 1))
            order = np.lexsort((labels, -scores.astype(np.int64)), 1)[:, :most]
            scores, labels = (np.take_along_axis(each, order, 1) for each in (scores, labels))
        counts = (labels >= 0).sum(1).tolist()
        return (
            [each[:count].astype(np.int64) for each, count in zip(scores, counts, strict=True)],
            [each[:count] for each, count in zip(labels, counts, strict=True)],
        )

    def _within(self, probe: NDArray[np.int8], least: Labels) -> tuple[NDArray[np.int64], Labels]:
        if self.path == NUMPY:
            return self._scanned(probe[0], int(least[0]))

        def part(begin: int, end: int) -> tuple[Labels, Labels, int]:
            room = MOST
            while True:
                scores, labels = (np.empty(room, np.int32) for _ in range(2))
                count, rescored = kernel.within(*self._told(begin, end, probe, least, room, scores, labels))
                if count <= room:
                    return scores[:count], labels[:count], rescored
                room = count

        parts = list(self._spread(part))
        self.rescored += sum(each[2] for each in parts)
        scores, labels = (np.concatenate([each[n] for each in parts]) for n in (0, 1))
        order = np.lexsort((labels, -scores.astype(np.int64)))
        return scores[order].astype(np.int64), labels[order]

    def _told(
        self, begin: int, end: int, probes: NDArray[np.int8], least: Labels, k: int, scores: Labels, labels: Labels
    ) -> tuple[Any, ...]:
        store = self._store
        rows = store.rows, store.plane, store.slack, store.norms, store.floors, store.labels
        shape = store.count, self._width, CODE_STEP, store.unit or 1.0, begin, end
        return (*rows, *shape, probes, len(probes), least, k, self.path, self._sigma, scores, labels)

    def _spread(self, part: Callable[[int, int], Any]) -> Iterator[Any]:
        """`part` of every thread's share of the rows."""
        count = self._store.count
        if self._workers is None:
            return iter([part(0, count)])
        share = -(-count // (16 * self._threads)) * 16
        begins = range(0, max(count, 1), max(share, 16))
        return self._workers.map(lambda begin: part(begin, min(begin + share, count)), begins)

    def _scanned(self, probe: NDArray[np.int8], least: int) -> tuple[NDArray[np.int64], Labels]:
        """Every row with a score of at least `least`, best first, by numpy alone."""
        store, wide = self._store, probe.astype(np.float32)
        scores, labels = [np.zeros(0, np.int64)], [np.zeros(0, np.int32)]
        for begin in range(0, store.count, _BLOCK):
            end = min(begin + _BLOCK, store.count)
            dots = store.rows[begin:end].astype(np.float32) @ wide  # exact: whole numbers below 2**24
            score = 2 * dots.astype(np.int64) - store.norms[begin:end]
            kept = score >= least
            scores.append(score[kept])
            labels.append(store.labels[begin:end][kept])
        self.rescored += store.count
        score, label = np.concatenate(scores), np.concatenate(labels)
        order = np.lexsort((label, -score))
        return score[order], label[order]

    def _least(self, lengths: NDArray[np.int64], within: float) -> Labels:
        """The least scores of rows at `within` or nearer."""
        square = (within / self.scale.step) ** 2
        least = [_LEAST if math.isinf(square) else math.ceil(each - square) for each in lengths.tolist()]
        return np.array([min(max(each, _LEAST), _GREATEST) for each in least], np.int32)

    def _hits(
        self, lengths: NDArray[np.int64], scores: Sequence[NDArray[np.int64]], labels: Sequence[Labels]
    ) -> list[list[Hit]]:
        step = self.scale.step
        return [
            [
                Hit(label, step * math.sqrt(max(0, int(length) - score)))
                for score, label in zip(each.tolist(), names.tolist(), strict=True)
            ]
            for length, each, names in zip(lengths, scores, labels, strict=True)
        ]


@cache
def _say_slow() -> None:
    """Once."""
    _log.warning("the search kernel was not built here: numpy searches, as exactly and slower; install a C compiler")


def _pinned(threads: int) -> ThreadPoolExecutor:
    """Threads that stay, each on a processor of its own: unpinned, two short scans often share one."""
    processors = sorted(os.sched_getaffinity(0))
    free = iter([processors[n % len(processors)] for n in range(threads)])
    lock = threading.Lock()

    def pin() -> None:
        with lock:
            processor = next(free)
        os.sched_setaffinity(0, {processor})  # 0: the calling thread alone

    return ThreadPoolExecutor(threads, "search", pin)
