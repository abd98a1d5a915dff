"""Units on one Modbus RTU line: door controllers bound to the world's doors, remote I/O bound to its contacts.

    [world.lines.NAME]
    device = "modbus_line"
    units.1 = { door = "entry_door" }
    units.10 = { inputs = ["zone_airlock", "zone_airlock_many", "fire", "call"] }    # channels 0, 1, 2 ...

A door controller's holding registers, and what it does with them by itself:

    0, 1   identity, 0x47570001        16  status: bit 0 closed, 1 locked, 2 beam broken
    2      command: 1 release, 0 secure        17  fault word, 0 = none (see `act`)
    3      command time-out in 0.1 s; 0 = never. 0 after power-up        18  position, 0 closed to 1000 open
    4      torque limit in percent, 60 after power-up

The command time-out ends a release that nobody repeats. Another unit's number is nobody's: silence.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from gatefw.model import DoorId
from hw.sim.settings import INPUTS
from hw.wire.modbus_rtu import UNITS, Function, Request, Requests, answer, refusal

DOOR_IDENTITY, INPUTS_IDENTITY = 0x47570001, 0x47570002
COMMAND, TIMEOUT, TORQUE, STATUS, FAULT, POSITION = 2, 3, 4, 16, 17, 18
FRESH = {COMMAND: 0, TIMEOUT: 0, TORQUE: 60}
NO_SUCH_FUNCTION, NO_SUCH_ADDRESS = 1, 2
TURNAROUND_S = 0.002


class Leaf(Protocol):
    """What a controller knows of its leaf by itself: from 0, closed, to 1."""

    @property
    def opening(self) -> float: ...


class Site(Protocol):
    """What the units are wired to: a `World`, or a test's stand-in."""

    @property
    def doors(self) -> Mapping[DoorId, Leaf]: ...
    def circuit(self, name: str) -> bool: ...
    def drive(self, door: DoorId, on: bool) -> None: ...


@dataclass
class DoorController:
    site: Site
    door: DoorId
    identity: int = DOOR_IDENTITY
    fault: int = 0
    keeps_torque: bool = False  # it confirms a torque limit and keeps the one it had
    registers: dict[int, int] = field(default_factory=lambda: dict(FRESH))
    commanded_s: float = -math.inf

    def restart(self) -> None:
        self.registers = dict(FRESH)
        self.site.drive(self.door, False)

    def ends_s(self) -> float:
        """When its command time-out will end the release."""
        steps = self.registers[TIMEOUT]
        return self.commanded_s + steps / 10 if self.registers[COMMAND] and steps else math.inf

    def advance(self, now_s: float) -> None:
        if now_s >= self.ends_s():
            self.registers[COMMAND] = 0
            self.site.drive(self.door, False)

    def obey(self, request: Request, now_s: float) -> bytes:
        if request.function is Function.WRITE_REGISTER:
            if request.address not in self.registers:
                return refusal(request, NO_SUCH_ADDRESS)
            self._write(request.address, request.value, now_s)
            return answer(request, ())
        if request.function is not Function.READ_HOLDING:
            return refusal(request, NO_SUCH_FUNCTION)
        there = self._read()
        wanted = range(request.address, request.address + request.count)
        if any(address not in there for address in wanted):
            return refusal(request, NO_SUCH_ADDRESS)
        return answer(request, [there[address] for address in wanted])

    def _write(self, address: int, value: int, now_s: float) -> None:
        if address == TORQUE and self.keeps_torque:
            return
        self.registers[address] = value
        if address == COMMAND:
            self.commanded_s = now_s
            self.site.drive(self.door, value == 1)

    def _read(self) -> dict[int, int]:
        circuits = [self.site.circuit(f"{self.door}.{name}") for name in ("closed", "locked", "beam")]
        status = circuits[0] | circuits[1] << 1 | (not circuits[2]) << 2
        position = round(1000 * self.site.doors[self.door].opening)
        identity = {0: self.identity >> 16, 1: self.identity & 0xFFFF}
        return {**identity, **self.registers, STATUS: status, FAULT: self.fault, POSITION: position}


@dataclass
class RemoteInputs:
    site: Site
    names: tuple[str, ...]
    identity: int = INPUTS_IDENTITY

    def restart(self) -> None:
        """It keeps nothing."""

    def ends_s(self) -> float:
        return math.inf

    def advance(self, now_s: float) -> None:
        """It does nothing by itself."""

    def obey(self, request: Request, _now_s: float) -> bytes:
        if request.function is Function.READ_HOLDING and (request.address, request.count) == (0, 2):
            return answer(request, (self.identity >> 16, self.identity & 0xFFFF))
        if request.function is not Function.READ_INPUTS:
            return refusal(request, NO_SUCH_FUNCTION)
        if request.address + request.count > len(self.names):
            return refusal(request, NO_SUCH_ADDRESS)
        names = self.names[request.address : request.address + request.count]
        return answer(request, [self.site.circuit(name) for name in names])


class ModbusLine:
    """A `LineDevice`: every unit that hangs on one wire. `mute` are the numbers whose unit says nothing."""

    self_powered = True  # a cut line does not keep a controller from ending a release

    def __init__(self, units: Mapping[int, DoorController | RemoteInputs]) -> None:
        self.units, self.mute = dict(units), set[int]()
        self._heard, self._says = Requests(), bytearray()
        self._says_at_s = math.inf

    def receive(self, data: bytes, now_s: float) -> None:
        for request in self._heard.feed(data):
            unit = self.units.get(request.unit)
            if unit is not None and request.unit not in self.mute:
                self._says += unit.obey(request, now_s)
                self._says_at_s = now_s + TURNAROUND_S

    def advance(self, now_s: float) -> bytes:
        for unit in self.units.values():
            unit.advance(now_s)
        if now_s < self._says_at_s:
            return b""
        said, self._says, self._says_at_s = bytes(self._says), bytearray(), math.inf
        return said

    def next_s(self) -> float:
        return min(self._says_at_s, *(unit.ends_s() for unit in self.units.values()), math.inf)

    def power_up(self, now_s: float) -> None:  # noqa: ARG002  nothing here takes time
        """The line was plugged in. The units have a supply of their own: what they were told stands."""
        self._heard, self._says, self._says_at_s = Requests(), bytearray(), math.inf

    def act(self, what: str, given: Mapping[str, Any], now_s: float) -> None:  # noqa: ARG002  none of it takes time
        """`mute` (on), `fault` (word), `identity` (is), `restart`, each of one `unit`. Raises ValueError."""
        number = int(given.get("unit", 0))
        unit = self.units.get(number)
        if unit is None:
            raise ValueError(f"unit {number} is not on this line; there are {', '.join(map(str, self.units))}")
        match what, unit:
            case "mute", _:
                (self.mute.add if given.get("on", True) else self.mute.discard)(number)
            case "fault", DoorController():
                unit.fault = int(given["word"]) & 0xFFFF
            case "identity", _:
                unit.identity = int(given["is"])
            case "restart", _:
                unit.restart()
            case _:
                raise ValueError(f"unit {number} cannot {what!r}; see hw/sim/device_modbus_line.py")


def make(options: Mapping[str, Any], world: Site | None) -> ModbusLine:
    """The units of `[world.lines.NAME]`. Raises ValueError."""
    if unknown := sorted(options.keys() - {"units"}):
        raise ValueError(f"{unknown[0]}: unknown key; known is units")
    tables = options.get("units")
    if world is None or not isinstance(tables, Mapping) or not tables:
        raise ValueError("units: wanted are units.NUMBER = { door = ... } or { inputs = [...] }, in a world")
    return ModbusLine({_number(key): _unit(table, world) for key, table in tables.items()})


def _number(key: str) -> int:
    low, high = UNITS
    if not str(key).isdecimal() or not low <= int(key) <= high:
        raise ValueError(f"units.{key}: a unit has a number from {low} to {high}")
    return int(key)


def _unit(table: object, world: Site) -> DoorController | RemoteInputs:
    match table:
        case {"door": door, **rest} if not rest:
            return DoorController(world, DoorId(door))
        case {"inputs": [*names], **rest} if not rest:
            return RemoteInputs(world, _known(names))
    raise ValueError(f"units: {table!r} is neither {{ door = ... }} nor {{ inputs = [...] }}")


def _known(names: Iterable[object]) -> tuple[str, ...]:
    """The loops of the channels. Raises ValueError for one that no world has."""
    known = tuple(map(str, names))
    if unknown := [name for name in known if name not in INPUTS]:
        raise ValueError(f"inputs: {unknown[0]!r} is no loop of this gate; there are {', '.join(sorted(INPUTS))}")
    return known
