"""Keeps a vision process running as a child (`[vision] start = "child"`): starts it again, with backoff, for ever."""

import contextlib
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from gatefw.backoff import Backoff

LIVED_S = 30.0  # one that ran so long is started again without waiting long
ENDS_S = 5.0
LOOK_S = 0.5

_log = logging.getLogger(__name__)
Child = subprocess.Popen[bytes]


class VisionChild:
    """The child ends when we end: its standard input closes. `kill_child` ends one that does not."""

    def __init__(
        self,
        config: Path,
        program: Sequence[str] = (sys.executable, "-P", "-m", "gatefw.vision"),
        kill_child: Callable[[Child], None] = Child.kill,
        ends_s: float = ENDS_S,
    ) -> None:
        self._command = [*program, "--config", str(config), "--child"]
        self._kill_child, self._ends_s = kill_child, ends_s
        self._ending = threading.Event()
        self._process: Child | None = None
        self._thread = threading.Thread(target=self._keep, name="vision child", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it. One that hangs in the kernel is left behind: nothing ends it but a restart of the machine."""
        self._ending.set()
        process = self._process
        if process is not None:
            _close_input(process)
        self._thread.join()

    def kill(self) -> None:
        """It does not work any more. Whether it ends by that is seen when the next one starts."""
        process = self._process
        if process is not None:
            self._kill_child(process)

    def _keep(self) -> None:
        backoff = Backoff()
        while not self._ending.is_set():
            try:
                self._process = process = subprocess.Popen(self._command, stdin=subprocess.PIPE)
                if self._wait(process):
                    backoff.reset()
                why = f"ended with {process.returncode}"
            except OSError as error:  # no memory or descriptor left just now
                why = f"could not be started: {error}"
            if not self._ending.is_set():
                wait_s = backoff.wait_s()
                _log.warning("vision process %s; the next one starts in %.1f s", why, wait_s)
                self._ending.wait(wait_s)

    def _wait(self, process: Child) -> bool:
        """Until it ended, or has to and does not: whether it had lived for a while."""
        began_s = time.monotonic()
        try:
            while not self._ending.is_set():
                if _ended(process, LOOK_S):
                    return time.monotonic() - began_s >= LIVED_S
            if not _ended(process, self._ends_s):
                self._kill_child(process)
                if not _ended(process, self._ends_s):
                    _log.error("vision process %d was killed and is still there: it hangs in the kernel", process.pid)
            return True
        finally:
            _close_input(process)


def _ended(process: Child, within_s: float) -> bool:
    try:
        process.wait(within_s)
    except subprocess.TimeoutExpired:
        return False
    return True


def _close_input(process: Child) -> None:
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
