"""Serves the metrics on a socket: who connects is told them once. Read only, one after the other, never for long."""

import contextlib
import logging
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from gatefw import unix_socket
from gatefw.errors import DeviceLost, system_words

SOCKET = Path("metrics", "metrics.sock")
"""Below the runtime directory, in a directory whose group may read them and nothing else."""
WAITING = 4
"""Readers in line; the kernel turns away more of them."""
SEND_S = 1.0
"""Who takes longer to read is hung up on."""
TEXT_BYTES = 1024 * 1024
_log = logging.getLogger(__name__)
MODE = 0o660  # its group is that of its directory: see systemd/gatefw.tmpfiles


class MetricsServer:
    """Listens at `path` from construction to `close`; `text` makes what is told, on this thread. Raises SetupError."""

    def __init__(self, path: Path, text: Callable[[], bytes]) -> None:
        self._path, self._text = path, text
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._listener = unix_socket.listen(path, WAITING, MODE)
        self._listener.setblocking(True)
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="metrics")
        self._thread.start()

    def close(self) -> None:
        """End the thread, remove the socket. May be called twice."""
        self._closing = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # ends an accept that waits
        self._thread.join()

    def _work(self) -> None:
        with self._listener:
            while not self._closing:
                with contextlib.suppress(OSError):
                    reader, _ = self._listener.accept()
                    with reader:
                        self._tell(reader)
            self._path.unlink(missing_ok=True)

    def _tell(self, reader: socket.socket) -> None:
        if self._closing:
            return
        try:
            told = self._text()[:TEXT_BYTES]
        except Exception:  # noqa: BLE001  a mistake in a number must not take the others with it
            _log.exception("the metrics could not be made")
            return
        reader.settimeout(SEND_S)
        reader.sendall(told)


def read(path: Path, within_s: float = 5.0) -> bytes:
    """What the supervisor behind that socket tells. Raises DeviceLost, SetupError."""
    told = bytearray()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as connection:
        connection.settimeout(within_s)
        try:
            connection.connect(unix_socket.checked(path))
            while (chunk := connection.recv(64 * 1024)) and len(told) < TEXT_BYTES:
                told += chunk
        except PermissionError as error:
            raise DeviceLost(f"metrics {path}: cannot be read: {system_words(error)}") from error
        except OSError as error:
            raise DeviceLost(
                f"metrics {path}: cannot be read: {system_words(error)}; is `gatefw run` running there?"
            ) from error
    if not told:
        raise DeviceLost(f"metrics {path}: nothing was told; is the daemon ending?")
    return bytes(told)
