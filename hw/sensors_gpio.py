"""Presence zones, buttons, key switches and alarm contacts on GPIO lines, all as dry contacts.

Fire, call, stop and the officer's key are four lines and stay four: what each means is the lane's matter. The fire
contact here only tells; the doors of the escape plan are freed by the fire system in the locks' supply.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

from gatefw.model import Input
from gatefw.ports import Bound, Pin, SensorsReading
from hw import contacts, gpio


@dataclass(frozen=True, kw_only=True)
class Settings(contacts.Circuits):
    """Lines by BCM number. Which of them a lane is not safe without depends on its doors; `gatefw check` says it."""

    zone_airlock: Pin | None = None  # somebody is between the doors, or on the spot before the only one
    zone_airlock_many: Pin | None = None  # two or more are
    fire: Pin | None = None
    call: Pin | None = None  # the button inside
    stop: Pin | None = None
    officer_evacuate: Pin | None = None  # the officer's key switch
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
    confirm: Pin | None = None  # the traveller's own buttons, under the screen
    decline: Pin | None = None
    pull: Literal["up", "down"] = "up"
    debounce_s: Annotated[float, Bound(0.0, 0.1)] = 0.02


def open(settings: Settings) -> "GpioSensors":  # noqa: A001  the name every driver exports
    """The sensors. Raises DeviceLost (a line is held by another process), SetupError (no such line)."""
    pins = {name: getattr(settings, name) for name in contacts.NAMES}
    wiring = {
        name: gpio.Wiring(pin, settings.normally(name), settings.pull) for name, pin in pins.items() if pin is not None
    }
    return GpioSensors(gpio.Contacts(gpio.factory(), wiring, settings.debounce_s))


class GpioSensors:
    """`Sensors`, read from the lines at every call. One that cannot be read raises DeviceLost: all are unknown then."""

    def __init__(self, wired: gpio.Contacts) -> None:
        self._contacts = wired

    def read(self) -> SensorsReading:
        return contacts.reading({name: self._contacts.read(name) for name in contacts.NAMES if name in self._contacts})

    def watch(self, changed: Callable[[], None]) -> None:
        self._contacts.watch(changed)

    def pressed(self) -> frozenset[Input]:
        return frozenset(which for which in Input if which in self._contacts and self._contacts.believed(which))

    def close(self) -> None:
        self._contacts.close()
