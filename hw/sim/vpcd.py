"""Lays a virtual chip on the virtual reader of pcscd (vsmartcard's vpcd), over its TCP port.

Messages both ways are two bytes of length, then the bytes. One byte alone is the reader's: 0 off, 1 on, 2 reset, 4 give
me your ATR; everything else is a command for the chip. Taking the document away is closing the connection.
"""

import socket
import threading
from contextlib import suppress

from hw.sim.chip import Chip
from hw.sim.chip_faults import TornOff

PORT = 35963
_OFF, _ON, _RESET, _ATR = b"\x00", b"\x01", b"\x02", b"\x04"
_TCP_QUICKACK = 12


def answered(chip: Chip | None, message: bytes) -> bytes | None:
    """What the chip that lies there says to a reader's message; None to one that nobody answers. Raises TornOff."""
    if message in (_OFF, _ON, _RESET):
        if chip is not None:
            chip.reset()
        return None
    if chip is None:
        return b""
    return chip.atr if message == _ATR else chip.transmit(message)


class VirtualDocument:
    """A document that lies on the reader until it is taken away; a `TornOff` of its chip takes it away too."""

    def __init__(self, chip: Chip, port: int = PORT, connect_within_s: float = 5.0) -> None:
        """Raises OSError: there is no vpcd."""
        self.chip = chip
        self._socket = socket.create_connection(("127.0.0.1", port), connect_within_s)
        self._socket.settimeout(None)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._thread = threading.Thread(target=self._lie, name="virtual document", daemon=True)
        self._thread.start()

    @property
    def lies(self) -> bool:
        """Whether it is still on the reader."""
        return self._thread.is_alive()

    def take_away(self) -> None:
        """May be called twice."""
        with suppress(OSError):  # it is gone already
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def _lie(self) -> None:
        with self._socket:
            try:
                while True:
                    message = self._exactly(int.from_bytes(self._exactly(2), "big"))
                    answer = answered(self.chip, message)
                    if answer is not None:
                        self._socket.sendall(len(answer).to_bytes(2, "big") + answer)
            except (OSError, EOFError, TornOff):
                return

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            # Not sticky: without it every command waits 40 ms for a delayed acknowledgement.
            self._socket.setsockopt(socket.IPPROTO_TCP, _TCP_QUICKACK, 1)
            part = self._socket.recv(count - len(data))
            if not part:
                raise EOFError
            data += part
        return data
