"""A chunk of a gallery: some people with their templates, as they are sealed together and opened together.

4 bytes    length of the head, little endian
head       JSON: {"makers": [[model, runtime, version, delegate, numbers a template], ...],
                  "people": [[subject, expires_at, [maker of each template, ...]], ...]}
float32    the templates of all people, in their order, little endian; what follows is padding
"""

import json
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gatefw.biometrics.runtime import Delegate, Maker, Runtime, Vector
from gatefw.biometrics.template import Template
from gatefw.errors import StoreError
from gatefw.model import SubjectId

Matrix = NDArray[np.float32]
Positions = NDArray[np.intp]

TEMPLATES_MAX = 8
"""Of one person."""
CHUNK_PEOPLE = 256
"""At most so many are in one chunk."""
_HEAD = struct.Struct("<I")
_EXPIRY_BYTES = 32
"""As long as a time can be as text, with what stands around it."""
_MAKER_BYTES = 256
"""More than a maker takes in the head, and the rest of the head once."""


class Damaged(StoreError):
    """A chunk does not open. Others may."""


class Place(NamedTuple):
    """A chunk in one of its states. `version` is another one after each change; `expires_at` is its partition's."""

    number: int
    version: int
    partition: str
    people: int
    expires_at: float


@dataclass(frozen=True, eq=False)
class Member:
    """Who is in a chunk: 1 to 8 templates, good until `expires_at` (Unix seconds)."""

    subject: SubjectId
    expires_at: float
    templates: tuple[Template, ...]


@dataclass(frozen=True, eq=False)
class References:
    """One vector a person: the mean of their templates. `at`: their positions in the chunk; `counts`: templates."""

    at: Positions
    counts: Positions
    vectors: Matrix


@dataclass(frozen=True, eq=False)
class Chunk:
    """`made[i]` tells of each template of person i which of `makers` made it; `values` are those of all templates."""

    subjects: Sequence[SubjectId]
    expires_at: Sequence[float]
    made: Sequence[Sequence[int]]
    makers: Sequence[tuple[Maker, int]]
    values: Vector

    @classmethod
    def of(cls, people: Sequence[Member]) -> "Chunk":
        """These people, in this order."""
        kinds: dict[tuple[int, int], int] = {}  # by identity first: the same maker, equal or not, is hashed but once
        makers: dict[tuple[Maker, int], int] = {}

        def kind(template: Template) -> int:
            seen = id(template.maker), template.vector.size
            if seen not in kinds:
                kinds[seen] = makers.setdefault((template.maker, template.vector.size), len(makers))
            return kinds[seen]

        made = [[kind(template) for template in person.templates] for person in people]
        vectors = [np.asarray(each.vector, "<f4").ravel() for person in people for each in person.templates]
        values = np.concatenate(vectors) if vectors else np.zeros(0, np.float32)
        return cls([each.subject for each in people], [each.expires_at for each in people], made, list(makers), values)

    @classmethod
    def unpacked(cls, content: bytes) -> "Chunk":
        """What `packed` made. Raises StoreError for anything else."""
        try:
            (length,) = _HEAD.unpack_from(content)
            head = json.loads(content[_HEAD.size : _HEAD.size + length])
            people, makers = head["people"], [_maker(*each) for each in head["makers"]]
            numbers = sum(makers[each][1] for _, _, made in people for each in made)
            values = np.frombuffer(content, "<f4", numbers, _HEAD.size + length)
            return cls(
                [each[0] for each in people], [each[1] for each in people], [e[2] for e in people], makers, values
            )
        except (struct.error, ValueError, TypeError, LookupError, RecursionError) as error:
            raise StoreError(f"chunk: holds no people: {error}; update the software, or enrol them again") from error

    def packed(self) -> bytes:
        """As bytes, without padding."""
        people = [list(each) for each in zip(self.subjects, self.expires_at, self.made, strict=True)]
        makers = [[each.model_sha256, each.runtime, each.version, each.delegate, size] for each, size in self.makers]
        head = json.dumps({"makers": makers, "people": people}, separators=(",", ":")).encode()
        return _HEAD.pack(len(head)) + head + self.values.astype("<f4").tobytes()

    def __len__(self) -> int:
        """How many people."""
        return len(self.subjects)

    @property
    def templates(self) -> int:
        return sum(map(len, self.made))

    def person(self, at: int) -> Member:
        """The person at a position."""
        begin = self._firsts[at]
        templates = tuple(map(self._template, range(begin, begin + len(self.made[at]))))
        return Member(self.subjects[at], self.expires_at[at], templates)

    def find(self, subject: SubjectId) -> Member | None:
        """The person of that id."""
        return self.person(self.subjects.index(subject)) if subject in self.subjects else None

    def people(self) -> Iterator[Member]:
        return map(self.person, range(len(self)))

    def references(self, maker: Maker) -> References:
        """Of everybody who has templates that `maker` may compare; of the other templates nothing."""
        fits = np.array([each.comparable(maker) for each, _ in self.makers], bool)
        kinds, sizes, begins = self._columns
        mine = np.flatnonzero(fits[kinds]) if len(kinds) else np.zeros(0, np.intp)
        if not mine.size:
            return References(mine, mine, np.zeros((0, 0), np.float32))
        size = sizes[mine[0]]
        if (sizes[mine] != size).any():
            raise StoreError("chunk: templates of one maker have different lengths; enrol their people again")
        all_of_them = len(mine) == len(kinds)
        rows = self.values.reshape(-1, size) if all_of_them else self.values[begins[mine][:, None] + np.arange(size)]
        owners = np.repeat(np.arange(len(self)), [len(each) for each in self.made])[mine]
        counts = np.bincount(owners, minlength=len(self))
        at = np.flatnonzero(counts)
        counts = counts[at]
        if counts.max() == 1:  # the mean of one is itself
            return References(at, counts, rows.astype(np.float32))
        sums = np.add.reduceat(rows, np.cumsum(counts) - counts, axis=0, dtype=np.float64)
        return References(at, counts, (sums / counts[:, None]).astype(np.float32))

    @cached_property
    def _firsts(self) -> Sequence[int]:
        """Of each person: which of all templates is their first."""
        return [0, *accumulate(map(len, self.made))]

    @cached_property
    def _columns(self) -> tuple[Positions, Positions, Positions]:
        """Of each template: its maker, how many numbers it has, where in `values` it begins."""
        kinds = np.fromiter(chain.from_iterable(self.made), np.intp)
        sizes = np.array([size for _, size in self.makers], np.intp)[kinds] if len(kinds) else kinds
        return kinds, sizes, np.cumsum(sizes) - sizes

    def _template(self, number: int) -> Template:
        kinds, sizes, begins = self._columns
        begin, size = begins[number], sizes[number]
        return Template(self.values[begin : begin + size].astype(np.float32), self.makers[kinds[number]][0])


def filled(people: Iterable[Member], most_bytes: int) -> Iterator[list[Member]]:
    """The same people, in as many together as may be one chunk of so many bytes; somebody who is too large is alone."""
    chunk, size, maker = list[Member](), 0, None
    for each in people:
        added = _bytes_of(each)
        for template in each.templates:
            if template.maker is not maker:  # the same again is counted twice, and takes no more room
                maker, added = template.maker, added + _MAKER_BYTES
        if chunk and (size + added > most_bytes or len(chunk) == CHUNK_PEOPLE):
            yield chunk
            chunk, size, added = [], 0, added + _MAKER_BYTES
        chunk.append(each)
        size += added
    if chunk:
        yield chunk


def reference(templates: Sequence[Template]) -> Vector:
    """What a person (at least one template) is searched by: the mean vector."""
    vectors = np.array([each.vector for each in templates], np.float64)
    mean: Vector = vectors.mean(axis=0).astype(np.float32)
    return mean


def _bytes_of(member: Member) -> int:
    """At most so many bytes are added to a chunk by one more person, besides who made their templates."""
    escaped = 1 if member.subject.isascii() and member.subject.isalnum() else 12
    made = sum(4 * template.vector.size + 4 for template in member.templates)
    return escaped * len(member.subject) + _EXPIRY_BYTES + made


def _maker(model: str, runtime: str, version: str, delegate: str, size: int) -> tuple[Maker, int]:
    return Maker(model, Runtime(runtime), version, Delegate(delegate)), size
