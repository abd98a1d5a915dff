"""Pins served by another process on a unix socket: gpiozero's pins, at the far end a simulated world.

One JSON object a line.
    to the world    {"claim": n, "direction": "in"|"out", "pull": "up"|"down"|"floating", "level": 0|1 (of an output)}
                    {"write": n, "level": 0|1}   {"free": n}
    from it         {"pin": n, "level": 0|1} after a claim and after every change   {"refused": n, "why": "..."}
The connection is the claim: when it ends, what the outputs do is the world's choice, as it is the kernel's after a
process died.
"""

import json
import logging
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from gpiozero.exc import PinSetInput
from gpiozero.pins.pi import PiFactory, PiPin

from gatefw.errors import DeviceLost, SetupError

_log = logging.getLogger(__name__)

_ANSWER_S = 2.0
_MAX_LINE_BYTES = 4096
_ANY_40_PIN_BOARD = 0xC03111
"""gpiozero wants a board to name header pins by; the 40-pin header has been the same on every one (here: Pi 4B 1.1)."""


class Connection:
    """One connection to a pin server: the claims of this process. A thread of its own reads what the server says.

    Every call raises DeviceLost, for ever, once the server went away or said what is no pin message.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._changed = threading.Condition()
        self._sending = threading.Lock()
        self._levels: dict[int, int] = {}
        self._refused: dict[int, str] = {}
        self._watchers: dict[int, Callable[[int], None]] = {}
        self._lost = ""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.settimeout(_ANSWER_S)
            self._socket.connect(path)
        except OSError as problem:
            self._socket.close()
            raise DeviceLost(f"pins socket:{path}: nobody answers: {problem}; is the world running?") from problem
        self._thread = threading.Thread(target=self._listen, name="pins", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> bool:
        with self._changed:
            return bool(self._lost)

    def claim(self, number: int, **how: object) -> None:
        """Claim a line and wait for its level. Raises DeviceLost when it is refused (held by another process)."""
        with self._changed:
            self._levels.pop(number, None)
            self._refused.pop(number, None)
        self.send({"claim": number, **how})
        with self._changed:
            self._changed.wait_for(lambda: number in self._levels or number in self._refused or self._lost, _ANSWER_S)
            if number in self._levels:
                return
            why = self._refused.pop(number, "") or self._lost or "no answer"
        raise DeviceLost(f"pins socket:{self._path}: cannot claim GPIO {number}: {why}")

    def send(self, message: dict[str, object]) -> None:
        line = json.dumps(message).encode() + b"\n"
        try:
            with self._sending:
                self._socket.sendall(line)
        except OSError as problem:
            self._end(str(problem))
            raise DeviceLost(f"pins socket:{self._path}: cannot send {message}: {problem}") from problem

    def level(self, number: int) -> int:
        with self._changed:
            if self._lost:
                raise DeviceLost(f"pins socket:{self._path}: cannot read GPIO {number}: {self._lost}")
            return self._levels[number]

    def watch(self, number: int, changed: Callable[[int], None] | None) -> None:
        with self._changed:
            if changed is None:
                self._watchers.pop(number, None)
            else:
                self._watchers[number] = changed

    def close(self) -> None:
        self._end("closed")
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _listen(self) -> None:
        buffered = b""
        with self._socket:
            while True:
                try:
                    received = self._socket.recv(65536)
                except TimeoutError:
                    continue
                except OSError as problem:
                    return self._end(str(problem))
                *lines, buffered = (buffered + received).split(b"\n")
                if not received or len(buffered) > _MAX_LINE_BYTES:
                    return self._end("the world went away" if not received else "the world sent no lines")
                for line in lines:
                    try:
                        self._take(json.loads(line))
                    except (ValueError, TypeError, KeyError, RecursionError) as problem:
                        return self._end(f"{line[:80]!r} is no pin message: {problem!r}")

    def _take(self, message: dict[str, Any]) -> None:
        watcher = None
        with self._changed:
            if "refused" in message:
                number, why = int(message["refused"]), str(message.get("why", "refused"))
                if number in self._levels:
                    raise ValueError(f"GPIO {number}, which is ours, is refused: {why}")
                self._refused[number] = why
            else:
                number, level = int(message["pin"]), int(message["level"])
                watcher = self._watchers.get(number) if self._levels.get(number, level) != level else None
                self._levels[number] = level
            self._changed.notify_all()
        if watcher is not None:
            _call(watcher, level)

    def _end(self, why: str) -> None:
        """The first cause is kept. Everybody who waits or watches learns it."""
        with self._changed:
            if self._lost:
                return
            self._lost = why
            watchers = {} if why == "closed" else dict(self._watchers)
            self._changed.notify_all()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        for watcher in watchers.values():
            _call(watcher, 0)


def _call(watcher: Callable[[int], None], level: int) -> None:
    try:
        watcher(level)
    except Exception:  # noqa: BLE001  the other pins must go on
        _log.exception("a callback of a pin")


class SocketFactory(PiFactory):  # type: ignore[misc]
    """The pins at `path`. Raises SetupError when nobody listens there.

    When the world goes away every call raises DeviceLost and every watched pin is called once, so that its owner reads
    and learns it. The next claim connects anew: as with a board that is back, owners open their devices again.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self.pin_class = SocketPin
        self._path = path
        self._connecting = threading.Lock()
        try:
            self._connection = Connection(path)
        except DeviceLost as problem:
            raise SetupError(str(problem)) from problem

    def _get_revision(self) -> int:
        return _ANY_40_PIN_BOARD

    @staticmethod
    def ticks() -> float:
        return time.monotonic()

    @staticmethod
    def ticks_diff(later: float, earlier: float) -> float:
        return later - earlier

    def connection(self) -> Connection:
        """The connection of a new claim: another one when the last is lost. Raises DeviceLost."""
        with self._connecting:
            if self._connection.lost:
                self._connection.close()
                self._connection = Connection(self._path)
            return self._connection

    def close(self) -> None:
        """End the connection: the world does with our outputs what its kernel does."""
        self._connection.close()
        self.pins.clear()


class SocketPin(PiPin):  # type: ignore[misc]
    """One pin. Its claims hold on the connection they were made on, and are lost with it."""

    def __init__(self, factory: SocketFactory, info: Any) -> None:
        super().__init__(factory, info)
        self._connection: Connection | None = None
        self._function, self._pull, self._driven = "input", info.pull or "floating", False

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.watch(self._number, None)
            connection.send({"free": self._number})

    def input_with_pull(self, pull: str) -> None:
        self._claim("in", pull=pull)
        self._function, self._pull = "input", pull

    def output_with_state(self, state: bool) -> None:
        self._claim("out", level=int(state))
        self._function, self._driven = "output", state

    def _claim(self, direction: str, **how: object) -> None:
        connection = self._factory.connection()
        connection.claim(self._number, direction=direction, **how)
        self._connection = connection

    def _claimed(self) -> Connection:
        if self._connection is None:
            raise DeviceLost(f"{self!r}: not claimed")
        return self._connection

    def _get_function(self) -> str:
        return self._function

    def _set_function(self, value: str) -> None:
        if value == "output":
            self.output_with_state(False)
        else:
            self.input_with_pull(self._pull)

    def _get_state(self) -> bool:
        level = self._claimed().level(self._number)
        return self._driven if self._function == "output" else bool(level)

    def _set_state(self, value: bool) -> None:
        if self._function != "output":
            raise PinSetInput(f"{self!r} is an input: it cannot be driven")
        self._claimed().send({"write": self._number, "level": int(value)})
        self._driven = bool(value)

    def _get_pull(self) -> str:
        return self._pull

    def _set_pull(self, value: str) -> None:
        self.input_with_pull(value)

    def _get_edges(self) -> str:
        return "both"

    def _set_edges(self, value: str) -> None:
        if value != "both":
            raise ValueError(f"{self!r}: edges {value!r}: this world tells of both")

    def _enable_event_detect(self) -> None:
        self._claimed().watch(self._number, self._changed_to)

    def _changed_to(self, level: int) -> None:
        if self._when_changed is not None:
            self._call_when_changed(self._factory.ticks(), level)

    def _disable_event_detect(self) -> None:
        if self._connection is not None:
            self._connection.watch(self._number, None)
