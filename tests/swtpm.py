"""A TPM in software, of a test's own."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from peers import until

PROGRAMS = ("swtpm", "tpm2_nvdefine")


@contextmanager
def swtpm(folder: Path) -> Iterator[str]:
    """Runs one that keeps its state in `folder`, whose path is to be short; how tpm2-tools reach it."""
    for program in PROGRAMS:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not on this machine: apt install swtpm swtpm-tools tpm2-tools")
    socket = folder / "tpm"
    command = ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={folder}", "--flags", "not-need-init,startup-clear"]
    command += ["--server", f"type=unixio,path={socket}", "--ctrl", f"type=unixio,path={socket}.ctrl"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            until(lambda: (folder / "tpm.ctrl").exists() and socket.exists(), "the TPM to listen", 60)
            yield f"swtpm:path={socket}"
        finally:
            process.terminate()


def tool(tcti: str, name: str, *arguments: str) -> None:
    """Do something to the TPM as whoever administers it."""
    subprocess.run([f"tpm2_{name}", "-T", tcti, *arguments], check=True, capture_output=True, timeout=60)
