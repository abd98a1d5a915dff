"""The traveller's screen: from a line on the display socket to the pixel, and what its process takes.

`line to pixel`: the supervisor's line leaves -> Chromium has painted what it says, through the real `gatefw screen`.
Peers: `bare to pixel`, the same line through a Starlette page that streams it as it is; `frame`, what the browser takes
from one picture to the next, of which a change waits for one at most. Without Chromium and Playwright these three are
left out, with the reason. `pss`, `cpu` are of the process that serves, before one browser: `idle`, while the lane
repeats itself twice a second; `busy`, with ten lines a second, far more than a lane has. A `cpu` of 10 ms/s is one per
cent of a core. `bare` is the same page as above.
"""

import os
import random
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.harness import Row, Samples, rotate, row
from bench.live import ROOT
from bench.memory import rollup_bytes
from gatefw import unix_socket, wire_json
from gatefw.display import BEAT_S, SOCKET
from gatefw.screen.album import lines

ROUNDS = 200
WINDOWS, WINDOW_S, BUSY_S = 5, 3.0, 0.1
WARM = 5
CHROMIUM = Path("/usr/bin/chromium")
PROGRAMS = {
    "screen": ("gatefw", "screen", "--port", "0", "--dir"),
    "bare": ("bench.screen_peer",),
}
NEXT = """() => { window.painted = new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error("nothing new was shown for half a minute")), 30000);
    const seen = new MutationObserver(() => {
        seen.disconnect();
        requestAnimationFrame(() => {
            const after = new MessageChannel();
            after.port1.onmessage = () => resolve((performance.timeOrigin + performance.now()) / 1000);
            after.port2.postMessage(0);
        });
    });
    seen.observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
}); }"""
FRAME = """() => new Promise((resolve) => requestAnimationFrame((first) =>
    requestAnimationFrame((second) => resolve((second - first) / 1000))))"""


class Display:
    """The supervisor's end of the socket: says a line at once, and again at each beat."""

    def __init__(self, path: Path) -> None:
        self._listener = unix_socket.listen(path, 8)
        self._lines = [wire_json.encode(line) for name, line in lines() if name in ("idle", "verifying")]
        self._screens: list[Any] = []
        self._lock, self._over, self.every_s = threading.Lock(), threading.Event(), BEAT_S
        self._thread = threading.Thread(target=self._beats)
        self._thread.start()

    def change(self) -> float:
        """Says the other line; when that left."""
        with self._lock:
            self._lines.reverse()
            now_s = time.time()
            self._tell()
        return now_s

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        for each in (*self._screens, self._listener):
            each.close()

    def _beats(self) -> None:
        while not self._over.wait(self.every_s):
            if self.every_s < BEAT_S:
                self.change()
            else:
                with self._lock:
                    self._tell()

    def _tell(self) -> None:
        with suppress(BlockingIOError):
            while True:
                self._screens.append(self._listener.accept()[0])
        for screen in self._screens:
            with suppress(OSError):  # it ended
                screen.sendall(self._lines[0])


def run(rounds: int) -> list[Row]:
    """A row for each. Raises OSError when a server does not start."""
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        (folder / SOCKET).parent.mkdir()
        display = held.enter_context(closing(Display(folder / SOCKET)))
        servers = {name: held.enter_context(_served((*words, str(folder)), folder)) for name, words in PROGRAMS.items()}
        pixels = _pixels(display, {name: address for name, (_, address) in servers.items()}, rounds)
        takes = _takes(display, servers, min(rounds, WINDOWS))
    found = [_pixel_row(pixels, name) for name in pixels]
    for what, unit, scale in (("pss idle", "MB", 1e-6), ("pss busy", "MB", 1e-6), ("cpu idle", "ms/s", 1e3),
                              ("cpu busy", "ms/s", 1e3)):  # fmt: skip
        found += [row(takes, f"{name} {what}", unit, scale, (f"bare {what}",)) for name in PROGRAMS]
    return found


# ---------------------------------------------------------------- to the pixel


def _pixels(display: Display, addresses: Mapping[str, str], rounds: int) -> Samples:
    """Seconds of each; nothing where there is no browser, and that is said."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        print("bench screen: no Playwright, so no pixels: pip install -e '.[browser]'", file=sys.stderr)
        return {}
    if not CHROMIUM.exists():
        print(f"bench screen: no {CHROMIUM}, so no pixels: apt install chromium", file=sys.stderr)
        return {}
    with ExitStack() as held:
        chromium = held.enter_context(sync_playwright()).chromium
        subjects: dict[str, Callable[[], float]] = {}
        for name, address in addresses.items():
            browser = chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])  # each before everybody's eyes
            held.callback(browser.close)
            page = browser.new_page(viewport={"width": 1080, "height": 1920})
            page.goto(address)
            page.wait_for_selector("#words:not(:empty)")
            subjects["line to pixel" if name == "screen" else f"{name} to pixel"] = _painted(display, page)
            frame = page
        subjects["frame"] = lambda: float(frame.evaluate(FRAME))
        rotate(subjects, WARM)
        return rotate(subjects, rounds)


def _painted(display: Display, page: Any) -> Callable[[], float]:
    draw = random.Random(8)

    def sample() -> float:
        time.sleep(draw.uniform(0.0, 0.05))  # not in step with the browser's pictures
        page.evaluate(NEXT)
        left_s = display.change()
        return float(page.evaluate("() => window.painted")) - left_s

    return sample


def _pixel_row(samples: Samples, name: str) -> Row:
    ordered = sorted(samples[name])
    p95_ms = 1e3 * ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]
    return replace(row(samples, name, "ms", 1e3, ("bare to pixel", "frame")), note=f"p95 {p95_ms:.1f} ms")


# ---------------------------------------------------------------- what it takes


def _takes(display: Display, servers: Mapping[str, tuple[int, str]], windows: int) -> Samples:
    samples: Samples = {}
    with ExitStack() as held:
        for _, address in servers.values():
            held.enter_context(_followed(address))
        for _ in range(windows):
            for how, every_s in (("idle", BEAT_S), ("busy", BUSY_S)):
                display.every_s = every_s
                time.sleep(BEAT_S)
                before = {name: _cpu_s(pid) for name, (pid, _) in servers.items()}
                time.sleep(WINDOW_S)
                for name, (pid, _) in servers.items():
                    samples.setdefault(f"{name} cpu {how}", []).append((_cpu_s(pid) - before[name]) / WINDOW_S)
                    samples.setdefault(f"{name} pss {how}", []).append(rollup_bytes(pid, "pss"))
    return samples


def _cpu_s(pid: int) -> float:
    """Seconds on a processor, of all threads."""
    told = (each.read_text() for each in Path(f"/proc/{pid}/task").glob("*/schedstat"))
    return sum(int(each.split()[0]) for each in told) / 1e9


@contextmanager
def _served(module: tuple[str, ...], state: Path) -> Iterator[tuple[int, str]]:
    env = {**os.environ, "GATEFW_STATE": str(state)}
    words = [sys.executable, "-m", *module]
    with subprocess.Popen(words, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            address = process.stdout.readline().strip()
            if not address:
                raise OSError(f"{' '.join(module)} did not start")
            yield process.pid, address
        finally:
            process.terminate()


@contextmanager
def _followed(address: str) -> Iterator[None]:
    """Somebody reads the stream, as a browser does."""
    with urllib.request.urlopen(f"{address}shown") as stream:
        reader = threading.Thread(target=lambda: [None for _ in stream])
        reader.start()
        try:
            yield
        finally:
            stream.fp.raw._sock.shutdown(2)
            reader.join()
