"""GPIO lines: one pin factory for the process, named by a URL; contacts and outputs on its lines.

    lgpio:LABEL     the kernel's GPIO chip with that label: pinctrl-bcm2711 (Pi 4), pinctrl-rp1 (Pi 5)
    mock:           gpiozero's mock pins, in this process: tests
    socket:PATH     the pins of a simulated world, which outlives this process and keeps or drops what it drove

The factory is opened once at start. One that cannot be had is a SetupError: there is no falling through from one to
another, because a gate whose pins are pretended would look healthy and open nothing, or not see anybody.
"""

import threading
from typing import cast

from gatefw.errors import SetupError
from hw.gpio.countdown import Countdown
from hw.gpio.drive import Drive, DriveLimits, Felt, Motion
from hw.gpio.lines import Contact, Contacts, Output, PinFactory, Pull, Wiring
from hw.gpio.motor import Motor

__all__ = [
    "Contact",
    "Contacts",
    "Countdown",
    "Drive",
    "DriveLimits",
    "Felt",
    "Motion",
    "Motor",
    "Output",
    "PinFactory",
    "Pull",
    "Wiring",
    "close_factory",
    "factory",
    "open_factory",
]

_lock = threading.Lock()
_opened: tuple[str, PinFactory] | None = None


def open_factory(url: str) -> PinFactory:
    """Open the process's pin factory. Raises SetupError when it is missing, or when another one is open."""
    global _opened
    with _lock:
        if _opened is not None:
            raise SetupError(f"pins {url!r}: this process already uses {_opened[0]!r}")
        pins = _make(url)
        _opened = (url, pins)
        return pins


def factory() -> PinFactory:
    """The process's pin factory. Raises SetupError before `open_factory`."""
    with _lock:
        if _opened is None:
            raise SetupError(
                "pins: this process has none; `[gpio] factory` of the lane file is missing, or could not be opened"
            )
        return _opened[1]


def close_factory() -> None:
    """Give all lines back: every output becomes an input. Does nothing when none is open."""
    global _opened
    with _lock:
        if _opened is not None:
            _opened[1].close()
            _opened = None


def _make(url: str) -> PinFactory:
    scheme, _, rest = url.partition(":")
    if scheme == "lgpio" and rest:
        from hw.gpio.lgpio_pins import open_chip

        return open_chip(rest)
    if url == "mock:":
        from gpiozero.pins.mock import MockFactory

        return cast(PinFactory, MockFactory())
    if scheme == "socket" and rest:
        from hw.gpio.socket_pins import SocketFactory

        return SocketFactory(rest)
    raise SetupError(f"pins {url!r} is none of lgpio:CHIP-LABEL, mock:, socket:PATH: correct it in the config")
