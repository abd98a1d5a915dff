"""A door with a motor on pins: it reverses by itself, and stops when nobody looks."""

import threading
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from conformance.lines import MockLines
from peers import until

import hw.door_gpio
from gatefw.errors import DeviceLost, SetupError
from gatefw.gate_terms import GateInput
from gatefw.model import Beam, DoorId, Position
from gatefw.ports import Pin
from gatefw.workers import DoorWorker
from hw import gpio
from hw.door_gpio import Settings
from hw.gpio import DriveLimits, Felt, Motor

RELEASE, CLOSED, LOCKED, BEAM, OPEN_MOTOR, CLOSE_MOTOR, OPENED, EDGE = 17, 27, 22, 5, 12, 13, 6, 16
LONG: dict[str, Any] = {"travel_s": 60.0, "pause_s": 0.02, "clear_s": 0.0, "max_lease_s": 600.0, "debounce_s": 0.0}
LINES: dict[str, Any] = {
    "release": Pin(RELEASE),
    "closed": Pin(CLOSED),
    "locked": Pin(LOCKED),
    "beam": Pin(BEAM),
    "motor_open": Pin(OPEN_MOTOR),
    "motor_close": Pin(CLOSE_MOTOR),
    "opened": Pin(OPENED),
    "edge": Pin(EDGE),
    "unpowered": "secured",
    "off_held_by": "resistor",
    "hardware_limit_s": 20.0,
}


class Leaf:
    """The leaf's contacts, set by hand, and what its motor is told."""

    def __init__(self, path: Path) -> None:
        self.lines = MockLines(path)
        self.opened: list[Any] = []

    def open(self, **changes: Any) -> Any:
        door = hw.door_gpio.open(Settings(**{**LINES, **LONG, **changes}))
        self.opened.append(door)
        self.stands("closed")
        self.way(clear=True)
        return door

    def stands(self, where: str) -> None:
        self._circuit(CLOSED, where == "closed")
        self._circuit(LOCKED, where == "closed")
        self._circuit(OPENED, where == "opened")

    def way(self, clear: bool) -> None:
        self._circuit(EDGE, True)
        self._circuit(BEAM, clear)

    def press_edge(self) -> None:
        self._circuit(EDGE, False)

    def runs(self) -> str:
        motors = self.lines.level(OPEN_MOTOR), self.lines.level(CLOSE_MOTOR)
        return {(0, 0): "rests", (1, 0): "opens", (0, 1): "closes", (1, 1): "both"}[motors]

    def expect(self, what: str) -> None:
        until(lambda: self.runs() == what, f"the leaf {what}")

    def _circuit(self, number: int, closed: bool) -> None:
        (self.lines.close_circuit if closed else self.lines.open_circuit)(number)


@pytest.fixture
def leaf(tmp_path: Path) -> Iterator[Leaf]:
    leaf = Leaf(tmp_path)
    yield leaf
    for door in leaf.opened:
        door.close()
    leaf.lines.close()


def test_a_released_door_is_driven_open_and_closes_when_the_lease_is_over(leaf: Leaf) -> None:
    door = leaf.open()
    assert leaf.runs() == "rests"
    door.release(600.0)
    leaf.expect("opens")
    assert leaf.lines.level(RELEASE) == 1
    leaf.stands("opened")
    leaf.expect("rests")
    door.secure()
    leaf.expect("closes")
    assert leaf.lines.level(RELEASE) == 0
    leaf.stands("closed")
    leaf.expect("rests")


@pytest.mark.parametrize("what", ["beam", "edge"])
def test_a_closing_leaf_reverses_by_itself_when_beam_or_edge_is_touched_with_nobody_else_running(
    leaf: Leaf, what: str
) -> None:
    door = leaf.open()
    leaf.stands("opened")
    door.secure()
    leaf.expect("closes")
    leaf.stands("ajar")
    leaf.way(clear=False) if what == "beam" else leaf.press_edge()
    leaf.expect("opens")
    leaf.stands("opened")
    leaf.way(clear=True)
    leaf.expect("closes")


def test_a_leaf_that_takes_too_long_is_stopped(leaf: Leaf) -> None:
    door = leaf.open(travel_s=0.5)
    door.release(600.0)
    leaf.stands("ajar")
    until(lambda: leaf.lines.history(OPEN_MOTOR)[-2:] == [1, 0], "the motor was on and is off")
    door.release(600.0)
    assert door.read().position is Position.OPEN


def test_a_closed_driver_leaves_the_motor_at_rest(leaf: Leaf) -> None:
    door = leaf.open()
    door.release(600.0)
    leaf.expect("opens")
    door.close()
    assert leaf.runs() == "rests"
    assert leaf.lines.level(RELEASE) == 0


def test_a_motor_that_cannot_be_had_leaves_the_door_to_be_pushed(leaf: Leaf) -> None:
    """The contacts went: nothing may move by motor any more, but whoever has to get out is not locked in."""
    door = leaf.open()
    leaf.lines.pins.pin(OPENED).lost = True
    until(lambda: _raises(door.read), "the motor has failed and reading tells")
    door.release(600.0)
    assert leaf.lines.level(RELEASE) == 1
    assert leaf.runs() == "rests"


def test_a_door_whose_motor_goes_while_people_flee_stays_released(leaf: Leaf) -> None:
    """Fire freed the exit; then a limit switch of its leaf is gone. A renewal of the release that was refused for
    the motor's sake had the door closed for that, so locked, and not to be opened before the switch was mended."""
    told: SimpleQueue[GateInput] = SimpleQueue()
    worker = DoorWorker(DoorId.EXIT, leaf.open, told.put)
    worker.start()
    until(lambda: leaf.lines.level(RELEASE) == 0 and worker.progress > 1, "the door to be served")
    worker.free(600.0)
    until(lambda: leaf.lines.level(RELEASE) == 1, "the release")
    leaf.lines.pins.pin(OPENED).lost = True
    until(lambda: worker.trouble, "it to be found")
    worker.free(600.0)
    turns = worker.progress
    until(lambda: worker.progress > turns + 3, "it to be looked after")
    assert leaf.lines.level(RELEASE) == 1
    worker.stop()


@pytest.mark.parametrize("how", ["lease", "secure", "close"])
def test_a_motor_line_that_hangs_does_not_keep_the_lock_released(leaf: Leaf, how: str) -> None:
    door = leaf.open()
    pin = leaf.lines.pins.pin(OPEN_MOTOR)
    pin.hung, pin.goes_on = threading.Event(), threading.Event()
    door.release(5.0 if how == "lease" else 600.0)
    assert leaf.lines.level(RELEASE) == 1
    assert pin.hung.wait(60)
    threads = [threading.Thread(target=call) for call in ([door.secure] if how == "secure" else [])]
    threads += [threading.Thread(target=door.close)] if how == "close" else []
    for thread in threads:
        thread.start()
    until(lambda: leaf.lines.level(RELEASE) == 0, "the lock is no longer released")
    if how != "close":
        door.release(600.0)  # which waits for no motor
        assert leaf.lines.level(RELEASE) == 1
    pin.goes_on.set()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("missing", ["motor_open", "motor_close", "opened"])
def test_half_a_motor_is_refused(leaf: Leaf, missing: str) -> None:
    with pytest.raises(SetupError, match="all three are wired, or none"):
        leaf.open(**{missing: None})


def test_a_line_that_is_used_twice_gives_back_every_line_that_was_taken(leaf: Leaf) -> None:
    with pytest.raises(SetupError, match=f"GPIO {OPEN_MOTOR}"):
        leaf.open(edge=Pin(OPEN_MOTOR))
    leaf.open()


def test_a_read_that_hangs_keeps_nobody_from_releasing_and_stops_the_motor(tmp_path: Path) -> None:
    lines, hangs, goes_on = MockLines(tmp_path), threading.Event(), threading.Event()
    hang = False

    def feel() -> Felt:
        if hang:
            hangs.set()
            assert goes_on.wait(120)
        return Felt(closed=False, opened=False, obstructed=False)

    opening, closing = (gpio.Output(lines.pins, Pin(number), "high") for number in (OPEN_MOTOR, CLOSE_MOTOR))
    motor = Motor(opening, closing, DriveLimits(60.0, 0.02, 0.0, 3), feel)
    motor.want(opened=True)
    until(lambda: lines.level(OPEN_MOTOR) == 1, "the leaf opens")
    hang = True
    motor.look()
    assert hangs.wait(60)
    until(lambda: lines.level(OPEN_MOTOR) == 0, "nobody looks, and the motor stops")
    motor.want(opened=False)  # which waits for nothing
    goes_on.set()
    hang = False
    until(lambda: lines.level(CLOSE_MOTOR) == 1, "somebody looks again, and it goes on")
    motor.close()
    assert (lines.level(OPEN_MOTOR), lines.level(CLOSE_MOTOR)) == (0, 0)
    lines.close()


def test_a_motor_line_that_cannot_be_switched_off_does_not_keep_the_other_one_on(tmp_path: Path) -> None:
    lines = MockLines(tmp_path)
    opening, closing = (gpio.Output(lines.pins, Pin(number), "high") for number in (OPEN_MOTOR, CLOSE_MOTOR))
    felt = Felt(closed=False, opened=False, obstructed=False)
    motor = Motor(opening, closing, DriveLimits(60.0, 0.02, 0.0, 3), lambda: felt)
    motor.want(opened=False)
    until(lambda: lines.level(CLOSE_MOTOR) == 1, "the leaf closes")
    lines.pins.pin(OPEN_MOTOR).stuck = True
    felt = Felt(closed=False, opened=False, obstructed=True)
    motor.look()
    until(lambda: lines.level(CLOSE_MOTOR) == 0, "the closing line is off")
    until(lambda: _raises(motor.check), "the other one is told")
    motor.close()
    lines.close()


def test_a_mistake_in_reading_the_contacts_stops_the_motor_and_is_told(tmp_path: Path) -> None:
    lines, mistaken = MockLines(tmp_path), False

    def feel() -> Felt:
        if mistaken:
            raise ZeroDivisionError("a mistake")
        return Felt(closed=False, opened=False, obstructed=False)

    opening, closing = (gpio.Output(lines.pins, Pin(number), "high") for number in (OPEN_MOTOR, CLOSE_MOTOR))
    motor = Motor(opening, closing, DriveLimits(60.0, 0.02, 0.0, 3), feel)
    motor.want(opened=True)
    until(lambda: lines.level(OPEN_MOTOR) == 1, "the leaf opens")
    mistaken = True
    motor.look()
    until(lambda: _raises(motor.check), "the mistake is told")
    assert lines.level(OPEN_MOTOR) == 0
    motor.close()
    lines.close()


def test_a_broken_beam_is_believed_at_once_and_a_clear_one_after_the_debounce(tmp_path: Path) -> None:
    lines, now_s = MockLines(tmp_path), 100.0
    plain = {name: LINES[name] for name in ("release", "closed", "locked", "beam")}
    stated: dict[str, Any] = {"unpowered": "secured", "off_held_by": "resistor", "hardware_limit_s": 20.0}
    settings = Settings(**plain, **stated, debounce_s=0.03)
    ends = {name: gpio.Wiring(getattr(settings, name), "open") for name in ("closed", "locked")}
    door = hw.door_gpio.GpioDoor(
        settings,
        gpio.Output(lines.pins, settings.release, "high"),
        gpio.Contacts(lines.pins, ends, 0.0),
        gpio.Contacts(lines.pins, {"beam": gpio.Wiring(settings.beam, "closed")}, 0.0),
        now_s=lambda: now_s,
    )
    lines.close_circuit(BEAM)
    assert door.read().beam is Beam.CLEAR
    lines.open_circuit(BEAM)
    assert door.read().beam is Beam.BROKEN
    lines.close_circuit(BEAM)
    now_s += 0.02
    assert door.read().beam is Beam.BROKEN
    now_s += 0.02
    assert door.read().beam is Beam.CLEAR
    door.close()
    lines.close()


def _raises(call: Any) -> bool:
    try:
        call()
    except DeviceLost:
        return True
    return False
