"""Every indicator driver: each phase looks like itself, dark before and after."""

from pathlib import Path
from typing import Any

import pytest
from lines import Lines, MockLines, SocketLines

from gatefw.errors import DeviceLost, SetupError
from gatefw.model import Phase, Reason
from gatefw.ports import Pin
from hw.indicator_gpio import LAMPS

ROLE = "indicator"
PINS = {"red": 9, "amber": 10, "green": 11, "buzzer": 8}


class _LampBench:
    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        self.driver: Any = None
        self._opened: list[Any] = []

    def open(self, **pins: int) -> Any:
        named = {**PINS, **pins}
        indicator = self.driver.open(self.driver.Settings(**{name: Pin(number) for name, number in named.items()}))
        self._opened.append(indicator)
        return indicator

    def expect_lit(self, lit: frozenset[str]) -> None:
        for name, number in PINS.items():
            self.lines.expect_level(number, int(name in lit))

    def close(self) -> None:
        for indicator in self._opened:
            indicator.close()
        self.lines.close()


def on_mock_pins(path: Path) -> _LampBench:
    return _LampBench(MockLines(path))


def on_a_pin_socket(path: Path) -> _LampBench:
    return _LampBench(SocketLines(path))


BENCHES = {"gpio": [on_mock_pins, on_a_pin_socket]}


@pytest.mark.parametrize("phase", list(Phase))
def test_every_phase_lights_its_lamps_and_puts_the_others_out(bench: Any, phase: Phase) -> None:
    indicator = bench.open()
    indicator.show(Phase.EVACUATED, None)
    indicator.show(phase, Reason.FIRE)
    bench.expect_lit(LAMPS[phase])
    indicator.show(phase, None)
    bench.expect_lit(LAMPS[phase])


def test_the_lamps_are_dark_before_and_after(bench: Any) -> None:
    indicator = bench.open()
    bench.expect_lit(frozenset())
    indicator.show(Phase.FAULT, None)
    indicator.close()
    indicator.close()
    bench.expect_lit(frozenset())
    with pytest.raises(DeviceLost):
        indicator.show(Phase.IDLE, None)


def test_a_lamp_that_cannot_be_had_gives_back_the_others(bench: Any) -> None:
    with pytest.raises(SetupError, match="GPIO 9"):
        bench.open(buzzer=PINS["red"])
    bench.open()


def test_green_is_lit_only_where_somebody_may_walk() -> None:
    walking = {Phase.IDLE, Phase.ENTRY_RELEASED, Phase.ENTERING, Phase.EXIT_RELEASED, Phase.LEAVING, Phase.EVACUATED}
    assert {phase for phase in Phase if "green" in LAMPS[phase]} == walking
