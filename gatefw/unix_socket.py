"""Sockets that are files: made private, and refused by name when their path cannot be one."""

import os
import socket
import stat
from pathlib import Path

from gatefw.errors import SetupError, system_words

PATH_BYTES = 107  # sun_path of unix(7) holds 108 with its end


def checked(path: Path) -> str:
    """`path` as text, or SetupError when the kernel cannot take it as a socket's name."""
    length = len(os.fsencode(path))
    if length > PATH_BYTES:
        raise SetupError(
            f"socket {path}: the path has {length} bytes, the kernel takes {PATH_BYTES}; choose a shorter directory"
        )
    return str(path)


def listen(path: Path, backlog: int, mode: int = 0o600) -> socket.socket:
    """A listening stream socket at `path`, at no moment more open than `mode`; a dead process's socket is replaced.

    Raises SetupError: the path is too long, is something other than a socket, is in use, or cannot be made.
    """
    name = checked(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        _clear(path)
        os.fchmod(listener.fileno(), mode)  # Linux gives the file the mode of the unbound socket: no open moment
        listener.bind(name)
        path.chmod(mode)  # what the umask took away
        listener.listen(backlog)
    except OSError as error:
        listener.close()
        raise SetupError(f"socket {path}: cannot be made: {system_words(error)}") from error
    except SetupError:
        listener.close()
        raise
    return listener


def accept(listener: socket.socket) -> socket.socket | None:
    """Who connected, non-blocking; None: they left again, or the process has no descriptor left; look again later."""
    try:
        sock, _ = listener.accept()
    except OSError:
        return None
    sock.setblocking(False)
    return sock


def _clear(path: Path) -> None:
    """Remove a socket nobody listens on any more."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise SetupError(f"socket {path}: something else has this name; move it away")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
        else:
            raise SetupError(f"socket {path}: another process answers there; stop that one first")
