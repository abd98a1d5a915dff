"""Where things are along the lane, and a body in it.

    away   front  |entry|  airlock  |exit|  behind   gone        metres along the lane, doors at 1 and 3
    -1       0       1        2        3       4       5

Where a door is absent its opening is a line on the floor. In a lane with an exit door alone "airlock" is the marked
spot before it; in a lane without doors people stand "front", and walk on from there.
"""

from collections.abc import Container
from dataclasses import dataclass
from enum import StrEnum

from gatefw.model import DoorId

DOOR_M = {DoorId.ENTRY: 1.0, DoorId.EXIT: 3.0}
HALF_BODY_M = 0.25


class Place(StrEnum):
    AWAY = "away"
    FRONT = "front"
    AIRLOCK = "airlock"
    BEHIND = "behind"
    GONE = "gone"


BORDERS_M = (-0.5, 0.75, 1.0, 1.25, 2.75, 3.0, 3.25, 4.5)
"""Where a body that walks on is somewhere else: in another place, or in a doorway or out of it."""
PLACE_M = {Place.AWAY: -1.0, Place.FRONT: 0.0, Place.AIRLOCK: 2.0, Place.BEHIND: 4.0, Place.GONE: 5.0}


def place_in_front(doors: Container[DoorId]) -> Place:
    """Where the camera that finds people sees them: the spot before the first door there is, or before none."""
    return Place.AIRLOCK if DoorId.EXIT in doors and DoorId.ENTRY not in doors else Place.FRONT


def place_inside(doors: Container[DoorId]) -> Place:
    """Where the camera that compares faces sees them: before the exit door; without doors that is in front."""
    return Place.AIRLOCK if DoorId.EXIT in doors else Place.FRONT


@dataclass(slots=True)
class Person:
    """A body in the lane. `photo` is the face it shows to the cameras, None while turned away."""

    name: str
    at_m: float
    target_m: float
    walk_m_s: float
    photo: str | None = None
    was_m: float = 0.0
    step_m: float = 0.0
    """Where they were when the world last looked, and how far they go a tick until it does again; below zero: back."""

    @property
    def place(self) -> Place:
        at_m = self.at_m
        if at_m <= 1.0:
            return Place.AWAY if at_m <= -0.5 else Place.FRONT
        if at_m < 3.0:
            return Place.AIRLOCK
        return Place.BEHIND if at_m <= 4.5 else Place.GONE

    def stands_in(self, door: DoorId) -> bool:
        """Whether the body is in the way of this door's leaf and beam."""
        return abs(self.at_m - DOOR_M[door]) < HALF_BODY_M
