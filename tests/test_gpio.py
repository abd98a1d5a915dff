"""GPIO: factories by URL without falling through, contacts read as levels, outputs that begin off, leases that end."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from peers import PinServer, until

from gatefw.errors import DeviceLost, SetupError
from gatefw.ports import Pin
from hw import gpio
from hw.gpio.lgpio_pins import choose


@pytest.fixture
def mock() -> Iterator[Any]:
    yield gpio.open_factory("mock:")
    gpio.close_factory()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PinServer]:
    serving = PinServer(tmp_path / "pins.sock")
    yield serving
    serving.close()


@pytest.fixture
def pins(server: PinServer, tmp_path: Path) -> Iterator[gpio.PinFactory]:
    yield gpio.open_factory(f"socket:{tmp_path / 'pins.sock'}")
    gpio.close_factory()


# ---------------------------------------------------------------- factories


@pytest.mark.parametrize("url", ["", "mock", "mock:7", "lgpio:", "socket:", "native:", "pigpio:host"])
def test_pins_by_an_unknown_url_are_refused_by_name(url: str) -> None:
    with pytest.raises(SetupError, match="pins"):
        gpio.open_factory(url)


def test_a_pin_socket_that_is_not_there_is_an_error_at_start(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="nowhere"):
        gpio.open_factory(f"socket:{tmp_path / 'nowhere'}")
    with pytest.raises(SetupError, match="this process has none"):
        gpio.factory()


def test_a_process_has_one_pin_factory(mock: object) -> None:
    assert gpio.factory() is mock
    with pytest.raises(SetupError, match="already uses 'mock:'"):
        gpio.open_factory("socket:/elsewhere")


def test_a_chip_that_is_not_there_is_an_error_and_importing_lgpio_moves_nobody(tmp_path: Path) -> None:
    program = """
import os
from gatefw.errors import SetupError
from hw import gpio
try:
    gpio.open_factory("lgpio:no-such-chip")
except SetupError as problem:
    print(os.getcwd(), str(problem))
"""
    environment = {**os.environ, "RUNTIME_DIRECTORY": str(tmp_path), "PYTHONPATH": str(Path.cwd())}
    environment.pop("LG_WD", None)
    (tmp_path / "here").mkdir()
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        cwd=tmp_path / "here",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.stdout.startswith(f"{tmp_path / 'here'} pins lgpio"), ran.stderr
    assert not list((tmp_path / "here").iterdir())


def test_a_chip_is_chosen_by_its_label_and_never_by_its_number() -> None:
    chips = {0: "raspberrypi-exp-gpio", 4: "pinctrl-rp1"}
    assert choose("pinctrl-rp1", chips) == 4
    with pytest.raises(SetupError, match=r"'pinctrl-rp1' \(gpiochip4\)"):
        choose("pinctrl-bcm2711", chips)
    with pytest.raises(SetupError, match="2 chips"):
        choose("twice", {0: "twice", 1: "twice"})


# ---------------------------------------------------------------- contacts


@pytest.mark.parametrize("pull", ["up", "down"])
@pytest.mark.parametrize("normally", ["open", "closed"])
@pytest.mark.parametrize("circuit", ["open", "closed"])
def test_a_contact_is_active_when_its_circuit_is_not_as_it_is_normally(
    mock: Any, pull: Literal["up", "down"], normally: Literal["open", "closed"], circuit: str
) -> None:
    contact = gpio.Contact(mock, gpio.Wiring(Pin(22), normally, pull))
    if (circuit == "closed") == (pull == "up"):
        mock.pin(22).drive_low()
    else:
        mock.pin(22).drive_high()
    assert contact.read() is (circuit != normally)
    contact.close()


STEPS = st.lists(st.tuples(st.sampled_from(["high", "low", "read"]), st.integers(0, 25)), max_size=30)


@given(STEPS)
def test_a_level_is_believed_when_it_has_stood_for_the_debounce_time_and_not_before(
    steps: list[tuple[str, int]],
) -> None:
    from gpiozero.pins.mock import MockFactory

    factory, now = MockFactory(), 0  # in 1/1024 s, which a float holds exactly
    contact = gpio.Contact(factory, gpio.Wiring(Pin(22), "open"), debounce_s=10 / 1024, now_s=lambda: now / 1024)
    contact.watch(lambda: None)
    level, since, believed = True, -1000, False
    for what, passes in steps:
        now += passes
        if what == "read":
            if now - since >= 10:
                believed = not level
            assert contact.read() is believed
            left = None if believed == (not level) else (since + 10 - now) / 1024
            assert contact.settles_in_s == left
        elif level != (what == "high"):
            level, since = what == "high", now
            factory.pin(22).drive_high() if level else factory.pin(22).drive_low()
    contact.close()


def test_the_watcher_is_told_when_a_bounce_is_over_and_can_be_read(mock: Any) -> None:
    contacts, told = gpio.Contacts(mock, {"closed": gpio.Wiring(Pin(22), "open")}, debounce_s=0.01), threading.Event()
    contacts.watch(told.set)
    for _ in range(5):
        mock.pin(22).drive_low()
        mock.pin(22).drive_high()
    mock.pin(22).drive_low()
    assert told.wait(60)
    until(lambda: contacts.read("closed"), "the contact is believed to be closed")
    contacts.close()


def test_a_contact_is_told_though_another_one_never_stops_bouncing(mock: Any) -> None:
    """The fire loop opens while a zone's contact bounces: nobody waits for the zone."""
    wiring = {"fire": gpio.Wiring(Pin(20), "closed"), "zone": gpio.Wiring(Pin(12), "open")}
    mock.pin(20).drive_low()
    contacts, told = gpio.Contacts(mock, wiring, debounce_s=0.005), threading.Event()
    contacts.watch(lambda: told.set() if contacts.believed("fire") else None)
    mock.pin(20).drive_high()

    def bounced() -> bool:
        mock.pin(12).drive_low()
        mock.pin(12).drive_high()
        return told.is_set()

    until(bounced, "the fire is told")
    assert contacts.believed("zone") is False
    contacts.close()


def test_an_edge_without_debouncing_is_believed_before_anybody_is_told(mock: Any) -> None:
    contacts, told = gpio.Contacts(mock, {"fire": gpio.Wiring(Pin(20), "open")}, debounce_s=0.0), list[bool]()
    contacts.watch(lambda: told.append(contacts.believed("fire")))
    mock.pin(20).drive_low()
    assert told == [True]
    contacts.close()


def test_without_debouncing_the_watcher_is_told_of_every_edge_at_once(mock: Any) -> None:
    contacts, told = gpio.Contacts(mock, {"beam": gpio.Wiring(Pin(5), "closed")}, debounce_s=0.0), []
    contacts.watch(lambda: told.append(contacts.read("beam")))
    mock.pin(5).drive_low()
    mock.pin(5).drive_high()
    assert told == [False, True]
    contacts.close()


def raising() -> None:
    raise RuntimeError("a callback with a fault")


def test_a_callback_that_raises_harms_nobody_on_mock_pins(mock: Any) -> None:
    contact = gpio.Contact(mock, gpio.Wiring(Pin(22), "open"))
    contact.watch(raising)
    mock.pin(22).drive_low()
    assert contact.read() is True
    contact.close()


def test_a_callback_that_raises_harms_no_other_pin_on_the_socket(server: PinServer, pins: gpio.PinFactory) -> None:
    faulty, sound = (gpio.Contact(pins, gpio.Wiring(Pin(number), "open")) for number in (22, 27))
    told = threading.Event()
    faulty.watch(raising)
    sound.watch(told.set)
    server.drive(22, 0)
    server.drive(27, 0)
    assert told.wait(60)
    assert faulty.read() is sound.read() is True
    faulty.close()
    sound.close()


def _with_lgpio(program: str, tmp_path: Path) -> str:
    """What a process prints that uses the real lgpio, which needs no chip for this: its thread reads from a FIFO."""
    if find_spec("lgpio") is None:
        pytest.skip("lgpio is not installed")
    heading = """
import os, struct, sys, threading
from gpiozero.pins.mock import MockFactory
from hw import gpio
from hw.gpio.lgpio_pins import library
from gatefw.ports import Pin
here = os.getcwd()
lgpio = library()
assert os.getcwd() == here
fifo = os.open(os.path.join(os.environ["LG_WD"], f".lgd-nfy{lgpio._notify_thread._notify}"), os.O_WRONLY)
def edge(number):
    os.write(fifo, struct.pack("QBBBBI", 1, 0, number, 1, 0, 0))
"""
    environment = {**os.environ, "RUNTIME_DIRECTORY": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[1])}
    ran = subprocess.run(
        [sys.executable, "-c", heading + program], env=environment, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_a_callback_that_raises_harms_no_other_pin_on_lgpios_own_thread(tmp_path: Path) -> None:
    program = """
told = threading.Event()
def fails():
    raise RuntimeError("a callback with a fault")
pins, watched = MockFactory(), []
for number, changed in ((22, fails), (27, told.set)):
    contact = gpio.Contact(pins, gpio.Wiring(Pin(number), "open"))
    contact.watch(changed)
    watched.append(lgpio.callback(0, number, lgpio.BOTH_EDGES, lambda *what, contact=contact: contact._edge(0, 1)))
edge(22)
edge(27)
print("heard" if told.wait(60) else "deaf", lgpio._notify_thread.is_alive())
"""
    assert _with_lgpio(program, tmp_path) == "heard True\n"


def test_each_process_hears_its_own_edges_and_leaves_no_directory_behind(tmp_path: Path) -> None:
    """Though the unit file, or a shell, names one directory for both."""
    first, second = (_with_lgpio('print(os.environ["LG_WD"])', tmp_path) for _ in range(2))
    assert first != second
    assert Path(first.strip()).parent == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_a_contact_that_chatters_is_not_listened_to_for_a_while_and_read_all_the_same(mock: Any) -> None:
    now_s, told = 0.0, []
    contact = gpio.Contact(mock, gpio.Wiring(Pin(22), "open"), now_s=lambda: now_s)
    contact.watch(lambda: told.append(1))
    for _ in range(300):
        mock.pin(22).drive_low()
        mock.pin(22).drive_high()
    heard = len(told)
    assert heard == 600
    assert contact.read() is False
    mock.pin(22).drive_low()
    assert len(told) == heard
    assert contact.read() is True
    now_s = 1.0
    assert contact.read() is True
    mock.pin(22).drive_high()
    assert len(told) == heard + 1
    contact.close()


def test_a_contact_that_is_moved_by_hands_is_always_listened_to(mock: Any) -> None:
    now_s, told = 0.0, []
    contact = gpio.Contact(mock, gpio.Wiring(Pin(22), "open"), now_s=lambda: now_s)
    contact.watch(lambda: told.append(1))
    for step in range(1000):
        now_s = step / 100
        mock.pin(22).drive_low() if step % 2 else mock.pin(22).drive_high()
        contact.read()
    assert len(told) == 999
    contact.close()


def test_a_pin_is_used_once_and_free_again_after_it_was_given_back(mock: Any) -> None:
    first = gpio.Contact(mock, gpio.Wiring(Pin(22), "open"))
    with pytest.raises(SetupError, match=r"GPIO 22.*in use"):
        gpio.Output(mock, Pin(22), "high")
    first.close()
    with pytest.raises(DeviceLost, match="given back"):
        first.read()
    gpio.Output(mock, Pin(22), "high").close()


def test_a_pin_that_no_board_has_is_refused_by_number(mock: Any) -> None:
    with pytest.raises(SetupError, match="GPIO 40"):
        gpio.Contact(mock, gpio.Wiring(Pin(40), "open"))
    with pytest.raises(SetupError, match=r"GPIO 2:.*pull"):
        gpio.Contact(mock, gpio.Wiring(Pin(2), "open", "down"))


# ---------------------------------------------------------------- outputs


@pytest.mark.parametrize(("active", "off"), [("high", 0), ("low", 1)])
def test_an_output_is_claimed_off_and_given_back_off(
    server: PinServer, pins: gpio.PinFactory, active: Literal["high", "low"], off: int
) -> None:
    relay = gpio.Output(pins, Pin(17), active)
    relay.set(True)
    relay.close()
    until(lambda: len(server.log) == 4, "claim, on, off, free")
    assert server.log == [
        {"claim": 17, "direction": "out", "level": off},
        {"write": 17, "level": 1 - off},
        {"write": 17, "level": off},
        {"free": 17},
    ]


class Busy:
    """The kernel's answer for a line that another process has, as lgpio hands it on."""

    def pin(self, _number: int) -> None:
        raise RuntimeError("'GPIO busy'")


def test_whoever_finds_a_line_taken_is_told_who_may_have_it() -> None:
    with pytest.raises(DeviceLost, match=r"GPIO 17: cannot claim it: 'GPIO busy': is `gatefw run` there"):
        gpio.Output(Busy(), Pin(17), "high")  # type: ignore[arg-type]


def test_a_pin_of_another_process_cannot_be_claimed(server: PinServer, pins: gpio.PinFactory) -> None:
    server.taken.add(17)
    with pytest.raises(DeviceLost, match="GPIO 17: EBUSY"):
        gpio.Output(pins, Pin(17), "high")


# ---------------------------------------------------------------- the pin socket


def test_when_the_world_goes_away_every_watcher_is_told_and_every_read_is_device_lost(
    server: PinServer, pins: gpio.PinFactory
) -> None:
    contact, relay = gpio.Contact(pins, gpio.Wiring(Pin(22), "open")), gpio.Output(pins, Pin(17), "high")
    told = threading.Event()
    contact.watch(told.set)
    server.hang_up()
    assert told.wait(60)
    with pytest.raises(DeviceLost, match="went away"):
        contact.read()
    with pytest.raises(DeviceLost):
        relay.set(True)
    contact.close()
    relay.close()


def test_owners_that_open_their_pins_again_are_connected_anew(server: PinServer, pins: gpio.PinFactory) -> None:
    wiring = gpio.Wiring(Pin(22), "open")
    contact = gpio.Contact(pins, wiring)
    server.hang_up()
    contact.close()
    contact = gpio.Contact(pins, wiring)
    server.drive(22, 0)
    until(contact.read, "the contact closes")
    contact.close()


@pytest.mark.parametrize(
    "noise", [b"hello\n", b"[]\n", b'{"pin": "x"}\n', b'{"level": 1}\n', b"x" * 5000, b"[" * 4000 + b"\n"]
)
def test_what_is_no_pin_server_is_lost_and_not_believed(server: PinServer, pins: gpio.PinFactory, noise: bytes) -> None:
    contact = gpio.Contact(pins, gpio.Wiring(Pin(22), "open"))
    told = threading.Event()
    contact.watch(told.set)
    server.say(noise)
    assert told.wait(60)
    with pytest.raises(DeviceLost, match=r"no pin message|no lines"):
        contact.read()
    contact.close()


# ---------------------------------------------------------------- countdowns


def test_a_countdown_that_is_started_again_ends_once_and_later() -> None:
    lock, ends = threading.RLock(), []
    countdown = gpio.Countdown("test", lock, lambda: ends.append(time.monotonic()))
    began_s = time.monotonic()
    with lock:
        countdown.start(0.0)
        countdown.start(0.05)
    until(lambda: ends, "the countdown ends")
    assert ends[0] - began_s >= 0.05
    assert not countdown.running
    countdown.close()
    assert len(ends) == 1


def test_a_countdown_that_is_cancelled_or_closed_does_not_end() -> None:
    lock, ends = threading.RLock(), []
    countdown = gpio.Countdown("test", lock, lambda: ends.append(1))
    with lock:
        countdown.start(0.0)
        countdown.cancel()
    countdown.start(60.0)
    countdown.close()
    countdown.close()
    assert not ends


def test_a_countdown_outlives_what_its_end_raises() -> None:
    lock, ends = threading.RLock(), []

    def ended() -> None:
        ends.append(1)
        raising()

    countdown = gpio.Countdown("test", lock, ended)
    countdown.start(0.0)
    until(lambda: len(ends) == 1)
    countdown.start(0.0)
    until(lambda: len(ends) == 2)
    countdown.close()
