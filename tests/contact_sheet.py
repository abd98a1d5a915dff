#!/usr/bin/env python3
"""Every picture of the traveller's screen on one sheet: each position, each language alone, and all of them at once.

    .venv/bin/python tests/contact_sheet.py           into .screenshots/sheet, which git ignores
    .venv/bin/python tests/contact_sheet.py --out DIR --size 1920x1080

The real `gatefw screen` in Debian's Chromium, before a display socket that says everything a lane may say. What the
browser tests left of console and technician's page stands below. Exit status 2: no Chromium or no Playwright is here.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from gatefw import unix_socket, wire_json  # noqa: E402
from gatefw.display import SOCKET  # noqa: E402
from gatefw.screen.album import lines  # noqa: E402
from gatefw.screen.picture import Picture, Place, picture  # noqa: E402
from gatefw.words import LANGUAGES, Words  # noqa: E402

CHROMIUM = Path("/usr/bin/chromium")
PICTURES = HERE.parent / ".screenshots"
SIZE = "540x960"
"""An upright kiosk of half the size."""
BEAT_S, PATIENCE_MS = 0.4, 60_000
COLUMNS = {**{each: (each,) for each in LANGUAGES}, "all": LANGUAGES}
TITLES = {"en": "English", "zh_Hant": "Traditional Chinese", "zh_Hans": "Simplified Chinese", "all": "all at once"}
SPOKEN = {column: [Words(each) for each in tongues] for column, tongues in COLUMNS.items()}
PATHS = {Place.FRONT: "front", Place.INSIDE: "inside", Place.WHOLE: ""}
SHOWN = """([sign, texts]) => document.getElementById("sign").dataset.sign === sign
    && JSON.stringify([...document.querySelectorAll("#words p")].map((p) => p.textContent)) === texts"""
STYLE = """
body { font: 14px sans-serif; margin: 16px; background: #fff; color: #111; }
table { border-collapse: collapse; } th { text-align: left; font-weight: 600; padding: 4px 8px; vertical-align: top; }
td { padding: 4px; } img { display: block; max-width: 280px; max-height: 280px; border: 1px solid #888; }
figure { display: inline-block; margin: 8px; vertical-align: top; } .pages img { max-width: 520px; max-height: none; }
"""


class Lane:
    """A display socket which says one line again and again to whoever listens."""

    def __init__(self, path: Path) -> None:
        self._listener = unix_socket.listen(path, 8)
        self._line, self._lock, self._over = b"", threading.Lock(), threading.Event()
        self._screens: list[Any] = []
        self._thread = threading.Thread(target=self._beats)
        self._thread.start()

    def say(self, line: Mapping[str, Any] | None) -> None:
        """None: nothing more."""
        with self._lock:
            self._line = b"" if line is None else wire_json.encode(line)
            self._tell()

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        for screen in self._screens:
            screen.close()
        self._listener.close()

    def _beats(self) -> None:
        while not self._over.wait(BEAT_S):
            with self._lock:
                self._tell()

    def _tell(self) -> None:
        try:
            while True:
                self._screens.append(self._listener.accept()[0])
        except BlockingIOError:
            pass
        for screen in self._screens:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it ends before the lane does
                screen.sendall(self._line)


@dataclass(frozen=True)
class Screens:
    """A process for each column; `addresses` by its name."""

    lane: Lane
    addresses: Mapping[str, str]
    browser: Any
    size: Mapping[str, int]

    def taken(self, out: Path) -> Iterator[tuple[Place, str, str]]:
        """Each picture of each position: the position, the picture's name and its file, less the column, in `out`.

        Two positions that show the same share a file.
        """
        files: dict[Picture, str] = {}
        for place in Place:
            with ExitStack() as held:
                pages = {column: held.enter_context(closing(self._page(column, place))) for column in COLUMNS}
                for name, line in lines():
                    wanted = {column: picture(line, place, words) for column, words in SPOKEN.items()}
                    file = f"{place}-{name}"
                    if wanted["all"] not in files:
                        self.lane.say(line)
                        for column, page in pages.items():
                            take(page, out / f"{file}-{column}.jpg", wanted[column])
                    yield place, name, files.setdefault(wanted["all"], file)
                self.lane.say(None)
                for column, page in pages.items():
                    page.wait_for_selector('body[data-tone="stop"]', timeout=PATIENCE_MS)
                    page.screenshot(path=out / f"{place}-silent-{column}.jpg", type="jpeg", quality=80)
                yield place, "silent", f"{place}-silent"

    def _page(self, column: str, place: Place) -> Any:
        page = self.browser.new_page(viewport=self.size, reduced_motion="reduce")
        page.goto(self.addresses[column] + PATHS[place])
        return page


def take(page: Any, path: Path, wanted: Picture) -> None:
    texts = json.dumps([text for _, text in wanted.words], ensure_ascii=False, separators=(",", ":"))
    page.wait_for_function(SHOWN, arg=[wanted.sign, texts], timeout=PATIENCE_MS)
    page.screenshot(path=path, type="jpeg", quality=80)


def begun(held: ExitStack, browser: Any, size: Mapping[str, int]) -> Screens:
    folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="sheet-")))
    (folder / SOCKET).parent.mkdir()
    lane, addresses = held.enter_context(closing(Lane(folder / SOCKET))), {}
    for column, tongues in COLUMNS.items():
        words = [sys.executable, "-m", "gatefw", "screen", "--port", "0", "--dir", str(folder)]
        words += ["--lang", column] if len(tongues) == 1 else []
        env = {**os.environ, "GATEFW_STATE": str(folder / column)}
        (folder / column).mkdir()
        process = subprocess.Popen(words, cwd=HERE.parent, env=env, stdout=subprocess.PIPE, text=True)
        held.callback(process.wait)
        held.callback(process.terminate)
        assert process.stdout is not None
        addresses[column] = held.enter_context(process.stdout).readline().strip()
    return Screens(lane, addresses, browser, size)


def sheet(taken: Mapping[Place, list[tuple[str, str]]], pages: list[str]) -> str:
    parts = ["<!doctype html><meta charset=utf-8><title>Every screen</title>", f"<style>{STYLE}</style>"]
    heads = "".join(f"<th>{TITLES[column]}" for column in COLUMNS)
    for place, shown in taken.items():
        parts.append(f"<section id={place}><h1>Traveller: {place} ({len(shown)})</h1><table><tr><th>{heads}")
        for name, file in shown:
            cells = "".join(f'<td><img src="{file}-{column}.jpg" alt="{name} {column}">' for column in COLUMNS)
            parts.append(f"<tr><th>{escape(name)}{cells}")
        parts.append("</table></section>")
    parts.append("<section id=pages class=pages><h1>Console and technician</h1>")
    parts += [f'<figure><img src="../{each}" alt=""><figcaption>{each}</figcaption></figure>' for each in pages]
    return "\n".join((*parts, "" if pages else "<p>no browser test ran", "</section>"))


def size(text: str) -> dict[str, int]:
    """Raises ValueError: no two numbers."""
    width, height = map(int, text.split("x"))
    return {"width": width, "height": height}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=PICTURES / "sheet", metavar="DIR")
    parser.add_argument("--size", type=size, default=size(SIZE), metavar="WxH", help=f"of the screen; else {SIZE}")
    asked = parser.parse_args()
    out: Path = asked.out
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        print("contact sheet: no Playwright here: pip install -e '.[browser]'", file=sys.stderr)
        return 2
    if not CHROMIUM.exists():
        print(f"contact sheet: no {CHROMIUM}: apt install chromium", file=sys.stderr)
        return 2
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("*.jpg"):
        old.unlink()
    began_s = time.monotonic()
    with ExitStack() as held:
        browser = held.enter_context(sync_playwright()).chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        held.callback(browser.close)
        taken: dict[Place, list[tuple[str, str]]] = {place: [] for place in Place}
        for place, name, file in begun(held, browser, asked.size).taken(out):
            if file not in (each for _, each in taken[place]):
                taken[place].append((name, file))
        pages = sorted(each.name for kind in ("console", "technician") for each in PICTURES.glob(f"{kind}*.png"))
        (out / "index.html").write_text(sheet(taken, pages), encoding="utf-8")
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        page.goto((out / "index.html").absolute().as_uri())
        for section in [*map(str, Place), "pages"]:
            page.locator(f"#{section}").screenshot(path=out / f"{section}.png")
    count = sum(map(len, taken.values()))
    print(f"{count} pictures in {len(COLUMNS)} columns, {time.monotonic() - began_s:.0f} s: {out / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
