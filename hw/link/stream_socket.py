"""Stream sockets: another process on this machine, or a machine somewhere on a network."""

import socket

from gatefw.errors import DeviceLost

CONNECT_S = 5.0
WRITE_S = 1.0
"""Who does not take a few kilobytes within so long does not read."""


class SocketLink:
    """A connection to a unix socket (its path), or to a host and port. Raises DeviceLost when nobody answers there."""

    def __init__(self, address: str | tuple[str, int]) -> None:
        self._name = f"socket {address if isinstance(address, str) else ':'.join(map(str, address))}"
        try:
            self._socket = _connected(address)
        except OSError as problem:
            raise DeviceLost(f"{self._name}: nobody answers: {problem}; is its process running?") from problem

    def read(self, max_bytes: int, timeout_s: float) -> bytes:
        try:
            self._socket.settimeout(timeout_s)
            data = self._socket.recv(max_bytes)
        except (TimeoutError, BlockingIOError):
            return b""
        except OSError as problem:
            raise DeviceLost(f"{self._name}: cannot read: {problem}") from problem
        if not data:
            raise DeviceLost(f"{self._name}: the other end hung up")
        return data

    def write(self, data: bytes) -> None:
        try:
            self._socket.settimeout(WRITE_S)
            self._socket.sendall(data)
        except OSError as problem:  # what of it went out nobody knows
            self.close()
            raise DeviceLost(f"{self._name}: cannot write: {problem}") from problem

    def flush_input(self) -> None:
        while self.read(65536, 0.0):
            pass

    def close(self) -> None:
        self._socket.close()


def _connected(address: str | tuple[str, int]) -> socket.socket:
    if not isinstance(address, str):
        return socket.create_connection(address, CONNECT_S)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(CONNECT_S)
        connection.connect(address)
    except OSError:
        connection.close()
        raise
    return connection
