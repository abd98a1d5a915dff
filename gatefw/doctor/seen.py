"""What the checks look at: the lane file, the running daemon, the stores, the machine. Tests give another of each."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from gatefw import config
from gatefw.config import Config, Paths
from gatefw.errors import GateError
from gatefw.wall_time import wall_clock


class Silence(StrEnum):
    """Why the daemon said nothing."""

    ABSENT = "absent"  # there is no socket
    STALE = "stale"  # there is one, and nobody listens
    FORBIDDEN = "forbidden"  # whoever asks may not
    HANGS = "hangs"  # it took the question and did not answer in time
    STRANGE = "strange"  # what answered is no daemon of ours


TOOL_S = 10.0
"""No tool of the system may hold the doctor up for longer."""


def _now() -> datetime:
    return datetime.now(UTC)


def ran(*command: str) -> str | None:
    """What a tool of the system prints; None when there is no such tool, it fails, or takes too long."""
    if shutil.which(command[0]) is None:
        return None
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TOOL_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


@dataclass(frozen=True, slots=True)
class Machine:
    """The board and its system. `root` is put before every absolute path of /proc, /sys, /boot, /dev and /etc."""

    root: Path = Path("/")
    now: Callable[[], datetime] = _now
    run: Callable[..., str | None] = ran
    disk: Callable[[Path], os.statvfs_result] = os.statvfs
    synchronised: Callable[[], bool] = lambda: wall_clock().synchronised
    uid: int = field(default_factory=os.geteuid)

    @property
    def here(self) -> bool:
        """Whether it is the one that we run on, and no card out of another."""
        return self.root == Path("/")

    def path(self, name: str | Path) -> Path:
        """Where something that is absolute on the machine lies for us."""
        return self.root / str(name).lstrip("/")

    def read(self, name: str | Path) -> str | None:
        """The text of a small file, stripped; None when there is none. Raises PermissionError."""
        try:
            return self.path(name).read_text("utf-8", "replace").strip().strip("\0")
        except PermissionError:
            raise
        except OSError:
            return None

    def listed(self, name: str | Path) -> dict[str, str]:
        """The settings of a file like /proc/meminfo: `name: value` or `name=value` lines; empty when there is none."""
        lines = (self.read(name) or "").splitlines()
        pairs = (re.match(r"\s*([^:=#]+?)\s*[:=]\s*(.*?)\s*$", line) for line in lines)
        return {pair[1]: pair[2] for pair in pairs if pair}

    def glob(self, pattern: str) -> Iterator[Path]:
        """What is called so on the machine (`/sys/class/hwmon/*`), as paths for us, sorted."""
        yield from sorted(self.root.glob(pattern.lstrip("/")))


def machine_at(root: Path) -> Machine:
    """This machine, or one whose card is mounted at `root`: of that no tool of the system can be asked."""
    machine = Machine(root=root.absolute())
    return machine if machine.here else replace(machine, run=lambda *_words: None, synchronised=lambda: True)


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that a check may look at.

    file: the lane file, None when none was named or found. lane: its settings, None when it does not hold together;
    problems: what `gatefw check` says of it. status: the running daemon's answer, None when nobody answered, and then
    `silence` says why. ask: gives the daemon an order that changes nothing (raises GateError). vision: the state
    directory of the vision process, with models and gallery; as a unit it has one of its own.
    """

    paths: Paths
    vision: Path
    file: Path | None = None
    lane: Config | None = None
    problems: tuple[config.Finding, ...] = ()
    status: Mapping[str, Any] | None = None
    silence: Silence | None = None
    ask: Callable[..., Mapping[str, Any]] = lambda _verb: {}
    machine: Machine = field(default_factory=Machine)
    tell: Callable[[str], None] = lambda _words: None

    @property
    def devices(self) -> Mapping[str, Mapping[str, Any]]:
        """How each device does, by its label (`reader.front`), as the daemon tells; empty without a daemon."""
        health = (self.status or {}).get("health", {})
        found: Mapping[str, Mapping[str, Any]] = health.get("devices", {}) if isinstance(health, Mapping) else {}
        return found

    def asked(self, verb: str) -> Mapping[str, Any]:
        """The answer to an order of a daemon that is there; empty when it is not, or does not know it."""
        if self.status is None:
            return {}
        try:
            return self.ask(verb)
        except GateError:
            return {}
