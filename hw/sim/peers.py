"""Stream sockets of the world: one selector, listeners, and clients that never make it wait."""

import json
import selectors
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

LINE_BYTES = 64 * 1024
BACKLOG_BYTES = 32 * 1024 * 1024
"""A client that leaves so much unread is dropped: it would hold the whole history of a long day in memory."""


Cut = Callable[[bytes], tuple[list[bytes], bytes]]
"""Cuts what has come into whole messages and the beginning of the next."""


def lines(data: bytes) -> tuple[list[bytes], bytes]:
    *whole, rest = data.split(b"\n")
    return whole, rest


def sized(data: bytes) -> tuple[list[bytes], bytes]:
    """Messages with two bytes of length before each."""
    whole: list[bytes] = []
    while len(data) >= 2 + (length := int.from_bytes(data[:2], "big")):
        whole.append(data[2 : 2 + length])
        data = data[2 + length :]
    return whole, data


class Peer:
    """One connected client. `line` is called for each message received, `gone` once when the connection ends."""

    def __init__(
        self,
        selector: selectors.BaseSelector,
        stream: socket.socket,
        line: Callable[["Peer", bytes], None],
        gone: Callable[["Peer"], None],
        cut: Cut = lines,
    ) -> None:
        stream.setblocking(False)
        self._selector, self._stream, self._line, self._gone, self._cut = selector, stream, line, gone, cut
        self._unread, self._unsent = b"", bytearray()
        self._open = True
        selector.register(stream, selectors.EVENT_READ, self._ready)

    @property
    def backlog_bytes(self) -> int:
        return len(self._unsent)

    def send(self, message: bytes) -> None:
        """Send now what the kernel takes, the rest when it can. A client that is gone or stopped reading is closed."""
        if not self._open:
            return
        self._unsent += message
        if len(self._unsent) > BACKLOG_BYTES:
            self.close()
            return
        self._flush()

    def send_json(self, message: dict[str, Any]) -> None:
        self.send(json.dumps(message).encode() + b"\n")

    def close(self) -> None:
        if self._open:
            self._open = False
            self._selector.unregister(self._stream)
            self._stream.close()
            self._gone(self)

    def _ready(self, mask: int) -> None:
        if mask & selectors.EVENT_WRITE:
            self._flush()
        if mask & selectors.EVENT_READ and self._open:
            self._receive()

    def _receive(self) -> None:
        try:
            received = self._stream.recv(LINE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            received = b""
        messages, self._unread = self._cut(self._unread + received)
        for line in messages:
            if self._open:
                self._line(self, line)
        if not received or len(self._unread) > LINE_BYTES:
            self.close()

    def _flush(self) -> None:
        try:
            sent = self._stream.send(self._unsent) if self._unsent else 0
        except BlockingIOError:
            sent = 0
        except OSError:
            self.close()
            return
        del self._unsent[:sent]
        wants = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._unsent else 0)
        self._selector.modify(self._stream, wants, self._ready)


class Listener:
    """A unix socket (mode 0600) whose clients it keeps."""

    def __init__(
        self,
        selector: selectors.BaseSelector,
        path: Path,
        line: Callable[[Peer, bytes], None],
        gone: Callable[[Peer], None] = lambda _: None,
        cut: Cut = lines,
    ) -> None:
        self._selector, self._path, self._line, self._on_gone, self._cut = selector, path, line, gone, cut
        self.peers: list[Peer] = []
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(path))
        path.chmod(0o600)
        self._socket.setblocking(False)
        self._socket.listen()
        selector.register(self._socket, selectors.EVENT_READ, self._accept)

    def close(self) -> None:
        for peer in list(self.peers):
            peer.close()
        self._selector.unregister(self._socket)
        self._socket.close()
        self._path.unlink(missing_ok=True)

    def _accept(self, _mask: int) -> None:
        stream, _ = self._socket.accept()
        self.peers.append(Peer(self._selector, stream, self._line, self._forget, self._cut))

    def _forget(self, peer: Peer) -> None:
        self.peers.remove(peer)
        self._on_gone(peer)
