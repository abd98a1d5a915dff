"""Everybody of a gallery at once: whose templates are near to what a camera saw (1:N).

One row a person stands in memory: the mean of their templates, as int8 (`index`). The distance of a probe to it has
thresholds of its own, which depend on how many templates were averaged: whoever asks brings them, as a `Reach`. The
index is searched as much farther as rounding may have moved rows and probe; who comes out is compared again with their
sealed templates, in float32, and counts by their own reach. So nobody is missed, and nobody found, for the rounding.

The gallery on disk may be changed by anybody who shares it, so its generation is looked at before every search and
whenever `drop_stale` is called. Rows of a chunk that changed are overwritten at once, and read anew when they are
needed; the other chunks stay. A chunk that does not open is told (`damaged`), and the search goes on with the others.

Memory, measured with a million people of one template of 128 numbers (`python -m bench.gallery`): 242 bytes a person,
which are the rows of the index with their room to grow (twice as much just after they grew) and what is known of each
chunk. Who has more templates takes no more. Neither ids nor float vectors are kept: a label is a chunk and the
place in it.
"""

import logging
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gatefw.biometrics.gallery_chunk import CHUNK_PEOPLE, TEMPLATES_MAX, Chunk, Damaged, Matrix, Place, reference
from gatefw.biometrics.index import Hit, Index
from gatefw.biometrics.index_rows import Labels
from gatefw.biometrics.runtime import Maker, Vector
from gatefw.biometrics.scale import Scale
from gatefw.biometrics.template import Template
from gatefw.model import Reason, SubjectId

Reach = Callable[[int], float]
"""The distance at which somebody with so many templates (1 to 8) is near enough."""

SAMPLE = 4096
"""Of so many people a scale is good for any number: their mean and spread are known to 1.6 %."""
GROWN = 10
_SLACK = 1e-4
"""What the arithmetic of float32 adds to the rounding that the index knows of."""

_log = logging.getLogger(__name__)


class Enrolled(Protocol):
    """Who is enrolled: a `Gallery`, or what stands in for it in memory.

    generation: another value after every change. places: the chunks that a search of these partitions may meet now.
    opened: None when the chunk has changed since; raises Damaged.
    """

    def generation(self) -> object: ...

    def places(self, now: float, patterns: Sequence[str], /) -> Iterable[Place]: ...

    def opened(self, place: Place, /) -> Chunk | None: ...

    def get(self, subject: SubjectId, now: float, /) -> tuple[Template, ...] | Reason: ...


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody near enough: the distance of the probe to the mean of their templates."""

    subject: SubjectId
    distance: float
    templates: int


@dataclass(frozen=True, eq=False)
class _Loaded:
    """A chunk whose people have rows. `strangers`: those of another model, who have none."""

    place: Place
    slot: int
    labels: Labels
    expires_at: NDArray[np.float64]
    soonest_s: float
    strangers: int


class Search:
    """Of the people in partitions that fit one of `patterns` (none: all). Chunks are read until there are over `most`.

    From one thread. Raises StoreError from every method when the gallery cannot be read.
    """

    def __init__(
        self,
        gallery: Enrolled,
        maker: Maker,
        patterns: Sequence[str],
        most: int,
        wall_s: Callable[[], float],
        index: Callable[[int, Scale], Index] = Index,
    ) -> None:
        self._gallery, self._maker, self._patterns, self._most = gallery, maker, tuple(patterns), most
        self._wall_s, self._make = wall_s, index
        self._forget()

    @property
    def people(self) -> int:
        """How many people a search meets now; `most + 1` stands for any larger number."""
        self._read()
        return min(self._met, self._most + 1)

    @property
    def strangers(self) -> int:
        """How many people are not met because another model or runtime made their templates."""
        self._read()
        return sum(each.strangers for each in self._loaded.values())

    @property
    def damaged(self) -> int:
        """How many people are not met because their chunk does not open."""
        self._read()
        return sum(place.people for place in self._damaged.values())

    def candidates(self, probe: Template, reach: Reach) -> list[Candidate]:
        """Everybody whose distance is at most `reach` of how many templates they have; nearest first, ties by id.

        Raises ModelError when the probe is of another model than the one searched for.
        """
        probe.require_comparable(self._maker)
        farthest = max(map(reach, range(1, TEMPLATES_MAX + 1)))
        while True:
            self._read()
            found = self._compared(probe.vector, reach, self._hits(probe.vector, farthest))
            if found is not None:
                return sorted(found, key=lambda each: (each.distance, each.subject))

    def drop_stale(self) -> None:
        """Overwrite what has changed in the gallery since it was read: whom it lost is nowhere then."""
        if (self._loaded or self._damaged) and self._gallery.generation() != self._generation:
            self._drop_changed()

    def close(self) -> None:
        """Overwrite what is in memory."""
        if self._index is not None:
            self._index.close()
        self._forget()

    # ------------------------------------------------------------ comparing

    def _hits(self, vector: Vector, farthest: float) -> list[Hit]:
        index = self._index
        if index is None or not len(index):
            return []
        return index.reachable(vector, farthest + _SLACK)

    def _compared(self, vector: Vector, reach: Reach, hits: Iterable[Hit]) -> list[Candidate] | None:
        """Who of those hit is near enough by their sealed templates; None when the gallery changed meanwhile."""
        found, now = list[Candidate](), self._wall_s()
        for hit in hits:
            slot, at = divmod(hit.label, CHUNK_PEOPLE)
            chunk = self._opened(self._loaded[self._slots[slot]].place)
            if chunk is None:
                return None
            templates = self._gallery.get(chunk.subjects[at], now)
            if isinstance(templates, Reason):
                continue
            fit = [each for each in templates if each.maker.comparable(self._maker)]
            distance = float(np.linalg.norm(reference(fit) - vector)) if fit else math.inf
            if distance <= reach(len(fit) or 1):
                found.append(Candidate(chunk.subjects[at], distance, len(fit)))
        return found

    # ------------------------------------------------------------ reading

    def _forget(self) -> None:
        self._loaded: dict[int, _Loaded] = {}
        self._damaged: dict[int, Place] = {}
        self._index: Index | None = None
        self._sample = self._met = 0
        self._slots: list[int] = []
        self._free: list[int] = []
        self._waiting: list[tuple[Labels, Matrix]] = []
        self._generation: object = None
        self._gone: tuple[Place, object] | None = None
        self._complete = False
        self._counted_s, self._until_s = math.inf, -math.inf

    def _read(self) -> None:
        """Be up to date: read what has changed, and count anew when somebody has expired or the clock was set."""
        while True:
            fresh = self._complete and self._gallery.generation() == self._generation
            if fresh and self._counted_s <= self._wall_s() < self._until_s:
                return
            places = self._drop_changed()
            self._count()
            try:
                self._complete = all(self._load(place) for place in places if self._wanted(place))
            finally:  # what is among the loaded has its rows, though a later chunk could not be read
                self._put_waiting()
            if self._index is not None and self._sample < SAMPLE and len(self._index) > GROWN * self._sample:
                self.close()  # the scale was that of too few: a finer one leaves less to compare again

    def _drop_changed(self) -> Sequence[Place]:
        """Overwrite the rows of chunks that changed or are to be met no more. All that may be met now."""
        self._complete = False  # until all is read: whoever fails on the way leaves it so
        self._generation = self._gallery.generation()  # before the rest is read: a change meanwhile makes it stale
        places = {each.number: each for each in self._gallery.places(self._wall_s(), self._patterns)}
        for number, loaded in tuple(self._loaded.items()):
            if places.get(number) != loaded.place:
                self._unload(number)
        self._damaged = {number: place for number, place in self._damaged.items() if places.get(number) == place}
        return tuple(places.values())

    def _wanted(self, place: Place) -> bool:
        known = place.number in self._loaded or place.number in self._damaged
        return not known and self._met <= self._most

    def _load(self, place: Place) -> bool:
        """Whether the chunk was still as it was when its place was told."""
        chunk = self._opened(place)
        if chunk is None:
            return place.number in self._damaged
        references = chunk.references(self._maker)
        slot = self._free.pop() if self._free else len(self._slots)
        self._slots[slot : slot + 1] = [place.number]
        labels = (slot * CHUNK_PEOPLE + references.at).astype(np.int32)
        expires_at = np.minimum(np.array(chunk.expires_at, np.float64)[references.at], place.expires_at)
        soonest_s, strangers = float(expires_at.min(initial=math.inf)), len(chunk) - len(labels)
        loaded = self._loaded[place.number] = _Loaded(place, slot, labels, expires_at, soonest_s, strangers)
        self._waiting.append((labels, references.vectors))
        self._tally(loaded)
        if sum(len(each) for each, _ in self._waiting) >= SAMPLE:
            self._put_waiting()
        return True

    def _opened(self, place: Place) -> Chunk | None:
        """None: it has changed, or does not open and is among the damaged from now on."""
        try:
            chunk = self._gallery.opened(place)
            if chunk is None:
                self._complete = False  # its key went, perhaps, and nothing else changed
                self._require_change(place)
            return chunk
        except Damaged as error:
            _log.error("%s; %d people are not found until they are enrolled again", error, place.people)
            if place.number in self._loaded:
                self._unload(place.number)
            self._damaged[place.number] = place
            self._complete = False
            return None

    def _require_change(self, place: Place) -> None:
        """Raise Damaged for a chunk that is told of again, in a gallery that did not change, and again is not there."""
        gone, self._gone = self._gone, (place, self._generation)
        if gone == self._gone:
            raise Damaged(f"chunk {place.number}: is told of and not there; the gallery is damaged")

    def _unload(self, number: int) -> None:
        loaded = self._loaded.pop(number)
        if self._index is not None:
            self._index.remove(loaded.labels)
        self._free.append(loaded.slot)

    def _put_waiting(self) -> None:
        filled = [each for each in self._waiting if len(each[0])]
        self._waiting = []
        if not filled:
            return
        labels, vectors = (np.concatenate(each) for each in zip(*filled, strict=True))
        if self._index is None:
            self._index, self._sample = self._make(vectors.shape[1], Scale.fitted(vectors)), len(vectors)
        self._index.put(labels, vectors)
        for each in (vectors, *(part for _, part in filled)):
            each.fill(0)

    def _count(self) -> None:
        """How many have not expired, and when the next one does."""
        self._met, self._counted_s, self._until_s = 0, self._wall_s(), math.inf
        for each in self._loaded.values():
            self._tally(each)

    def _tally(self, loaded: _Loaded) -> None:
        lasting, soonest_s = len(loaded.labels), loaded.soonest_s
        if soonest_s <= self._counted_s:
            rest = loaded.expires_at[loaded.expires_at > self._counted_s]
            lasting, soonest_s = len(rest), float(rest.min(initial=math.inf))
        self._met += lasting
        self._until_s = min(self._until_s, soonest_s)
