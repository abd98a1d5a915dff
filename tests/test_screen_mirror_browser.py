"""The mirror in a real browser: what the camera sees, the other way round, and nothing of it once the look is over."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import cv2
import numpy as np
import pytest
from accessible import violations
from mirror_bench import Bench

from gatefw import mirror_wire
from gatefw.biometrics.runtime import Picture
from gatefw.display import SOCKET, Display
from gatefw.gate_terms import Asking
from gatefw.model import Asked, Phase, Reason

playwright = pytest.importorskip("playwright.sync_api", reason="pip install gatefw[browser]")
CHROMIUM = Path("/usr/bin/chromium")
PICTURES = Path(__file__).parents[1] / ".screenshots"
SCREEN = "import sys; from gatefw.cli import main; sys.exit(main())"
SIZES = {"portrait": (1080, 1920), "wide": (1920, 1080), "small": (800, 480)}
WAIT_MS = 30_000
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium here: apt install chromium"),
]


def traveller(width: int = 640, height: int = 480) -> Picture:
    """Somebody before a wall, whose right, on the left for the camera, is dark."""
    rgb: Picture = np.full((height, width, 3), 170, np.uint8)
    rgb[:, : width // 2] = 60
    middle, size = (width // 2, height // 2), height // 3
    cv2.ellipse(rgb, middle, (size * 3 // 4, size), 0, 0, 360, (210, 180, 160), -1)
    for side in (-1, 1):
        cv2.circle(rgb, (middle[0] + side * size // 3, middle[1] - size // 5), size // 10, (30, 30, 30), -1)
    cv2.ellipse(rgb, (middle[0], middle[1] + size // 2), (size // 4, size // 10), 0, 0, 180, (120, 40, 40), -1)
    return rgb


class Kiosk:
    """A lane whose loop beats, its mirror, a screen in a process of its own, and a browser before it."""

    def __init__(self, folder: Path, held: ExitStack, mirror: bool) -> None:
        self.bench = Bench(folder / mirror_wire.SOCKET)
        held.enter_context(closing(self.bench.mirror))
        self.display = held.enter_context(
            closing(Display(folder / SOCKET, lambda _who: {}, lambda _said: None, mirror))
        )
        self._over = threading.Event()
        beats = threading.Thread(target=self._beats)
        beats.start()
        held.callback(beats.join)
        held.callback(self._over.set)
        words = [sys.executable, "-c", SCREEN, "screen", "--port", "0", "--dir", str(folder)]
        env = {**os.environ, "GATEFW_STATE": str(folder)}
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=env)
        held.callback(self.process.communicate)
        held.callback(self.process.kill)
        assert self.process.stdout is not None
        address = self.process.stdout.readline().strip()
        browser = held.enter_context(playwright.sync_playwright()).chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"]
        )
        held.callback(browser.close)
        self.page = browser.new_page(viewport={"width": 1080, "height": 1920})
        self.problems: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda told: self.problems.append(told.text))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(address)

    def _beats(self) -> None:
        while not self._over.wait(0.25):
            self.display.beat(time.monotonic())

    def wants_a_face(self, hint: str = "") -> None:
        self.display.show(Phase.VERIFYING, None)
        self.display.asking(Asking((Asked.VERIFY_FACE,)))
        self.display.hint(hint)

    def mirrors(self, outline: str = "good") -> None:
        self.page.wait_for_selector(f'#mirror[data-outline="{outline}"] #glass', timeout=WAIT_MS)

    def is_wiped(self) -> None:
        """Nothing is seen, and no pixel is left to be seen."""
        self.page.wait_for_selector("#mirror", state="hidden", timeout=WAIT_MS)
        assert self.page.evaluate("[glass.width, glass.height]") == [0, 0]

    def seen(self) -> Picture:
        """The mirror as it is on the screen, grey."""
        png = np.frombuffer(self.page.locator("#glass").screenshot(), np.uint8)
        return np.asarray(cv2.imdecode(png, cv2.IMREAD_GRAYSCALE), np.uint8)


@pytest.fixture
def kiosk(tmp_path: Path) -> Iterator[Kiosk]:
    with ExitStack() as held:
        made = Kiosk(tmp_path, held, mirror=True)
        yield made
        assert [told for told in made.problems if "ERR_" not in told] == []


def test_a_traveller_sees_themselves_as_in_a_mirror_and_where_their_face_belongs(kiosk: Kiosk) -> None:
    PICTURES.mkdir(exist_ok=True)
    kiosk.wants_a_face()
    with kiosk.bench.looking(traveller()):
        for name, (width, height) in SIZES.items():
            kiosk.page.set_viewport_size({"width": width, "height": height})
            kiosk.wants_a_face()
            kiosk.mirrors("good")
            seen = kiosk.seen()
            corner = seen[: seen.shape[0] // 16]  # above the outline
            middle = seen.shape[1] // 2
            assert np.median(corner[:, :middle]) > 140 > 90 > np.median(corner[:, middle:]), name
            kiosk.page.screenshot(path=PICTURES / f"mirror-{name}.png")
            assert violations(kiosk.page) == [], name
            kiosk.wants_a_face(hint=Reason.TOO_DARK)
            kiosk.mirrors("seek")
            kiosk.page.wait_for_selector('#sign[data-sign="light"] div[data-of="light"]:visible', timeout=WAIT_MS)
            kiosk.page.screenshot(path=PICTURES / f"mirror-{name}-too-dark.png")
            assert violations(kiosk.page) == [], name


def test_when_the_look_ends_nothing_of_it_is_left_though_the_lane_still_says_look_here(kiosk: Kiosk) -> None:
    kiosk.wants_a_face()
    for width, height in ((640, 480), (480, 640)):
        with kiosk.bench.looking(traveller(width, height)):
            kiosk.mirrors()
        kiosk.is_wiped()


def test_when_the_lane_goes_on_nothing_is_left_though_vision_still_shows_it(kiosk: Kiosk) -> None:
    kiosk.wants_a_face()
    with kiosk.bench.looking(traveller()):
        kiosk.mirrors()
        kiosk.display.show(Phase.REFUSED, Reason.FACE_MISMATCH)
        kiosk.is_wiped()
        assert kiosk.page.locator('#sign[data-sign="back"]').is_visible()
        kiosk.wants_a_face()
        kiosk.mirrors()


def test_a_camera_that_stands_still_or_a_screen_that_hangs_shows_no_old_picture(kiosk: Kiosk) -> None:
    kiosk.wants_a_face()
    with kiosk.bench.looking(traveller()):
        kiosk.mirrors()
    kiosk.bench.look()  # its camera hangs
    kiosk.is_wiped()
    with kiosk.bench.looking(traveller()):
        kiosk.mirrors()
        kiosk.process.send_signal(signal.SIGSTOP)
        try:
            kiosk.is_wiped()
        finally:
            kiosk.process.send_signal(signal.SIGCONT)
        kiosk.mirrors()
        kiosk.process.kill()
        kiosk.is_wiped()


def test_a_lane_without_a_mirror_is_asked_for_no_picture(tmp_path: Path) -> None:
    with ExitStack() as held:
        kiosk = Kiosk(tmp_path, held, mirror=False)
        kiosk.wants_a_face()
        with kiosk.bench.looking(traveller()):
            kiosk.page.wait_for_selector('#sign[data-sign="look"]:visible', timeout=WAIT_MS)
            kiosk.wants_a_face(hint=Reason.TOO_DARK)
            kiosk.page.wait_for_selector('#sign[data-sign="light"]:visible', timeout=WAIT_MS)
        assert not [url for url in kiosk.asked if url.endswith("/mirror")]
