"""Where the state lives (models, gallery, records, journal, keys), and where the sockets of a running gate."""

import os
from collections.abc import Mapping
from pathlib import Path

from gatefw.errors import StoreError


def state_dir(env: Mapping[str, str] = os.environ) -> Path:
    """The state directory, absolute; not created here.

    The first of `$STATE_DIRECTORY` (set by systemd, its first entry), `$GATEFW_STATE`, `$XDG_STATE_HOME/gatefw` and
    `$HOME/.local/state/gatefw`. Raises StoreError when none is set or the chosen one is not absolute: a relative path
    would make another store for every directory the daemon is started in.
    """
    systemd = env.get("STATE_DIRECTORY", "").split(":")[0]
    if chosen := systemd or env.get("GATEFW_STATE", ""):
        path = Path(chosen)
    elif chosen := env.get("XDG_STATE_HOME", ""):
        path = Path(chosen) / "gatefw"
    elif chosen := env.get("HOME", ""):
        path = Path(chosen) / ".local" / "state" / "gatefw"
    else:
        raise StoreError("state directory: none of STATE_DIRECTORY, GATEFW_STATE, XDG_STATE_HOME, HOME is set; set one")
    if not path.is_absolute():
        raise StoreError(f"state directory: {chosen!r} is not an absolute path; give one that starts with /")
    return path


def runtime_dir(env: Mapping[str, str] = os.environ) -> Path:
    """The directory of the sockets, absolute; not created here. What is in it ends with the processes.

    The first of `$RUNTIME_DIRECTORY` (set by systemd, its first entry), `$GATEFW_RUN`, `$XDG_RUNTIME_DIR/gatefw` and
    `run` in the state directory. Raises StoreError when the chosen one is not absolute.
    """
    systemd = env.get("RUNTIME_DIRECTORY", "").split(":")[0]
    if chosen := systemd or env.get("GATEFW_RUN", ""):
        path = Path(chosen)
    elif chosen := env.get("XDG_RUNTIME_DIR", ""):
        path = Path(chosen) / "gatefw"
    else:
        return state_dir(env) / "run"
    if not path.is_absolute():
        raise StoreError(f"runtime directory: {chosen!r} is not an absolute path; give one that starts with /")
    return path
