"""Scripts of people who come with their face alone: to an airlock, to a single door, to a place without doors."""

from typing import Literal

from gatefw.model import DoorId, Input
from hw.sim.parts import face, go_out, opened, show, turn_away
from hw.sim.places import Place
from hw.sim.steps import (
    DOCUMENT_READER,
    FRONT_SCANNER,
    LeaveByOpenDoor,
    Lift,
    PressUntil,
    Script,
    Step,
    Wait,
    WaitFor,
    Walk,
)

Says = Literal["yes", "no", "nothing", "leaves"]
HESITATES_S = 1.5


def _says(answer: Says, patience_s: float) -> Step:
    """What somebody does in front, who is told by nobody that they are asked; its answer is whether the door opened."""
    way_in = opened(DoorId.ENTRY)
    if answer in ("yes", "no"):
        return PressUntil(Input.CONFIRM if answer == "yes" else Input.DECLINE, way_in, patience_s)
    return WaitFor(way_in, HESITATES_S if answer == "leaves" else patience_s)


def known(
    photo: str = "",
    inside: str = "",
    says: Says = "yes",
    fingers: str = "",
    enter_patience_s: float = 15.0,
    leave_patience_s: float = 30.0,
) -> Script:
    """Shows their face in front, answers by the buttons, walks in, lays down a finger, leaves by the door that opens.

    `inside`: another photograph for the camera inside; without `photo` the face is covered. Who `leaves` says nothing.
    """
    yield Walk(Place.FRONT)
    yield face(photo)
    if not (yield _says(says, enter_patience_s)) or not (yield Walk(Place.AIRLOCK, patience_s=0.0)):
        return (yield from turn_away())
    yield face(inside or photo)
    return (yield from go_out(leave_patience_s, fingers))


def decoy(photo: str, says: Says = "yes", enter_patience_s: float = 15.0) -> Script:
    """Shows their face and answers, and goes away once the entry door opens: somebody else (a `follower`) walks in."""
    yield Walk(Place.FRONT)
    yield face(photo)
    yield _says(says, enter_patience_s)
    return (yield from turn_away())


def boarder(photo: str = "", leave_patience_s: float = 10.0) -> Script:
    """Steps up to the only door there is, shows their face, walks through when it opens, else back."""
    yield Walk(Place.AIRLOCK)
    yield face(photo)
    if (yield LeaveByOpenDoor(leave_patience_s)) is DoorId.EXIT:
        return "passed"
    yield Walk(Place.AWAY)
    return "turned_back"


def passer(
    photo: str = "", code: str = "", document: str = "", scanner: str = FRONT_SCANNER, stand_s: float = 5.0
) -> Script:
    """Stands where no door is, shows face or document, and walks on after a while: what is decided, the gate tells."""
    yield Walk(Place.FRONT)
    yield face(photo)
    yield from show(code, scanner, document)
    yield Wait(stand_s)
    yield Lift(DOCUMENT_READER)
    yield Walk(Place.GONE)
    return "went_on"
