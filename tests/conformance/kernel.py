"""Where drivers are tried on the kernel's own devices: simulated GPIO chips (gpio-sim) and cameras (vivid).

They exist in the virtual machine of tier 3, and wherever somebody loaded those modules and set GATEFW_KERNEL_BENCH=1.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path

from lines import Lines

from hw import gpio
from hw.gpio import lgpio_pins

_CONFIG = Path("/sys/kernel/config/gpio-sim")
LABEL = "pinctrl-bench"
if "lgpio" not in sys.modules and os.environ.get("GATEFW_KERNEL_BENCH") == "1":
    lgpio_pins.library()  # whose thread and files stay as long as the process: they are no test's
LINES = 54


def has_gpio_sim() -> bool:
    return os.environ.get("GATEFW_KERNEL_BENCH") == "1" and _CONFIG.is_dir()


def vivid_cameras() -> list[Path]:
    """The device nodes of the kernel's test cameras that capture."""
    if os.environ.get("GATEFW_KERNEL_BENCH") != "1":
        return []
    nodes = sorted(Path("/sys/class/video4linux").glob("video*"))
    named = ((node.name, (node / "name").read_text()) for node in nodes)
    return [Path("/dev") / node for node, name in named if "vivid" in name and "vid-cap" in name]


class KernelLines(Lines):
    """A GPIO chip of the kernel; contacts are pulled from its far side, outputs are read there."""

    def __init__(self, _path: Path) -> None:
        self._chip = _CONFIG / "bench"
        bank = self._chip / "bank0"
        bank.mkdir(parents=True)
        (bank / "num_lines").write_text(str(LINES))
        (bank / "label").write_text(LABEL)
        (self._chip / "live").write_text("1")
        device = (self._chip / "dev_name").read_text().strip()
        self._lines = Path("/sys/devices/platform") / device / (bank / "chip_name").read_text().strip()
        gpio.open_factory(f"lgpio:{LABEL}")

    def level(self, number: int) -> int:
        return int((self._lines / f"sim_gpio{number}" / "value").read_text())

    def drive(self, number: int, level: int) -> None:
        (self._lines / f"sim_gpio{number}" / "pull").write_text("pull-up" if level else "pull-down")

    def lose(self) -> None:
        (self._chip / "live").write_text("0")

    def close(self) -> None:
        super().close()
        with suppress(OSError):
            (self._chip / "live").write_text("0")
        (self._chip / "bank0").rmdir()
        self._chip.rmdir()
