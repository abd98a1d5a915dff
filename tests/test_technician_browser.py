"""The technician's page in a real browser. Pictures of it go to .screenshots, which git ignores."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from accessible import violations
from test_watch_seen import LISTED, STATUS

from gatefw.control import Answer, Done, Order
from gatefw.control_server import ControlServer

playwright = pytest.importorskip("playwright.sync_api", reason="pip install gatefw[browser]")
CHROMIUM = Path("/usr/bin/chromium")
PICTURES = Path(__file__).parents[1] / ".screenshots"
PATIENCE_MS = 60_000
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium here: apt install chromium"),
]


class Desk:
    """A daemon that answers how it is, the page in a process of its own, and a technician's browser."""

    def __init__(self, folder: Path, held: ExitStack) -> None:
        self.folder, self.status, self._held, self.port = folder, {**STATUS, "version": "0"}, held, 0
        self.daemon()
        held.callback(lambda: self.server.close())
        held.callback(lambda: self.kill())
        self.start()
        browser = held.enter_context(playwright.sync_playwright()).chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"]
        )
        held.callback(browser.close)
        self.page = browser.new_page(viewport={"width": 1280, "height": 900})
        self.page.set_default_timeout(PATIENCE_MS)
        self.complaints: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.goto(f"http://127.0.0.1:{self.port}/?lang=en")

    def daemon(self) -> None:
        self.server = ControlServer(self.folder / "control.sock", self._take)

    def _take(self, order: Order, reply: Callable[[Answer], None]) -> None:
        reply(Done(LISTED if order.verb == "devices" else self.status))

    def start(self) -> None:
        env = {**os.environ, "GATEFW_STATE": str(self.folder / "state"), "GATEFW_RUN": str(self.folder)}
        words = [sys.executable, "-m", "gatefw", "status-page", "--port", str(self.port), "--dir", str(self.folder)]
        self.process = subprocess.Popen(words, env=env, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline().rstrip("/\n").rpartition(":")[2])

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def says(self, where: str, text: str) -> None:
        playwright.expect(self.page.locator(where)).to_contain_text(text, timeout=PATIENCE_MS)

    def violations(self) -> list[Any]:
        return violations(self.page)

    def picture(self, name: str) -> None:
        PICTURES.mkdir(exist_ok=True)
        (PICTURES / f"technician-{name}.png").write_bytes(self.page.screenshot(full_page=True))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with ExitStack() as held:
        yield Desk(tmp_path, held)


def test_a_technician_reads_what_is_wrong_how_to_mend_it_and_what_it_means(desk: Desk) -> None:
    """A camera is dark and a reader gone; the doctor has found more. They open the first finding's page."""
    desk.says("#phase", "Verifying the traveller, live")
    desk.says("#doors", "exit dooropeninterruptedto let a traveller pass, 2 s")
    rows = desk.page.locator("#device-rows tbody tr")
    playwright.expect(rows).to_have_count(3)
    assert [row.split("\t")[0] for row in rows.all_inner_texts()] == ["camera.inside", "reader.front", "door.exit_door"]
    desk.says("#device-rows", "the camera's picture is dark")
    desk.says("#verdict", "Something must be mended")
    first = desk.page.locator("#findings > li").first
    first.locator("summary").click()
    playwright.expect(first.locator(".page strong").first).to_have_text("What it means.")
    desk.picture("open")
    assert desk.violations() == [] and desk.complaints == []
    desk.status = {**desk.status, "phase": "exit_released"}
    desk.says("#phase", "Exit door released, live")  # what is read stays open while what is around it is renewed
    assert first.locator(".page").is_visible()


def test_every_language_of_the_page_is_whole_and_accessible(desk: Desk) -> None:
    for name, tag, words in (("繁體中文", "zh-Hant", "診斷結果"), ("简体中文", "zh-Hans", "诊断结果")):
        desk.page.get_by_role("link", name=name).click()
        desk.says("#doctor-title", words)
        desk.says("#verdict", "必")
        assert desk.page.locator("html").get_attribute("lang") == tag
        for each in (".cause", "#findings p > span"):
            assert desk.page.locator(each).first.get_attribute("lang") == "en"
        desk.picture(tag)
        assert desk.violations() == [] and desk.complaints == []


def test_a_gate_or_a_page_that_goes_is_said_and_comes_back_by_itself(desk: Desk) -> None:
    desk.says("#phase", "live")
    desk.server.close()
    desk.says("#notice", "The gate has not answered for")
    desk.says("#phase", "Verifying the traveller, ")
    assert desk.page.locator("#phase").inner_text().endswith(" s old")
    desk.picture("gone")
    assert desk.violations() == []
    desk.status = {**desk.status, "phase": "idle"}
    desk.daemon()
    desk.says("#phase", "Ready, live")
    desk.kill()
    desk.says("#notice", "This page gets nothing any more")
    desk.start()
    playwright.expect(desk.page.locator("#notice")).to_be_empty(timeout=PATIENCE_MS)
