"""`gatefw screen` as a process that may be killed, and Debian's Chromium before it."""

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = Path("/usr/bin/chromium")
PICTURES = Path(__file__).parents[1] / ".screenshots"
MAIN = "import sys; from gatefw.cli import main; sys.exit(main())"
SHOWN_MS = 60_000
NEEDED = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium here: apt install chromium"),
]
_WATCH = """
window.seen = [];
addEventListener("DOMContentLoaded", () => {
  const sign = document.getElementById("sign");
  new MutationObserver(() => {
    if (window.seen.at(-1) !== sign.dataset.sign) window.seen.push(sign.dataset.sign);
  }).observe(sign, { attributes: true });
});
"""


class Kiosk:
    """A screen of the gate whose sockets are below `run`; `known` is where it keeps what it was told of its lane."""

    def __init__(self, run: Path, known: Path, held: ExitStack, *options: str) -> None:
        self.port, self._run, self._known, self._options = 0, run, known, options
        held.callback(lambda: self.kill())
        self.start()
        started = pytest.importorskip("playwright.sync_api", reason="pip install gatefw[browser]").sync_playwright()
        self._browser = held.enter_context(started).chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        held.callback(self._browser.close)

    def start(self) -> None:
        """On the same port as before."""
        words = [sys.executable, "-c", MAIN, "screen", "--port", str(self.port), "--dir", str(self._run)]
        env = {**os.environ, "GATEFW_STATE": str(self._known)}
        self.process = subprocess.Popen([*words, *self._options], stdout=subprocess.PIPE, text=True, env=env)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline().rstrip("/\n").rpartition(":")[2])

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def opened(self, path: str = "/", width: int = 800, height: int = 1000, before: str = "") -> Any:
        """A page of its own; `seen` in it is every sign that it has shown. `before` is run in it first."""
        page = self._browser.new_page(viewport={"width": width, "height": height})
        page.add_init_script(_WATCH + before)
        page.goto(f"http://127.0.0.1:{self.port}{path}")
        return page


def shows(page: Any, sign: str) -> None:
    page.wait_for_selector(f'#sign[data-sign="{sign}"] div[data-of="{sign}"]:visible', timeout=SHOWN_MS)
