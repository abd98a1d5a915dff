"""A door whose leaf has a bare motor: its physics, and the driver against it. Modbus units wired to a world, too."""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from peers import until

import hw.door_gpio
from gatefw.model import Beam, DoorId, Input, Position
from gatefw.ports import Pin
from hw import gpio
from hw.door_gpio import GpioDoor, Settings
from hw.sim.client import WorldClient, launched
from hw.sim.device_modbus_line import COMMAND, TIMEOUT, make
from hw.sim.door import BODY
from hw.sim.people import doorstopper, send_in
from hw.sim.physics import World
from hw.sim.serial_line import SerialLine
from hw.sim.settings import parse
from hw.wire.modbus_rtu import Function, Reply, Request

SIM = Path(__file__).resolve().parents[1] / "config" / "sim.toml"
ENTRY = DoorId.ENTRY
MOTOR_PINS = {"entry_door": {"release": 17, "motor_open": 12, "motor_close": 13}}


def motor_world() -> World:
    return World(parse({"travel_s": 0.5, "lock_s": 0.05, "pins": MOTOR_PINS}))


def runs(world: World, seconds: float, *, opens: bool = False, closes: bool = False) -> float:
    """Let the motor's lines stand so, and return how far open the leaf is afterwards."""
    world.run_motor(ENTRY, "motor_open", opens)
    world.run_motor(ENTRY, "motor_close", closes)
    world.advance(world.now_s + seconds)
    return world.doors[ENTRY].opening


def test_a_leaf_with_a_bare_motor_moves_while_one_line_is_on_and_its_lock_is_free() -> None:
    world = motor_world()
    assert runs(world, 2.0, opens=True) == 0.0, "locked"
    world.drive(ENTRY, True)
    assert runs(world, 2.0) == 0.0, "a free lock alone moves nothing"
    assert 0.2 < runs(world, 0.2, opens=True) < 0.8
    half = world.doors[ENTRY].opening
    assert runs(world, 2.0) == half
    assert runs(world, 2.0, opens=True, closes=True) == half, "both lines at once"
    assert runs(world, 2.0, opens=True) == 1.0
    assert world.circuit("entry_door.opened")
    world.drive(ENTRY, False)
    assert runs(world, 2.0, closes=True) == 0.0
    assert world.doors[ENTRY].position is Position.SECURED


def test_stop_ends_powered_motion_and_fire_opens_all_the_same() -> None:
    world = motor_world()
    world.drive(ENTRY, True)
    runs(world, 0.2, opens=True)
    half = world.doors[ENTRY].opening
    world.set_input(Input.STOP, True)
    assert runs(world, 1.0, opens=True) == half
    world.set_input(Input.FIRE, True)
    assert runs(world, 1.0, closes=True) == 1.0


def test_a_bare_motor_closes_on_a_body_and_only_its_edge_tells() -> None:
    """Nothing in the door looks at the beam: that is the driver's matter."""
    world = motor_world()
    world.drive(ENTRY, True)
    runs(world, 2.0, opens=True)
    send_in(world, "anna", doorstopper("X", stand_s=600.0))
    world.advance(world.now_s + 10.0)
    assert world.beam(ENTRY) is Beam.BROKEN
    assert world.circuit("entry_door.edge")
    assert runs(world, 2.0, closes=True) == BODY
    assert not world.circuit("entry_door.edge")
    assert "crush" in [entry["violation"] for entry in world.history.of("violation")]


# ---------------------------------------------------------------- the driver against that door


@contextmanager
def driven(directory: Path) -> Iterator[tuple[WorldClient, GpioDoor]]:
    """The entry door of a world in a process of its own, with a motor and an edge, opened by the real driver."""
    config = directory / "world.toml"
    contacts = "closed = 27, locked = 22, beam = 5, opened = 7, edge = 8"
    wired = f"entry_door = {{ release = 17, motor_open = 2, motor_close = 3, {contacts} }}"
    config.write_text(re.sub(r"(?m)^entry_door = .*release.*$", wired, SIM.read_text()))
    with launched(directory, config) as world:
        gpio.open_factory(f"socket:{directory / 'pins.sock'}")
        pins = {"release": 17, "closed": 27, "locked": 22, "beam": 5, "motor_open": 2, "motor_close": 3}
        settings = Settings(
            **{name: Pin(number) for name, number in (pins | {"opened": 7, "edge": 8}).items()},
            unpowered="released",
            off_held_by="resistor",
            hardware_limit_s=20.0,
            travel_s=60.0,
            pause_s=0.05,
            clear_s=0.2,
            reversals=20,
            max_lease_s=600.0,
        )
        door = hw.door_gpio.open(settings)
        try:
            yield world, door
        finally:
            door.close()
            gpio.close_factory()


@pytest.mark.real
def test_the_driver_never_closes_on_somebody_in_the_beam_and_closes_behind_them(tmp_path: Path) -> None:
    with driven(tmp_path) as (world, door):
        door.release(600.0)
        world.wait_for(lambda e: e.says("door", door="entry_door", state="open"), 60.0, "the leaf to be open")
        world.traveller("dora", "doorstopper", code="X", stand_s=6.0)
        until(lambda: door.read().beam is Beam.BROKEN, "dora to stand in the door")
        door.secure()
        world.wait_for(lambda e: e.says("door", door="entry_door", state="secured"), 60.0, "the leaf to be closed")
        assert world.violations() == []


@pytest.mark.real
def test_the_driver_reverses_on_the_edge_though_the_beam_is_stuck(tmp_path: Path) -> None:
    with driven(tmp_path) as (world, door):
        door.release(600.0)
        world.wait_for(lambda e: e.says("door", door="entry_door", state="open"), 60.0, "the leaf to be open")
        world.traveller("dora", "doorstopper", code="X", stand_s=12.0)
        until(lambda: door.read().beam is Beam.BROKEN, "dora to stand in the door")
        world.do("stick", circuit="entry_door.beam", closed=True)
        until(lambda: door.read().beam is Beam.CLEAR, "the beam to lie")
        mark = world.mark()
        door.secure()
        for state in ("closing", "opening", "open"):
            world.wait_for(lambda e, s=state: e.says("door", door="entry_door", state=s), 60.0, f"it is {state}", mark)
        world.do("stick", circuit="entry_door.beam", closed=None)
        world.wait_for(lambda e: e.says("door", door="entry_door", state="secured"), 60.0, "it closes at last", mark)
        order = [e["state"] for e in world.history()[mark:] if e.kind == "door"]
        assert order[:2] == ["closing", "ajar"] or order[:2] == ["closing", "opening"], order


# ---------------------------------------------------------------- Modbus units in a world


def ask(line: object, request: Request, now_s: float) -> tuple[int, ...] | None:
    line.receive(request.encode(), now_s)  # type: ignore[attr-defined]
    return Reply(request).feed(line.advance(now_s + 1.0))  # type: ignore[attr-defined]


def test_modbus_units_move_the_worlds_door_and_read_its_contacts() -> None:
    world = World(parse({"travel_s": 0.5, "lock_s": 0.05}))
    line = make(
        {"units": {"1": {"door": "entry_door"}, "10": {"inputs": ["fire", "call", "entry_door.closed"]}}}, world
    )
    read = Request(1, Function.READ_HOLDING, 16, 3)
    assert ask(line, read, 0.0) == (0b011, 0, 0)
    assert ask(line, Request(10, Function.READ_INPUTS, 0, 3), 0.0) == (1, 0, 1)
    ask(line, Request(1, Function.WRITE_REGISTER, TIMEOUT, value=50), 0.0)
    ask(line, Request(1, Function.WRITE_REGISTER, COMMAND, value=1), 0.0)
    world.advance(world.now_s + 1.0)
    assert ask(line, read, 1.0) == (0b000, 0, 1000)
    assert line.next_s() == 5.0
    line.advance(6.0)
    world.advance(world.now_s + 1.0)
    assert ask(line, read, 7.0) == (0b011, 0, 0)


def test_a_controller_ends_a_release_though_the_plug_was_pulled(tmp_path: Path) -> None:
    world = World(parse({"travel_s": 0.5, "lock_s": 0.05}))
    line = make({"units": {"1": {"door": "entry_door"}}}, world)
    with closing(SerialLine(tmp_path / "tty-field", line, 115200)) as wire:
        ask(line, Request(1, Function.WRITE_REGISTER, TIMEOUT, value=20), 0.0)
        ask(line, Request(1, Function.WRITE_REGISTER, COMMAND, value=1), 0.0)
        wire.unplug()
        assert world.doors[ENTRY].relay
        assert wire.next_s() == 2.0
        wire.advance(2.0)
        assert not world.doors[ENTRY].relay
        assert wire.next_s() == float("inf")


def test_what_a_unit_does_not_know_is_refused_and_another_number_is_silence() -> None:
    line = make({"units": {"1": {"door": "entry_door"}, "10": {"inputs": ["fire"]}}}, motor_world())
    for request in (
        Request(1, Function.READ_HOLDING, 500),
        Request(1, Function.READ_INPUTS, 0),
        Request(1, Function.WRITE_REGISTER, 500, value=1),
        Request(10, Function.READ_INPUTS, 0, 2),
        Request(10, Function.WRITE_REGISTER, 0, value=1),
    ):
        line.receive(request.encode(), 0.0)
        assert line.advance(1.0)[1] == request.function | 0x80
    line.receive(Request(2, Function.READ_HOLDING, 0).encode(), 0.0)
    assert line.advance(1.0) == b""


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({}, "units"),
        ({"units": {"0": {"door": "entry_door"}}}, "from 1 to 247"),
        ({"units": {"1": {"dor": "entry_door"}}}, "neither"),
        ({"units": {"1": {"inputs": ["no_such_loop"]}}}, "no loop of this gate"),
        ({"unit": 1}, "unknown key"),
    ],
)
def test_a_line_that_is_described_wrongly_is_refused(options: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        make(options, motor_world())


@pytest.mark.parametrize(("what", "given"), [("mute", {"unit": 9}), ("dance", {"unit": 1}), ("fault", {"unit": 10})])
def test_a_unit_does_only_what_units_do(what: str, given: dict[str, object]) -> None:
    line = make({"units": {"1": {"door": "entry_door"}, "10": {"inputs": ["fire"]}}}, motor_world())
    with pytest.raises(ValueError, match="unit"):
        line.act(what, given, 0.0)
