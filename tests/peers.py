"""What sits at the far end of a wire in these tests: a device on a pty, pins on a socket, a camera on a socket."""

import json
import os
import select
import socket
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], what: str = "", deadline_s: float = 30.0) -> T:
    """Wait for a condition of another thread and return what it is; fail with its name when it does not come."""
    end_s, pause = time.monotonic() + deadline_s, threading.Event()
    while not (found := condition()):
        assert time.monotonic() < end_s, f"still not so after {deadline_s} s: {what or condition}"
        pause.wait(0.002)
    return found


def without_coverage() -> dict[str, str]:
    """The environment of a process that is not to be measured."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}


@contextmanager
def without_rights(path: Path) -> Iterator[None]:
    """Meanwhile this process may not read that file, also where the tests are run as root."""
    user, mode = os.geteuid(), path.stat().st_mode
    path.chmod(0)
    try:
        if user == 0:
            os.seteuid(65534)
        yield
    finally:
        os.seteuid(user)
        path.chmod(mode)


class PtyDevice:
    """A serial device that can be plugged and unplugged; `link` is the stable path a driver opens."""

    def __init__(self, link: Path) -> None:
        self.link, self._master = link, -1

    def plug(self) -> None:
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self.link.unlink(missing_ok=True)
        self.link.symlink_to(os.ttyname(slave))
        os.close(slave)

    def unplug(self) -> None:
        if self._master >= 0:
            self.link.unlink(missing_ok=True)
            os.close(self._master)
            self._master = -1

    def send(self, data: bytes) -> None:
        os.write(self._master, data)

    def received(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            assert select.select([self._master], [], [], 30.0)[0], f"only {data!r} came"
            data += os.read(self._master, count - len(data))
        return data


class _Server:
    """A unix socket with one thread, one client at a time, and an orderly end."""

    def __init__(self, path: Path) -> None:
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen()
        self._client: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            self._client = client
            with client, suppress(OSError):
                self.talk(client)
            self._client = None

    def talk(self, client: socket.socket) -> None:
        raise NotImplementedError

    @property
    def connected(self) -> bool:
        return self._client is not None

    def say(self, data: bytes) -> None:
        assert self._client is not None
        self._client.sendall(data)

    def hang_up(self) -> None:
        if self._client is not None:
            with suppress(OSError):
                self._client.shutdown(socket.SHUT_RDWR)
            until(lambda: not self.connected, "the client is let go")

    def close(self) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self.hang_up()
        self._thread.join()
        self._listening.close()


class PinServer(_Server):
    """The world's end of the pin socket. `log` is every message that came; pins in `taken` belong to somebody else."""

    def __init__(self, path: Path) -> None:
        self.levels: dict[int, int] = {}
        self.log: list[dict[str, object]] = []
        self.taken: set[int] = set()
        super().__init__(path)

    def talk(self, client: socket.socket) -> None:
        with client.makefile("rb") as lines:
            for line in lines:
                message = json.loads(line)
                self.log.append(message)
                number = message.get("claim", message.get("write"))
                if number in self.taken:
                    self.tell({"refused": number, "why": "EBUSY: claimed by another process"})
                elif number is not None:
                    unpowered = self.levels.get(number, int(message.get("pull") == "up"))
                    self.levels[number] = message.get("level", unpowered)
                    if "claim" in message:
                        self.tell({"pin": number, "level": self.levels[number]})

    def drive(self, number: int, level: int) -> None:
        self.levels[number] = level
        if self.connected:
            self.tell({"pin": number, "level": level})

    def tell(self, message: dict[str, object]) -> None:
        self.say(json.dumps(message).encode() + b"\n")


class FrameServer(_Server):
    """The world's end of the frame socket: says what the test tells it to."""

    def talk(self, client: socket.socket) -> None:
        while client.recv(1):
            pass

    def picture(self, jpeg: bytes) -> None:
        self.say(len(jpeg).to_bytes(4, "big") + jpeg)
