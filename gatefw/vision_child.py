"""Keeps a vision process running as a child (`[vision] start = "child"`): starts it again, with backoff, for ever."""

import logging
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from gatefw.backoff import Backoff

LIVED_S = 30.0  # one that ran so long is started again without waiting long
ENDS_S = 5.0

_log = logging.getLogger(__name__)


class VisionChild:
    """The child ends when we end: its standard input closes."""

    def __init__(self, config: Path, program: Sequence[str] = (sys.executable, "-m", "gatefw.vision")) -> None:
        self._command = [*program, "--config", str(config), "--child"]
        self._ending = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, name="vision child", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._ending.set()
        process = self._process
        if process is not None and process.stdin is not None:
            process.stdin.close()
        self._thread.join()

    def _keep(self) -> None:
        backoff = Backoff()
        while not self._ending.is_set():
            try:
                with subprocess.Popen(self._command, stdin=subprocess.PIPE) as process:
                    self._process = process
                    if self._wait(process):
                        backoff.reset()
                why = f"ended with {process.returncode}"
            except OSError as error:  # no memory or descriptor left just now
                why = f"could not be started: {error}"
            if not self._ending.is_set():
                wait_s = backoff.wait_s()
                _log.warning("vision process %s; the next one starts in %.1f s", why, wait_s)
                self._ending.wait(wait_s)

    def _wait(self, process: "subprocess.Popen[bytes]") -> bool:
        """Until it ended, or has to: whether it had lived for a while."""
        lived = False
        while True:
            try:
                process.wait(ENDS_S if self._ending.is_set() else LIVED_S)
                return lived
            except subprocess.TimeoutExpired:
                lived = True
                if self._ending.is_set():
                    process.kill()
