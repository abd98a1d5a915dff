"""What the cameras see of one traveller while a question about their face is open.

Which probes are to be compared, what the traveller is told, and why in the end nothing was decided. No camera and no
clock: what was seen goes in.

A frame from before the question is not looked at: it shows who stood there then. A picture that is bit by bit the one
before shows no living camera; it is never compared.

Several cameras at different heights look at one traveller. The best of what they see now counts, for the hint and for
why nothing was decided: that a short traveller is below one camera is no fault of theirs. Only a second face, whichever
camera sees it, keeps every other from being compared.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Protocol, TypeVar

from gatefw.biometrics.chain import Probe
from gatefw.model import Reason

NOW_S = 1.0
"""What a camera saw so long ago is not what it sees."""
Says = TypeVar("Says", covariant=True)
_BEST_FIRST = (Reason.TWO_FACES, Reason.OK)
_LAST = (Reason.NO_FACE, Reason.NO_FRAME)


@dataclass(frozen=True, slots=True)
class Rules:
    """`frames` good ones decide that nothing fits (a mismatch, nobody found), compared at least `every_s` apart."""

    frames: int
    every_s: float


@dataclass(frozen=True, slots=True)
class Hint:
    """What the traveller should change now."""

    reason: Reason


class Look(Protocol[Says]):
    """A question while it is open: a `Verification`, an `Identification`, a `Capture`."""

    def wants(self, captured_s: float) -> bool: ...

    def seen(
        self, found: Probe | Reason, captured_s: float, repeated: bool, camera: str = ""
    ) -> Hint | Says | None: ...

    def late(self, now_s: float) -> Says | None: ...


class Sight:
    """Times are monotonic seconds; probes are at least `every_s` apart."""

    def __init__(self, every_s: float, begun_s: float, deadline_s: float) -> None:
        self._every_s, self._begun_s, self.ends_s = every_s, begun_s, begun_s + deadline_s
        self._compared_s = float("-inf")
        self._no_good: Counter[Reason] = Counter()
        self._sees: dict[str, tuple[Reason, float]] = {}
        self._hinted = Reason.OK

    def wants(self, captured_s: float) -> bool:
        """Is a frame of that time worth a look? Not one from before the start, nor one too soon after a comparison."""
        return captured_s >= self._begun_s and captured_s - self._compared_s >= self._every_s

    def probe(self, found: Probe | Reason, captured_s: float, repeated: bool, camera: str) -> Probe | Hint | None:
        """The probe of a frame that was wanted, to be compared now; or the hint it is worth, None for no new one."""
        if repeated and not isinstance(found, Reason):
            found = Reason.NO_FRAME
        self._sees[camera] = (found if isinstance(found, Reason) else Reason.OK, captured_s)
        best = self._best(captured_s)
        if isinstance(found, Reason) or best is Reason.TWO_FACES:
            if best is not Reason.OK:
                self._no_good[best] += 1
            return self.hint(best)
        self._compared_s = captured_s
        return found

    def hint(self, reason: Reason) -> Hint | None:
        """What to tell the traveller of it: nothing when that is not new."""
        changed, self._hinted = reason is not self._hinted, reason
        return Hint(reason) if changed else None

    def why(self) -> Reason:
        """Why most frames were no good; NO_FRAME when none came."""
        return max(self._no_good, key=self._no_good.__getitem__, default=Reason.NO_FRAME)

    def _best(self, now_s: float) -> Reason:
        """What the camera that sees most sees now: TWO_FACES before OK, a face that is no good before no face."""
        now = [reason for reason, seen_s in self._sees.values() if now_s - seen_s <= NOW_S]
        order = (*_BEST_FIRST, *(reason for reason in now if reason not in _LAST), *_LAST)
        return min(now, key=order.index)
