"""One identification (1:N) over several frames, without a camera or a clock: what was seen goes in, who it is out.

    every frame        a reason why it is no good -> a hint to the traveller, when it changed (`sight`)
                       a probe -> kept, when the last one is `every_s` ago; another person than before: begun anew
    `frames` kept      one search, by the mean distance over all of them:
                       exactly one person near enough -> OK, several -> AMBIGUOUS, none -> NOT_IDENTIFIED
    deadline           always ends it: why most frames were no good, VERIFY_TIMEOUT when some were kept

There is one search, not one for each frame: k searches of one traveller would have up to k times the FPIR that the
threshold is for. Nor are the frames' vectors averaged: a mean vector lies nearer to everybody, strangers too. The mean
of the distances keeps below the card's FMR, and misses fewer who are enrolled. Measured on the development faces,
different photographs as frames, at the card's threshold for an FMR of 1e-4: one template and one frame FMR 1.1e-4, FNMR
16.5 % (1.9 million comparisons of strangers); one and three 5.1e-5, 11.4 %; three and three 4.7e-5, 9.1 % (149,000).

Whoever is not found has left nothing: no score and no name comes out of it.
"""

from dataclasses import dataclass
from typing import Protocol

from gatefw.biometrics.card import Threshold
from gatefw.biometrics.chain import Probe
from gatefw.biometrics.gallery_chunk import reference
from gatefw.biometrics.search import Candidate, Reach
from gatefw.biometrics.sight import Hint, Rules, Sight
from gatefw.biometrics.template import Template
from gatefw.model import Reason, SubjectId


class Searching(Protocol):
    """Who can be found (`search.Search`)."""

    @property
    def people(self) -> int: ...

    def candidates(self, probe: Template, reach: Reach) -> list[Candidate]: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """What a search is allowed: `threshold` holds `fpir` among `most` people, and is not used among more.

    It is that for `most`, not for how many are enrolled today: whom a lane finds does not change because others came or
    left. `same` is the distance beyond which two frames are not of one person.
    """

    threshold: Threshold
    most: int
    fpir: float
    same: float


@dataclass(frozen=True, slots=True)
class Found:
    """How it ended. OK with a subject and their mean distance; any other reason without both."""

    reason: Reason
    subject: SubjectId | None
    score: float | None
    threshold: float
    gallery: int
    fpir: float
    frames: int


class Identification:
    """Times are monotonic seconds. `rules.frames` are searched for together."""

    def __init__(self, search: Searching, limits: Limits, rules: Rules, begun_s: float, deadline_s: float) -> None:
        self._search, self._limits, self._frames = search, limits, rules.frames
        self._sight = Sight(rules.every_s, begun_s, deadline_s)
        self._kept: list[Template] = []

    def refusal(self) -> Found | None:
        """Why no search may be made at all: GALLERY_TOO_LARGE."""
        return self._found(Reason.GALLERY_TOO_LARGE) if self._search.people > self._limits.most else None

    def wants(self, captured_s: float) -> bool:
        """Is a frame of that time worth a look?"""
        return self._sight.wants(captured_s)

    def seen(self, found: Probe | Reason, captured_s: float, repeated: bool, camera: str = "") -> Hint | Found | None:
        """A frame that was wanted. `repeated`: bit by bit the one before. Raises ModelError: not comparable."""
        probe = self._sight.probe(found, captured_s, repeated, camera)
        if not isinstance(probe, Probe):
            return probe
        if self._kept and probe.template.distance(self._kept[0]) > self._limits.same:
            self._kept.clear()
        self._kept.append(probe.template)
        if len(self._kept) < self._frames:
            return self._sight.hint(Reason.OK)
        return self.refusal() or self._searched()

    def late(self, now_s: float) -> Found | None:
        """The end once the deadline is there."""
        if now_s < self._sight.ends_s:
            return None
        return self._found(Reason.VERIFY_TIMEOUT if self._kept else self._sight.why())

    def _searched(self) -> Found:
        probe = Template(reference(self._kept), self._kept[0].maker)
        candidates = self._search.candidates(probe, lambda _templates: self._limits.threshold.distance)
        if not candidates:
            return self._found(Reason.NOT_IDENTIFIED)
        if len(candidates) > 1:
            return self._found(Reason.AMBIGUOUS)
        return self._found(Reason.OK, candidates[0].subject, candidates[0].distance)

    def _found(self, reason: Reason, subject: SubjectId | None = None, score: float | None = None) -> Found:
        limits = self._limits
        return Found(
            reason, subject, score, limits.threshold.distance, self._search.people, limits.fpir, len(self._kept)
        )
