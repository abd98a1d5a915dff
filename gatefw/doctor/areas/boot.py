"""The kernel and what the board's firmware was told: which pins are whose, and what they do before and after us."""

import re
import sys
from collections.abc import Iterator

from gatefw.doctor.finding import Finding, Severity
from gatefw.doctor.pins import Used, used
from gatefw.doctor.seen import Seen
from gatefw.ports import DeadOutputs
from gatefw.watcher import SOCKET
from hw.gpio.persistence import LABELS, dead_outputs

CONFIGS = ("/boot/firmware/config.txt", "/boot/config.txt")
PULLED_UP = range(9)  # by the chip itself, from power on: BCM 0 to 8 up, all others down
_TAKES = (
    (r"dtparam=i2c(_arm|1)?=on", (2, 3), "I2C"),
    (r"dtparam=spi=on", (7, 8, 9, 10, 11), "SPI"),
    (r"enable_uart=1|dtoverlay=(uart0|miniuart-bt|disable-bt)\b.*", (14, 15), "the first serial port"),
    (r"dtparam=i2s=on", (18, 19, 20, 21), "I2S"),
    (r"dtoverlay=w1-gpio", (4,), "1-Wire"),
)
"""Lines of config.txt, the pins that they take, and for what."""


def persistence(seen: Seen) -> Iterator[Finding]:
    """what the kernel does with the pins of a dead process"""
    outputs, where = _outputs(seen), "kernel"
    if outputs is DeadOutputs.FREED or seen.lane is None or not any(each.releases for each in used(seen.lane)):
        return
    remedy = "dtparam=strict_gpiod (older kernels: pinctrl_bcm2835.persist_gpio_outputs=n in cmdline.txt), then reboot"
    if outputs is DeadOutputs.UNKNOWN:
        if not seen.lane.watched and not seen.lane.lane.simulated:
            cause = "this kernel does not say what becomes of the pins of a dead process, and no watcher runs"
            yield Finding("G0140", Severity.DANGER, where, cause, "[watcher] required = true in the lane file")
    elif not seen.lane.watched:
        cause = "pin persistence is on and no watcher runs: a door whose daemon dies stays released"
        yield Finding("G0140", Severity.DANGER, where, cause, f"{remedy}; or [watcher] required = true")
    else:
        cause = "pin persistence is on: outputs of a dead process stay as driven until the watcher drops them"
        yield Finding("G0141", Severity.WARNING, where, cause, remedy)


def _outputs(seen: Seen) -> DeadOutputs:
    """By the chip of the lane file; pins that are not a kernel's are asked about all the chips that there may be."""
    factory, sysfs = (seen.lane.gpio.factory if seen.lane and seen.lane.gpio else ""), seen.machine.path("/sys")
    asked = [factory] if factory.startswith("lgpio:") else [f"lgpio:{label}" for label in LABELS]
    found = [dead_outputs(each, sysfs) for each in asked]
    return next((each for each in found if each is not DeadOutputs.UNKNOWN), DeadOutputs.UNKNOWN)


def watcher(seen: Seen) -> Iterator[Finding]:
    """whether the watcher runs that drops outputs"""
    if seen.status is not None:
        gone = "watcher" in seen.status.get("missing", ())
    else:
        wanted = seen.lane is not None and seen.lane.watched and seen.paths.run.exists()
        gone = wanted and not (seen.paths.run / SOCKET).exists()
    if not gone:
        return
    cause = "the watcher does not run: nobody drops a release when the daemon dies or hangs"
    remedy = f"sudo systemctl start gatefw-watcher, or gatefw watcher {seen.file}"
    severity = Severity.DANGER if seen.status is not None else Severity.WARNING
    yield Finding("G0142", severity, "watcher", cause, remedy, explains=("G0031", "G0030 watcher"))


def firmware(seen: Seen) -> Iterator[Finding]:
    """what config.txt does with the pins of the lane"""
    lines = [line.strip() for name in CONFIGS for line in (seen.machine.read(name) or "").splitlines()]
    if seen.lane is None or not lines:
        return
    mine = {each.pin: each for each in used(seen.lane)}
    for line in lines:
        yield from _driven(line, mine)
        for pattern, pins, what in _TAKES:
            if re.fullmatch(pattern, line) and (taken := [mine[pin] for pin in pins if pin in mine]):
                names = ", ".join(f"{each.label}.{each.key} (GPIO{each.pin})" for each in taken)
                cause = f"{what} has pins of the lane, by `{line}` in config.txt: {names}"
                remedy = f"put a # before `{line}` in config.txt and reboot, or wire these to free pins"
                follows = tuple(f"G0030 {each.label}" for each in taken)
                yield Finding("G0145", Severity.ERROR, taken[0].label, cause, remedy, {"line": line}, follows)


def _driven(line: str, mine: dict[int, Used]) -> Iterator[Finding]:
    """Pins that the firmware sets itself, before anything of ours runs."""
    match = re.fullmatch(r"gpio=([0-9,\-]+)=(.+)", line)
    if not match:
        return
    words = match[2].split(",")
    for pin in _numbers(match[1]):
        each = mine.get(pin)
        if each is None or not each.releases or ("dh" if each.active == "high" else "dl") not in words:
            continue
        cause = f"config.txt releases {each.label} at boot: `{line}` drives GPIO{pin} to its active level"
        remedy = f"remove `{line}` from config.txt, and reboot with nobody near the door"
        yield Finding("G0144", Severity.DANGER, each.label, cause, remedy, {"line": line})


def _numbers(text: str) -> Iterator[int]:
    for part in text.split(","):
        first, _, last = part.partition("-")
        if first.isdecimal():
            yield from range(int(first), int(last or first) + 1)


def pulls(seen: Seen) -> Iterator[Finding]:
    """where the pins stand from power on until the daemon runs"""
    for each in used(seen.lane) if seen.lane and seen.lane.gpio else ():
        up = each.pin in PULLED_UP
        if not each.releases or up is not (each.active == "high"):
            continue
        evidence = {"pin": each.pin, "pull_at_boot": "up" if up else "down", "active": each.active}
        cause = (
            f"from power on the board itself pulls GPIO{each.pin} {evidence['pull_at_boot']}, which releases the door"
        )
        if each.held:
            remedy = f"measure {each.key} at boot; 50 kOhm pull against your resistor: 10 kOhm or less holds it off"
            yield Finding("G0147", Severity.NOTE, each.label, cause, remedy, evidence)
        else:
            remedy = "wire the release to a pin that is pulled the other way, or fit a resistor of 10 kOhm"
            yield Finding("G0146", Severity.DANGER, each.label, cause, remedy, evidence)


def ownership(seen: Seen) -> Iterator[Finding]:
    """whether another process holds a pin of the lane"""
    told = seen.machine.read("/sys/kernel/debug/gpio")
    if seen.lane is None or not told or not (seen.lane.gpio and seen.lane.gpio.factory.startswith("lgpio:")):
        return
    holders = {int(pin): holder for pin, holder in re.findall(r"\(GPIO(\d+)\s*\|(.+?)\s*\)", told)}
    for each in used(seen.lane):
        holder = holders.get(each.pin)
        if holder is None or (holder in ("lg", "gatefw") and seen.status is not None):
            continue
        cause = f"GPIO{each.pin} ({each.key}) is held by another: {holder}"
        remedy = "sudo gpioinfo, sudo lsof /dev/gpiochip*: end that program, or remove the overlay that claims the pin"
        evidence = {"pin": each.pin, "holder": holder}
        yield Finding("G0148", Severity.ERROR, each.label, cause, remedy, evidence, (f"G0030 {each.label}", "G0020"))


def console(seen: Seen) -> Iterator[Finding]:
    """whether the kernel talks on a port of a device"""
    cmdline = seen.machine.read("/proc/cmdline") or ""
    names = set(re.findall(r"console=([A-Za-z]+\d+)", cmdline))
    active = (seen.machine.read("/sys/class/tty/console/active") or "").split()
    ports = {seen.machine.path(f"/dev/{name}").resolve().name for name in names} | set(active)
    for label, path in _ports(seen):
        name = seen.machine.path(path).resolve().name
        getty = seen.machine.run("systemctl", "is-active", f"serial-getty@{name}") is not None
        if name in ports or getty:
            cause = f"the kernel's console is on this port ({name}): what it prints goes to the device"
            remedy = "sudo raspi-config nonint do_serial_cons 1, or take console=... out of cmdline.txt; then reboot"
            evidence = {"cmdline": cmdline, "getty": getty}
            yield Finding("G0143", Severity.ERROR, label, cause, remedy, evidence, (f"G0030 {label}", f"G0161 {label}"))


def _ports(seen: Seen) -> Iterator[tuple[str, str]]:
    for device in seen.lane.devices if seen.lane else ():
        link = str(getattr(device.settings, "link", ""))
        if link.startswith("serial:"):
            yield device.label, link.removeprefix("serial:").partition("?")[0]


def bits(seen: Seen) -> Iterator[Finding]:
    """whether kernel and Python are 64-bit"""
    arch = seen.machine.read("/proc/sys/kernel/arch") or ""
    if arch.startswith(("armv6", "armv7")) or sys.maxsize < 2**32:
        cause = f"a 32-bit system ({arch or sys.platform}): there are no packages of what gatefw needs for it"
        yield Finding(
            "G0149", Severity.ERROR, "kernel", cause, "install the 64-bit image of the system", {"arch": arch}
        )


CHECKS = (persistence, watcher, firmware, pulls, ownership, console, bits)
