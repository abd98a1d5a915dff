"""What scripts have in common, as parts of generators: coming, showing what one has, going out, turning away."""

from collections.abc import Callable, Generator
from typing import Any

from gatefw.model import DoorId, Position
from hw.sim.finger_chip import QUALITIES
from hw.sim.physics import World
from hw.sim.places import Place
from hw.sim.steps import (
    DOCUMENT_READER,
    FINGER_SENSOR,
    Lay,
    LeaveByOpenDoor,
    Lift,
    Look,
    LookAway,
    Present,
    Script,
    Step,
    WaitFor,
    Walk,
)

SETTLE_S = 5.0
"""How long somebody inside waits for the door behind to close; afterwards an open door is taken for the way out."""
TOUCH_S, BETWEEN_S = 2.0, 0.7
"""How long a finger lies on the sensor, and how long it is away before it is laid down again."""

Part = Generator[Step, Any, None]


def secured(door: DoorId) -> Callable[[World], bool]:
    return lambda world: world.position(door) is Position.SECURED


def opened(*doors: DoorId) -> Callable[[World], bool]:
    """Whether one of these that are there stands open."""
    return lambda world: any(world.doors[door].passable for door in doors if door in world.doors)


def face(photo: str) -> Step:
    return Look(photo) if photo else LookAway()


def show(code: str, scanner: str, document: str) -> Part:
    """Lay the document on its reader, if there is one, and hold the code (or the printed zone) before the scanner."""
    if document:
        yield Lay(DOCUMENT_READER, {"document": document})
    if code:
        yield Present(code, scanner)


def layings(fingers: str) -> list[dict[str, object]]:
    """What is laid down, one after the other. Raises ValueError for what is no finger and no state of one."""
    laid: list[dict[str, object]] = []
    for each in fingers.split():
        number, _, quality = each.partition(":")
        if not number.isdecimal() or (quality or "good") not in QUALITIES:
            raise ValueError(f"{each!r} is no finger: a number, or one with {', '.join(QUALITIES)}: 7:dry")
        laid.append({"finger": int(number), "quality": quality or "good"})
    return laid


def touch(fingers: str) -> Part:
    """Lay one finger after the other on the sensor, until a door opens: "7:dry 7:smudged 7" is one in three states."""
    way_out = opened(*DoorId)
    for laid in layings(fingers):
        yield Lay(FINGER_SENSOR, laid)
        out = yield WaitFor(way_out, TOUCH_S)
        yield Lift(FINGER_SENSOR)
        if out or (yield WaitFor(way_out, BETWEEN_S)):
            return


def turn_away() -> Script:
    yield Lift(DOCUMENT_READER)
    yield Walk(Place.AWAY)
    return "not_admitted"


def go_out(patience_s: float, fingers: str = "") -> Script:
    """Give the door behind a moment to close, lay down the finger, then leave by whichever door is open."""
    yield Lift(DOCUMENT_READER)
    yield WaitFor(secured(DoorId.ENTRY), SETTLE_S)
    yield from touch(fingers)
    left_by = yield LeaveByOpenDoor(patience_s)
    return {DoorId.EXIT: "passed", DoorId.ENTRY: "turned_back", None: "trapped"}[left_by]
