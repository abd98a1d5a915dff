"""What a person can do next: the steps that scripts yield, each looked at again until it is done."""

import math
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from gatefw.model import DoorId, Input
from hw.sim.physics import World
from hw.sim.places import DOOR_M, HALF_BODY_M, PLACE_M, Person, Place

FRONT_SCANNER, FINGER_SENSOR, DOCUMENT_READER = "scanner-front", "finger", "document"
"""Devices of a world, as its config names them where nobody says another name."""


@dataclass(frozen=True, slots=True)
class Done:
    """A step has ended; `answer` is what the script is told."""

    answer: Any = None


@dataclass(frozen=True, slots=True)
class Until:
    """A step goes on; look at it again at this time, or earlier when something happens."""

    wake_s: float = math.inf


@dataclass(frozen=True, slots=True)
class Moment:
    """Where a step is taken: who, in which world, and when the step began."""

    world: World
    me: Person
    since_s: float


class Step(Protocol):
    def go(self, now: Moment) -> Done | Until: ...


Script = Generator[Step, Any, str]
"""Yields steps, is sent the answer of each, returns the outcome."""


@dataclass(frozen=True, slots=True)
class Present:
    """Hold a code before the scanner."""

    code: str
    scanner: str = FRONT_SCANNER

    def go(self, now: Moment) -> Done | Until:
        now.world.present(self.scanner, self.code.encode("latin-1"))
        return Done()


@dataclass(frozen=True, slots=True)
class Walk:
    """Walk there, waiting before closed doors; True on arrival, False when patience ended before a closed door."""

    to: Place
    patience_s: float = math.inf

    def go(self, now: Moment) -> Done | Until:
        return _walk_to(now, PLACE_M[self.to], now.since_s + self.patience_s)


@dataclass(frozen=True, slots=True)
class Look:
    """Face the camera; it sees this photograph while the person is between the doors."""

    photo: str

    def go(self, now: Moment) -> Done | Until:
        now.me.photo = self.photo
        now.world.note("looked", person=now.me.name, photo=self.photo)
        return Done()


@dataclass(frozen=True, slots=True)
class LookAway:
    def go(self, now: Moment) -> Done | Until:
        now.me.photo = None
        now.world.note("looked", person=now.me.name, photo=None)
        return Done()


@dataclass(frozen=True, slots=True)
class Press:
    """Press a button and let it go again."""

    input: Input
    hold_s: float = 0.3

    def go(self, now: Moment) -> Done | Until:
        held = now.world.now_s < now.since_s + self.hold_s
        now.world.set_input(self.input, held)
        return Until(now.since_s + self.hold_s) if held else Done()


@dataclass(frozen=True, slots=True)
class PressUntil:
    """Press a button again and again until something is so; False when patience ended first."""

    input: Input
    so: Callable[[World], bool]
    patience_s: float = math.inf
    every_s: float = 1.0
    hold_s: float = 0.3

    def go(self, now: Moment) -> Done | Until:
        so, passed_s = self.so(now.world), round(now.world.now_s - now.since_s, 6)
        ended = so or passed_s >= self.patience_s
        presses = passed_s // self.every_s
        held = not ended and passed_s - presses * self.every_s < self.hold_s
        now.world.set_input(self.input, held)
        if ended:
            return Done(so)
        turns_s = presses * self.every_s + (self.hold_s if held else self.every_s)
        return Until(now.since_s + min(turns_s, self.patience_s))


@dataclass(frozen=True, slots=True)
class Lay:
    """Lay a finger on its sensor, or a document on its reader."""

    device: str
    what: Mapping[str, object]

    def go(self, now: Moment) -> Done | Until:
        now.world.lay(self.device, self.what)
        return Done()


@dataclass(frozen=True, slots=True)
class Lift:
    """Take away what lies there."""

    device: str

    def go(self, now: Moment) -> Done | Until:
        now.world.lift(self.device)
        return Done()


@dataclass(frozen=True, slots=True)
class Wait:
    seconds: float

    def go(self, now: Moment) -> Done | Until:
        ends_s = now.since_s + self.seconds
        return Done() if now.world.now_s >= ends_s else Until(ends_s)


@dataclass(frozen=True, slots=True)
class WaitFor:
    """Wait until something is so; False when patience ended first."""

    so: Callable[[World], bool]
    patience_s: float = math.inf

    def go(self, now: Moment) -> Done | Until:
        if self.so(now.world):
            return Done(True)
        ends_s = now.since_s + self.patience_s
        return Done(False) if now.world.now_s >= ends_s else Until(ends_s)


@dataclass(frozen=True, slots=True)
class StepInto:
    """Walk into a doorway and stop there; False when it did not open within patience."""

    door: DoorId
    patience_s: float = math.inf

    def go(self, now: Moment) -> Done | Until:
        return _walk_to(now, DOOR_M[self.door], now.since_s + self.patience_s)


@dataclass(frozen=True, slots=True)
class LeaveByOpenDoor:
    """From between the doors walk out by whichever door is open (the exit before the entry); None when none was.

    An absent door is no way that opens: who stands before an exit door alone waits for that one.
    """

    patience_s: float

    def go(self, now: Moment) -> Done | Until:
        if now.me.place in (Place.AWAY, Place.GONE):
            return Done(DoorId.ENTRY if now.me.place is Place.AWAY else DoorId.EXIT)
        if now.me.place is not Place.AIRLOCK or any(now.me.stands_in(door) for door in now.world.doors):
            return Until()  # on the way out already
        ways = (door for door in (DoorId.EXIT, DoorId.ENTRY) if door in now.world.doors)
        way_out = next((door for door in ways if now.world.doors[door].passable), None)
        if way_out is not None:
            now.me.target_m = PLACE_M[Place.AWAY if way_out is DoorId.ENTRY else Place.GONE]
            return Until()
        if now.world.now_s >= now.since_s + self.patience_s:
            now.me.target_m = now.me.at_m
            return Done(None)
        return Until(now.since_s + self.patience_s)


def _walk_to(now: Moment, target_m: float, ends_s: float) -> Done | Until:
    now.me.target_m = target_m
    if now.me.at_m == target_m:
        return Done(True)
    way = 1.0 if target_m > now.me.at_m else -1.0
    waits = any(now.me.at_m == DOOR_M[door] - way * HALF_BODY_M and not now.world.passable(door) for door in DoorId)
    if waits and now.world.now_s >= ends_s:
        now.me.target_m = now.me.at_m
        return Done(False)
    return Until(ends_s if now.world.now_s < ends_s else math.inf)  # out of patience: a closed door will tell
