"""What must never happen at a lane, one small predicate each, over two moments that follow each other.

A moment is what is true (doors, bodies, inputs), what is sensed of it, what the lane is doing, and what is driven, for
what, and recorded. Invariants over *commands* compare what is driven with what is sensed: they hold whichever sensor
lies. Those over the *truth* hold while the sensors say it. docs/safety.md argues from these names, `judge` looks at
them in every step of a simulation, and tests/trust/model in every state that can be reached.
"""

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import NamedTuple

from gatefw.lane_terms import Shape, State
from gatefw.leases import NEEDS_COMMIT
from gatefw.model import Beam, DoorId, Occupancy, Phase, Position, Purpose, Sensed, Signal

ENTRY, EXIT = DoorId.ENTRY, DoorId.EXIT
GAVE_UP = (Phase.REFUSED, Phase.REFERRED, Phase.FAULT, Phase.DEGRADED, Phase.RECOVERING)


class AtDoor(NamedTuple):
    """One door: where it truly is, whether a body stands in it, and what it is driven for.

    lately: what it is released for, or was within `leases.SETTLE_S`, so that its lock may still give way. recorded:
    what the newest release of it is for that was asked of the journal, once it is on disk.
    """

    position: Position = Position.SECURED
    body: bool = False
    held: Purpose | None = None
    lately: Purpose | None = None
    recorded: Purpose | None = None


class Moment(NamedTuple):
    """`admitted`: an ADMIT of the run under way is on disk. `strays`: how many got across whom nothing let across.

    `truthful`: no sensor lies, no door is damaged; without it nothing is asked over the truth.
    """

    state: State
    sensed: Sensed
    entry: AtDoor
    exit: AtDoor
    inside: int = 0
    emergency: bool = False
    admitted: bool = False
    strays: int = 0
    truthful: bool = True

    def at(self, door: DoorId) -> AtDoor:
        return self.entry if door is ENTRY else self.exit


class Step(NamedTuple):
    """`began`: doors released now, and not before, or for something else; `ended`: those that were released."""

    was: Moment
    now: Moment
    began: tuple[DoorId, ...]
    ended: tuple[DoorId, ...]

    @classmethod
    def between(cls, was: Moment, now: Moment) -> "Step":
        held = [(door, was.at(door).held, now.at(door).held) for door in DoorId]
        began = tuple(door for door, before, after in held if after is not None and after is not before)
        return cls(was, now, began, tuple(d for d, before, after in held if after is None and before is not None))

    def begun(self, *purposes: Purpose) -> Iterator[DoorId]:
        """The doors that are released now, and were not, for one of these purposes."""
        return (door for door in self.began if self.now.at(door).held in purposes)


class Over(StrEnum):
    COMMANDS = "commands"
    TRUTH = "truth"


class Invariant(NamedTuple):
    over: Over
    holds: Callable[[Step], bool]

    @property
    def words(self) -> str:
        return (self.holds.__doc__ or "").rstrip(".")


INVARIANTS: dict[str, Invariant] = {}


def _over(over: Over) -> Callable[[Callable[[Step], bool]], Callable[[Step], bool]]:
    def keep(holds: Callable[[Step], bool]) -> Callable[[Step], bool]:
        INVARIANTS[holds.__name__] = Invariant(over, holds)
        return holds

    return keep


def broken(step: Step) -> list[str]:
    """The names of the invariants that this step breaks."""
    if not (step.began or step.ended) and step.was == step.now:
        return []
    return [
        name
        for name, (over, holds) in INVARIANTS.items()
        if (over is Over.COMMANDS or (step.now.truthful and step.was.truthful)) and not holds(step)
    ]


# ---------------------------------------------------------------- over commands


@_over(Over.COMMANDS)
def nothing_moves_before_the_first_snapshot(step: Step) -> bool:
    """At a boot no door is released before every input was read."""
    return step.now.state.started or not step.began


@_over(Over.COMMANDS)
def doors_are_released_one_at_a_time(step: Step) -> bool:
    """But in an emergency no release begins while the other door is released, or its lock may still give way."""
    now = step.now
    return all(
        now.at(door).held is Purpose.EMERGENCY or now.at(door.other).lately is None
        for door in step.began
        if step.was.at(door).held is None
    )


@_over(Over.COMMANDS)
def a_release_begins_only_beside_a_secured_door(step: Step) -> bool:
    """But in an emergency the other door is sensed secured; a way out also begins beside one nobody can read."""
    for door in step.began:
        purpose, other = step.now.at(door).held, step.now.sensed.position(door.other)
        fits = other is Position.SECURED or (purpose is Purpose.WAY_OUT and other is Position.UNKNOWN)
        if purpose is not Purpose.EMERGENCY and step.was.at(door).held is None and not fits:
            return False
    return True


@_over(Over.COMMANDS)
def each_purpose_has_its_door(step: Step) -> bool:
    """To enter it is the entry, to admit the exit; and no door nobody can read is released to let somebody through."""
    if any(door is not ENTRY for door in step.begun(Purpose.ENTER)):
        return False
    if any(door is not EXIT for door in step.begun(Purpose.ADMIT)):
        return False
    unread = (door for door in step.begun(*NEEDS_COMMIT) if step.now.sensed.position(door) is Position.UNKNOWN)
    return all(step.was.at(door).held is not None for door in unread)


@_over(Over.COMMANDS)
def an_emergency_release_needs_an_emergency(step: Step) -> bool:
    """A door is released for an emergency only while fire or officer_evacuate is sensed on, or cannot be read."""
    sensed = step.now.sensed
    calm = sensed.fire is sensed.evacuate is Signal.OFF
    return not calm or all(step.was.at(door).held is not None for door in step.begun(Purpose.EMERGENCY))


@_over(Over.COMMANDS)
def a_passage_goes_on_only_as_it_may_begin(step: Step) -> bool:
    """A release to let through ends when an input or the other door forbids it, or somebody steps into an exercise.

    It stays while nothing may close: a body in the way, stop, fire, officer_evacuate, or a beam that nobody reads.
    """
    sensed = step.now.sensed
    off = sensed.fire is sensed.evacuate is sensed.stop is Signal.OFF
    may_close = Signal.ON not in (sensed.fire, sensed.evacuate, sensed.stop)
    for door in DoorId:
        purpose = step.now.at(door).held
        if purpose not in NEEDS_COMMIT or not may_close or sensed.beam(door) is not Beam.CLEAR:
            continue
        intruded = purpose is Purpose.EXERCISE and sensed.occupancy is not Occupancy.EMPTY
        if not off or intruded or sensed.position(door.other) is not Position.SECURED:
            return False
    return True


@_over(Over.COMMANDS)
def nothing_begins_for_a_passage_under_an_emergency_input(step: Step) -> bool:
    """To enter, to admit or to exercise, fire, officer_evacuate and stop are all sensed off."""
    sensed = step.now.sensed
    calm = sensed.fire is sensed.evacuate is sensed.stop is Signal.OFF
    return calm or not any(step.begun(*NEEDS_COMMIT))


@_over(Over.COMMANDS)
def nobody_is_let_through_unrecorded(step: Step) -> bool:
    """A release to enter, to admit or to exercise begins only when its own record is on disk."""
    return all(step.now.at(door).recorded is step.now.at(door).held for door in step.begun(*NEEDS_COMMIT))


@_over(Over.COMMANDS)
def the_exit_opens_for_an_admission_an_emergency_or_the_plan(step: Step) -> bool:
    """Else only for an exercise, and as a way out only where the lane file names it."""
    policy = step.now.state.policy
    for door in step.began:
        purpose = step.now.at(door).held
        by_plan = purpose is Purpose.WAY_OUT and EXIT in (*policy.refusal, *policy.fault)
        if door is EXIT and not by_plan and purpose in (Purpose.ENTER, Purpose.WAY_OUT):
            return False
    return True


@_over(Over.COMMANDS)
def an_admission_is_a_committed_one_of_exactly_one(step: Step) -> bool:
    """The exit is released to admit only with an ADMIT on disk and exactly one sensed inside."""
    if not any(step.begun(Purpose.ADMIT)):
        return True
    walked = step.now.state.phase in (Phase.EXIT_RELEASED, Phase.LEAVING)
    return walked and step.now.admitted and step.now.sensed.occupancy is Occupancy.ONE


@_over(Over.COMMANDS)
def nobody_is_let_into_a_lane_that_is_not_empty(step: Step) -> bool:
    """To enter or to exercise, the lane is sensed empty."""
    return step.now.sensed.occupancy is Occupancy.EMPTY or not any(step.begun(Purpose.ENTER, Purpose.EXERCISE))


@_over(Over.COMMANDS)
def a_door_is_exercised_only_by_a_technician(step: Step) -> bool:
    """Releases to exercise begin in EXERCISE alone, which an order in MAINTENANCE leads to."""
    return step.now.state.phase is Phase.EXERCISE or not any(step.begun(Purpose.EXERCISE))


@_over(Over.COMMANDS)
def nothing_closes_on_a_broken_beam(step: Step) -> bool:
    """A release ends only while the door's own beam is clear, or when nobody reads its device any more."""
    sensed = step.now.sensed
    return all(
        sensed.beam(door) is Beam.CLEAR
        or (sensed.position(door) is Position.UNKNOWN and sensed.beam(door) is Beam.UNKNOWN)
        for door in step.ended
    )


@_over(Over.COMMANDS)
def nothing_closes_under_stop_or_in_an_emergency(step: Step) -> bool:
    """While stop, fire or officer_evacuate is sensed on no release is ended, but by the loss of the door's device."""
    sensed = step.now.sensed
    pressed = Signal.ON in (sensed.stop, sensed.fire, sensed.evacuate)
    return not pressed or all(sensed.position(door) is Position.UNKNOWN for door in step.ended)


@_over(Over.COMMANDS)
def an_emergency_frees_the_escape_plan(step: Step) -> bool:
    """While fire or officer_evacuate is sensed on, every door of `way_out.emergency` is released for it."""
    now = step.now
    if not now.state.started or Signal.ON not in (now.sensed.fire, now.sensed.evacuate):
        return True
    policy = now.state.policy
    return all(now.at(door).held is Purpose.EMERGENCY for door in policy.emergency if door in policy.doors)


@_over(Over.COMMANDS)
def nothing_relocks_by_itself(step: Step) -> bool:
    """What an emergency released stays so until the lane left EVACUATED, which only a reset does."""
    evacuated = step.now.state.phase is Phase.EVACUATED
    return not (evacuated and any(step.was.at(door).held is Purpose.EMERGENCY for door in step.ended))


@_over(Over.COMMANDS)
def a_way_out_is_not_taken_back(step: Step) -> bool:
    """A door released as a way out stays released as long as it is wanted as one."""
    wants = step.now.state.wants
    return all(
        step.was.at(door).held is not Purpose.WAY_OUT or wants(door) is not Purpose.WAY_OUT for door in step.ended
    )


@_over(Over.COMMANDS)
def whoever_may_be_inside_has_a_way_out(step: Step) -> bool:
    """In an airlock that gave up and is not sensed empty, the doors of the plan are wanted as a way out."""
    state = step.now.state
    if not state.started or state.vacant or state.phase not in GAVE_UP:
        return True
    return any(state.wants(door) is Purpose.WAY_OUT for door in state.policy.doors)


@_over(Over.COMMANDS)
def a_way_out_waits_only_for_the_other_door(step: Step) -> bool:
    """A way out that is wanted is released, unless the other door is known to be unsecured or is still settling."""
    now = step.now
    for door in now.state.policy.doors:
        if now.state.wants(door) is Purpose.WAY_OUT and now.at(door).held is None:
            known_unsecured = now.sensed.position(door.other) in (Position.CLOSED, Position.OPEN)
            if not (known_unsecured or now.at(door.other).lately):
                return False
    return True


# ---------------------------------------------------------------- over the truth


def _both_unsecured(moment: Moment) -> bool:
    return moment.entry.position is not Position.SECURED and moment.exit.position is not Position.SECURED


@_over(Over.TRUTH)
def never_two_doors_passable(step: Step) -> bool:
    """Both doors are unsecured at once only in an emergency, or by a way out beside a door that nobody could read."""
    was, now = step.was, step.now
    if not _both_unsecured(now) or _both_unsecured(was) or now.emergency or was.emergency:
        return True
    return any(
        at.at(door).lately is Purpose.EMERGENCY
        or (at.at(door).lately is Purpose.WAY_OUT and at.sensed.position(door.other) is Position.UNKNOWN)
        for at in (was, now)
        for door in DoorId
    )


@_over(Over.TRUTH)
def nothing_closes_on_a_body(step: Step) -> bool:
    """No release is ended while somebody stands in that door, but by the loss of the door's own device."""
    return all(not step.now.at(door).body or step.now.sensed.position(door) is Position.UNKNOWN for door in step.ended)


@_over(Over.TRUTH)
def no_door_leaves_its_lock_unbidden(step: Step) -> bool:
    """A door that was secured stays so unless it is released, was a moment ago, or an emergency frees it."""
    was, now = step.was, step.now
    return all(
        was.at(door).position is not Position.SECURED
        or now.at(door).position is Position.SECURED
        or was.at(door).lately is not None
        or now.at(door).lately is not None
        or was.emergency
        or now.emergency
        for door in DoorId
    )


@_over(Over.TRUTH)
def an_admission_is_of_one_body(step: Step) -> bool:
    """When the exit is released to admit, exactly one is truly inside; when the entry is to enter, nobody."""
    if any(step.begun(Purpose.ADMIT)) and step.now.inside != 1:
        return False
    return step.now.inside == 0 or not any(step.begun(Purpose.ENTER, Purpose.EXERCISE))


@_over(Over.TRUTH)
def nobody_gets_across_unadmitted(step: Step) -> bool:
    """Out of an airlock by the exit goes who was admitted, and whom an emergency or the plan lets across."""
    return step.now.strays <= step.was.strays or step.now.state.policy.shape is not Shape.AIRLOCK
