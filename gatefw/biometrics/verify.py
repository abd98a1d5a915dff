"""One verification (1:1) over many frames, without a camera or a clock: what was seen goes in, how it ends comes out.

every frame        a reason why it is no good -> a hint to the traveller, when it changed (`sight`)
                   a probe -> compared, when the last comparison is `every_s` ago
distance fits      matched: one clear frame is enough
`frames` differ    FACE_MISMATCH: not before, because a single bad moment is not another person
deadline           always ends it: why most frames were no good, VERIFY_TIMEOUT when some were compared, NO_FRAME
                   when no picture came
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gatefw.biometrics.card import Threshold
from gatefw.biometrics.chain import Probe
from gatefw.biometrics.sight import Hint, Rules, Sight
from gatefw.biometrics.template import Template, distance_to_all
from gatefw.model import Reason

FARTHEST = 4.0
"""The largest distance that is told; thresholds are below (`card.THRESHOLD_MAX`)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended. OK with `matched`, FACE_MISMATCH, or why nothing was decided. `score`: the least distance of the
    `frames` compared, None for none."""

    matched: bool
    reason: Reason
    score: float | None
    threshold: float
    fmr: float
    frames: int


class Verification:
    """Times are monotonic seconds. `references`: the subject's templates, at least one."""

    def __init__(
        self, references: Sequence[Template], threshold: Threshold, rules: Rules, begun_s: float, deadline_s: float
    ) -> None:
        self._references, self._threshold, self._frames = references, threshold, rules.frames
        self._sight = Sight(rules.every_s, begun_s, deadline_s)
        self._distances: list[float] = []

    def wants(self, captured_s: float) -> bool:
        """Is a frame of that time worth a look?"""
        return self._sight.wants(captured_s)

    def seen(self, found: Probe | Reason, captured_s: float, repeated: bool, camera: str = "") -> Hint | Outcome | None:
        """A frame that was wanted. `repeated`: bit by bit the one before. Raises ModelError: not comparable."""
        probe = self._sight.probe(found, captured_s, repeated, camera)
        if not isinstance(probe, Probe):
            return probe
        distance = distance_to_all(probe.template, self._references)
        self._distances.append(distance)
        if distance <= self._threshold.distance:
            return self._outcome(Reason.OK)
        if len(self._distances) >= self._frames:
            return self._outcome(Reason.FACE_MISMATCH)
        return self._sight.hint(Reason.OK)

    def late(self, now_s: float) -> Outcome | None:
        """The outcome once the deadline is there."""
        if now_s < self._sight.ends_s:
            return None
        return self._outcome(Reason.VERIFY_TIMEOUT if self._distances else self._sight.why())

    def _outcome(self, reason: Reason) -> Outcome:
        return Outcome(
            matched=reason is Reason.OK,
            reason=reason,
            score=min([*self._distances, FARTHEST]) if self._distances else None,
            threshold=self._threshold.distance,
            fmr=self._threshold.fmr,
            frames=len(self._distances),
        )
