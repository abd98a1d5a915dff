"""One version on a machine: `/opt/gatefw/VERSION`, a virtual environment of the machine's own Python.

Its wheels were chosen when the stick was made; here they are unpacked, nothing is resolved, built or run. So it works
for an image of another processor as well. The file `complete` is written last: an environment without it is made anew.
"""

import io
import json
import os
import shutil
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from gatefw.errors import SetupError
from gatefw.installer.places import PROGRAMS, Places, gone, point, write
from gatefw.installer.stick import Stick

Say = Callable[[str], None]
COMPLETE = "complete"
BESIDE = ("nice", "-n", "19")
"""A gate may be at work on this machine: what takes all processors takes what it leaves."""
MACHINES = {0x3E: "x86_64", 0xB7: "aarch64"}  # ELF's e_machine
SPACE = 4
"""Times the size of the wheels: what they take unpacked and compiled."""
SCRIPT = """\
#!{home}/bin/python
import sys
from gatefw.cli import main
sys.exit(main())
"""


def target_of(root: Path) -> str:
    """Processor and Python of the machine with these files, such as `aarch64-3.11`. Raises SetupError."""
    python = _python(root)
    with python.open("rb") as file:
        head = file.read(20)
    machine = MACHINES.get(struct.unpack_from("<H", head, 18)[0]) if head[:4] == b"\x7fELF" else None
    if machine is None:
        raise SetupError(f"{python}: not a program for x86_64 or aarch64; those are what gatefw is made for")
    return f"{machine}-{_name(root).removeprefix('python')}"


def complete(places: Places, stick: Stick) -> bool:
    """Whether this version is there whole. Raises SetupError when it was made of another build of the same version."""
    path = places.programs / stick.version / COMPLETE
    try:
        told = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return False
    if told["wheel"] != stick.wheel:
        raise SetupError(
            f"{path.parent}: gatefw {stick.version} is there, of another build (sha256 "
            f"{told['wheel'][:12]}..., the stick has {stick.wheel[:12]}...); give the build a version of its own"
        )
    return True


def make(places: Places, stick: Stick, say: Say) -> None:
    """Unpack it; nothing where it is there whole. Nobody runs it yet. Raises SetupError, OSError."""
    if complete(places, stick):
        say(f"gatefw {stick.version} is unpacked in {places.programs / stick.version}")
        return
    home, wheels = places.programs / stick.version, stick.named("wheels")
    _discard(home)
    places.programs.mkdir(parents=True, exist_ok=True)
    _require_space(places, sum((stick.place / name).stat().st_size for name in wheels) * SPACE)
    try:
        _fill(places, stick, home, say)
    except (Exception, KeyboardInterrupt) as error:
        shutil.rmtree(home, ignore_errors=True)  # a gate at work beside it needs the room
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(home)  # a disk that is full does not say of which file
        raise


def _fill(places: Places, stick: Stick, home: Path, say: Say) -> None:
    name, wheels = _name(places.root), stick.named("wheels")
    site = home / "lib" / name / "site-packages"
    site.mkdir(parents=True)
    (home / "bin").mkdir()
    for link, to in (("python", f"/usr/bin/{name}"), ("python3", "python"), (name, "python")):
        point(home / "bin" / link, to)
    # Debian's own packages are seen behind ours: picamera2 and pyscard come as nothing else.
    version = name.removeprefix("python")
    write(home / "pyvenv.cfg", f"home = /usr/bin\ninclude-system-site-packages = true\nversion = {version}\n".encode())
    for number, wheel in enumerate(wheels, 1):
        say(f"unpacking {number} of {len(wheels)}: {PurePosixPath(wheel).name}")
        _unpack(stick.content(wheel), home, site)
    write(home / "bin" / "gatefw", SCRIPT.format(home=PROGRAMS / stick.version).encode(), 0o755)
    _compile(places, home, version, say)
    os.sync()
    write(home / COMPLETE, json.dumps({"version": stick.version, "wheel": stick.wheel}).encode())


def prune(places: Places, keep: set[str | None], say: Say) -> None:
    """Remove the versions that nobody goes back to. Raises OSError."""
    for home in places.programs.glob("*"):
        if home.is_dir() and not home.is_symlink() and home.name not in keep:
            say(f"removing gatefw {home.name}")
            _discard(home)


def _discard(home: Path) -> None:
    """First what says that it is whole: half of it is never taken for all of it."""
    if home.is_dir():
        gone(home / COMPLETE)
        shutil.rmtree(home)


def _unpack(wheel: bytes, home: Path, site: Path) -> None:
    """The packages of one wheel, and its data (`share/`); no program but ours is wanted."""
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        for entry in archive.infolist():
            path = PurePosixPath(entry.filename)
            if entry.is_dir() or ".." in path.parts or path.is_absolute():
                continue
            goes = _goes(path, home, site)
            if goes is not None:
                goes.parent.mkdir(parents=True, exist_ok=True)
                goes.write_bytes(archive.read(entry))


def _goes(path: PurePosixPath, home: Path, site: Path) -> Path | None:
    if not path.parts[0].endswith(".data"):
        return site / path
    kind, rest = path.parts[1], Path(*path.parts[2:])
    return {"purelib": site / rest, "platlib": site / rest, "data": home / rest}.get(kind)


def _compile(places: Places, home: Path, version: str, say: Say) -> None:
    """Ahead, since no process of the gate may write there; an image of another Python compiles at each start."""
    if version != f"{sys.version_info.major}.{sys.version_info.minor}":
        say(f"not compiled ahead: this is Python {sys.version_info.major}.{sys.version_info.minor}, not {version}")
        return
    say("compiling")
    paths = [] if places.live else ["-s", str(places.root), "-p", "/"]
    command = [*BESIDE, sys.executable, "-m", "compileall", "-q", "-q", "-j", "0", "-x", "/pip/|/setuptools/", *paths]
    subprocess.run([*command, str(home / "lib")], stdout=subprocess.DEVNULL, check=False)


def _require_space(places: Places, wanted_bytes: int) -> None:
    free_bytes = shutil.disk_usage(places.programs).free
    if free_bytes < wanted_bytes:
        raise SetupError(
            f"{places.programs}: {free_bytes >> 20} MiB free, {wanted_bytes >> 20} MiB are needed; make room"
        )


def _name(root: Path) -> str:
    """`python3.11`: which Python the machine's `python3` is. Raises SetupError."""
    try:
        name = Path((root / "usr/bin/python3").readlink()).name
    except OSError:
        name = ""
    if not name.startswith("python3."):
        raise SetupError(f"{root / 'usr/bin/python3'}: no Python there; install the package python3 (3.11 or later)")
    return name


def _python(root: Path) -> Path:
    path = root / "usr/bin" / _name(root)
    if not path.exists():
        raise SetupError(f"{path}: not there; install the package python3 (3.11 or later)")
    return path
