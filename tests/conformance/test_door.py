"""Every door driver: it tells where the door is, releases for a lease and no longer, never moves by itself."""

import dataclasses
import threading
import time
from pathlib import Path
from typing import Any, Literal

import pytest
from kernel import KernelLines, has_gpio_sim
from lines import Lines, MockLines, SocketLines
from modbus_peers import MAP, InMemory, ModbusPeer, OnAPty, opened
from peers import until

from gatefw.errors import DeviceLost, Refusal, SetupError
from gatefw.model import Beam, DoorId, Position
from gatefw.ports import Pin
from hw import gpio
from hw.door_gpio import GpioDoor, Settings

ROLE = "door"
RELEASE, CLOSED, LOCKED, BEAM = 17, 27, 22, 5
LINES: dict[str, Any] = {"release": Pin(RELEASE), "closed": Pin(CLOSED), "locked": Pin(LOCKED), "beam": Pin(BEAM)}
UNMANNED: dict[str, Any] = {"unpowered": "secured", "off_held_by": "resistor", "hardware_limit_s": 20.0}


class _GpioDoorBench:
    """A door that `expect_released` looks at from outside, and that `put` into a position."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        self.driver: Any = None
        self._opened: list[Any] = []

    def settings(self, **changes: Any) -> Any:
        quick = {"debounce_s": 0.0, "max_lease_s": FOREVER_S}
        return self.driver.Settings(**{**LINES, **UNMANNED, **quick, **changes})

    def open(self, **changes: Any) -> Any:
        door = self.driver.open(self.settings(**changes))
        self._opened.append(door)
        return door

    def put(self, position: Position, beam: Beam = Beam.CLEAR) -> None:
        contacts = {
            CLOSED: position is not Position.OPEN,
            LOCKED: position is Position.SECURED,
            BEAM: beam is Beam.CLEAR,
        }
        for number, circuit_closed in contacts.items():
            (self.lines.close_circuit if circuit_closed else self.lines.open_circuit)(number)

    def is_released(self) -> bool:
        return self.lines.level(RELEASE) == 1

    def was_released_and_is_not(self) -> bool:
        return self.lines.history(RELEASE)[-2:] == [1, 0]

    def lose(self) -> None:
        self.lines.lose()

    def close(self) -> None:
        for door in self._opened:
            door.close()
        self.lines.close()


class _KernelDoorBench(_GpioDoorBench):
    def was_released_and_is_not(self) -> bool:
        """A kernel keeps no history of a line; that it is on meanwhile, others of these tests see."""
        return not self.is_released()


class _ModbusDoorBench:
    """A door controller on a line, of which only the wire is known to the driver."""

    def __init__(self, peer: ModbusPeer) -> None:
        self.peer, self.site = peer, peer.site
        self.driver: Any = None
        self._opened: list[Any] = []

    def open(self, **changes: Any) -> Any:
        settings = self.driver.Settings(**{"link": self.peer.url, **MAP, **changes})
        door = opened(lambda: self.driver.open(settings))
        self._opened.append(door)
        return door

    def put(self, position: Position, beam: Beam = Beam.CLEAR) -> None:
        closed = position is not Position.OPEN
        self.site.doors[DoorId.ENTRY].opening = 0.0 if closed else 1.0
        self.site.circuits |= {
            "entry_door.closed": closed,
            "entry_door.locked": position is Position.SECURED,
            "entry_door.beam": beam is Beam.CLEAR,
        }

    def is_released(self) -> bool:
        return self.site.shown[DoorId.ENTRY][-1]

    def was_released_and_is_not(self) -> bool:
        return self.site.shown[DoorId.ENTRY][-2:] == [True, False]

    def lose(self) -> None:
        self.peer.unplug()

    def close(self) -> None:
        for door in self._opened:
            door.close()
        self.peer.close()


def on_mock_pins(path: Path) -> _GpioDoorBench:
    return _GpioDoorBench(MockLines(path))


def on_a_pin_socket(path: Path) -> _GpioDoorBench:
    return _GpioDoorBench(SocketLines(path))


def on_kernel_pins(path: Path) -> _KernelDoorBench:
    return _KernelDoorBench(KernelLines(path))


def in_memory(path: Path) -> _ModbusDoorBench:
    return _ModbusDoorBench(InMemory(path))


def on_a_pty(path: Path) -> _ModbusDoorBench:
    return _ModbusDoorBench(OnAPty(path))


BENCHES = {"gpio": [on_mock_pins, on_a_pin_socket], "modbus": [in_memory, on_a_pty]}
if has_gpio_sim():
    BENCHES["gpio"].append(on_kernel_pins)
FOREVER_S = 600.0


def expect_released(bench: Any, released: bool) -> None:
    until(lambda: bench.is_released() is released, f"the door is {'released' if released else 'secured'}")


def release_seen(bench: Any, door: Any, lease_s: float) -> None:
    """Extend a short lease until it is seen to act, however slow this machine is."""

    def seen() -> bool:
        door.release(lease_s)
        return bool(bench.is_released())

    until(seen, "the door is released")


@pytest.mark.parametrize("beam", [Beam.CLEAR, Beam.BROKEN])
@pytest.mark.parametrize("position", [Position.SECURED, Position.CLOSED, Position.OPEN])
def test_a_door_tells_where_it_is(bench: Any, position: Position, beam: Beam) -> None:
    door = bench.open()
    bench.put(position, beam)
    until(lambda: (door.read().position, door.read().beam) == (position, beam), f"the door reads {position}, {beam}")


def test_every_change_is_told_and_read_again(bench: Any) -> None:
    door, told = bench.open(), threading.Event()
    bench.put(Position.SECURED)
    until(lambda: door.read().position is Position.SECURED)
    door.watch(told.set)
    bench.put(Position.OPEN)
    assert told.wait(60)
    until(lambda: door.read().position is Position.OPEN)


def test_a_watcher_that_raises_leaves_the_door_readable(bench: Any) -> None:
    door = bench.open()

    def faulty() -> None:
        raise RuntimeError("a watcher with a fault")

    door.watch(faulty)
    bench.put(Position.CLOSED)
    until(lambda: door.read().position is Position.CLOSED)
    bench.put(Position.SECURED)
    until(lambda: door.read().position is Position.SECURED)


def test_nothing_moves_when_a_door_is_opened_or_closed(bench: Any) -> None:
    bench.open().close()
    expect_released(bench, False)
    door = bench.open()
    expect_released(bench, False)
    door.release(FOREVER_S)
    expect_released(bench, True)
    door.close()
    expect_released(bench, False)


def test_a_release_ends_when_it_is_secured(bench: Any) -> None:
    door = bench.open()
    door.release(FOREVER_S)
    expect_released(bench, True)
    door.secure()
    expect_released(bench, False)


def test_a_lease_that_nobody_extends_ends_by_itself(bench: Any) -> None:
    release_seen(bench, bench.open(), 0.05)
    until(bench.was_released_and_is_not, "the lease ends")


def test_a_lease_that_is_extended_holds_until_the_later_end(bench: Any) -> None:
    door = bench.open()
    release_seen(bench, door, 0.05)
    began_s = time.monotonic()
    release_seen(bench, door, 0.20)
    until(bench.was_released_and_is_not, "the lease ends")
    assert time.monotonic() - began_s >= 0.20


def test_a_lease_longer_than_the_drivers_own_maximum_is_refused_and_releases_nothing(bench: Any) -> None:
    door = bench.open(max_lease_s=2.0)
    with pytest.raises(Refusal, match="2 are given"):
        door.release(2.1)
    expect_released(bench, False)
    door.release(2.0)
    expect_released(bench, True)


def test_a_lost_door_raises_and_never_guesses(bench: Any) -> None:
    door = bench.open()
    bench.put(Position.SECURED)
    bench.lose()
    until(lambda: raises(door.read), "the door is lost")
    for call in (door.read, lambda: door.release(1.0), door.secure):
        with pytest.raises(DeviceLost):
            call()
    door.close()
    door.close()


def test_a_closed_door_raises(bench: Any) -> None:
    door = bench.open()
    door.close()
    door.close()
    with pytest.raises(DeviceLost):
        door.read()
    with pytest.raises(DeviceLost):
        door.release(1.0)
    expect_released(bench, False)


def raises(call: Any) -> bool:
    try:
        call()
    except DeviceLost:
        return True
    return False


# ---------------------------------------------------------------- what only a door on GPIO has


def test_every_cut_wire_reads_the_careful_way(tmp_path: Path) -> None:
    bench = on_mock_pins(tmp_path)
    import hw.door_gpio as bench_driver

    bench.driver = bench_driver
    door = bench.open()
    bench.put(Position.SECURED)
    for wire, careful in ((LOCKED, Position.CLOSED), (CLOSED, Position.OPEN)):
        bench.lines.open_circuit(wire)
        assert door.read().position is careful
    bench.lines.open_circuit(BEAM)
    assert door.read().beam is Beam.BROKEN
    bench.close()


@pytest.mark.parametrize("normally", ["open", "closed"])
@pytest.mark.parametrize("active", ["high", "low"])
def test_polarities_are_per_line(
    tmp_path: Path, normally: Literal["open", "closed"], active: Literal["high", "low"]
) -> None:
    pins: Any = gpio.open_factory("mock:")
    settings = Settings(
        **LINES,
        **UNMANNED,
        release_active=active,
        closed_normally=normally,
        locked_normally=normally,
        beam_normally=normally,
        debounce_s=0.0,
        max_lease_s=FOREVER_S,
    )
    import hw.door_gpio

    door = hw.door_gpio.open(settings)
    for number in (CLOSED, LOCKED, BEAM):
        pins.pin(number).drive_low() if normally == "open" else pins.pin(number).drive_high()
    assert (door.read().position, door.read().beam) == (Position.SECURED, Beam.BROKEN)
    assert pins.pin(RELEASE).state is (active == "low")
    door.release(FOREVER_S)
    assert pins.pin(RELEASE).state is (active == "high")
    door.close()
    gpio.close_factory()


def test_a_door_that_the_fire_contact_freed_is_believed_after_the_fire_is() -> None:
    """The other way round it looks forced: a fault would be latched, and its cause would be the wrong one."""
    import hw.sensors_gpio

    door, sensors = (
        {field.name: field.default for field in dataclasses.fields(kind)}["debounce_s"]
        for kind in (Settings, hw.sensors_gpio.Settings)
    )
    assert door > sensors


def test_contacts_that_contradict_each_other_are_unknown_once_they_had_time_to_settle(tmp_path: Path) -> None:
    lines, now_s = MockLines(tmp_path), 100.0
    settings = Settings(**LINES, **UNMANNED, debounce_s=0.0, settle_s=0.5)
    relay = gpio.Output(lines.pins, settings.release, "high")
    ends = {name: gpio.Wiring(getattr(settings, name), "open") for name in ("closed", "locked")}
    positions = gpio.Contacts(lines.pins, ends, 0.0)
    way = gpio.Contacts(lines.pins, {"beam": gpio.Wiring(settings.beam, "closed")}, 0.0)
    door = GpioDoor(settings, relay, positions, way, now_s=lambda: now_s)
    lines.close_circuit(LOCKED)
    assert door.read().position is Position.OPEN
    now_s += 0.49
    assert door.read().position is Position.OPEN
    now_s += 0.02
    assert door.read().position is Position.UNKNOWN
    lines.close_circuit(CLOSED)
    assert door.read().position is Position.SECURED
    lines.open_circuit(CLOSED)
    assert door.read().position is Position.OPEN
    door.close()
    lines.close()


def test_a_relay_that_could_not_be_dropped_is_told_by_every_later_call(tmp_path: Path) -> None:
    lines = MockLines(tmp_path)
    import hw.door_gpio

    door = hw.door_gpio.open(Settings(**LINES, **UNMANNED, debounce_s=0.0))
    lines.pins.pin(RELEASE).stuck = True
    door.release(0.02)
    until(lambda: raises(door.read), "the end of the lease failed, and reading tells")
    lines.pins.pin(RELEASE).stuck = False
    with pytest.raises(DeviceLost, match=f"GPIO {RELEASE}"):
        door.release(1.0)
    door.close()
    assert not lines.level(RELEASE)
    lines.close()


def test_a_door_whose_last_line_is_taken_gives_back_the_lines_it_had(tmp_path: Path) -> None:
    bench = on_mock_pins(tmp_path)
    import hw.door_gpio as bench_driver

    bench.driver = bench_driver
    with pytest.raises(SetupError, match="GPIO 22"):
        bench.open(beam=Pin(LOCKED))
    bench.open()
    bench.close()
