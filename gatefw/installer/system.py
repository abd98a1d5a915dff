"""What a machine has to know of a gate: users, directories, udev rules, units, and its lane file.

What is ours goes to /usr/local/lib, where systemd, sysusers, tmpfiles and udev look for what no Debian package brought;
a site's own changes belong in /etc, beside it, and win (`systemctl edit`). A file of ours that somebody edited all the
same is replaced, and their text kept as NAME.edited, which nobody reads. The lane file is the site's: one that was
edited stays, and a new one is put beside it as lane.toml.new.
"""

import hashlib
import json
import os
import subprocess
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gatefw.errors import SetupError
from gatefw.installer.places import PROGRAMS, SITE, Places, keep, point, write

Say = Callable[[str], None]
SHARE = "share/gatefw/systemd"
LOCAL = "usr/local/lib"
UNITS = f"{LOCAL}/systemd/system"
WANTS = "etc/systemd/system/multi-user.target.wants"
COMMAND = "usr/local/bin/gatefw"
LANE = f"{SITE}/lane.toml"
PUBLIC = f"{SITE}/stick.pub"
PROGRAM_S = 60.0
SINGLE = {
    "gatefw.sysusers": f"{LOCAL}/sysusers.d/gatefw.conf",
    "gatefw.tmpfiles": f"{LOCAL}/tmpfiles.d/gatefw.conf",  # noqa: S108  not a temporary file
    "70-gatefw.rules": f"{LOCAL}/udev/rules.d/70-gatefw.rules",
    "gatefw-hardware-watchdog.conf": f"{LOCAL}/systemd/system.conf.d/gatefw-hardware-watchdog.conf",
}
ALWAYS = ("gatefw-watcher", "gatefw", "gatefw-web", "gatefw-upgrade")
CONSOLE = "gatefw-console"
"""A site enables it by itself, or not: its file is the site's."""
SPARED = ("gatefw-web", "gatefw-screen", CONSOLE)
"""What a site may do without."""


@dataclass(slots=True)
class Written:
    """What the installer wrote on this machine: SHA-256 by path, and the units it enabled, once each."""

    files: dict[str, str] = field(default_factory=dict)
    enabled: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, places: Places) -> "Written":
        """Raises SetupError: nobody can tell then whose a file is."""
        path = places.own / "installed.json"
        try:
            told = json.loads(path.read_bytes())
            return cls(dict(told["files"]), list(told["enabled"]))
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SetupError(
                f"{path}: cannot be read ({error}); remove it, and look at /etc/gatefw yourself"
            ) from error

    def save(self, places: Places) -> None:
        content = json.dumps({"files": self.files, "enabled": self.enabled}, indent=1)
        write(places.own / "installed.json", content.encode(), 0o600)


class System:
    """Of one machine. With `dry` nothing is written, and `say` tells what would be."""

    def __init__(self, places: Places, say: Say, *, dry: bool = False) -> None:
        self._places, self._say, self._dry = places, say, dry
        self.written = Written.read(places)
        self.kept: list[str] = []
        """Files that somebody edited, beside which the new ones were put."""
        self.changed = False

    def lay_out(self, share: Path, lane: bytes | None = None) -> None:
        """Bring everything to how this version wants it; a second time changes nothing. Raises SetupError, OSError."""
        if lane is not None:
            self._lane(lane)
        wanted = self._wanted(share)
        for name in [each for each in self.written.files if each not in wanted and not _of_site(each)]:
            self._remove(name)
        for name, content in wanted.items():
            self._put(name, content)
        self._command()
        if not self._dry:
            self.written.save(self._places)
            self._users()

    def enable(self) -> None:
        """Start at boot what the lane file wants; a unit that somebody disabled later stays so. Raises OSError."""
        for unit in units(self._places):
            if unit in self.written.enabled:
                continue
            self._say(f"enabling {unit}")
            self.changed = True
            if not self._dry:
                point(self._places.root / WANTS / f"{unit}.service", f"/{UNITS}/{unit}.service")
                self.written.enabled.append(unit)
        if not self._dry:
            self.written.save(self._places)

    def remove(self) -> None:
        """Take away all that was written, but for what is in /etc/gatefw. Raises OSError."""
        self.written.enabled.clear()  # first: whoever installs again must not take what follows for a site's wish
        self.written.save(self._places)
        for link in (self._places.root / WANTS).glob("gatefw*.service"):
            if link.is_symlink() and str(link.readlink()).startswith(f"/{UNITS}/"):
                link.unlink()
        for name in [each for each in self.written.files if not _of_site(each)]:
            self._remove(name)
        command = self._places.root / COMMAND
        if command.is_symlink() and str(command.readlink()).startswith(str(PROGRAMS)):
            command.unlink()
        for unit in ("gatefw.service.d", "gatefw-vision.service.d"):
            if (folder := self._places.root / UNITS / unit).is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        self.written.save(self._places)

    def trust(self, public: bytes) -> None:
        """From now on sticks of this key alone are taken; the first one wins. Raises OSError."""
        path = self._places.root / PUBLIC
        if not path.exists():
            self._say(f"/{PUBLIC}: only sticks signed with this key are taken from now on")
            self.changed = True
            self._write_site(PUBLIC, public)

    def _wanted(self, share: Path) -> dict[str, bytes]:
        if not share.is_dir():
            raise SetupError(f"{share}: not there; this version has no units, and cannot be installed")
        wanted = {
            SINGLE.get(path.name, f"{UNITS}/{path.name}"): path.read_bytes()
            for path in sorted(share.iterdir())
            if path.name in SINGLE or path.suffix in (".service", ".socket", ".path")
        }
        keeper = _table(self._places, "keys").get("provider", "file")
        if keeper != "file" and (share / f"keys-{keeper}.conf").is_file():
            conf = (share / f"keys-{keeper}.conf").read_bytes()
            wanted |= {f"{UNITS}/{unit}.service.d/keys.conf": conf for unit in ("gatefw", "gatefw-vision")}
        return wanted

    def _put(self, name: str, content: bytes) -> None:
        path, digest = self._places.root / name, hashlib.sha256(content).hexdigest()
        there = _sha256(path)
        ours, self.written.files[name] = self.written.files.get(name), digest
        if there == digest:
            return
        self.changed = True
        if there is not None and ours is not None and there != ours:
            self._say(f"/{name}: was edited; that text is kept as {path.name}.edited, a change belongs below /etc")
            if not self._dry:
                keep(path)
        self._say(f"/{name}: {'new' if there is None else 'replaced'}")
        if not self._dry:
            write(path, content)

    def _lane(self, content: bytes) -> None:
        path, digest = self._places.root / LANE, hashlib.sha256(content).hexdigest()
        there, ours = _sha256(path), self.written.files.get(LANE)
        if there == digest:
            self.written.files[LANE] = digest
            return
        self.changed = True
        edited = there is not None and there != ours
        if edited:
            self.kept.append(f"/{LANE}")
            self._say(f"/{LANE}: was edited here and stays; the new one is /{LANE}.new")
        else:
            self._say(f"/{LANE}: {'new' if there is None else 'replaced'}")
        self._write_site(f"{LANE}.new" if edited else LANE, content)

    def _write_site(self, name: str, content: bytes) -> None:
        """Written down before it is written: by that a way back knows it from what somebody edited."""
        self.written.files[name] = hashlib.sha256(content).hexdigest()
        if not self._dry:
            self.written.save(self._places)
            write(self._places.root / name, content)

    def _remove(self, name: str) -> None:
        path, ours = self._places.root / name, self.written.files.pop(name)
        there = _sha256(path)
        if there is None:
            return
        self.changed = True
        self._say(f"/{name}: removed")
        if self._dry:
            return
        if there != ours:
            keep(path)
        path.unlink()

    def _command(self) -> None:
        path, target = self._places.root / COMMAND, f"{PROGRAMS}/current/bin/gatefw"
        if path.is_symlink() and str(path.readlink()) == target:
            return
        if path.exists() and not path.is_symlink():
            self._say(f"/{COMMAND}: somebody else's; it stays, ours is {target}")
            return
        self.changed = True
        self._say(f"/{COMMAND}: new")
        if not self._dry:
            point(path, target)

    def _users(self) -> None:
        """Both programs read what was just laid out, and change nothing that is there."""
        root = self._places.root
        _program("systemd-sysusers", f"--root={root}", str(root / SINGLE["gatefw.sysusers"]))
        if self._places.live:
            _program("systemd-tmpfiles", "--create", str(root / SINGLE["gatefw.tmpfiles"]))


def units(places: Places) -> list[str]:
    """The units that the lane file wants running: vision where it is not the supervisor's child, a screen where the
    file has a table for one.
    """
    own_vision = _table(places, "vision").get("start") == "unit"
    vision, screen = ("gatefw-vision",) if own_vision else (), ("gatefw-screen",) if _has(places, "screen") else ()
    return [*ALWAYS, *vision, *screen]


def started(places: Places) -> list[str]:
    """The units that run when the gate does; not exporter or screen, where somebody disabled or masked it, and the
    console only where somebody enabled it.
    """

    def wanted(unit: str) -> bool:
        masked = places.root / f"etc/systemd/system/{unit}.service"
        return (places.root / WANTS / f"{unit}.service").is_symlink() and not masked.is_symlink()

    left = {"gatefw-upgrade", *(unit for unit in SPARED if not wanted(unit))}
    return [unit for unit in (*units(places), CONSOLE) if unit not in left]


def owner(places: Places, user: str, group: str) -> tuple[int, int]:
    """Their numbers on that machine. Raises SetupError."""

    def number(file: str, name: str) -> int:
        for line in (places.root / "etc" / file).read_text().splitlines():
            parts = line.split(":")
            if parts[0] == name:
                return int(parts[2])
        raise SetupError(f"{places.root / 'etc' / file}: knows no {name}; systemd-sysusers makes it")

    return number("passwd", user), number("group", group)


def give(path: Path, who: tuple[int, int]) -> None:
    """To a user of that machine; only root can, and whoever makes an image without it hands it over later."""
    if os.geteuid() == 0:
        os.chown(path, *who)


def _table(places: Places, name: str) -> dict[str, Any]:
    """One table of the lane file; empty where there is none."""
    table = _lane(places).get(name, {})
    return table if isinstance(table, dict) else {}


def _has(places: Places, name: str) -> bool:
    return name in _lane(places)


def _lane(places: Places) -> dict[str, Any]:
    """Empty where there is none, or none that can be read: the self-test says why."""
    try:
        return tomllib.loads(places.lane.read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def _of_site(name: str) -> bool:
    """Whether it lies where a site's files lie, which stay."""
    return name.startswith(f"{SITE}/")


def _sha256(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return None


def _program(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PROGRAM_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SetupError(f"{command[0]}: {error}; gatefw wants a machine with systemd") from error
    if done.returncode:
        raise SetupError(f"{' '.join(command)}: exit {done.returncode}: {done.stderr.strip()[-300:]}")
