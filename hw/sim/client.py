"""How tests and the demo start a world, act in it, and wait for what happens."""

import errno
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from hw.sim.history import Entry
from hw.sim.settings import CONTROL

LISTENS_S = 2.0  # a socket has its name a moment before anybody listens
ANSWER_S = 60.0  # a world on a busy machine is slow, not gone


class WorldRefused(Exception):
    """The world cannot do what was asked, or it is gone; the message says which and why."""


class WorldClient:
    """A connection to a world's control socket. Not for several threads at once."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._control = _Lines(directory / CONTROL)
        self._stream: _Lines | None = None
        self.seen: list[Entry] = []
        """The world's history as far as `wait_for` has read it."""

    def do(self, what: str, **facts: Any) -> dict[str, Any]:
        """Ask for one thing of `control` and return the answer. Raises WorldRefused."""
        self._control.send({"do": what, **facts})
        answer = self._control.receive(time.monotonic() + ANSWER_S)
        if answer is None or not answer["ok"]:
            raise WorldRefused(f"{what} {facts}: {'no answer' if answer is None else answer['why']}")
        return answer

    def traveller(self, name: str, script: str = "traveller", walk_m_s: float | None = None, **with_: Any) -> None:
        """Somebody comes and acts by a script of `people`; `outcome` awaits the end."""
        self.do("traveller", name=name, script=script, walk_m_s=walk_m_s, **{"with": with_})

    def outcome(self, name: str, deadline_s: float) -> str:
        """How the script of this person ended. Raises TimeoutError."""
        finished = self.wait_for(lambda entry: entry.says("finished", person=name), deadline_s, f"{name} to finish")
        return str(finished["outcome"])

    def history(self) -> list[Entry]:
        return [Entry.from_json(message) for message in self.do("history")["history"]]

    def violations(self) -> list[dict[str, Any]]:
        """What must never happen and did, each with the world's own faults at that moment."""
        return list(self.do("violations")["violations"])

    def crossings(self) -> list[tuple[str, str, str]]:
        """(person, door, to which place), in order."""
        return [(each["person"], each["door"], each["to"]) for each in self.do("violations")["crossings"]]

    def mark(self) -> int:
        """The number of the newest entry: `wait_for(..., after=mark)` then sees only what comes later."""
        return len(self.do("history")["history"])

    def wait_for(self, so: Callable[[Entry], bool], deadline_s: float, what: str = "that", after: int = 0) -> Entry:
        """The first entry after number `after` for which it is so, past or to come. Raises TimeoutError."""
        ends_s = time.monotonic() + deadline_s
        if self._stream is None:
            self._stream = _Lines(self._directory / CONTROL)
            self._stream.send({"do": "subscribe"})
            self._stream.receive(ends_s)
        for index in range(after, sys.maxsize):
            while index >= len(self.seen):
                message = self._stream.receive(ends_s)
                if message is None:
                    last = "; ".join(f"{entry.kind} {dict(entry.facts)}" for entry in self.seen[-5:])
                    raise TimeoutError(f"waited {deadline_s} s for {what}; the last that happened: {last}")
                self.seen.append(Entry.from_json(message))
            if so(self.seen[index]):
                return self.seen[index]
        raise AssertionError("a history is never that long")

    def close(self) -> None:
        self._control.close()
        if self._stream is not None:
            self._stream.close()

    def __enter__(self) -> "WorldClient":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextmanager
def launched(
    directory: Path,
    config: Path,
    *,
    keep: bool = False,
    photos: Path | None = None,
    hardware_limit_s: float | None = None,
) -> Iterator[WorldClient]:
    """Run a world in a process of its own, which ends with this block or with this process, whichever is first."""
    command = [sys.executable, "-m", "hw.sim", "--dir", str(directory), "--config", str(config), "--until-eof"]
    command += ["--pins", "keep" if keep else "drop"]
    command += ["--photos", str(photos)] if photos else []
    command += ["--hardware-limit-s", str(hardware_limit_s)] if hardware_limit_s else []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            if process.stdout.readline() != b"ready\n":
                raise WorldRefused(f"{' '.join(command)} did not start; what it says is on standard error")
            with WorldClient(directory) as client:
                yield client
        finally:
            process.terminate()


class _Lines:
    """One JSON object a line over a unix socket."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        ends_s = time.monotonic() + LISTENS_S
        try:
            while (found := self._socket.connect_ex(os.fspath(path))) == errno.ECONNREFUSED:
                if time.monotonic() > ends_s:
                    break
                time.sleep(0.01)  # nobody tells when it listens
            if found:
                raise OSError(found, os.strerror(found))
        except OSError as problem:
            self._socket.close()
            raise WorldRefused(f"no world answers at {path} ({problem}); start one with python -m hw.sim") from problem
        self._unread = b""

    def send(self, message: dict[str, Any]) -> None:
        self._socket.settimeout(ANSWER_S)
        self._socket.sendall(json.dumps(message).encode() + b"\n")

    def receive(self, ends_s: float) -> dict[str, Any] | None:
        """The next message, or None when none came in time. Raises WorldRefused when the world is gone."""
        while b"\n" not in self._unread:
            self._socket.settimeout(max(0.001, ends_s - time.monotonic()))
            try:
                received = self._socket.recv(1 << 16)
            except TimeoutError:
                return None
            if not received:
                raise WorldRefused("the world has ended")
            self._unread += received
        line, _, self._unread = self._unread.partition(b"\n")
        return dict(json.loads(line))

    def close(self) -> None:
        self._socket.close()
