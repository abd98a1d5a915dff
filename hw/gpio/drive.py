"""A leaf with a motor and no controller: which way it may run now. Pure: contacts and time are handed in.

    rest ----- wanted open, not opened, time left ------------------------------> opening
    rest ----- wanted closed, not closed, way clear for clear_s, time left -----> closing
    opening -- opened, or its time is over -------------------------------------> rest
    closing -- closed, or its time is over -------------------------------------> rest
    closing -- beam or edge: at once -------------------------------------------> rest, then opening until opened

Between two motions lies a pause at rest, so that a leaf is not thrown against its own momentum. A leaf that met
somebody `reversals` times stays open, and one that did not arrive in its time stays where it is, until it is wanted
elsewhere.
Source of the demands: EN 16005, power operated pedestrian doorsets (reversal on contact, limited closing).
"""

import math
from dataclasses import dataclass
from enum import StrEnum


class Motion(StrEnum):
    REST = "rest"
    OPENING = "opening"
    CLOSING = "closing"


@dataclass(frozen=True, slots=True)
class Felt:
    """The contacts of a leaf, read together. `obstructed`: its beam is broken or its edge is pressed."""

    closed: bool
    opened: bool
    obstructed: bool


@dataclass(frozen=True, slots=True)
class DriveLimits:
    """Seconds. `travel_s`: how long one motion may last; `pause_s`: rest between two; `clear_s`: before it closes."""

    travel_s: float
    pause_s: float
    clear_s: float
    reversals: int


class Drive:
    """The motion of one leaf. It rests, wanting nothing, until it is first wanted somewhere."""

    def __init__(self, limits: DriveLimits) -> None:
        self._limits = limits
        self.motion = Motion.REST
        self.waits = False  # it would move, and lets the pause pass first
        self._wanted: Motion | None = None
        self._since_s = -math.inf  # of the motion, or of the rest
        self._blocked_s = -math.inf  # when something was last in the way
        self._reversing = False
        self._reversals = 0
        self._exhausted: set[Motion] = set()

    @property
    def moving(self) -> bool:
        return self.motion is not Motion.REST

    def want(self, opened: bool) -> None:
        """Where the leaf shall be. Wanting the same again changes nothing: a time that is over stays over."""
        wanted = Motion.OPENING if opened else Motion.CLOSING
        if wanted is not self._wanted:
            self._wanted, self._reversing, self._reversals = wanted, False, 0
            self._exhausted.clear()

    def stop(self, now_s: float) -> None:
        """Rest at once, whatever is wanted: the contacts cannot be trusted."""
        self._go(Motion.REST, now_s)

    def step(self, felt: Felt, now_s: float) -> Motion:
        """Look at the contacts; what to drive from now on, at most until the next step."""
        if felt.obstructed:
            self._blocked_s = now_s
            if self.motion is Motion.CLOSING:
                self._reversing, self._reversals = True, self._reversals + 1
        if self.moving and now_s - self._since_s >= self._limits.travel_s:
            self._exhausted.add(self.motion)
        goal = self._goal(felt, now_s)
        if goal is not self.motion:
            if self.moving:
                self._go(Motion.REST, now_s)
            elif now_s - self._since_s >= self._limits.pause_s:
                self._go(goal, now_s)
        self.waits = goal is not self.motion
        return self.motion

    def _go(self, motion: Motion, now_s: float) -> None:
        if motion is not self.motion:
            self.motion, self._since_s = motion, now_s

    def _goal(self, felt: Felt, now_s: float) -> Motion:
        if self._reversing and (felt.opened or Motion.OPENING in self._exhausted):
            self._reversing = False
            self._exhausted.discard(Motion.OPENING)
        if self._wanted is Motion.OPENING or self._reversing:
            free = not felt.opened and Motion.OPENING not in self._exhausted
            return Motion.OPENING if free else Motion.REST
        if self._wanted is None or felt.closed or felt.obstructed or Motion.CLOSING in self._exhausted:
            return Motion.REST
        waits = not math.isinf(self._blocked_s) and now_s - self._blocked_s < self._limits.clear_s
        return Motion.REST if waits or self._reversals >= self._limits.reversals else Motion.CLOSING
