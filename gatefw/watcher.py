"""A small process that can only drop outputs. It watches the supervisor, and makes the doors safe when that is gone.

    gatefw watcher FILE

The supervisor connects to `watcher.sock` and sends a byte at every tick of its loop. When the connection ends, or no
byte comes for `STALL_S` (the process is then killed: a stopped process still holds its lines), every door is opened by
its own driver and closed again, which leaves its release line off. `gatefw make-safe` does the same once, at boot and
after any death. What a dead process leaves on its pins is the kernel's choice; this makes it ours.
"""

import contextlib
import logging
import os
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path

import hw
from gatefw import unix_socket
from gatefw.config import Config
from gatefw.config_tables import Device
from gatefw.errors import DeviceError, DeviceLost, GateError
from gatefw.notify import Notifier, Turns
from hw import gpio

SOCKET = "watcher.sock"
STALL_S = 3.0
POLL_S = 0.2
TRY_S = 5.0

_log = logging.getLogger(__name__)


def make_safe(config: Config, try_s: float = TRY_S) -> None:
    """Drive every door's release line to its unpowered level and let go of it: each door closes as its hardware does.

    Lamps and contacts for other systems come to rest as well, as far as they can be had. A door whose line a dying
    process still holds is tried again for `try_s` seconds. Raises DeviceLost after that, SetupError when the pins
    cannot be had at all.
    """
    ends_s, told = time.monotonic() + try_s, set[str]()
    while problems := _drop_all(config, told):
        mends_itself = any(isinstance(problem, DeviceError) for problem in problems)
        if not mends_itself or time.monotonic() >= ends_s:
            raise problems[0]
        time.sleep(0.02)  # the kernel tells nobody when a line becomes free


def _drop_all(config: Config, told: set[str]) -> list[Exception]:
    """Why doors could not be made safe. What cannot be had, or whose driver has a mistake, holds up no other.

    told: lamps of which it was said already that they could not be had.
    """
    problems: list[Exception] = []
    try:
        if config.gpio is not None:
            gpio.open_factory(config.gpio.factory)
    except GateError as problem:  # a door on another wire needs no pins
        problems.append(problem)
    try:
        for device in (*config.having("door"), *config.having("indicator")):
            try:
                _drop(device)
            except Exception as problem:  # noqa: BLE001  whatever it is, the next door is made safe
                if device.role == "door":
                    problems.append(problem)
                elif device.label not in told:  # no lane waits for a lamp
                    told.add(device.label)
                    _log.warning("%s: may still say what is not so: %s", device.label, problem)
    finally:
        gpio.close_factory()
    return problems


def _drop(device: Device) -> None:
    """Opened and closed again, its outputs are as without power; a door is told to secure as well."""
    with contextlib.closing(hw.load(device.role, device.driver).open(device.settings)) as opened:
        if device.role == "door":
            opened.secure()


class Watcher:
    """Serves one supervisor after the other. `safe` is what to do when one is gone. systemd watches its turns."""

    def __init__(
        self, path: Path, safe: Callable[[], None], stall_s: float = STALL_S, notifier: Notifier | None = None
    ) -> None:
        self._listener = unix_socket.listen(path, backlog=1)
        self._listener.settimeout(POLL_S)
        self._path, self._safe, self._stall_s = path, safe, stall_s
        self._notifier = notifier or Notifier()
        self._turns = Turns(self._notifier)
        self._ending = threading.Event()
        self._unsafe = ""  # why the doors are to be made safe, and are not

    def stop(self) -> None:
        self._ending.set()

    def run(self) -> None:
        """Until `stop`. Doors are made safe at start as well: something may have died before us.

        What failed is tried again until it is done or a supervisor is there: one that ends slowly holds its lines.
        """
        with self._listener:
            self._make_safe("at start")
            self._notifier.say("READY=1")
            while not self._ending.is_set():
                self._turns.took()
                try:
                    supervisor, _ = self._listener.accept()
                except TimeoutError:
                    if self._unsafe:
                        self._make_safe(self._unsafe)
                    continue
                with supervisor:
                    self._watch(supervisor)
        self._path.unlink(missing_ok=True)

    def _watch(self, supervisor: socket.socket) -> None:
        pid = struct.unpack("3i", supervisor.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
        supervisor.settimeout(POLL_S)
        heard_s = time.monotonic()
        while not self._ending.is_set():
            self._turns.took()
            try:
                if not supervisor.recv(64):
                    self._make_safe(f"supervisor {pid} is gone")
                    return
                heard_s = time.monotonic()
            except TimeoutError:
                if time.monotonic() - heard_s > self._stall_s:
                    _log.error("supervisor %d is silent for %.1f s and is killed", pid, self._stall_s)
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        if pid > 0:  # 0 is a process of another name space; to `kill` it is this very group
                            os.kill(pid, signal.SIGKILL)
                    heard_s = time.monotonic()
            except OSError:
                self._make_safe(f"supervisor {pid} is gone")
                return

    def _make_safe(self, why: str) -> None:
        again, self._unsafe = why == self._unsafe, why
        try:
            self._safe()
        except Exception as problem:  # noqa: BLE001  the next death must still be noticed
            _log.error("doors are not safe yet (%s): %s", why, problem, exc_info=not again)
        else:
            self._unsafe = ""
            _log.warning("doors made safe: %s", why)


class WatcherLine:
    """The supervisor's end. `beat` never blocks; a watcher that does not read is as good as none."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            self._socket.settimeout(1.0)
            self._socket.connect(unix_socket.checked(path))
            self._socket.setblocking(False)
        except OSError as error:
            self._socket.close()
            raise DeviceLost(f"watcher {path}: {error.strerror}; start `gatefw watcher` for this lane") from error

    def beat(self) -> None:
        """Tell that the loop has ended another tick. Raises DeviceLost."""
        try:
            self._socket.send(b".")
        except BlockingIOError:
            return
        except OSError as error:
            raise DeviceLost(f"watcher: went away: {error.strerror}") from error

    def close(self) -> None:
        self._socket.close()
