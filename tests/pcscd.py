"""The real smart card daemon with a virtual reader, for as long as a test needs it. Root's, and one at a time."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

READER = "Virtual PCD 00 00"
_LIBRARY = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
_CONFIG = """FRIENDLYNAME "Virtual PCD"
DEVICENAME /dev/null:0x8C7B
LIBPATH {library}
CHANNELID 0x8C7B
"""


def require() -> None:
    """Skip where the machine lacks a part of it."""
    pytest.importorskip("smartcard.scard", reason="pyscard is not installed")
    if os.geteuid() != 0 or shutil.which("pcscd") is None or not _LIBRARY.exists():
        pytest.skip("needs root, and the packages pcscd and vsmartcard-vpcd")
    if subprocess.run(["pgrep", "-x", "pcscd"], capture_output=True).returncode == 0:
        pytest.skip("another pcscd runs on this machine")


@contextmanager
def alone() -> Iterator[None]:
    """Wait until no other test of this machine has the daemon."""
    with (Path(tempfile.gettempdir()) / "gatefw-pcscd.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Pcscd:
    """Our own daemon, in the foreground, with the virtual reader as its only one."""

    def __init__(self, directory: Path) -> None:
        require()
        self._config, self._log = directory / "reader.conf", directory / "pcscd.log"
        self._config.write_text(_CONFIG.format(library=_LIBRARY))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            command = ["pcscd", "--foreground", "--config", str(self._config)]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """May be called twice."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.wait(30)
