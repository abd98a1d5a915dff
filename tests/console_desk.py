"""An officer before a real browser, at whichever console there is. Pictures of what they see go to .screenshots."""

from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from console_bench import PASSWORD

playwright = pytest.importorskip("playwright.sync_api", reason="pip install gatefw[browser]")
pytest.importorskip("axe_playwright_python", reason="pip install gatefw[browser]")
CHROMIUM = Path("/usr/bin/chromium")
IN_A_BROWSER = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium here: apt install chromium"),
]
AXE = resources.files("axe_playwright_python") / "axe.min.js"
PICTURES = Path(__file__).parents[1] / ".screenshots"
WIDE = (1920, 1080)
WAIT_MS = 30_000
COUNT_TONES = "const start = OscillatorNode.prototype.start; window.tones = []; OscillatorNode.prototype.start ="
COUNT_TONES += " function (at) { window.tones.push(this.frequency.value); return start.call(this, at); };"


def chromium(driver: Any) -> Any:
    return driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


class Desk:
    """What went wrong in the page stands in `broken`."""

    def __init__(self, port: int, browser: Any, size: tuple[int, int] = WIDE) -> None:
        self._port = port
        self.page = browser.new_page(viewport={"width": size[0], "height": size[1]})
        self.broken: list[str] = []
        self.page.on("pageerror", lambda error: self.broken.append(str(error)))
        self.page.set_default_timeout(WAIT_MS)
        self.page.add_init_script(COUNT_TONES)
        self.open()

    def open(self) -> None:
        self.page.goto(f"http://127.0.0.1:{self._port}/")

    def login(self, name: str = "mk") -> None:
        self.sees("#login")
        self.page.fill("#name", name)
        self.page.fill("#password", PASSWORD)
        self.page.keyboard.press("Enter")
        self.sees(".card")

    def sees(self, what: str) -> None:
        self.page.wait_for_selector(f"{what}:visible")

    def sees_no(self, what: str) -> None:
        self.page.wait_for_selector(what, state="hidden")

    def says(self, text: str, where: str = "#said") -> None:
        self.page.wait_for_function(
            "([where, text]) => document.querySelector(where).textContent.includes(text)", arg=[where, text]
        )

    def says_exactly(self, text: str, where: str) -> None:
        self.page.wait_for_function(
            "([where, text]) => document.querySelector(where)?.textContent === text", arg=[where, text]
        )

    def type(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def choose(self, n: int) -> None:
        self.type(*str(n))
        self.says_exactly(f"Lane {n}", '.card[aria-current="true"] .name')

    def focused(self) -> str:
        return str(self.page.evaluate("document.activeElement.textContent"))

    def picture(self, name: str) -> None:
        PICTURES.mkdir(exist_ok=True)
        (PICTURES / f"console-{name}.png").write_bytes(self.page.screenshot())  # with a path, it would leave a thread

    def violations(self) -> list[Any]:
        found: dict[str, Any] = self.page.evaluate(AXE.read_text() + "; axe.run()")
        return [(each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]]
