"""A course of levels, asked one thing at a time: what it was when, for how long, and who passed which door."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from gatefw.edges import OFF, UNREAD, Course
from gatefw.model import DoorId, Occupancy, Position

_PEOPLE = {Occupancy.EMPTY.value: 0, Occupancy.ONE.value: 1, Occupancy.MANY.value: 2}


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when (seconds, as the course has them) a thing was so."""

    begin_s: float
    end_s: float
    now: str

    @property
    def for_s(self) -> float:
        return self.end_s - self.begin_s

    def overlap_s(self, begin_s: float, end_s: float) -> float:
        """How much of it lies between; below zero: so far away it is."""
        return min(self.end_s, end_s) - max(self.begin_s, begin_s)


@dataclass(frozen=True, slots=True)
class Pass:
    """Somebody went through a door: the count changed while this one alone was not secured."""

    at_s: float
    door: DoorId
    inward: bool


class Levels:
    """Of one course."""

    def __init__(self, course: Course) -> None:
        self.since_s, self.now_s = course.since_s, course.now_s
        self._spans: dict[str, list[Span]] = {}
        standing = {what: (course.since_s, now) for what, now in course.before.items()}
        for edge in course.edges:
            if edge.what in standing:
                began_s, was = standing[edge.what]
                self._spans.setdefault(edge.what, []).append(Span(began_s, edge.at_s, was))
            standing[edge.what] = (edge.at_s, edge.now)
        for what, (began_s, now) in standing.items():
            self._spans.setdefault(what, []).append(Span(began_s, course.now_s, now))
        self._begins = {what: [span.begin_s for span in spans] for what, spans in self._spans.items()}
        self._releases = {door: self._released(door) for door in DoorId}

    @property
    def doors(self) -> tuple[DoorId, ...]:
        """Those whose contacts are read."""
        return tuple(door for door in DoorId if door in self._spans)

    def spans(self, what: str, *levels: str) -> list[Span]:
        """When it was so, in time; of every level when none is named."""
        return [span for span in self._spans.get(what, ()) if not levels or span.now in levels]

    def known(self, what: str) -> bool:
        return any(span.now != UNREAD for span in self._spans.get(what, ()))

    def ever(self, what: str, *levels: str) -> bool:
        return bool(self.spans(what, *levels))

    def at(self, what: str, at_s: float) -> str | None:
        """What it was just before that moment."""
        found = bisect_left(self._begins.get(what, []), at_s) - 1
        return self._spans[what][found].now if found >= 0 and at_s <= self._spans[what][found].end_s else None

    def within(self, what: str, begin_s: float, end_s: float, *levels: str) -> bool:
        """Whether it was so at any moment between these two."""
        return any(span.overlap_s(begin_s, end_s) >= 0 for span in self.spans(what, *levels))

    def changes(self, what: str, begin_s: float, end_s: float) -> bool:
        """Whether it became something else between these two moments, other than unread."""
        begins = self._begins.get(what, [])
        first, last = max(1, bisect_right(begins, begin_s)), bisect_right(begins, end_s)
        return any(span.now != UNREAD for span in self._spans.get(what, [])[first:last])

    def releases(self, door: DoorId) -> list[Span]:
        """When it was released, without a gap, for whatever purposes one after the other."""
        return self._releases[door]

    def _released(self, door: DoorId) -> list[Span]:
        whole: list[Span] = []
        for span in self.spans(f"{door}.release"):
            if span.now == OFF:
                continue
            if whole and whole[-1].end_s == span.begin_s:
                whole[-1] = Span(whole[-1].begin_s, span.end_s, whole[-1].now)
            else:
                whole.append(span)
        return whole

    def longest_s(self, span: Span, *without: Span) -> float:
        """For how long at a stretch, within this span, none of these was."""
        free_s, longest_s = span.begin_s, 0.0
        for each in sorted(without, key=lambda other: other.begin_s):
            if each.overlap_s(span.begin_s, span.end_s) >= 0:
                longest_s = max(longest_s, each.begin_s - free_s)
                free_s = max(free_s, each.end_s)
        return max(longest_s, span.end_s - free_s)

    def unreleased_s(self, door: DoorId, span: Span) -> float:
        """For how long within this span the door was let alone, at a stretch."""
        return self.longest_s(span, *self.releases(door))

    @cached_property
    def passes(self) -> tuple[Pass, ...]:
        """Everybody who went through a door, as far as the contacts of doors and the count tell."""
        return tuple(self._passed())

    def _passed(self) -> Iterator[Pass]:
        counts = self.spans("occupancy")
        for was, now in pairwise(counts):
            if was.now not in _PEOPLE or now.now not in _PEOPLE:
                continue
            at_s = now.begin_s
            ajar = [door for door in self.doors if self.at(door, at_s) in (Position.OPEN, Position.CLOSED)]
            shut = [door for door in self.doors if self.at(door, at_s) == Position.SECURED]
            if len(ajar) == 1 and len(ajar) + len(shut) == len(self.doors):
                yield Pass(at_s, ajar[0], _PEOPLE[now.now] > _PEOPLE[was.now])
