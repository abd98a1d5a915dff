"""Three lamps and perhaps a buzzer by the lane. They inform; nothing is safe because a lamp is lit."""

from dataclasses import dataclass
from typing import Literal

from gatefw.model import Phase, Reason
from gatefw.ports import Pin
from hw import gpio

_RED, _AMBER, _GREEN, _BUZZER = "red", "amber", "green", "buzzer"

LAMPS: dict[Phase, frozenset[str]] = {
    Phase.RECOVERING: frozenset({_AMBER}),
    Phase.IDLE: frozenset({_GREEN}),
    Phase.TOKEN_PRESENTED: frozenset({_AMBER}),
    Phase.ENTRY_RELEASED: frozenset({_GREEN}),
    Phase.ENTERING: frozenset({_GREEN}),
    Phase.VERIFYING: frozenset({_AMBER}),
    Phase.EXIT_RELEASED: frozenset({_GREEN}),
    Phase.LEAVING: frozenset({_GREEN}),
    Phase.REFUSED: frozenset({_RED, _BUZZER}),
    Phase.REFERRED: frozenset({_RED}),
    Phase.HOLD: frozenset({_RED, _AMBER}),
    Phase.EVACUATED: frozenset({_RED, _AMBER, _GREEN, _BUZZER}),
    Phase.DEGRADED: frozenset({_RED, _AMBER}),
    Phase.FAULT: frozenset({_RED}),
    Phase.MAINTENANCE: frozenset({_RED, _AMBER}),
    Phase.EXERCISE: frozenset({_RED, _AMBER}),
    Phase.OUT_OF_SERVICE: frozenset({_RED}),
}
"""What is lit in which phase. Green: come, go on. Amber: wait. Red: not this way, or not now."""


@dataclass(frozen=True)
class Settings:
    """Lines by BCM number; `active` is the level that lights a lamp."""

    red: Pin
    amber: Pin
    green: Pin
    buzzer: Pin | None = None
    active: Literal["high", "low"] = "high"


def open(settings: Settings) -> "GpioIndicator":  # noqa: A001  the name every driver exports
    """The lamps, dark. Raises DeviceLost (a line is held by another process), SetupError (no such line)."""
    wired = {_RED: settings.red, _AMBER: settings.amber, _GREEN: settings.green, _BUZZER: settings.buzzer}
    lamps: dict[str, gpio.Output] = {}
    try:
        for name, pin in wired.items():
            if pin is not None:
                lamps[name] = gpio.Output(gpio.factory(), pin, settings.active)
    except BaseException:
        for lamp in lamps.values():
            lamp.close()
        raise
    return GpioIndicator(lamps)


class GpioIndicator:
    """An `Indicator`."""

    def __init__(self, lamps: dict[str, gpio.Output]) -> None:
        self._lamps = lamps

    def show(self, phase: Phase, reason: Reason | None) -> None:  # noqa: ARG002  lamps have no words
        for name, lamp in self._lamps.items():
            lamp.set(name in LAMPS[phase])

    def close(self) -> None:
        for lamp in self._lamps.values():
            lamp.close()
