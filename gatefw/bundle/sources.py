"""The allow-list of a bundle: what is in it, how it is made, and why it is in.

`Seen` is what doctor looks at: the lane file, the daemon if it answers, the state directory, the machine.
"""

import importlib.metadata
import platform
import re
import sqlite3
import stat
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any

from gatefw import __version__, passage_stats
from gatefw.bundle import Source, as_json, redact
from gatefw.bundle.rows import journal_slice
from gatefw.bundle.tapes import tape_line
from gatefw.device_trace import SCRUBBED_HEAD
from gatefw.doctor.examine import examine
from gatefw.doctor.ranking import ranked
from gatefw.doctor.seen import Seen
from gatefw.errors import DeviceLost, StoreError
from gatefw.metrics_server import read as read_metrics
from gatefw.recording import segments

UNITS = (
    "gatefw.service",
    "gatefw-vision.service",
    "gatefw-watcher.service",
    "gatefw-web.service",
    "gatefw-screen.service",
    "gatefw-console.service",
)
UNIT_PROPERTIES = (
    "Id", "LoadState", "ActiveState", "SubState", "Result", "NRestarts", "ExecMainStatus", "ExecMainCode",
    "ActiveEnterTimestampMonotonic", "WatchdogUSec", "MemoryCurrent", "UnitFileState",
)  # fmt: skip
BOOT_KEYS = re.compile(
    r"(dtparam|dtoverlay|gpio|enable_uart|arm_64bit|kernel|uart_2ndstage|camera_auto_detect)=[\w,.=:\-]*"
)
KERNEL_WORDS = re.compile(
    r"(console=[\w,]+|gpio\w*[\w.=,\-]*|quiet|isolcpus=[\d,\-]+|cgroup_\w+=\w+|coherent_pool=\w+)"
)
METRIC = re.compile(r'# (HELP|TYPE) \w+ [\w ,.()\-/%:;]*|\w+(\{(\w+="[\w.\-]*",?)*\})? [0-9.eE+\-]+|\w+ NaN')

GIVEN = "what the gate was given, with signs for people, to be played again"
TRACED = "what was said on a wire, scrubbed"
TRACE_LINE = re.compile(r"[0-9]+\.[0-9]+ [<>] ([0-9a-f]*|lost)")
TRACE_BYTES, TAPE_BYTES = 2 * 1024 * 1024, 8 * 1024 * 1024
STATE_NAME = re.compile(
    r"[a-z0-9_]{1,40}(\.[a-z0-9_]{1,40})?(\.(sqlite|key|json|toml|jsonl|tflite|latch|maintenance|lock))?(-wal|-shm)?"
)
DAYS = 31


def allowed(seen: Seen, since: datetime, traces: Sequence[Path] = ()) -> tuple[Source, ...]:
    """Every source, the smallest and most telling first. `since`: how far back the journal is told."""
    return (
        Source("versions.json", "which software on which system", lambda: _one("versions.json", _versions(seen))),
        Source("doctor.json", "what `gatefw doctor` finds", lambda: _one("doctor.json", _doctor(seen))),
        Source("config.json", "what the lane file sets, without comments and texts", lambda: _config(seen)),
        Source("status.json", "what the daemon says it does", lambda: _status(seen)),
        Source("units.json", "what systemd says of the processes", lambda: _one("units.json", _units(seen))),
        Source("machine.json", "kernel, boot, memory and disk", lambda: _one("machine.json", _machine(seen))),
        Source("files.json", "which stores and keys are there, how large, and whose", lambda: _files(seen)),
        Source("metrics.txt", "the daemon's counters", lambda: _metrics(seen)),
        Source("passages.json", f"how many passages of the last {DAYS} days ended how", lambda: _passages(seen)),
        *(Source(f"traces/{each.name}", TRACED, partial(_trace, each)) for each in traces),
        *(
            Source(f"recordings/{each.name}", GIVEN, partial(_tape, each))
            for each in reversed(segments(seen.paths.recordings))
        ),
        Source("journal.jsonl", "the newest events, opaque as they are published", lambda: _journal(seen, since)),
    )


def _one(name: str, data: Any) -> Mapping[str, bytes]:
    return {name: as_json(data)}


def _versions(seen: Seen) -> dict[str, Any]:
    wanted = importlib.metadata.requires("gatefw") or []
    names = sorted({re.split(r"[^A-Za-z0-9_.\-]", each)[0] for each in wanted if "extra ==" not in each})
    packages: dict[str, str | None] = {}
    for name in names:
        try:
            packages[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            packages[name] = None
    system = dict(
        re.findall(
            r'^(ID|VERSION_ID|VERSION_CODENAME)="?([\w.\-]*)"?$', seen.machine.read("/etc/os-release") or "", re.M
        )
    )
    return {
        "gatefw": __version__,
        "python": sys.version.split()[0],
        "sqlite": sqlite3.sqlite_version,
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "system": system,
        "packages": packages,
    }


def _doctor(seen: Seen) -> Any:
    groups = ranked(examine(seen))
    found = [{**group.cause.to_json(), "follows": [each.to_json() for each in group.follows]} for group in groups]
    return {"daemon": "answers" if seen.status is not None else seen.silence, "findings": redact.told(found)}


def _config(seen: Seen) -> Mapping[str, bytes]:
    if seen.file is None:
        raise FileNotFoundError
    return _one("config.json", redact.lane_file(seen.file))


def _status(seen: Seen) -> Mapping[str, bytes]:
    if seen.status is None:
        raise DeviceLost("nobody answers")
    status = dict(seen.status)
    if isinstance(stay := status.get("maintenance"), Mapping):
        status["maintenance"] = dict(stay) | {"name": redact.CUT}  # as in the journal's slice
    return _one("status.json", redact.told({"status": status, "devices": seen.asked("devices")}))


def _units(seen: Seen) -> dict[str, dict[str, str]]:
    found = {}
    for unit in UNITS:
        shown = seen.machine.run("systemctl", "show", unit, "--no-pager", f"--property={','.join(UNIT_PROPERTIES)}")
        pairs = (line.partition("=") for line in (shown or "").splitlines())
        found[unit] = {key: redact.value(value) for key, _, value in pairs if key in UNIT_PROPERTIES}
    return found


def _machine(seen: Seen) -> dict[str, Any]:
    machine = seen.machine
    state = machine.disk(seen.paths.state if seen.paths.state.exists() else Path("/"))
    memory = re.findall(
        r"^(MemTotal|MemAvailable|SwapTotal|SwapFree): +(\d+) kB$", machine.read("/proc/meminfo") or "", re.M
    )
    boot = machine.read("/boot/firmware/config.txt") or machine.read("/boot/config.txt") or ""
    return {
        "board": redact.value(machine.read("/proc/device-tree/model") or ""),
        "uptime_s": (machine.read("/proc/uptime") or "").split(" ")[0],
        "load": (machine.read("/proc/loadavg") or "").split(" ")[:3],
        "memory_kb": {name: int(number) for name, number in memory},
        "state_disk": {
            "bytes": state.f_frsize * state.f_blocks,
            "free_bytes": state.f_frsize * state.f_bavail,
            "free_inodes": state.f_favail,
        },
        "kernel_options": [found[0] for found in KERNEL_WORDS.finditer(machine.read("/proc/cmdline") or "")],
        "boot_config": [line for line in boot.splitlines() if BOOT_KEYS.fullmatch(line)],
        "clock_synchronised": (
            machine.run("timedatectl", "show", "--property=NTPSynchronized", "--value") or ""
        ).strip()
        == "yes",
    }


def _files(seen: Seen) -> Mapping[str, bytes]:
    """Names of ours alone; of what else lies there, how many."""
    state = seen.paths.state
    found, others = [], 0
    for path in sorted(state.rglob("*")):
        place = path.relative_to(state)
        if not all(STATE_NAME.fullmatch(part) for part in place.parts) or redact.value(str(place)) != str(place):
            others += 1
            continue
        status = path.lstat()
        found.append({
            "name": str(place), "mode": stat.filemode(status.st_mode), "uid": status.st_uid, "gid": status.st_gid,
            "bytes": status.st_size, "changed_s": int(status.st_mtime),
        })  # fmt: skip
    return _one("files.json", {"files": found, "others": others})


def _metrics(seen: Seen) -> Mapping[str, bytes]:
    lines = read_metrics(seen.paths.metrics).decode().splitlines()
    return {"metrics.txt": "".join(f"{line}\n" for line in lines if METRIC.fullmatch(line)).encode()}


def _passages(seen: Seen) -> Mapping[str, bytes]:
    days = sorted(passage_stats.read(seen.paths.journal), key=lambda each: each[0].day)[-DAYS:]
    told = [
        {"day": key.day, "direction": key.direction}
        | {"counts": {" ".join(what).strip(): number for what, number in sorted(sums.counts.items())}}
        for key, sums in days
    ]
    return _one("passages.json", redact.told(told))


def _trace(path: Path) -> Mapping[str, bytes]:
    """Only as `gatefw device trace` writes it, without --raw. Raises StoreError: it is no such file."""
    lines = path.read_bytes()[:TRACE_BYTES].decode("ascii").splitlines()
    if not lines or lines[0] != SCRUBBED_HEAD:
        raise StoreError(f"{path}: no trace without personal data")
    kept = [line for line in lines if TRACE_LINE.fullmatch(line)]
    return {f"traces/{redact.value(path.name)}": "".join(f"{line}\n" for line in (SCRUBBED_HEAD, *kept)).encode()}


def _tape(path: Path) -> Mapping[str, bytes]:
    """A segment as far as it holds what a recorder writes, and nothing else."""
    kept = list(takewhile(tape_line, path.read_bytes()[:TAPE_BYTES].splitlines(keepends=True)))
    return {f"recordings/{path.name}": b"".join(kept)}


def _journal(seen: Seen, since: datetime) -> Mapping[str, bytes]:
    return {"journal.jsonl": journal_slice(seen.paths.journal, since)}
