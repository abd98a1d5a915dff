"""The traveller's screen in a real browser: Debian's Chromium. Pictures of it go to .screenshots, which git ignores."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from peers import until

from gatefw.display import SOCKET, Display
from gatefw.gate_terms import Answered, Ask, GateInput
from gatefw.model import Answer, Confirm, Confirmed, Failed, Phase, Reason, RunId, SubjectId
from gatefw.screen.signs import PHASES

playwright = pytest.importorskip("playwright.sync_api", reason="pip install gatefw[browser]")
pytest.importorskip("axe_playwright_python", reason="pip install gatefw[browser]")
CHROMIUM = Path("/usr/bin/chromium")
AXE = resources.files("axe_playwright_python") / "axe.min.js"
PICTURES = Path(__file__).parents[1] / ".screenshots"
RUN = RunId("a" * 16)
SCREEN = "import sys; from gatefw.cli import main; sys.exit(main())"
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium here: apt install chromium"),
]


class Kiosk:
    """A display whose loop beats, a screen in a process of its own, and a browser before it."""

    def __init__(self, folder: Path, held: ExitStack) -> None:
        self.folder, self.heard, self.port = folder, list[GateInput](), 0
        self.display = held.enter_context(
            closing(Display(folder / SOCKET, lambda _who: {"document.name": "CHAN TAI MAN"}, self.heard.append))
        )
        self.silent, self._over = threading.Event(), threading.Event()
        beats = threading.Thread(target=self._beats)
        beats.start()
        held.callback(beats.join)
        held.callback(self._over.set)
        held.callback(lambda: self.kill())
        self.start()
        browser = held.enter_context(playwright.sync_playwright()).chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"]
        )
        held.callback(browser.close)
        self.page = browser.new_page(viewport={"width": 800, "height": 1000})
        self.page.goto(f"http://127.0.0.1:{self.port}/")

    def _beats(self) -> None:
        while not self._over.wait(0.25):
            if not self.silent.is_set():
                self.display.beat(time.monotonic())

    def start(self) -> None:
        words = [sys.executable, "-c", SCREEN, "screen", "--port", str(self.port), "--dir", str(self.folder)]
        env = {**os.environ, "GATEFW_STATE": str(self.folder)}
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=env)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline().rstrip("/\n").rpartition(":")[2])

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def shows(self, sign: str) -> None:
        self.page.wait_for_selector(f'#sign[data-sign="{sign}"] div[data-of="{sign}"]:visible', timeout=30_000)

    def asks(self) -> None:
        self.display.show(Phase.TOKEN_PRESENTED, None)
        self.display.ask(Ask(RUN, 4, Confirm(SubjectId("5" * 32), 15.0)))
        self.shows("you")


@pytest.fixture
def kiosk(tmp_path: Path) -> Iterator[Kiosk]:
    with ExitStack() as held:
        yield Kiosk(tmp_path, held)


def violations(kiosk: Kiosk) -> list[Any]:
    found: dict[str, Any] = kiosk.page.evaluate(AXE.read_text() + "; axe.run()")
    return [(each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]]


def test_every_phase_is_a_sign_and_three_sentences_and_accessible(kiosk: Kiosk) -> None:
    PICTURES.mkdir(exist_ok=True)
    for phase, (sign, _) in PHASES.items():
        kiosk.display.show(phase, None)
        kiosk.shows(sign)
        assert kiosk.page.locator("#words p:visible").count() == 3
        kiosk.page.screenshot(path=PICTURES / f"{phase}.png")
        assert violations(kiosk) == [], phase
    kiosk.asks()
    kiosk.page.screenshot(path=PICTURES / "confirm.png")
    assert violations(kiosk) == []


@pytest.mark.parametrize(("touch", "reply"), [("confirm", Confirmed()), ("decline", Failed(Reason.DECLINED))])
def test_a_button_answers_and_is_large_enough_for_a_finger(kiosk: Kiosk, touch: str, reply: Answer) -> None:
    kiosk.asks()
    box = kiosk.page.locator(f"#{touch}").bounding_box()
    assert box is not None and box["width"] >= 44 and box["height"] >= 44
    kiosk.page.click(f"#{touch}")
    assert until(lambda: kiosk.heard, "the answer") == [Answered(RUN, 4, reply)]


def test_a_lane_or_a_screen_that_is_silent_is_closed_and_comes_back_by_itself(kiosk: Kiosk) -> None:
    kiosk.display.show(Phase.IDLE, None)
    kiosk.shows("present")
    kiosk.silent.set()
    kiosk.shows("help")
    kiosk.silent.clear()
    kiosk.shows("present")
    kiosk.kill()
    kiosk.shows("help")
    kiosk.start()
    kiosk.shows("present")
