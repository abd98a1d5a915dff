"""The devices of a storm's process, as their workers have them."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from gatefw.gate_terms import DoorSensed, LaneSensed
from gatefw.leases import SETTLE_S
from gatefw.model import Beam, Occupancy, Position, Signal
from hw.sim.virtual import VirtualDoor


@dataclass
class Link:
    """A device as its worker has it. `last` is what was told of it."""

    name: str
    there: bool = True
    garbled: int = 0
    late_s: float = 0.0
    twice: bool = False
    last: object = None
    told_until_s: float = -math.inf
    on_the_way: int = 0  # readings that are late and have not come yet


@dataclass
class DoorLink(Link):
    """Of a door: stands where a `DoorWorker` does for the last resort."""

    body: VirtualDoor = field(kw_only=True)
    now: Callable[[], float] = field(kw_only=True)
    driven_until_s: float = -math.inf
    freed_until_s: float = -math.inf
    let_go_until_s: float = -math.inf
    opened: bool = False
    """Whether it opened in the release that is under way."""
    looks_again: bool = False

    @property
    def driven(self) -> bool:
        return self.now() < self.driven_until_s

    @property
    def may_give_way(self) -> bool:
        return self.now() < self.driven_until_s + SETTLE_S

    def drive(self, lease_s: float) -> None:
        if self.there or self.now() < self.freed_until_s:
            self.driven_until_s = self.now() + lease_s
            if self.now() >= self.let_go_until_s:
                self.body.release(lease_s)

    def free(self, lease_s: float) -> None:
        self.freed_until_s = self.now() + lease_s
        self.drive(lease_s)

    def drop(self) -> None:
        if self.there:
            self.driven_until_s = min(self.driven_until_s, self.now())
            self.body.secure()

    @property
    def locked_again(self) -> bool:
        """Whether its own hardware has ended the release that is under way."""
        last = self.last
        shut = isinstance(last, DoorSensed) and last.position is Position.SECURED and last.beam is Beam.CLEAR
        if not (self.driven and shut):
            moved = isinstance(last, DoorSensed) and last.position in (Position.CLOSED, Position.OPEN)
            self.opened = self.driven and (self.opened or moved)
            return False
        return self.opened

    def let_go(self, seconds: float) -> None:
        """Before it is released anew."""
        self.opened, self.let_go_until_s = False, self.now() + seconds
        self.drop()

    def position(self) -> Position:
        last = self.last
        return last.position if self.there and isinstance(last, DoorSensed) else Position.UNKNOWN


def garbled(sensed: LaneSensed, how: int) -> LaneSensed:
    """People that nobody can count, or one input whose wire is broken."""
    if how & 1:
        return LaneSensed(Occupancy.UNKNOWN, sensed.zones, sensed.inputs)
    broken = how // 2 % len(sensed.inputs)
    inputs = (*sensed.inputs[:broken], (sensed.inputs[broken][0], Signal.UNKNOWN), *sensed.inputs[broken + 1 :])
    return LaneSensed(sensed.occupancy, sensed.zones, inputs)
