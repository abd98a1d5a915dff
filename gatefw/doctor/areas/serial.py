"""Serial ports: is the device's there, under a name that stays, and nobody else's."""

import os
from collections.abc import Iterator
from pathlib import Path

from gatefw.doctor.finding import Finding, Severity, Unseen
from gatefw.doctor.seen import Seen

GROUPS = ("gatefw", "dialout", "video", "gpio", "tty")
"""The gate's users are in these; see systemd/."""
OURS = (b"gatefw", b"hw.sim")
"""In the command line of a process that may have a port open: the daemon's, and the simulated world's."""


def _ports(seen: Seen) -> Iterator[tuple[str, Path]]:
    """Every device with a serial port or a camera's file, and its path in the lane file."""
    for device in seen.lane.devices if seen.lane else ():
        link, file = str(getattr(device.settings, "link", "")), str(getattr(device.settings, "device", ""))
        if link.startswith("serial:"):
            yield device.label, Path(link.removeprefix("serial:").partition("?")[0])
        elif file.startswith("/dev/"):
            yield device.label, Path(file)


def there(seen: Seen) -> Iterator[Finding]:
    """whether each port is there, under a name that stays"""
    for label, path in _ports(seen):
        place, follows = seen.machine.path(path), (f"G0030 {label}", "G0031")
        if not place.exists():
            near = sorted(each.name for each in place.parent.glob("*")) if "by-" in str(path) else []
            evidence = {"path": str(path), "there": near}
            cause = f"its port is not there: {path}" + (f"; there are {', '.join(near[:4])}" if near else "")
            remedy = (
                "plug it in (sudo dmesg -w shows whether the kernel sees it), or put the name that there is into the "
            )
            yield Finding("G0160", Severity.ERROR, label, cause, f"{remedy}lane file", evidence, follows)
        elif path.name.startswith(("ttyUSB", "ttyACM", "video")) and path.parent == Path("/dev"):
            names = [each for each in seen.machine.glob("/dev/*/by-*/*") if each.resolve() == place.resolve()]
            stays = f"/{names[0].relative_to(seen.machine.root)}" if names else f"udevadm info {path} shows what it has"
            cause = f"{path} is a name that the next start may give to another device"
            remedy = f"use the name under by-id or by-path in the lane file: {stays}"
            yield Finding("G0163", Severity.WARNING, label, cause, remedy, {"path": str(path)}, follows)


def twice(seen: Seen) -> Iterator[Finding]:
    """whether two devices have one port under two names"""
    owners: dict[Path, tuple[str, Path]] = {}
    for label, path in _ports(seen):
        place = seen.machine.path(path)
        if not place.exists():
            continue
        other, name = owners.setdefault(place.resolve(), (label, path))
        if other != label and name != path:  # one name twice is a problem of the lane file
            cause = f"{other} and {label} name the same port: {name} and {path} are one"
            remedy = "give each the by-id name of its own adapter; adapters without serial numbers want by-path"
            follows = (f"G0030 {label}", f"G0030 {other}", "G0031")
            yield Finding("G0162", Severity.ERROR, label, cause, remedy, {"port": place.resolve().name}, follows)


def _nodes(seen: Seen) -> dict[str, str]:
    """Whose each port's node is, by its path for us and for the machine's own processes."""
    nodes, root = {}, seen.machine.root.resolve()
    for label, path in _ports(seen):
        node = seen.machine.path(path).resolve()
        nodes[str(node)] = label
        if node.is_relative_to(root):
            nodes[f"/{node.relative_to(root)}"] = label
    return nodes


def _is(descriptor: Path, name: str) -> bool:
    """Whether what a process has open is what has this name for us: in a container another node may have it."""
    try:
        return os.path.samestat(descriptor.stat(), Path(name).stat())
    except OSError:
        return True  # on another machine's disk, or gone meanwhile: the name has to do


def held(seen: Seen) -> Iterator[Finding]:
    """whether another process has a port open"""
    places = ((label, seen.machine.path(path)) for label, path in _ports(seen))
    ports = {_file(place): label for label, place in places if place.exists()}
    unseen = 0
    for process in seen.machine.glob("/proc/[0-9]*") if ports else ():
        try:
            command = (process / "cmdline").read_bytes().split(b"\0")
            opened = {_file(each) for each in (process / "fd").iterdir() if each.exists()}
        except PermissionError:
            unseen += 1
            continue
        except OSError:
            continue  # it has ended
        if any(word in part for part in command for word in OURS):
            continue
        for port in opened & ports.keys():
            label = ports[port]
            name = Path(command[0].decode(errors="replace")).name  # what it was given may be secret
            cause = f"another process has its port open: {name} (process {process.name}); bytes go to whoever is first"
            remedy = f"end it: sudo kill {process.name}; a modem manager goes by sudo apt remove modemmanager"
            evidence = {"pid": int(process.name), "program": name}
            follows = (f"G0030 {label}", f"G0032 {label}", f"G0035 {label}", "G0031")
            yield Finding("G0161", Severity.ERROR, label, cause, remedy, evidence, follows)
    if unseen and seen.machine.uid != 0:
        raise Unseen(f"{unseen} processes are of other users; run it with sudo")


def _file(path: Path) -> tuple[int, int]:
    """Which file it is, not what it is called: containers have a /dev/pts/3 of their own."""
    status = path.stat()
    return status.st_dev, status.st_ino


def allowed(seen: Seen) -> Iterator[Finding]:
    """whether the gate's user may open the ports"""
    group = seen.machine.read("/etc/group")
    if group is None or "gatefw:" not in (seen.machine.read("/etc/passwd") or ""):
        return
    ids = {line.split(":")[2]: line.split(":")[0] for line in group.splitlines() if line.count(":") == 3}
    for label, path in _ports(seen):
        place = seen.machine.path(path)
        if not place.exists():
            continue
        status = place.stat()
        if ids.get(str(status.st_gid)) not in GROUPS and not status.st_mode & 0o006:
            cause = f"the gate's user may not open {path}: it belongs to group {ids.get(str(status.st_gid))}"
            remedy = "gatefw install puts 70-gatefw.rules into /etc/udev/rules.d; then plug it in again"
            yield Finding(
                "G0164", Severity.ERROR, label, cause, remedy, {"path": str(path)}, (f"G0030 {label}", "G0031")
            )


CHECKS = (there, twice, held, allowed)
