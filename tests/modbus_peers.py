"""Units on a Modbus line for tests: in memory or on a pty, wired to a stand-in for the world that a test moves."""

import select
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

from peers import until

from gatefw.errors import DeviceLost
from gatefw.model import DoorId
from hw.link import MemoryLink, plug
from hw.sim.device_modbus_line import DOOR_IDENTITY, INPUTS_IDENTITY, DoorController, ModbusLine, RemoteInputs
from hw.sim.serial_line import SerialLine

REPLY_S = 2.0  # asked twice: a machine may stall for four seconds
DOOR_UNIT, OTHER_DOOR_UNIT, INPUTS_UNIT = 1, 2, 10
MAP: dict[str, Any] = {
    "unit": DOOR_UNIT,
    "unpowered": "secured",
    "at_boot": "secured",
    "identity_register": 0,
    "identity": DOOR_IDENTITY,
    "command_register": 2,
    "timeout_register": 3,
    "status_register": 16,
    "fault_register": 17,
    "position_register": 18,
    "position_open": 1000,
    "torque_register": 4,
    "fault_names": "motor over current, travel blocked, limit switch",
    "command_timeout_s": 10.0,
    "max_lease_s": 600.0,
    "reply_s": REPLY_S,
    "poll_s": 0.01,
}
"""Settings of the simulated controllers, with times that a busy machine keeps."""
INPUTS_MAP: dict[str, Any] = {
    "unit": INPUTS_UNIT,
    "identity_register": 0,
    "identity": INPUTS_IDENTITY,
    "reply_s": REPLY_S,
    "poll_s": 0.01,
}


T = TypeVar("T")


def opened(attempt: Callable[[], T]) -> T:
    """What `attempt` opens, once the units are there: the peer of a line that was closed takes a moment."""

    def there() -> T | None:
        try:
            return attempt()
        except DeviceLost:
            return None

    device = until(there, "the units to be there")
    assert device is not None
    return device


class Site:
    """Circuits and leaves that a test sets; `shown` is what each door's relay has shown so far."""

    def __init__(self) -> None:
        self.circuits: dict[str, bool] = {}
        self.doors: Any = {door: SimpleNamespace(opening=0.0) for door in DoorId}
        self.shown: dict[DoorId, list[bool]] = {door: [False] for door in DoorId}

    def circuit(self, name: str) -> bool:
        return self.circuits.get(name, name.endswith(".beam"))

    def drive(self, door: DoorId, on: bool) -> None:
        if self.shown[door][-1] is not on:
            self.shown[door].append(on)


class ModbusPeer:
    """Two door controllers and a remote I/O on one line. `url` is what a driver names."""

    url: str

    def __init__(self, inputs: tuple[str, ...] = ()) -> None:
        self.site = Site()
        self.line = ModbusLine(
            {
                DOOR_UNIT: DoorController(self.site, DoorId.ENTRY),
                OTHER_DOOR_UNIT: DoorController(self.site, DoorId.EXIT),
                INPUTS_UNIT: RemoteInputs(self.site, inputs),
            }
        )
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self.serve, name="modbus peer", daemon=True)

    def act(self, what: str, unit: int, **given: Any) -> None:
        self.line.act(what, {"unit": unit, **given}, time.monotonic())

    def serve(self) -> None:
        raise NotImplementedError

    def unplug(self) -> None:
        raise NotImplementedError

    def plug(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self._ending.set()
        self._thread.join()


class InMemory(ModbusPeer):
    """Bytes in this process. `unplug` hangs up."""

    _count = 0

    def __init__(self, _path: Path, inputs: tuple[str, ...] = ()) -> None:
        super().__init__(inputs)
        InMemory._count += 1
        self._name = f"modbus-{InMemory._count}"
        self.url = f"memory:{self._name}"
        self._wants_plug = True
        self._end: MemoryLink | None = None
        self._thread.start()
        self.plug()

    def serve(self) -> None:
        """The wire is one thread's: it plugs and unplugs too, and plugs again when the other end was closed."""
        while not self._ending.is_set():
            if self._wants_plug and self._end is None:
                self._end = plug(self._name)
            elif not self._wants_plug and self._end is not None:
                self._end.close()
                self._end = None
            try:
                if self._end is None:
                    self._ending.wait(0.005)
                else:
                    waits_s = max(0.0, min(0.01, self.line.next_s() - time.monotonic()))
                    self.line.receive(self._end.read(256, waits_s), time.monotonic())
                said = self.line.advance(time.monotonic())
                if said and self._end is not None:
                    self._end.write(said)
            except DeviceLost:
                self._end = None

    def unplug(self) -> None:
        self._wants_plug = False
        until(lambda: self._end is None, "the plug is out")

    def plug(self) -> None:
        self._wants_plug = True
        until(lambda: self._end is not None, "the plug is in")

    def close(self) -> None:
        super().close()
        if self._end is not None:
            self._end.close()


class OnAPty(ModbusPeer):
    """A real pseudo-terminal, paced at 115,200 baud. `unplug` takes the link away and gives whoever has it EIO."""

    def __init__(self, path: Path, inputs: tuple[str, ...] = ()) -> None:
        super().__init__(inputs)
        self._serial = SerialLine(path / "tty-modbus", self.line, 115200, now_s=time.monotonic())
        self._plugged = threading.Event()
        self._wants_plug = True
        self.url = f"serial:{path / 'tty-modbus'}?baud=115200"
        self._thread.start()

    def serve(self) -> None:
        """The line is one thread's: it plugs and unplugs too."""
        while not self._ending.is_set():
            if self._wants_plug:
                self._serial.plug(time.monotonic())
            else:
                self._serial.unplug()
            waits_s = max(0.0, min(0.01, self._serial.next_s() - time.monotonic()))
            if self._serial.fileno() >= 0:
                select.select([self._serial.fileno()], [], [], waits_s)
                self._serial.advance(time.monotonic())
            else:
                self.line.advance(time.monotonic())
                self._ending.wait(waits_s)

    def unplug(self) -> None:
        self._wants_plug = False
        until(lambda: self._serial.fileno() < 0, "the plug is out")

    def plug(self) -> None:
        self._wants_plug = True
        until(lambda: self._serial.fileno() >= 0, "the plug is in")

    def close(self) -> None:
        super().close()
        self._serial.close()
