"""A Modbus RTU line as drivers use it: one half-duplex wire, several units, each spoken to by a driver of its own.

Drivers that name the same link share it: the first `join` opens the line, the last one to leave closes it. One
question is on the wire at a time; what is urgent (a command, the contacts) goes before any waiting poll. A unit that
is silent fails its own driver alone; a line that is lost fails all of them, and the next `join` opens it anew. Every
question is one that may be asked twice.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from gatefw.errors import BadReply, DeviceError, DeviceLost, WrongDevice
from hw.link import Link, open_link
from hw.wire.modbus_rtu import FRAME_BYTES, Function, Refused, Reply, Request

GAP_S = 0.004  # between frames: 3.5 characters at 9600 baud (Modbus over Serial Line V1.02, 2.5.1.1)
_log = logging.getLogger(__name__)
DRAIN_S, DRAIN_MAX_S = 0.03, 0.3
ROUND_STUCK_S = 2.0  # beside what its questions may take
TURN_S = 5.0  # who waits so long for the wire waits for a port that hangs


class Line:
    """One wire. `ask` is for any thread; whoever has its turn owns the link."""

    def __init__(
        self, link: Link, name: str, now_s: Callable[[], float] = time.monotonic, turn_s: float = TURN_S
    ) -> None:
        self._link, self._name, self._now_s, self._turn_s = link, name, now_s, turn_s
        self._changed = threading.Condition()
        self._busy, self._urgent = False, 0
        self._late = False  # an answer may still be under way that nobody waits for any more
        self._ended_s = -GAP_S
        self._lost: str = ""

    @property
    def lost(self) -> bool:
        return bool(self._lost)

    @property
    def waiting_urgently(self) -> int:
        return self._urgent

    def ask(self, request: Request, reply_s: float, *, urgent: bool = False) -> tuple[int, ...]:
        """The values of the reply. Raises DeviceLost (the line, or nothing from the unit within `reply_s`), Refused."""
        with self._turn(urgent):
            if self._lost:
                raise DeviceLost(self._lost)
            try:
                found = self._exchange(request, reply_s)
            except DeviceLost as problem:
                self._lost = self._lost or str(problem)
                raise
            finally:
                self._ended_s = self._now_s()
                if self._lost:  # perhaps by somebody who did not wait for us any longer
                    self._link.close()
        if found is None:
            raise DeviceLost(
                f"Modbus {self._name}: {request}: no valid reply within {reply_s:g} s; is this unit wired, powered, "
                "and set to this number, baud rate and parity?"
            )
        return found

    def close(self) -> None:
        """At once, or, where somebody hangs in it, when that returns."""
        self._lost = self._lost or f"Modbus {self._name}: the line was closed"
        with suppress(DeviceLost), self._turn(urgent=True):
            self._link.close()

    @contextmanager
    def _turn(self, urgent: bool) -> Iterator[None]:
        with self._changed:
            self._urgent += urgent
            came = self._changed.wait_for(lambda: not self._busy and (urgent or not self._urgent), self._turn_s)
            self._urgent -= urgent
            if not came:
                self._changed.notify_all()
                self._lost = self._lost or (
                    f"Modbus {self._name}: an earlier question has not ended for {self._turn_s:g} s: the port hangs; "
                    "pull its plug, or restart the machine"
                )
                raise DeviceLost(self._lost)
            self._busy = True
        try:
            yield
        finally:
            with self._changed:
                self._busy = False
                self._changed.notify_all()

    def _exchange(self, request: Request, reply_s: float) -> tuple[int, ...] | None:
        if self._late:
            self._drain()
        if (rest_s := self._ended_s + GAP_S - self._now_s()) > 0:
            time.sleep(rest_s)  # the silence by which a frame begins
        self._link.flush_input()
        self._link.write(request.encode())
        reply, ends_s = Reply(request), self._now_s() + reply_s
        self._late = True
        while (left_s := ends_s - self._now_s()) > 0:
            try:
                found = reply.feed(self._link.read(FRAME_BYTES, left_s))
            except Refused:
                self._late = False
                raise
            if found is not None:
                self._late = False
                return found
        return None

    def _drain(self) -> None:
        """Until the wire is silent: what comes too late must not be taken for the answer to the next question."""
        ends_s = self._now_s() + DRAIN_MAX_S
        while self._now_s() < ends_s and self._link.read(FRAME_BYTES, DRAIN_S):
            pass


_lines: dict[str, tuple[Line, int]] = {}
_units: dict[tuple[str, int], "Unit"] = {}
_locks: dict[str, threading.Lock] = {}


def _lock(url: str) -> threading.Lock:
    """Of one line: a port that hangs while it is opened keeps nobody from another one."""
    return _locks.setdefault(url, threading.Lock())


class Unit:
    """One unit on a shared line. `close` leaves the line, and closes it after the last unit has left."""

    def __init__(self, line: Line, number: int, reply_s: float, leave: Callable[[], None] = lambda: None) -> None:
        self._line, self._leave, self.number, self._reply_s = line, leave, number, reply_s
        self._closed = False

    def read(self, address: int, count: int) -> tuple[int, ...]:
        """Holding registers. Raises DeviceLost, BadReply (it refused)."""
        return self._ask(Request(self.number, Function.READ_HOLDING, address, count))

    def inputs(self, first: int, count: int) -> tuple[int, ...]:
        """Discrete inputs as 0 and 1, before any waiting poll: fire is among them. Raises DeviceLost, BadReply."""
        return self._ask(Request(self.number, Function.READ_INPUTS, first, count), urgent=True)

    def write(self, address: int, value: int) -> None:
        """One register, before any waiting poll. Raises DeviceLost, BadReply (it refused)."""
        self._ask(Request(self.number, Function.WRITE_REGISTER, address, value=value), urgent=True)

    def write_checked(self, address: int, value: int, what: str) -> None:
        """Write a register and see that it holds. Raises WrongDevice: it does not take this value."""
        self.write(address, value)
        (found,) = self.read(address, 1)
        if found != value:
            raise WrongDevice(
                f"unit {self.number}: {what} (register {address}) was set to {value} and reads {found}: another "
                "device, or a value that it does not allow; compare the register map with its manual"
            )

    def prove(self, address: int, identity: int) -> None:
        """See that two registers hold `identity` (high word first). Raises WrongDevice, DeviceLost."""
        try:
            high, low = self.read(address, 2)
        except BadReply as problem:
            raise WrongDevice(
                f"unit {self.number} has no identity at registers {address}, {address + 1}: {problem}"
            ) from problem
        if (found := high << 16 | low) != identity:
            raise WrongDevice(
                f"unit {self.number} says it is {found:#010x}, wanted is {identity:#010x}: another device sits there"
            )

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._leave()

    def _ask(self, request: Request, *, urgent: bool = False) -> tuple[int, ...]:
        if self._closed:
            raise DeviceLost(f"unit {self.number}: was closed")
        try:
            return self._ask_once(request, urgent)
        except DeviceLost:
            if self._line.lost:
                raise
        return self._ask_once(request, urgent)  # one frame that noise broke is not a lost unit; two in a row are

    def _ask_once(self, request: Request, urgent: bool) -> tuple[int, ...]:
        try:
            return self._line.ask(request, self._reply_s, urgent=urgent)
        except Refused as problem:
            raise BadReply(f"{problem}; compare the register map with the device's manual") from problem


def join(url: str, number: int, reply_s: float) -> Unit:
    """A unit on the line of this link, which is opened if it is not open. Raises DeviceLost, SetupError.

    A unit is one device: whoever had it before was left behind, and says nothing more to it.
    """
    with _lock(url):
        line, users = _lines.get(url, (None, 0))
        if line is None or line.lost:
            line, users = Line(open_link(url), url), 0
        _lines[url] = (line, users + 1)
        joined = line
        unit = Unit(joined, number, reply_s, lambda: _leave(url, joined))
        before, _units[url, number] = _units.get((url, number)), unit
    if before is not None:
        before.close()
    return unit


def _leave(url: str, line: Line) -> None:
    with _lock(url):
        current, users = _lines.get(url, (line, 0))
        if current is not line:
            return  # it was lost, closed itself, and another stands in its place
        if users > 1:
            _lines[url] = (line, users - 1)
            return
        _lines.pop(url, None)
    line.close()


class Rounds:
    """Does one thing again and again on a thread of its own: every `period_s`, or at once when woken.

    `do` says whether something has changed; then, and at its end, `watch`ers are told. The first error ends it, and is
    what `check` raises from then on: the owner closes the device and opens it anew. `asks_s` is how long the questions
    of one round may take when nobody answers.
    """

    def __init__(
        self,
        name: str,
        do: Callable[[], bool],
        period_s: float,
        asks_s: float = 0.0,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._do, self._period_s, self._name, self._now_s = do, period_s, name, now_s
        self._stuck_s = ROUND_STUCK_S + asks_s
        self._changed: Callable[[], None] | None = None
        self._wake, self._ending = threading.Event(), threading.Event()
        self._ended = threading.Condition()
        self._rounds_begun = self._rounds_ended = 0
        self._error: DeviceError | None = None
        self._done_s = self._now_s()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def wake(self) -> None:
        self._wake.set()

    def watch(self, changed: Callable[[], None]) -> None:
        self._changed = changed

    def go_round(self) -> None:
        """Wait for a round that begins after this call: what it finds is how things are now. Raises as `check` does."""
        with self._ended:
            wanted = self._rounds_begun + 1
            self._wake.set()
            self._ended.wait_for(lambda: self._rounds_ended >= wanted or self._over, self._stuck_s)
            late = self._rounds_ended < wanted
        self.check()
        if late:
            raise self._stuck()

    def check(self) -> None:
        """Raises what ended the rounds; DeviceLost when one has not ended for too long, or after `close`."""
        if self._error is not None:
            raise self._error
        if self._ending.is_set():
            raise DeviceLost(f"{self._name}: was closed")
        if self._now_s() - self._done_s > self._stuck_s:
            raise self._stuck()

    @property
    def _over(self) -> bool:
        return self._error is not None or self._ending.is_set()

    def _stuck(self) -> DeviceLost:
        return DeviceLost(f"{self._name}: has not answered for {self._stuck_s:g} s; its thread is stuck")

    def close(self) -> None:
        self._ending.set()
        self._wake.set()
        with self._ended:
            self._ended.notify_all()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        while not self._over:
            self._wake.clear()
            with self._ended:
                self._rounds_begun += 1
            changed = True
            try:
                changed = self._do()
            except DeviceError as error:
                self._error = error
            except Exception as error:  # noqa: BLE001  a mistake here is this device's failure, and is told as such
                self._error = DeviceLost(f"{self._name}: {type(error).__name__}: {error}")
            self._done_s = self._now_s()
            with self._ended:
                self._rounds_ended = self._rounds_begun
                self._ended.notify_all()
            if changed:
                self._tell()
            if self._error is None:
                self._wake.wait(self._period_s)

    def _tell(self) -> None:
        try:
            if self._changed is not None:
                self._changed()
        except Exception:  # noqa: BLE001  a watcher's mistake is not the device's
            _log.exception("%s: who watches it", self._name)
