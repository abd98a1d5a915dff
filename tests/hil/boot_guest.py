"""Runs as root in the booted container: what came up, as whom, with which rights; then one after another is broken."""

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import console_guest
from guest import FOUND, PATIENCE_S, main_pid, note, opens, shown, status_of, strike, systemctl, until

from gatefw.control import call
from gatefw.errors import GateError
from gatefw.identifier import new_identifier
from hw.sim.client import WorldClient

RUN = Path("/run/gatefw")
PHOTOS = Path("/gate/photos")
UNITS = {  # those that the container boots with; the console is enabled there, as a site does it
    "gatefw": "gatefw",
    "gatefw-watcher": "gatefw",
    "gatefw-vision": "gatefw-vision",
    "gatefw-web": "gatefw-web",
    "gatefw-screen": "gatefw-screen",
}
WITH_A_NETWORK = ("gatefw-web", "gatefw-screen", console_guest.UNIT)
METRICS = "http://127.0.0.1:9464/metrics"
SHOWN = "http://127.0.0.1:8090/front/shown"
EXPOSURE = 2.0


def phase() -> str:
    with suppress(GateError):
        return str(call(RUN / "control.sock", "status")["phase"])
    return "not there"


def in_service(what: str) -> None:
    """Note whether the lane is back; where it is not, nothing behind it can be judged."""
    back = until(lambda: phase() == "idle")
    note(what, phase(), ok=back)
    if not back:
        with suppress(GateError):
            print(call(RUN / "control.sock", "status"), flush=True)
        raise RuntimeError(f"{what}: it is not")


def comes_up() -> None:
    began_s = time.monotonic()
    in_service("the lane is in service after a boot")
    note("seconds until then", f"{time.monotonic() - began_s:.1f}", ok=True)
    for unit in UNITS:
        state = shown(unit, "ActiveState")
        note(f"{unit} runs", state, ok=state == "active")
    failed = systemctl("--failed", "--no-legend", "--plain")
    note("no unit failed", failed or "none", ok=not failed)


def runs_as_little() -> None:
    """Who each process is, and what the kernel lets it do."""
    for unit, user in {**UNITS, console_guest.UNIT: console_guest.UNIT}.items():
        pid = main_pid(unit)
        status = status_of(pid)
        who = pwd.getpwuid(int(status["Uid"].split()[0])).pw_name
        note(f"{unit} has a user of its own", who, ok=who == user)
        rights = {key: status[key] for key in ("CapEff", "CapBnd", "NoNewPrivs", "Seccomp")}
        bare = {"CapEff": "0" * 16, "CapBnd": "0" * 16, "NoNewPrivs": "1", "Seccomp": "2"}
        note(f"{unit} has no capability and a filter of calls", rights, ok=rights == bare)
        if unit not in WITH_A_NETWORK:
            own = Path(f"/proc/{pid}/ns/net").readlink() != Path("/proc/1/ns/net").readlink()
            links = Path(f"/proc/{pid}/net/dev").read_text().splitlines()[2:]
            names = [line.split(":")[0].strip() for line in links]
            note(f"{unit} has no network", names, ok=own and names == ["lo"])
        core = next(line for line in Path(f"/proc/{pid}/limits").read_text().splitlines() if "core file" in line)
        note(f"{unit} dumps no core", core.split()[4:6], ok=core.split()[4:6] == ["0", "0"])
        told = subprocess.run(
            ["systemd-analyze", "security", "--no-pager", f"{unit}.service"], capture_output=True, text=True
        ).stdout
        exposure = float(told.rpartition("level for")[2].split()[1]) if "level for" in told else 10.0
        note(f"{unit} is exposed by at most {EXPOSURE}", exposure, ok=exposure <= EXPOSURE)
        verified = subprocess.run(["systemd-analyze", "verify", f"{unit}.service"], capture_output=True, text=True)
        said = verified.stdout + verified.stderr
        note(f"systemd has nothing to say about {unit}", said or "nothing", ok=not said)


def keeps_apart() -> None:
    """Vision never sees a record, the supervisor never a template, and neither the other's keys."""
    for unit, mine, others in (
        ("gatefw", "/var/lib/gatefw/journal.sqlite", "/var/lib/gatefw-vision"),
        ("gatefw-vision", "/var/lib/gatefw-vision/gallery.sqlite", "/var/lib/gatefw"),
    ):
        note(f"{unit} opens its own store", mine, ok=opens(unit, mine))
        files = [str(path) for path in Path(others).rglob("*") if path.is_file() and "models" not in path.parts]
        open_to_it = [path for path in files if opens(unit, path)]
        note(f"{unit} opens none of the {len(files)} files of the other", open_to_it, ok=bool(files) and not open_to_it)
    control = "/run/gatefw/control.sock"  # that others do not reach it is worth something only if its own unit does
    note(f"gatefw opens {control}", opens("gatefw", control), ok=opens("gatefw", control))


def serves(world: WorldClient) -> None:
    """A passage from token to exit, under all of these filters: the models run where no page may be written and run."""
    code = new_identifier().decode()
    call(
        RUN / "control.sock",
        "enrol",
        {"tokens": [code], "photos": [str(PHOTOS / "obama.jpg")], "days": 1, "consent": True},
        PATIENCE_S,
    )
    world.traveller("anna", code=code, photo="obama2.jpg")
    came = world.outcome("anna", PATIENCE_S)
    note("a traveller passes", came, ok=came == "passed")
    in_service("the lane is free again")


def tells() -> None:
    """What the exporter gives to whoever asks on this machine."""
    with urllib.request.urlopen(METRICS, timeout=PATIENCE_S) as answer:
        lines = [line for line in answer.read().decode().splitlines() if not line.startswith("#")]
    note("the exporter tells how the gate is", f"{len(lines)} samples", ok=len(lines) > 10)
    with urllib.request.urlopen(SHOWN, timeout=PATIENCE_S) as answer:
        picture = next(json.loads(line[6:]) for line in answer if line.startswith(b'data: {"sign'))
    note("the screen in front asks for a code", picture["sign"], ok=picture["sign"] == "code")
    kept = Path("/var/lib/gatefw-screen/screen.json")
    note("the screen keeps what it was told of its lane", kept.is_file(), ok=kept.is_file())
    for path in ("/run/gatefw/control.sock", "/var/lib/gatefw/journal.sqlite"):
        note(f"the screen cannot open {path}", opens("gatefw-screen", path), ok=not opens("gatefw-screen", path))


def dies(unit: str, how: signal.Signals, ends_in: str, what: str) -> None:
    """Its process is struck; it is started again by itself, and the lane comes back."""
    struck_s = strike(unit, how, ends_in, what)
    in_service(f"{what}: the lane is back")
    note("seconds until then", f"{time.monotonic() - struck_s:.1f}", ok=True)


def breaks() -> None:
    dies("gatefw-vision", signal.SIGKILL, "status=9/KILL", "vision is killed and started again")
    dies("gatefw", signal.SIGKILL, "status=9/KILL", "the supervisor is killed and started again")
    dies("gatefw", signal.SIGSTOP, "status=9/KILL", "a supervisor that hangs is killed by the watcher")
    dies("gatefw-watcher", signal.SIGKILL, "status=9/KILL", "the watcher is killed and started again")
    systemctl("stop", "gatefw-watcher.service")
    until(lambda: phase() == "degraded")
    note("without the watcher the lane serves nobody", phase(), ok=phase() == "degraded")
    before, pid = int(shown("gatefw", "NRestarts")), main_pid("gatefw")
    os.kill(pid, signal.SIGSTOP)
    back = until(lambda: int(shown("gatefw", "NRestarts")) > before)
    log = subprocess.run(
        ["journalctl", "-o", "cat", "--no-pager", "-u", "gatefw.service"], capture_output=True, text=True
    ).stdout
    note(
        "a supervisor that hangs is ended by systemd's watchdog",
        "Watchdog timeout" in log,
        ok=back and "Watchdog timeout" in log,
    )
    systemctl("start", "gatefw-watcher.service")
    in_service("the lane is back after all that")


def doors_stayed(world: WorldClient, mark: int) -> None:
    """Nothing that died or started moved a door."""
    moved = [entry.facts for entry in world.history()[mark:] if entry.kind == "door" and entry["state"] == "opening"]
    note("no door moved for a death or a start", moved or "none", ok=not moved)
    violations = world.violations()
    note("nothing happened that must never", violations or "none", ok=not violations)


def main(out: Path) -> None:
    models = Path("/var/lib/gatefw-vision/models")
    until(lambda: models.parent.is_dir())
    shutil.copytree("/gate/models", models, dirs_exist_ok=True, symlinks=True)
    subprocess.run(["chown", "-R", "gatefw-vision:gatefw", str(models.parent)], check=True)
    for camera in ("frames.sock", "frames-front.sock"):  # the world is of another user than a driver in the kernel
        until((RUN / camera).exists)
        (RUN / camera).chmod(0o660)
    systemctl("restart", "gatefw-vision.service")
    try:
        comes_up()
        console_guest.comes_up()
        with WorldClient(RUN) as world:
            runs_as_little()
            serves(world)
            keeps_apart()
            tells()
            console_guest.works()
            mark = world.mark()
            breaks()
            console_guest.breaks()
            doors_stayed(world, mark)
    except Exception as problem:  # noqa: BLE001  what was found so far comes out as well
        note("the look was finished", f"{type(problem).__name__}: {problem}", ok=False)
    if not all(each["ok"] for each in FOUND):
        subprocess.run(["journalctl", "--no-pager", "-n", "200", "-o", "short-monotonic"])
    out.write_text(json.dumps(FOUND))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
