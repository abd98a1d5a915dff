"""The supervisor's end of `vision.sock`: requests out, replies back through a callback, reconnecting for ever.

Standard library only: the supervisor loads no model and decodes no picture. The protocol is drawn in `vision`.
"""

import contextlib
import itertools
import socket
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gatefw import unix_socket, wire_json
from gatefw.backoff import Backoff
from gatefw.errors import BadReply, DeviceLost
from gatefw.vision_wire import REQUEST_BYTES, Message

CONNECT_S = 2.0
MESSAGES_PER_S = 100
"""A process that says more is not itself, and must not fill the supervisor's queue: it is hung up on."""


class VisionClient:
    """A connection that comes back by itself. `ask` and `close` may be called from any thread; `ask` never waits.

    heard(message): every message of the vision process, in order, on the reader's thread; it must only enqueue. Its
    "id" is what `ask` returned. lost(why): the process went away, or is not there at the first try; said once until it
    is back. Whatever was asked before will not be answered. came(): it is there (again).
    """

    def __init__(
        self,
        path: Path,
        heard: Callable[[Message], None],
        lost: Callable[[str], None],
        came: Callable[[], None],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path, self._heard, self._lost, self._came, self._now_s = path, heard, lost, came, now_s
        unix_socket.checked(path)
        self.pid = 0  # of whoever is connected or was last
        self._numbers = itertools.count(1)
        self._sending = threading.Lock()
        self._socket: socket.socket | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="vision client", daemon=True)
        self._thread.start()

    def ask(self, do: str, **fields: object) -> int:
        """Send a request; returns its id at once. Raises DeviceLost when the process is not there or does not read."""
        with self._sending:
            number = next(self._numbers)
            if self._socket is None:
                raise DeviceLost(f"vision {self._path}: {do} was asked, but nobody is connected there")
            line = wire_json.encode({"id": number, "do": do, **fields})
            try:
                sent = self._socket.send(line, socket.MSG_DONTWAIT)
            except OSError as error:
                self._hang_up()
                raise DeviceLost(f"vision {self._path}: {do} was asked, but sending failed: {error}") from error
            if sent < len(line):
                self._hang_up()
                raise DeviceLost(f"vision {self._path}: {do} was asked, but it does not read what is sent")
            return number

    def hang_up(self) -> None:
        """End the connection, as if the process had; another one is tried as ever."""
        with self._sending:
            self._hang_up()

    def close(self) -> None:
        """Hang up and end the thread. No callback follows. May be called twice."""
        self._closing.set()
        with self._sending:
            self._hang_up()
        self._thread.join()

    def _work(self) -> None:
        backoff, told = Backoff(), False
        while not self._closing.is_set():
            try:
                with self._connected() as connection:
                    told = False
                    self._came()
                    backoff.reset()
                    self._read(connection)
            except Exception as error:  # noqa: BLE001  whatever it says must not end the thread that would tell of it
                known = isinstance(error, OSError | BadReply | DeviceLost)
                if not told and not self._closing.is_set():
                    told = True
                    self._lost(f"vision {self._path}: {error if known else type(error).__name__}")
                if not isinstance(error, OSError | DeviceLost):
                    self._closing.wait(backoff.last_s)
            self._closing.wait(backoff.wait_s())

    @contextlib.contextmanager
    def _connected(self) -> Any:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(CONNECT_S)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * REQUEST_BYTES)
            connection.connect(str(self._path))
            connection.settimeout(None)
            self.pid = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
            with self._sending:
                self._socket = connection
            yield connection
        finally:
            with self._sending:
                self._socket = None
            connection.close()

    def _read(self, connection: socket.socket) -> None:
        lines, second, count = wire_json.Lines(), 0, 0
        while not self._closing.is_set():
            chunk = connection.recv(64 * 1024)
            if not chunk:
                raise DeviceLost("its process went away")
            for line in lines.feed(chunk):
                before, second = second, int(self._now_s())
                count = count + 1 if second == before else 1
                if count > MESSAGES_PER_S:
                    raise BadReply(f"it said more than {MESSAGES_PER_S} things in a second")
                self._heard(wire_json.decode(line))

    def _hang_up(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
