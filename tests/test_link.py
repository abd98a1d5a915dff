"""Byte links: what is read, what is written, and what happens when the other end goes away."""

import os
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from peers import PtyDevice

from gatefw.errors import DeviceLost, SetupError, WrongDevice
from hw.link import Link, ReplayMismatch, SerialLink, SpyLink, link_problem, node_there, open_link, plug
from hw.link.pace import BURST_BYTES, PAUSE_S, Pace
from hw.link.serial_port import SerialPort
from hw.link.usb import UsbIdentity, identity


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
    assert port.read(1, timeout_s=30.0) == b"h"
    assert port.read(2, timeout_s=30.0) == b"el"
    assert port.read(10, timeout_s=30.0) == b"lo"
    port.write(b"ping")
    assert device.received(4) == b"ping"


def test_flushing_a_serial_port_forgets_what_nobody_read(device: PtyDevice, port: Link) -> None:
    device.send(b"old")
    assert port.read(1, timeout_s=30.0) == b"o"
    port.flush_input()
    device.send(b"new")
    assert port.read(10, timeout_s=30.0) == b"new"


@pytest.mark.parametrize(
    "call",
    [lambda port: port.read(10, 30.0), lambda port: port.write(b"x"), lambda port: port.flush_input()],
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
    reader.join(60.0)
    assert len(outcome) == 1


def test_a_port_that_is_plugged_in_again_opens_by_its_stable_link(device: PtyDevice) -> None:
    device.unplug()
    with pytest.raises(DeviceLost, match=r"tty-test.*/dev/serial/by-id"):
        open_link(f"serial:{device.link}")
    device.plug()
    link = open_link(f"serial:{device.link}")
    device.send(b"back")
    assert link.read(10, timeout_s=30.0)[:1] == b"b"
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


def test_a_port_that_is_taken_says_who_has_it(device: PtyDevice, port: Link) -> None:
    with pytest.raises(DeviceLost, match=rf"process {os.getpid()}, .* \(this very process\), has it"):
        open_link(f"serial:{device.link}")


def test_a_port_is_free_again_after_it_was_closed(device: PtyDevice, port: Link) -> None:
    port.close()
    port.close()
    open_link(f"serial:{device.link}?baud=19200&parity=even&stop=2").close()


def test_whether_a_node_is_there_is_seen_without_opening_it(device: PtyDevice, tmp_path: Path) -> None:
    url = f"spy:{tmp_path / 'heard'}+serial:{device.link}?baud=9600"
    assert node_there(url)
    device.unplug()
    assert not node_there(url)
    assert not (tmp_path / "heard").exists()
    assert not node_there("memory:scanner")


# ---------------------------------------------------------------- the right device in the socket


class Sysfs:
    """A tree like the kernel's, in which a character device hangs on a USB device."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.device = root / "devices" / "usb1" / "1-1"
        self.device.mkdir(parents=True)

    def tell(self, vendor: str, product: str, serial: str | None = None) -> None:
        for name, value in (("idVendor", vendor), ("idProduct", product), ("serial", serial)):
            if value is not None:
                (self.device / name).write_text(f"{value}\n")

    def hang(self, path: Path, *below: str) -> None:
        number = path.stat().st_rdev
        interface = self.device.joinpath(*below)
        interface.mkdir(parents=True)
        (self.root / "dev" / "char").mkdir(parents=True)
        (self.root / "dev" / "char" / f"{os.major(number)}:{os.minor(number)}").symlink_to(interface)


@pytest.fixture
def sysfs(tmp_path: Path, device: PtyDevice) -> Sysfs:
    made = Sysfs(tmp_path / "sys")
    made.hang(device.link, "1-1:1.0", "ttyUSB0", "tty", "ttyUSB0")
    return made


@pytest.mark.parametrize("wanted", ["0403:6001", "0403:6001:A5XK3RJT"])
def test_the_usb_device_that_is_wanted_is_opened(device: PtyDevice, sysfs: Sysfs, wanted: str) -> None:
    sysfs.tell("0403", "6001", "A5XK3RJT")
    SerialLink(SerialPort(str(device.link), usb=UsbIdentity.parse(wanted)), sysfs.root).close()


@pytest.mark.parametrize("wanted", ["0403:6015", "1a86:6001", "0403:6001:A5XK3RJX", "0403:6001:a5xk3rjt"])
def test_another_usb_device_is_the_wrong_one_and_both_are_named(device: PtyDevice, sysfs: Sysfs, wanted: str) -> None:
    sysfs.tell("0403", "6001", "A5XK3RJT")
    with pytest.raises(WrongDevice, match=f"usb={wanted} is wanted there, usb=0403:6001:A5XK3RJT was found"):
        SerialLink(SerialPort(str(device.link), usb=UsbIdentity.parse(wanted)), sysfs.root)
    open_link(f"serial:{device.link}").close()  # it was given back


def test_a_port_without_a_usb_device_behind_it_is_the_wrong_one(device: PtyDevice, tmp_path: Path) -> None:
    (tmp_path / "sys").mkdir()
    with pytest.raises(WrongDevice, match="no USB device is behind it"):
        SerialLink(SerialPort(str(device.link), usb=UsbIdentity("0403", "6001")), tmp_path / "sys")


def test_a_link_out_of_sysfs_leads_to_no_usb_device(device: PtyDevice, tmp_path: Path) -> None:
    """Whoever can write a name beside sysfs must not be able to say which device this is."""
    outside = Sysfs(tmp_path / "elsewhere")
    outside.tell("0403", "6001")
    sysfs = Sysfs(tmp_path / "sys")
    sysfs.device = outside.device
    sysfs.hang(device.link, "tty")
    assert identity(device.link.stat().st_rdev, tmp_path / "sys") is None


def test_a_device_that_tells_a_novel_as_its_serial_number_is_cut_short(device: PtyDevice, sysfs: Sysfs) -> None:
    sysfs.tell("0403", "6001", "x" * 100_000)
    found = identity(device.link.stat().st_rdev, sysfs.root)
    assert found is not None
    assert len(found.serial or "") == 256


@pytest.mark.parametrize(
    "text", ["", "0403", "0403:600", "0403:60011", "g403:6001", "0403:6001:", "0403:6001:" + "x" * 127]
)
def test_a_usb_identity_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(SetupError, match="usb="):
        open_link(f"serial:/dev/null?usb={text}")


# ---------------------------------------------------------------- a link that is flooded


@given(
    st.lists(st.tuples(st.floats(0.0, 0.5), st.integers(0, 70000)), max_size=60), st.sampled_from([60.0, 1920.0, 8e5])
)
def test_a_flood_is_read_no_faster_than_its_pace_and_no_pause_is_long(
    flood: list[tuple[float, int]], per_s: float
) -> None:
    pace, now_s, read = Pace(per_s), 100.0, 0
    for later_s, waiting in flood:
        now_s += later_s
        pause_s = pace.pause_s(now_s)
        assert 0.0 <= pause_s <= PAUSE_S + 1.0 / per_s
        now_s += pause_s
        count = min(waiting, pace.most(now_s))
        pace.took(count)
        read += count
        assert read <= BURST_BYTES + (now_s - 100.0) * per_s + len(flood)


def test_a_device_that_does_not_flood_is_never_kept_waiting() -> None:
    pace, now_s = Pace(1920.0), 5.0
    for _ in range(1000):
        assert pace.pause_s(now_s) == 0.0
        assert pace.most(now_s) >= 4096
        pace.took(96)
        now_s += 0.1


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


# ---------------------------------------------------------------- stream sockets


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[socket.socket]:
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(tmp_path / "there.sock"))
        listener.listen()
        listener.settimeout(30.0)
        yield listener


def test_a_unix_socket_is_a_link_until_the_other_end_hangs_up(tmp_path: Path, listening: socket.socket) -> None:
    link = open_link(f"unix:{tmp_path}/there.sock")
    end, _ = listening.accept()
    with closing(link), closing(end):
        assert link.read(10, 0.0) == b""
        end.sendall(b"old")
        assert link.read(1, 30.0) == b"o"
        link.flush_input()
        end.sendall(b"new")
        assert link.read(10, 30.0) == b"new"
        link.write(b"ping")
        assert end.recv(10) == b"ping"
        end.close()
        with pytest.raises(DeviceLost, match="hung up"):
            link.read(10, 30.0)
    with pytest.raises(DeviceLost, match="cannot read"):
        link.read(10, 0.0)
    with pytest.raises(DeviceLost, match="cannot write"):
        link.write(b"x")


def test_who_does_not_read_is_lost(tmp_path: Path, listening: socket.socket) -> None:
    with closing(open_link(f"unix:{tmp_path}/there.sock")) as link, pytest.raises(DeviceLost, match="cannot write"):
        link.write(bytes(50_000_000))


@pytest.mark.parametrize("url", ["unix:/no/such.sock", "tcp:127.0.0.1:1"])
def test_nobody_at_the_other_end_of_a_socket_is_lost(url: str) -> None:
    with pytest.raises(DeviceLost, match="nobody answers"):
        open_link(url)


@pytest.mark.parametrize("url", ["unix:relative", "tcp:", "tcp:host", "tcp::80", "tcp:host:0", "tcp:host:99999"])
def test_an_address_that_means_nothing_is_told_without_opening_it(url: str) -> None:
    assert "link" in link_problem(url)


@pytest.mark.parametrize("url", ["unix:/run/x.sock", "tcp:authority.example:4750", "tcp:[2001:db8::1]:4750"])
def test_an_address_is_understood_without_opening_it(url: str) -> None:
    assert link_problem(url) == ""
