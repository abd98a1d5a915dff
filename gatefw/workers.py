"""What one turn of each kind of device is: doors and their last resort, sensors, readers, indicators."""

import math
import threading
import time
from collections.abc import Callable, Mapping

from gatefw.errors import DeviceError
from gatefw.gate_terms import DoorSensed, LaneSensed, TokenRead
from gatefw.interlock import permits
from gatefw.model import Beam, DoorId, Input, Phase, Position, Purpose, Reason, Release, Sensed, Signal
from gatefw.ports import Door, Indicator, Sensors, SensorsReading, TokenReader
from gatefw.worker import Put, Worker

LEVEL_POLL_S = 0.1  # levels are read again at least so often, whatever the edges said
TOKEN_POLL_S = 0.25


class DoorWorker(Worker[Door]):
    """Reads a door after every edge and on a timer; passes `drive` and `drop` on from the loop at once."""

    def __init__(self, door: DoorId, open_device: Callable[[], Door], put: Put) -> None:
        super().__init__(f"door.{door.value}", open_device, put)
        self.door = door
        self._driven_until_s = -math.inf

    def began(self, device: Door) -> None:
        self._last: DoorSensed | None = None
        device.watch(self._wake.set)

    def turn(self, device: Door) -> None:
        if self._last is not None:
            self._rest(LEVEL_POLL_S)
        reading = device.read()
        sensed = DoorSensed(self.door, reading.position, reading.beam)
        if sensed != self._last:
            self._last = sensed
            self._put(sensed)

    @property
    def driven(self) -> bool:
        """Whether a release is under way, though its contacts may not tell yet."""
        return time.monotonic() < self._driven_until_s

    def drive(self, lease_s: float) -> None:
        """Release the door; any thread. A door that is not there was reported already."""
        self._driven_until_s = time.monotonic() + lease_s
        self._act(lambda door: door.release(lease_s))

    def drop(self) -> None:
        self._driven_until_s = -math.inf
        self._act(lambda door: door.secure())

    def position(self) -> Position:
        """Where the door is now, read past the queue; UNKNOWN when it cannot be read."""
        device = self.device
        try:
            return device.read().position if device is not None else Position.UNKNOWN
        except DeviceError as error:
            self.fail(error)
            return Position.UNKNOWN

    def _act(self, what: Callable[[Door], None]) -> None:
        device = self.device
        try:
            if device is not None:
                what(device)
        except DeviceError as error:
            self.fail(error)


class LastResort:
    """The way out that needs neither queue nor loop: called by the thread that reads the inputs, before anybody else.

    Fire and the officer's key release the doors of the escape plan for as long as they are on. The call button, when it
    is pressed, releases the entry as far as the interlock lets it. The loop does the same a moment later, and writes it
    down. What the loop drives for a passage goes through `let_through`, so that neither opens a door while a release
    of the other's is on its way to the lock and no contact tells of it yet.
    """

    def __init__(self, doors: Mapping[DoorId, DoorWorker], emergency: tuple[DoorId, ...], lease_s: float) -> None:
        self._doors, self._emergency, self._lease_s = doors, emergency, lease_s
        self._called = False
        self._one_at_a_time = threading.Lock()

    def act(self, reading: SensorsReading) -> None:
        pressed = {which for which, signal in reading.inputs.items() if signal is Signal.ON}
        called, self._called = Input.CALL in pressed and not self._called, Input.CALL in pressed
        if pressed & {Input.FIRE, Input.EVACUATE}:
            for door in self._emergency:
                self._doors[door].drive(self._lease_s)
        elif called:
            with self._one_at_a_time:
                self._let_back(reading)

    def let_through(self, door: DoorId, lease_s: float) -> None:
        """Drive a door for a passage, unless the other was driven a moment ago: the loop will hear why."""
        with self._one_at_a_time:
            if not self._doors[door.other].driven:
                self._doors[door].drive(lease_s)

    def _let_back(self, reading: SensorsReading) -> None:
        exit_door = self._doors[DoorId.EXIT]
        sensed = Sensed(Position.UNKNOWN, exit_door.position(), Beam.UNKNOWN, Beam.UNKNOWN, reading.occupancy)
        if not exit_door.driven and permits(Release(DoorId.ENTRY, Purpose.WAY_OUT), sensed).permitted:
            self._doors[DoorId.ENTRY].drive(self._lease_s)


class SensorsWorker(Worker[Sensors]):
    """Reads every level of the lane after every edge and on a timer."""

    def __init__(self, name: str, open_device: Callable[[], Sensors], put: Put, last_resort: LastResort) -> None:
        super().__init__(name, open_device, put)
        self._last_resort = last_resort

    def began(self, device: Sensors) -> None:
        self._last: LaneSensed | None = None
        device.watch(self._wake.set)

    def turn(self, device: Sensors) -> None:
        if self._last is not None:
            self._rest(LEVEL_POLL_S)
        reading = device.read()
        self._last_resort.act(reading)
        sensed = _sensed(reading)
        if sensed != self._last:
            self._last = sensed
            self._put(sensed)

    def now(self) -> LaneSensed | None:
        """The levels as they are now, read past the queue; None when they cannot be read."""
        device = self.device
        try:
            return _sensed(device.read()) if device is not None else None
        except DeviceError as error:
            self.fail(error)
            return None


def _sensed(reading: SensorsReading) -> LaneSensed:
    return LaneSensed(reading.occupancy, tuple(reading.zones.items()), tuple(reading.inputs.items()))


class ReaderWorker(Worker[TokenReader]):
    def turn(self, device: TokenReader) -> None:
        token = device.read(TOKEN_POLL_S)
        if token is not None:
            self._put(TokenRead(self.name, token))


class IndicatorWorker(Worker[Indicator]):
    """Shows the newest of what it was told; what came in between is of no interest."""

    _shows: tuple[Phase, Reason | None] = (Phase.RECOVERING, None)

    def began(self, device: Indicator) -> None:
        device.show(*self._shows)

    def turn(self, device: Indicator) -> None:
        self._rest(TOKEN_POLL_S)
        device.show(*self._shows)

    def show(self, phase: Phase, reason: Reason | None) -> None:
        self._shows = (phase, reason)
        self._wake.set()
