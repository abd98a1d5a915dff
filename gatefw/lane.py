"""What the lane wants. One table; no clock, no hardware, no identity.

Theory of operation
-------------------
A lane is an airlock: an entry door, room for one traveller, an exit door. At rest both doors are secured and nobody is
inside. A token makes a run. The clearance procedure looks at the token and *invites*; the entry door is released,
exactly one traveller steps in, the door is secured behind them, and the procedure verifies who it is. An ADMIT, once
committed to the journal, releases the exit door; everything else lets the traveller out by `way_out`, where they came
from.

`step(state, event)` returns the next state and commands. It first *absorbs* what the event says about the world, then
takes the first row that matches: rows of `ALWAYS` before rows of `TRANSITIONS`. A row may name a next phase, whose
entry actions then run and whose timer is armed, and may do more. No row: nothing happens. The words of the table (its
state, guards, triggers and actions) are in `lane_terms`.

 * The state is finite and hashable: phase, two positions, occupancy, what is wanted of each door, and a few flags.
 * Time enters as `Elapsed(timer, generation)`. A phase has one timer, armed when it is entered; an `Elapsed` of an
   earlier generation is stale and does nothing.
 * `Release` and `Secure` are wants. `interlock` permits them on what is sensed when they are carried out, again and
   again; this table never reasons about what the other door does.
 * What is not known to be empty and secured is RECOVERING: nobody is served until the lane was seen empty and secured
   for a whole scan. Unknown occupancy counts as occupied, and an occupant has a way out.
 * FAULT is left only by a RESET after a sweep, and its first cause is latched on disk. DEGRADED (a device or a
   process is missing) ends by itself.
 * Four inputs are never merged. `fire` and `officer_evacuate` free the doors of the escape plan, latch, and void an
   admission. `call`, the button inside, frees the entry side and raises an alarm: a refused impostor who presses it
   gets back to where he came from and nowhere else. `stop` wants nothing of any door: nothing new moves. A site whose
   escape plan lets `call` free both sides wires the button to `officer_evacuate` as well.
 * EXERCISE moves one door for a technician, out of MAINTENANCE and back to it, in a lane that is empty and secured;
   somebody who steps in is let out by the entry.
 * No door is closed because a timer ran out while somebody is inside; an alarm is raised instead.
"""

from typing import NamedTuple

from gatefw.lane_terms import (
    ADMITTED,
    ALL,
    BEHIND,
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
    GENERATIONS,
    HEALTH,
    HEALTHY,
    HOLDS,
    IN_SERVICE,
    INPUTS_RESTORED,
    INVITED,
    LATCHED,
    MANY,
    OCCUPANCY,
    ON,
    ONE,
    PRESENT,
    PRESENTED,
    REFERRED,
    REFUSED,
    SECURED,
    STARTED,
    STOPPED,
    UNCONFIRMED,
    UNSURE,
    Action,
    Guard,
    State,
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
from gatefw.model import (
    Arm,
    DoorId,
    DoorIs,
    Elapsed,
    HealthIs,
    Input,
    InputIs,
    LaneCommand,
    LaneEvent,
    Latch,
    OccupancyIs,
    Operated,
    Phase,
    Position,
    Reason,
    Release,
    Secure,
    Signal,
    Started,
    Timer,
    Unlatch,
    Verb,
)

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


def _rest(phase: Phase, on: Trigger, when: Guard, *do: Action) -> tuple[Row, ...]:
    """Where a lane that was seen empty and secured goes: it depends on the operator and on the devices."""
    return (
        Row((phase,), on, when & ~IN_SERVICE, P.OUT_OF_SERVICE, do),
        Row((phase,), on, when & ~HEALTHY, P.DEGRADED, do),
        Row((phase,), on, when, P.IDLE, do),
    )


def _turned_away(on: Trigger, reason: Reason | None) -> tuple[Row, ...]:
    """In front, with nobody inside: the run ends and the lane is free again, or closes if that was asked meanwhile."""
    return (
        Row((P.TOKEN_PRESENTED,), on, ~IN_SERVICE, P.OUT_OF_SERVICE, (end(reason),)),
        Row((P.TOKEN_PRESENTED,), on, ALL, P.IDLE, (end(reason),)),
    )


# ---------------------------------------------------------------- the table

EVERY = tuple(Phase)
AT_REST = EMPTY & SECURED & INPUTS_RESTORED
LET_OUT_PHASES = (P.REFUSED, P.REFERRED)
TECHNICIANS = (P.MAINTENANCE, P.EXERCISE)
OUTSIDE = (P.IDLE, P.OUT_OF_SERVICE)
BEFORE_ADMISSION = (P.IDLE, P.TOKEN_PRESENTED, P.ENTRY_RELEASED, P.ENTERING, P.VERIFYING)


def _but(*those: Phase) -> tuple[Phase, ...]:
    return tuple(phase for phase in EVERY if phase not in those)


ALWAYS: tuple[Row, ...] = (
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
    Row(BEFORE_ADMISSION, HEALTH, ~HEALTHY, P.DEGRADED, (end(Reason.DEVICE_LOST),)),
)

TRANSITIONS: tuple[Row, ...] = (
    # nobody is served until the lane was seen empty and secured for a whole scan
    *_rest(P.RECOVERING, elapsed(Timer.SCAN), AT_REST),
    Row((P.RECOVERING,), elapsed(Timer.SCAN), EMPTY & ~SECURED, P.RECOVERING, (alarm(Reason.HELD_OPEN),)),
    Row((P.RECOVERING,), elapsed(Timer.SCAN), ALL, P.RECOVERING),
    Row((P.RECOVERING,), OCCUPANCY, ALL, P.RECOVERING),
    Row((P.RECOVERING,), DOOR, ALL, P.RECOVERING),
    # in front
    Row((P.IDLE,), PRESENTED, ALL, P.TOKEN_PRESENTED),
    Row((P.IDLE,), operated(Verb.CLOSE), ALL, P.OUT_OF_SERVICE),
    Row(OUTSIDE, OCCUPANCY, ~EMPTY, P.RECOVERING, (alarm(Reason.INTRUSION),)),
    Row((P.OUT_OF_SERVICE,), operated(Verb.OPEN), ALL, P.RECOVERING),
    Row((P.TOKEN_PRESENTED,), INVITED, ALL, P.ENTRY_RELEASED),
    *_turned_away(REFUSED, None),
    *_turned_away(REFERRED, None),
    *_turned_away(elapsed(Timer.CHECK), Reason.LOOKUP_TIMEOUT),
    Row((P.TOKEN_PRESENTED,), operated(Verb.CLOSE), ALL, P.OUT_OF_SERVICE, (end(Reason.CLOSED),)),
    Row((P.TOKEN_PRESENTED,), OCCUPANCY, ~EMPTY, P.RECOVERING, (end(Reason.INTRUSION), alarm(Reason.INTRUSION))),
    # the way in
    Row((P.ENTRY_RELEASED,), OCCUPANCY, ONE, P.ENTERING),
    Row((P.ENTRY_RELEASED,), elapsed(Timer.ENTER), EMPTY, P.RECOVERING, (end(Reason.NOBODY_ENTERED),)),
    Row((P.ENTRY_RELEASED,), DROPPED, ALL, P.RECOVERING, (release_dropped,)),
    Row((P.ENTRY_RELEASED,), operated(Verb.CLOSE), EMPTY, P.RECOVERING, (end(Reason.CLOSED),)),
    Row(
        (P.ENTRY_RELEASED, P.ENTERING, P.VERIFYING, P.EXIT_RELEASED),
        OCCUPANCY,
        MANY,
        P.REFUSED,
        (end(Reason.TAILGATING), alarm(Reason.TAILGATING)),
    ),
    Row(
        (P.ENTRY_RELEASED, P.ENTERING, P.VERIFYING, P.EXIT_RELEASED),
        OCCUPANCY,
        UNSURE,
        P.REFUSED,
        (end(Reason.OCCUPANCY_UNKNOWN),),
    ),
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
    # waiting for an officer
    Row((P.HOLD,), pressed(Input.STOP), ON, None, (alarm(Reason.STOPPED),)),
    Row((P.HOLD,), OCCUPANCY, EMPTY & ~STOPPED, P.RECOVERING),
    Row((P.HOLD,), operated(Verb.LET_OUT), ALL, P.REFUSED),
    Row((P.HOLD,), operated(Verb.RESET), ~STOPPED, P.RECOVERING),
    Row((P.HOLD,), elapsed(Timer.HOLD), EMPTY & STOPPED, P.HOLD, (alarm(Reason.STOPPED),)),
    Row((P.HOLD,), elapsed(Timer.HOLD), EMPTY, P.RECOVERING),
    Row((P.HOLD,), elapsed(Timer.HOLD), ALL, P.REFUSED),
    # emergency, fault, degraded, maintenance
    Row((P.EVACUATED,), BEHIND, PRESENT & ~EXIT_SECURED, None, (alarm(Reason.UNCLEARED_EXIT),)),
    Row((P.EVACUATED,), operated(Verb.RESET), INPUTS_RESTORED & EMPTY, P.RECOVERING, (unlatch,)),
    Row((P.FAULT,), OCCUPANCY, ALL, None, (settle,)),
    Row((P.FAULT,), operated(Verb.RESET), AT_REST, P.RECOVERING, (unlatch,)),
    Row((P.DEGRADED,), OCCUPANCY, ALL, None, (settle,)),
    Row((P.DEGRADED,), HEALTH, HEALTHY, P.RECOVERING),
    Row((P.DEGRADED,), operated(Verb.CLOSE), ALL, P.RECOVERING),
    Row((*OUTSIDE, P.DEGRADED, P.FAULT), operated(Verb.MAINTAIN), EMPTY, P.MAINTENANCE),
    Row((P.MAINTENANCE,), operated(Verb.MAINTAIN_END), LATCHED, P.FAULT),
    Row((P.MAINTENANCE,), operated(Verb.MAINTAIN_END), EMPTY, P.OUT_OF_SERVICE),
    Row((P.MAINTENANCE,), operated(Verb.MAINTAIN_END), ALL, P.RECOVERING),
    Row((P.MAINTENANCE,), elapsed(Timer.MAINTENANCE), LATCHED, P.FAULT),
    Row((P.MAINTENANCE,), elapsed(Timer.MAINTENANCE), EMPTY, P.OUT_OF_SERVICE),
    Row((P.MAINTENANCE,), elapsed(Timer.MAINTENANCE), ALL, P.RECOVERING),
    # a door is exercised
    Row((P.MAINTENANCE,), operated(Verb.EXERCISE_ENTRY), AT_REST, P.EXERCISE, (exercise(DoorId.ENTRY),)),
    Row((P.MAINTENANCE,), operated(Verb.EXERCISE_EXIT), AT_REST, P.EXERCISE, (exercise(DoorId.EXIT),)),
    Row((P.EXERCISE,), DROPPED, ALL, P.MAINTENANCE),
    Row((P.EXERCISE,), pressed(Input.STOP), ON & EMPTY, P.MAINTENANCE, (alarm(Reason.STOPPED),)),
    Row((P.EXERCISE,), OCCUPANCY, ~EMPTY, None, (alarm(Reason.INTRUSION), let_out_called)),
    Row((P.EXERCISE,), elapsed(Timer.EXERCISE), EMPTY, P.MAINTENANCE),
    Row((P.EXERCISE,), elapsed(Timer.EXERCISE), ALL, P.EXERCISE, (alarm(Reason.WILL_NOT_LEAVE),)),
)


def _index() -> dict[tuple[Phase, type], tuple[Row, ...]]:
    """Rows by phase and kind of event, in the order of the table."""
    found: dict[tuple[Phase, type], tuple[Row, ...]] = {}
    for row in (*ALWAYS, *TRANSITIONS):
        for phase in row.phases:
            key = (phase, row.on.kind)
            found[key] = (*found.get(key, ()), row)
    return found


_ROWS = _index()


# ---------------------------------------------------------------- the step


def _absorb(state: State, event: LaneEvent) -> State:
    """What the event says about the world, before anything is decided."""
    match event:
        case DoorIs(DoorId.ENTRY, position):
            return state._replace(
                entry=position, settling_entry=state.settling_entry and position is not Position.SECURED
            )
        case DoorIs(DoorId.EXIT, position):
            return state._replace(exit=position, settling_exit=state.settling_exit and position is not Position.SECURED)
        case OccupancyIs(occupancy):
            return state._replace(occupancy=occupancy)
        case InputIs(_, Signal.UNKNOWN):
            return state  # what was pressed stays pressed until it is seen released
        case InputIs(Input.FIRE, signal):
            return state._replace(fire=signal is Signal.ON)
        case InputIs(Input.EVACUATE, signal):
            return state._replace(evacuate=signal is Signal.ON)
        case InputIs(Input.STOP, signal):
            return state._replace(stop=signal is Signal.ON)
        case HealthIs(ok):
            return state._replace(healthy=ok)
        case Operated(Verb.OPEN):
            return state._replace(in_service=True)
        case Operated(Verb.CLOSE) | Operated(Verb.MAINTAIN):
            return state._replace(in_service=False)
        case Started():
            return state._replace(started=True)
    return state


def _apply(state: State, command: LaneCommand) -> State:
    """What a command changes in the state itself."""
    match command:
        case Release(DoorId.ENTRY, purpose):
            return state._replace(wants_entry=purpose, settling_entry=False)
        case Release(DoorId.EXIT, purpose):
            return state._replace(wants_exit=purpose, settling_exit=False)
        case Secure(DoorId.ENTRY):
            return state._replace(wants_entry=None, settling_entry=True)
        case Secure(DoorId.EXIT):
            return state._replace(wants_exit=None, settling_exit=True)
        case Latch():
            return state._replace(latched=True)
        case Unlatch():
            return state._replace(latched=False)
    return state


def _do(state: State, event: LaneEvent, actions: tuple[Action, ...]) -> tuple[State, tuple[LaneCommand, ...]]:
    done: list[LaneCommand] = []
    for action in actions:
        for command in action(state, event):
            state = _apply(state, command)
            done.append(command)
    return state, tuple(done)


def find(state: State, event: LaneEvent) -> tuple[State, Row | None]:
    """The state with the event absorbed, and the row that `step` takes for it."""
    now = _absorb(state, event)
    stale = isinstance(event, Elapsed) and event.generation != state.generation
    if not now.started or stale or (state.started and isinstance(event, Started)):
        return now, None
    for row in _ROWS.get((now.phase, type(event)), ()):
        if row.on.matches(event) and row.when.holds(state, now, event):
            return now, row
    return now, None


def step(state: State, event: LaneEvent) -> tuple[State, tuple[LaneCommand, ...]]:
    """One event. Total: every state takes every event; before `Started` only the world is absorbed."""
    now, row = find(state, event)
    return (now, ()) if row is None else take(now, event, row)


def take(now: State, event: LaneEvent, row: Row) -> tuple[State, tuple[LaneCommand, ...]]:
    """What a row does to a state that has absorbed the event."""
    now, commands = _do(now, event, row.do)
    if row.to is None:
        return now, commands
    timer, entry_actions = ON_ENTRY[row.to]
    now = now._replace(phase=row.to, generation=(now.generation + 1) % GENERATIONS)
    if row.to in (*OUTSIDE, P.VERIFYING):  # both doors were seen secured with time enough for the slowest lock
        now = now._replace(settling_entry=False, settling_exit=False)
    now, more = _do(now, event, entry_actions)
    arm: tuple[LaneCommand, ...] = () if timer is None else (Arm(timer, now.generation),)
    return now, (*commands, *more, *arm)
