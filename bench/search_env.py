"""An environment for the libraries that `bench.search` compares with, so that the product depends on none of them."""

import os
import subprocess
import sys
import sysconfig
import venv
from hashlib import sha256
from pathlib import Path

import numpy as np

from gatefw.errors import SetupError

ROOT = Path(__file__).resolve().parent.parent
PEERS = ("faiss-cpu==1.15.1", "numkong==7.8.6", "simsimd==6.5.16", "threadpoolctl==3.6.0", "usearch==2.26.6")
INSTALL_S = 900.0


def python_with_peers() -> Path:
    """A Python that has the peers and sees this project; made in the cache directory when it is not there.

    A peer that cannot be had is left out, and its engine says so. Raises SetupError when there can be no environment.
    """
    wanted = [*PEERS, f"numpy=={np.__version__}"]
    mark = sha256(repr((sys.version, sys.prefix, str(ROOT), wanted)).encode()).hexdigest()[:12]
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gatefw-bench" / f"peers-{mark}"
    python = home / "bin" / "python"
    if (home / "complete").exists():
        return python
    print(f"making an environment for {', '.join(PEERS)}; once", file=sys.stderr, flush=True)
    try:
        venv.create(home, clear=True, with_pip=True)
    except (OSError, subprocess.CalledProcessError) as problem:
        raise SetupError(f"bench: no environment at {home}: {problem}; is venv installed?") from problem
    for package in wanted:
        if said := _install(python, package):
            print(f"{package} cannot be had: {said}", file=sys.stderr, flush=True)
    site = next((home / "lib").glob("python3*/site-packages"))
    (site / "gatefw-bench.pth").write_text(f"{ROOT}\n{sysconfig.get_path('purelib')}\n")
    (home / "complete").touch()
    return python


def _install(python: Path, package: str) -> str:
    """Why it cannot be had, or nothing."""
    command = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "--only-binary=:all:", package]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S)
    except subprocess.TimeoutExpired:
        return f"pip took longer than {INSTALL_S:.0f} s"
    lines = done.stderr.strip().splitlines()
    return "" if done.returncode == 0 else (lines or [f"pip ended with {done.returncode}"])[-1]
