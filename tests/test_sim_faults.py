"""What a wire, a rate and a lens that are wrong bring to the board: by real links, and by the pictures themselves."""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from device_bench import Bench
from peers import until

from gatefw.camera_watch import steepness
from gatefw.control import Done
from gatefw.model import DoorId
from hw.link import heard_on, open_link
from hw.sim.frames import Camera, Scenes
from hw.sim.physics import World
from hw.sim.pins import PinTable
from hw.sim.scanner import Scanner
from hw.sim.serial_line import LineAilment, SerialLine
from hw.sim.settings import ScannerSettings, WorldSettings

CODE = b"GATE1:ABCDEFGHJKMNPQRSTVWXYZ"


class Parrot:
    """A device that says again what it hears."""

    def __init__(self) -> None:
        self.heard, self._says = b"", b""

    def receive(self, data: bytes, now_s: float) -> None:
        self.heard += data
        self._says += data

    def advance(self, now_s: float) -> bytes:
        says, self._says = self._says, b""
        return says

    def next_s(self) -> float:
        return 0.0

    def power_up(self, now_s: float) -> None:
        pass

    def act(self, what: str, given: Mapping[str, Any], now_s: float) -> None:
        raise ValueError(what)


def said_and_heard(tmp_path: Path, ailment: LineAilment, baud: int) -> tuple[bytes, bytes]:
    """What the device made of a frame, and what came back, at a host that believes the line to be 9600."""
    parrot = Parrot()
    with closing(SerialLine(tmp_path / "tty-parrot", parrot, baud)) as line:
        line.ail(ailment)
        with closing(open_link(f"serial:{tmp_path / 'tty-parrot'}?baud=9600")) as link:
            link.write(CODE)
            back = b""

            def enough() -> bool:
                nonlocal back
                line.advance(10.0)
                line.advance(20.0)
                back += link.read(4096, 0.0)
                return bool(parrot.heard or back)

            until(enough, "something to be heard at either end")
            line.advance(30.0)
            back += link.read(4096, 0.2)
    return parrot.heard, back


def test_a_line_that_is_right_brings_what_was_said_both_ways(tmp_path: Path) -> None:
    heard, back = said_and_heard(tmp_path, LineAilment.HEALTHY, 9600)
    assert heard == CODE and back == CODE[: len(back)]


def test_a_pair_that_is_exchanged_brings_a_break_for_each_turn_and_the_device_understands_nothing(
    tmp_path: Path,
) -> None:
    heard, back = said_and_heard(tmp_path, LineAilment.REVERSED, 9600)
    assert CODE not in heard
    assert back.startswith(b"\0")
    told = heard_on(f"serial:{tmp_path / 'tty-parrot'}?baud=9600")
    assert (told["turns"], told["zeros"]) == (1, back.count(b"\0"))


def test_a_device_at_another_rate_hears_noise(tmp_path: Path) -> None:
    heard, _ = said_and_heard(tmp_path, LineAilment.HEALTHY, 38400)
    assert CODE not in heard


def test_a_scanner_that_is_listened_to_at_another_rate_sends_no_text(tmp_path: Path) -> None:
    with (
        closing(Scanner(tmp_path / "tty-scanner", ScannerSettings(baud=115200), lambda *_a, **_f: None)) as scanner,
        closing(open_link(f"serial:{tmp_path / 'tty-scanner'}?baud=9600")) as link,
    ):
        scanner.present(CODE, 0.0)
        scanner.advance(10.0)
        heard = link.read(4096, 5.0)
    assert heard
    assert CODE[:8] not in heard


@pytest.mark.parametrize(
    ("terminal", "to", "inverted", "level"),
    [
        ("entry_door.closed", "entry_door.closed", False, 0),
        ("entry_door.closed", "entry_door.closed", True, 1),
        ("entry_door.closed", "call", False, 1),
    ],
)
def test_a_pin_shows_the_loop_that_is_wired_to_it(terminal: str, to: str, inverted: bool, level: int) -> None:
    """At rest the door is closed: its contact pulls the pin down. Nobody presses the button, whose loop is open."""
    world = World(WorldSettings(pins={"entry_door.closed": 27, "call": 21}))
    pins = PinTable(world, keep=False)
    pins.handle("us", {"claim": 27, "direction": "in", "pull": "up"})
    world.miswire(terminal, to, inverted=inverted)
    assert pins.level(27) == level
    assert world.doors[DoorId.ENTRY].closed


@pytest.mark.models
def test_a_lens_out_of_focus_leaves_no_steep_edge_in_whoever_stands_before_it(photos: Path) -> None:
    def seen(how: Camera) -> float:
        message = Scenes(photos).message(how, ("obama.jpg",))
        luma = cv2.imdecode(np.frombuffer(message[4:], np.uint8), cv2.IMREAD_GRAYSCALE)
        return steepness(np.asarray(luma, np.uint8)) or 1.0

    assert seen(Camera.BLURRED) < 0.22 < seen(Camera.LIVE)


def test_the_gate_tells_how_each_camera_is_and_nothing_while_vision_is_gone(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    assert bench.order("cameras") == Done({"cameras": {}})
    figures = {"lost": "", "ail": "", "why": "", "frames_per_s": 9.96, "brightness": 101.2, "width_px": 640}
    figures |= {"height_px": 480, "focus": 0.173}
    bench.vision = lambda _do: {"done": {"cameras": {"camera.inside": figures}}}
    answer = bench.order("cameras")
    assert isinstance(answer, Done)
    told: Any = answer.result["cameras"]
    assert told["camera.inside"]["focus"] == 0.17
