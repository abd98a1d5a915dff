"""How long after its plug is put in again a simulated device is back in service.

All devices hang on one hub, whose plug is pulled for three seconds, long enough for every owner to wait his longest
between two tries. Measured is from the moment in which the port's node is there again to the moment in which the lane
is told that the device is: node seen, port opened, device proven to be the right one, first answer read. In it is the
device's own start: 200 ms of the finger sensor, and what an OSDP reader takes for its secure session.

`port`, the peer: a bare port is opened, and nobody is asked anything.
"""

import logging
import secrets
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from bench.harness import Row, Samples, row
from gatefw.errors import DeviceLost
from gatefw.finger_worker import FingerWorker
from gatefw.gate_terms import DeviceCame, GateInput
from gatefw.model import DoorId, Reason
from gatefw.worker import Worker
from gatefw.workers import DoorWorker, LastResort, ReaderWorker, SensorsWorker
from hw import door_modbus, finger_r30x, reader_mrz_serial, reader_osdp, reader_serial, sensors_modbus
from hw.link import node_there, open_link
from hw.sim import lines
from hw.sim.device_modbus_line import DOOR_IDENTITY, INPUTS_IDENTITY
from hw.sim.serial_line import SerialLine

ROUNDS = 10
AWAY_S = 3.0
BACK_S = 60.0
INPUTS = ["zone_airlock", "zone_airlock_many", "fire", "call", "stop", "officer_evacuate"]
DOOR = {
    "unit": 1, "unpowered": "secured", "at_boot": "secured", "identity_register": 0, "identity": DOOR_IDENTITY,
    "command_register": 2, "timeout_register": 3, "status_register": 16, "fault_register": 17,
    "position_register": 18, "position_open": 1000,
}  # fmt: skip


def run(rounds: int) -> list[Row]:
    """A row for each device. Raises DeviceLost when one does not come back."""
    logging.getLogger("gatefw").addHandler(logging.NullHandler())  # that they went is what is wanted here
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, _hub(Path(folder)) as hub:
        samples: Samples = {name: [] for name in ("port", *hub.names)}
        for _ in range(rounds):
            for name, seconds in hub.replug().items():
                samples[name].append(seconds)
    return [row(samples, name, "ms", 1e3, ("port",)) for name in samples]


class Site:
    """What the units of the Modbus line are wired to: doors that stand still, and loops that are closed."""

    doors: Mapping[DoorId, Any] = {door: SimpleNamespace(opening=0.0) for door in DoorId}

    def circuit(self, _name: str) -> bool:
        return True

    def drive(self, door: DoorId, on: bool) -> None:
        """Nobody stands at this door."""


class Hub:
    """Lines, each with a device at its end, and the workers that own them."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._key = folder, secrets.token_hex(16)
        self._lines: dict[str, SerialLine] = {}
        self._back_s: dict[str, float] = {}
        self._heard = threading.Condition()
        self._moving = threading.Lock()
        self.workers = self._owned()

    @property
    def names(self) -> list[str]:
        return [worker.name for worker in self.workers]

    def wire(self, name: str, baud: int, **options: Any) -> None:
        settings = lines.LineSettings(name, baud, options)
        line = SerialLine(self._folder / f"tty-{name}", lines.make(name, settings, Site()), baud)  # type: ignore[arg-type]
        self._lines[name] = line

    def serve(self, ending: threading.Event) -> None:
        """What the world's loop does, for all lines; a plug is not pulled while one is served."""
        while not ending.wait(0.001):
            with self._moving:
                for line in self._lines.values():
                    line.advance(time.monotonic())

    def replug(self) -> dict[str, float]:
        """Pull the plug, wait, put it in again; how long each took to be back."""
        with self._moving:
            for line in self._lines.values():
                line.unplug()
        threading.Event().wait(AWAY_S)
        with self._heard:
            self._back_s.clear()
        with self._moving:
            began_s = time.monotonic()
            for line in self._lines.values():
                line.plug(began_s)
        self.wait_for_all()
        return {"port": _bare(self._folder / "tty-bare"), **{name: self._back_s[name] - began_s for name in self.names}}

    def close(self) -> None:
        for line in self._lines.values():
            line.close()

    def wait_for_all(self) -> None:
        with self._heard:
            back = self._heard.wait_for(lambda: self._back_s.keys() >= set(self.names), BACK_S)
        if not back:
            missing = set(self.names) - self._back_s.keys()
            raise DeviceLost(f"{', '.join(sorted(missing))}: not back {BACK_S:.0f} s after the plug was put in")

    def _put(self, event: GateInput) -> None:
        if isinstance(event, DeviceCame):
            with self._heard:
                self._back_s[event.device] = time.monotonic()
                self._heard.notify_all()

    def _owned(self) -> list[Worker[Any]]:
        key_file = self._folder / "card.key"
        key_file.touch(0o600)
        key_file.write_text(f"{self._key}\n")
        units = {"1": {"door": DoorId.ENTRY.value}, "10": {"inputs": INPUTS}}
        self.wire("scanner", 9600)
        self.wire("mrz_reader", 9600)
        self.wire("osdp_reader", 38400, key=self._key)
        self.wire("finger_r30x", 57600)
        self.wire("modbus_line", 115200, units=units)
        scanner = reader_serial.Settings(self._url("scanner", 9600))
        mrz = reader_mrz_serial.Settings(self._url("mrz_reader", 9600))
        card = reader_osdp.Settings(self._url("osdp_reader", 38400), str(key_file))
        finger = finger_r30x.Settings(self._url("finger_r30x", 57600))
        bus = self._url("modbus_line", 115200)
        door = door_modbus.Settings(link=bus, **DOOR)  # type: ignore[arg-type]
        channels: dict[str, Any] = {name: channel for channel, name in enumerate(INPUTS)}
        inputs = sensors_modbus.Settings(
            link=bus, unit=10, identity_register=0, identity=INPUTS_IDENTITY, fire_normally="open", **channels
        )  # fmt: skip
        asks_nobody = LastResort({}, (), 1.0)
        watched, put = self._watched, self._put
        return [
            watched(ReaderWorker("reader.scanner", partial(reader_serial.open, scanner), put), scanner.link),
            watched(ReaderWorker("reader.mrz", partial(reader_mrz_serial.open, mrz), put), mrz.link),
            watched(ReaderWorker("reader.card", partial(reader_osdp.open, card), put), card.link),
            watched(
                FingerWorker("finger.scanner", partial(finger_r30x.open, finger), put, lambda _: Reason.OK), finger.link
            ),
            watched(DoorWorker(DoorId.ENTRY, partial(door_modbus.open, door), put), bus),
            watched(SensorsWorker("sensors.remote", partial(sensors_modbus.open, inputs), put, asks_nobody), bus),
        ]

    def _url(self, name: str, baud: int) -> str:
        return f"serial:{self._folder / f'tty-{name}'}?baud={baud}"

    def _watched(self, worker: Worker[Any], link: str) -> Worker[Any]:
        worker.there = partial(node_there, link)
        return worker


def _bare(path: Path) -> float:
    line = SerialLine(path, lines.make("bare", lines.LineSettings("scanner")), 9600)
    line.unplug()
    line.plug(0.0)
    began_s = time.monotonic()
    try:
        open_link(f"serial:{path}").close()
        return time.monotonic() - began_s
    finally:
        line.close()


@contextmanager
def _hub(folder: Path) -> Iterator[Hub]:
    """All devices in service."""
    with ExitStack() as stack:
        hub, ending = Hub(folder), threading.Event()
        serving = threading.Thread(target=hub.serve, args=(ending,))
        serving.start()
        stack.callback(hub.close)
        stack.callback(serving.join)
        stack.callback(ending.set)
        for worker in hub.workers:
            worker.start()
            stack.callback(worker.stop)
        hub.wait_for_all()
        yield hub
