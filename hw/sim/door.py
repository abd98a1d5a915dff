"""One door: an electric lock, a leaf with a drive, a relay that releases both, and the timer in front of the relay.

Or a leaf with a bare motor: two lines drive it, the relay frees the lock alone, and nothing in it looks at the beam.
"""

import math
from dataclasses import dataclass, field

from gatefw.model import DoorId, Position

TICK_S = 0.01
BODY = 0.5
"""The part of the opening that a body keeps free: the leaf stops there on somebody whom no beam has seen."""


EDGES = (0.0, BODY, 1.0)
"""Openings at which a leaf stops, or lets through."""


@dataclass(slots=True)
class Door:
    """The relay releases the lock, then the leaf opens; without it the leaf closes, and locks when closed.

    `opening` runs from 0 (closed) to 1 (fully open) in `travel_s`. A timer in hardware ends a release after `limit_s`
    though the relay stays on; only switching the relay off makes it ready again. Faults: `jammed` (the leaf does not
    move), `welded` (the relay stays on), `forced` (somebody holds the door open with a crowbar).
    """

    name: DoorId
    travel_s: float
    lock_s: float
    limit_s: float
    bare_motor: bool = False
    motor_open: bool = False
    motor_close: bool = False
    relay: bool = False
    jammed: bool = False
    welded: bool = False
    forced: bool = False
    opening: float = 0.0
    locked: bool = True
    timed_out: bool = False
    was_open: float = 0.0
    pace: float = 0.0
    """How far it was open when the world last looked, and what a tick adds until then; below zero: it closes."""
    _relay_since_s: float = field(default=math.inf, repr=False)
    _locks_at_s: float = field(default=math.inf, repr=False)

    @property
    def closed(self) -> bool:
        return self.opening <= 0.0

    @property
    def passable(self) -> bool:
        """Fully open. Nobody squeezes through a leaf that is moving."""
        return self.opening >= 1.0

    @property
    def position(self) -> Position:
        """Where the door really is, whatever its contacts say."""
        if not self.closed:
            return Position.OPEN
        return Position.SECURED if self.locked else Position.CLOSED

    @property
    def stand(self) -> tuple[object, ...]:
        """All of it that changes at once, not bit by bit."""
        return (*(self.opening > edge for edge in EDGES), self.opening < 1.0, self.locked, self.timed_out, self.pace)

    def step(self, now_s: float, *, fire: bool, stop: bool, beam_clear: bool, somebody: bool) -> None:
        """Let one tick pass. `fire` cuts the lock's supply, `stop` the drive's.

        Fire and crowbar win over stop: stop ends powered motion and releases nothing, but never locks anybody in.
        """
        before = self.opening
        freed = fire or self.forced
        released = freed or (self._powered(now_s) and not stop)
        if released:
            self.locked = False
        if not self.jammed and (freed or not stop):
            if not self.bare_motor or freed:
                self._move(opens=released or (not beam_clear and not self.closed), somebody=somebody)
            elif self.motor_open is not self.motor_close:
                self._move(opens=self.motor_open, somebody=somebody)
        self._lock(now_s, released)
        self.was_open = self.opening
        self.pace = 0.0 if self.opening == before else math.copysign(TICK_S / self.travel_s, self.opening - before)

    def wake_s(self) -> float:
        """When something will change by itself though nothing moves."""
        limit_s = math.inf if self.timed_out else self._relay_since_s + self.limit_s
        return min(limit_s, self._locks_at_s)

    def _powered(self, now_s: float) -> bool:
        if not (self.relay or self.welded):
            self._relay_since_s, self.timed_out = math.inf, False
            return False
        self._relay_since_s = min(self._relay_since_s, now_s)
        self.timed_out = now_s >= self._relay_since_s + self.limit_s
        return not self.timed_out

    def _move(self, *, opens: bool, somebody: bool) -> None:
        if self.locked:
            return
        step = TICK_S / self.travel_s
        if opens:
            self.opening = min(1.0, self.opening + step)
        else:
            self.opening = min(self.opening, max(BODY if somebody else 0.0, self.opening - step))

    def _lock(self, now_s: float, released: bool) -> None:
        if released or self.locked or not self.closed:
            self._locks_at_s = math.inf
            return
        self._locks_at_s = min(self._locks_at_s, now_s + self.lock_s)
        if now_s >= self._locks_at_s:
            self.locked, self._locks_at_s = True, math.inf
