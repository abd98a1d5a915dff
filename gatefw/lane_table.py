"""The lane's table: what entering a phase does, and the rows of each shape of lane. `lane` says how it is read.

`ALWAYS` comes first and holds in every lane. What a lane with two doors, one door or none does in a passage are three
blocks of rows; what is around a passage (`SERVICE`) is again the same for all, since a door that is not there is
secured, and "nobody shut in" is true of every lane that does not enclose anybody.
"""

from typing import NamedTuple

from gatefw.lane_terms import (
    ADMITTED,
    ALL,
    BEHIND,
    BY_ENTRY,
    BY_EXIT,
    DOOR,
    DROPPED,
    EMPTY,
    EVACUATE,
    EXIT_OPEN,
    EXIT_PASSABLE,
    EXIT_SECURED,
    FAULTED,
    FIRE,
    FORCED,
    HEALTH,
    HEALTHY,
    HOLDS,
    IN_SERVICE,
    INPUTS_RESTORED,
    INVITED,
    LATCHED,
    LETS_OUT,
    MANY,
    OCCUPANCY,
    ON,
    ONE,
    PERHAPS_ANOTHER,
    PRESENT,
    PRESENTED,
    REFERRED,
    REFUSED,
    SECURED,
    STARTED,
    STOPPED,
    TAKEN_BACK,
    UNCONFIRMED,
    UNSURE,
    VACANT,
    Action,
    Guard,
    Shape,
    Trigger,
    admit,
    alarm,
    elapsed,
    end,
    enter,
    evacuate,
    exercise,
    latch,
    latch_fault,
    let_out_by,
    let_out_called,
    let_out_refused,
    operated,
    pressed,
    proceed,
    release_dropped,
    secure_both,
    settle,
    unlatch,
)
from gatefw.model import DoorId, Input, Phase, Reason, Timer, Verb

# ---------------------------------------------------------------- phases: what entering one does


class Entry(NamedTuple):
    timer: Timer | None = None
    do: tuple[Action, ...] = ()


P = Phase
ON_ENTRY: dict[Phase, Entry] = {
    P.RECOVERING: Entry(Timer.SCAN, (settle,)),
    P.IDLE: Entry(None, (secure_both,)),
    P.TOKEN_PRESENTED: Entry(Timer.CHECK),
    P.ENTRY_RELEASED: Entry(Timer.ENTER, (enter,)),
    P.ENTERING: Entry(Timer.SECURE, (secure_both,)),
    P.VERIFYING: Entry(Timer.VERIFY),
    P.EXIT_RELEASED: Entry(Timer.LEAVE, (admit,)),
    P.LEAVING: Entry(Timer.LEAVE),
    P.REFUSED: Entry(Timer.LET_OUT, (let_out_refused,)),
    P.REFERRED: Entry(Timer.LET_OUT, (let_out_refused,)),
    P.HOLD: Entry(Timer.HOLD, (secure_both,)),
    P.EVACUATED: Entry(None, (evacuate,)),
    P.DEGRADED: Entry(None, (settle,)),
    P.FAULT: Entry(None, (settle,)),
    P.MAINTENANCE: Entry(Timer.MAINTENANCE, (secure_both,)),
    P.EXERCISE: Entry(Timer.EXERCISE),
    P.OUT_OF_SERVICE: Entry(None, (secure_both,)),
}


class Row(NamedTuple):
    """In one of `phases`, on `on` and when `when` holds: do `do`, then go `to` (None: stay)."""

    phases: tuple[Phase, ...]
    on: Trigger
    when: Guard
    to: Phase | None
    do: tuple[Action, ...] = ()


Rows = tuple[Row, ...]


def _rest(phase: Phase, on: Trigger, when: Guard, *do: Action) -> Rows:
    """Where a lane that was seen empty and secured goes: it depends on the operator and on the devices."""
    return (
        Row((phase,), on, when & ~IN_SERVICE, P.OUT_OF_SERVICE, do),
        Row((phase,), on, when & ~HEALTHY, P.DEGRADED, do),
        Row((phase,), on, when, P.IDLE, do),
    )


def _free(phase: Phase, on: Trigger, when: Guard, *do: Action) -> Rows:
    """With nobody inside and nothing released: the lane is free again, or closes if that was asked meanwhile."""
    return (
        Row((phase,), on, when & ~IN_SERVICE, P.OUT_OF_SERVICE, do),
        Row((phase,), on, when, P.IDLE, do),
    )


EVERY = tuple(Phase)
AT_REST = VACANT & SECURED & INPUTS_RESTORED
LET_OUT_PHASES = (P.REFUSED, P.REFERRED)
TECHNICIANS = (P.MAINTENANCE, P.EXERCISE)
OUTSIDE = (P.IDLE, P.OUT_OF_SERVICE)
BEFORE_ADMISSION = (P.IDLE, P.TOKEN_PRESENTED, P.ENTRY_RELEASED, P.ENTERING, P.VERIFYING)
WAITING = (P.TOKEN_PRESENTED, P.ENTRY_RELEASED, P.VERIFYING, P.EXIT_RELEASED)
INSIDE = (P.ENTRY_RELEASED, P.ENTERING, P.VERIFYING, P.EXIT_RELEASED)


def _but(*those: Phase) -> tuple[Phase, ...]:
    return tuple(phase for phase in EVERY if phase not in those)


# ---------------------------------------------------------------- every lane, whatever it is doing

ALWAYS: Rows = (
    Row(EVERY, STARTED, FIRE, P.EVACUATED, (latch(Reason.FIRE),)),
    Row(EVERY, STARTED, EVACUATE, P.EVACUATED, (latch(Reason.EVACUATED),)),
    Row(EVERY, STARTED, LATCHED, P.FAULT),
    Row(EVERY, STARTED, STOPPED, P.HOLD, (alarm(Reason.STOPPED),)),
    Row(EVERY, STARTED, ALL, P.RECOVERING),
    Row(_but(P.EVACUATED), pressed(Input.FIRE), ON, P.EVACUATED, (latch(Reason.FIRE),)),
    Row(_but(P.EVACUATED), pressed(Input.EVACUATE), ON, P.EVACUATED, (latch(Reason.EVACUATED),)),
    Row((P.EVACUATED,), FAULTED, ALL, None, (latch_fault,)),
    Row(_but(P.EVACUATED, P.FAULT), FAULTED, ALL, P.FAULT, (latch_fault,)),
    Row(_but(P.EVACUATED, P.FAULT, *TECHNICIANS), DOOR, FORCED, P.FAULT, (latch(Reason.DOOR_FORCED),)),
    Row(_but(P.EVACUATED, P.FAULT, *TECHNICIANS), DOOR, UNCONFIRMED, P.FAULT, (latch(Reason.DOOR_UNCONFIRMED),)),
    Row(_but(P.EVACUATED, P.FAULT, *TECHNICIANS), pressed(Input.TAMPER), ON, P.FAULT, (latch(Reason.TAMPERED),)),
    Row(
        _but(P.EVACUATED, P.FAULT, *TECHNICIANS, P.HOLD),
        pressed(Input.STOP),
        ON,
        P.HOLD,
        (end(Reason.STOPPED), alarm(Reason.STOPPED)),
    ),
    # the same two, ordered from elsewhere: what is there already is not refused, and changes nothing
    Row(_but(P.EVACUATED), operated(Verb.EVACUATE), ALL, P.EVACUATED, (latch(Reason.EVACUATED),)),
    Row((P.EVACUATED,), operated(Verb.EVACUATE), ALL, None),
    Row(
        _but(P.EVACUATED, P.FAULT, *TECHNICIANS, P.HOLD),
        operated(Verb.HOLD),
        ALL,
        P.HOLD,
        (end(Reason.HELD), alarm(Reason.HELD)),
    ),
    Row((P.HOLD,), operated(Verb.HOLD), ALL, None),
    Row(BEFORE_ADMISSION, HEALTH, ~HEALTHY, P.DEGRADED, (end(Reason.DEVICE_LOST),)),
)

CALLED_INSIDE: Rows = (
    Row((P.EVACUATED,), pressed(Input.CALL), ON, None, (alarm(Reason.CALLED),)),
    Row((P.LEAVING,), pressed(Input.CALL), ON & EXIT_PASSABLE, None, (alarm(Reason.CALLED),)),
    Row(
        (*LET_OUT_PHASES, P.FAULT, *TECHNICIANS),
        pressed(Input.CALL),
        ON,
        None,
        (alarm(Reason.CALLED), let_out_called),
    ),
    Row(EVERY, pressed(Input.CALL), ON, P.REFERRED, (end(Reason.CALLED), alarm(Reason.CALLED))),
)
CALLED_OUTSIDE: Rows = (
    Row(WAITING, pressed(Input.CALL), ON, P.RECOVERING, (end(Reason.CALLED), alarm(Reason.CALLED))),
    Row(EVERY, pressed(Input.CALL), ON, None, (alarm(Reason.CALLED),)),
)

# ---------------------------------------------------------------- every lane: in front, and around a passage

FRONT: Rows = (
    Row((P.IDLE,), PRESENTED, ALL, P.TOKEN_PRESENTED),
    *_free(P.TOKEN_PRESENTED, REFUSED, ALL, end(None)),
    *_free(P.TOKEN_PRESENTED, REFERRED, ALL, end(None)),
    *_free(P.TOKEN_PRESENTED, elapsed(Timer.CHECK), ALL, end(Reason.LOOKUP_TIMEOUT)),
    Row((P.TOKEN_PRESENTED,), operated(Verb.CLOSE), ALL, P.OUT_OF_SERVICE, (end(Reason.CLOSED),)),
)

SERVICE: Rows = (
    # nobody is served until the lane was seen empty and secured for a whole scan
    *_rest(P.RECOVERING, elapsed(Timer.SCAN), AT_REST),
    Row((P.RECOVERING,), elapsed(Timer.SCAN), VACANT & ~SECURED, P.RECOVERING, (alarm(Reason.HELD_OPEN),)),
    Row((P.RECOVERING,), elapsed(Timer.SCAN), ALL, P.RECOVERING),
    Row((P.RECOVERING,), DOOR, ALL, P.RECOVERING),
    Row((P.IDLE,), operated(Verb.CLOSE), ALL, P.OUT_OF_SERVICE),
    Row((P.OUT_OF_SERVICE,), operated(Verb.OPEN), ALL, P.RECOVERING),
    # waiting for an officer
    Row((P.HOLD,), pressed(Input.STOP), ON, None, (alarm(Reason.STOPPED),)),
    Row((P.HOLD,), OCCUPANCY, EMPTY & ~STOPPED, P.RECOVERING),
    Row((P.HOLD,), operated(Verb.RESET), ~STOPPED, P.RECOVERING),
    Row((P.HOLD,), elapsed(Timer.HOLD), VACANT & STOPPED, P.HOLD, (alarm(Reason.STOPPED),)),
    Row((P.HOLD,), elapsed(Timer.HOLD), VACANT, P.RECOVERING),
    # emergency, fault, degraded, maintenance
    Row((P.EVACUATED,), BEHIND, PRESENT & ~EXIT_SECURED, None, (alarm(Reason.UNCLEARED_EXIT),)),
    Row((P.EVACUATED,), operated(Verb.RESET), INPUTS_RESTORED & VACANT, P.RECOVERING, (unlatch,)),
    Row((P.FAULT,), OCCUPANCY, ALL, None, (settle,)),
    Row((P.FAULT,), operated(Verb.RESET), AT_REST, P.RECOVERING, (unlatch,)),
    # what `call` released in an empty lane, who swept it takes back; a lock that then does not catch is a fault again
    Row((P.FAULT,), operated(Verb.RESET), VACANT & INPUTS_RESTORED & LETS_OUT & EXIT_SECURED, P.RECOVERING, (unlatch,)),
    Row((P.DEGRADED,), OCCUPANCY, ALL, None, (settle,)),
    Row((P.DEGRADED,), HEALTH, HEALTHY, P.RECOVERING),
    Row((P.DEGRADED,), operated(Verb.CLOSE), ALL, P.RECOVERING),
    # a lane with a contact the wrong way round is never seen secured: whoever mends it comes in while it recovers
    Row((*OUTSIDE, P.RECOVERING, P.DEGRADED, P.FAULT), operated(Verb.MAINTAIN), VACANT, P.MAINTENANCE),
    Row(TECHNICIANS, operated(Verb.MAINTAIN_EXTEND), ALL, None),  # the same phase, and more of it: see `maintenance`
    Row((P.MAINTENANCE,), operated(Verb.MAINTAIN_END), LATCHED, P.FAULT),
    Row((P.MAINTENANCE,), operated(Verb.MAINTAIN_END), VACANT, P.OUT_OF_SERVICE),
    Row((P.MAINTENANCE,), operated(Verb.MAINTAIN_END), ALL, P.RECOVERING),
    Row((P.MAINTENANCE,), elapsed(Timer.MAINTENANCE), LATCHED, P.FAULT),
    Row((P.MAINTENANCE,), elapsed(Timer.MAINTENANCE), VACANT, P.OUT_OF_SERVICE),
    Row((P.MAINTENANCE,), elapsed(Timer.MAINTENANCE), ALL, P.RECOVERING),
)

EXERCISES: Rows = (  # a door, where there is one
    Row((P.MAINTENANCE,), operated(Verb.EXERCISE_EXIT), AT_REST & EMPTY, P.EXERCISE, (exercise(DoorId.EXIT),)),
    Row((P.EXERCISE,), DROPPED, ALL, P.MAINTENANCE),
    Row((P.EXERCISE,), OCCUPANCY, ~EMPTY, None, (alarm(Reason.INTRUSION), let_out_called)),
    Row((P.EXERCISE,), pressed(Input.STOP), ON & VACANT, P.MAINTENANCE, (alarm(Reason.STOPPED),)),
    Row((P.EXERCISE,), elapsed(Timer.EXERCISE), VACANT, P.MAINTENANCE),
)


# ---------------------------------------------------------------- an airlock

AIRLOCK: Rows = (
    *FRONT,
    Row((P.TOKEN_PRESENTED,), INVITED, ALL, P.ENTRY_RELEASED),
    Row((P.RECOVERING,), OCCUPANCY, ALL, P.RECOVERING),
    Row(OUTSIDE, OCCUPANCY, ~EMPTY, P.RECOVERING, (alarm(Reason.INTRUSION),)),
    Row((P.TOKEN_PRESENTED,), OCCUPANCY, ~EMPTY, P.RECOVERING, (end(Reason.INTRUSION), alarm(Reason.INTRUSION))),
    # the way in
    Row((P.ENTRY_RELEASED,), OCCUPANCY, ONE, P.ENTERING),
    Row((P.ENTRY_RELEASED,), elapsed(Timer.ENTER), EMPTY, P.RECOVERING, (end(Reason.NOBODY_ENTERED),)),
    Row((P.ENTRY_RELEASED,), DROPPED, ALL, P.RECOVERING, (release_dropped,)),
    Row((P.ENTRY_RELEASED,), operated(Verb.CLOSE), EMPTY, P.RECOVERING, (end(Reason.CLOSED),)),
    Row(INSIDE, OCCUPANCY, MANY, P.REFUSED, (end(Reason.TAILGATING), alarm(Reason.TAILGATING))),
    Row(INSIDE, OCCUPANCY, UNSURE, P.REFUSED, (end(Reason.OCCUPANCY_UNKNOWN),)),
    Row((P.ENTERING,), DOOR, SECURED & ONE, P.VERIFYING, (proceed,)),
    Row((P.ENTERING,), OCCUPANCY, SECURED & ONE, P.VERIFYING, (proceed,)),
    Row((P.ENTERING,), DOOR, SECURED & EMPTY, P.RECOVERING, (end(Reason.NOBODY_ENTERED),)),
    Row((P.ENTERING,), OCCUPANCY, SECURED & EMPTY, P.RECOVERING, (end(Reason.NOBODY_ENTERED),)),
    Row((P.ENTERING,), elapsed(Timer.SECURE), SECURED, P.REFERRED, (end(Reason.INTRUSION), alarm(Reason.INTRUSION))),
    Row((P.ENTERING,), elapsed(Timer.SECURE), ALL, P.ENTERING, (alarm(Reason.OBSTRUCTED),)),
    # inside
    Row((P.VERIFYING,), ADMITTED, ONE & SECURED, P.EXIT_RELEASED),
    Row((P.VERIFYING,), REFUSED, HOLDS, P.HOLD, (end(None),)),
    Row((P.VERIFYING,), REFUSED, ALL, P.REFUSED, (end(None),)),
    Row((P.VERIFYING,), REFERRED, ALL, P.REFERRED, (end(None),)),
    Row((P.VERIFYING,), OCCUPANCY, EMPTY, P.RECOVERING, (end(Reason.OCCUPANT_VANISHED),)),
    Row((P.VERIFYING,), elapsed(Timer.VERIFY), ALL, P.REFERRED, (end(Reason.VERIFY_TIMEOUT),)),
    # the way through
    Row((P.EXIT_RELEASED,), DOOR, EXIT_OPEN, P.LEAVING),
    Row((P.EXIT_RELEASED,), DROPPED, ALL, P.REFERRED, (release_dropped,)),
    Row((P.EXIT_RELEASED,), OCCUPANCY, EMPTY, P.RECOVERING, (end(Reason.OCCUPANT_VANISHED),)),
    Row((P.EXIT_RELEASED,), elapsed(Timer.LEAVE), ALL, P.REFERRED, (end(Reason.WILL_NOT_LEAVE),)),
    Row((P.LEAVING,), OCCUPANCY, EMPTY, None, (secure_both,)),
    Row((P.LEAVING,), OCCUPANCY, MANY, None, (alarm(Reason.WRONG_WAY),)),
    *_rest(P.LEAVING, DOOR, SECURED & EMPTY, end(Reason.OK, passed=True)),
    Row((P.LEAVING,), DOOR, EXIT_SECURED & ~EMPTY, P.REFERRED, (end(Reason.WILL_NOT_LEAVE),)),
    Row((P.LEAVING,), elapsed(Timer.LEAVE), EMPTY, P.LEAVING, (alarm(Reason.OBSTRUCTED),)),
    Row((P.LEAVING,), elapsed(Timer.LEAVE), EXIT_PASSABLE, P.LEAVING, (alarm(Reason.HELD_OPEN),)),
    Row((P.LEAVING,), elapsed(Timer.LEAVE), ALL, P.REFERRED, (end(Reason.WILL_NOT_LEAVE),)),
    # the way out
    Row(LET_OUT_PHASES, OCCUPANCY, EMPTY, P.RECOVERING),
    Row(LET_OUT_PHASES, elapsed(Timer.LET_OUT), EMPTY, P.RECOVERING),
    Row((P.REFUSED,), elapsed(Timer.LET_OUT), ALL, P.REFUSED, (alarm(Reason.WILL_NOT_LEAVE),)),
    Row((P.REFERRED,), elapsed(Timer.LET_OUT), ALL, P.REFERRED, (alarm(Reason.WILL_NOT_LEAVE),)),
    Row((P.HOLD,), operated(Verb.LET_OUT), ALL, P.REFUSED),
    Row((P.HOLD,), operated(Verb.LET_OUT_ENTRY), BY_ENTRY, P.REFUSED, (let_out_by(DoorId.ENTRY),)),
    Row((P.HOLD,), operated(Verb.LET_OUT_EXIT), BY_EXIT, P.REFUSED, (let_out_by(DoorId.EXIT),)),
    Row((P.HOLD,), elapsed(Timer.HOLD), ~EMPTY, P.REFUSED),
    # exercised
    Row((P.MAINTENANCE,), operated(Verb.EXERCISE_ENTRY), AT_REST & EMPTY, P.EXERCISE, (exercise(DoorId.ENTRY),)),
    Row((P.EXERCISE,), elapsed(Timer.EXERCISE), ~EMPTY, P.EXERCISE, (alarm(Reason.WILL_NOT_LEAVE),)),
)

# ---------------------------------------------------------------- one door: the exit, and a marked spot before it

ON_THE_SPOT: Rows = (  # whoever is turned away, or waits too long, is free to go
    *_free(P.VERIFYING, REFUSED, ALL, end(None)),
    *_free(P.VERIFYING, REFERRED, ALL, end(None)),
    *_free(P.VERIFYING, elapsed(Timer.VERIFY), ALL, end(Reason.VERIFY_TIMEOUT)),
)

ONE_DOOR: Rows = (
    *FRONT,
    Row((P.TOKEN_PRESENTED,), INVITED, ONE, P.VERIFYING, (proceed,)),
    Row((P.TOKEN_PRESENTED,), INVITED, ALL, P.ENTRY_RELEASED),
    Row((P.TOKEN_PRESENTED,), ADMITTED, ONE & SECURED, P.EXIT_RELEASED),
    *_free(P.TOKEN_PRESENTED, ADMITTED, ALL, end(Reason.NOT_EXACTLY_ONE)),
    *_free(P.TOKEN_PRESENTED, OCCUPANCY, PERHAPS_ANOTHER & EMPTY, end(Reason.WALKED_AWAY)),
    *_free(P.TOKEN_PRESENTED, OCCUPANCY, PERHAPS_ANOTHER, end(Reason.NOT_EXACTLY_ONE)),
    # up to the spot, which nothing bars
    Row((P.ENTRY_RELEASED,), OCCUPANCY, ONE, P.VERIFYING, (proceed,)),
    *_free(P.ENTRY_RELEASED, elapsed(Timer.ENTER), EMPTY, end(Reason.NOBODY_ENTERED)),
    *_free(P.ENTRY_RELEASED, elapsed(Timer.ENTER), ALL, end(Reason.NOT_EXACTLY_ONE)),
    Row((P.ENTRY_RELEASED,), operated(Verb.CLOSE), ALL, P.OUT_OF_SERVICE, (end(Reason.CLOSED),)),
    # on the spot
    Row((P.VERIFYING,), ADMITTED, ONE & SECURED, P.EXIT_RELEASED),
    *ON_THE_SPOT,
    Row((P.VERIFYING, P.EXIT_RELEASED), OCCUPANCY, EMPTY, P.RECOVERING, (end(Reason.OCCUPANT_VANISHED),)),
    Row(
        (P.VERIFYING, P.EXIT_RELEASED),
        OCCUPANCY,
        MANY,
        P.RECOVERING,
        (end(Reason.TAILGATING), alarm(Reason.TAILGATING)),
    ),
    Row((P.VERIFYING, P.EXIT_RELEASED), OCCUPANCY, UNSURE, P.RECOVERING, (end(Reason.OCCUPANCY_UNKNOWN),)),
    # the way through: for the one on the spot, until they leave it
    Row((P.EXIT_RELEASED,), DOOR, EXIT_OPEN, P.LEAVING),
    Row((P.EXIT_RELEASED,), DROPPED, ALL, P.RECOVERING, (release_dropped,)),
    Row((P.EXIT_RELEASED,), elapsed(Timer.LEAVE), ALL, P.RECOVERING, (end(Reason.WILL_NOT_LEAVE),)),
    Row((P.LEAVING,), BEHIND, PRESENT, None, (secure_both, end(Reason.OK, passed=True))),
    Row((P.LEAVING,), OCCUPANCY, EMPTY, None, (secure_both,)),
    Row((P.LEAVING,), OCCUPANCY, MANY, None, (secure_both, alarm(Reason.TAILGATING))),
    Row((P.LEAVING,), OCCUPANCY, UNSURE, None, (secure_both,)),
    *_rest(P.LEAVING, DOOR, EXIT_SECURED & TAKEN_BACK, end(Reason.WILL_NOT_LEAVE)),  # who passed has ended already
    Row((P.LEAVING,), DOOR, EXIT_SECURED, P.RECOVERING, (end(Reason.WILL_NOT_LEAVE),)),
    Row((P.LEAVING,), elapsed(Timer.LEAVE), EXIT_PASSABLE, P.LEAVING, (secure_both, alarm(Reason.HELD_OPEN))),
    Row((P.LEAVING,), elapsed(Timer.LEAVE), ALL, P.RECOVERING, (end(Reason.WILL_NOT_LEAVE),)),
)

# ---------------------------------------------------------------- no door: the decision is all there is

NO_DOOR: Rows = (
    *FRONT,
    Row((P.TOKEN_PRESENTED,), INVITED, ALL, P.VERIFYING, (proceed,)),
    *_free(P.TOKEN_PRESENTED, ADMITTED, ALL, end(Reason.OK, passed=True)),
    *_free(P.VERIFYING, ADMITTED, ALL, end(Reason.OK, passed=True)),
    *ON_THE_SPOT,
)

TRANSITIONS: dict[Shape, Rows] = {
    Shape.AIRLOCK: (*AIRLOCK, *SERVICE, *EXERCISES),
    Shape.ONE_DOOR: (*ONE_DOOR, *SERVICE, *EXERCISES),
    Shape.NO_DOOR: (*NO_DOOR, *SERVICE),
}
ANYWHERE: dict[Shape, Rows] = {
    Shape.AIRLOCK: (*ALWAYS, *CALLED_INSIDE),
    Shape.ONE_DOOR: (*ALWAYS, *CALLED_OUTSIDE),
    Shape.NO_DOOR: (*ALWAYS, *CALLED_OUTSIDE),
}
