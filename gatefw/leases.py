"""Which doors are released, for what, and until when. The only place that decides to drive a door.

The lane's wants are levels, not pulses: `reconcile` compares them with what is held, asks the interlock on what is
sensed now, and says what to do. Called after every input and every tick, it makes a release begin late rather than
never (a way out that waits for the other door), end late rather than on a body (a broken beam), and end by itself
when nobody reconciles any more: every `Drive` is a lease.

Contacts are late: a lock takes its time to give way, and says "secured" until then. So the other door is not released
while this one is held, nor for `SETTLE_S` after its release ended; only an emergency does not wait for that.
"""

import math
from dataclasses import dataclass, field

from gatefw.gate_terms import Drive, Drop
from gatefw.interlock import Keep, Permit, permits
from gatefw.lane_terms import State
from gatefw.model import DoorId, Phase, Position, Purpose, Reason, Release, Secure, Sensed

NEEDS_COMMIT = (Purpose.ENTER, Purpose.ADMIT, Purpose.EXERCISE)
SETTLE_S = 0.5  # a lock may take so long to give way: until then its contacts tell of before the release
HANDS_OFF = (Phase.EVACUATED, Phase.FAULT, Phase.MAINTENANCE, Phase.EXERCISE, Phase.HOLD)


@dataclass(frozen=True, slots=True)
class Began:
    """A release began; `alarm` says why that alone deserves one, else None."""

    door: DoorId
    purpose: Purpose
    alarm: Reason | None


@dataclass(frozen=True, slots=True)
class Ended:
    door: DoorId


@dataclass(frozen=True, slots=True)
class Denied:
    """A release was wanted and the interlock did not permit it. Said once per reason."""

    door: DoorId
    purpose: Purpose
    reason: Reason


Outcome = Drive | Drop | Began | Ended | Denied


@dataclass(slots=True)
class _Held:
    purpose: Purpose
    renew_at_s: float


@dataclass(slots=True)
class Leases:
    """`lease_s` is how long a door stays released when this process dies; `renew_s` how often it is extended."""

    lease_s: float
    renew_s: float
    confirm_s: float
    approved: dict[DoorId, Purpose] = field(default_factory=dict)
    _held: dict[DoorId, _Held] = field(default_factory=dict)
    _ended_s: dict[DoorId, float] = field(default_factory=dict)
    _denied: dict[DoorId, Reason] = field(default_factory=dict)
    _unsecured_since_s: dict[DoorId, float] = field(default_factory=dict)

    def held(self, door: DoorId) -> Purpose | None:
        held = self._held.get(door)
        return held.purpose if held else None

    def left_s(self, door: DoorId, now_s: float) -> float | None:
        """How long the door stays released when nobody extends it; None where nobody releases it."""
        held = self._held.get(door)
        return held.renew_at_s - self.renew_s + self.lease_s - now_s if held else None

    def lost(self, door: DoorId, want: Purpose | None, now_s: float) -> bool:
        """The device went and has let go of the line: whether that ended a release. A way out is driven again later."""
        ended = want in (None, *NEEDS_COMMIT) and door in self._held
        if ended:
            del self._held[door]
            self._ended_s[door] = now_s
        return ended

    def reconcile(self, state: State, sensed: Sensed, now_s: float) -> list[Outcome]:
        """Bring what is driven to what is wanted and permitted now."""
        done: list[Outcome] = []
        for door in DoorId:
            want = state.wants(door)
            if self.approved.get(door) is not want:
                self.approved.pop(door, None)
            if want is None:
                self._denied.pop(door, None)
            if door in self._held:
                done += self._go_on(door, want, sensed, now_s)
            elif want is not None and (want not in NEEDS_COMMIT or door in self.approved):
                done += self._begin(door, want, sensed, now_s)
        return done

    def _begin(self, door: DoorId, purpose: Purpose, sensed: Sensed, now_s: float) -> list[Outcome]:
        permit = permits(Release(door, purpose), sensed)
        if purpose is not Purpose.EMERGENCY:
            if now_s - self._ended_s.get(door.other, -math.inf) < SETTLE_S:
                return []  # looked at again by the next tick
            if door.other in self._held:
                permit = Permit(False, Reason.OTHER_DOOR_NOT_SECURED)
        if not permit.permitted:
            said = self._denied.get(door) is permit.reason
            self._denied[door] = permit.reason
            self.approved.pop(door, None)
            return [] if said else [Denied(door, purpose, permit.reason)]
        self._held[door] = _Held(purpose, now_s + self.renew_s)
        return [Drive(door, self.lease_s, purpose), Began(door, purpose, permit.reason if permit.alarm else None)]

    def _go_on(self, door: DoorId, want: Purpose | None, sensed: Sensed, now_s: float) -> list[Outcome]:
        held = self._held[door]
        recorded = want not in NEEDS_COMMIT or door in self.approved
        turned = want in NEEDS_COMMIT and want is not held.purpose  # ended first, then asked for like any other
        goes_on = want is not None and recorded and not turned and permits(Keep(door, want), sensed).permitted
        kept = want if goes_on else None
        if kept is None and permits(Secure(door), sensed).permitted:
            del self._held[door]
            self._ended_s[door] = now_s
            return [Drop(door), Ended(door)]
        begun: list[Outcome] = []
        if kept is not None and kept is not held.purpose:
            held.purpose = kept
            begun = [Began(door, kept, None)]
        if now_s >= held.renew_at_s:
            held.renew_at_s = now_s + self.renew_s
            begun.append(Drive(door, self.lease_s, held.purpose))
        return begun

    def unconfirmed(self, state: State, sensed: Sensed, now_s: float) -> DoorId | None:
        """A door that nobody releases, with nothing in its way, and that is still not secured after `confirm_s`.

        A welded relay, a lock that does not catch, a leaf that jams: the lane cannot be trusted with it.
        """
        for door in DoorId:
            waits = state.phase in HANDS_OFF or not (state.started and state.healthy) or state.stop
            free = permits(Secure(door), sensed).permitted
            if waits or door in self._held or not free or sensed.position(door) is Position.SECURED:
                self._unsecured_since_s.pop(door, None)
            elif now_s - self._unsecured_since_s.setdefault(door, now_s) > self.confirm_s:
                return door
        return None
