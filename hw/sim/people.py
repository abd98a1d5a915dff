"""People, as small scripts: a generator yields what its person does next and is told how that went.

    def shy(code: str) -> Script:
        yield Walk(Place.FRONT)
        yield Present(code)
        if not (yield Walk(Place.AIRLOCK, patience_s=5.0)):
            return (yield from _turn_away())
        yield LookAway()
        return (yield from _go_out(patience_s=30.0))

A script ends with an outcome: passed (left by the exit), turned_back (left by the entry), not_admitted (never came in),
trapped (still inside when the patience was over; the body stays there). Control messages name one of `SCRIPTS`.
"""

import math
from collections.abc import Callable

from gatefw.model import DoorId, Input, Position
from hw.sim.physics import Place, World
from hw.sim.steps import (
    FRONT_SCANNER,
    Done,
    LeaveByOpenDoor,
    Look,
    LookAway,
    Moment,
    Present,
    Press,
    Script,
    Step,
    StepInto,
    Until,
    Wait,
    WaitFor,
    Walk,
)

SETTLE_S = 5.0
"""How long somebody inside waits for the door behind to close; afterwards an open door is taken for the way out."""


def _secured(door: DoorId) -> Callable[[World], bool]:
    return lambda world: world.doors[door].position is Position.SECURED


def _open(door: DoorId) -> Callable[[World], bool]:
    return lambda world: world.doors[door].passable


def _turn_away() -> Script:
    yield Walk(Place.AWAY)
    return "not_admitted"


def _go_out(patience_s: float) -> Script:
    """Give the door behind a moment to close, then leave by whichever is open."""
    yield WaitFor(_secured(DoorId.ENTRY), SETTLE_S)
    left_by = yield LeaveByOpenDoor(patience_s)
    return {DoorId.EXIT: "passed", DoorId.ENTRY: "turned_back", None: "trapped"}[left_by]


def _face(photo: str) -> Step:
    return Look(photo) if photo else LookAway()


def traveller(
    code: str,
    photo: str = "",
    enter_patience_s: float = 6.0,
    leave_patience_s: float = 30.0,
    scanner: str = FRONT_SCANNER,
) -> Script:
    """Presents a code, walks in, looks at the camera (or not, without a photo), leaves by the door that opens.

    `scanner` may be a camera in front, to which the code is held up.
    """
    yield Walk(Place.FRONT)
    yield Present(code, scanner)
    if not (yield Walk(Place.AIRLOCK, enter_patience_s)):
        return (yield from _turn_away())
    yield _face(photo)
    return (yield from _go_out(leave_patience_s))


def follower(photo: str = "", enter_patience_s: float = 10.0, leave_patience_s: float = 30.0) -> Script:
    """Presents nothing: slips in behind whoever opens the entry door."""
    yield Walk(Place.FRONT)
    yield WaitFor(_open(DoorId.ENTRY), enter_patience_s)
    if not (yield Walk(Place.AIRLOCK, patience_s=0.0)):
        return (yield from _turn_away())
    yield _face(photo)
    return (yield from _go_out(leave_patience_s))


def doorstopper(
    code: str, stand_s: float, photo: str = "", enter_patience_s: float = 6.0, leave_patience_s: float = 30.0
) -> Script:
    """Stands in the entry doorway for a while before coming in."""
    yield Walk(Place.FRONT)
    yield Present(code)
    if not (yield StepInto(DoorId.ENTRY, enter_patience_s)):
        return (yield from _turn_away())
    yield Wait(stand_s)
    yield Walk(Place.AIRLOCK)
    yield _face(photo)
    return (yield from _go_out(leave_patience_s))


def companion(stand_s: float, enter_patience_s: float = 10.0) -> Script:
    """Presents nothing: stops in the entry doorway behind whoever went in, for a while, and goes away again."""
    yield Walk(Place.FRONT)
    if (yield WaitFor(_open(DoorId.ENTRY), enter_patience_s)) and (yield StepInto(DoorId.ENTRY, patience_s=0.0)):
        yield Wait(stand_s)
    return (yield from _turn_away())


def caller(
    code: str,
    photo: str = "",
    press_after_s: float = 0.5,
    enter_patience_s: float = 6.0,
    leave_patience_s: float = 30.0,
) -> Script:
    """Presses the call button some time after coming in, then leaves by the door that opens."""
    yield Walk(Place.FRONT)
    yield Present(code)
    if not (yield Walk(Place.AIRLOCK, enter_patience_s)):
        return (yield from _turn_away())
    yield _face(photo)
    yield WaitFor(_secured(DoorId.ENTRY), SETTLE_S)
    yield Wait(press_after_s)
    yield Press(Input.CALL)
    return (yield from _go_out(leave_patience_s))


def stayer(
    code: str, stay_s: float, photo: str = "", enter_patience_s: float = 6.0, leave_patience_s: float = 30.0
) -> Script:
    """Will not leave for a while, whatever door is open."""
    yield Walk(Place.FRONT)
    yield Present(code)
    if not (yield Walk(Place.AIRLOCK, enter_patience_s)):
        return (yield from _turn_away())
    yield _face(photo)
    yield Wait(stay_s)
    return (yield from _go_out(leave_patience_s))


def undecided(code: str, hesitate_s: float = 0.5) -> Script:
    """Presents a code and goes away again."""
    yield Walk(Place.FRONT)
    yield Present(code)
    yield Wait(hesitate_s)
    return (yield from _turn_away())


SCRIPTS: dict[str, Callable[..., Script]] = {
    script.__name__: script for script in (traveller, follower, doorstopper, companion, caller, stayer, undecided)
}


# ---------------------------------------------------------------- playing a script


class Player:
    """Moves one person by a script, as the person's mind."""

    def __init__(self, name: str, script: Script) -> None:
        self._name, self._script = name, script
        self._step: Step | None = None
        self._since_s = 0.0

    def __call__(self, world: World) -> float:
        me = world.people[self._name]
        try:
            if self._step is None:
                self._begin(world, None)
            while True:
                assert self._step is not None
                match self._step.go(Moment(world, me, self._since_s)):
                    case Done(answer):
                        self._begin(world, answer)
                    case Until(wake_s):
                        return wake_s
        except StopIteration as end:
            world.note("finished", person=self._name, outcome=end.value)
            world.rest(self._name)
            if me.place in (Place.AWAY, Place.GONE):
                world.leave(self._name)
            return math.inf

    def _begin(self, world: World, answer: object) -> None:
        self._step = self._script.send(answer)
        self._since_s = world.now_s


def send_in(world: World, name: str, script: Script, at: Place = Place.AWAY, walk_m_s: float | None = None) -> None:
    """A person appears and acts by a script; its end is in the history as "finished" with the outcome."""
    world.enter(name, Player(name, script), at, walk_m_s)
