"""Every token reader: one token for each scan, nothing old, honest about being unplugged."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from osdp_bench import Plugged
from peers import PtyDevice

from gatefw.errors import BadReply, DeviceError, DeviceLost
from gatefw.model import Token
from hw.link import MemoryLink, plug
from hw.sim.device_scanner import Scanner
from hw.sim.passport import Holder
from hw.sim.serial_line import SerialLine

ROLE = "reader"


class MemoryDevice:
    """A device on an in-process wire. Bytes sent before the driver opens it are there when it does."""

    def __init__(self) -> None:
        self._end: MemoryLink | None = None

    def plug(self) -> None:
        self._end = plug("tty-scanner")

    def unplug(self) -> None:
        if self._end is not None:
            self._end.close()
            self._end = None

    def send(self, data: bytes) -> None:
        assert self._end is not None
        self._end.write(data)


class _ScannerBench:
    """`tokens` are three that can be presented; their payloads are what nobody may see in a log."""

    tokens = (Token(b"FIRST-1", "]Q1"), Token(b"SECOND"), Token(b"THIRD"))
    node = "tty-scanner"
    complains: tuple[type[DeviceError], str] = (BadReply, "terminator")  # of something else on its port

    def __init__(self, device: "PtyDevice | MemoryDevice | SpokenTo", url: str) -> None:
        self._device, self._url = device, url
        self._device.plug()
        self.driver: Any = None
        self._opened: list[Any] = []

    def open(self) -> Any:
        reader = self.driver.open(self.driver.Settings(link=self._url, max_code_bytes=64))
        self._opened.append(reader)
        return reader

    def present(self, token: Token) -> None:
        self._device.send(token.symbology.encode() + token.payload + b"\r\n")

    def rave(self) -> None:
        """Something else than a reader is plugged in: it sends without end or sense."""
        self._device.send(bytes(range(128, 256)) * 2)

    def unplug(self) -> None:
        self._device.unplug()

    def plug(self) -> None:
        self._device.plug()

    def close(self) -> None:
        for reader in self._opened:
            reader.close()
        self._device.unplug()


def on_a_pty(path: Path) -> _ScannerBench:
    return _ScannerBench(PtyDevice(path / "tty-scanner"), f"serial:{path / 'tty-scanner'}?baud=9600")


def on_a_memory_link(_path: Path) -> _ScannerBench:
    return _ScannerBench(MemoryDevice(), "memory:tty-scanner")


class SpokenTo:
    """A simulated scanner of one family on a pty, served by a thread; what the test does to it is done there."""

    def __init__(self, link: Path, family: str) -> None:
        self._scanner = Scanner(family, held_s=600.0)  # somebody holds the code until it is read
        self._line = SerialLine(link, self._scanner, 115_200, now_s=time.monotonic())
        self._todo: SimpleQueue[tuple[Callable[[], None], threading.Event]] = SimpleQueue()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def plug(self) -> None:
        self._do(lambda: self._line.plug(time.monotonic()))

    def unplug(self) -> None:
        self._do(self._line.unplug)

    def present(self, token: Token) -> None:
        given = {"code": token.payload, "symbology": token.symbology}
        self._do(lambda: self._scanner.act("present", given, time.monotonic()))

    def send(self, data: bytes) -> None:
        self._do(lambda: self._scanner.blurt(data))

    def close(self) -> None:
        if not self._ending.is_set():
            self.unplug()
            self._ending.set()
            self._thread.join()

    def _do(self, what: Callable[[], None]) -> None:
        done = threading.Event()
        self._todo.put((what, done))
        assert done.wait(60.0), "the simulated scanner hangs"

    def _serve(self) -> None:
        while not self._ending.is_set():
            while not self._todo.empty():
                what, done = self._todo.get()
                what()
                done.set()
            self._line.advance(time.monotonic())
            self._ending.wait(0.002)


class _FamilyBench(_ScannerBench):
    """The lane is idle: the scanner is lit."""

    def __init__(self, path: Path, family: str) -> None:
        link = path / "tty-scanner"
        self._family, self._spoken_to = family, SpokenTo(link, family)
        super().__init__(self._spoken_to, f"serial:{link}?baud=115200")

    def open(self) -> Any:
        settings = self.driver.Settings(link=self._url, family=self._family, reply_s=30.0, gap_s=2.0, max_code_bytes=64)
        reader = self.driver.open(settings)
        self._opened.append(reader)
        reader.trigger(True)
        return reader

    def present(self, token: Token) -> None:
        self._spoken_to.present(token)

    def close(self) -> None:
        for reader in self._opened:
            reader.close()
        self._spoken_to.close()


def newland_on_a_pty(path: Path) -> _ScannerBench:
    return _FamilyBench(path, "newland")


def honeywell_on_a_pty(path: Path) -> _ScannerBench:
    return _FamilyBench(path, "honeywell")


class _MrzBench(_ScannerBench):
    """`gap_s` is as long as can be: a machine that is busy tears no zone off."""

    tokens = (Token(Holder(number="FIRST").lines("TD3")), Token(Holder().lines("TD2")), Token(Holder().lines("TD1")))

    def open(self) -> Any:
        reader = self.driver.open(self.driver.Settings(link=self._url, gap_s=5.0))
        self._opened.append(reader)
        return reader

    def present(self, token: Token) -> None:
        self._device.send(token.payload.replace(b"\n", b"\r\n") + b"\r\n")


def mrz_on_a_pty(path: Path) -> _ScannerBench:
    return _MrzBench(PtyDevice(path / "tty-scanner"), f"serial:{path / 'tty-scanner'}?baud=9600")


def mrz_on_a_memory_link(_path: Path) -> _ScannerBench:
    return _MrzBench(MemoryDevice(), "memory:tty-scanner")


class _OsdpBench:
    """In the driver's own thread; see `osdp_bench` for why. On a pty: `test_osdp_line`."""

    tokens = (Token(b"card:26:01020340", "]Z2"), Token(b"card:56:04A1B2C3D4E5F6", "]Z2"), Token(b"keys:4711", "]Z0"))
    node = "tty-card"
    complains: tuple[type[DeviceError], str] = (DeviceLost, "has not answered")

    def __init__(self, path: Path) -> None:
        self._reader = Plugged(path)
        self.plug, self.unplug = self._reader.plug, self._reader.unplug
        self.driver: Any = None

    def open(self) -> Any:
        return self.driver.open(self.driver.Settings(**self._reader.settings(silent_s=1.5)))

    def present(self, token: Token) -> None:
        code = token.payload.removeprefix(b"keys:")
        self._reader.act("present", code=code if code == token.payload else code + b"#")

    def rave(self) -> None:
        self._reader.link.noise = bytes(range(128, 256)) * 2

    def close(self) -> None:
        self._reader.unplug()


def osdp_in_the_drivers_thread(path: Path) -> _OsdpBench:
    return _OsdpBench(path)


BENCHES = {
    "serial": [on_a_pty, on_a_memory_link, newland_on_a_pty, honeywell_on_a_pty],
    "mrz_serial": [mrz_on_a_pty, mrz_on_a_memory_link],
    "osdp": [osdp_in_the_drivers_thread],
}


def test_a_scan_is_one_token_with_its_symbology(bench: Any) -> None:
    reader = bench.open()
    bench.present(bench.tokens[0])
    assert reader.read(timeout_s=30.0) == bench.tokens[0]
    assert reader.read(timeout_s=0.0) is None


def test_scans_that_come_together_are_read_one_by_one_in_their_order(bench: Any) -> None:
    reader = bench.open()
    for token in bench.tokens:
        bench.present(token)
    assert (reader.read(30.0), reader.read(30.0), reader.read(30.0)) == bench.tokens


def test_a_token_never_shows_in_a_log(bench: Any) -> None:
    reader = bench.open()
    bench.present(bench.tokens[0])
    token = reader.read(30.0)
    assert token == bench.tokens[0]
    assert token.payload.decode("ascii")[:5] not in repr(token)


def test_nothing_scanned_is_none_after_the_time(bench: Any) -> None:
    assert bench.open().read(timeout_s=0.01) is None


def test_a_device_that_is_not_there_cannot_be_opened(bench: Any) -> None:
    bench.unplug()
    with pytest.raises(DeviceLost, match=bench.node):
        bench.open()


def test_an_unplugged_reader_is_lost_and_works_again_when_it_is_back(bench: Any) -> None:
    reader = bench.open()
    bench.unplug()
    with pytest.raises(DeviceLost):
        reader.read(timeout_s=30.0)
    reader.close()
    reader.close()
    bench.plug()
    reader = bench.open()
    bench.present(bench.tokens[1])
    assert reader.read(30.0) == bench.tokens[1]


def test_a_reader_that_waits_learns_that_it_was_unplugged(bench: Any) -> None:
    reader, outcome = bench.open(), []

    def wait_for_a_token() -> None:
        try:
            reader.read(timeout_s=60.0)
        except DeviceLost as problem:
            outcome.append(problem)

    waiting = threading.Thread(target=wait_for_a_token)
    waiting.start()
    bench.unplug()
    waiting.join(60.0)
    assert len(outcome) == 1


def test_something_else_on_the_port_is_an_error_and_never_a_token(bench: Any) -> None:
    reader = bench.open()
    bench.rave()
    error, says = bench.complains
    with pytest.raises(error, match=says):
        for _ in range(10):
            assert reader.read(timeout_s=1.0) is None


def test_what_was_scanned_before_the_reader_was_opened_is_forgotten(bench: Any) -> None:
    bench.present(bench.tokens[0])
    reader = bench.open()
    bench.present(bench.tokens[1])
    assert reader.read(30.0) == bench.tokens[1]
