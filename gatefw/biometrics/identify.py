"""One identification (1:N) over several frames, without a camera or a clock: what was seen goes in, who it is out.

    every frame        a reason why it is no good -> a hint to the traveller, when it changed (`sight`)
                       a probe -> kept, when the last one is half of `every_s` ago; another person: begun anew
    2 `frames` - 1     one search: the best `frames` of them, fused to one probe by their quality, against one reference
    kept               of everybody: one near enough -> OK, several -> AMBIGUOUS, none -> NOT_IDENTIFIED
    deadline           always ends it: with the search, if `frames` were kept; with why most frames were no good, or
                       VERIFY_TIMEOUT when too few were kept

There is one search, not one for each frame: k searches of one traveller would have up to k times the FPIR that the
distance is for. Twice as many frames are looked at as are needed, at half the distance in time: it takes no longer, and
the worse ones are left out. A fused probe is nearer to everybody, strangers too, so near enough is what the model card
measured of fused probes and of so many templates, and of frames as different as these were (`variety`).

Whoever is not found has left nothing: no score and no name comes out of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gatefw.biometrics.card import Card
from gatefw.biometrics.chain import Probe
from gatefw.biometrics.fusion import fuse
from gatefw.biometrics.monitor import Watch
from gatefw.biometrics.search import Candidate, Reach
from gatefw.biometrics.sight import Hint, Rules, Sight
from gatefw.biometrics.template import Template
from gatefw.biometrics.threshold import for_gallery, loosest, reach
from gatefw.biometrics.variety import between, error_energy, variety
from gatefw.model import Reason, SubjectId


class Searching(Protocol):
    """Who can be found (`search.Search`)."""

    @property
    def people(self) -> int: ...

    def candidates(self, probe: Template, reach: Reach) -> list[Candidate]: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """What a search is allowed: `reach` holds `fpir` among `most` people.

    It is that for `most`, not for how many are enrolled today: whom a lane finds does not change because others came or
    left. Among more, nobody is searched for where it `closes`; else who is found needs more evidence. reach: of frames
    that were so different (0..1). energy: see `variety`. same: beyond it two frames are not of one person.
    """

    reach: Callable[[float], Reach]
    most: int
    fpir: float
    same: float
    energy: float = 0.0
    closes: bool = True

    @classmethod
    def of(cls, card: Card, most: int, fpir: float, fnir: float, frames: int, closes: bool = True) -> "Limits":
        """Raises ModelError: the model misses more than `fnir`, though frames were as different as photographs."""
        for_gallery(card, most, fpir, fnir, frames)
        one, every = (reach(card, most, fpir, number) for number in (1, frames))
        same = loosest(card.threshold).distance
        return cls(lambda differ: between(one, every, differ), most, fpir, same, error_energy(card), closes)


@dataclass(frozen=True, slots=True)
class Found:
    """How it ended. OK with a subject, their distance and the threshold for it; any other reason without the first two.

    more_evidence: there are more people than a face can tell apart at that FPIR.
    """

    reason: Reason
    subject: SubjectId | None
    score: float | None
    threshold: float
    gallery: int
    fpir: float
    frames: int
    more_evidence: bool


class Identification:
    """Times are monotonic seconds. The best `rules.frames` are searched for together. `watch` is told of strangers."""

    def __init__(
        self,
        search: Searching,
        limits: Limits,
        rules: Rules,
        begun_s: float,
        deadline_s: float,
        watch: Watch | None = None,
    ) -> None:
        self._search, self._limits, self._frames, self._watch = search, limits, rules.frames, watch
        self._sight = Sight(rules.every_s / 2, begun_s, deadline_s)
        self._kept: list[Probe] = []

    def refusal(self) -> Found | None:
        """Why no search may be made at all: GALLERY_TOO_LARGE."""
        return self._found(Reason.GALLERY_TOO_LARGE) if self._limits.closes and self._outgrown else None

    def wants(self, captured_s: float) -> bool:
        """Is a frame of that time worth a look?"""
        return self._sight.wants(captured_s)

    def seen(self, found: Probe | Reason, captured_s: float, repeated: bool, camera: str = "") -> Hint | Found | None:
        """A frame that was wanted. `repeated`: bit by bit the one before. Raises ModelError: not comparable."""
        probe = self._sight.probe(found, captured_s, repeated, camera)
        if not isinstance(probe, Probe):
            return probe
        if self._kept and probe.template.distance(self._kept[0].template) > self._limits.same:
            self._kept.clear()
        self._kept.append(probe)
        if len(self._kept) < 2 * self._frames - 1:
            return self._sight.hint(Reason.OK)
        return self.refusal() or self._searched()

    def late(self, now_s: float) -> Found | None:
        """The end once the deadline is there."""
        if now_s < self._sight.ends_s:
            return None
        if len(self._kept) >= self._frames:
            return self.refusal() or self._searched()
        return self._found(Reason.VERIFY_TIMEOUT if self._kept else self._sight.why())

    @property
    def _outgrown(self) -> bool:
        return self._search.people > self._limits.most

    def _searched(self) -> Found:
        best = sorted(self._kept, key=lambda probe: probe.quality.weight, reverse=True)[: self._frames]
        templates, weights = [probe.template for probe in best], [probe.quality.weight for probe in best]
        fused = fuse(templates, weights)
        differ = variety(fused, templates, weights, self._limits.energy)
        near_enough = self._limits.reach(differ)
        near = self._met(fused, near_enough, differ)
        if not near:
            return self._found(Reason.NOT_IDENTIFIED)
        if len(near) > 1:
            return self._found(Reason.AMBIGUOUS)
        return self._found(Reason.OK, near[0].subject, near[0].distance, near_enough(near[0].templates))

    def _met(self, probe: Template, reach: Reach, differ: float) -> list[Candidate]:
        """Who is near enough. The watch is told of whoever else came near somebody who was found."""
        watch, people = self._watch, self._search.people
        if watch is None or people < 2:
            return self._search.candidates(probe, reach)
        farther = watch.farthest(people, differ)
        met = self._search.candidates(probe, lambda templates: max(reach(templates), farther(templates)))
        near = [each for each in met if each.distance <= reach(each.templates)]
        if near:
            who = near[0].subject
            watch.searched(who, [each for each in met if each.subject != who], people, differ)
        return near

    def _found(
        self,
        reason: Reason,
        subject: SubjectId | None = None,
        score: float | None = None,
        threshold: float | None = None,
    ) -> Found:
        limits, frames = self._limits, min(len(self._kept), self._frames)
        near_enough = limits.reach(1.0)(1) if threshold is None else threshold
        return Found(reason, subject, score, near_enough, self._search.people, limits.fpir, frames, self._outgrown)
