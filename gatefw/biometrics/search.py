"""Everybody of a gallery at once: whose templates are near to what a camera saw (1:N).

All templates stand in memory as one matrix of float32, row by row, and every probe is compared with every row: nothing
is indexed or approximated. A person's distance is the mean over their templates, and over the frames of the probe: the
metric of `template.distance_to_all`, which has an FMR below the card's at the card's threshold.

The gallery on disk may be changed by anybody who shares it, so its generation is looked at before every search and
whenever `drop_stale` is called; what is out of date is overwritten with zeros at once and read anew when it is needed.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gatefw.biometrics.runtime import Maker, Vector
from gatefw.biometrics.template import Template
from gatefw.model import Reason, SubjectId

Matrix = NDArray[np.float32]
Candidate = tuple[SubjectId, float]


class Enrolled(Protocol):
    """Who is enrolled: a `Gallery`, or what stands in for it in memory."""

    def get(self, subject: SubjectId, now: float, /) -> tuple[Template, ...] | Reason: ...

    def everybody(self, now: float, patterns: Sequence[str], /) -> Iterable[tuple[SubjectId, tuple[Template, ...]]]: ...

    def generation(self) -> object: ...


class Measure(Protocol):
    """The L2 distance of a probe to each row, float32: what a compiled kernel may do instead of `l2`."""

    def __call__(self, rows: Matrix, probe: Vector) -> Vector: ...


def l2(rows: Matrix, probe: Vector) -> Vector:
    """In plain numpy: 10,000 rows of 128 take a few milliseconds."""
    difference = rows - probe
    distances: Vector = np.sqrt(np.einsum("ij,ij->i", difference, difference))
    return distances


@dataclass(frozen=True, eq=False)
class _Everybody:
    """Person i has the rows from `starts[i]`, `counts[i]` of them. `strangers`: people whom another model made."""

    people: Sequence[SubjectId]
    rows: Matrix
    starts: NDArray[np.intp]
    counts: NDArray[np.float64]
    strangers: int


class Search:
    """Of the people in partitions that fit one of `patterns` (none: all). At most `most + 1` are kept in memory.

    From one thread. Raises StoreError from every method when the gallery cannot be read.
    """

    def __init__(
        self,
        gallery: Enrolled,
        maker: Maker,
        patterns: Sequence[str],
        most: int,
        wall_s: Callable[[], float],
        measure: Measure = l2,
    ) -> None:
        self._gallery, self._maker, self._patterns, self._most = gallery, maker, tuple(patterns), most
        self._wall_s, self._measure = wall_s, measure
        self._everybody: _Everybody | None = None
        self._generation: object = None

    @property
    def people(self) -> int:
        """How many people a search meets now; `most + 1` stands for any larger number."""
        return len(self._now().people)

    @property
    def strangers(self) -> int:
        """How many people are not met because another model or runtime made their templates."""
        return self._now().strangers

    def candidates(self, frames: Sequence[Template], distance: float) -> list[Candidate]:
        """Everybody at `distance` or nearer to the frames (at least one, of one person), nearest first, ties by id.

        Raises ModelError when a frame is of another model than the one searched for.
        """
        for frame in frames:
            frame.require_comparable(self._maker)
        everybody = self._now()
        if not everybody.people:
            return []
        sums = np.zeros(len(everybody.people))
        for frame in frames:
            distances = self._measure(everybody.rows, frame.vector).astype(np.float64)
            sums += np.add.reduceat(distances, everybody.starts) / everybody.counts
        means = sums / len(frames)
        near = ((float(means[at]), everybody.people[at]) for at in np.flatnonzero(means <= distance).tolist())
        now = self._wall_s()
        return [(who, far) for far, who in sorted(near) if not isinstance(self._gallery.get(who, now), Reason)]

    def drop_stale(self) -> None:
        """Overwrite what is in memory when the gallery has changed since: whom it lost is nowhere then."""
        if self._everybody is not None and self._gallery.generation() != self._generation:
            self.close()

    def close(self) -> None:
        """Overwrite what is in memory."""
        if self._everybody is not None:
            self._everybody.rows.fill(0)
            self._everybody = None

    def _now(self) -> _Everybody:
        self.drop_stale()
        if self._everybody is None:
            self._generation = self._gallery.generation()  # before it is read: a change meanwhile makes it stale
            self._everybody = self._read()
        return self._everybody

    def _read(self) -> _Everybody:
        people, vectors, counts, strangers = list[SubjectId](), list[Vector](), list[int](), 0
        for subject, templates in self._gallery.everybody(self._wall_s(), self._patterns):
            fit = [template.vector for template in templates if template.maker.comparable(self._maker)]
            if not fit:
                strangers += 1
                continue
            people.append(subject)
            counts.append(len(fit))
            vectors += fit
            if len(people) > self._most:
                break
        rows = np.array(vectors, np.float32) if vectors else np.zeros((0, 0), np.float32)
        starts = np.cumsum([0, *counts[:-1]]) if counts else np.zeros(0, np.intp)
        return _Everybody(people, rows, starts.astype(np.intp), np.array(counts, np.float64), strangers)
