"""A simulated OSDP reader that lives in the driver's own thread: no answer is late, however busy the machine is.

libosdp takes an answer for lost after 0.2 s, by the machine's clock: a reader in a thread of its own would lose its
session whenever that thread is not let run.
"""

import threading
import time
from pathlib import Path
from typing import Any

from gatefw.errors import DeviceLost
from hw.link import lay
from hw.sim.device_osdp_reader import OsdpReaderDevice, make

KEY = bytes(range(0x51, 0x61))


class InThread:
    """A link to a device that is played when the driver reads. `noise` is said in its place; `deaf` hears nothing."""

    def __init__(self, device: OsdpReaderDevice) -> None:
        self.device, self.lost, self.deaf, self.noise = device, False, False, b""
        self.said: list[bytes] = []  # by the driver
        self._inbox = bytearray()

    def read(self, max_bytes: int, timeout_s: float) -> bytes:
        self._check()
        said = self.device.advance(time.monotonic())
        self._inbox += self.noise or (b"" if self.deaf else said)
        if not self._inbox:
            threading.Event().wait(timeout_s)
        data = bytes(self._inbox[:max_bytes])
        del self._inbox[:max_bytes]
        return data

    def write(self, data: bytes) -> None:
        self._check()
        self.said.append(data)
        if not self.deaf:
            self.device.receive(data, time.monotonic())

    def flush_input(self) -> None:
        self._inbox.clear()

    def close(self) -> None:
        pass

    def _check(self) -> None:
        if self.lost:
            raise DeviceLost("memory:tty-card: cannot read: the other end hung up")


class Plugged:
    """A reader on `memory:tty-card` that can be unplugged, and what its driver needs to open it."""

    url = "memory:tty-card"

    def __init__(self, path: Path, **options: Any) -> None:
        self.key_file = path / "card.key"
        write_key(self.key_file, KEY)
        self.device = make({"key": KEY.hex(), **options}, None)
        self.link = InThread(self.device)
        self.plug()

    def plug(self) -> None:
        self.device.power_up(time.monotonic())
        self.lay()

    def lay(self) -> None:
        """The line is there again; the reader was there all the time."""
        self.link = InThread(self.device)
        lay("tty-card", self.link)

    def unplug(self) -> None:
        self.link.lost = True
        lay("tty-card", None)

    def act(self, what: str, **given: Any) -> None:
        self.device.act(what, given, time.monotonic())

    def settings(self, **other: Any) -> dict[str, Any]:
        """Long times: nothing here waits for them, and a machine may stall."""
        return {"link": self.url, "key_file": str(self.key_file), "answer_s": 7.0, "silent_s": 8.0, **other}


def write_key(path: Path, key: bytes, mode: int = 0o600) -> None:
    path.write_text(key.hex())
    path.chmod(mode)
