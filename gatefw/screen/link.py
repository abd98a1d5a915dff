"""Reads the display socket on a thread of its own, tells what it says and when it says nothing, and sends a touch."""

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

from gatefw import unix_socket, wire_json
from gatefw.errors import BadReply
from gatefw.screen.picture import Line

_log = logging.getLogger(__name__)
SILENT_S = 2.0
"""The supervisor repeats itself more often than that (display.BEAT_S): longer, and nothing it said is true any more."""
AGAIN_S = 0.25
READ_BYTES = 64 * 1024


class Link:
    """From construction to `close`. `heard` is called with each line, and with None once nothing came for SILENT_S."""

    def __init__(self, path: Path, heard: Callable[[Line | None], None], silent_s: float = SILENT_S) -> None:
        unix_socket.checked(path)
        self._path, self._heard, self._silent_s = path, heard, silent_s
        self._lock, self._closing = threading.Lock(), threading.Event()
        self._sock: socket.socket | None = None
        self._heard_s = time.monotonic()
        self._thread = threading.Thread(target=self._work, name="screen link")
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        with self._lock, contextlib.suppress(OSError):
            if self._sock is not None:
                self._sock.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def touch(self, touch: str, run: str) -> bool:
        """Whether it was sent; what becomes of it the next lines say."""
        line = wire_json.encode({"touch": touch, "run": run})
        with self._lock:
            try:
                return self._sock is not None and self._sock.send(line) == len(line)
            except OSError:
                return False

    def _work(self) -> None:
        while not self._closing.is_set():
            try:
                with contextlib.suppress(OSError, BadReply), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
                    self._follow(sock)
            except Exception:  # noqa: BLE001  without this thread the screen would say for ever what it said last
                _log.exception("screen: a line of the lane could not be shown")
            with self._lock:
                self._sock = None
            self._silence()
            self._closing.wait(AGAIN_S)

    def _follow(self, sock: socket.socket) -> None:
        sock.settimeout(AGAIN_S)
        sock.connect(str(self._path))
        with self._lock:
            self._sock = sock
        lines = wire_json.Lines()
        while not self._closing.is_set():
            try:
                chunk = sock.recv(READ_BYTES)
            except TimeoutError:
                self._silence()
                continue
            if not chunk:
                return
            for line in lines.feed(chunk):
                self._heard(wire_json.decode(line))
                self._heard_s = time.monotonic()
            self._silence()

    def _silence(self) -> None:
        if time.monotonic() - self._heard_s >= self._silent_s:
            self._heard(None)
