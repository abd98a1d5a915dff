"""Dry contacts for other systems: alarm for the guards, fault for the building, lane free for the queue before it.

A relay behind each line. What a contact says while its relay is at rest is what it says without power, without this
program and with a broken coil: so *lane free* is never said at rest, and `fault_at_rest` is best "fault".
"""

from dataclasses import dataclass
from typing import Literal

from gatefw.model import Phase, Reason
from gatefw.ports import Pin
from hw import gpio

SAYS: dict[str, frozenset[Phase]] = {
    "alarm": frozenset({Phase.EVACUATED, Phase.FAULT, Phase.HOLD}),
    "fault": frozenset({Phase.FAULT, Phase.DEGRADED}),
    "lane_free": frozenset({Phase.IDLE}),
}
"""In which phases each contact says so. Somebody has to come; something has to be mended; somebody may come."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Lines by BCM number; `active` energises a relay. `*_at_rest`: what a contact says without current."""

    alarm: Pin
    fault: Pin
    lane_free: Pin
    alarm_at_rest: Literal["alarm", "no_alarm"]
    fault_at_rest: Literal["fault", "no_fault"]
    active: Literal["high", "low"] = "high"


def open(settings: Settings) -> "ContactsIndicator":  # noqa: A001  the name every driver exports
    """The contacts at rest. Raises DeviceLost (a line is held by another process), SetupError (no such line)."""
    relays: dict[str, gpio.Output] = {}
    try:
        for name in SAYS:
            relays[name] = gpio.Output(gpio.factory(), getattr(settings, name), settings.active)
    except BaseException:
        for relay in relays.values():
            relay.close()
        raise
    says_at_rest = {name for name in ("alarm", "fault") if getattr(settings, f"{name}_at_rest") == name}
    return ContactsIndicator(relays, says_at_rest)


class ContactsIndicator:
    """An `Indicator`. Closed, every relay is at rest."""

    def __init__(self, relays: dict[str, gpio.Output], says_at_rest: set[str]) -> None:
        self._relays, self._says_at_rest = relays, says_at_rest

    def show(self, phase: Phase, reason: Reason | None) -> None:  # noqa: ARG002  a contact has no words
        for name, relay in self._relays.items():
            relay.set((phase in SAYS[name]) != (name in self._says_at_rest))

    def close(self) -> None:
        for relay in self._relays.values():
            relay.close()
