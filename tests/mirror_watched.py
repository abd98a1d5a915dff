"""A screen at a real gate, and a browser before it that sees the mirror."""

import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from live_gate import DEADLINE_S, LiveGate

from gatefw.mirror_wire import Shown, decode


class Watched:
    """A browser before the screen of a gate, which asks for one picture after the other."""

    def __init__(self, address: str) -> None:
        self.seen: list[Shown] = []
        self._address, self._over = address, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.02):
            with urllib.request.urlopen(f"{self._address}mirror", timeout=DEADLINE_S) as answer:
                told = answer.read()
            if answer.status == 200:
                self.seen.append(decode(told))


@contextmanager
def watched(gate: LiveGate) -> Iterator[Watched]:
    words = [sys.executable, "-m", "gatefw", "-v", "screen", "--port", "0", "--dir", str(gate.run)]
    with (
        (gate.run / "screen.log").open("wb") as log,
        subprocess.Popen(words, env=gate.env, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        assert process.stdout is not None
        browser = Watched(process.stdout.readline().strip())
        try:
            yield browser
        finally:
            browser.close()
            process.terminate()
