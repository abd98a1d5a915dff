"""Every sensors driver: levels as they are now, inputs that are never merged, an honest count of people."""

import threading
from pathlib import Path
from typing import Any

import pytest
from kernel import KernelLines, has_gpio_sim
from lines import Lines, MockLines, SocketLines
from modbus_peers import DOOR_UNIT, INPUTS_MAP, InMemory, ModbusPeer, OnAPty, opened
from peers import until

from gatefw.errors import DeviceLost, WrongDevice
from gatefw.model import Input, Occupancy, Signal, Zone
from gatefw.ports import Pin

ROLE = "sensors"
PINS = {
    "zone_front": 12,
    "zone_airlock": 13,
    "zone_airlock_many": 16,
    "zone_behind": 19,
    "fire": 20,
    "call": 21,
    "stop": 26,
    "officer_evacuate": 4,
    "request_to_exit": 18,
    "tamper": 7,
    "mains_lost": 5,
    "officer_key": 6,
    "officer_open": 8,
    "officer_close": 9,
    "officer_let_out": 10,
    "officer_reset": 11,
    "confirm": 14,
    "decline": 15,
}
LOOPS = {"fire", "stop", "tamper", "mains_lost"}  # closed circuits while nothing is wrong
NEEDED = ("zone_airlock", "zone_airlock_many", "fire", "call", "stop", "officer_evacuate")


class _GpioSensorsBench:
    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        self.driver: Any = None
        self._opened: list[Any] = []

    def open(self, names: Any = tuple(PINS)) -> Any:
        sensors = self.driver.open(self.driver.Settings(**{name: Pin(PINS[name]) for name in names}, debounce_s=0.0))
        self._opened.append(sensors)
        for name in PINS:
            self.put(name, False)
        return sensors

    def put(self, name: str, active: bool) -> None:
        (self.lines.close_circuit if active != (name in LOOPS) else self.lines.open_circuit)(PINS[name])

    def cut_every_wire(self) -> None:
        self.lines.open_circuit(*PINS.values())

    def lose(self) -> None:
        self.lines.lose()

    def close(self) -> None:
        for sensors in self._opened:
            sensors.close()
        self.lines.close()


class _ModbusSensorsBench:
    """A remote I/O module whose channels are the names in PINS, in this order."""

    def __init__(self, peer: ModbusPeer) -> None:
        self.peer = peer
        self.driver: Any = None
        self._opened: list[Any] = []

    def open(self, names: Any = tuple(PINS)) -> Any:
        for name in PINS:
            self.put(name, False)
        channels = {name: channel for channel, name in enumerate(PINS) if name in names}
        settings = self.driver.Settings(**{"link": self.peer.url, **INPUTS_MAP, **channels})
        sensors = opened(lambda: self.driver.open(settings))
        self._opened.append(sensors)
        return sensors

    def put(self, name: str, active: bool) -> None:
        self.peer.site.circuits[name] = active != (name in LOOPS)

    def cut_every_wire(self) -> None:
        self.peer.site.circuits = dict.fromkeys(PINS, False)

    def lose(self) -> None:
        self.peer.unplug()

    def close(self) -> None:
        for sensors in self._opened:
            sensors.close()
        self.peer.close()


def on_mock_pins(path: Path) -> _GpioSensorsBench:
    return _GpioSensorsBench(MockLines(path))


def on_a_pin_socket(path: Path) -> _GpioSensorsBench:
    return _GpioSensorsBench(SocketLines(path))


def on_kernel_pins(path: Path) -> _GpioSensorsBench:
    return _GpioSensorsBench(KernelLines(path))


def in_memory(path: Path) -> _ModbusSensorsBench:
    return _ModbusSensorsBench(InMemory(path, tuple(PINS)))


def on_a_pty(path: Path) -> _ModbusSensorsBench:
    return _ModbusSensorsBench(OnAPty(path, tuple(PINS)))


BENCHES = {"gpio": [on_mock_pins, on_a_pin_socket], "modbus": [in_memory, on_a_pty]}
if has_gpio_sim():
    BENCHES["gpio"].append(on_kernel_pins)


def quiet(sensors: Any) -> bool:
    reading = sensors.read()
    signals = set(reading.inputs.values())
    return reading.occupancy is Occupancy.EMPTY and signals == {Signal.OFF} and not any(reading.zones.values())


@pytest.mark.parametrize("which", list(Input))
def test_each_input_is_told_by_itself_and_by_no_other(bench: Any, which: Input) -> None:
    sensors = bench.open()
    until(lambda: quiet(sensors))
    bench.put(which.value, True)
    until(lambda: sensors.read().inputs[which] is Signal.ON)
    assert [other for other, signal in sensors.read().inputs.items() if signal is not Signal.OFF] == [which]
    bench.put(which.value, False)
    until(lambda: quiet(sensors))


@pytest.mark.parametrize("zone", list(Zone))
def test_each_zone_is_told_by_itself(bench: Any, zone: Zone) -> None:
    sensors = bench.open()
    until(lambda: quiet(sensors))
    bench.put(f"zone_{zone.value}", True)
    until(lambda: sensors.read().zones[zone])
    assert sum(sensors.read().zones.values()) == 1


@pytest.mark.parametrize(
    ("some", "many", "occupancy"),
    [
        (False, False, Occupancy.EMPTY),
        (True, False, Occupancy.ONE),
        (True, True, Occupancy.MANY),
        (False, True, Occupancy.UNKNOWN),
    ],
)
def test_people_are_counted_and_a_count_that_cannot_be_is_unknown(
    bench: Any, some: bool, many: bool, occupancy: Occupancy
) -> None:
    sensors = bench.open()
    bench.put("zone_airlock", some)
    bench.put("zone_airlock_many", many)
    until(lambda: sensors.read().occupancy is occupancy, f"occupancy {occupancy}")


def test_cut_wires_of_fire_stop_and_tamper_read_as_active(bench: Any) -> None:
    sensors = bench.open()
    until(lambda: quiet(sensors))
    bench.cut_every_wire()
    until(lambda: [sensors.read().inputs[which] for which in (Input.FIRE, Input.STOP, Input.TAMPER)] == [Signal.ON] * 3)


def test_what_is_not_wired_is_absent_and_not_off(bench: Any) -> None:
    reading = bench.open(NEEDED).read()
    assert set(reading.inputs) == {Input.FIRE, Input.CALL, Input.STOP, Input.EVACUATE}
    assert not reading.zones


@pytest.mark.parametrize("missing", ["zone_airlock", "zone_airlock_many"])
def test_nobody_is_counted_by_half_a_counter(bench: Any, missing: str) -> None:
    """One contact alone does not tell one from many, nor nobody from one: a counter without doors has neither."""
    reading = bench.open([name for name in NEEDED if name != missing]).read()
    assert reading.occupancy is Occupancy.UNKNOWN


def test_every_change_is_told(bench: Any) -> None:
    sensors, told = bench.open(), threading.Event()
    until(lambda: quiet(sensors))
    sensors.watch(told.set)
    bench.put("call", True)
    assert told.wait(60)


def test_a_reading_over_modbus_is_never_older_than_the_question(tmp_path: Path) -> None:
    """Fire is told before the door that it freed: nothing that was read before it may be handed out after it."""
    bench = in_memory(tmp_path)
    import hw.sensors_modbus as bench_driver

    bench.driver = bench_driver
    sensors = bench.open()
    for active in (True, False) * 10:
        bench.put("fire", active)
        assert sensors.read().inputs[Input.FIRE] is (Signal.ON if active else Signal.OFF)
    bench.close()


def test_another_module_at_that_number_is_refused(tmp_path: Path) -> None:
    import hw.sensors_modbus as driver

    peer = InMemory(tmp_path, tuple(PINS))
    channels = {name: channel for channel, name in enumerate(NEEDED)}
    with pytest.raises(WrongDevice, match="another device sits there"):
        driver.open(driver.Settings(**{"link": peer.url, **INPUTS_MAP, **channels, "unit": DOOR_UNIT}))
    peer.close()


def test_lost_sensors_raise_and_tell_nothing_as_off(bench: Any) -> None:
    sensors = bench.open()
    bench.lose()

    def lost() -> bool:
        try:
            sensors.read()
        except DeviceLost:
            return True
        return False

    until(lost, "the sensors are lost")
    sensors.close()
    sensors.close()
    assert lost()
