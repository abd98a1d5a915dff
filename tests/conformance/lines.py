"""Where drivers on GPIO lines are tried: mock pins in this process, and pins that a server holds on a socket."""

import threading
from pathlib import Path
from typing import Any

from gpiozero.pins.mock import MockPin
from peers import PinServer, until

from hw import gpio


class Lines:
    """A bench of GPIO lines. Contacts are pulled up: `close_circuit` connects a line to ground."""

    driver: Any

    def level(self, number: int) -> int:
        """What an output line shows."""
        raise NotImplementedError

    def history(self, number: int) -> list[int]:
        """What an output line has shown so far, without repetitions."""
        raise NotImplementedError

    def drive(self, number: int, level: int) -> None:
        raise NotImplementedError

    def lose(self) -> None:
        """The lines go away."""
        raise NotImplementedError

    def close_circuit(self, *numbers: int) -> None:
        for number in numbers:
            self.drive(number, 0)

    def open_circuit(self, *numbers: int) -> None:
        for number in numbers:
            self.drive(number, 1)

    def expect_level(self, number: int, level: int) -> None:
        until(lambda: self.level(number) == level, f"GPIO {number} is at {level}")

    def close(self) -> None:
        gpio.close_factory()


class LosablePin(MockPin):
    """A mock pin whose chip can fail, as the kernel's does: with an OSError from each access, or from switching off."""

    lost = False
    stuck = False
    hung: threading.Event | None = None
    """Given one, switching it on says so there and does not return until `goes_on`."""
    goes_on: threading.Event

    def _get_state(self) -> bool:
        self._fail_when_lost()
        return super()._get_state()

    def _set_state(self, value: bool) -> None:
        self._fail_when_lost(self.stuck and not value)
        if value and self.hung is not None:
            self.hung.set()
            assert self.goes_on.wait(120)
        super()._set_state(value)

    def _fail_when_lost(self, stuck: bool = False) -> None:
        if self.lost or stuck:
            raise OSError(19, "no such device")


class MockLines(Lines):
    def __init__(self, _path: Path) -> None:
        self.pins: Any = gpio.open_factory("mock:")
        self.pins.pin_class = LosablePin

    def level(self, number: int) -> int:
        return int(self.pins.pin(number).state)

    def history(self, number: int) -> list[int]:
        return [int(shown.state) for shown in self.pins.pin(number).states]

    def drive(self, number: int, level: int) -> None:
        pin = self.pins.pin(number)
        pin.drive_high() if level else pin.drive_low()

    def lose(self) -> None:
        for pin in self.pins.pins.values():
            pin.lost = True


class SocketLines(Lines):
    def __init__(self, path: Path) -> None:
        self.server = PinServer(path / "pins.sock")
        gpio.open_factory(f"socket:{path / 'pins.sock'}")

    def level(self, number: int) -> int:
        return self.server.levels.get(number, 0)

    def history(self, number: int) -> list[int]:
        about = [message for message in self.server.log if number in (message.get("claim"), message.get("write"))]
        levels = [int(message["level"]) for message in about]
        return [level for before, level in zip([None, *levels], levels, strict=False) if level != before]

    def drive(self, number: int, level: int) -> None:
        self.server.drive(number, level)

    def lose(self) -> None:
        self.server.hang_up()

    def close(self) -> None:
        super().close()
        self.server.close()
