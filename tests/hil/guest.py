"""What a look into a booted container is made of: findings, and what systemd and the kernel say of a unit. Runs there.

Every finding is one line of the outcome: what was looked at, what was found, whether it is as it should be.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PATIENCE_S = 120.0
FOUND: list[dict[str, Any]] = []


def note(what: str, found: object, *, ok: bool) -> None:
    FOUND.append({"what": what, "found": str(found), "ok": ok})
    print(what, found, ok, flush=True)


def systemctl(*arguments: str) -> str:
    return subprocess.run(["systemctl", *arguments], capture_output=True, text=True).stdout.strip()


def shown(unit: str, key: str) -> str:
    return systemctl("show", "--value", "-p", key, f"{unit}.service")


def until(so: Callable[[], object], seconds: float = PATIENCE_S) -> bool:
    ends_s = time.monotonic() + seconds
    while not so():
        if time.monotonic() > ends_s:
            return False
        time.sleep(0.1)  # nobody tells what it waits for: systemd and the lane are asked
    return True


def main_pid(unit: str) -> int:
    return int(shown(unit, "MainPID") or 0)


def status_of(pid: int) -> dict[str, str]:
    lines = (line.partition(":") for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {key: value.strip() for key, _, value in lines}


def opens(unit: str, path: str) -> bool:
    """Whether a process with all that the unit grants may read this file or socket, which nobody can open by a path."""
    pid = main_pid(unit)
    status = status_of(pid)
    uid, gid = (status[key].split()[0] for key in ("Uid", "Gid"))
    groups = ",".join(status["Groups"].split()) or gid
    probe = ["nsenter", "-t", str(pid), "-m", "setpriv", f"--reuid={uid}", f"--regid={gid}", f"--groups={groups}"]
    return subprocess.run([*probe, "test", "-r", path], capture_output=True).returncode == 0


def strike(unit: str, how: signal.Signals, ends_in: str, what: str) -> float:
    """Note whether its process, struck, is started again by itself; returns when it was struck."""
    before, pid = int(shown(unit, "NRestarts")), main_pid(unit)
    os.kill(pid, how)
    struck_s = time.monotonic()
    back = until(lambda: int(shown(unit, "NRestarts")) > before and main_pid(unit) not in (0, pid))
    log = subprocess.run(
        ["journalctl", "-o", "cat", "--no-pager", "-u", f"{unit}.service"], capture_output=True, text=True
    ).stdout
    note(what, f"{int(shown(unit, 'NRestarts')) - before} restart(s)", ok=back and ends_in in log)
    return struck_s
