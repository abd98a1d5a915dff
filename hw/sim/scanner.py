"""A code scanner at the other end of a serial line: a pty behind a stable link, paced at its symbol rate, able to fail.

The master side is polled, not awaited: while no program has the line open a pty reports a hang-up for ever, and reads
give EIO. What is sent then is lost, as with a cable that nobody listens to.
"""

import math
import os
import select
import tty
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from hw.sim import uart
from hw.sim.settings import ScannerSettings

POLL_S = 0.1
CHUNK_BYTES = 8
TORN_GAP_S = 0.6
CHATTER_S = 1.0
CHATTER = b"$GPGGA,000000.00,,,,,0,00,99.99,,,,,,*48\r\n"
"""What another device says that got this one's socket: a satellite receiver, which also sends ASCII lines."""


class Ailment(StrEnum):
    HEALTHY = "healthy"
    GARBLED = "garbled"  # every third byte has a flipped bit
    LATE = "late"  # a code comes `amount_s` after it was presented
    TORN = "torn"  # a pause in the middle of a code
    MUTE = "mute"  # reads nothing
    WRONG_DEVICE = "wrong_device"  # something else is plugged in, and talks


class Scanner:
    """One scanner. `say` notes what happens to it. Close it when done: it owns a pty and a link."""

    def __init__(self, link: Path, settings: ScannerSettings, say: Callable[..., None]) -> None:
        self._link, self._settings, self._say = link, settings, say
        self._ailment, self._amount_s = Ailment.HEALTHY, 0.0
        self._master: int | None = None
        self._queue: deque[tuple[float, bytes]] = deque()
        self._poll_s = self._chatter_s = -math.inf
        self.plug()

    def plug(self) -> None:
        """Put the plug in: the link appears, perhaps with another device behind it than before."""
        if self._master is not None:
            return
        self._master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(self._master, False)
        self._link.unlink(missing_ok=True)
        self._link.symlink_to(os.ttyname(slave))
        os.close(slave)
        self._say("scanner", scanner=self._name, plugged=True)

    def unplug(self) -> None:
        """Pull the plug: the link goes, whoever has the line open gets EIO."""
        if self._master is None:
            return
        self._link.unlink(missing_ok=True)
        os.close(self._master)
        self._master = None
        self._queue.clear()
        self._say("scanner", scanner=self._name, plugged=False)

    close = unplug

    def ail(self, ailment: Ailment, amount_s: float = 0.0) -> None:
        self._ailment, self._amount_s = ailment, amount_s
        self._say("scanner", scanner=self._name, ailment=ailment)

    def present(self, code: bytes, now_s: float) -> None:
        """A code is held before the window; its bytes follow at the symbol rate, ten bits each."""
        if self._master is None or self._ailment in (Ailment.MUTE, Ailment.WRONG_DEVICE):
            return
        whole = self._settings.prefix.encode() + code + self._settings.terminator.encode()
        if self._ailment is Ailment.GARBLED:
            whole = bytes(byte ^ 0x80 if index % 3 == 0 else byte for index, byte in enumerate(whole))
        start_s = max(now_s, self._queue[-1][0] if self._queue else now_s)
        start_s += self._amount_s if self._ailment is Ailment.LATE else 0.0
        for at in range(0, len(whole), CHUNK_BYTES):
            torn_s = TORN_GAP_S if self._ailment is Ailment.TORN and at >= len(whole) // 2 else 0.0
            chunk = whole[at : at + CHUNK_BYTES]
            self._queue.append((start_s + torn_s + (at + len(chunk)) * 10 / self._settings.baud, chunk))

    def next_s(self) -> float:
        """When `advance` has something to do; infinite while unplugged."""
        if self._master is None:
            return math.inf
        return min(self._poll_s, self._queue[0][0] if self._queue else math.inf)

    def advance(self, now_s: float) -> None:
        if self._ailment is Ailment.WRONG_DEVICE and now_s >= self._chatter_s:
            self._queue.append((now_s, CHATTER))
            self._chatter_s = now_s + CHATTER_S
        if now_s >= self._poll_s:
            self._poll_s = now_s + POLL_S
            self._listen()
        while self._queue and self._queue[0][0] <= now_s:
            self._send(self._queue.popleft()[1])

    def _listen(self) -> None:
        """Read what the host sends, so that its writes never block; EIO while nobody has the line open."""
        if self._master is None or self._hung_up():
            return
        try:
            if heard := os.read(self._master, 4096):
                self._say("scanner", scanner=self._name, heard=heard.decode("latin-1"))
        except OSError:
            return

    def _send(self, chunk: bytes) -> None:
        if self._master is None or self._hung_up():
            self._say("scanner", scanner=self._name, lost_bytes=len(chunk))
            return
        baud = self._settings.baud
        chunk = uart.received(chunk, baud, uart.rate_of(self._master, baud))
        try:
            sent = os.write(self._master, chunk)
        except BlockingIOError:
            sent = 0
        if sent < len(chunk):
            self._say("scanner", scanner=self._name, lost_bytes=len(chunk) - sent)

    def _hung_up(self) -> bool:
        assert self._master is not None
        line = select.poll()
        line.register(self._master, select.POLLIN)
        return any(events & select.POLLHUP for _, events in line.poll(0))

    @property
    def _name(self) -> str:
        return self._link.name.removeprefix("tty-")
