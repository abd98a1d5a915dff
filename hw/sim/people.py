"""People, as small scripts: a generator yields what its person does next and is told how that went.

    def shy(code: str) -> Script:
        yield Walk(Place.FRONT)
        yield Present(code)
        if not (yield Walk(Place.AIRLOCK, patience_s=5.0)):
            return (yield from turn_away())
        yield LookAway()
        return (yield from go_out(patience_s=30.0))

A script ends with an outcome: passed (left by the exit), turned_back (left by the entry), not_admitted (never came in),
trapped (still inside when the patience was over; the body stays there). Control messages name one of `SCRIPTS`.
"""

import math
from collections.abc import Callable

from gatefw.model import DoorId, Input
from hw.sim.faces import boarder, decoy, known, passer
from hw.sim.parts import SETTLE_S, face, go_out, opened, secured, show, turn_away
from hw.sim.physics import World
from hw.sim.places import Place
from hw.sim.steps import FRONT_SCANNER, Done, Moment, Present, Press, Script, Step, StepInto, Until, Wait, WaitFor, Walk


def traveller(
    code: str,
    photo: str = "",
    enter_patience_s: float = 6.0,
    leave_patience_s: float = 30.0,
    scanner: str = FRONT_SCANNER,
    document: str = "",
    fingers: str = "",
) -> Script:
    """Presents a code, walks in, looks at the camera (or not, without a photo), leaves by the door that opens.

    `scanner` may be a camera in front, to which the code is held up, or a reader of printed zones. `document` lies on
    the chip reader meanwhile; `fingers` are laid down inside, one after the other (`parts.touch`).
    """
    yield Walk(Place.FRONT)
    yield from show(code, scanner, document)
    if not (yield Walk(Place.AIRLOCK, enter_patience_s)):
        return (yield from turn_away())
    yield face(photo)
    return (yield from go_out(leave_patience_s, fingers))


def follower(photo: str = "", enter_patience_s: float = 10.0, leave_patience_s: float = 30.0) -> Script:
    """Presents nothing: slips in behind whoever opens the entry door."""
    yield Walk(Place.FRONT)
    yield WaitFor(opened(DoorId.ENTRY), enter_patience_s)
    if not (yield Walk(Place.AIRLOCK, patience_s=0.0)):
        return (yield from turn_away())
    yield face(photo)
    return (yield from go_out(leave_patience_s))


def doorstopper(
    code: str, stand_s: float, photo: str = "", enter_patience_s: float = 6.0, leave_patience_s: float = 30.0
) -> Script:
    """Stands in the entry doorway for a while before coming in."""
    yield Walk(Place.FRONT)
    yield Present(code)
    if not (yield StepInto(DoorId.ENTRY, enter_patience_s)):
        return (yield from turn_away())
    yield Wait(stand_s)
    yield Walk(Place.AIRLOCK)
    yield face(photo)
    return (yield from go_out(leave_patience_s))


def companion(stand_s: float, enter_patience_s: float = 10.0) -> Script:
    """Presents nothing: stops in the entry doorway behind whoever went in, for a while, and goes away again."""
    yield Walk(Place.FRONT)
    if (yield WaitFor(opened(DoorId.ENTRY), enter_patience_s)) and (yield StepInto(DoorId.ENTRY, patience_s=0.0)):
        yield Wait(stand_s)
    return (yield from turn_away())


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
        return (yield from turn_away())
    yield face(photo)
    yield WaitFor(secured(DoorId.ENTRY), SETTLE_S)
    yield Wait(press_after_s)
    yield Press(Input.CALL)
    return (yield from go_out(leave_patience_s))


def stayer(
    code: str, stay_s: float, photo: str = "", enter_patience_s: float = 6.0, leave_patience_s: float = 30.0
) -> Script:
    """Will not leave for a while, whatever door is open."""
    yield Walk(Place.FRONT)
    yield Present(code)
    if not (yield Walk(Place.AIRLOCK, enter_patience_s)):
        return (yield from turn_away())
    yield face(photo)
    yield Wait(stay_s)
    return (yield from go_out(leave_patience_s))


def undecided(code: str, hesitate_s: float = 0.5) -> Script:
    """Presents a code and goes away again."""
    yield Walk(Place.FRONT)
    yield Present(code)
    yield Wait(hesitate_s)
    return (yield from turn_away())


SCRIPTS: dict[str, Callable[..., Script]] = {
    script.__name__: script
    for script in (
        *(traveller, follower, doorstopper, companion, caller, stayer, undecided),
        *(known, decoy, boarder, passer),
    )
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
