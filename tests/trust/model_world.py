"""An adversarial lane in abstract time: what doors, bodies, sensors and operators may do next, whatever the gate wants.

Doors move as physics allows: a lock gives way within `SETTLE_S` of a release (its contacts tell of before until then),
a leaf opens only out of its lock, closes only without a body in it, locks only when closed and not released. Bodies go
from the front through the entry's opening into the room and on, or back; two of them at most. Everything else may
happen at any moment and in any order: every timer, every commit, every input, every order, a crash and a new start.
"""

from collections.abc import Iterator
from typing import NamedTuple

from trust.model_sensed import (
    CLOSED,
    DEVICES,
    ENTRY,
    FROM_BEHIND,
    INPUTS,
    LOCKED,
    NONE,
    OPEN,
    PENDING,
    STALE,
    UNVERIFIED,
    YIELDING,
    Hypothesis,
    World,
)

from gatefw.lane import find
from gatefw.lane_table import ON_ENTRY
from gatefw.lane_terms import Shape, State
from gatefw.model import (
    Decided,
    DoorId,
    Elapsed,
    Faulted,
    HealthIs,
    Input,
    InputIs,
    Invited,
    LaneCommand,
    LaneEvent,
    Operated,
    Phase,
    Presented,
    Purpose,
    Reason,
    Release,
    Secure,
    Signal,
    Started,
    Verdict,
    Zone,
    ZoneIs,
)


class Move(NamedTuple):
    """`strays`: somebody walks out by the exit whom nothing admitted. `first`: which device tells of it first.

    The beam of a doorway reaches into the room: whoever leaves the room breaks it before they are missed, and whoever
    comes in is counted before it is clear again. A sensor that is slower than that step is a sensor that lies.
    """

    words: str
    world: World
    strays: bool = False
    first: int | None = None


# ---------------------------------------------------------------- what the world may do next

NAMES = ("the entry door", "the exit door")


def moves(world: World, held: tuple[bool, bool], h: Hypothesis) -> Iterator[Move]:
    """What the world may do while these doors are released."""
    for at in h.doors:
        yield from _door_moves(world, at, held[at], h)
    if h.policy.shape is Shape.AIRLOCK:
        yield from _entry_moves(world, h)
    elif h.policy.doors:
        yield from _spot_moves(world, h)
    if h.policy.doors:
        yield from _exit_moves(world, h)
    yield from _input_moves(world, h)
    yield from _lies(world, h)


def _door_moves(world: World, at: int, held: bool, h: Hypothesis) -> Iterator[Move]:
    name, state = NAMES[at], world.door(at)
    driven = held and not (world.gone and h.gone == DEVICES[at])
    if state == YIELDING:
        yield Move(f"the lock of {name} gives way", world.with_door(at, CLOSED))
        yield Move(f"{name} swings open", world.with_door(at, OPEN))
        if not driven:
            yield Move(f"the lock of {name} did not give way", world.with_door(at, LOCKED))
    elif state == CLOSED:
        yield Move(f"{name} swings open", world.with_door(at, OPEN))
        if not driven:
            yield Move(f"{name} locks", world.with_door(at, LOCKED))
    elif state == OPEN and not world.body(at):
        yield Move(f"{name} falls shut", world.with_door(at, CLOSED))
    elif state == LOCKED and h.forced:
        yield Move(f"somebody breaks {name} open", world.with_door(at, OPEN))


def _stale(world: World) -> int:
    """Whoever was verified may not be the one alone inside any more."""
    return STALE if world.admit == PENDING else world.admit


def _entry_moves(world: World, h: Hypothesis) -> Iterator[Move]:
    if world.in_entry:
        yield Move(
            "they step in",
            world._replace(in_entry=False, inside=_with(world.inside, UNVERIFIED), admit=_stale(world)),
            first=2,
        )
        yield Move("they step back out by the entry", world._replace(in_entry=False))
    elif world.entry == OPEN:
        if world.bodies < h.bodies:
            yield Move("somebody steps into the entry's doorway", world._replace(in_entry=True))
        for who in sorted(set(world.inside)):
            left = world.inside.replace(who, "", 1)
            yield Move(
                "somebody inside steps into the entry's doorway",
                world._replace(in_entry=True, inside=left, admit=_stale(world)),
                first=0,
            )


def _spot_moves(world: World, h: Hypothesis) -> Iterator[Move]:
    """A marked spot that nothing bars."""
    if world.bodies < h.bodies:
        yield Move(
            "somebody steps onto the spot", world._replace(inside=_with(world.inside, UNVERIFIED), admit=_stale(world))
        )
    for who in sorted(set(world.inside)):
        yield Move(
            "somebody walks off the spot", world._replace(inside=world.inside.replace(who, "", 1), admit=_stale(world))
        )


def _exit_moves(world: World, h: Hypothesis) -> Iterator[Move]:
    if world.in_exit:
        strays = world.in_exit == UNVERIFIED and not world.let
        inside = _with(world.inside, world.in_exit)
        yield Move("they step back inside", world._replace(in_exit="", inside=inside, admit=_stale(world)), first=2)
        yield Move("they walk out by the exit", world._replace(in_exit=""), strays)
    elif world.exit == OPEN:
        if world.bodies < h.bodies:
            yield Move("somebody comes into the exit's doorway from behind", world._replace(in_exit=FROM_BEHIND))
        for who in sorted(set(world.inside)):
            left = world.inside.replace(who, "", 1)
            yield Move(
                "somebody inside steps into the exit's doorway",
                world._replace(in_exit=who, inside=left, admit=_stale(world)),
                first=1,
            )


def _input_moves(world: World, h: Hypothesis) -> Iterator[Move]:
    words = {Signal.ON: "{} is pressed", Signal.OFF: "{} is let go", Signal.UNKNOWN: "the wire of {} breaks"}
    signals = tuple(Signal) if h.unreadable else (Signal.OFF, Signal.ON)
    for at, which in enumerate(INPUTS):
        for signal in signals:
            if which in h.inputs and signal is not world.inputs[at]:
                inputs = (*world.inputs[:at], signal, *world.inputs[at + 1 :])
                yield Move(words[signal].format(which.value), world._replace(inputs=inputs))


def _lies(world: World, h: Hypothesis) -> Iterator[Move]:
    if h.stuck is None:
        for at, name in enumerate(h.liars):
            for said in (None, False, True):
                if said is not world.lies[at]:
                    words = f"{name} tells the truth again" if said is None else f"{name} says {said} from now on"
                    yield Move(words, world._replace(lies=(*world.lies[:at], said, *world.lies[at + 1 :])))
    if h.gone:
        words = f"{h.gone} comes back" if world.gone else f"{h.gone} is lost"
        yield Move(words, world._replace(gone=not world.gone))


def _with(inside: str, who: str) -> str:
    return "".join(sorted(inside + who))


# ---------------------------------------------------------------- a lane that wants anything


class Wants(NamedTuple):
    """What a lane that lost its mind wants of a door."""

    door: DoorId
    purpose: Purpose | None


MADNESS = tuple(
    (f"the lane wants {door} {purpose.value if purpose else 'secured'}", (Wants(door, purpose),))
    for door in DoorId
    for purpose in (None, *Purpose)
)


def mad_step(state: State, event: LaneEvent | Wants) -> tuple[State, tuple[LaneCommand, ...]]:
    """It hears what the real lane hears, and wants what it is told."""
    if not isinstance(event, Wants):
        return find(state, event)[0]._replace(settling_entry=False, settling_exit=False), ()
    wanted: LaneCommand = Secure(event.door) if event.purpose is None else Release(event.door, event.purpose)
    name = "wants_entry" if event.door is ENTRY else "wants_exit"
    return state._replace(**{name: event.purpose}), (wanted,)


# ---------------------------------------------------------------- what else may happen to the gate

TAMPERED = (InputIs(Input.TAMPER, Signal.ON), HealthIs(False))


def lane_moves(state: State, h: Hypothesis) -> Iterator[tuple[str, tuple[LaneEvent, ...]]]:
    """Timers, procedures, buttons, orders, and devices that are not of this world."""
    if not state.started:
        yield "the first snapshot was read", (Started(),)
        return
    if h.mad:
        yield from (each for each in MADNESS if each[1][0].purpose in (None, *h.mad))
        return
    timer = ON_ENTRY[state.phase].timer
    if timer is not None:
        yield f"{timer.value}_s is over", (Elapsed(timer, state.generation),)
    yield "the call button is pressed", (InputIs(Input.CALL, Signal.ON),)
    yield "somebody stands behind the exit", (ZoneIs(Zone.BEHIND, True),)
    if h.health:
        yield "a device is lost" if state.healthy else "every device is there again", (HealthIs(not state.healthy),)
        yield "a case is opened", TAMPERED
        yield "the software finds itself at fault", (Faulted(Reason.SOFTWARE),)
    for verb in h.verbs:
        yield f"an operator orders {verb.value}", (Operated(verb),)
    yield from _procedure(state)


def _procedure(state: State) -> Iterator[tuple[str, tuple[LaneEvent, ...]]]:
    if state.phase is Phase.IDLE and state.healthy:
        yield "a token is read", (Presented(),)
    if state.phase is Phase.TOKEN_PRESENTED:
        yield "the procedure invites them in", (Invited(),)
    if state.phase in (Phase.TOKEN_PRESENTED, Phase.VERIFYING):
        yield "the procedure refuses", (Decided(Verdict.REFUSE),)
        yield "the procedure refers to the counter", (Decided(Verdict.REFER),)


def may_decide(state: State, world: World, h: Hypothesis) -> bool:
    """Whether the procedure may come to ADMIT: it has seen who is alone inside, or anybody, where nobody is counted."""
    phases = (Phase.VERIFYING,) if h.policy.shape is Shape.AIRLOCK else (Phase.VERIFYING, Phase.TOKEN_PRESENTED)
    return world.admit == NONE and state.phase in phases and (len(world.inside) == 1 or not h.policy.doors)
