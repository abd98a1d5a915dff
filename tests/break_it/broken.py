"""A gate that is broken in one way, the doctor who is asked about it, and what came of that."""

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from break_it import board
from break_it.ways import WAYS, Way, let_go
from live_gate import DEADLINE_S, LiveGate, live_gate

from gatefw.errors import GateError


@dataclass(frozen=True, slots=True)
class Came:
    """`silent`: the daemon ran, and told of no device that was lost or impaired. `first`: the doctor's first line."""

    way: str
    silent: bool
    first: str
    named: bool
    seconds: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def broken(way: Way, models: Path, photos: Path) -> Came:
    """Break a gate of its own, let people try, ask the doctor, and compare his first line. Raises nothing."""
    began_s = time.monotonic()
    try:
        silent, first = _played(way, models, photos)
    except (Exception, AssertionError) as problem:  # noqa: BLE001  told as its outcome, and the next way is played
        silent, first = False, f"could not be played: {type(problem).__name__}: {problem}"
    named = first.startswith(f"{way.code} ") and all(word in first for word in way.words)
    return Came(way.name, silent, first, named, round(time.monotonic() - began_s, 1))


def _played(way: Way, models: Path, photos: Path) -> tuple[bool, str]:
    site: list[Path] = []

    def before(run: Path) -> None:
        site.append(run)
        way.site(run)

    with tempfile.TemporaryDirectory(prefix="board-") as root:
        try:
            with live_gate(
                models,
                photos,
                keep=way.keep,
                hardware_limit_s=way.hardware_limit_s,
                tables=way.tables,
                change=way.change,
                before=before,
                wire=lambda world: way.wire(world, site[0]),
                phases=way.phases,
            ) as gate:
                board.healthy(Path(root), gate.run)
                way.board(Path(root))
                way.tried(gate, photos)
                return _silent(gate), doctor(gate, Path(root))
        finally:
            for run in site:
                let_go(run)


def doctor(gate: LiveGate, root: Path) -> str:
    """The first line of the real command."""
    command = [sys.executable, "-m", "gatefw", "doctor", str(gate.config), "--dir", str(gate.run), "--root", str(root)]
    done = subprocess.run(command, env=gate.env, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    return (done.stdout or done.stderr).partition("\n")[0]


def _silent(gate: LiveGate) -> bool:
    try:
        return all(each["state"] == "there" for each in gate.ask("devices")["devices"])
    except GateError:
        return False


def told(came: list[Came]) -> str:
    """The last line."""
    return json.dumps({"broken": len(came), "named": sum(each.named for each in came)})


def wanted(names: list[str]) -> list[Way]:
    """Those of these words; all for none."""
    return [way for way in WAYS if not names or any(name.lower() in way.name.lower() for name in names)]
