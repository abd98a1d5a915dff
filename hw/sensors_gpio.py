"""Presence zones, buttons, key switches and alarm contacts on GPIO lines, all as dry contacts.

Fire, call, stop and the officer's key are four lines and stay four: what each means is the lane's matter. The fire
contact here only tells; the doors of the escape plan are freed by the fire system in the locks' supply.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Annotated, Literal

from gatefw.model import Input, Occupancy, Signal, Zone
from gatefw.ports import Bound, Pin, SensorsReading
from hw import gpio

_ZONES = {"zone_front": Zone.FRONT, "zone_behind": Zone.BEHIND}
_INPUTS = {which.value: which for which in Input}


@dataclass(frozen=True)
class Settings:
    """Lines by BCM number; what no lane is safe without has no default. `*_normally`: the circuit while it is *not* so.

    A cut wire is an open circuit. "closed" loops therefore report a cut wire as active; an "open" one never tells.
    """

    zone_airlock: Pin  # somebody is between the doors
    zone_airlock_many: Pin  # two or more are
    fire: Pin
    call: Pin  # the button inside
    stop: Pin
    officer_evacuate: Pin  # the officer's key switch
    zone_front: Pin | None = None
    zone_behind: Pin | None = None
    request_to_exit: Pin | None = None
    tamper: Pin | None = None
    mains_lost: Pin | None = None  # the supply's own relay contact
    officer_key: Pin | None = None  # the key switch without which the buttons below do nothing
    officer_open: Pin | None = None
    officer_close: Pin | None = None
    officer_let_out: Pin | None = None
    officer_reset: Pin | None = None
    zone_airlock_normally: Literal["open", "closed"] = "open"
    zone_airlock_many_normally: Literal["open", "closed"] = "open"
    fire_normally: Literal["open", "closed"] = "closed"
    call_normally: Literal["open", "closed"] = "open"
    stop_normally: Literal["open", "closed"] = "closed"
    officer_evacuate_normally: Literal["open", "closed"] = "open"
    zone_front_normally: Literal["open", "closed"] = "open"
    zone_behind_normally: Literal["open", "closed"] = "open"
    request_to_exit_normally: Literal["open", "closed"] = "open"
    tamper_normally: Literal["open", "closed"] = "closed"
    mains_lost_normally: Literal["open", "closed"] = "closed"
    officer_key_normally: Literal["open", "closed"] = "open"
    officer_open_normally: Literal["open", "closed"] = "open"
    officer_close_normally: Literal["open", "closed"] = "open"
    officer_let_out_normally: Literal["open", "closed"] = "open"
    officer_reset_normally: Literal["open", "closed"] = "open"
    pull: Literal["up", "down"] = "up"
    debounce_s: Annotated[float, Bound(0.0, 0.1)] = 0.02


def open(settings: Settings) -> "GpioSensors":  # noqa: A001  the name every driver exports
    """The sensors. Raises DeviceLost (a line is held by another process), SetupError (no such line)."""
    named = {field.name: getattr(settings, field.name) for field in fields(settings)}
    wiring = {
        name: gpio.Wiring(pin, named[f"{name}_normally"], settings.pull)
        for name, pin in named.items()
        if isinstance(pin, Pin)
    }
    return GpioSensors(gpio.Contacts(gpio.factory(), wiring, settings.debounce_s))


class GpioSensors:
    """`Sensors`, read from the lines at every call. One that cannot be read raises DeviceLost: all are unknown then."""

    def __init__(self, contacts: gpio.Contacts) -> None:
        self._contacts = contacts

    def read(self) -> SensorsReading:
        active = self._contacts.read
        return SensorsReading(
            occupancy=_occupancy(active("zone_airlock"), active("zone_airlock_many")),
            zones={zone: active(name) for name, zone in _ZONES.items() if name in self._contacts},
            inputs={
                which: Signal.ON if active(name) else Signal.OFF
                for name, which in _INPUTS.items()
                if name in self._contacts
            },
        )

    def watch(self, changed: Callable[[], None]) -> None:
        self._contacts.watch(changed)

    def close(self) -> None:
        self._contacts.close()


def _occupancy(some: bool, many: bool) -> Occupancy:
    """Many without any cannot be: a wire is cut or a counter is broken, and nobody knows who is inside."""
    if many and not some:
        return Occupancy.UNKNOWN
    return Occupancy.MANY if many else Occupancy.ONE if some else Occupancy.EMPTY
