"""Serial ports: raw, ours alone, and the one that was meant."""

import errno
import fcntl
import os
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gatefw.errors import DeviceLost
from hw.link import tally
from hw.link.pace import Pace
from hw.link.usb import SYSFS, UsbIdentity, require

_BY_ID = Path("/dev/serial/by-id")
_WRITE_TIMEOUT_S = 1.0
_PTY_MAJORS = range(136, 144)  # Linux, Documentation/admin-guide/devices.txt
_TAKEN = (errno.EAGAIN, errno.EBUSY)

Parity = Literal["none", "even", "odd"]


@dataclass(frozen=True, slots=True)
class SerialPort:
    """Where it is and how it talks; `usb` is what must be behind it, None for whatever is there."""

    path: str
    baud: int = 9600
    parity: Parity = "none"
    stop_bits: int = 1
    usb: UsbIdentity | None = None


class SerialLink:
    """A serial port that is open. Source of the exceptions: pyserial 3.5 on a hung-up line, each call tried.

    It is locked (flock) against who asks, and closed (TIOCEXCL) to everybody but root. Raises WrongDevice when another
    USB device is behind it than the one that is wanted, DeviceLost when it cannot be had.
    """

    def __init__(self, port: SerialPort, sysfs: Path = SYSFS) -> None:
        import serial

        self._path = port.path
        self._pace = Pace(2 * port.baud / 10)  # twice what the line can carry; a USB device knows no line speed
        self._lost: tuple[type[Exception], ...] = (serial.SerialException, OSError, termios.error)
        with self._translated("open"):
            self._port = serial.Serial(
                port.path,
                port.baud,
                parity={"none": serial.PARITY_NONE, "even": serial.PARITY_EVEN, "odd": serial.PARITY_ODD}[port.parity],
                stopbits=port.stop_bits,
                timeout=0,
                write_timeout=_WRITE_TIMEOUT_S,
                exclusive=True,
            )
        try:
            if port.usb is not None:
                require(port.usb, self._port.fileno(), port.path, sysfs)
            with self._translated("be alone on it"):
                self._shut(termios.TIOCEXCL)
        except BaseException:
            self._port.close()
            raise
        self._tally = tally.begin(port.path)

    def read(self, max_bytes: int, timeout_s: float) -> bytes:
        pause_s = self._pace.pause_s(time.monotonic())
        if pause_s:  # what does not fit into the kernel's buffer meanwhile is lost, as it is with a slow reader
            time.sleep(pause_s)  # a device that floods takes no more of the processor than a fast line would
        with self._translated("read"):
            if self._port.timeout != timeout_s:  # setting it configures the port anew
                self._port.timeout = timeout_s
            first: bytes = self._port.read(1)
            if not first:
                return b""
            most = min(max_bytes, self._pace.most(time.monotonic()))
            more: bytes = self._port.read(min(self._port.in_waiting, most - 1))
            self._pace.took(1 + len(more))
            self._tally.hears(first + more)
            return first + more

    def write(self, data: bytes) -> None:
        with self._translated("write"):
            self._port.write(data)
            self._tally.says()

    def flush_input(self) -> None:
        with self._translated("flush"):
            self._port.reset_input_buffer()

    def close(self) -> None:
        if self._port.is_open:
            with suppress(*self._lost):
                self._shut(termios.TIOCNXCL)
        self._port.close()

    def _shut(self, request: int) -> None:
        """A pseudo-terminal would stay shut after the death of who shut it, for as long as its other end is held."""
        descriptor = self._port.fileno()
        if os.major(os.fstat(descriptor).st_rdev) not in _PTY_MAJORS:
            fcntl.ioctl(descriptor, request)

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        try:
            yield
        except self._lost as problem:
            number = getattr(problem, "errno", None)
            taken = what == "open" and number in _TAKEN
            found = os.strerror(number) if isinstance(number, int) else problem  # pyserial names port and number twice
            found, hint = ("it is locked", _holder(self._path)) if taken else (found, _ports_there())
            raise DeviceLost(f"serial port {self._path}: cannot {what}: {found}; {hint}") from problem


def _ports_there() -> str:
    names = sorted(path.name for path in _BY_ID.iterdir()) if _BY_ID.is_dir() else []
    return f"{_BY_ID} has {', '.join(names)}" if names else f"{_BY_ID} has nothing: is it plugged in and powered?"


def _holder(path: str, proc: Path = Path("/proc")) -> str:
    """Who has the port open, as far as we may look."""
    real = os.path.realpath(path)
    for process in proc.glob("[0-9]*"):
        with suppress(OSError):  # not ours to look at, or gone meanwhile
            if any(os.path.realpath(each) == real for each in (process / "fd").iterdir()):
                name = (process / "comm").read_text("utf-8", "replace").strip()
                ours = " (this very process)" if process.name == str(os.getpid()) else ""
                return f"process {process.name}, {name}{ours}, has it: stop that, or correct the path in the config"
    return "another process has it, which we may not look at: `fuser -v` as root names it"
