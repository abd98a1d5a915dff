"""The vision process's end of `vision.sock`: one supervisor at a time, requests in, replies out.

in    {"id": 7, "do": "verify", ...}       anything else on a line ends the connection
out   {"id": 7, "hint": "too_dark"}        any number, as of these: how good a face in a picture is
      {"id": 7, "judged": {"camera": ..., "quality": {...}}}
      {"code": {...}}                      while codes are wanted
      {"id": 7, "done": {...}}             or {"id": 7, "failed": {"kind": ..., "message": ...}}: the last word
      {"health": {...}}                    on connection, and when it changed
"""

import contextlib
import logging
import queue
import select
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gatefw import unix_socket, wire_json
from gatefw.errors import BadReply
from gatefw.vision_wire import REQUEST_BYTES

SEND_S = 1.0
PENDING = 64
MODE = 0o660  # the supervisor may be another user of our group

_log = logging.getLogger(__name__)


class Client:
    """A connected supervisor. Sending to one that went away, or does not read, ends its connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock, self.lines = sock, wire_json.Lines(REQUEST_BYTES)
        self._sending = threading.Lock()
        sock.settimeout(SEND_S)

    def send(self, message: Mapping[str, object]) -> None:
        line = wire_json.encode(message)
        with self._sending, contextlib.suppress(OSError):
            try:
                self.sock.sendall(line)
            except OSError:
                self.sock.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A request. `fields` is what came beside `id` and `do`, not yet looked at."""

    client: Client
    number: int
    do: str
    fields: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Connected:
    client: Client


@dataclass(frozen=True, slots=True, eq=False)
class Gone:
    client: Client


Happening = Asked | Connected | Gone


class Server:
    """Listens at `path` from construction to `close`; puts what happens into `happenings`.

    Raises SetupError when the socket cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.happenings: queue.Queue[Happening] = queue.Queue()
        self._path = path
        self._listener = unix_socket.listen(path, 2, MODE)
        self._wake, self._woken = socket.socketpair()
        self._client: Client | None = None
        self._thread = threading.Thread(target=self._work, name="vision socket", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Hang up, end the thread, remove the socket. May be called twice."""
        with contextlib.suppress(OSError):
            self._wake.send(b"x")
        self._thread.join()
        self._wake.close()

    def _work(self) -> None:
        with self._listener, self._woken:
            while self._turn():
                pass
        if self._client is not None:
            self._client.sock.close()
        self._path.unlink(missing_ok=True)

    def _turn(self) -> bool:
        sources = [self._listener, self._woken] + ([self._client.sock] if self._client else [])
        ready, _, _ = select.select(sources, [], [])
        if self._client is not None and self._client.sock in ready:
            self._receive(self._client)
        if self._listener in ready:  # after that: a supervisor that was killed makes room for the one started again
            self._accept()
        return self._woken not in ready

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError:
            return
        if self._client is not None:
            _log.warning("vision socket: a second client was turned away; one supervisor at a time")
            sock.close()
            return
        self._client = Client(sock)
        self.happenings.put(Connected(self._client))

    def _receive(self, client: Client) -> None:
        try:
            chunk = client.sock.recv(64 * 1024)
            for line in client.lines.feed(chunk):
                self.happenings.put(_asked(client, line))
            if self.happenings.qsize() > PENDING:
                raise BadReply(f"more than {PENDING} requests without waiting for an answer")
        except BadReply as error:
            _log.warning("vision socket: hung up: %s", error)
            chunk = b""
        except OSError:
            chunk = b""
        if not chunk:
            self._client = None
            client.sock.close()
            self.happenings.put(Gone(client))


def _asked(client: Client, line: bytes) -> Asked:
    message = wire_json.decode(line)
    number, do = message.pop("id", None), message.pop("do", None)
    if type(number) is not int or not isinstance(do, str):
        raise BadReply('a request has a whole number "id" and a word "do"')
    return Asked(client, number, do, message)
