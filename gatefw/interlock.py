"""What the doors permit. One truth table over what is sensed now; it knows no traveller and no lane state.

The order of precedence is fixed: nobody trapped, nobody crushed, nobody across who was not admitted, nobody delayed.

    command              permitted when
    -------------------  -------------------------------------------------------------------------------------------
    release to enter     it is the entry door, known; other door secured, nobody inside, no emergency input
    release to admit     it is the exit door, known; other door secured, exactly one inside, no emergency input
    release to exercise  door known; other door secured, nobody inside, no emergency input
    release as way out   other door secured; or other door *unknown*: then with an alarm, since an occupant is never
                         held by a contact that nobody can read
    release, emergency   fire or officer_evacuate is sensed, or cannot be read
    keep released        emergency or way out: always; else other door secured and no emergency input; to exercise a
                         door also nobody inside
    secure               own beam clear, no stop, no fire, no officer_evacuate: nothing closes on a body, and nothing
                         re-locks by itself in an emergency

"No emergency input" means fire, officer_evacuate and stop all sensed OFF: a broken wire is not OFF. `stop` releases
nothing, but it never withholds a way out.
"""

from dataclasses import dataclass

from gatefw.model import Beam, DoorId, Occupancy, Position, Purpose, Reason, Release, Secure, Sensed, Signal


@dataclass(frozen=True, slots=True)
class Keep:
    """Extend a release that is under way."""

    door: DoorId
    purpose: Purpose


@dataclass(frozen=True, slots=True)
class Permit:
    """The answer. `reason` is why not, or, with a permit, what the alarm is about."""

    permitted: bool
    reason: Reason = Reason.OK

    @property
    def alarm(self) -> bool:
        return self.permitted and self.reason is not Reason.OK


YES = Permit(True)
OWN_DOOR = {Purpose.ENTER: DoorId.ENTRY, Purpose.ADMIT: DoorId.EXIT}


def _no(reason: Reason) -> Permit:
    return Permit(False, reason)


def permits(command: Release | Keep | Secure, sensed: Sensed) -> Permit:
    """May this be done to this door now?"""
    match command:
        case Secure(door):
            return _secure(door, sensed)
        case Keep(_, Purpose.EMERGENCY | Purpose.WAY_OUT):
            return YES
        case Keep(door, purpose):
            intruded = purpose is Purpose.EXERCISE and sensed.occupancy is not Occupancy.EMPTY
            return _no(Reason.NOT_EMPTY) if intruded else _passage(door, sensed)
        case Release(_, Purpose.EMERGENCY):
            calm = sensed.fire is sensed.evacuate is Signal.OFF
            return _no(Reason.NO_EMERGENCY) if calm else YES
        case Release(door, Purpose.WAY_OUT):
            return _way_out(door, sensed)
        case Release(door, purpose):
            return _begin_passage(door, purpose, sensed)


def _secure(door: DoorId, sensed: Sensed) -> Permit:
    if sensed.beam(door) is not Beam.CLEAR:
        return _no(Reason.OBSTRUCTED)
    if sensed.stop is Signal.ON:  # one that nobody reads, and that was not pressed, holds no exit open
        return _no(Reason.STOPPED)
    if Signal.ON in (sensed.fire, sensed.evacuate):
        return _no(Reason.EMERGENCY_INPUT)
    return YES


def _way_out(door: DoorId, sensed: Sensed) -> Permit:
    other = sensed.position(door.other)
    if other is Position.SECURED:
        return YES
    return Permit(True, Reason.OTHER_DOOR_UNKNOWN) if other is Position.UNKNOWN else _no(Reason.OTHER_DOOR_NOT_SECURED)


def _passage(door: DoorId, sensed: Sensed) -> Permit:
    if not (sensed.fire is sensed.evacuate is sensed.stop is Signal.OFF):
        return _no(Reason.EMERGENCY_INPUT)
    if sensed.position(door.other) is not Position.SECURED:
        return _no(Reason.OTHER_DOOR_NOT_SECURED)
    return YES


def _begin_passage(door: DoorId, purpose: Purpose, sensed: Sensed) -> Permit:
    if door is not OWN_DOOR.get(purpose, door):
        return _no(Reason.NOT_THIS_DOOR)
    if sensed.position(door) is Position.UNKNOWN:
        return _no(Reason.OWN_DOOR_UNKNOWN)
    if purpose in (Purpose.ENTER, Purpose.EXERCISE) and sensed.occupancy is not Occupancy.EMPTY:
        return _no(Reason.NOT_EMPTY)
    if purpose is Purpose.ADMIT and sensed.occupancy is not Occupancy.ONE:
        return _no(Reason.NOT_EXACTLY_ONE)
    return _passage(door, sensed)
