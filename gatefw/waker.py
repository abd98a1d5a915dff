"""How one thread wakes another that waits for its sockets."""

import contextlib
import socket
from typing import Self

_READ_BYTES = 4096


class Waker:
    """For the thread that waits: to be registered beside its sockets, and closed by it, as a context, at its end."""

    def __init__(self) -> None:
        self._woken, self._wake = socket.socketpair()
        self._woken.setblocking(False)
        self._wake.setblocking(False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._woken.close()
        self._wake.close()

    def wake(self) -> None:
        """From any thread, at any time. Returns at once; never raises."""
        with contextlib.suppress(OSError):  # full: it is awake; closed: it has ended
            self._wake.send(b"\0")

    def fileno(self) -> int:
        return self._woken.fileno()

    def hear(self) -> None:
        """Once it can be read: what woke it until now wakes it no more."""
        self._woken.recv(_READ_BYTES)
