"""Every indicator driver: each phase shows as it should, and everything is at rest before and after."""

from pathlib import Path
from typing import Any

import pytest
from kernel import KernelLines, has_gpio_sim
from lines import Lines, MockLines, SocketLines

from gatefw.errors import DeviceLost, SetupError
from gatefw.model import Phase, Reason
from gatefw.ports import Pin
from hw.indicator_contacts_gpio import SAYS
from hw.indicator_gpio import LAMPS

ROLE = "indicator"
PINS = {"red": 9, "amber": 10, "green": 11, "buzzer": 8}
CONTACTS = {"alarm": 9, "fault": 10, "lane_free": 11}


class _LampBench:
    pins = PINS

    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        self.driver: Any = None
        self._opened: list[Any] = []

    def settings(self, **changes: Any) -> Any:
        return self.driver.Settings(**{name: Pin(number) for name, number in self.pins.items()} | changes)

    def open(self, **changes: Any) -> Any:
        indicator = self.driver.open(self.settings(**changes))
        self._opened.append(indicator)
        return indicator

    def lit(self, phase: Phase) -> frozenset[str]:
        """Whose line is on in this phase."""
        return LAMPS[phase]

    def expect_shown(self, phase: Phase) -> None:
        self.expect_lit(self.lit(phase))

    def expect_lit(self, lit: frozenset[str]) -> None:
        for name, number in self.pins.items():
            self.lines.expect_level(number, int(name in lit))

    def close(self) -> None:
        for indicator in self._opened:
            indicator.close()
        self.lines.close()


class _ContactBench(_LampBench):
    """A fault is said by a relay without current, an alarm by one with it."""

    pins = CONTACTS

    def settings(self, **changes: Any) -> Any:
        return super().settings(**{"alarm_at_rest": "no_alarm", "fault_at_rest": "fault", **changes})

    def lit(self, phase: Phase) -> frozenset[str]:
        return frozenset(name for name in CONTACTS if (phase in SAYS[name]) != (name == "fault"))


def on_mock_pins(path: Path) -> _LampBench:
    return _LampBench(MockLines(path))


def on_a_pin_socket(path: Path) -> _LampBench:
    return _LampBench(SocketLines(path))


def contacts_on_mock_pins(path: Path) -> _ContactBench:
    return _ContactBench(MockLines(path))


def contacts_on_a_pin_socket(path: Path) -> _ContactBench:
    return _ContactBench(SocketLines(path))


def on_kernel_pins(path: Path) -> _LampBench:
    return _LampBench(KernelLines(path))


def contacts_on_kernel_pins(path: Path) -> _ContactBench:
    return _ContactBench(KernelLines(path))


BENCHES = {
    "gpio": [on_mock_pins, on_a_pin_socket],
    "contacts_gpio": [contacts_on_mock_pins, contacts_on_a_pin_socket],
}
if has_gpio_sim():
    BENCHES["gpio"].append(on_kernel_pins)
    BENCHES["contacts_gpio"].append(contacts_on_kernel_pins)


@pytest.mark.parametrize("phase", list(Phase))
def test_every_phase_switches_its_own_lines_on_and_the_others_off(bench: Any, phase: Phase) -> None:
    indicator = bench.open()
    indicator.show(Phase.EVACUATED, None)
    indicator.show(phase, Reason.FIRE)
    bench.expect_shown(phase)
    indicator.show(phase, None)
    bench.expect_shown(phase)


def test_every_line_is_off_before_and_after(bench: Any) -> None:
    indicator = bench.open()
    bench.expect_lit(frozenset())
    indicator.show(Phase.FAULT, None)
    indicator.close()
    indicator.close()
    bench.expect_lit(frozenset())
    with pytest.raises(DeviceLost):
        indicator.show(Phase.IDLE, None)


def test_a_line_that_cannot_be_had_gives_back_the_others(bench: Any) -> None:
    first, *_, last = bench.pins
    with pytest.raises(SetupError, match="GPIO 9"):
        bench.open(**{last: Pin(bench.pins[first])})
    bench.open()


def test_green_is_lit_only_where_somebody_may_walk() -> None:
    walking = {Phase.IDLE, Phase.ENTRY_RELEASED, Phase.ENTERING, Phase.EXIT_RELEASED, Phase.LEAVING, Phase.EVACUATED}
    assert {phase for phase in Phase if "green" in LAMPS[phase]} == walking


def test_a_relay_without_current_says_that_there_is_a_fault_and_never_that_the_lane_is_free() -> None:
    """As the settings of the bench have it: the dead board, the cut supply and the broken coil all look so."""
    assert all(phase not in SAYS["fault"] for phase in SAYS["lane_free"])
    assert {Phase.FAULT, Phase.DEGRADED} <= SAYS["fault"]


@pytest.mark.parametrize(("alarm", "fault"), [("alarm", "no_fault"), ("no_alarm", "fault")])
def test_what_a_contact_says_at_rest_is_stated_for_each(tmp_path: Path, alarm: str, fault: str) -> None:
    import hw.indicator_contacts_gpio as driver

    lines = MockLines(tmp_path)
    pins = {name: Pin(number) for name, number in CONTACTS.items()}
    indicator = driver.open(driver.Settings(**pins, alarm_at_rest=alarm, fault_at_rest=fault))  # type: ignore[arg-type]
    indicator.show(Phase.IDLE, None)
    assert lines.level(CONTACTS["alarm"]) == int(alarm == "alarm")
    assert lines.level(CONTACTS["fault"]) == int(fault == "fault")
    assert lines.level(CONTACTS["lane_free"]) == 1
    indicator.show(Phase.FAULT, None)
    assert lines.level(CONTACTS["alarm"]) == int(alarm != "alarm")
    assert lines.level(CONTACTS["fault"]) == int(fault != "fault")
    assert lines.level(CONTACTS["lane_free"]) == 0
    indicator.close()
    lines.close()
