"""A serial line with a simulated device at its end: a pty behind a stable link, paced at its symbol rate, able to fail.

The device is bytes and time only (`LineDevice`); what a cable, a plug or a wrong device does to its bytes is done here,
the same for every device. The world's loop, or `run` in a thread of a test, waits on `fileno` and calls `advance`.

The world keeps the slave side open: without it a pty whose host has closed the line reports a hang-up for ever.
"""

import math
import os
import select
import threading
import time
import tty
from collections import deque
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from hw.sim import uart

CHUNK_BYTES = 8
TORN_GAP_S = 0.6
CHATTER_S = 0.5
CHATTER = b"$GPGGA,000000.00,,,,,0,00,99.99,,,,,,*48\r\n"
"""What another device says that got this one's socket: a satellite receiver, which also sends ASCII lines."""


class LineDevice(Protocol):
    """A device as its wire sees it: bytes in, bytes out, and a clock that is handed in."""

    def receive(self, data: bytes, now_s: float) -> None:
        """Bytes from the host, in whatever pieces."""
        ...

    def advance(self, now_s: float) -> bytes:
        """What it says by now, which may be nothing."""
        ...

    def next_s(self) -> float:
        """When `advance` will have something to do by itself; infinite when only bytes can wake it."""
        ...

    def power_up(self, now_s: float) -> None:
        """It was plugged in: whatever it does not keep without power is gone.

        One that has a supply of its own says `self_powered = True` and goes on by itself while the plug is out.
        """
        ...

    def act(self, what: str, given: Mapping[str, Any], now_s: float) -> None:
        """Something happens to it: a card is shown, its case is opened. Raises ValueError for what it cannot do."""
        ...


class LineAilment(StrEnum):
    """What is wrong with a line or with what is plugged into it."""

    HEALTHY = "healthy"
    GARBLED = "garbled"  # every third byte to the host has a flipped bit
    LATE = "late"  # every answer comes `amount_s` later
    TORN = "torn"  # a pause in the middle of every answer
    MUTE = "mute"  # hears and says nothing
    BABBLING = "babbling"  # says noise without end, at line rate
    WRONG_DEVICE = "wrong_device"  # something else is plugged in, and talks
    REVERSED = "reversed"  # A and B of an RS-485 pair exchanged, on a bus that is biased at its far end


class SerialLine:
    """One line. `say` notes what happens to it. Close it when done: it owns a pty and a link."""

    def __init__(
        self,
        link: Path,
        device: LineDevice,
        baud: int,
        say: Callable[..., None] = lambda *_args, **_facts: None,
        now_s: float = 0.0,
    ) -> None:
        self._link, self.device, self._baud, self._say = link, device, baud, say
        self._ailment, self._amount_s = LineAilment.HEALTHY, 0.0
        self._ends: tuple[int, int] | None = None
        self._lives_on = bool(getattr(device, "self_powered", False))
        self._queue: deque[tuple[float, bytes]] = deque()
        self._busy_until_s = self._chatter_s = -math.inf
        self.plug(now_s)

    @property
    def name(self) -> str:
        return self._link.name.removeprefix("tty-")

    def fileno(self) -> int:
        """The descriptor to wait on for bytes from the host; -1 while unplugged."""
        return self._ends[0] if self._ends else -1

    def plug(self, now_s: float) -> None:
        """Put the plug in: the link appears and the device starts."""
        if self._ends is not None:
            return
        master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)
        self._ends = (master, slave)
        self._link.unlink(missing_ok=True)
        self._link.symlink_to(os.ttyname(slave))
        self.device.power_up(now_s)
        self._say("line", line=self.name, plugged=True)

    def unplug(self) -> None:
        """Pull the plug: the link goes, whoever has the line open gets EIO."""
        if self._ends is None:
            return
        self._link.unlink(missing_ok=True)
        for end in self._ends:
            os.close(end)
        self._ends = None
        self._queue.clear()
        self._say("line", line=self.name, plugged=False)

    close = unplug

    def ail(self, ailment: LineAilment, amount_s: float = 0.0) -> None:
        self._ailment, self._amount_s = ailment, amount_s
        self._say("line", line=self.name, ailment=ailment)

    def next_s(self) -> float:
        """When `advance` has something to do; infinite while unplugged."""
        if self._ends is None:
            return self.device.next_s() if self._lives_on else math.inf
        if self._ailment in (LineAilment.WRONG_DEVICE, LineAilment.BABBLING):
            return min(self._chatter_s, self._queue[0][0] if self._queue else math.inf)
        return min(self.device.next_s(), self._queue[0][0] if self._queue else math.inf)

    def advance(self, now_s: float) -> None:
        """Read what the host sent, let the device answer, and send what is due."""
        if self._ends is None:
            if self._lives_on:
                self.device.advance(now_s)  # nobody hears what it says
            return
        self._hear(now_s)
        self._chatter(now_s)
        said = self.device.advance(now_s)
        if said and self._ailment not in (LineAilment.MUTE, LineAilment.WRONG_DEVICE, LineAilment.BABBLING):
            self._pace(said, now_s)
        while self._queue and self._queue[0][0] <= now_s:
            self._send(self._queue.popleft()[1])

    def run(self, ending: threading.Event) -> None:
        """Serve in real time until `ending`; for tests and demonstrations without a world."""
        while not ending.is_set():
            waits_s = max(0.0, min(0.02, self.next_s() - time.monotonic()))
            if self.fileno() >= 0:
                select.select([self.fileno()], [], [], waits_s)
            else:
                ending.wait(waits_s)
            self.advance(time.monotonic())

    def _hear(self, now_s: float) -> None:
        assert self._ends is not None
        try:
            heard = os.read(self._ends[0], 4096)
        except OSError:  # nothing there, or nobody
            return
        if not heard or self._ailment in (LineAilment.MUTE, LineAilment.WRONG_DEVICE):
            return
        if self._ailment is LineAilment.REVERSED:  # the bus rests at space: so each turn of the line ends in a break
            self._queue.append((now_s, uart.BREAK))
        inverted = self._ailment is LineAilment.REVERSED
        self.device.receive(uart.received(heard, self._host_baud, self._baud, inverted=inverted), now_s)

    def _chatter(self, now_s: float) -> None:
        if now_s < self._chatter_s:
            return
        if self._ailment is LineAilment.WRONG_DEVICE:
            self._chatter_s = now_s + CHATTER_S
            self._pace(CHATTER, now_s)
        elif self._ailment is LineAilment.BABBLING:
            noise = bytes((index * 167 + 13) % 256 for index in range(max(1, self._baud // 200)))
            self._chatter_s = now_s + len(noise) * 10 / self._baud
            self._pace(noise, now_s)

    def _pace(self, said: bytes, now_s: float) -> None:
        """Each byte takes ten bits' time (8N1)."""
        if self._ailment is LineAilment.GARBLED:
            said = bytes(byte ^ 0x80 if index % 3 == 0 else byte for index, byte in enumerate(said))
        start_s = max(now_s, self._busy_until_s) + (self._amount_s if self._ailment is LineAilment.LATE else 0.0)
        for at in range(0, len(said), CHUNK_BYTES):
            torn_s = TORN_GAP_S if self._ailment is LineAilment.TORN and at >= len(said) // 2 else 0.0
            chunk = said[at : at + CHUNK_BYTES]
            self._queue.append((start_s + torn_s + (at + len(chunk)) * 10 / self._baud, chunk))
        self._busy_until_s = self._queue[-1][0]

    @property
    def _host_baud(self) -> int:
        assert self._ends is not None
        return uart.rate_of(self._ends[0], self._baud)

    def _send(self, chunk: bytes) -> None:
        assert self._ends is not None
        inverted = self._ailment is LineAilment.REVERSED and chunk != uart.BREAK
        try:
            sent = os.write(self._ends[0], uart.received(chunk, self._baud, self._host_baud, inverted=inverted))
        except BlockingIOError:  # nobody reads at the other end
            sent = 0
        if sent < len(chunk):
            self._say("line", line=self.name, lost_bytes=len(chunk) - sent)
