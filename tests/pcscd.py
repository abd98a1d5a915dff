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
_SOCKET = Path("/run/pcscd/pcscd.comm")
_LIBRARY = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
_CONFIG = """FRIENDLYNAME "Virtual PCD"
DEVICENAME /dev/null:0x8C7B
LIBPATH {library}
CHANNELID 0x8C7B
"""


def require(config: pytest.Config) -> None:
    """Skip where the tier was not asked for, or the machine lacks a part of it."""
    if "pcsc" not in config.getoption("markexpr"):
        pytest.skip("tier 2: run it by tests/hil/run --tier 2")
    pytest.importorskip("smartcard.scard", reason="pyscard is not installed")
    if os.geteuid() != 0 or shutil.which("pcscd") is None or not _LIBRARY.exists():
        pytest.skip("needs root, and the packages pcscd and vsmartcard-vpcd")


@contextmanager
def alone() -> Iterator[None]:
    """Wait until no other test of this machine has the daemon."""
    with (Path(tempfile.gettempdir()) / "gatefw-pcscd.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Pcscd:
    """Our own daemon, in the foreground, with the virtual reader as its only one."""

    def __init__(self, directory: Path) -> None:
        if _SOCKET.exists() and subprocess.run(["pgrep", "-x", "pcscd"], capture_output=True).returncode == 0:
            pytest.skip("another pcscd runs on this machine")
        self._config, self._log = directory / "reader.conf", directory / "pcscd.log"
        self._config.write_text(_CONFIG.format(library=_LIBRARY))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            command = ["pcscd", "--foreground", "--disable-polkit", "--config", str(self._config)]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    def stop(self) -> None:
        """May be called twice."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.wait(30)
