"""An environment for a library that a bench compares with: made once in the cache directory, the product needs none."""

import os
import subprocess
import sys
import venv
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from gatefw.errors import SetupError

INSTALL_S = 900.0


def cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gatefw-bench"


def python_with(name: str, packages: Sequence[str]) -> Path:
    """A Python of this version that has these packages and nothing else. Raises SetupError: they cannot be had here."""
    mark = sha256(repr((sys.version, sys.prefix, list(packages))).encode()).hexdigest()[:12]
    home = cache() / f"{name}-{mark}"
    python = home / "bin" / "python"
    if (home / "complete").exists():
        return python
    print(f"making an environment for {', '.join(packages)}; once", file=sys.stderr, flush=True)
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--disable-pip-version-check"]
    try:
        venv.create(home, clear=True)  # without pip of its own, which takes longer than what it installs
        done = subprocess.run(
            [*pip, "--only-binary=:all:", *packages], capture_output=True, text=True, timeout=INSTALL_S
        )
    except (OSError, subprocess.SubprocessError) as problem:
        raise SetupError(
            f"bench: no environment at {home}: {problem}; is venv installed, and the network there?"
        ) from None
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise SetupError(f"bench: {', '.join(packages)} cannot be had here: {said}")
    (home / "complete").touch()
    return python
