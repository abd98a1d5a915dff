"""What the lane wants. One table; no clock, no hardware, no identity.

Theory of operation
-------------------
A lane is an airlock: an entry door, room for one traveller, an exit door. At rest both doors are secured and nobody is
inside. A token makes a run. The clearance procedure looks at the token and *invites*; the entry door is released,
exactly one traveller steps in, the door is secured behind them, and the procedure verifies who it is. An ADMIT, once
committed to the journal, releases the exit door; everything else lets the traveller out by `way_out`, where they came
from.

`step(state, event)` returns the next state and commands. It first *absorbs* what the event says about the world, then
takes the first row of `lane_table` that matches: rows of `ALWAYS` before rows of `TRANSITIONS`. A row may name a next
phase, whose entry actions then run and whose timer is armed, and may do more. No row: nothing happens. The words of the
table (its state, guards, triggers and actions) are in `lane_terms`.

A lane may have its exit alone, with a marked spot before it, or no door at all: a counter. Neither encloses anybody, so
nobody there has to be let out. What is verified is whoever stands alone on the spot; the exit is released for them, and
no longer than they stand there: whoever steps up next has no part in it. Without doors an ADMIT is the end of the run.
A door that is not there is secured for ever and wanted by nobody.

 * The state is finite and hashable: phase, two positions, occupancy, what is wanted of each door, and a few flags.
 * Time enters as `Elapsed(timer, generation)`. A phase has one timer, armed when it is entered; an `Elapsed` of an
   earlier generation is stale and does nothing.
 * `Release` and `Secure` are wants. `interlock` permits them on what is sensed when they are carried out, again and
   again; this table never reasons about what the other door does.
 * What is not known to be empty and secured is RECOVERING: nobody is served until the lane was seen empty and secured
   for a whole scan. Unknown occupancy counts as occupied, and an occupant has a way out.
 * FAULT is left only by a RESET after a sweep, and its first cause is latched on disk. Both doors have to be secured
   for it, or the entry released by `call` alone: the reset takes that back, and RECOVERING waits for the lock.
   DEGRADED (a device or a process is missing) ends by itself.
 * Four inputs are never merged. `fire` and `officer_evacuate` free the doors of the escape plan, latch, and void an
   admission. `call`, the button inside, frees the entry side and raises an alarm: a refused impostor who presses it
   gets back to where he came from and nowhere else. `stop` wants nothing of any door: nothing new moves. A site whose
   escape plan lets `call` free both sides wires the button to `officer_evacuate` as well.
 * EXERCISE moves one door for a technician, out of MAINTENANCE and back to it, in a lane that is empty and secured;
   somebody who steps in is let out by the entry.
 * No door is closed because a timer ran out while somebody is inside; an alarm is raised instead.
"""

from gatefw.lane_table import ANYWHERE, ON_ENTRY, OUTSIDE, TRANSITIONS, Row
from gatefw.lane_terms import GENERATIONS, Action, Shape, State
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
    Release,
    Secure,
    Signal,
    Started,
    Unlatch,
    Verb,
)


def _index() -> dict[tuple[Shape, Phase, type], tuple[Row, ...]]:
    """Rows by shape of lane, phase and kind of event, in the order of the table."""
    found: dict[tuple[Shape, Phase, type], tuple[Row, ...]] = {}
    for shape in Shape:
        for row in (*ANYWHERE[shape], *TRANSITIONS[shape]):
            for phase in row.phases:
                key = (shape, phase, row.on.kind)
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
    for row in _ROWS.get((now.policy.shape, now.phase, type(event)), ()):
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
    if row.to in (*OUTSIDE, Phase.VERIFYING):  # both doors were seen secured with time enough for the slowest lock
        now = now._replace(settling_entry=False, settling_exit=False)
    now, more = _do(now, event, entry_actions)
    arm: tuple[LaneCommand, ...] = () if timer is None else (Arm(timer, now.generation),)
    return now, (*commands, *more, *arm)
