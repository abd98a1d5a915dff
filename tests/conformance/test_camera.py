"""Every camera driver: the newest picture or none, never an old one, and honest about being stuck or gone."""

import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from fake_picamera2 import CONTROLS, Board
from peers import FrameServer, until

from gatefw.errors import BadReply, DeviceLost, SetupError, WrongDevice
from hw.newest import Newest

ROLE = "camera"
WIDTH_PX, HEIGHT_PX = 64, 48
PATIENT_S = 30.0
"""A machine that is busy must not make a picture stale before a test has looked at it."""
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
        settings = {"path": str(self._path / "frames.sock"), "stale_s": PATIENT_S} | changes
        camera = self.driver.open(self.driver.Settings(**settings))
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
        self.released, self.opens = False, True
        self.asked: dict[int, float] = {}
        self.gives: dict[int, float] = {}
        self._changed = threading.Condition()
        self._pictures: list[Any] = []
        self._lost = False

    def read(self) -> tuple[bool, Any]:
        with self._changed:
            self._changed.wait_for(lambda: self._pictures or self._lost, 30.0)
            return (True, self._pictures.pop(0)) if self._pictures else (False, None)

    def isOpened(self) -> bool:  # noqa: N802  OpenCV's name
        return self.opens

    def set(self, what: int, value: float) -> bool:
        self.asked[what] = value
        return True

    def get(self, what: int) -> float:
        return self.gives.get(what, self.asked.get(what, 0.0))

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
        size = {"width_px": WIDTH_PX, "height_px": HEIGHT_PX, "stale_s": PATIENT_S}
        settings = self.driver.Settings("/dev/v4l/by-id/test", **(size | changes))
        camera = self.driver.opened(settings, self.capture)
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


HERE = {"Id": "/base/soc/i2c0mux/i2c@1/imx708@1a", "Model": "imx708"}
THERE = {"Id": "/base/soc/i2c0mux/i2c@0/imx708@1a", "Model": "imx708"}
ELSEWHERE = {"Id": "/base/soc/usb@7/cam", "Model": "usb cam"}


class from_a_board:  # noqa: N801  a bench is named after its place
    """The picamera2 library, as far as the driver uses it."""

    def __init__(self, path: Path) -> None:
        self.driver: Any = None
        self.board = Board(ELSEWHERE, HERE, THERE)
        self._opened: list[Any] = []

    def settings(self, **changes: Any) -> Any:
        given = {"camera": "i2c@1/imx708@1a", "sensor": "imx708", "width_px": WIDTH_PX, "height_px": HEIGHT_PX}
        return self.driver.Settings(**(given | {"look_width_px": 42, "look_height_px": 30} | changes))

    def open(self, **changes: Any) -> Any:
        camera = self.driver.opened(self.settings(**({"stale_s": PATIENT_S} | changes)), self.board)
        self._opened.append(camera)
        return camera

    def see(self, colour: Colour) -> None:
        self.board.camera.see(colour)

    def lose(self) -> None:
        """What libcamera says of a camera that went: a request without the time at which it was exposed."""
        self.board.camera.see(RED, stamped=False)

    def absent(self) -> Any:
        return self.settings(camera="nobody")

    def close(self) -> None:
        for camera in self._opened:
            camera.close()
        assert all(camera.closed for camera in self.board.cameras)


BENCHES = {"picamera2": [from_a_board], "socket": [from_a_socket], "v4l2": [from_a_capture]}


def colour_of(frame: Any) -> Colour:
    red, _, blue = np.asarray(frame.rgb)[HEIGHT_PX // 2, WIDTH_PX // 2]
    return next(colour for colour in (RED, GREEN, BLUE) if abs(int(red) - colour[0]) + abs(int(blue) - colour[2]) < 40)


def test_a_picture_comes_as_rgb_with_its_size_and_time(bench: Any) -> None:
    camera = bench.open()
    bench.see(RED)
    frame = camera.frame(timeout_s=30.0)
    assert (frame.width_px, frame.height_px) == (WIDTH_PX, HEIGHT_PX)
    assert frame.rgb.c_contiguous
    assert frame.rgb.format == "B"
    assert colour_of(frame) == RED
    bench.see(BLUE)
    later = camera.frame(timeout_s=30.0)
    assert colour_of(later) == BLUE
    assert later.captured_s >= frame.captured_s


def test_a_picture_is_handed_out_once(bench: Any) -> None:
    camera = bench.open()
    bench.see(RED)
    assert camera.frame(timeout_s=30.0) is not None
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
            camera.frame(timeout_s=30.0)
    camera.close()
    camera.close()


def test_a_closed_camera_raises(bench: Any) -> None:
    camera = bench.open()
    bench.lose()
    camera.close()
    with pytest.raises(DeviceLost):
        camera.frame(timeout_s=0.0)


def test_a_camera_that_is_not_there_cannot_be_opened(bench: Any) -> None:
    """Where its library is not there either, that is what is said."""
    absent = bench.absent()
    lacks = bench.driver.lacks(absent) if hasattr(bench.driver, "lacks") else []
    with pytest.raises(SetupError if lacks else DeviceLost, match="nobody"):
        bench.driver.open(absent)


# ---------------------------------------------------------------- what only a camera on a socket has


@pytest.fixture
def socket_bench(tmp_path: Path) -> Any:
    import hw.camera_socket

    bench = from_a_socket(tmp_path)
    bench.driver = hw.camera_socket
    yield bench
    bench.close()


def test_a_camera_that_says_it_is_alive_is_not_lost(tmp_path: Path) -> None:
    import hw.camera_socket as driver

    now_s = 0.0
    server = FrameServer(tmp_path / "frames.sock")
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(tmp_path / "frames.sock"))
    camera = driver.SocketCamera(driver.Settings(str(tmp_path / "frames.sock")), connection, lambda: now_s)

    def not_lost() -> bool:
        server.say(b"\0\0\0\0")
        with suppress(DeviceLost):
            assert camera.frame(timeout_s=0.01) is None
            return True
        return False

    try:
        until(lambda: server.connected, "the camera is served", 30)
        now_s = 2.0
        assert camera.frame(timeout_s=0.0) is None, "it may be this process that was held up"
        with pytest.raises(DeviceLost, match=r"nothing for 2\.0 s"):
            camera.frame(timeout_s=0.0)
        until(not_lost, "it is heard that the camera lives", 30)
    finally:
        camera.close()
        server.close()


def test_what_is_no_picture_is_a_bad_reply_and_the_next_picture_is_good(socket_bench: Any) -> None:
    camera = socket_bench.open()
    torn = jpeg(RED)[:200]
    for noise in (b"hello", torn, b"\xff\xd8\xff\xc0\0\x0b\x08\xff\xff\xff\xff\x01"):
        socket_bench.server.picture(noise)
        with pytest.raises(BadReply, match="no picture"):
            camera.frame(timeout_s=30.0)
    socket_bench.see(GREEN)
    assert colour_of(camera.frame(timeout_s=30.0)) == GREEN


def test_a_picture_beyond_the_limits_is_refused_before_it_is_decoded(socket_bench: Any) -> None:
    camera = socket_bench.open(max_side_px=64)
    big = cv2.imencode(".jpg", np.zeros((48, 65, 3), np.uint8))[1].tobytes()
    socket_bench.server.picture(big)
    with pytest.raises(BadReply, match="65x48 pixels, over 64"):
        camera.frame(timeout_s=30.0)


def test_a_length_beyond_the_limit_ends_the_connection(socket_bench: Any) -> None:
    camera = socket_bench.open(max_frame_bytes=1024)
    socket_bench.server.say((1025).to_bytes(4, "big"))
    for _ in range(2):
        with pytest.raises(BadReply, match="1025 bytes, over 1024"):
            camera.frame(timeout_s=30.0)


def test_a_turned_picture_is_not_turned_back_behind_the_size_check(socket_bench: Any) -> None:
    turned = jpeg(RED)
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    camera = socket_bench.open()
    socket_bench.server.picture(turned[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + turned[2:])
    frame = camera.frame(timeout_s=30.0)
    assert (frame.width_px, frame.height_px) == (WIDTH_PX, HEIGHT_PX)


# ---------------------------------------------------------------- what only a camera on the board's port has


@pytest.fixture
def board_bench(tmp_path: Path) -> Any:
    import hw.camera_picamera2

    bench = from_a_board(tmp_path)
    bench.driver = hw.camera_picamera2
    yield bench
    bench.close()


def test_grey_levels_come_along_without_the_padding_of_their_rows(board_bench: Any) -> None:
    camera = board_bench.open()
    board_bench.see(GREEN)
    frame = camera.frame(timeout_s=30.0)
    assert frame.luma.shape == (30, 42)
    assert {*frame.luma.tobytes()} == {sum(GREEN) // 3}
    assert {*frame.rgb.tobytes()} == {*GREEN}


def test_a_frame_that_was_handed_out_stays_as_it_was(board_bench: Any) -> None:
    camera = board_bench.open()
    board_bench.see(RED)
    frame = camera.frame(timeout_s=30.0)
    for _ in range(10):
        board_bench.see(BLUE)
    camera.close()
    assert {*frame.rgb.tobytes()} == {*RED}


def test_a_camera_whose_pictures_nobody_takes_never_runs_out_of_buffers(board_bench: Any) -> None:
    camera = board_bench.open()
    for _ in range(50):
        board_bench.see(RED)
    assert len(board_bench.board.camera.free) == 3
    assert camera.frame(timeout_s=30.0) is not None
    assert (len(board_bench.board.camera.free), board_bench.board.camera.starved) == (4, 0)


def test_a_camera_whose_time_stands_still_is_lost(board_bench: Any) -> None:
    now_s = 0.0
    camera = board_bench.driver.opened(board_bench.settings(), board_bench.board, lambda: now_s)
    board_bench.see(RED)
    assert camera.frame(timeout_s=0.0) is not None
    for _ in range(3):
        now_s += 0.5
        board_bench.board.camera.see(RED, time_stands_still=True)
        assert camera.frame(timeout_s=0.0) is None
    now_s += 0.5
    with pytest.raises(DeviceLost, match="is it stuck"):
        camera.frame(timeout_s=0.0)
    camera.close()


@pytest.mark.parametrize(
    ("changes", "error", "why"),
    [
        ({"camera": "i2c@9/imx708@1a"}, DeviceLost, "not there; libcamera has /base/soc/usb@7/cam .usb cam., /base"),
        ({"camera": "imx708@1a"}, WrongDevice, "fits 2 of"),
        ({"sensor": "imx219"}, WrongDevice, "imx219 is wanted, imx708 is there"),
    ],
)
def test_another_camera_is_refused_by_where_it_is_and_what_it_is(
    board_bench: Any, changes: dict[str, Any], error: type[Exception], why: str
) -> None:
    with pytest.raises(error, match=why):
        board_bench.open(**changes)
    assert board_bench.board.cameras == []


def test_a_camera_that_cannot_do_what_is_asked_is_refused_and_given_back(board_bench: Any) -> None:
    board = board_bench.board
    for change, error, why in (
        ({"controls": CONTROLS[:-1]}, WrongDevice, "its driver has no AwbMode"),
        ({"gives": {"main": {"size": (640, 480)}}}, WrongDevice, r"main asked for 64x48, got \(640, 480\)"),
        ({"refuses": "lores too large"}, WrongDevice, "does not take these settings: lores too large"),
        ({"does_not_start": True}, DeviceLost, "does not start: no frames"),
    ):
        before = {name: getattr(board, name) for name in change}
        for name, value in change.items():
            setattr(board, name, value)
        with pytest.raises(error, match=why):
            board_bench.open()
        assert board.camera.closed
        for name, value in before.items():
            setattr(board, name, value)


def test_a_camera_that_another_process_uses_is_lost(board_bench: Any) -> None:
    board_bench.board.taken = True
    with pytest.raises(DeviceLost, match="is it used by another"):
        board_bench.open()


@pytest.mark.parametrize(
    ("changes", "controls"),
    [
        ({}, {"AeEnable": True, "AeMeteringMode": 0, "AeFlickerMode": 1, "AeFlickerPeriod": 10000, "AwbMode": 0}),
        (
            {"brighter_ev": 1.0, "mains_hz": 0, "metering": "whole", "light": "fluorescent"},
            {"AeEnable": True, "AeMeteringMode": 2, "ExposureValue": 1.0, "AwbMode": 3},
        ),
        (
            {"exposure_us": 4000, "gain": 2.0},
            {"AeEnable": False, "ExposureTime": 4000, "AnalogueGain": 2.0, "AwbMode": 0},
        ),
    ],
)
def test_exposure_and_light_are_set_before_the_first_picture(
    board_bench: Any, changes: dict[str, Any], controls: dict[str, Any]
) -> None:
    board_bench.open(fps=10.0, **changes)
    given = board_bench.board.camera.camera_config["controls"]
    assert given == controls | {"FrameDurationLimits": (100000, 100000), "AwbEnable": True}


def test_a_camera_that_cannot_be_closed_holds_nobody_up(board_bench: Any) -> None:
    board_bench.board.hangs = threading.Event()
    camera = board_bench.open()
    camera.close()
    with pytest.raises(DeviceLost):
        camera.frame(timeout_s=0.0)
    board_bench.board.hangs.set()
    until(lambda: board_bench.board.camera.closed, "the camera lets go", 30)


def test_without_the_library_the_camera_is_not_set_up_and_where_to_get_it_is_said() -> None:
    import hw.camera_picamera2 as driver

    try:
        import picamera2  # noqa: F401
    except ImportError:
        with pytest.raises(SetupError, match=r"camera i2c@1: picamera2 cannot be loaded .*install python3-picamera2"):
            driver.open(driver.Settings("i2c@1", "imx708"))


# ---------------------------------------------------------------- what only a USB camera has


@pytest.fixture
def capture_bench(tmp_path: Path) -> Any:
    import hw.camera_v4l2

    bench = from_a_capture(tmp_path)
    bench.driver = hw.camera_v4l2
    yield bench
    bench.close()


def test_a_usb_camera_that_gives_another_size_or_does_not_open_is_refused_and_given_back(capture_bench: Any) -> None:
    capture = capture_bench.capture
    capture.gives = {cv2.CAP_PROP_FRAME_WIDTH: 640.0, cv2.CAP_PROP_FRAME_HEIGHT: 480.0}
    with pytest.raises(WrongDevice, match="asked for 64x48, got 640x480"):
        capture_bench.open()
    assert capture.released
    capture.gives, capture.released, capture.opens = {}, False, False
    with pytest.raises(DeviceLost, match="cannot be opened"):
        capture_bench.open()
    assert capture.released


def test_a_usb_camera_is_asked_to_compress_before_its_size_is_set(capture_bench: Any) -> None:
    capture_bench.open(mjpg=True, fps=20.0)
    assert next(iter(capture_bench.capture.asked)) == cv2.CAP_PROP_FOURCC
    assert capture_bench.capture.asked[cv2.CAP_PROP_FPS] == 20.0


def test_a_usb_camera_of_another_name_is_the_wrong_one(capture_bench: Any, tmp_path: Path) -> None:
    driver, node, names = capture_bench.driver, tmp_path / "video3", tmp_path / "names"
    node.touch()
    (tmp_path / "by-id").symlink_to(node)
    wanted = driver.Settings(str(tmp_path / "by-id"), name="Gate Cam")
    with pytest.raises(DeviceLost, match="has no name"):
        driver.proven(wanted, names)
    (names / "video3").mkdir(parents=True)
    (names / "video3" / "name").write_text("Other Cam\n")
    with pytest.raises(WrongDevice, match="Gate Cam is wanted, Other Cam is there"):
        driver.proven(wanted, names)
    (names / "video3" / "name").write_text("Gate Cam\n")
    assert driver.proven(wanted, names) == node
    assert driver.proven(driver.Settings(str(tmp_path / "by-id")), names) == node


def test_what_is_no_video_device_cannot_be_opened(capture_bench: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DeviceLost, match="cannot be opened"):
        capture_bench.driver.open(capture_bench.driver.Settings(str(tmp_path / "file")))


# ---------------------------------------------------------------- the newest picture


def test_a_picture_that_nobody_will_take_is_given_back() -> None:
    now_s, dropped = 100.0, []
    newest: Newest[str] = Newest("camera", stale_s=1.0, now_s=lambda: now_s, dropped=dropped.append)
    newest.put("replaced")
    newest.put("stale")
    now_s += 1.5
    newest.alive()
    assert newest.take(0.0) is None
    newest.put("taken")
    assert newest.take(0.0) == ("taken", 101.5)
    newest.put("late")
    newest.fail(DeviceLost("gone"))
    with pytest.raises(DeviceLost):
        newest.take(0.0)
    assert dropped == ["replaced", "stale", "late"]


def test_a_process_that_was_held_up_does_not_blame_its_camera() -> None:
    now_s = 0.0
    newest: Newest[str] = Newest("camera", stale_s=1.0, now_s=lambda: now_s)
    newest.put("before")
    assert newest.take(0.0) is not None
    now_s = 5.0
    assert newest.take(0.0) is None
    newest.put("what was on its way")
    assert newest.take(0.0) == ("what was on its way", 5.0)
    now_s = 10.0
    assert newest.take(0.0) is None
    with pytest.raises(DeviceLost, match=r"nothing for 5\.0 s"):
        newest.take(0.0)


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
