"""Keeps a vision process running as a child (`[vision] start = "child"`): starts it again, with backoff, for ever."""

import contextlib
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from gatefw.backoff import Backoff

LIVED_S = 30.0  # one that ran so long is started again without waiting long
ENDS_S = 5.0

_log = logging.getLogger(__name__)
Child = subprocess.Popen[bytes]


class VisionChild:
    """The child ends when we end: its standard input closes. `kill_child` ends one that does not."""

    def __init__(
        self,
        config: Path,
        program: Sequence[str] = (sys.executable, "-m", "gatefw.vision"),
        kill_child: Callable[[Child], None] = Child.kill,
    ) -> None:
        self._command = [*program, "--config", str(config), "--child"]
        self._kill_child = kill_child
        self._ending = threading.Event()
        self._process: Child | None = None
        self._thread = threading.Thread(target=self._keep, name="vision child", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it. One that hangs in the kernel is left behind: nothing ends it but a restart of the machine."""
        self._ending.set()
        process = self._process
        if process is not None and process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
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
        lived = False
        try:
            while True:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(ENDS_S if self._ending.is_set() else LIVED_S)
                    return lived
                lived = True
                if self._ending.is_set():
                    self._kill_child(process)
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(ENDS_S)
                        return lived
                    _log.error("vision process %d was killed and is still there: it hangs in the kernel", process.pid)
                    return lived
        finally:
            if process.stdin is not None:
                with contextlib.suppress(OSError):
                    process.stdin.close()
