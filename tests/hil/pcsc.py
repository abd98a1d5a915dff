"""Tier 2: a simulated travel document behind the real smart card daemon.

pcscd is started for these tests alone, with the virtual reader (vpcd) as its only one, and ended with them.
"""

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DRIVER = Path("/usr/lib/pcsc/drivers/serial")


class NotHere(Exception):
    """This machine cannot run the tier; the text says what it lacks."""


def run(python: str, arguments: list[str]) -> int:
    """Run pytest with `arguments` where pcscd, vpcd and pyscard are there. Raises NotHere."""
    if os.geteuid() != 0:
        raise NotHere("it needs root: pcscd makes its socket in /run")
    if not shutil.which("pcscd"):
        raise NotHere("package pcscd is missing")
    if not any(DRIVER.glob("*vpcd*")) and not any(Path("/usr/lib/pcsc").rglob("*vpcd*")):
        raise NotHere("package vsmartcard-vpcd is missing")
    if subprocess.run([python, "-c", "import smartcard"], capture_output=True).returncode:
        raise NotHere("pyscard is missing: pip install 'gatefw[documents]' with swig and libpcsclite-dev")
    return subprocess.run([python, "-m", "pytest", *arguments], cwd=ROOT).returncode
