"""The machine: power, heat, disks, memory, and who restarts it when it stands still."""

import os
from collections.abc import Iterator
from pathlib import Path

from gatefw.doctor.finding import Finding, Severity
from gatefw.doctor.seen import Machine, Seen

UNDER_VOLTAGE, CAPPED, THROTTLED, HOT = 1 << 0, 1 << 1, 1 << 2, 1 << 3
OCCURRED = 16  # the same four bits again, for what was so since the board started
HOT_C, COOL_C = 80, 85  # a Raspberry Pi slows down at 80 and more at 85
LEAST_FREE_MB, LEAST_INODES = 64, 1000
LEAST_MEMORY_MB, LOW_MEMORY_MB = 48, 128
WORN, WORN_OUT = 9, 11  # of an eMMC's own scale: 9 is 80 to 90 % of its life, 11 beyond it
LOCK = "LimitMEMLOCK=infinity in the unit, or sudo swapoff -a; then restart"
FOLLOWS_FROM_NO_DISK = ("G0020", "G0021", "G0023", "G0031", "G0033", "G0034", "G0262", "G0265")


def power(seen: Seen) -> Iterator[Finding]:
    """whether the board has volts enough"""
    flags = _throttled(seen.machine)
    remedy = "a supply of 5.1 V and 5 A (Pi 4: 3 A) on a short thick cable; lock and motor need one of their own"
    evidence = {"throttled": None if flags is None else hex(flags)}
    if (flags or 0) & UNDER_VOLTAGE or _alarm(seen.machine):
        cause = "the board's supply is too low now (under-voltage): devices drop out and the disk may be damaged"
        follows = ("G0030", "G0035", "G0108", "G0021", "G0031")
        yield Finding("G0100", Severity.ERROR, "host", cause, remedy, evidence, follows)
    elif (flags or 0) & UNDER_VOLTAGE << OCCURRED:
        cause = "the board's supply was too low at times since it started (under-voltage)"
        yield Finding("G0101", Severity.WARNING, "host", cause, remedy, evidence, ("G0035",))


def _throttled(machine: Machine) -> int | None:
    """The firmware's flags; None on a board that has none."""
    for file in machine.glob("/sys/devices/platform/soc*/soc*:firmware/get_throttled"):
        try:
            return int(file.read_text("ascii").strip(), 16)
        except (OSError, ValueError):
            continue
    told = machine.run("vcgencmd", "get_throttled") or ""
    _, _, number = told.strip().partition("throttled=")
    return int(number, 16) if number else None


def _alarm(machine: Machine) -> bool:
    """The kernel's own sensor of the supply."""
    alarms = [each for each in machine.glob("/sys/class/hwmon/*/in0_lcrit_alarm") if each.read_text().strip() == "1"]
    return any((each.parent / "name").read_text().strip() == "rpi_volt" for each in alarms)


def heat(seen: Seen) -> Iterator[Finding]:
    """whether the board is too hot"""
    for zone in seen.machine.glob("/sys/class/thermal/thermal_zone*"):
        try:
            kind, milli_c = (zone / "type").read_text().strip(), int((zone / "temp").read_text())
        except (OSError, ValueError):
            continue
        if ("cpu" not in kind and "soc" not in kind) or milli_c < HOT_C * 1000:
            continue
        cause = f"the processor has {milli_c // 1000} degrees and slows itself down: faces take longer than they may"
        severity = Severity.ERROR if milli_c >= COOL_C * 1000 else Severity.WARNING
        remedy = "let air to it: fan, heat sink, shade; look whether the fan turns"
        yield Finding("G0102", severity, "host", cause, remedy, {"celsius": milli_c / 1000})
        return
    if (flags := _throttled(seen.machine) or 0) & (CAPPED | THROTTLED | HOT) and not flags & UNDER_VOLTAGE:
        cause, remedy = "the processor is throttled: faces take longer than they may", "let air to it"
        yield Finding("G0102", Severity.WARNING, "host", cause, remedy, {"throttled": hex(flags)})


def disks(seen: Seen) -> Iterator[Finding]:
    """whether the disks can be written and have room"""
    least_mb = seen.lane.journal.least_free_mb if seen.lane else LEAST_FREE_MB
    looked: set[int] = set()
    for directory in dict.fromkeys((seen.paths.state, seen.paths.people, seen.vision, seen.paths.run)):
        place = next(each for each in (directory, *directory.parents) if each.exists())
        if (device := place.stat().st_dev) not in looked:
            looked.add(device)
            yield from _disk(seen.machine.disk(place), place, least_mb)


def _disk(found: os.statvfs_result, place: Path, least_mb: int) -> Iterator[Finding]:
    free_mb, where = found.f_bavail * found.f_frsize // 2**20, str(place)
    evidence = {"free_mb": free_mb, "least_free_mb": least_mb, "free_inodes": found.f_favail}
    if found.f_flag & os.ST_RDONLY:
        cause = "this disk is read-only: nothing is written down, so nobody is let in"
        remedy = "dmesg names why the kernel made it so (a worn card, a power cut); save what is on it, change the card"
        yield Finding("G0105", Severity.ERROR, where, cause, remedy, evidence, (*FOLLOWS_FROM_NO_DISK, "G0103"))
    elif free_mb < least_mb:
        cause = f"the disk is full: {free_mb} MB are free of the {least_mb} that must be, so nobody new is let in"
        remedy = f"sudo du -xhd2 / | sort -h | tail names what is large; never delete anything below {place} by hand"
        yield Finding("G0103", Severity.ERROR, where, cause, remedy, evidence, FOLLOWS_FROM_NO_DISK)
    elif free_mb < 2 * least_mb:
        cause = f"the disk fills: {free_mb} MB are free, below {least_mb} nobody new is let in"
        remedy = "sudo journalctl --vacuum-size=50M; hand the gate's journal to its archive (gatefw journal export)"
        yield Finding("G0104", Severity.WARNING, where, cause, remedy, evidence, ("G0262",))
    if found.f_files > 0 and found.f_favail < LEAST_INODES:
        cause = f"the disk has {found.f_favail} inodes left: it can hold no more files, however much room there is"
        remedy = "sudo du --inodes -xd3 / | sort -n | tail names where the many small files are"
        yield Finding("G0106", Severity.ERROR, where, cause, remedy, evidence, FOLLOWS_FROM_NO_DISK)


def wear(seen: Seen) -> Iterator[Finding]:
    """whether the card is worn, and what errors its file systems recorded"""
    for file in seen.machine.glob("/sys/block/mmcblk*/device/life_time"):
        used = max((int(part, 16) for part in file.read_text().split()), default=0)
        if used >= WORN:
            cause = f"the card {file.parents[1].name} has used {min(10 * used, 100)} % of its life"
            remedy = "save state and lane file, and change the card before it turns read-only"
            severity = Severity.ERROR if used >= WORN_OUT else Severity.WARNING
            yield Finding("G0107", severity, file.parents[1].name, cause, remedy, {"life_time": used})
    for file in seen.machine.glob("/sys/fs/ext4/*/errors_count"):
        if (count := int(file.read_text().strip() or 0)) > 0:
            disk = file.parent.name
            cause = f"the file system on {disk} recorded {count} errors: what was written there may be lost"
            remedy = (
                f"save what is on it; sudo fsck -f /dev/{disk} from another system; change the card if it comes again"
            )
            yield Finding("G0108", Severity.ERROR, disk, cause, remedy, {"errors_count": count})


def memory(seen: Seen) -> Iterator[Finding]:
    """whether memory is left, and whether keys may come to lie on the swap"""
    told = seen.machine.listed("/proc/meminfo")
    sizes_mb = {name: int(value.split()[0]) // 1024 for name, value in told.items() if value.endswith("kB")}
    free_mb, swap_mb = sizes_mb.get("MemAvailable"), sizes_mb.get("SwapTotal", 0)
    if free_mb is not None and free_mb < LOW_MEMORY_MB:
        cause = f"{free_mb} MB of memory are left: the kernel ends a process when there is none"
        severity = Severity.ERROR if free_mb < LEAST_MEMORY_MB else Severity.WARNING
        remedy = "ps aux --sort=-rss | head names who has it; a gate's board runs nothing else"
        yield Finding("G0110", severity, "host", cause, remedy, sizes_mb, ("G0021", "G0024"))
    if swap_mb and any(_vision_unlocked(seen.machine)):
        cause = (
            f"vision's memory is not locked and there are {swap_mb} MB of swap: templates may come to lie on the disk"
        )
        yield Finding("G0111", Severity.WARNING, "vision", cause, LOCK, {"swap_mb": swap_mb})
    hardened = (seen.status or {}).get("memory")
    if not hardened:
        return
    if swap_mb and not hardened.get("locked"):
        cause = (
            f"the daemon's memory is not locked and there are {swap_mb} MB of swap: keys may come to lie on the disk"
        )
        yield Finding("G0111", Severity.WARNING, "daemon", cause, LOCK, {**hardened, "swap_mb": swap_mb})
    if not hardened.get("undumpable"):
        cause = "the daemon may write core dumps: keys and templates would lie in them"
        remedy = "LimitCORE=0 in the unit (gatefw.service has it), then restart"
        yield Finding("G0112", Severity.WARNING, "daemon", cause, remedy, dict(hardened))


def _vision_unlocked(machine: Machine) -> Iterator[bool]:
    """Of each vision process that runs here, whether it locked nothing of its memory."""
    for process in machine.glob("/proc/[0-9]*"):
        try:
            ours = b"gatefw.vision" in (process / "cmdline").read_bytes()
            yield ours and "VmLck:\t       0 kB" in (process / "status").read_text()
        except OSError:
            continue  # it has ended, or is another user's


def watchdogs(seen: Seen) -> Iterator[Finding]:
    """whether somebody restarts a board or a daemon that stands still"""
    if seen.lane is not None and not seen.lane.lane.simulated:
        states = {
            file.parent.name: file.read_text().strip() for file in seen.machine.glob("/sys/class/watchdog/*/state")
        }
        remedy = "gatefw install puts gatefw-hardware-watchdog.conf into /etc/systemd/system.conf.d; restart the board"
        if not states and not list(seen.machine.glob("/sys/class/watchdog/*")):
            cause = "the board has no hardware watchdog, or its driver is not loaded: a kernel that hangs hangs on"
            yield Finding("G0113", Severity.WARNING, "host", cause, f"dtparam=watchdog=on in config.txt; {remedy}")
        elif states and "active" not in states.values():
            cause = "the board's hardware watchdog is not armed: a kernel that hangs hangs on"
            yield Finding("G0113", Severity.WARNING, "host", cause, remedy, states)
    told = seen.machine.run("systemctl", "show", "gatefw", "-p", "LoadState,WatchdogUSec") or ""
    facts = dict(line.partition("=")[::2] for line in told.splitlines())
    if facts.get("LoadState") == "loaded" and facts.get("WatchdogUSec") in ("0", ""):
        cause = "the unit gatefw has no WatchdogSec: a daemon that hangs is not started again"
        remedy = "sudo systemctl edit gatefw: [Service] WatchdogSec=10s, as the shipped unit has it"
        yield Finding("G0114", Severity.WARNING, "gatefw.service", cause, remedy, facts)


CHECKS = (power, heat, disks, wear, memory, watchdogs)
