"""What is true of a lane in abstract time, what may go wrong with it, and what its sensors say of it, and when."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations
from typing import NamedTuple

from gatefw.lane_terms import Policy
from gatefw.model import (
    Beam,
    DoorId,
    DoorIs,
    Input,
    InputIs,
    LaneEvent,
    Occupancy,
    OccupancyIs,
    Position,
    Purpose,
    Sensed,
    Signal,
    Verb,
)

ENTRY, EXIT = DoorId.ENTRY, DoorId.EXIT
LOCKED, YIELDING, CLOSED, OPEN = range(4)  # YIELDING: not locked any more, though its contacts still say so
TRULY = (Position.SECURED, Position.CLOSED, Position.CLOSED, Position.OPEN)
CONTACTS = ((True, True), (True, True), (True, False), (False, False))  # (closed, locked) as they should be
POSITIONS = {
    (True, True): Position.SECURED,
    (True, False): Position.CLOSED,
    (False, False): Position.OPEN,
    (False, True): Position.UNKNOWN,
}
COUNTS = {(False, False): Occupancy.EMPTY, (True, False): Occupancy.ONE, (True, True): Occupancy.MANY}
NONE, PENDING, STALE, ON_DISK = range(4)  # an ADMIT: decided, decided of somebody who is not there alone any more, kept
UNVERIFIED, VERIFIED, FROM_BEHIND = "u", "v", "b"
STUCK = ("locked", "closed", "beam")
CIRCUITS = (*(f"{door}.{line}" for door in ("entry", "exit") for line in STUCK), "count.one", "count.many")
INPUTS = (Input.FIRE, Input.EVACUATE, Input.STOP)
DEVICES = ("door.entry_door", "door.exit_door", "sensors.lane")
BODIES = 2


class World(NamedTuple):
    """What is true. `lies`: what each lying circuit says; None while it tells the truth. `gone`: the device is lost."""

    entry: int = LOCKED
    exit: int = LOCKED
    inside: str = ""
    in_entry: bool = False
    in_exit: str = ""
    inputs: tuple[Signal, Signal, Signal] = (Signal.OFF,) * 3
    admit: int = NONE
    lies: tuple[bool | None, ...] = ()
    gone: bool = False
    let: bool = False
    """The exit was released for everybody, and did not lock since."""

    def door(self, at: int) -> int:
        return self.exit if at else self.entry

    def with_door(self, at: int, to: int) -> "World":
        return self._replace(exit=to) if at else self._replace(entry=to)

    def body(self, at: int) -> bool:
        return bool(self.in_exit) if at else self.in_entry

    @property
    def bodies(self) -> int:
        return len(self.inside) + self.in_entry + bool(self.in_exit)


AIRLOCK = Policy()


@dataclass(frozen=True)
class Hypothesis:
    """What may go wrong. `liars`: circuits that say what they like. `gone`: a device that goes and comes."""

    name: str
    policy: Policy = AIRLOCK
    liars: tuple[str, ...] = ()
    gone: str = ""
    unreadable: bool = False  # inputs may be unreadable
    forced: bool = False  # a crowbar
    inputs: tuple[Input, ...] = INPUTS
    verbs: tuple[Verb, ...] = tuple(Verb)
    health: bool = True
    crash: bool = True
    bodies: int = BODIES
    mad: tuple[Purpose, ...] = ()
    """The lane wants what it likes: what is left is what leases and interlock keep by themselves."""
    stuck: tuple[bool, ...] | None = None
    """The liars say this, from the beginning and for ever."""

    @property
    def doors(self) -> tuple[int, ...]:
        return tuple(at for at, door in enumerate(DoorId) if door in self.policy.doors)

    def start(self) -> World:
        return World(lies=self.stuck or (None,) * len(self.liars))


def sense(world: World, hypothesis: Hypothesis) -> Sensed:
    """What every device says, liars included."""
    lies = {name: said for name, said in zip(hypothesis.liars, world.lies, strict=True) if said is not None}
    gone = hypothesis.gone if world.gone else ""

    def at_door(at: int, name: str) -> tuple[Position, Beam]:
        if gone == DEVICES[at]:
            return Position.UNKNOWN, Beam.UNKNOWN
        closed, locked = CONTACTS[world.door(at)]
        said = lies.get(f"{name}.closed", closed), lies.get(f"{name}.locked", locked)
        return POSITIONS[said], Beam.CLEAR if lies.get(f"{name}.beam", not world.body(at)) else Beam.BROKEN

    (entry, entry_beam), (exit_, exit_beam) = at_door(0, "entry"), at_door(1, "exit")
    some = lies.get("count.one", len(world.inside) >= 1), lies.get("count.many", len(world.inside) >= 2)
    counted, inputs = COUNTS.get(some, Occupancy.UNKNOWN), world.inputs
    if not hypothesis.policy.doors:
        counted = Occupancy.UNKNOWN
    if gone == DEVICES[2]:
        counted, inputs = Occupancy.UNKNOWN, (Signal.UNKNOWN,) * 3
    return Sensed(entry, exit_, entry_beam, exit_beam, counted, *inputs)


# ---------------------------------------------------------------- what is told of a change


def door_events(door: DoorId, before: Sensed, after: Sensed) -> tuple[LaneEvent, ...]:
    position = after.position(door)
    return () if position is before.position(door) else (DoorIs(door, position),)


def lane_events(before: Sensed, after: Sensed) -> tuple[LaneEvent, ...]:
    pairs = zip(
        INPUTS, (before.fire, before.evacuate, before.stop), (after.fire, after.evacuate, after.stop), strict=True
    )
    inputs = tuple(InputIs(which, now) for which, was, now in pairs if was is not now)
    return inputs if before.occupancy is after.occupancy else (*inputs, OccupancyIs(after.occupancy))


class Message(NamedTuple):
    """One reading of one device: all that is sensed after it, and what it is for the lane."""

    sensed: Sensed
    events: tuple[LaneEvent, ...]
    key: str


FIELDS = (("entry", "entry_beam"), ("exit", "exit_beam"), ("occupancy", "fire", "evacuate", "stop"))


def messages(before: Sensed, after: Sensed, first: int | None) -> Iterator[tuple[Message, ...]]:
    """The readings that tell of a change, in every order that may be."""
    changed = [at for at, names in enumerate(FIELDS) if any(getattr(before, n) is not getattr(after, n) for n in names)]
    for order in permutations(changed):
        if first in changed and order[0] != first:
            continue
        told, now = [], before
        for at in order:
            fields = {name: getattr(now, name) for name in Sensed.__dataclass_fields__}
            then = Sensed(**{**fields, **{name: getattr(after, name) for name in FIELDS[at]}})
            events = lane_events(now, then) if at == 2 else door_events(list(DoorId)[at], now, then)
            told.append(Message(then, events, "".join(map(str, events))))
            now = then
        yield tuple(told)
