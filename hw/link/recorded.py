"""Dialogues that are written down as they happen, and played back.

A dialogue file has one line for every read and write: seconds since the link was opened, `<` (from the device) or `>`
(to the device), the bytes in hex; `#` begins a comment. `... < lost` is where the device went away.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from gatefw.errors import DeviceLost, FaultError, SetupError
from hw.link.protocol import Link


class ReplayMismatch(FaultError):
    """A driver wrote something else than the recorded dialogue says. A test's error, never a device's."""


class SpyLink:
    """A link that also writes every dialogue to a file, in the form that `replay:` plays."""

    def __init__(self, path: Path, inner: Link, url: str, now_s: Callable[[], float] = time.monotonic) -> None:
        self._inner, self._now_s, self._opened_s = inner, now_s, now_s()
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as problem:
            inner.close()
            raise SetupError(f"spy:{path}: cannot record there: {problem}") from problem
        self._file: IO[str] = os.fdopen(descriptor, "w", encoding="ascii", buffering=1)
        self._file.write(f"# {url}\n")

    def read(self, max_bytes: int, timeout_s: float) -> bytes:
        try:
            data = self._inner.read(max_bytes, timeout_s)
        except DeviceLost:
            self._note("<", "lost")
            raise
        if data:
            self._note("<", data.hex())
        return data

    def write(self, data: bytes) -> None:
        self._note(">", data.hex())
        self._inner.write(data)

    def flush_input(self) -> None:
        self._inner.flush_input()

    def close(self) -> None:
        self._file.close()
        self._inner.close()

    def _note(self, direction: str, what: str) -> None:
        self._file.write(f"{self._now_s() - self._opened_s:.6f} {direction} {what}\n")


class ReplayLink:
    """A recorded device: says what it said, once the driver has written what it wrote before. Plays without waiting.

    Every open starts at the top of the file. Raises ReplayMismatch when the driver writes anything else, DeviceLost
    where the recording says so and at its end.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._idle = path, threading.Event()
        self._script: deque[tuple[int, str, bytes | None]] = deque(_dialogue(path))

    def read(self, max_bytes: int, timeout_s: float) -> bytes:
        if not self._script:
            raise DeviceLost(f"replay:{self._path}: the recording is over")
        line, direction, data = self._script[0]
        if direction == ">":
            self._idle.wait(timeout_s)
            return b""
        self._script.popleft()
        if data is None:
            raise DeviceLost(f"replay:{self._path}:{line}: lost, as recorded")
        if len(data) > max_bytes:
            self._script.appendleft((line, direction, data[max_bytes:]))
        return data[:max_bytes]

    def write(self, data: bytes) -> None:
        while data:
            line, direction, expected = self._script[0] if self._script else (0, ">", b"nothing more")
            if direction != ">" or expected is None or not (data.startswith(expected) or expected.startswith(data)):
                raise ReplayMismatch(
                    f"replay:{self._path}:{line}: the driver wrote {data.hex()}, the recording has "
                    f"{direction} {'lost' if expected is None else expected.hex()}"
                )
            self._script.popleft()
            if len(expected) > len(data):
                self._script.appendleft((line, direction, expected[len(data) :]))
            data = data[len(expected) :]

    def flush_input(self) -> None:
        """Nothing to forget: a recording holds only what was read."""

    def close(self) -> None:
        self._script.clear()
        self._idle.set()


def _dialogue(path: Path) -> Iterator[tuple[int, str, bytes | None]]:
    try:
        lines = path.read_text("ascii").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise SetupError(f"replay:{path}: cannot be read: {problem}") from problem
    for number, line in enumerate(lines, 1):
        if not line or line.startswith("#"):
            continue
        try:
            _, direction, what = line.split(" ")
            data = None if what == "lost" else bytes.fromhex(what)
        except ValueError as problem:
            raise SetupError(f"replay:{path}:{number}: {line!r} is not SECONDS < or > HEX") from problem
        if direction not in ("<", ">") or (direction == ">" and data is None):
            raise SetupError(f"replay:{path}:{number}: {line!r} is not SECONDS < or > HEX")
        yield number, direction, data
