"""Tier 6: gatefw is installed, upgraded, taken back and removed in a booted container that has no network.

Three sticks are made out of this tree: one as it is, one of the same code as the next version, and one whose daemon
does not come up. The container is a Debian that never heard of gatefw; `install_guest.py` does in it what a technician
does.
"""

import os
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

import boot

from gatefw.installer import signing, stick, stick_make
from gatefw.installer.stick import MANIFEST, PUBLIC, SIGNATURE

ROOT = boot.ROOT
TARGET = "x86_64-3.11"  # Debian 12 on this machine
PROBE = """\
[Unit]
Description=Installs gatefw as a technician does
After=multi-user.target
[Service]
Type=oneshot
Environment=HOME=/root GATEFW_RUN=/run/gatefw
ExecStart=/usr/bin/python3 /gate/install_guest.py /out/found.json
StandardOutput=file:/out/log
StandardError=inherit
ExecStopPost=systemctl poweroff --no-block
[Install]
WantedBy=default.target
"""
DEAD = "\n\ndef _ends(*_given: object) -> None:\n    raise SystemExit(2)\n\n\nSupervisor.__init__ = _ends\n"
"""For the end of supervisor.py: every test of its parts passes, and it does not come up."""


def run(cache: Path, python: str, state: Path) -> int:
    """Make the sticks, boot, and say what was found; `state` has models and photographs. Raises NotHere."""
    with boot.alone(cache, "bare"), tempfile.TemporaryDirectory(prefix="gatefw-sticks-") as name:
        root, media = boot.userland(cache, "bare"), Path(name)
        if status := _sticks(media, python):
            return status
        _lay_out(root, state)
        return boot.boot(root, [f"--bind-ro={media}:/media"])


def _sticks(media: Path, python: str) -> int:
    pip = [python, "-m", "pip", "wheel", "-q", "--disable-pip-version-check", "--no-deps", "-w", str(media), str(ROOT)]
    if status := subprocess.run(pip).returncode:
        return status
    [wheel] = media.glob("gatefw-*.whl")
    lane = media / "lane.toml"
    lane.write_text((ROOT / "config/sim.toml").read_text().replace('start = "child"', 'start = "unit"', 1))
    (media / "fingerprint").write_text(stick.fingerprint(signing.new_key(media / "key").encode()))
    make = [python, "-m", "gatefw", "stick", "make", str(media / "first"), "--wheel", str(wheel), "--for", TARGET]
    if status := subprocess.run([*make, "--models", "--key", str(media / "key")], stdout=subprocess.DEVNULL).returncode:
        return status
    for name, version, more in (("second", "9.1.0", ""), ("broken", "9.2.0", DEAD)):
        shutil.copytree(media / "first", media / name, copy_function=os.link)
        place = media / name / TARGET
        (place / "wheels" / wheel.name).unlink()
        _as(wheel, place / "wheels", version, more)
        for file in (MANIFEST, SIGNATURE, PUBLIC):
            (place / file).unlink()
        (media / name / "install").unlink()
        signing.sign(place, stick_make.finish(media / name, version, TARGET), media / "key")
    return 0


def _as(wheel: Path, into: Path, version: str, supervisor: str) -> None:
    """The same wheel under another version, with something at the end of the supervisor."""
    before = wheel.name.split("-")[1]
    made = into / wheel.name.replace(before, version, 1)
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as copy:
        for entry in source.infolist():
            content = source.read(entry)
            if entry.filename in ("gatefw/__init__.py", "hw/__init__.py") or entry.filename.endswith("/METADATA"):
                content = content.replace(before.encode(), version.encode(), 1)
            if entry.filename == "gatefw/supervisor.py":
                content += supervisor.encode()
            copy.writestr(entry.filename.replace(f"gatefw-{before}.", f"gatefw-{version}."), content)


def _lay_out(root: Path, state: Path) -> None:
    """What plays the hardware and the technician; nothing of gatefw."""
    gate, units = root / "gate", root / "etc/systemd/system"
    shutil.rmtree(gate, ignore_errors=True)
    gate.mkdir()
    shutil.copytree(state / "photos", gate / "photos")
    shutil.copy(boot.HERE / "install_guest.py", gate)
    (gate / "world").write_text(f"#!/bin/sh\nexec /{boot.VENV}/bin/python -m hw.sim --dir /run/gatefw {boot.SEES}\n")
    (gate / "world").chmod(0o755)
    (units / "gatefw-world.service").write_text(boot.WORLD)
    (units / "install-probe.service").write_text(PROBE)
    wants = units / "default.target.wants"
    wants.mkdir(exist_ok=True)
    link = wants / "install-probe.service"
    link.unlink(missing_ok=True)
    link.symlink_to("../install-probe.service")
