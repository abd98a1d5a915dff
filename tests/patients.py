"""Gates and machines for the doctor to look at: a lane file, a tree in place of /, and what a daemon would answer."""

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import hw
from gatefw import __version__, config
from gatefw.config import Config, Paths
from gatefw.doctor import examine
from gatefw.doctor.finding import Finding
from gatefw.doctor.ranking import ranked
from gatefw.doctor.seen import Machine, Seen

LANES = Path(__file__).resolve().parents[1] / "config" / "lanes"
NOON = datetime(2030, 6, 1, 12, tzinfo=UTC)


def plant(root: Path, files: Mapping[str, str]) -> None:
    """Small files of a machine, by their absolute names."""
    for name, text in files.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def disk(free_mb: float = 10_000.0, inodes: int = 100_000, flags: int = 0) -> Callable[[Path], os.statvfs_result]:
    found = SimpleNamespace(
        f_bavail=int(free_mb * 256), f_frsize=4096, f_flag=flags, f_files=200_000, f_favail=inodes, f_bsize=4096
    )
    return lambda _path: cast(os.statvfs_result, found)


def machine(root: Path, tools: Mapping[str, str] | None = None, **other: Any) -> Machine:
    """A board in order: `tools` says what a program of the system prints, by its name."""
    told = tools or {}
    given = {"now": lambda: NOON, "disk": disk(), "synchronised": lambda: True, "uid": os.geteuid()} | other
    return Machine(root=root, run=lambda name, *_words: told.get(name), **given)


def lane(folder: Path, text: str = "", name: str = "contactless-e-channel") -> Config:
    """A lane file that ships, its state and sockets below `folder`; `text` instead of it, or a change of it."""
    path = folder / "lane.toml"
    path.write_text(text or (LANES / f"{name}.toml").read_text())
    for each in ("state", "run"):
        (folder / each).mkdir(mode=0o700, exist_ok=True)
    env = {"GATEFW_STATE": str(folder / "state"), "GATEFW_RUN": str(folder / "run")}
    return config.load(path, hw.schema, env)


def patient(folder: Path, of: Config | None = None, **given: Any) -> Seen:
    """A gate at `folder` whose daemon is not asked, unless `status` is given."""
    paths = of.paths if of else Paths(folder / "state", folder / "run")
    given = {"machine": machine(folder / "root"), "file": of.file if of else None, "vision": paths.state} | given
    return Seen(paths=paths, lane=of, **given)


def status(**given: Any) -> dict[str, Any]:
    """What a healthy daemon says."""
    healthy = {"version": __version__, "phase": "idle", "latched": None, "missing": [], "reloaded": {}}
    return healthy | {"health": {"devices": {}, "threads": {}}, "memory": {"locked": True, "undumpable": True}} | given


def found(seen: Seen, area: str) -> dict[str, Finding]:
    """What the checks of one area find, by code; two of a code would be one too many for these tests."""
    findings = examine.examine(seen, [area])
    assert not [each for each in findings if each.code == "G0001"], findings
    by_code = {each.code: each for each in findings}
    assert len(by_code) == len(findings), findings
    return by_code


def first(seen: Seen, *areas: str) -> Finding:
    """What would be told first."""
    return ranked(examine.examine(seen, areas or None))[0].cause
