"""The board that a simulated gate would stand on, as far as a program can see it: a tree for `gatefw doctor --root`."""

import time
from pathlib import Path

FILES = {
    "sys/devices/platform/soc/soc:firmware/get_throttled": "0",
    "sys/module/pinctrl_bcm2835/parameters/persist_gpio_outputs": "N",
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal",
    "sys/class/thermal/thermal_zone0/temp": "48312",
}
UNDER_VOLTAGE_NOW = "50005"
YEARS_S = 3 * 365 * 86_400


def healthy(root: Path, run: Path) -> None:
    """A board that nothing ails, on which the gate's own directory is where it is."""
    for name, text in FILES.items():
        write(root, name, text)
    write(root, "sys/class/rtc/rtc0/since_epoch", str(int(time.time())))
    there = root / run.relative_to("/")
    there.parent.mkdir(parents=True, exist_ok=True)
    there.symlink_to(run)
    for name in ("dev", "proc"):
        _as_here(root, Path("/", name))


def _as_here(root: Path, path: Path) -> None:
    """Of a directory that holds the gate's own, each entry: tests may write in /dev/shm."""
    there = root / path.relative_to("/")
    if not there.is_symlink() and there.is_dir():
        for entry in path.iterdir():
            _as_here(root, entry)
    elif not there.is_symlink():
        there.symlink_to(path)


def write(root: Path, name: str, text: str) -> None:
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{text}\n")


def too_little_current(root: Path) -> None:
    """The firmware's word for it."""
    write(root, "sys/devices/platform/soc/soc:firmware/get_throttled", UNDER_VOLTAGE_NOW)


def clock_off(root: Path) -> None:
    """The battery clock and the system's are years apart."""
    write(root, "sys/class/rtc/rtc0/since_epoch", str(int(time.time()) + YEARS_S))


def persistent_pins(root: Path) -> None:
    """A kernel that leaves the outputs of a dead process as they were driven."""
    write(root, "sys/module/pinctrl_bcm2835/parameters/persist_gpio_outputs", "Y")
