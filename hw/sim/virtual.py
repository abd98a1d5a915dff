"""Devices in virtual time: the ports of a lane, fulfilled by a `World` without wires, threads or clocks."""

import math
from dataclasses import dataclass, field

from gatefw.model import Beam, DoorId, Input, Occupancy, Position, Signal, Token, Zone
from gatefw.ports import DoorReading, SensorsReading
from hw.sim.physics import World

_POSITIONS = {
    (True, True): Position.SECURED,
    (True, False): Position.CLOSED,
    (False, False): Position.OPEN,
    (False, True): Position.UNKNOWN,
}
INPUTS = (Input.FIRE, Input.CALL, Input.STOP, Input.EVACUATE, Input.TAMPER, Input.CONFIRM, Input.DECLINE)


@dataclass(slots=True)
class VirtualDoor:
    """A door whose lease ends when its world passes that moment."""

    world: World
    door: DoorId
    ends_s: float = math.inf

    def release(self, lease_s: float) -> None:
        self.ends_s = self.world.now_s + lease_s
        self.world.drive(self.door, True)

    def secure(self) -> None:
        self.ends_s = math.inf
        self.world.drive(self.door, False)

    def read(self) -> DoorReading:
        if self.world.miswired:
            return self._wired()
        return DoorReading(self.world.doors[self.door].position, self.world.beam(self.door))

    def _wired(self) -> DoorReading:
        """As a door's driver makes it of the terminals."""
        closed, locked, clear = (self.world.terminal(f"{self.door}.{line}") for line in ("closed", "locked", "beam"))
        position = _POSITIONS[closed, locked]
        return DoorReading(position, Beam.CLEAR if clear else Beam.BROKEN)


@dataclass(slots=True)
class VirtualSite:
    """All devices of one lane. `advance` lets the world move and ends leases on time."""

    world: World
    doors: dict[DoorId, VirtualDoor] = field(init=False)
    tokens: list[Token] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.doors = {door: VirtualDoor(self.world, door) for door in self.world.doors}
        self.world.on_present = self._present

    def _present(self, _scanner: str, code: bytes) -> None:
        self.tokens.append(Token(code))

    def next_s(self) -> float:
        next_s = self.world.next_s()
        for door in self.doors.values():
            next_s = min(next_s, door.ends_s)
        return next_s

    def advance(self, now_s: float) -> None:
        for door in self.doors.values():
            if door.ends_s <= now_s:
                self.world.advance(door.ends_s)
                door.secure()
        self.world.advance(now_s)

    def read_sensors(self) -> SensorsReading:
        world = self.world
        inside = (world.terminal("zone_airlock"), world.terminal("zone_airlock_many"))
        counted = {(False, False): Occupancy.EMPTY, (True, False): Occupancy.ONE, (True, True): Occupancy.MANY}
        zones = {zone: world.terminal(f"zone_{zone}") for zone in Zone}
        signals = {which: self._signal(which) for which in INPUTS}
        return SensorsReading(counted.get(inside, Occupancy.UNKNOWN), zones, signals)

    def _signal(self, which: Input) -> Signal:
        if which not in self.world.miswired:
            return self.world.signal(which)
        at_rest = which in self.world.settings.normally_closed
        return Signal.OFF if self.world.terminal(which) is at_rest else Signal.ON

    def take_tokens(self) -> list[Token]:
        taken, self.tokens = self.tokens, []
        return taken
