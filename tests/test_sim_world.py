"""The world as a process: what live drivers meet on its pins, serial lines and frames, and what outlives them."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import serial

from hw.sim.client import WorldClient, WorldRefused, launched

CONFIG = """
[world]
travel_s = 0.2
lock_s = 0.05
walk_m_s = 3.0
hardware_limit_s = 1.5
frames_per_s = 30.0
[world.pins]
entry_door = { release = 17, closed = 27, locked = 22, beam = 5 }
exit_door = { release = 23, closed = 24, locked = 25, beam = 6 }
zone_front = 12
zone_airlock = 13
fire = 20
call = 21
lamps = { red = 9 }
[world.scanners]
scanner-front = { baud = 115200, prefix = "]Q1", terminator = "\\r" }
"""
SOON_S = 60.0
LOST = (serial.SerialException, OSError)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return written(tmp_path)


def written(directory: Path) -> Path:
    path = directory / "sim.toml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two "people": one red, one blue picture, which survive JPEG well enough to be told apart."""
    directory = tmp_path / "photos"
    directory.mkdir()
    for name, bgr in (("red.jpg", (0, 0, 220)), ("blue.jpg", (220, 0, 0))):
        assert cv2.imwrite(str(directory / name), np.full((300, 240, 3), bgr, np.uint8))
    return directory


@pytest.fixture
def world(tmp_path: Path, config: Path, photos: Path) -> Iterator[WorldClient]:
    with launched(tmp_path / "run", config, photos=photos) as client:
        yield client


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorldClient]:
    """A world for all that is refused: nothing happens in it."""
    directory = tmp_path_factory.mktemp("unchanged")
    with launched(directory / "run", written(directory), photos=directory) as client:
        yield client


class PinClient:
    """What a pin factory does, in a few lines."""

    def __init__(self, directory: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(SOON_S)
        self._socket.connect(str(directory / "run" / "pins.sock"))
        self._answers = self._socket.makefile("rb")
        self.levels: dict[int, int] = {}

    def say(self, **message: object) -> None:
        self._socket.sendall(json.dumps(message).encode() + b"\n")

    def hear(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self._answers.readline())
        if "pin" in message:
            self.levels[message["pin"]] = message["level"]
        return message

    def claim(self, number: int, direction: str = "in", **how: object) -> dict[str, Any]:
        self.say(claim=number, direction=direction, **how)
        return self.hear()

    def until(self, number: int, level: int) -> None:
        """Listen until a pin has a level; the socket's time-out is the deadline."""
        while self.levels.get(number) != level:
            self.hear()

    def close(self) -> None:
        self._answers.close()
        self._socket.close()


# ---------------------------------------------------------------- pins


def test_a_claimed_contact_tells_its_level_and_every_change(tmp_path: Path, world: WorldClient) -> None:
    with closing(PinClient(tmp_path)) as pins:
        assert pins.claim(27, pull="up") == {"pin": 27, "level": 0}  # closed door, closed circuit
        assert pins.claim(22, pull="up") == {"pin": 22, "level": 0}
        assert pins.claim(17, "out", level=0) == {"pin": 17, "level": 0}
        pins.say(write=17, level=1)
        pins.until(22, 1)
        pins.until(27, 1)
        pins.say(write=17, level=0)
        pins.until(27, 0)
        pins.until(22, 0)


def test_a_broken_wire_of_a_normally_closed_loop_is_high_like_a_pressed_button(
    tmp_path: Path, world: WorldClient
) -> None:
    with closing(PinClient(tmp_path)) as pins:
        assert pins.claim(20, pull="up") == {"pin": 20, "level": 0}
        assert pins.claim(21, pull="up") == {"pin": 21, "level": 1}
        world.do("stick", circuit="fire", closed=False)
        pins.until(20, 1)
        world.do("input", input="call", on=True)
        pins.until(21, 0)


def test_a_pin_claimed_by_another_process_is_busy_as_in_the_kernel(tmp_path: Path, world: WorldClient) -> None:
    with closing(PinClient(tmp_path)) as first, closing(PinClient(tmp_path)) as second:
        first.claim(17, "out", level=0)
        refused = second.claim(17, "out", level=1)
        assert refused["refused"] == 17
        assert "EBUSY" in refused["why"]
        first.say(free=17)
        world.wait_for(lambda entry: entry.says("freed", pin=17), SOON_S)
        assert second.claim(17, "out", level=0) == {"pin": 17, "level": 0}


def test_a_pin_message_that_cannot_be_obeyed_is_refused_with_a_reason_and_the_connection_goes_on(
    tmp_path: Path, world: WorldClient
) -> None:
    with closing(PinClient(tmp_path)) as pins:
        for message, why in (
            ({"claim": 40, "direction": "in"}, "unknown pin"),
            ({"claim": 27, "direction": "out", "level": 1}, "wired to the contact entry_door.closed"),
            ({"write": 17, "level": 1}, "claim it first"),
            ({"free": 17}, "not claimed"),
        ):
            pins.say(**message)
            assert why in pins.hear()["why"]
            assert pins.claim(27) == {"pin": 27, "level": 0}


def test_what_is_no_pin_message_ends_its_connection_and_nothing_else(tmp_path: Path, world: WorldClient) -> None:
    with closing(PinClient(tmp_path)) as good, closing(PinClient(tmp_path)) as bad:
        good.claim(17, "out", level=1)
        bad.say(open="sesame")
        assert bad.hear()["refused"] is None
        assert bad._answers.readline() == b""
        assert world.do("state")["pins"]["entry_door.release"]["level"] == 1


DAEMON = """
import json, socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
s.sendall(json.dumps({"claim": 17, "direction": "out", "level": 1}).encode() + b"\\n")
s.recv(100); print("open", flush=True); sys.stdin.read()
"""


def kill_a_daemon_that_holds_a_door_open(directory: Path, world: WorldClient) -> None:
    command = [sys.executable, "-c", DAEMON, str(directory / "run" / "pins.sock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as daemon:
        assert daemon.stdout is not None
        assert daemon.stdout.readline() == b"open\n"
        world.wait_for(lambda entry: entry.says("door", door="entry_door", state="open"), SOON_S)
        daemon.send_signal(signal.SIGKILL)
    world.wait_for(lambda entry: entry.says("owner_gone", pin=17), SOON_S)


def test_a_kernel_that_drops_pins_secures_the_door_of_a_killed_daemon(tmp_path: Path, world: WorldClient) -> None:
    kill_a_daemon_that_holds_a_door_open(tmp_path, world)
    world.wait_for(lambda entry: entry.says("line", pin=17, level=0), SOON_S)
    world.wait_for(lambda entry: entry.says("door", door="entry_door", state="secured"), SOON_S)
    assert world.violations() == []


def test_a_kernel_that_keeps_pins_leaves_the_door_to_the_hardware_limit(tmp_path: Path, config: Path) -> None:
    with launched(tmp_path / "run", config, keep=True, hardware_limit_s=0.8) as world:
        kill_a_daemon_that_holds_a_door_open(tmp_path, world)
        world.wait_for(lambda entry: entry.says("door", door="entry_door", state="secured"), SOON_S)
        assert world.do("state")["pins"]["entry_door.release"] == {"pin": 17, "level": 1, "claimed": False}
        assert [each["violation"] for each in world.violations()] == ["release_too_long"]
        with closing(PinClient(tmp_path)) as pins:
            assert pins.claim(17, "out", level=0) == {"pin": 17, "level": 0}


def test_a_traveller_passes_a_gate_that_is_nothing_but_pins(tmp_path: Path, world: WorldClient) -> None:
    with closing(PinClient(tmp_path)) as pins:
        for number in (5, 6, 13, 22):
            pins.claim(number, pull="up")
        pins.claim(17, "out", level=1)
        world.traveller("amal", code="X", photo="red.jpg")
        pins.until(13, 0)
        pins.say(write=17, level=0)
        pins.until(22, 1)
        pins.until(22, 0)
        pins.claim(23, "out", level=1)
        pins.until(6, 1)
        pins.say(write=23, level=0)
        assert world.outcome("amal", SOON_S) == "passed"
    assert world.crossings() == [("amal", "entry_door", "airlock"), ("amal", "exit_door", "behind")]
    assert world.violations() == []


# ---------------------------------------------------------------- the scanner


def opened(directory: Path) -> serial.Serial:
    return serial.Serial(str(directory / "run" / "tty-scanner-front"), 115200, timeout=SOON_S, exclusive=True)


def present(world: WorldClient, code: str) -> None:
    world.do("present", scanner="scanner-front", code=code)


def test_a_code_arrives_on_the_serial_line_as_the_scanner_frames_it(tmp_path: Path, world: WorldClient) -> None:
    with opened(tmp_path) as line:
        present(world, "HELLO-1")
        assert line.read_until(b"\r") == b"]Q1HELLO-1\r"


def test_an_unplugged_scanner_hangs_up_and_is_found_again_at_the_same_path(tmp_path: Path, world: WorldClient) -> None:
    with opened(tmp_path) as line:
        world.do("scanner", scanner="scanner-front", plugged=False)
        with pytest.raises(LOST):
            line.read(1)
    with pytest.raises(LOST):
        opened(tmp_path)
    present(world, "LOST")
    world.do("scanner", scanner="scanner-front", plugged=True)
    with opened(tmp_path) as line:
        present(world, "AGAIN")
        assert line.read_until(b"\r") == b"]Q1AGAIN\r"


def test_what_is_scanned_while_nobody_has_the_line_open_is_lost_and_noted(tmp_path: Path, world: WorldClient) -> None:
    present(world, "UNHEARD")
    world.wait_for(lambda entry: entry.says("scanner", lost_bytes=len("RD\r")), SOON_S, "the last chunk to be lost")
    with opened(tmp_path) as line:
        present(world, "HEARD")
        assert line.read_until(b"\r") == b"]Q1HEARD\r"


@pytest.mark.parametrize("ailment", ["garbled", "mute"])
def test_an_ailing_scanner_does_not_send_the_code_and_recovers(
    tmp_path: Path, world: WorldClient, ailment: str
) -> None:
    with opened(tmp_path) as line:
        world.do("scanner", scanner="scanner-front", ailment=ailment)
        present(world, "CODE-1")
        world.do("scanner", scanner="scanner-front", ailment="healthy")
        present(world, "CODE-2")
        received = line.read_until(b"CODE-2\r")
        assert received.endswith(b"]Q1CODE-2\r")
        assert b"CODE-1" not in received


@pytest.mark.parametrize(("ailment", "gap_s"), [("late", 0.5), ("torn", 0.5)])
def test_a_late_or_torn_code_takes_its_time(tmp_path: Path, world: WorldClient, ailment: str, gap_s: float) -> None:
    with opened(tmp_path) as line:
        world.do("scanner", scanner="scanner-front", ailment=ailment, amount_s=gap_s)
        began_s = time.monotonic()
        present(world, "A-RATHER-LONG-CODE")
        assert line.read_until(b"\r") == b"]Q1A-RATHER-LONG-CODE\r"
        assert time.monotonic() - began_s > gap_s


def test_another_device_in_the_scanners_place_talks_of_its_own_accord(tmp_path: Path, world: WorldClient) -> None:
    with opened(tmp_path) as line:
        world.do("scanner", scanner="scanner-front", ailment="wrong_device")
        assert line.read_until(b"\n").startswith(b"$GPGGA")


def test_what_a_driver_writes_to_the_scanner_is_heard(tmp_path: Path, world: WorldClient) -> None:
    with opened(tmp_path) as line:
        line.write(b"\x16T\r")
        heard = world.wait_for(lambda entry: entry.kind == "scanner" and "heard" in entry.facts, SOON_S)
        assert heard["heard"] == "\x16T\r"


# ---------------------------------------------------------------- frames


class Frames:
    def __init__(self, directory: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(SOON_S)
        self._socket.connect(str(directory / "run" / "frames.sock"))

    def next(self) -> bytes:
        length = int.from_bytes(self._exactly(4), "big")
        return self._exactly(length)

    def middle(self) -> tuple[int, ...]:
        """The colour in the middle of the next picture, blue, green, red."""
        picture = cv2.imdecode(np.frombuffer(self.next(), np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        assert picture.shape == (480, 640, 3)
        return tuple(int(value) for value in picture[240, 320])

    def until(self, low: tuple[int, int, int], high: tuple[int, int, int]) -> None:
        """Look until the middle has a colour."""
        ends_s = time.monotonic() + SOON_S
        while not all(a <= value <= b for a, value, b in zip(low, self.middle(), high, strict=True)):
            assert time.monotonic() < ends_s

    def _exactly(self, count: int) -> bytes:
        received = b""
        while len(received) < count:
            more = self._socket.recv(count - len(received))
            assert more, "the world closed the frames"
            received += more
        return received

    def close(self) -> None:
        self._socket.close()


GREY_ONLY = ((100, 100, 100), (125, 125, 125))
RED_ONLY = ((0, 0, 190), (40, 40, 255))


def test_the_camera_sees_the_photograph_of_whoever_stands_inside_and_else_a_grey_scene(
    tmp_path: Path, world: WorldClient
) -> None:
    with closing(Frames(tmp_path)) as frames:
        frames.until(*GREY_ONLY)
        world.do("input", input="fire", on=True)
        world.traveller("amal", "stayer", code="X", stay_s=30.0, photo="red.jpg")
        frames.until(*RED_ONLY)
        world.do("remove", name="amal")
        frames.until(*GREY_ONLY)


def test_pictures_of_a_live_camera_differ_and_those_of_a_frozen_one_do_not(tmp_path: Path, world: WorldClient) -> None:
    with closing(Frames(tmp_path)) as frames:
        assert frames.next() != frames.next()
        world.do("camera", **{"is": "frozen"})
        pictures = [frames.next() for _ in range(8)]
        assert pictures[-1] == pictures[-2] == pictures[-3]


def test_a_black_and_a_starved_camera_still_send_and_a_stopped_one_does_not(tmp_path: Path, world: WorldClient) -> None:
    with closing(Frames(tmp_path)) as frames:
        world.do("camera", **{"is": "black"})
        frames.until((0, 0, 0), (5, 5, 5))
        world.do("camera", **{"is": "starved"})
        ends_s = time.monotonic() + SOON_S
        while frames.next() != b"":
            assert time.monotonic() < ends_s
        world.do("camera", **{"is": "stopped"})
        frames._socket.settimeout(1.0)
        with pytest.raises(TimeoutError):  # a bounded number of keep-alives may still be on their way
            for _ in range(30):
                frames.next()
        world.do("camera", **{"is": "live"})
        frames._socket.settimeout(SOON_S)
        frames.until(*GREY_ONLY)


# ---------------------------------------------------------------- control


@pytest.mark.parametrize(
    ("what", "facts", "why"),
    [
        ("fly", {}, "nothing this world can do"),
        ("traveller", {"name": "a", "script": "spy"}, "script 'spy' is unknown"),
        ("traveller", {"name": "a", "script": "traveller"}, "missing a required argument: 'code'"),
        ("traveller", {"name": "a", "script": "traveller", "with": {"code": 7}}, "code is 7, not a str"),
        ("traveller", {"name": "a", "script": "follower", "with": {"photo": "../sim.toml"}}, "is not in"),
        ("traveller", {"name": "a", "script": "follower", "walk_m_s": 50}, "walk_m_s: 50 is not a number from"),
        ("remove", {"name": "nobody"}, "'nobody' is not in the world"),
        ("scanner", {"scanner": "x", "plugged": True}, "scanner 'x' is not there"),
        ("stick", {"circuit": "moon", "closed": True}, "'moon' is no loop"),
        ("harm", {"door": "entry_door", "painted": True}, "painted"),
        ("input", {"input": "smoke", "on": True}, "smoke"),
        ("camera", {"is": "melted"}, "melted"),
    ],
)
def test_what_the_world_cannot_do_is_refused_with_a_reason(
    unchanged: WorldClient, what: str, facts: dict[str, Any], why: str
) -> None:
    with pytest.raises(WorldRefused, match=why):
        unchanged.do(what, **facts)
    assert unchanged.do("state")["people"] == {}


def test_a_line_that_is_no_json_is_answered_and_the_world_goes_on(tmp_path: Path, world: WorldClient) -> None:
    with socket.socket(socket.AF_UNIX) as raw:
        raw.settimeout(SOON_S)
        raw.connect(str(tmp_path / "run" / "world.sock"))
        raw.sendall(b"\xff\x00 nonsense\n[1]\n")
        with raw.makefile("rb") as answers:
            assert [json.loads(answers.readline())["ok"] for _ in range(2)] == [False, False]
    assert world.do("state")["occupancy"] == "empty"


def test_who_subscribes_late_is_told_everything_from_the_beginning(tmp_path: Path, world: WorldClient) -> None:
    world.do("harm", door="exit_door", forced=True)
    world.wait_for(lambda entry: entry.says("door", door="exit_door", state="open"), SOON_S)
    with WorldClient(tmp_path / "run") as late:
        late.wait_for(lambda entry: entry.says("door", door="exit_door", state="open"), SOON_S)
        assert [entry.n for entry in late.seen] == list(range(1, len(late.seen) + 1))
        assert late.history()[: len(late.seen)] == late.seen
        [violation] = late.violations()
        assert violation["violation"] == "opened_undriven"
        assert violation["faults"] == ["exit_door forced"]


def test_waiting_for_what_does_not_happen_ends_with_what_did(world: WorldClient) -> None:
    with pytest.raises(TimeoutError, match=r"waited 0\.2 s for pigs to fly; the last that happened: scanner"):
        world.wait_for(lambda entry: entry.says("pigs"), 0.2, "pigs to fly")


def test_a_world_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(WorldRefused, match="no world answers at"):
        WorldClient(tmp_path)


def test_a_world_ends_with_whoever_launched_it_and_clears_up(tmp_path: Path, config: Path) -> None:
    command = [sys.executable, "-m", "hw.sim", "--dir", str(tmp_path / "run"), "--config", str(config), "--until-eof"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == b"ready\n"
        process.stdin.close()
        assert process.wait(SOON_S) == 0
    assert list((tmp_path / "run").iterdir()) == []


def test_a_world_starts_over_what_a_killed_one_left_behind(tmp_path: Path, config: Path) -> None:
    command = [sys.executable, "-m", "hw.sim", "--dir", str(tmp_path / "run"), "--config", str(config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.kill()
    with ExitStack() as stack:
        world = stack.enter_context(launched(tmp_path / "run", config))
        line = stack.enter_context(opened(tmp_path))
        present(world, "HELLO")
        assert line.read_until(b"\r") == b"]Q1HELLO\r"


def test_a_config_with_a_wrong_key_does_not_start_and_names_it(tmp_path: Path) -> None:
    path = tmp_path / "sim.toml"
    path.write_text("[world]\ntravel = 1\n")
    command = [sys.executable, "-m", "hw.sim", "--dir", str(tmp_path), "--config", str(path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=SOON_S, check=False)
    assert ended.returncode == 2
    assert f"{path}: world.travel: unknown key" in ended.stderr
