"""A lane as pins alone, as quick as pins can be: what is late from an input to a lock is late by the gate's doing.

Doors and people are not played. A lock gives way, and catches again, in the moment in which its line is driven.
"""

import contextlib
import json
import selectors
import socket
import threading
import time
from pathlib import Path
from typing import Any

from hw.urgent import hurry

FIRE, EVACUATE, OCCUPIED, STOP = 20, 4, 13, 26
LINES = {17: (27, 22), 23: (24, 25)}
"""The release line of each door, and its contacts closed and locked."""
AT_REST = {27: 0, 22: 0, 24: 0, 25: 0, 5: 0, 6: 0, FIRE: 0, STOP: 0}
"""Inputs that are pulled down by a closed contact; every other one is high. The fire loop is closed at rest."""


class Site:
    """Serves the pins at `path` from construction to `close`, on a thread of its own. Times are monotonic seconds."""

    def __init__(self, path: Path) -> None:
        self._levels = {pin: AT_REST.get(pin, 1) for pin in range(28)} | dict.fromkeys(LINES, 0)
        self._owners: dict[int, socket.socket] = {}
        self._outputs: set[int] = set()
        self._buffers: dict[socket.socket, bytes] = {}
        self._changed = threading.Condition()
        self._driven_s: dict[int, float] = {}
        self._wake_in, self._wake_out = socket.socketpair()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._ending = False
        self._thread = threading.Thread(target=self._work, name="site")
        self._thread.start()

    def close(self) -> None:
        self._ending = True
        self._wake_out.send(b".")
        self._thread.join()

    def put(self, pin: int, level: int) -> float:
        """Let an input take a level; when its owner was told."""
        with self._changed:
            at_s = time.monotonic()
            self._set(pin, level)
            return at_s

    def driven(self) -> dict[int, float]:
        """The release lines that are on, and since when."""
        with self._changed:
            return dict(self._driven_s)

    def await_driven(self, lines: set[int], within_s: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: lines <= self._driven_s.keys(), within_s)

    def await_dropped(self, within_s: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: not self._driven_s, within_s)

    # ---------------------------------------------------------------- the thread

    def _work(self) -> None:
        hurry()  # whoever holds the watch is late less often than who is timed
        with selectors.DefaultSelector() as selector, self._listener, self._wake_in, self._wake_out:
            for sock in (self._listener, self._wake_in):
                selector.register(sock, selectors.EVENT_READ)
            while not self._ending:
                for key, _ in selector.select():
                    if key.fileobj is self._listener:
                        client, _ = self._listener.accept()
                        self._buffers[client] = b""
                        selector.register(client, selectors.EVENT_READ)
                    elif isinstance(key.fileobj, socket.socket) and key.fileobj is not self._wake_in:
                        self._hear(key.fileobj, selector)
            for client in self._buffers:
                client.close()

    def _hear(self, client: socket.socket, selector: selectors.BaseSelector) -> None:
        with contextlib.suppress(ConnectionError):
            if received := client.recv(65536):
                *lines, self._buffers[client] = (self._buffers[client] + received).split(b"\n")
                at_s = time.monotonic()
                with self._changed:
                    for line in lines:
                        self._obey(client, json.loads(line), at_s)
                    self._changed.notify_all()
                return
        selector.unregister(client)
        del self._buffers[client]
        client.close()
        with self._changed:
            for pin in [pin for pin, owner in self._owners.items() if owner is client]:
                self._free(pin)
            self._changed.notify_all()

    def _obey(self, client: socket.socket, message: dict[str, Any], at_s: float) -> None:
        match message:
            case {"claim": int(pin)} if self._owners.get(pin, client) is not client:
                self._send(client, {"refused": pin, "why": "EBUSY"})
            case {"claim": int(pin), "direction": "out", "level": int(level)}:
                self._owners[pin] = client
                self._outputs.add(pin)
                self._drive(pin, level, at_s)
                self._send(client, {"pin": pin, "level": level})
            case {"claim": int(pin)}:
                self._owners[pin] = client
                self._send(client, {"pin": pin, "level": self._levels[pin]})
            case {"write": int(pin), "level": int(level)}:
                self._drive(pin, level, at_s)
            case {"free": int(pin)}:
                self._free(pin)

    def _free(self, pin: int) -> None:
        self._owners.pop(pin, None)
        if pin in self._outputs:
            self._outputs.discard(pin)
            self._drive(pin, 0, 0.0)

    def _drive(self, pin: int, level: int, at_s: float) -> None:
        """A lock gives way at once: its contact opens."""
        self._levels[pin] = level
        if pin not in LINES:
            return
        if level:
            self._driven_s.setdefault(pin, at_s)
        else:
            self._driven_s.pop(pin, None)
        self._set(LINES[pin][1], level)

    def _set(self, pin: int, level: int) -> None:
        if self._levels[pin] != level:
            self._levels[pin] = level
            if (owner := self._owners.get(pin)) is not None:
                self._send(owner, {"pin": pin, "level": level})

    def _send(self, client: socket.socket, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):
            client.sendall(json.dumps(message).encode() + b"\n")
