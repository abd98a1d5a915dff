"""Taking templates from a living traveller whose document's portrait is there: what the counter keeps of a face.

a probe that fits the portrait (1:1)   kept, up to WANTED of them: then it is done
`frames` that do not fit               FACE_MISMATCH
deadline                               done with what was kept, else why there was nothing
"""

from dataclasses import dataclass

from gatefw.biometrics.card import Threshold
from gatefw.biometrics.chain import Probe
from gatefw.biometrics.sight import Hint, Rules, Sight
from gatefw.biometrics.template import Template
from gatefw.model import Reason

WANTED = 2
"""With the portrait that makes three templates: FNIR falls from 11.6 to 2.3 % against one (gallery of 50, FPIR 1 %)."""


@dataclass(frozen=True, slots=True)
class Captured:
    """How it ended. OK with the portrait's template and at least one of the living face; else none."""

    reason: Reason
    templates: tuple[Template, ...] = ()


class Capture:
    """Times are monotonic seconds. `threshold`: within it a probe and the portrait are of one person."""

    def __init__(
        self, portrait: Template, threshold: Threshold, rules: Rules, begun_s: float, deadline_s: float
    ) -> None:
        self._portrait, self._threshold, self._frames = portrait, threshold, rules.frames
        self._sight = Sight(rules.every_s, begun_s, deadline_s)
        self._kept: list[Template] = []
        self._differ = 0

    def wants(self, captured_s: float) -> bool:
        """Is a frame of that time worth a look?"""
        return self._sight.wants(captured_s)

    def seen(
        self, found: Probe | Reason, captured_s: float, repeated: bool, camera: str = ""
    ) -> Hint | Captured | None:
        """A frame that was wanted. `repeated`: bit by bit the one before. Raises ModelError: not comparable."""
        probe = self._sight.probe(found, captured_s, repeated, camera)
        if not isinstance(probe, Probe):
            return probe
        if probe.template.distance(self._portrait) <= self._threshold.distance:
            self._kept.append(probe.template)
        else:
            self._differ += 1
        if len(self._kept) >= WANTED:
            return self._captured()
        if self._differ >= self._frames:
            return Captured(Reason.FACE_MISMATCH)
        return self._sight.hint(Reason.OK)

    def late(self, now_s: float) -> Captured | None:
        """The end once the deadline is there."""
        if now_s < self._sight.ends_s:
            return None
        if self._kept:
            return self._captured()
        return Captured(Reason.VERIFY_TIMEOUT if self._differ else self._sight.why())

    def _captured(self) -> Captured:
        return Captured(Reason.OK, (self._portrait, *self._kept))
