"""Machines to install on that are directories, wheels of this tree as other versions, and a daemon that is played."""

import json
import platform
import struct
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gatefw import __version__
from gatefw.installer import environment, stick_make
from gatefw.installer.install import Install, Wish
from gatefw.installer.machine import problems
from gatefw.installer.places import Places
from gatefw.installer.upgrade import Outcome

ROOT = Path(__file__).resolve().parents[1]
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
TARGET = f"{platform.machine()}-{PYTHON.removeprefix('python')}"
LANE = '[lane]\nname = "north-1"\n\n[vision]\nstart = "unit"\n'


class PowerCut(BaseException):
    """Everything ends here, and nothing is tidied up."""


def machine(root: Path, elf: int = 0x3E if platform.machine() == "x86_64" else 0xB7) -> Places:
    """A directory that has what an install asks of a machine: Debian's Python, and a place for users."""
    (root / "usr/bin").mkdir(parents=True)
    (root / "etc").mkdir()
    (root / "usr/bin" / PYTHON).write_bytes(b"\x7fELF" + bytes(14) + struct.pack("<H", elf))
    (root / "usr/bin/python3").symlink_to(PYTHON)
    return Places(root)


def wheel(directory: Path, version: str, *, whole: bool = False, instead: Mapping[str, str] | None = None) -> Path:
    """A wheel with the units of this tree and, if `whole`, all its packages; `instead` replaces texts by path."""
    path = directory / f"gatefw-{version}-py3-none-any.whl"
    files = sorted((ROOT / "systemd").iterdir())
    contents = {f"gatefw-{version}.data/data/share/gatefw/systemd/{each.name}": each.read_bytes() for each in files}
    if whole:
        packages = [each for name in ("gatefw", "hw") for each in sorted((ROOT / name).rglob("*")) if each.is_file()]
        contents |= {str(each.relative_to(ROOT)): each.read_bytes() for each in packages if each.suffix != ".pyc"}
        before = b'__version__ = "' + __version__.encode()
        contents["hw/__init__.py"] = contents["hw/__init__.py"].replace(before, b'__version__ = "' + version.encode())
    contents |= {name: text.encode() for name, text in (instead or {}).items()}
    contents["gatefw/__init__.py"] = f'__version__ = "{version}"\n'.encode()
    with zipfile.ZipFile(path, "w") as made:
        for name, content in contents.items():
            made.writestr(name, content)
    return path


def stick(directory: Path, version: str, lane: str = LANE, target: str = TARGET, **more: Any) -> Path:
    """A stick with that wheel alone; nothing is fetched."""
    wheels = directory / target / "wheels"
    wheels.mkdir(parents=True)
    wheel(wheels, version, **more)
    if lane:
        (directory / target / "lane.toml").write_text(lane)
    models = directory / target / "models"
    models.mkdir()
    (models / "finder.tflite").write_bytes(b"finds " + version.encode())
    (models / "finder.toml").write_bytes(b"name = 1\n")
    stick_make.finish(directory, version, target)
    return directory


def nobody_hears(_line: str) -> None:
    """Says nothing."""


@dataclass
class Gate:
    """A machine whose daemon is played: which version runs, in which phase, what its sensors say. Time is virtual.

    left: how many more calls it answers before the power is cut. `starts` is what a version does to the stores when it
    starts; one of `dead` never answers, `lost` is what a version does not find,
    `bewildered` what it says is wrong with the lane file, `refused` which orders it did not take while it was tried.
    """

    places: Places
    running: str = ""
    phase: str = "idle"
    occupancy: str = "empty"
    doors: dict[str, str] = field(default_factory=lambda: {"entry_door": "secured", "exit_door": "secured"})
    dead: frozenset[str] = frozenset()
    lost: dict[str, list[str]] = field(default_factory=dict)
    bewildered: dict[str, list[str]] = field(default_factory=dict)
    refused: dict[str, dict[str, int]] = field(default_factory=dict)
    tested: Callable[[str], list[str]] = lambda _version: []
    starts: Callable[[str], None] = nobody_hears
    left: int = 1_000_000
    clock_s: float = 0.0
    done: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def counted(self, what: str = "") -> None:
        self.left -= 1
        if self.left < 0:
            raise PowerCut
        if what:
            self.done.append(what)

    def say(self, line: str) -> None:
        self.counted()
        self.said.append(line)

    def status(self) -> dict[str, Any] | None:
        self.counted()
        if not self.running or self.running in self.dead:
            return None
        return {
            "version": self.running,
            "phase": self.phase,
            "in_service": self.phase in ("idle", "degraded"),
            "doors": self.doors,
            "occupancy": self.occupancy,
            "missing": self.lost.get(self.running, []),
            "findings": self.bewildered.get(self.running, []),
            "impaired": {"upgrade": ["closed"]},
            "upgrade": {"to": self.running, "refused": self.refused.get(self.running, {})},
        }

    def order(self, verb: str) -> None:
        self.counted(verb)
        self.phase = "out_of_service" if verb == "close" else "idle"

    def stop(self) -> None:
        self.counted("stop")
        self.running = ""

    def start(self, *, in_service: bool) -> None:
        self.counted("start" if in_service else "try")
        if not self.running:
            self.running = self.places.version_of(self.places.current) or ""
            self.phase = "idle" if in_service else "out_of_service"
            self.starts(self.running)

    def gave_up(self) -> bool:
        return False

    def settle(self) -> None:
        self.counted()

    def self_test(self, version: str) -> list[str]:
        self.counted("test")
        return self.tested(version)

    def now_s(self) -> float:
        return self.clock_s

    def wait(self, seconds: float) -> None:
        self.clock_s += seconds

    def install(self, source: Path, **more: Any) -> Outcome:
        return Install(self.places, self, self.say).run(Wish(source, **more))

    def power_returns(self) -> None:
        """Nothing runs, and nothing is in memory."""
        self.left, self.running = 1_000_000, ""


def really_tested(places: Places, version: str) -> list[str]:
    """The self-test of an installed version, with this environment's packages behind it."""
    site = places.programs / version / "lib" / PYTHON / "site-packages"
    command = [sys.executable, "-P", "-m", "gatefw", "self-test", str(ROOT / "config" / "sim.toml"), "--json"]
    return problems(command, {"PATH": "/usr/bin:/bin", "HOME": str(Path.home()), "PYTHONPATH": str(site)})


def listed(places: Places, version: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((places.programs / version / environment.COMPLETE).read_text())
    return told


def files(root: Path) -> dict[str, bytes | str]:
    """Every file and link, with what is in it."""
    found = sorted(path for path in root.rglob("*") if path.is_symlink() or path.is_file())
    return {
        str(path.relative_to(root)): str(path.readlink()) if path.is_symlink() else path.read_bytes() for path in found
    }
