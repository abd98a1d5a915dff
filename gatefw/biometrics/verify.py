"""One verification (1:1) over many frames, without a camera or a clock: what was seen goes in, how it ends comes out.

    every frame        a reason why it is no good -> a hint to the traveller, when it changed
                       a probe -> compared, when the last comparison is `every_s` ago
    distance fits      matched: one clear frame is enough
    `frames` differ    FACE_MISMATCH: not before, because a single bad moment is not another person
    deadline           always ends it: why most frames were no good, VERIFY_TIMEOUT when some were compared, NO_FRAME
                       when no picture came

A frame from before the verification began is not looked at: it shows who stood there then. A picture that is bit by bit
the one before shows no living camera; it is never compared.

Several cameras at different heights look at one traveller. The best of what they see now counts, for the hint and for
why nothing was decided: that a short traveller is below one camera is no fault of theirs. Only a second face, whichever
camera sees it, keeps every other from being compared.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from gatefw.biometrics.card import Threshold
from gatefw.biometrics.chain import Probe
from gatefw.biometrics.template import Template, distance_to_all
from gatefw.model import Reason

NOW_S = 1.0
"""What a camera saw so long ago is not what it sees."""
_BEST_FIRST = (Reason.TWO_FACES, Reason.OK)
_LAST = (Reason.NO_FACE, Reason.NO_FRAME)


@dataclass(frozen=True, slots=True)
class Rules:
    """`frames` good ones must disagree for a mismatch, compared at least `every_s` apart."""

    frames: int
    every_s: float


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


@dataclass(frozen=True, slots=True)
class Hint:
    """What the traveller should change now."""

    reason: Reason


class Verification:
    """Times are monotonic seconds. `references`: the subject's templates, at least one."""

    def __init__(
        self, references: Sequence[Template], threshold: Threshold, rules: Rules, begun_s: float, deadline_s: float
    ) -> None:
        self._references, self._threshold, self._rules = references, threshold, rules
        self._begun_s, self.ends_s = begun_s, begun_s + deadline_s
        self._compared_s = float("-inf")
        self._distances: list[float] = []
        self._no_good: Counter[Reason] = Counter()
        self._sees: dict[str, tuple[Reason, float]] = {}
        self._hinted = Reason.OK

    def wants(self, captured_s: float) -> bool:
        """Is a frame of that time worth a look? Not one from before the start, nor one too soon after a comparison."""
        return captured_s >= self._begun_s and captured_s - self._compared_s >= self._rules.every_s

    def seen(self, found: Probe | Reason, captured_s: float, repeated: bool, camera: str = "") -> Hint | Outcome | None:
        """A frame that was wanted. `repeated`: bit by bit the one before. Raises ModelError: not comparable."""
        if repeated and not isinstance(found, Reason):
            found = Reason.NO_FRAME
        self._sees[camera] = (found if isinstance(found, Reason) else Reason.OK, captured_s)
        best = self._best(captured_s)
        if isinstance(found, Reason) or best is Reason.TWO_FACES:
            if best is not Reason.OK:
                self._no_good[best] += 1
            return self._hint(best)
        distance = distance_to_all(found.template, self._references)
        self._distances.append(distance)
        self._compared_s = captured_s
        if distance <= self._threshold.distance:
            return self._outcome(Reason.OK)
        if len(self._distances) >= self._rules.frames:
            return self._outcome(Reason.FACE_MISMATCH)
        return self._hint(Reason.OK)

    def late(self, now_s: float) -> Outcome | None:
        """The outcome once the deadline is there."""
        if now_s < self.ends_s:
            return None
        if self._distances:
            return self._outcome(Reason.VERIFY_TIMEOUT)
        return self._outcome(max(self._no_good, key=self._no_good.__getitem__, default=Reason.NO_FRAME))

    def _best(self, now_s: float) -> Reason:
        """What the camera that sees most sees now: TWO_FACES before OK, a face that is no good before no face."""
        now = [reason for reason, seen_s in self._sees.values() if now_s - seen_s <= NOW_S]
        order = (*_BEST_FIRST, *(reason for reason in now if reason not in _LAST), *_LAST)
        return min(now, key=order.index)

    def _hint(self, reason: Reason) -> Hint | None:
        changed, self._hinted = reason is not self._hinted, reason
        return Hint(reason) if changed else None

    def _outcome(self, reason: Reason) -> Outcome:
        return Outcome(
            matched=reason is Reason.OK,
            reason=reason,
            score=min(self._distances, default=None),
            threshold=self._threshold.distance,
            fmr=self._threshold.fmr,
            frames=len(self._distances),
        )
