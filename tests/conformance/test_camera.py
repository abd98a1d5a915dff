"""Every camera driver: the newest picture or none, never an old one, and honest about being stuck or gone."""

import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from peers import FrameServer, until

from gatefw.errors import BadReply, DeviceLost
from hw.camera_v4l2 import Settings as V4l2Settings
from hw.camera_v4l2 import V4l2Camera
from hw.newest import Newest

ROLE = "camera"
WIDTH_PX, HEIGHT_PX = 64, 48
Colour = tuple[int, int, int]
RED, GREEN, BLUE = (200, 30, 30), (30, 200, 30), (30, 30, 200)


def bgr(colour: Colour) -> Any:
    return np.full((HEIGHT_PX, WIDTH_PX, 3), colour[::-1], np.uint8)


def jpeg(colour: Colour) -> bytes:
    return cv2.imencode(".jpg", bgr(colour))[1].tobytes()


class from_a_socket:  # noqa: N801  a bench is named after its place
    def __init__(self, path: Path) -> None:
        self.server = FrameServer(path / "frames.sock")
        self._path = path
        self.driver: Any = None
        self._opened: list[Any] = []

    def open(self, **changes: Any) -> Any:
        camera = self.driver.open(self.driver.Settings(path=str(self._path / "frames.sock"), **changes))
        self._opened.append(camera)
        until(lambda: self.server.connected)
        return camera

    def see(self, colour: Colour) -> None:
        self.server.picture(jpeg(colour))

    def lose(self) -> None:
        self.server.hang_up()

    def absent(self) -> Any:
        return self.driver.Settings(path=str(self._path / "nobody.sock"))

    def close(self) -> None:
        for camera in self._opened:
            camera.close()
        self.server.close()


class FakeCapture:
    """What OpenCV gives for a video device: `read` blocks until there is a picture or the device is gone."""

    def __init__(self) -> None:
        self.released = False
        self._changed = threading.Condition()
        self._pictures: list[Any] = []
        self._lost = False

    def read(self) -> tuple[bool, Any]:
        with self._changed:
            self._changed.wait_for(lambda: self._pictures or self._lost, 30.0)
            return (True, self._pictures.pop(0)) if self._pictures else (False, None)

    def release(self) -> None:
        self.released = True

    def see(self, picture: Any) -> None:
        with self._changed:
            self._pictures.append(picture)
            self._changed.notify()

    def lose(self) -> None:
        with self._changed:
            self._lost = True
            self._changed.notify()


class from_a_capture:  # noqa: N801  a bench is named after its place
    def __init__(self, path: Path) -> None:
        self._path = path
        self.driver: Any = None
        self.capture = FakeCapture()
        self._opened: list[Any] = []

    def open(self, **changes: Any) -> Any:
        camera = V4l2Camera(V4l2Settings("/dev/v4l/by-id/test", WIDTH_PX, HEIGHT_PX, **changes), self.capture)
        self._opened.append(camera)
        return camera

    def see(self, colour: Colour) -> None:
        self.capture.see(bgr(colour))

    def lose(self) -> None:
        self.capture.lose()

    def absent(self) -> Any:
        return self.driver.Settings(device=str(self._path / "video-nobody"))

    def close(self) -> None:
        self.capture.lose()
        for camera in self._opened:
            camera.close()
        assert not self._opened or self.capture.released


BENCHES = {"socket": [from_a_socket], "v4l2": [from_a_capture]}


def colour_of(frame: Any) -> Colour:
    red, _, blue = np.asarray(frame.rgb)[HEIGHT_PX // 2, WIDTH_PX // 2]
    return next(colour for colour in (RED, GREEN, BLUE) if abs(int(red) - colour[0]) + abs(int(blue) - colour[2]) < 40)


def test_a_picture_comes_as_rgb_with_its_size_and_time(bench: Any) -> None:
    camera = bench.open()
    bench.see(RED)
    frame = camera.frame(timeout_s=5.0)
    assert (frame.width_px, frame.height_px) == (WIDTH_PX, HEIGHT_PX)
    assert frame.rgb.c_contiguous
    assert frame.rgb.format == "B"
    assert colour_of(frame) == RED
    bench.see(BLUE)
    later = camera.frame(timeout_s=5.0)
    assert colour_of(later) == BLUE
    assert later.captured_s >= frame.captured_s


def test_a_picture_is_handed_out_once(bench: Any) -> None:
    camera = bench.open()
    bench.see(RED)
    assert camera.frame(timeout_s=5.0) is not None
    assert camera.frame(timeout_s=0.01) is None


def test_of_several_pictures_only_the_newest_is_handed_out(bench: Any) -> None:
    camera = bench.open()
    for colour in (RED, GREEN, BLUE):
        bench.see(colour)
    seen: list[Colour] = []

    def newest_seen() -> bool:
        frame = camera.frame(timeout_s=0.1)
        seen.extend([colour_of(frame)] if frame else [])
        return seen[-1:] == [BLUE]

    until(newest_seen, "the last picture comes")
    assert seen == sorted(seen, key=[RED, GREEN, BLUE].index)


def test_a_camera_that_stays_silent_is_lost(bench: Any) -> None:
    camera = bench.open(stale_s=0.2)
    with pytest.raises(DeviceLost, match="nothing for"):
        for _ in range(100):
            assert camera.frame(timeout_s=0.05) is None


def test_a_camera_that_goes_away_is_lost_for_ever(bench: Any) -> None:
    camera = bench.open()
    bench.lose()
    for _ in range(2):
        with pytest.raises(DeviceLost):
            camera.frame(timeout_s=10.0)
    camera.close()
    camera.close()


def test_a_closed_camera_raises(bench: Any) -> None:
    camera = bench.open()
    bench.lose()
    camera.close()
    with pytest.raises(DeviceLost):
        camera.frame(timeout_s=0.0)


def test_a_camera_that_is_not_there_cannot_be_opened(bench: Any) -> None:
    with pytest.raises(DeviceLost, match="nobody"):
        bench.driver.open(bench.absent())


# ---------------------------------------------------------------- what only a camera on a socket has


@pytest.fixture
def socket_bench(tmp_path: Path) -> Any:
    import hw.camera_socket

    bench = from_a_socket(tmp_path)
    bench.driver = hw.camera_socket
    yield bench
    bench.close()


def test_a_camera_that_says_it_is_alive_is_not_lost(socket_bench: Any) -> None:
    camera = socket_bench.open(stale_s=0.3)
    for _ in range(8):
        socket_bench.server.say(b"\0\0\0\0")
        assert camera.frame(timeout_s=0.1) is None


def test_what_is_no_picture_is_a_bad_reply_and_the_next_picture_is_good(socket_bench: Any) -> None:
    camera = socket_bench.open()
    torn = jpeg(RED)[:200]
    for noise in (b"hello", torn, b"\xff\xd8\xff\xc0\0\x0b\x08\xff\xff\xff\xff\x01"):
        socket_bench.server.picture(noise)
        with pytest.raises(BadReply, match="no picture"):
            camera.frame(timeout_s=5.0)
    socket_bench.see(GREEN)
    assert colour_of(camera.frame(timeout_s=5.0)) == GREEN


def test_a_picture_beyond_the_limits_is_refused_before_it_is_decoded(socket_bench: Any) -> None:
    camera = socket_bench.open(max_side_px=64)
    big = cv2.imencode(".jpg", np.zeros((48, 65, 3), np.uint8))[1].tobytes()
    socket_bench.server.picture(big)
    with pytest.raises(BadReply, match="65x48 pixels, over 64"):
        camera.frame(timeout_s=5.0)


def test_a_length_beyond_the_limit_ends_the_connection(socket_bench: Any) -> None:
    camera = socket_bench.open(max_frame_bytes=1024)
    socket_bench.server.say((1025).to_bytes(4, "big"))
    for _ in range(2):
        with pytest.raises(BadReply, match="1025 bytes, over 1024"):
            camera.frame(timeout_s=5.0)


def test_a_turned_picture_is_not_turned_back_behind_the_size_check(socket_bench: Any) -> None:
    turned = jpeg(RED)
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    camera = socket_bench.open()
    socket_bench.server.picture(turned[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + turned[2:])
    frame = camera.frame(timeout_s=5.0)
    assert (frame.width_px, frame.height_px) == (WIDTH_PX, HEIGHT_PX)


def test_a_new_picture_replaces_one_that_nobody_took() -> None:
    newest: Newest[str] = Newest("camera", stale_s=1.0, now_s=lambda: 100.0)
    newest.put("first")
    newest.put("second")
    assert newest.take(0.0) == ("second", 100.0)
    assert newest.take(0.0) is None


def test_a_picture_that_waited_too_long_is_dropped() -> None:
    now_s = 100.0
    newest: Newest[str] = Newest("camera", stale_s=1.0, now_s=lambda: now_s)
    newest.put("old")
    now_s += 1.5
    newest.alive()
    assert newest.take(0.0) is None
    newest.put("new")
    assert newest.take(0.0) == ("new", 101.5)


def test_the_first_failure_of_a_camera_is_what_everybody_is_told() -> None:
    newest: Newest[str] = Newest("camera", stale_s=1.0)
    newest.fail(DeviceLost("the cause"))
    newest.fail(DeviceLost("a consequence"))
    with pytest.raises(DeviceLost, match="the cause"):
        newest.take(0.0)
