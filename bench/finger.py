"""What a finger costs at a simulated sensor on a serial line of 57,600 baud, with a template of 512 bytes.

`wire`, the peer: as many bytes as a template and its packets are, there and back over such a line, with nobody at
either end who thinks. `load`: a template is downloaded, read back and compared. `match`: picture, features and
comparison, without the time the sensor takes for a picture. `check`: is it there, does it keep nobody. `wipe`: both
buffers are overwritten and read back. `open`: from the port to a sensor that is proven, checked and wiped. How long it
takes after a plug was pulled is in `replug`.

A traveller waits for `load` while walking up to the sensor, for `match` with the finger on it, and for no `wipe`.
The sensor's own times (picture, features, comparison) are a real one's data sheet's, and not in here.

Seen in November 2026 on two shared, noisy x86-64 cores under Python 3.11.7, 20 rounds, medians (and worst) in ms:
wire 193, check 5 (6), load 203 (203), match 14 (17), wipe 405 (414), open 430 (435).
"""

import math
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from bench.harness import Row, rotate, row
from gatefw.model import Reason
from hw import finger_r30x
from hw.link import open_link
from hw.sim.device_finger_r30x import FingerDevice
from hw.sim.finger_chip import Options
from hw.sim.serial_line import LineDevice, SerialLine
from hw.wire import zfm

ROUNDS = 20
FINGER = 7


def run(rounds: int) -> list[Row]:
    """A row for each step. Raises DeviceError when the simulated sensor does not answer."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        bench = Bench(Path(folder))
        samples = rotate(
            {
                "wire": bench.wire,
                "check": lambda: bench.opened(lambda sensor: sensor.check()),
                "load": lambda: bench.opened(lambda sensor: sensor.load(bench.template)),
                "match": lambda: bench.opened(bench.match),
                "wipe": lambda: bench.opened(lambda sensor: sensor.wipe(), bench.match),
                "open": bench.open,
            },
            rounds,
        )
    return [row(samples, name, "ms", 1e3, ("wire",)) for name in samples]


class Echo:
    """A `LineDevice` that says what it heard, each byte when the line has carried it."""

    def __init__(self) -> None:
        self._due_s, self._heard = math.inf, b""

    def receive(self, data: bytes, now_s: float) -> None:
        self._heard += data
        self._due_s = now_s + len(self._heard) * 10 / zfm.BAUD

    def advance(self, now_s: float) -> bytes:
        if now_s < self._due_s:
            return b""
        said, self._heard, self._due_s = self._heard, b"", math.inf
        return said

    def next_s(self) -> float:
        return self._due_s

    def power_up(self, now_s: float) -> None:
        """It has nothing to forget."""

    def act(self, what: str, given: Mapping[str, Any], now_s: float) -> None:
        raise ValueError(f"{what}: an echo does nothing")


class Bench:
    """Two lines, an echo at one and a sensor at the other; each step is timed alone."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._device = folder, FingerDevice(Options(look_s=0.0))
        self._settings = finger_r30x.Settings(f"serial:{folder / 'tty-finger'}?baud={zfm.BAUD}")
        self._device.act("lay", {"finger": FINGER}, 0.0)
        self.template = self._device.chip.features(FINGER)

    def wire(self) -> float:
        packets = b"".join(zfm.data_packets(self.template, 128))
        url = f"serial:{self._folder / 'tty-echo'}?baud={zfm.BAUD}"
        with self._line("tty-echo", Echo()), closing(open_link(url)) as link:
            began_s = time.perf_counter()
            link.write(packets)
            heard = 0
            while heard < len(packets):
                heard += len(link.read(4096, 1.0))
            return time.perf_counter() - began_s

    def opened(self, step: Callable[[Any], object], before: Callable[[Any], object] = lambda _sensor: None) -> float:
        with self._line("tty-finger", self._device), closing(finger_r30x.open(self._settings)) as sensor:
            before(sensor)
            began_s = time.perf_counter()
            step(sensor)
            return time.perf_counter() - began_s

    def match(self, sensor: Any) -> None:
        assert sensor.look() is Reason.OK
        sensor.compare()

    def open(self) -> float:
        with self._line("tty-finger", self._device):
            began_s = time.perf_counter()
            sensor = finger_r30x.open(self._settings)
            took_s = time.perf_counter() - began_s
            sensor.close()
        return took_s

    @contextmanager
    def _line(self, name: str, device: LineDevice) -> Iterator[None]:
        """A device on a line for a while; it has been under power for long."""
        begin_s = time.monotonic() - 10.0
        line, ending = SerialLine(self._folder / name, device, zfm.BAUD, now_s=begin_s), threading.Event()
        thread = threading.Thread(target=line.run, args=(ending,))
        thread.start()
        try:
            yield
        finally:
            ending.set()
            thread.join()
            line.close()
