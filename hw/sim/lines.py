"""The serial lines of a world: which simulated device is plugged into which, found by its name in the config.

    [world.lines.NAME]
    device = "osdp_reader"      # the file hw/sim/device_osdp_reader.py; every further key is its own
    baud = 9600

A device file exports `make(options, world) -> LineDevice`, which raises ValueError for an option it does not know.
"""

import importlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from hw.sim.serial_line import LineAilment, LineDevice, SerialLine

if TYPE_CHECKING:
    from hw.sim.physics import World

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class LineSettings:
    """`[world.lines.NAME]`: the link is `tty-NAME` in the world's directory; `baud` is bits per second, 8N1."""

    device: str
    baud: int = 9600
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


def parse(name: str, table: object) -> LineSettings:
    """Raises ValueError naming the key."""
    known = sorted(path.stem.removeprefix("device_") for path in _HERE.glob("device_*.py"))
    if not isinstance(table, dict) or table.get("device") not in known:
        raise ValueError(f"world.lines.{name}.device: wanted is one of {', '.join(known) or 'none there is'}")
    options = {key: value for key, value in table.items() if key not in ("device", "baud")}
    baud = table.get("baud", 9600)
    if isinstance(baud, bool) or not isinstance(baud, int) or not 300 <= baud <= 4_000_000:
        raise ValueError(f"world.lines.{name}.baud: {baud!r} is not a rate from 300 to 4000000")
    return LineSettings(table["device"], baud, MappingProxyType(options))


def make(name: str, settings: LineSettings, world: "World | None" = None) -> LineDevice:
    """The device for a line. Raises ValueError for an option it does not know."""
    module = importlib.import_module(f"hw.sim.device_{settings.device}")
    try:
        device: LineDevice = module.make(settings.options, world)
    except (ValueError, TypeError) as problem:
        raise ValueError(f"world.lines.{name}: {problem}") from problem
    return device


class Lines:
    """All lines of a world."""

    def __init__(
        self, directory: Path, settings: Mapping[str, LineSettings], world: "World", say: Callable[..., None]
    ) -> None:
        self.named: dict[str, SerialLine] = {}
        for name, each in settings.items():
            self.named[name] = SerialLine(
                directory / f"tty-{name}", make(name, each, world), each.baud, say, world.now_s
            )

    def filenos(self) -> list[int]:
        return [line.fileno() for line in self.named.values() if line.fileno() >= 0]

    def next_s(self) -> float:
        return min((line.next_s() for line in self.named.values()), default=math.inf)

    def advance(self, now_s: float) -> None:
        for line in self.named.values():
            line.advance(now_s)

    def obey(self, name: str, message: Mapping[str, Any], now_s: float) -> None:
        """`plugged`, `ailment` (with `amount_s`), or `act` with what the device takes. Raises ValueError."""
        if name not in self.named:
            raise ValueError(f"line {name!r} is not there; there are {', '.join(self.named) or 'none'}")
        line = self.named[name]
        match message:
            case {"plugged": True}:
                line.plug(now_s)
            case {"plugged": False}:
                line.unplug()
            case {"ailment": ailment}:
                line.ail(LineAilment(ailment), float(message.get("amount_s", 0.0)))
            case {"act": str(what)}:
                line.device.act(what, message.get("with", {}), now_s)
            case _:
                raise ValueError(f"{message!r} is nothing a line can do; see hw/sim/lines.py")

    def close(self) -> None:
        for line in self.named.values():
            line.close()
