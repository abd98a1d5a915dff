"""Makes a stick, on a machine with a network: wheels for the gate's processor and Python, models, a lane file."""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from gatefw import whole_file
from gatefw.errors import SetupError
from gatefw.installer import stick

Say = Callable[[str], None]
PIP_S = 1800.0
PLATFORMS = ("linux", "manylinux2014", *(f"manylinux_2_{minor}" for minor in range(17, 37)))
"""Whose wheels a Debian 12 or later takes: its C library is 2.36."""
TARGET = re.compile(r"(x86_64|aarch64)-(3\.\d+)")
SCRIPT = """\
#!/bin/sh
# Installs gatefw from this stick, or brings it to this version: sudo sh install [--lane FILE] [--dry-run]
set -e
here=$(cd "$(dirname "$0")" && pwd)
# What is in place checks who made the stick, and drives: a stick cannot vouch for itself.
for there in proven current; do
    [ ! -x /opt/gatefw/$there/bin/gatefw ] || exec /opt/gatefw/$there/bin/gatefw install --from "$here" "$@"
done
target=$(uname -m)-$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
for wheel in "$here/$target"/wheels/gatefw-*.whl; do
    [ -e "$wheel" ] || { echo "install: this stick has nothing for $target" >&2; exit 2; }
    PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$wheel exec python3 -P -m gatefw install --from "$here" "$@"
done
"""


def make(directory: Path, wheel: Path, target: str, models: Path | None, lane: Path | None, say: Say) -> bytes:
    """Fill `directory`/`target` anew and return its list; other targets on the stick stay. Raises SetupError.

    models: a directory with finished models and their cards.
    """
    match = TARGET.fullmatch(target)
    if match is None:
        raise SetupError(f"target {target!r}: processor and Python are wanted, such as aarch64-3.11")
    version = version_of(wheel)
    if lane is not None and not lane.is_file():
        raise SetupError(f"{lane}: no lane file; name one, or leave --lane away")
    place = directory / target
    with tempfile.TemporaryDirectory(prefix="gatefw-") as fetched:
        say(f"fetching the wheels of gatefw {version} for {target}")
        _download(wheel, Path(fetched), match[1], match[2])  # it fails most often: before the stick that is there goes
        shutil.rmtree(place, ignore_errors=True)
        try:
            _fill(place, Path(fetched), models, lane)
            return finish(directory, version, target)
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)  # half a stick is none
            raise


def _fill(place: Path, wheels: Path, models: Path | None, lane: Path | None) -> None:
    """Their contents alone: a stick's file system may know no modes."""
    (place / "wheels").mkdir(parents=True)
    for path in sorted(wheels.iterdir()):
        shutil.copyfile(path, place / "wheels" / path.name)
    if models is not None:
        (place / "models").mkdir()
        for path in sorted(models.glob("*")):
            if path.suffix in (".toml", ".tflite"):
                shutil.copyfile(path, place / "models" / path.name)
    if lane is not None:
        shutil.copyfile(lane, place / "lane.toml")


def finish(directory: Path, version: str, target: str) -> bytes:
    """The list of what is there, and the program that installs it."""
    whole_file.write(directory / stick.PROGRAM, SCRIPT.encode())
    with suppress(PermissionError):  # a stick's file system may know no modes; `sh install` wants none
        (directory / stick.PROGRAM).chmod(0o755)
    return stick.seal(directory / target, version, target)


def version_of(wheel: Path) -> str:
    """Out of a wheel's name. Raises SetupError."""
    match = re.fullmatch(r"gatefw-([^-]+)-.+\.whl", wheel.name)
    if match is None or not wheel.is_file():
        raise SetupError(f"{wheel}: no wheel of gatefw; `pip wheel --no-deps -w DIR .` in its sources makes one")
    return match[1]


def _download(wheel: Path, into: Path, machine: str, python: str) -> None:
    platforms = [word for each in PLATFORMS for word in ("--platform", f"{each}_{machine}")]
    command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-input"]
    command += ["--only-binary=:all:", "--implementation", "cp", "--python-version", python, *platforms]
    try:
        done = subprocess.run([*command, "-d", str(into), str(wheel), "pip"], capture_output=True, timeout=PIP_S)
    except subprocess.TimeoutExpired:
        raise SetupError(f"pip download: not done after {PIP_S:.0f} s; look at the network and try again") from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").splitlines()
        told = [line for line in lines if line.startswith("ERROR") and line != "ERROR: Exception:"]
        raise SetupError(f"pip download for {machine}, Python {python}: {(told or lines or ['no message'])[-1]}")
