"""The words in which `lane` is written: its state, and the guards, triggers and actions its rows are made of."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from gatefw.model import (
    Alarm,
    Decided,
    DoorId,
    DoorIs,
    Elapsed,
    EndRun,
    Faulted,
    HealthIs,
    Input,
    InputIs,
    Invited,
    LaneCommand,
    LaneEvent,
    Latch,
    Occupancy,
    OccupancyIs,
    Operated,
    Phase,
    Position,
    Presented,
    Proceed,
    Purpose,
    Reason,
    Release,
    ReleaseDropped,
    Secure,
    Signal,
    Started,
    Timer,
    Unlatch,
    Verb,
    Verdict,
    Zone,
    ZoneIs,
)

ENTRY, EXIT = DoorId.ENTRY, DoorId.EXIT
GENERATIONS = 16  # a runner keeps one timer alone, so an Elapsed this many armings old cannot be there


class Shape(StrEnum):
    """How a lane is built. Only an airlock encloses: in the other two nobody can be shut in."""

    AIRLOCK = "airlock"  # room for one between an entry door and an exit door
    ONE_DOOR = "one door"  # an exit door, and before it a marked spot: whoever is counted stands there
    NO_DOOR = "no door"  # a counter: nobody is counted, and the decision is all there is


SHAPES = {(ENTRY, EXIT): Shape.AIRLOCK, (EXIT,): Shape.ONE_DOOR, (): Shape.NO_DOOR}


@dataclass(frozen=True, slots=True)
class Policy:
    """What the lane file says about people: the doors of `way_out` for each cause, and whether a refusal holds.

    The escape plan belongs to the site; `config` checks that no cause leaves an occupant without a way out and that,
    but for `emergency`, none names the exit without the file saying so. `doors` are those that there are; one that a
    cause names and that is not there is not wanted.
    """

    refusal: tuple[DoorId, ...] = (ENTRY,)
    fault: tuple[DoorId, ...] = (ENTRY,)
    emergency: tuple[DoorId, ...] = (ENTRY, EXIT)
    hold_on_refusal: bool = False
    doors: tuple[DoorId, ...] = (ENTRY, EXIT)

    @property
    def shape(self) -> Shape:
        return SHAPES[self.doors]


class State(NamedTuple):
    """Everything `step` knows.

    `wants_*` is what each door is wanted released for, None when it is wanted secured. `settling_*`: it was wanted
    released a moment ago, so a lock that only now gives way is late, not forced; until it is seen secured again.
    """

    policy: Policy = Policy()
    phase: Phase = Phase.RECOVERING
    generation: int = 0
    entry: Position = Position.UNKNOWN
    exit: Position = Position.UNKNOWN
    occupancy: Occupancy = Occupancy.UNKNOWN
    wants_entry: Purpose | None = None
    wants_exit: Purpose | None = None
    settling_entry: bool = False
    settling_exit: bool = False
    started: bool = False
    in_service: bool = False
    healthy: bool = False
    latched: bool = False
    fire: bool = False
    evacuate: bool = False
    stop: bool = False

    @classmethod
    def at_boot(cls, policy: Policy, *, in_service: bool, latched: bool) -> "State":
        """Nothing is sensed yet; a door that is not there is secured for ever."""
        return cls(
            policy,
            entry=Position.UNKNOWN if ENTRY in policy.doors else Position.SECURED,
            exit=Position.UNKNOWN if EXIT in policy.doors else Position.SECURED,
            in_service=in_service,
            latched=latched,
        )

    @property
    def secured(self) -> bool:
        return self.entry is self.exit is Position.SECURED

    @property
    def vacant(self) -> bool:
        """Nobody can be shut in: the lane is empty, or does not enclose anybody."""
        return self.occupancy is Occupancy.EMPTY or ENTRY not in self.policy.doors

    def position(self, door: DoorId) -> Position:
        return self.entry if door is ENTRY else self.exit

    def wants(self, door: DoorId) -> Purpose | None:
        return self.wants_entry if door is ENTRY else self.wants_exit

    def settling(self, door: DoorId) -> bool:
        return self.settling_entry if door is ENTRY else self.settling_exit


# ---------------------------------------------------------------- guards: named questions about (was, now, event)

Question = Callable[[State, State, LaneEvent], bool]


class Guard(NamedTuple):
    """A question with the words the diagram shows."""

    words: str
    holds: Question

    def __and__(self, other: "Guard") -> "Guard":
        words = ", ".join(part for part in (self.words, other.words) if part)
        return Guard(words, lambda w, n, e: self.holds(w, n, e) and other.holds(w, n, e))

    def __invert__(self) -> "Guard":
        return Guard(f"not {self.words}", lambda w, n, e: not self.holds(w, n, e))


def _occupancy(words: str, *those: Occupancy) -> Guard:
    return Guard(words, lambda _w, n, _e: n.occupancy in those)


ALL = Guard("", lambda _w, _n, _e: True)
EMPTY = _occupancy("empty", Occupancy.EMPTY)
ONE = _occupancy("one inside", Occupancy.ONE)
MANY = _occupancy("more than one", Occupancy.MANY)
UNSURE = _occupancy("occupancy unknown", Occupancy.UNKNOWN)
VACANT = Guard("nobody shut in", lambda _w, n, _e: n.vacant)
EXIT_SECURED = Guard("exit secured", lambda _w, n, _e: n.exit is Position.SECURED)
EXIT_PASSABLE = Guard("exit not locked", lambda _w, n, _e: n.exit in (Position.CLOSED, Position.OPEN))
EXIT_OPEN = Guard("exit open", lambda _w, n, _e: n.exit is Position.OPEN)
SECURED = Guard("both secured", lambda _w, n, _e: n.secured)
IN_SERVICE = Guard("in service", lambda _w, n, _e: n.in_service)
HEALTHY = Guard("healthy", lambda _w, n, _e: n.healthy)
LATCHED = Guard("fault latched", lambda _w, n, _e: n.latched)
HOLDS = Guard("on_refusal = hold", lambda _w, n, _e: n.policy.hold_on_refusal)
STOPPED = Guard("stop pressed", lambda _w, n, _e: n.stop)
FIRE = Guard("fire", lambda _w, n, _e: n.fire)
EVACUATE = Guard("officer_evacuate", lambda _w, n, _e: n.evacuate)
INPUTS_RESTORED = Guard("inputs restored", lambda _w, n, _e: not (n.fire or n.evacuate or n.stop))


def _is_forced(was: State, now: State, event: LaneEvent) -> bool:
    """A secured door moved although nobody wants it released. One that nobody can read any more is DEGRADED instead."""
    if not isinstance(event, DoorIs) or was.position(event.door) is not Position.SECURED:
        return False
    moved = event.position in (Position.CLOSED, Position.OPEN)
    return moved and now.wants(event.door) is None and not was.settling(event.door)


def _is_unconfirmed(_was: State, now: State, event: LaneEvent) -> bool:
    return isinstance(event, DoorIs) and event.position is Position.UNKNOWN and now.healthy


def _is_another(was: State, now: State, _event: LaneEvent) -> bool:
    """The one in the spot may have changed. Somebody who steps into an empty one is the one who is awaited."""
    stepped_up = was.occupancy is Occupancy.EMPTY and now.occupancy is Occupancy.ONE
    return was.occupancy is not now.occupancy and not stepped_up


FORCED = Guard("secured door moved unbidden", _is_forced)
UNCONFIRMED = Guard("contacts contradict", _is_unconfirmed)
PERHAPS_ANOTHER = Guard("perhaps another", _is_another)
BY_ENTRY = Guard("entry is a way out of a refusal", lambda _w, n, _e: ENTRY in n.policy.refusal)
BY_EXIT = Guard("exit is a way out of a refusal", lambda _w, n, _e: EXIT in n.policy.refusal)
LETS_OUT = Guard("entry is a way out", lambda _w, n, _e: n.wants_entry is Purpose.WAY_OUT)
TAKEN_BACK = Guard("exit not wanted any more", lambda _w, n, _e: n.wants_exit is None)


# ---------------------------------------------------------------- triggers: which event


class Trigger(NamedTuple):
    words: str
    kind: type
    attribute: str = ""
    value: object = None

    def matches(self, event: LaneEvent) -> bool:
        return type(event) is self.kind and (not self.attribute or getattr(event, self.attribute) == self.value)


def pressed(which: Input) -> Trigger:
    return Trigger(which.value, InputIs, "input", which)


DOOR = Trigger("door moved", DoorIs)
OCCUPANCY = Trigger("occupancy", OccupancyIs)
HEALTH = Trigger("health", HealthIs)
STARTED = Trigger("started", Started)
PRESENTED = Trigger("token", Presented)
INVITED = Trigger("invited", Invited)
ADMITTED = Trigger("ADMIT committed", Decided, "verdict", Verdict.ADMIT)
REFUSED = Trigger("REFUSE", Decided, "verdict", Verdict.REFUSE)
REFERRED = Trigger("REFER", Decided, "verdict", Verdict.REFER)
DROPPED = Trigger("release not permitted", ReleaseDropped)
FAULTED = Trigger("fault", Faulted)
BEHIND = Trigger("somebody behind", ZoneIs, "zone", Zone.BEHIND)
ON = Guard("on", lambda _w, _n, e: isinstance(e, InputIs) and e.signal is Signal.ON)
PRESENT = Guard("present", lambda _w, _n, e: isinstance(e, ZoneIs) and e.present)


def elapsed(timer: Timer) -> Trigger:
    return Trigger(f"{timer.value} time over", Elapsed, "timer", timer)


def operated(verb: Verb) -> Trigger:
    return Trigger(f"operator: {verb.value}", Operated, "verb", verb)


# ---------------------------------------------------------------- actions: commands from (state, event)

Action = Callable[[State, LaneEvent], tuple[LaneCommand, ...]]


def _wanted(state: State, released: dict[DoorId, Purpose]) -> tuple[LaneCommand, ...]:
    """Commands that change the wants to exactly `released`, of the doors that there are; securing comes first."""
    released = {door: purpose for door, purpose in released.items() if door in state.policy.doors}
    changed = [door for door in DoorId if state.wants(door) != released.get(door)]
    secure = [Secure(door) for door in changed if door not in released]
    return (*secure, *(Release(door, released[door]) for door in changed if door in released))


def secure_both(state: State, _event: LaneEvent) -> tuple[LaneCommand, ...]:
    return _wanted(state, {})


def enter(state: State, _event: LaneEvent) -> tuple[LaneCommand, ...]:
    return _wanted(state, {ENTRY: Purpose.ENTER})


def admit(state: State, _event: LaneEvent) -> tuple[LaneCommand, ...]:
    return _wanted(state, {EXIT: Purpose.ADMIT})


def let_out_refused(state: State, _event: LaneEvent) -> tuple[LaneCommand, ...]:
    """By the doors of the plan; or by the one of them that lets somebody out already, as an officer chose."""
    wants = {door: state.wants(door) for door in DoorId if state.wants(door) is not None}
    if wants in [{door: Purpose.WAY_OUT} for door in state.policy.refusal]:
        return ()
    return _wanted(state, dict.fromkeys(state.policy.refusal, Purpose.WAY_OUT))


def let_out_by(door: DoorId) -> Action:
    return lambda state, _event: _wanted(state, {door: Purpose.WAY_OUT})


def let_out_called(state: State, _event: LaneEvent) -> tuple[LaneCommand, ...]:
    """The call button always works, whatever the sensors say about anybody being inside."""
    return _wanted(state, {ENTRY: Purpose.WAY_OUT})


def settle(state: State, _event: LaneEvent) -> tuple[LaneCommand, ...]:
    """Way out for whoever may be inside; secured when nobody is."""
    return _wanted(state, {} if state.vacant else dict.fromkeys(state.policy.fault, Purpose.WAY_OUT))


def evacuate(state: State, _event: LaneEvent) -> tuple[LaneCommand, ...]:
    return _wanted(state, dict.fromkeys(state.policy.emergency, Purpose.EMERGENCY))


def exercise(door: DoorId) -> Action:
    return lambda state, _event: _wanted(state, {door: Purpose.EXERCISE})


def proceed(_state: State, _event: LaneEvent) -> tuple[LaneCommand, ...]:
    return (Proceed(),)


def unlatch(_state: State, _event: LaneEvent) -> tuple[LaneCommand, ...]:
    return (Unlatch(),)


def end(reason: Reason | None, *, passed: bool = False) -> Action:
    return lambda state, _e: (EndRun(True, reason) if passed else _given_up(state, reason),)


def _given_up(state: State, reason: Reason | None) -> EndRun:
    """Ended before its end. Whoever was admitted and counted out is across, whatever comes before the exit is secured:
    without a record of that they are stopped further on.
    """
    left = state.phase is Phase.LEAVING and state.policy.shape is Shape.AIRLOCK and state.occupancy is Occupancy.EMPTY
    return EndRun(True, Reason.OK) if left else EndRun(False, reason)


def alarm(reason: Reason) -> Action:
    return lambda _s, _e: (Alarm(reason),)


def latch(reason: Reason) -> Action:
    """Ends the run, raises the alarm and latches, all for one cause."""
    return lambda state, _e: (_given_up(state, reason), Alarm(reason), Latch(reason))


def latch_fault(state: State, event: LaneEvent) -> tuple[LaneCommand, ...]:
    reason = event.reason if isinstance(event, Faulted) else Reason.SOFTWARE
    return (_given_up(state, reason), Alarm(reason), Latch(reason))


def release_dropped(_state: State, _event: LaneEvent) -> tuple[LaneCommand, ...]:
    return (EndRun(False, Reason.RELEASE_DROPPED),)
