"""Runs as root in the booted container, with Python and nothing of gatefw: what a technician does with three sticks.

Every finding is one line of the outcome: what was done, what came of it, whether it is as it should be.
"""

import json
import pwd
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

RUN, STATE, VISION = Path("/run/gatefw"), Path("/var/lib/gatefw"), Path("/var/lib/gatefw-vision")
GATEFW = "/usr/local/bin/gatefw"
PATIENCE_S = 120.0
FOUND: list[dict[str, Any]] = []
PASSES = """\
import sys
from pathlib import Path
from hw.sim.client import WorldClient
with WorldClient(Path("/run/gatefw")) as world:
    world.traveller(sys.argv[1], code=sys.argv[2], photo="obama2.jpg")
    print(world.outcome(sys.argv[1], 120), world.violations() or "")
"""


def note(what: str, found: object, *, ok: bool) -> None:
    FOUND.append({"what": what, "found": str(found), "ok": ok})
    print(f"{time.monotonic():.1f}", what, found, ok, flush=True)


def run(*command: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    print(f"{time.monotonic():.1f} $", *command, done.returncode, done.stdout[-2000:], done.stderr[-2000:], flush=True)
    return done


def until(so: Callable[[], object]) -> bool:
    ends_s = time.monotonic() + PATIENCE_S
    while not so():
        if time.monotonic() > ends_s:
            return False
        time.sleep(0.3)  # nobody tells: systemd and the daemon are asked again
    return True


def status() -> dict[str, Any]:
    done = subprocess.run([GATEFW, "status", "--json"], capture_output=True, text=True)
    told: dict[str, Any] = json.loads(done.stdout) if done.returncode == 0 else {}
    return told


def in_service(what: str, version: str) -> None:
    until(lambda: (status().get("phase"), status().get("version")) == ("idle", version))
    told = status()
    note(what, f"{told.get('version')} {told.get('phase')}", ok=told.get("phase") == "idle")
    if told.get("version") != version or told.get("phase") != "idle":
        run("journalctl", "--no-pager", "-n", "80", "-o", "short-monotonic")
        raise RuntimeError(f"{what}: {told}")


def rows() -> int:
    """Of the journal, which must hold together."""
    done = run(GATEFW, "journal", "verify", str(STATE / "journal.sqlite"), "--json")
    note("the journal holds together", done.returncode, ok=done.returncode == 0)
    return int(json.loads(done.stdout)["ends"]) if done.returncode == 0 else 0


def passes(name: str, token: str) -> None:
    came = run("/opt/gatefw/current/bin/python", "-c", PASSES, name, token).stdout.strip()
    note(f"a traveller passes ({name})", came, ok=came == "passed")


def asked(verb: str, **args: object) -> dict[str, Any]:
    """What the daemon says to an order, straight from its socket; nothing where it is not there."""
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(10)
        try:
            control.connect(str(RUN / "control.sock"))
            control.sendall(json.dumps({"id": 1, "verb": verb, "args": args}).encode() + b"\n")
            told: dict[str, Any] = json.loads(control.makefile().readline() or "{}")
        except (OSError, ValueError):
            return {}
    return told


def ends_a_registration(subject: str, heard: list[str], over: threading.Event) -> None:
    """Somebody does, as soon as a version is being tried; not before, when it would simply be done."""
    while not over.wait(0.02):
        if asked("status").get("result", {}).get("upgrade"):
            heard.append(str(asked("revoke", subject=subject).get("message", "it was done")))
            return


def installs() -> str:
    """The first stick; the simulated hardware is switched on when its program is there."""
    began_s = time.monotonic()
    unasked = run("sh", "/media/first/install", "--lane", "/media/lane.toml", "--json")
    key = Path("/media/fingerprint").read_text()
    told = f"--accept-key {key}" in unasked.stderr and not Path("/opt/gatefw").exists()
    note("a key that nobody vouches for installs nothing", unasked.returncode, ok=told and unasked.returncode == 2)
    done = run("sh", "/media/first/install", "--lane", "/media/lane.toml", "--accept-key", key, "--json")
    note("the first stick installs", done.returncode, ok=done.returncode == 0)
    note("seconds for that", f"{time.monotonic() - began_s:.0f}", ok=True)
    version = str(json.loads(done.stdout)["version"])
    run("systemctl", "start", "gatefw-world.service")
    for camera in ("frames.sock", "frames-front.sock"):  # the world is of another user than a driver in the kernel
        until((RUN / camera).exists)
        (RUN / camera).chmod(0o660)
    in_service("the lane is in service", version)
    for unit, user in {"gatefw": "gatefw", "gatefw-vision": "gatefw-vision", "gatefw-web": "gatefw-web"}.items():
        pid = run("systemctl", "show", "--value", "-p", "MainPID", f"{unit}.service").stdout.strip()
        who = pwd.getpwuid(Path(f"/proc/{pid}").stat().st_uid).pw_name if pid not in ("", "0") else "nobody"
        note(f"{unit} runs as a user of its own", who, ok=who == user)
    place = run("systemctl", "show", "--value", "-p", "FragmentPath", "gatefw.service").stdout.strip()
    note("systemd reads the units of /usr/local", place, ok=place.startswith("/usr/local/lib/"))
    again = run("sh", "/media/first/install", "--json")
    note(
        "a second time there is nothing to do",
        again.stderr.strip().splitlines()[-1],
        ok="nothing was to do" in again.stderr,
    )
    return version


def upgrades(version: str) -> None:
    enrolled = run(GATEFW, "enrol", "--json", "--new-token", "--consent", "--days", "9", "/gate/photos/obama.jpg")
    token, subject = (json.loads(enrolled.stdout)[name] for name in ("token", "subject"))
    passes("before", token)
    in_service("the lane is free again", version)
    before = rows()
    heard, over = list[str](), threading.Event()
    ending = threading.Thread(target=ends_a_registration, args=(subject, heard, over))
    ending.start()
    done = run("sh", "/media/second/install", "--json")
    over.set()
    ending.join()
    note("the second stick upgrades", done.stdout.strip(), ok=done.returncode == 0)
    told = "".join(heard)
    note("a registration is not ended while it is tried", told, ok="is being tried here" in told)
    note("whoever upgrades hears of that", done.stderr.strip()[-100:], ok="not done: revoke" in done.stderr)
    if done.returncode:
        run("journalctl", "--no-pager", "-n", "60", "-o", "short-monotonic", "-u", "gatefw*")
    in_service("the lane is in service with the next version", "9.1.0")
    passes("after", token)
    in_service("the lane is free again", "9.1.0")
    older = run("sh", "/media/first/install", "--json")
    note("an older version is not installed by mistake", older.returncode, ok="--downgrade" in older.stderr)
    after = rows()
    note("people stayed, and the journal went on", f"{before} rows, then {after}", ok=0 < before < after)
    done = run("sh", "/media/broken/install", "--json")
    note("a version whose daemon does not come up goes back", done.stdout.strip(), ok=done.returncode == 1)
    in_service("the lane is in service with the version before", "9.1.0")
    passes("thereafter", token)
    in_service("the lane is free again", "9.1.0")
    note("the journal has the rows of that, too", later := rows(), ok=later > after)


def cut_off() -> None:
    """The installer is killed in its midst, and the unit that runs at boot finishes what it began."""
    installer = subprocess.Popen(["sh", "/media/broken/install"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    record = Path("/var/lib/gatefw-install/upgrade.json")
    switched = until(lambda: record.exists() and '"test"' in record.read_text())
    installer.kill()
    installer.wait()
    note("an upgrade is killed in its self-test", Path("/opt/gatefw/current").readlink(), ok=switched)
    run("systemctl", "start", "gatefw-upgrade.service")
    gone = not record.exists()
    note("the unit for it goes back", Path("/opt/gatefw/current").readlink(), ok=gone)
    run("systemctl", "start", "gatefw-watcher.service", "gatefw-vision.service", "gatefw.service")
    in_service("the lane is in service thereafter", "9.1.0")


def leaves() -> None:
    done = run(GATEFW, "uninstall", "--json")
    kept = [each["path"] for each in json.loads(done.stdout)["kept"]] if done.returncode == 0 else []
    note("it is removed, and says what stays", kept, ok={str(STATE), str(VISION)} <= set(kept))
    run("systemctl", "stop", "gatefw-world.service")
    found = run("find", "/opt", "/usr", "/etc", "-xdev", "-name", "*gatefw*").stdout.split()
    strange = [path for path in found if path not in ("/etc/gatefw", "/etc/systemd/system/gatefw-world.service")]
    note("nothing but state is left", strange, ok=not strange)
    units = run("systemctl", "list-units", "--all", "--no-legend", "--plain", "gatefw*.service").stdout
    running = [line.split()[0] for line in units.splitlines() if " running " in line]
    note("no unit of it runs", running, ok=not running)


def comes_back() -> None:
    """The same stick again: its key is known, and what was left is found."""
    done = run("sh", "/media/second/install", "--json")
    note("it is installed again", done.stdout.strip() or done.stderr.strip()[-200:], ok=done.returncode == 0)
    note("with the people that were left", rows(), ok=True)


def main(out: Path) -> None:
    try:
        upgrades(installs())
        cut_off()
        leaves()
        comes_back()
    except Exception as problem:  # noqa: BLE001  what was found so far comes out as well
        note("it was finished", f"{type(problem).__name__}: {problem}", ok=False)
    if not all(each["ok"] for each in FOUND):
        run("journalctl", "--no-pager", "-n", "200", "-o", "short-monotonic")
    out.write_text(json.dumps(FOUND))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
