"""Byte links: what is read, what is written, and what happens when the other end goes away."""

import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from peers import PtyDevice

from gatefw.errors import DeviceLost, SetupError
from hw.link import Link, ReplayMismatch, SpyLink, open_link, plug


@pytest.fixture
def device(tmp_path: Path) -> Iterator[PtyDevice]:
    plugged = PtyDevice(tmp_path / "tty-test")
    plugged.plug()
    yield plugged
    plugged.unplug()


@pytest.fixture
def port(device: PtyDevice) -> Iterator[Link]:
    link = open_link(f"serial:{device.link}?baud=57600")
    yield link
    link.close()


def test_a_serial_port_gives_what_is_there_and_waits_no_longer_than_told(device: PtyDevice, port: Link) -> None:
    assert port.read(10, timeout_s=0.0) == b""
    device.send(b"hello")
    assert port.read(1, timeout_s=5.0) == b"h"
    assert port.read(2, timeout_s=5.0) == b"el"
    assert port.read(10, timeout_s=5.0) == b"lo"
    port.write(b"ping")
    assert device.received(4) == b"ping"


def test_flushing_a_serial_port_forgets_what_nobody_read(device: PtyDevice, port: Link) -> None:
    device.send(b"old")
    assert port.read(1, timeout_s=5.0) == b"o"
    port.flush_input()
    device.send(b"new")
    assert port.read(10, timeout_s=5.0) == b"new"


@pytest.mark.parametrize(
    "call",
    [lambda port: port.read(10, 5.0), lambda port: port.write(b"x"), lambda port: port.flush_input()],
    ids=["read", "write", "flush"],
)
def test_every_call_on_an_unplugged_port_is_device_lost(
    device: PtyDevice, port: Link, call: Callable[[Link], object]
) -> None:
    device.unplug()
    with pytest.raises(DeviceLost, match="tty-test"):
        call(port)
    port.close()
    port.close()


def test_a_reader_that_waits_learns_at_once_that_its_port_was_unplugged(device: PtyDevice, port: Link) -> None:
    outcome: list[Exception] = []

    def wait_for_a_byte() -> None:
        try:
            port.read(1, timeout_s=60.0)
        except DeviceLost as problem:
            outcome.append(problem)

    reader = threading.Thread(target=wait_for_a_byte)
    reader.start()
    device.unplug()
    reader.join(10.0)
    assert len(outcome) == 1


def test_a_port_that_is_plugged_in_again_opens_by_its_stable_link(device: PtyDevice) -> None:
    device.unplug()
    with pytest.raises(DeviceLost, match=r"tty-test.*/dev/serial/by-id"):
        open_link(f"serial:{device.link}")
    device.plug()
    link = open_link(f"serial:{device.link}")
    device.send(b"back")
    assert link.read(10, timeout_s=5.0)[:1] == b"b"
    link.close()


def test_a_port_is_ours_alone(device: PtyDevice, port: Link) -> None:
    with pytest.raises(DeviceLost, match=r"exclusive|lock"):
        open_link(f"serial:{device.link}")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "serial:",
        "serial:/dev/x?baud=fast",
        "serial:/dev/x?baud=1",
        "serial:/dev/x?parity=E",
        "usb:1",
        "spy:/file",
        "replay:",
    ],
)
def test_a_link_that_means_nothing_is_refused_by_name(url: str) -> None:
    with pytest.raises(SetupError, match="link"):
        open_link(url)


def test_a_memory_link_carries_bytes_both_ways_until_one_end_hangs_up() -> None:
    device = plug("both-ways")
    driver = open_link("memory:both-ways")
    device.write(b"abc")
    driver.write(b"xyz")
    assert driver.read(2, 0.0) == b"ab"
    assert device.read(9, 0.0) == b"xyz"
    device.close()
    assert driver.read(9, 0.0) == b"c"
    with pytest.raises(DeviceLost, match="both-ways"):
        driver.read(9, 0.0)
    with pytest.raises(DeviceLost, match="both-ways"):
        driver.write(b"more")
    driver.close()
    driver.close()


def test_a_memory_link_needs_a_device_and_has_one_owner() -> None:
    with pytest.raises(DeviceLost, match="nobody"):
        open_link("memory:alone")
    device = plug("alone")
    open_link("memory:alone")
    with pytest.raises(DeviceLost, match="already open"):
        open_link("memory:alone")
    device.close()


def test_a_memory_link_that_nobody_reads_does_not_grow_for_ever() -> None:
    device = plug("flood")
    open_link("memory:flood")
    with pytest.raises(DeviceLost, match="nobody reads"):
        for _ in range(1000):
            device.write(b"x" * 1000)
    device.close()


DIALOGUES = st.lists(st.tuples(st.sampled_from("<>"), st.binary(min_size=1, max_size=20)), max_size=12)


@given(DIALOGUES)
@settings(max_examples=50, deadline=None)
def test_a_recorded_dialogue_plays_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, spoken: list[tuple[str, bytes]]
) -> None:
    file = tmp_path_factory.mktemp("spy") / "dialogue"
    device = plug("recorded")
    spy = open_link(f"spy:{file}+memory:recorded")
    for direction, data in spoken:
        if direction == "<":
            device.write(data)
            assert spy.read(100, 0.0) == data
        else:
            spy.write(data)
    device.close()
    with pytest.raises(DeviceLost):
        spy.read(100, 0.0)
    spy.close()

    replay = open_link(f"replay:{file}")
    for direction, data in spoken:
        if direction == "<":
            assert replay.read(100, 0.0) == data
        else:
            assert replay.read(100, 0.0) == b""
            replay.write(data)
    with pytest.raises(DeviceLost, match="as recorded"):
        replay.read(100, 0.0)
    with pytest.raises(DeviceLost, match="over"):
        replay.read(100, 0.0)
    replay.close()


def test_a_recording_is_private_and_timed(tmp_path: Path) -> None:
    device, times = plug("timed"), iter([10.0, 10.25, 11.5])
    spy = SpyLink(tmp_path / "dialogue", open_link("memory:timed"), "memory:timed", now_s=lambda: next(times))
    spy.write(b"\x01")
    device.write(b"ok")
    spy.read(9, 0.0)
    spy.close()
    assert stat.S_IMODE((tmp_path / "dialogue").stat().st_mode) == 0o600
    assert (tmp_path / "dialogue").read_text() == "# memory:timed\n0.250000 > 01\n1.500000 < 6f6b\n"


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    file = tmp_path / "dialogue"
    file.write_text("# a device that is asked twice\n0.0 > 0102\n0.1 < 616263\n0.2 > 03\n")
    return file


def test_a_replay_objects_when_the_driver_writes_something_else(recording: Path) -> None:
    replay = open_link(f"replay:{recording}")
    with pytest.raises(ReplayMismatch, match=r":2: the driver wrote 0103.*0102"):
        replay.write(b"\x01\x03")


def test_a_replay_takes_writes_and_reads_in_pieces_but_in_order(recording: Path) -> None:
    replay = open_link(f"replay:{recording}")
    replay.write(b"\x01")
    assert replay.read(9, 0.0) == b""
    replay.write(b"\x02")
    assert replay.read(2, 0.0) == b"ab"
    with pytest.raises(ReplayMismatch, match=":3:"):
        replay.write(b"\x03")
    assert replay.read(2, 0.0) == b"c"
    replay.write(b"\x03")
    with pytest.raises(ReplayMismatch, match="6e6f7468696e67"):
        replay.write(b"\x04")


@pytest.mark.parametrize("line", ["hello", "0.0 < xx", "0.0 > lost", "0.0 = 00"])
def test_a_damaged_recording_is_refused_with_its_line(tmp_path: Path, line: str) -> None:
    (tmp_path / "damaged").write_text(f"# a\n{line}\n")
    with pytest.raises(SetupError, match=":2:"):
        open_link(f"replay:{tmp_path / 'damaged'}")


def test_a_recording_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="no-such"):
        open_link(f"replay:{tmp_path / 'no-such'}")
