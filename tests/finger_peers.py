"""A simulated finger sensor for tests: on a link in virtual time, on an in-process wire, on a pty."""

import threading
import time
from pathlib import Path
from typing import Any

from gatefw.errors import DeviceLost
from hw.finger_r30x import FingerSensor, Settings
from hw.link import MemoryLink, plug
from hw.sim.device_finger_r30x import FingerDevice
from hw.sim.finger_chip import Options
from hw.sim.serial_line import LineAilment, SerialLine
from hw.wire import zfm

QUICK = Options(start_s=0.0, template_bytes=512)


class VirtualLink:
    """A `Link` straight into a device, with a clock that only moves when somebody waits. Keeps what went over it."""

    def __init__(self, device: FingerDevice, url: str = "virtual:finger") -> None:
        self.device, self.url, self.now = device, url, 100.0
        self.written: list[bytes] = []
        self.unplugged = self.closed = self.garbled = False
        self._waiting = bytearray()

    def now_s(self) -> float:
        return self.now

    def read(self, max_bytes: int, timeout_s: float) -> bytes:
        ends_s = self.now + timeout_s
        while not self._waiting and self.now < ends_s:
            self._check()
            self.now = min(ends_s, max(self.now, self.device.next_s()))
            said = self.device.advance(self.now)
            self.now += len(said) * 10 / zfm.BAUD
            self._waiting += bytes(byte ^ 0x80 for byte in said) if self.garbled else said
        data = bytes(self._waiting[:max_bytes])
        del self._waiting[:max_bytes]
        return data

    def write(self, data: bytes) -> None:
        self._check()
        self.written.append(data)
        self.device.receive(data, self.now)

    def flush_input(self) -> None:
        self._waiting.clear()

    def close(self) -> None:
        self.closed = True

    def _check(self) -> None:
        if self.unplugged:
            raise DeviceLost(f"{self.url}: unplugged")


class VirtualSensor:
    """The driver on a virtual link, without a thread anywhere."""

    def __init__(self, options: Options = QUICK, **settings: Any) -> None:
        self.device = FingerDevice(options)
        self.link = VirtualLink(self.device)
        self.settings = Settings(self.link.url, **settings)

    def open(self, *passwords: bytes) -> FingerSensor:
        sensor = FingerSensor(self.settings, self.link, self.link.now_s)
        sensor.begin(passwords or (zfm.PUBLISHED_PASSWORD,))
        return sensor

    def act(self, what: str, **given: Any) -> None:
        self.device.act(what, given, self.link.now)


class MemorySensor:
    """A device on an in-process wire, served by a thread in its own, fast time."""

    url = "memory:finger"

    def __init__(self, options: Options = QUICK) -> None:
        self.device = FingerDevice(options)
        self._end: MemoryLink | None = None
        self._thread: threading.Thread | None = None

    def plug(self) -> None:
        self._end = plug("finger")
        self.device.power_up(0.0)
        self._thread = threading.Thread(target=self._serve, args=(self._end,))
        self._thread.start()

    def unplug(self) -> None:
        if self._end is not None and self._thread is not None:
            self._end.close()
            self._thread.join()
            self._end = None

    def act(self, what: str, **given: Any) -> None:
        self.device.act(what, given, 0.0)

    def _serve(self, end: MemoryLink) -> None:
        now_s = 0.0
        try:
            while True:
                if heard := end.read(4096, 0.1):
                    self.device.receive(heard, now_s)
                while self.device.next_s() < float("inf"):
                    now_s = max(now_s, self.device.next_s())
                    if said := self.device.advance(now_s):
                        end.write(said)
        except DeviceLost:
            return


class PtySensor:
    """A device on a pty at 57,600 baud, served by a thread in real time."""

    def __init__(self, directory: Path, options: Options = QUICK) -> None:
        self.device = FingerDevice(options)
        self._link, self._options = directory / "tty-finger", options
        self.url = f"serial:{self._link}?baud={zfm.BAUD}"
        self._line: SerialLine | None = None

    def plug(self) -> None:
        self._line = SerialLine(self._link, self.device, zfm.BAUD, now_s=time.monotonic())
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._line.run, args=(self._ending,))
        self._thread.start()

    def unplug(self) -> None:
        if self._line is not None:
            self._ending.set()
            self._thread.join()
            self._line.close()
            self._line = None

    def act(self, what: str, **given: Any) -> None:
        self.device.act(what, given, time.monotonic())

    def ail(self, ailment: LineAilment) -> None:
        assert self._line is not None
        self._line.ail(ailment)
