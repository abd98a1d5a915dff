"""How people behave at a simulated lane: scripts made of the world's own steps, which see what the lamps show."""

from collections.abc import Callable, Generator
from typing import Any, Protocol

from gatefw.model import DoorId, Input
from gatefw.simulate.traveller import NONE, Traveller
from hw.sim.parts import SETTLE_S, secured
from hw.sim.physics import World
from hw.sim.places import Place, place_in_front
from hw.sim.steps import LeaveByOpenDoor, Look, LookAway, Present, Press, Script, Step, Wait, WaitFor, Walk

GLANCE_S = 0.3
"""How long somebody looks whether the lane has taken their card."""
HESITATES_S = 1.5
"""How long somebody reads the screen before they answer."""
PATIENCE_S = 60.0
DECIDES = ("passes", "declines", "is silent", "walks away", "is swapped", "is followed")

Part = Generator[Step, Any, bool]


class Lamps(Protocol):
    """What people can see of the lane they stand at."""

    world: World
    by_token: bool

    def takes_tokens(self) -> bool:
        """Whether a token shown now is taken."""
        ...

    def invites(self, name: str) -> bool:
        """Whether the first door stands open for this person."""
        ...

    def asks(self, name: str) -> bool:
        """Whether this person's yes is waited for."""
        ...

    def begun(self, name: str) -> int:
        """How many runs of this person there were."""
        ...

    def ended(self, name: str) -> int:
        """How many runs of this person are over."""
        ...


def come(lane: Lamps, me: Traveller) -> Script:
    """Comes, shows what the lane asks for, goes in when invited, and leaves by the door that opens."""
    doors = lane.world.doors
    yield _face(me.shown(me.inside if lane.by_token else me.in_front))
    yield Walk(place_in_front(doors))
    invited = yield from (_show_tokens(lane, me) if lane.by_token else _be_found(lane, me))
    if DoorId.EXIT not in doors:
        yield Walk(Place.GONE)
        return "went_on"
    if not invited or not (yield Walk(Place.AIRLOCK, SETTLE_S)):
        yield Walk(Place.AWAY)
        return "not_admitted"
    yield _face(me.shown(me.inside))
    return (yield from go_out())


def slip_in(lane: Lamps, me: Traveller, of: str) -> Script:
    """Keeps away until the door is open for somebody else, then goes in: at their heels, or in their place."""
    yield WaitFor(lambda _world: lane.invites(of), PATIENCE_S)
    yield Walk(Place.FRONT)
    if me.does == "is followed":
        yield WaitFor(lambda world: of in world.people and world.people[of].stands_in(DoorId.ENTRY), SETTLE_S)
    if not (yield Walk(Place.AIRLOCK, patience_s=0.0)):
        yield Walk(Place.AWAY)
        return "not_admitted"
    yield _face(me.shown(me.inside))
    return (yield from go_out())


def go_out() -> Script:
    """Give the door behind a moment to close, then leave by whichever is open."""
    yield WaitFor(secured(DoorId.ENTRY), SETTLE_S)
    left_by = yield LeaveByOpenDoor(PATIENCE_S)
    return {DoorId.EXIT: "passed", DoorId.ENTRY: "turned_back", None: "trapped"}[left_by]


def _face(photo: str) -> Step:
    return LookAway() if photo == NONE else Look(photo)


def _show_tokens(lane: Lamps, me: Traveller) -> Part:
    """One token after the other until the door opens, each when the lamp is green; whether it did."""
    for run, token in enumerate(me.tokens):
        while lane.begun(me.name) == run:  # a card that the lane does not look at yet is held up again
            yield WaitFor(lambda _world: lane.takes_tokens())
            yield Present(me.shown(token))
            yield Wait(GLANCE_S)
        if me.does == "walks away":
            return False
        yield WaitFor(_called(lane, me, run))
        if lane.invites(me.name):
            return me.does != "is swapped"
    return False


def _be_found(lane: Lamps, me: Traveller) -> Part:
    """Stand there and look; answer when asked; whether the door opened."""
    yield WaitFor(lambda world: lane.asks(me.name) or _called(lane, me, 0)(world))
    if lane.asks(me.name):
        yield Wait(HESITATES_S)
        if me.does == "walks away":
            return False
        if me.does != "is silent":
            yield Press(Input.DECLINE if me.does == "declines" else Input.CONFIRM)
        yield WaitFor(_called(lane, me, 0))
    return lane.invites(me.name) and me.does not in ("is swapped", "walks away")


def _called(lane: Lamps, me: Traveller, run: int) -> Callable[[World], bool]:
    """In, or away: the lane has come to an end with this person in front of it."""
    return lambda _world: lane.invites(me.name) or lane.ended(me.name) > run
