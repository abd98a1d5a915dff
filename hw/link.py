"""Byte links by URL: how a driver reaches a device on a wire, and how a dialogue is recorded and played back.

    serial:PATH?baud=9600    a serial port, raw, 8N1, opened for us alone; PATH is a stable link (/dev/serial/by-id/...)
    memory:NAME              an in-process wire; `plug(NAME)` gives the device's end, which must be there first
    spy:FILE+URL             the link URL, with both directions and their times written to FILE (0600: it holds tokens)
    replay:FILE              plays such a file back, and objects when the driver writes something else

A dialogue file has one line for every read and write: seconds since the link was opened, `<` (from the device) or `>`
(to the device), the bytes in hex; `#` begins a comment. `... < lost` is where the device went away.

Only the thread that owns a link reads, writes and closes it: a pyserial port closed under a blocked reader raises
TypeError there. Every failure of a link is DeviceLost.
"""

import os
import termios
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol
from urllib.parse import parse_qsl

from gatefw.errors import DeviceLost, FaultError, SetupError

_BY_ID = Path("/dev/serial/by-id")
_WRITE_TIMEOUT_S = 1.0
_MEMORY_CAP_BYTES = 65536


class Link(Protocol):
    """Bytes to and from one device. Every call raises DeviceLost when the device went away."""

    def read(self, max_bytes: int, timeout_s: float) -> bytes:
        """What is there, at least one byte and at most `max_bytes`; `b""` when `timeout_s` passed without a byte."""
        ...

    def write(self, data: bytes) -> None: ...

    def flush_input(self) -> None:
        """Forget what the device sent and nobody read."""
        ...

    def close(self) -> None:
        """Give the device back. May be called twice, and after the device went away."""
        ...


class ReplayMismatch(FaultError):
    """A driver wrote something else than the recorded dialogue says. A test's error, never a device's."""


def open_link(url: str) -> Link:
    """The link for a URL, ready. Raises SetupError for a URL that means nothing, DeviceLost when nobody is there."""
    scheme, _, rest = url.partition(":")
    if scheme == "serial" and rest:
        path, _, query = rest.partition("?")
        return SerialLink(path, _baud(url, query))
    if scheme == "memory" and rest:
        return _plugged(rest)
    if scheme == "spy" and "+" in rest:
        file, _, inner = rest.partition("+")
        return SpyLink(Path(file), open_link(inner), inner)
    if scheme == "replay" and rest:
        return ReplayLink(Path(rest))
    raise SetupError(
        f"link {url!r} is none of serial:PATH?baud=N, memory:NAME, spy:FILE+URL, replay:FILE: correct it in the config"
    )


def _baud(url: str, query: str) -> int:
    options = dict(parse_qsl(query, keep_blank_values=True))
    baud = options.pop("baud", "9600")
    if options or not baud.isdecimal() or not 300 <= int(baud) <= 4_000_000:
        raise SetupError(f"link {url!r}: only ?baud=300 to ?baud=4000000 may follow the path")
    return int(baud)


class SerialLink:
    """A serial port. Source of the exceptions: pyserial 3.5 on a hung-up line, each call tried."""

    def __init__(self, path: str, baud: int) -> None:
        import serial

        self._path = path
        self._lost: tuple[type[Exception], ...] = (serial.SerialException, OSError, termios.error)
        with self._translated("open"):
            self._port = serial.Serial(path, baud, timeout=0, write_timeout=_WRITE_TIMEOUT_S, exclusive=True)

    def read(self, max_bytes: int, timeout_s: float) -> bytes:
        with self._translated("read"):
            if self._port.timeout != timeout_s:  # setting it configures the port anew
                self._port.timeout = timeout_s
            first: bytes = self._port.read(1)
            if not first:
                return b""
            more: bytes = self._port.read(min(self._port.in_waiting, max_bytes - 1))
            return first + more

    def write(self, data: bytes) -> None:
        with self._translated("write"):
            self._port.write(data)

    def flush_input(self) -> None:
        with self._translated("flush"):
            self._port.reset_input_buffer()

    def close(self) -> None:
        self._port.close()

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        try:
            yield
        except self._lost as problem:
            raise DeviceLost(f"serial port {self._path}: cannot {what}: {problem}; {_ports_there()}") from problem


def _ports_there() -> str:
    names = sorted(path.name for path in _BY_ID.iterdir()) if _BY_ID.is_dir() else []
    return f"{_BY_ID} has {', '.join(names)}" if names else f"{_BY_ID} has nothing: is it plugged in and powered?"


class _Wire:
    """Two directions of bytes between two ends in one process; either end may hang up."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.changed = threading.Condition()
        self.taken = False
        self.hung_up = False


class MemoryLink:
    """One end of an in-process wire. What was sent before the other end hung up can still be read."""

    def __init__(self, wire: _Wire, inbox: bytearray, outbox: bytearray) -> None:
        self._wire, self._inbox, self._outbox = wire, inbox, outbox

    def read(self, max_bytes: int, timeout_s: float) -> bytes:
        with self._wire.changed:
            self._wire.changed.wait_for(lambda: self._inbox or self._wire.hung_up, timeout_s)
            if not self._inbox and self._wire.hung_up:
                raise DeviceLost(f"memory:{self._wire.name}: cannot read: the other end hung up")
            data = bytes(self._inbox[:max_bytes])
            del self._inbox[:max_bytes]
            return data

    def write(self, data: bytes) -> None:
        with self._wire.changed:
            if self._wire.hung_up or len(self._outbox) + len(data) > _MEMORY_CAP_BYTES:
                raise DeviceLost(f"memory:{self._wire.name}: cannot write: nobody reads at the other end")
            self._outbox += data
            self._wire.changed.notify_all()

    def flush_input(self) -> None:
        with self._wire.changed:
            self._inbox.clear()

    def close(self) -> None:
        with self._wire.changed, _plugs_lock:
            self._wire.hung_up = True
            if _plugs.get(self._wire.name, (None,))[0] is self._wire:
                del _plugs[self._wire.name]
            self._wire.changed.notify_all()


_plugs: dict[str, tuple[_Wire, MemoryLink]] = {}
_plugs_lock = threading.Lock()


def plug(name: str) -> MemoryLink:
    """The device's end of `memory:NAME`; the driver's `open_link` finds it until either end is closed."""
    wire, to_driver, to_device = _Wire(name), bytearray(), bytearray()
    device = MemoryLink(wire, to_device, to_driver)
    with _plugs_lock:
        _plugs[name] = (wire, MemoryLink(wire, to_driver, to_device))
    return device


def _plugged(name: str) -> MemoryLink:
    with _plugs_lock:
        wire, driver = _plugs.get(name, (None, None))
        if wire is None or driver is None or wire.taken:
            raise DeviceLost(f"memory:{name}: {'already open' if wire else 'nobody is plugged in'}")
        wire.taken = True
        return driver


class SpyLink:
    """A link that also writes every dialogue to a file, in the form that `replay:` plays."""

    def __init__(self, path: Path, inner: Link, url: str, now_s: Callable[[], float] = time.monotonic) -> None:
        self._inner, self._now_s, self._opened_s = inner, now_s, now_s()
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as problem:
            inner.close()
            raise SetupError(f"spy:{path}: cannot record there: {problem}") from problem
        self._file: IO[str] = os.fdopen(descriptor, "w", encoding="ascii", buffering=1)
        self._file.write(f"# {url}\n")

    def read(self, max_bytes: int, timeout_s: float) -> bytes:
        try:
            data = self._inner.read(max_bytes, timeout_s)
        except DeviceLost:
            self._note("<", "lost")
            raise
        if data:
            self._note("<", data.hex())
        return data

    def write(self, data: bytes) -> None:
        self._note(">", data.hex())
        self._inner.write(data)

    def flush_input(self) -> None:
        self._inner.flush_input()

    def close(self) -> None:
        self._file.close()
        self._inner.close()

    def _note(self, direction: str, what: str) -> None:
        self._file.write(f"{self._now_s() - self._opened_s:.6f} {direction} {what}\n")


class ReplayLink:
    """A recorded device: says what it said, once the driver has written what it wrote before. Plays without waiting.

    Every open starts at the top of the file. Raises ReplayMismatch when the driver writes anything else, DeviceLost
    where the recording says so and at its end.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._idle = path, threading.Event()
        self._script: deque[tuple[int, str, bytes | None]] = deque(_dialogue(path))

    def read(self, max_bytes: int, timeout_s: float) -> bytes:
        if not self._script:
            raise DeviceLost(f"replay:{self._path}: the recording is over")
        line, direction, data = self._script[0]
        if direction == ">":
            self._idle.wait(timeout_s)
            return b""
        self._script.popleft()
        if data is None:
            raise DeviceLost(f"replay:{self._path}:{line}: lost, as recorded")
        if len(data) > max_bytes:
            self._script.appendleft((line, direction, data[max_bytes:]))
        return data[:max_bytes]

    def write(self, data: bytes) -> None:
        while data:
            line, direction, expected = self._script[0] if self._script else (0, ">", b"nothing more")
            if direction != ">" or expected is None or not (data.startswith(expected) or expected.startswith(data)):
                raise ReplayMismatch(
                    f"replay:{self._path}:{line}: the driver wrote {data.hex()}, the recording has "
                    f"{direction} {'lost' if expected is None else expected.hex()}"
                )
            self._script.popleft()
            if len(expected) > len(data):
                self._script.appendleft((line, direction, expected[len(data) :]))
            data = data[len(expected) :]

    def flush_input(self) -> None:
        """Nothing to forget: a recording holds only what was read."""

    def close(self) -> None:
        self._script.clear()
        self._idle.set()


def _dialogue(path: Path) -> Iterator[tuple[int, str, bytes | None]]:
    try:
        lines = path.read_text("ascii").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise SetupError(f"replay:{path}: cannot be read: {problem}") from problem
    for number, line in enumerate(lines, 1):
        if not line or line.startswith("#"):
            continue
        try:
            _, direction, what = line.split(" ")
            data = None if what == "lost" else bytes.fromhex(what)
        except ValueError as problem:
            raise SetupError(f"replay:{path}:{number}: {line!r} is not SECONDS < or > HEX") from problem
        if direction not in ("<", ">") or (direction == ">" and data is None):
            raise SetupError(f"replay:{path}:{number}: {line!r} is not SECONDS < or > HEX")
        yield number, direction, data
