"""The lane file and the daemon that runs it: does it hold together, does it run, by this file, and what ails it."""

import hashlib
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import hw
from gatefw import __version__
from gatefw.doctor.finding import Finding, Fix, Severity, Unseen
from gatefw.doctor.gather import MODEL_KEYS
from gatefw.doctor.seen import Seen, Silence
from gatefw.errors import SetupError

ELSEWHERE = (*MODEL_KEYS, "documents.csca", "watcher.required")
"""Keys of the lane file whose problems other areas tell: what is wrong there is not in the file."""
SAFE_MODE = "config_broken"
"""Why a daemon that could not use its lane file is out of service."""
LISTENS = "00010000"  # of /proc/net/unix
RESTARTS = 3
LOSSES = 5
_TURNED_DOWN = {
    "recovering": "look whether the lane is empty and both doors are closed and locked; it goes on by itself then",
    "out_of_service": "gatefw lane open",
    "maintenance": "gatefw lane maintain-end, then gatefw lane open",
    "fault": "look whether the lane is empty and mend the cause, then gatefw lane reset",
    "evacuated": "look whether the lane is empty and end the emergency, then gatefw lane reset",
    "degraded": "mend the device that is missing; it ends by itself",
}


def file(seen: Seen) -> Iterator[Finding]:
    """whether the lane file holds together"""
    if seen.file is None:
        cause = "no lane file was named and none is installed, so half of the checks have nothing to look at"
        yield Finding("G0013", Severity.WARNING, "lane", cause, "give it: gatefw doctor FILE")
        return
    if seen.lane is None and not seen.problems:
        raise Unseen(f"{seen.file} may not be read; run it with sudo")
    devices = {device.label for device in seen.lane.devices} if seen.lane else set()
    for each in seen.problems:
        if each.key in ELSEWHERE or (each.warning and each.key in devices):
            continue
        where = f"{each.file}:{each.line}" if each.line else each.file
        cause = f"{each.key}: {each.problem}" if each.key else each.problem
        if each.warning:
            yield Finding("G0011", Severity.WARNING, where, cause, f"decide it, then gatefw check {each.file}")
        else:
            yield _broken(seen, where, cause)


def _broken(seen: Seen, where: str, cause: str) -> Finding:
    """A daemon that serves by what it has read is not touched before its next start."""
    remedy = f"correct that line, then gatefw check {seen.file}, and sudo systemctl restart gatefw"
    if seen.file and not seen.file.exists():
        remedy = "name a lane file that is there: gatefw doctor FILE; without one it takes the running daemon's"
    if seen.status is None or seen.status.get("reason") == SAFE_MODE:
        follows = ("G0012", "G0016", "G0020", "G0021", "G0023", "G0031")
        return Finding("G0010", Severity.ERROR, where, cause, remedy, explains=follows)
    running = seen.status.get("config", {}).get("file")
    if running and seen.file and seen.file.absolute() != Path(running):
        cause = f"{cause} (the daemon runs by another file, {running})"
    else:
        cause = f"{cause} (the daemon runs by what it read before; its next start fails)"
    return Finding("G0010", Severity.WARNING, where, cause, remedy, explains=("G0012",))


def daemon(seen: Seen) -> Iterator[Finding]:
    """whether the daemon runs and answers"""
    on_a_card = not seen.machine.here and seen.paths.run.is_relative_to(seen.machine.root)
    if seen.silence is None or on_a_card:
        return
    where, control = "daemon", seen.paths.control
    if seen.silence is Silence.FORBIDDEN:
        raise Unseen(f"{control} is the gate's alone; run it with sudo, or as the gate's user")
    start = f"sudo systemctl start gatefw, or gatefw run {seen.file or 'FILE'}; its log: journalctl -u gatefw -e"
    if seen.silence is Silence.STALE:
        cause = f"the daemon is dead: nobody listens behind {control}, which it left"
        fix = Fix(f"remove {control}", lambda: _removed(control))
        yield Finding("G0023", Severity.ERROR, where, cause, start, {"socket": str(control)}, ("G0020",), fix=fix)
    elif seen.silence is Silence.ABSENT and _listens_unseen(seen, control):
        cause = f"the daemon runs, and its {control} was removed: nobody can ask it or give it an order"
        remedy = "look that the lane is empty, then sudo systemctl restart gatefw; find what empties that directory"
        yield Finding("G0025", Severity.ERROR, where, cause, remedy, {"socket": str(control)}, ("G0281",))
    elif seen.silence is Silence.ABSENT:
        cause = f"the daemon does not run: there is no {control}"
        yield Finding("G0020", Severity.ERROR, where, cause, start, {"socket": str(control)})
    else:
        cause = f"what sits behind {control} {'does not answer' if seen.silence is Silence.HANGS else 'is no daemon'}"
        remedy = "sudo systemctl restart gatefw; whoever is inside is let out by the lane file's way out"
        yield Finding("G0022", Severity.ERROR, where, cause, remedy, {"socket": str(control)})


def _listens_unseen(seen: Seen, path: Path) -> bool:
    """Whether somebody listens at a socket that was called so, of which the kernel still knows."""
    rows = (row.split(maxsplit=7) for row in (seen.machine.read("/proc/net/unix") or "").splitlines())
    return any(row[3] == LISTENS and row[7] == str(path) for row in rows if len(row) == 8)


def _removed(path: Path) -> str:
    """A daemon that was started since it was looked at keeps its socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return f"{path} is gone"
    return f"{path}: somebody listens there now, it stays"


def restarts(seen: Seen) -> Iterator[Finding]:
    """whether systemd starts a process again and again"""
    for unit in ("gatefw", "gatefw-vision", "gatefw-watcher"):
        told = seen.machine.run("systemctl", "show", unit, "-p", "NRestarts,ActiveState,SubState,ExecMainStatus,Result")
        facts = dict(line.partition("=")[::2] for line in (told or "").splitlines())
        count = int(facts.get("NRestarts") or 0)
        if count < RESTARTS and facts.get("SubState") != "auto-restart":
            continue
        cause = f"{unit} was started again {count} times, last with {facts.get('Result')} {facts.get('ExecMainStatus')}"
        remedy = f"journalctl -u {unit} -e names why it ends; mend that, then systemctl reset-failed {unit}"
        follows = ("G0020", "G0023") if unit == "gatefw" else ("G0024",)
        yield Finding("G0021", Severity.ERROR, unit, cause, remedy, facts, follows)


def drift(seen: Seen) -> Iterator[Finding]:
    """whether the daemon runs by the lane file as it is now, and by this program"""
    try:
        hw.require_ours()
    except SetupError as error:
        remedy = (
            "install gatefw anew from one wheel; python -c 'import hw; print(hw.__file__)' shows where the other lies"
        )
        yield Finding("G0015", Severity.ERROR, "program", str(error), remedy, explains=("G0020", "G0021"))
    if seen.status is None:
        return
    if (version := seen.status.get("version")) != __version__:
        cause = f"the daemon is version {version}, installed is {__version__}: it was not started again since"
        yield Finding("G0014", Severity.WARNING, "daemon", cause, "sudo systemctl restart gatefw, with the lane empty")
    running = seen.status.get("config", {})
    if seen.file and running and running.get("sha256") != _sha256(seen.file):
        cause = f"the daemon does not run by {seen.file} as it is now: it was changed, or is another one"
        evidence = {"running": running.get("file"), "running_sha256": running.get("sha256")}
        remedy = f"gatefw check {seen.file}, then gatefw reload; it says what wants a restart"
        yield Finding("G0012", Severity.WARNING, str(seen.file), cause, remedy, evidence)
    reloaded = seen.status.get("reloaded") or {}
    if problem := reloaded.get("problem"):
        yield Finding("G0012", Severity.WARNING, "reload", f"the lane file was not reloaded: {problem}", "correct it")
    elif refused := reloaded.get("refused"):
        cause = f"changes of the lane file wait for a restart: {', '.join(refused)}"
        yield Finding("G0012", Severity.WARNING, "reload", cause, "sudo systemctl restart gatefw, with the lane empty")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def phase(seen: Seen) -> Iterator[Finding]:
    """what keeps the lane from serving"""
    if seen.status is None:
        return
    now = str(seen.status.get("phase", ""))
    if seen.status.get("reason") == SAFE_MODE:
        told = "; ".join(seen.status.get("findings", ()))
        cause = f"the daemon runs in safe mode: it could not use its lane file ({told})"
        remedy = f"gatefw check {seen.file}; once that says no problems, gatefw reload"
        evidence = {"made_safe": seen.status.get("made_safe")}
        yield Finding("G0016", Severity.ERROR, "daemon", cause, remedy, evidence, ("G0012", "G0031", "G0280"))
    if latched := seen.status.get("latched"):
        cause = f"a fault is latched: {str(latched).replace('_', ' ')}; nobody is let in until somebody looked"
        yield Finding("G0033", Severity.ERROR, "lane", cause, _TURNED_DOWN["fault"], {"reason": latched}, ("G0031",))
    if now in _TURNED_DOWN:
        remedy, severity = _TURNED_DOWN[now], Severity.ERROR
        if now in ("out_of_service", "maintenance"):
            severity = Severity.WARNING
        yield Finding("G0031", severity, "lane", f"nobody can pass: the lane is {now.replace('_', ' ')}", remedy)
    stalled = [name for name, each in _threads(seen).items() if each.get("stalled")]
    for name in stalled:
        cause = f"the daemon's {name} thread stands still; new travellers are kept out"
        remedy = "sudo systemctl restart gatefw with the lane empty, and send the log"
        yield Finding("G0034", Severity.ERROR, f"thread.{name}", cause, remedy, explains=("G0031",))


def _threads(seen: Seen) -> dict[str, dict[str, object]]:
    health = (seen.status or {}).get("health", {})
    return dict(health.get("threads", {}))


def devices(seen: Seen) -> Iterator[Finding]:
    """which devices are lost, or work badly"""
    if seen.status is None:
        return
    told = {each["device"]: each for each in seen.asked("devices").get("devices", [])}
    if "vision" in (seen.status.get("missing") or ()):
        remedy = "sudo systemctl restart gatefw-vision; journalctl -u gatefw-vision -e names why it ended"
        cause = "the vision process is not there: nobody can be looked at"
        follows = ("G0031", *(f"G0030 {label}" for label in told if label.startswith("camera.")))
        yield Finding("G0024", Severity.ERROR, "vision", cause, remedy, explains=follows)
    for name in sorted(seen.status.get("impaired", {}).keys() - told.keys()):
        reasons = ", ".join(seen.status["impaired"][name]).replace("_", " ")
        yield Finding("G0032", Severity.WARNING, name, f"works badly: {reasons}", f"gatefw explain G0032; {name}'s log")
    for label, each in told.items():
        health = seen.devices.get(label, {})
        evidence = {**each, **health}
        if each["state"] == "lost":
            cause = f"is lost, since {each['for_s']:.0f} s ({_why(each, health)})"
            remedy = "look at its plug and its supply; the daemon goes on trying and takes it up by itself"
            yield Finding("G0030", Severity.ERROR, label, cause, remedy, evidence, ("G0031",))
        elif each["state"] == "impaired":
            cause = f"works badly: {', '.join(reason.replace('_', ' ') for reason in each['reasons'])}"
            yield Finding("G0032", Severity.WARNING, label, cause, f"gatefw device test {label}", evidence)
        elif health.get("losses", 0) >= LOSSES:
            cause = f"goes away again and again: {health['losses']} times since the daemon's start"
            remedy = "a loose plug, a thin supply, or a long line: shake the plug while gatefw device list runs"
            yield Finding("G0035", Severity.WARNING, label, cause, remedy, evidence)


def _why(told: Mapping[str, Any], health: Mapping[str, Any]) -> str:
    """As far as the daemon knows: what its driver said last, or the class of that, or the reason."""
    return str(told.get("detail") or health.get("error") or ", ".join(told["reasons"]).replace("_", " "))


CHECKS = (file, daemon, restarts, drift, phase, devices)
