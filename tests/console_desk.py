"""An officer before a real browser, at whichever console there is. Pictures of what they see go to .screenshots."""

import contextlib
import select
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from accessible import violations
from console_bench import PASSWORD

playwright = pytest.importorskip("playwright.sync_api", reason="pip install gatefw[browser]")
CHROMIUM = Path("/usr/bin/chromium")
IN_A_BROWSER = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium here: apt install chromium"),
]
PICTURES = Path(__file__).parents[1] / ".screenshots"
WIDE = (1920, 1080)
WAIT_MS = 30_000
COUNT_TONES = "const start = OscillatorNode.prototype.start; window.tones = []; OscillatorNode.prototype.start ="
COUNT_TONES += " function (at) { window.tones.push(this.frequency.value); return start.call(this, at); };"


def chromium(driver: Any) -> Any:
    return driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


class Cable:
    """Between a browser and `port`, at `Cable.port`.

    What was under way when it was `cut` arrives no more, and nobody is told; what is begun afterwards does.
    """

    def __init__(self, port: int) -> None:
        self._to, self._cuts, self._over = ("127.0.0.1", port), 0, threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def cut(self) -> None:
        self._cuts += 1

    def close(self) -> None:
        self._over.set()
        for thread in self._threads:  # grows no more once the first has ended
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        self._listener.settimeout(0.1)
        while not self._over.is_set():
            with contextlib.suppress(TimeoutError):
                near, _ = self._listener.accept()
                self._threads.append(threading.Thread(target=self._carry, args=(near, self._cuts)))
                self._threads[-1].start()

    def _carry(self, near: socket.socket, cuts: int) -> None:
        with near, contextlib.suppress(OSError), socket.create_connection(self._to) as far:
            ways = {near: far, far: near}
            while not self._over.is_set():
                for ready in select.select(ways, (), (), 0.1)[0]:
                    if not (chunk := ready.recv(65536)):
                        return
                    if cuts == self._cuts:
                        ways[ready].sendall(chunk)


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
        return violations(self.page)
