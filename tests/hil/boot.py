"""Tier 5: the units, booted. A container with a systemd of its own, in which gatefw is installed as on a gate.

A Debian userland is made once with debootstrap and kept; the program goes to where the units look for it. It boots with
systemd-nspawn, without a network, and `boot_guest.py` looks at what came up and breaks it. What is written in the
container is gone with it; only the findings come out.
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from arm64 import NotHere

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MIRROR = "http://deb.debian.org/debian"
PACKAGES = "systemd,systemd-sysv,dbus,python3,python3-venv,ca-certificates,libgomp1"
MAKE_S, INSTALL_S, BOOT_S = 1800, 900, 600
VENV = "opt/gatefw/current"
_PROGRAMS = {"debootstrap": "debootstrap", "systemd-nspawn": "systemd-container"}

SEES = "--config /etc/gatefw/lane.toml --photos /gate/photos"
WORLD = """\
[Unit]
Description=The simulated world of this gate
Before=gatefw-watcher.service gatefw-vision.service gatefw.service
[Service]
ExecStart=/gate/world
# as pins of a kernel, they are there before who drives them
ExecStartPost=/bin/sh -c 'until test -S /run/gatefw/pins.sock; do sleep 0.1; done'
TimeoutStartSec=60
User=gatefw
Group=gatefw
UMask=0007
[Install]
WantedBy=multi-user.target
"""
PROBE = """\
[Unit]
Description=Looks at what came up, and breaks it
After=gatefw.service
[Service]
Type=oneshot
Environment=HOME=/root GATEFW_RUN=/run/gatefw
ExecStart=/opt/gatefw/current/bin/python /gate/boot_guest.py /out/found.json
StandardOutput=file:/out/log
StandardError=inherit
ExecStopPost=systemctl poweroff --no-block
[Install]
WantedBy=multi-user.target
"""


def userland(cache: Path, name: str = "boot") -> Path:
    """The directory of a userland, made once. Raises NotHere."""
    if os.geteuid() != 0:
        raise NotHere("it needs root, for a container that boots")
    if missing := [package for program, package in _PROGRAMS.items() if not shutil.which(program)]:
        raise NotHere(f"packages are missing: {' '.join(missing)}")
    root = cache / name
    if (root / "complete").exists():
        return root
    shutil.rmtree(root, ignore_errors=True)
    print("making a userland to boot; this takes minutes, once", flush=True)
    make = ["timeout", str(MAKE_S), "debootstrap", "--variant=minbase", f"--include={PACKAGES}"]
    done = subprocess.run([*make, "bookworm", str(root), MIRROR], capture_output=True, text=True)
    if done.returncode:
        raise NotHere(f"debootstrap: exit {done.returncode}; {(done.stdout + done.stderr)[-300:]}")
    (root / "complete").touch()
    return root


@contextmanager
def alone(cache: Path, name: str) -> Iterator[None]:
    """One run at a time: another one would lay out its own things under a container that runs."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"{name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another run uses that container; waiting for its end", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run(cache: Path, python: str, models: Path) -> int:
    """Install, boot, and say what was found; `models` is a state directory with models and photographs."""
    with alone(cache, "boot"):
        root = userland(cache)
        if status := _install(root, python):
            return status
        _lay_out(root, models)
        return boot(root, [])


def boot(root: Path, more: list[str]) -> int:
    """Boot it with these options, and judge what was found; what is written in it is gone then. Raises NotHere."""
    with tempfile.TemporaryDirectory(prefix="gatefw-boot-") as name:
        out = Path(name)
        nspawn = ["systemd-nspawn", "-D", str(root), "--boot", "--volatile=overlay", "--private-network", "--quiet"]
        nspawn += ["--register=no", "--keep-unit", f"--bind={out}:/out", "--machine=gatefw-boot", *more]
        with (out / "console").open("wb") as console:
            booted = subprocess.run(
                ["timeout", "-k", "30", str(BOOT_S), *nspawn], stdin=subprocess.DEVNULL, stdout=console, stderr=console
            )
        return _judge(out, booted.returncode)


def _judge(out: Path, status: int) -> int:
    """Print the findings; 0 when all are as they should be."""
    try:
        found = json.loads((out / "found.json").read_text())
    except (OSError, ValueError):
        said = "".join(
            (out / name).read_text(errors="replace")[-3000:] for name in ("console", "log") if (out / name).exists()
        )
        if not (out / "log").exists():
            raise NotHere(f"this machine boots no container: exit {status}; {said[-400:]}") from None
        print(f"the container ended with {status} and no findings:\n{said}", file=sys.stderr)
        return 1
    for each in found:
        print(f"{'ok ' if each['ok'] else 'NOT'}  {each['what']}: {each['found']}")
    good = bool(found) and all(each["ok"] for each in found)
    if not good:
        print((out / "log").read_text(errors="replace")[-20_000:], file=sys.stderr)
    return 0 if good else 1


def _install(root: Path, python: str) -> int:
    """The wheel of this tree, in a virtual environment of Debian's own Python where the units look for it."""
    for name in ("resolv.conf", "hosts", "ssl/certs/ca-certificates.crt"):
        shutil.copy(Path("/etc") / name, root / "etc" / name)
    with tempfile.TemporaryDirectory(dir=root, prefix="w-") as name:
        wheel = [python, "-m", "pip", "wheel", "-q", "--disable-pip-version-check", "--no-deps", "-w", name, str(ROOT)]
        if status := subprocess.run(wheel).returncode:
            return status
        [built] = Path(name).glob("gatefw-*.whl")
        pip = f"/{VENV}/bin/pip install -q --disable-pip-version-check"
        inside = f"/{Path(name).name}/{built.name}"
        script = f"test -x /{VENV}/bin/pip || python3 -m venv /{VENV}; "
        script += f"{pip} {inside}; {pip} --no-deps --force-reinstall {inside}"
        env = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "PIP_CERT=/etc/ssl/certs/ca-certificates.crt"]
        if proxy := os.environ.get("PIP_INDEX_URL"):
            env.append(f"PIP_INDEX_URL={proxy}")
        return subprocess.run(
            ["timeout", str(INSTALL_S), "chroot", str(root), "env", "-i", *env, "sh", "-ec", script]
        ).returncode


def _lay_out(root: Path, models: Path) -> None:
    """Units, users, lane file, models, and what looks at them."""
    units, gate, etc = root / "etc/systemd/system", root / "gate", root / "etc/gatefw"
    shutil.rmtree(gate, ignore_errors=True)
    for directory in (gate, etc, root / "usr/lib/sysusers.d", root / "usr/lib/tmpfiles.d"):
        directory.mkdir(parents=True, exist_ok=True)
    shutil.copytree(models / "photos", gate / "photos")
    shutil.copytree(models / "models", gate / "models")
    for name in ("boot_guest.py", "console_guest.py", "guest.py"):
        shutil.copy(HERE / name, gate)
    (gate / "console.sh").write_text(_told("sh"))
    for path in (ROOT / "systemd").iterdir():
        if path.suffix in (".service", ".socket", ".path", ".timer"):
            shutil.copy(path, units)
    shutil.copy(ROOT / "systemd/gatefw.sysusers", root / "usr/lib/sysusers.d/gatefw.conf")
    shutil.copy(ROOT / "systemd/gatefw.tmpfiles", root / "usr/lib/tmpfiles.d/gatefw.conf")
    (gate / "world").write_text(f"#!/bin/sh\nexec /{VENV}/bin/python -m hw.sim --dir /run/gatefw {SEES}\n")
    (gate / "world").chmod(0o755)
    (units / "gatefw-world.service").write_text(WORLD)
    (units / "gatefw-probe.service").write_text(PROBE)
    lane = (ROOT / "config/sim.toml").read_text().replace('start = "child"', 'start = "unit"', 1)
    (etc / "lane.toml").write_text(f"{lane}\n{_told('toml')}")
    command = root / "usr/local/bin/gatefw"
    command.unlink(missing_ok=True)
    command.symlink_to(f"/{VENV}/bin/gatefw")
    wants = units / "multi-user.target.wants"
    wants.mkdir(exist_ok=True)
    ours = ("gatefw", "gatefw-watcher", "gatefw-vision", "gatefw-web", "gatefw-screen")
    for name in ("gatefw-world", "gatefw-probe", *ours):
        link = wants / f"{name}.service"
        link.unlink(missing_ok=True)
        link.symlink_to(f"../{name}.service")


def _told(language: str) -> str:
    """What docs/console.md tells a site to write in this language, for the console's unit."""
    return (ROOT / "docs/console.md").read_text().split(f"```{language}\n", 1)[1].split("```", 1)[0]
