"""Who comes in a storm: travellers who pass, and those who hesitate, tailgate, block a doorway, call, or turn round.

Most look at the lamps and walk in when they are invited; some walk in wherever a door is open. Whoever is inside stays
there until a door opens: no script ends with somebody who gives up.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol

from gatefw.lane_terms import Shape
from gatefw.model import DoorId, Input
from gatefw.simulate.traveller import NONE, OWN, STRANGER
from hw.sim.faces import boarder, passer
from hw.sim.parts import SETTLE_S, face, secured, turn_away
from hw.sim.people import companion, follower
from hw.sim.places import Place
from hw.sim.steps import LeaveByOpenDoor, Present, Press, Script, StepInto, Wait, WaitFor, Walk

PATIENT = math.inf
LOOKS_S = 40.0
"""How long somebody stands before a lane that does nothing."""


class Lamps(Protocol):
    """What people can see of the lane."""

    by_token: bool

    def green(self) -> bool:
        """Whether a token is taken now."""
        ...

    def invites(self) -> bool:
        """Whether the first door stands open to walk in."""
        ...

    def asks(self) -> bool:
        """Whether somebody's yes is waited for."""
        ...


@dataclass(frozen=True, slots=True)
class Manner:
    """How one traveller behaves. A text is whose face or token that is: "" their own, "-" none."""

    token: str = OWN
    front: str = OWN
    inside: str = OWN
    says: Input | None = Input.CONFIRM
    waits_s: float = 12.0
    barges_in: bool = False
    turns_round: bool = False
    in_entry_s: float = 0.0
    in_exit_s: float = 0.0
    calls_after_s: float = -1.0
    stays_s: float = 0.0


def comes(lamps: Lamps, who: str, manner: Manner) -> Script:
    """To an airlock: by token or by face alone, in when the door opens, out by whichever opens then."""
    yield face("" if manner.front == NONE else manner.front or who)
    yield Walk(Place.FRONT)
    if not (yield from (_by_token if lamps.by_token else _by_face)(lamps, who, manner)) or manner.turns_round:
        return (yield from turn_away())
    if manner.in_entry_s and (yield StepInto(DoorId.ENTRY, 0.0)):
        yield Wait(manner.in_entry_s)
    if not (yield Walk(Place.AIRLOCK, 0.0)):
        return (yield from turn_away())
    yield face("" if manner.inside == NONE else manner.inside or who)
    yield WaitFor(secured(DoorId.ENTRY), SETTLE_S)
    if manner.calls_after_s >= 0:
        yield Wait(manner.calls_after_s)
        yield Press(Input.CALL)
    yield Wait(manner.stays_s)
    if manner.in_exit_s and (yield WaitFor(lambda world: world.doors[DoorId.EXIT].passable, manner.waits_s)):
        if (yield StepInto(DoorId.EXIT, 0.0)):
            yield Wait(manner.in_exit_s)
            yield Walk(Place.GONE)
            return "passed"
        yield Walk(Place.AIRLOCK)
    yield LeaveByOpenDoor(PATIENT)
    return "gone"


def _by_token(lamps: Lamps, who: str, manner: Manner) -> Script:
    """Whether the door opened."""
    if not manner.barges_in and not (yield WaitFor(lambda _world: lamps.green(), LOOKS_S)):
        return ""
    yield Present(manner.token or who)
    return (yield from _goes_in(lamps, manner))


def _by_face(lamps: Lamps, _who: str, manner: Manner) -> Script:
    """Whether the door opened."""
    if not (yield WaitFor(lambda _world: lamps.asks() or lamps.invites(), LOOKS_S)):
        return ""
    if lamps.asks() and manner.says is not None:
        yield Wait(0.5)
        yield Press(manner.says)
    return (yield from _goes_in(lamps, manner))


def _goes_in(lamps: Lamps, manner: Manner) -> Script:
    if manner.barges_in:
        opened = yield WaitFor(lambda world: world.doors[DoorId.ENTRY].passable, manner.waits_s)
    else:
        opened = yield WaitFor(lambda _world: lamps.invites(), manner.waits_s)
    return "in" if opened else ""


def _boards(photo: str, patience_s: float) -> Script:
    yield face(photo)
    return (yield from boarder(photo, patience_s))


def _lingers(photo: str, stands_s: float) -> Script:
    """Stands in the only doorway for a while before they are through."""
    yield Walk(Place.AIRLOCK)
    yield face(photo)
    opened = yield WaitFor(lambda world: world.doors[DoorId.EXIT].passable, 10.0)
    if opened and (yield StepInto(DoorId.EXIT, 0.0)):
        yield Wait(stands_s)
        yield Walk(Place.GONE)
        return "passed"
    yield Walk(Place.AWAY)
    return "turned_back"


def _steps_up(lamps: Lamps, who: str, first_s: float, patience_s: float) -> Script:
    """To the spot before the only door, after a token was shown in front of it; sooner or later."""
    yield face(who)
    yield Walk(Place.FRONT)
    if not (yield WaitFor(lambda _world: lamps.green(), LOOKS_S)):
        return (yield from turn_away())
    yield Present(who)
    yield Wait(first_s)
    return (yield from boarder(who, patience_s))


Company = Callable[[Lamps, str, Random], Sequence[Script]]


def _alone(how: Callable[[Random], Manner]) -> Company:
    return lambda lamps, who, chance: [comes(lamps, who, how(chance))]


def _with(other: Callable[[Random], Script]) -> Company:
    return lambda lamps, who, chance: [comes(lamps, who, Manner()), other(chance)]


AT_AN_AIRLOCK: Sequence[tuple[int, Company]] = (
    (72, _alone(lambda chance: Manner(waits_s=chance.uniform(4.0, 16.0)))),
    (3, _alone(lambda _chance: Manner(inside=STRANGER))),
    (2, _alone(lambda _chance: Manner(inside=NONE))),
    (1, _alone(lambda _chance: Manner(token="token_unknown", front=STRANGER, waits_s=2.0))),  # noqa: S106
    (1, _alone(lambda chance: Manner(says=chance.choice((None, Input.DECLINE))))),
    (2, _alone(lambda _chance: Manner(turns_round=True))),
    (2, _alone(lambda _chance: Manner(barges_in=True))),
    (2, _alone(lambda chance: Manner(in_entry_s=chance.uniform(0.5, 25.0)))),
    (2, _alone(lambda chance: Manner(in_exit_s=chance.uniform(0.5, 25.0)))),
    (2, _alone(lambda chance: Manner(calls_after_s=chance.uniform(0.0, 5.0)))),
    (2, _alone(lambda chance: Manner(stays_s=chance.uniform(1.0, 60.0)))),
    (3, _with(lambda _chance: follower("", 15.0, PATIENT))),
    (2, _with(lambda chance: companion(chance.uniform(0.5, 12.0), 15.0))),
)
AT_ONE_DOOR: Sequence[tuple[int, Company]] = (
    (36, lambda _lamps, who, chance: [_boards(who, chance.uniform(6.0, 15.0))]),
    (2, lambda _lamps, _who, _chance: [_boards(STRANGER, 6.0)]),
    (2, lambda _lamps, who, chance: [_lingers(who, chance.uniform(1.0, 25.0))]),
    (3, lambda _lamps, who, _chance: [_boards(who, 10.0), _boards(who, 10.0)]),
    (2, lambda _lamps, who, chance: [_boards(who, chance.uniform(0.1, 2.0))]),
)
AT_ONE_DOOR_BY_TOKEN: Sequence[tuple[int, Company]] = (
    (30, lambda lamps, who, chance: [_steps_up(lamps, who, chance.uniform(0.0, 1.0), 30.0)]),
    (3, lambda lamps, who, chance: [_steps_up(lamps, who, chance.uniform(0.0, 20.0), 5.0)]),
    (3, lambda lamps, who, _chance: [_steps_up(lamps, who, 0.0, 10.0), _boards(STRANGER, 10.0)]),
)
AT_A_COUNTER: Sequence[tuple[int, Company]] = (
    (36, lambda _lamps, who, chance: [passer(who, who, who, stand_s=chance.uniform(5.0, 9.0))]),
    (2, lambda _lamps, who, _chance: [passer(STRANGER, who, who, stand_s=5.0)]),
    (2, lambda _lamps, who, chance: [passer(who, who, who, stand_s=chance.uniform(0.1, 1.5))]),
)


def company(shape: Shape, by_token: bool) -> Sequence[tuple[int, Company]]:
    """Who comes to a lane that is built so, and how often."""
    if shape is Shape.ONE_DOOR:
        return AT_ONE_DOOR_BY_TOKEN if by_token else AT_ONE_DOOR
    return AT_AN_AIRLOCK if shape is Shape.AIRLOCK else AT_A_COUNTER
