"""Something that a technician does with one device: what it says line by line, and how it ends.

It runs on a thread of its own, which waits for the device's owner, and never for the client: who does not read makes
it wait, and whoever has gone ends it. So do the end of maintenance, its own time, and the end of the daemon.
"""

import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TypeVar

from gatefw.control import Answer, Done
from gatefw.errors import GateError, Refusal
from gatefw.model import Phase

PULSE_S = 0.3  # who asks is answered after so long, also with nothing
ABANDONED_S = 10.0  # nobody asked for so long: nobody is there
LATE_S = 10.0  # a device may answer so long after the session's time
LOOK_S = 0.05  # how often it is looked whether it is to end
UNREAD_MAX = 200  # lines that nobody has read
SAYS = ("yes", "no", "end")
MAINTAINED = (Phase.MAINTENANCE, Phase.EXERCISE)

_log = logging.getLogger(__name__)
Line = Mapping[str, object]
Reply = Callable[[Answer], None]
T = TypeVar("T")


class Ended(Refusal):
    """It was ended before its time; the message says by what."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether the device did what it should, why not, and what was found. No traveller's data."""

    passed: bool
    why: str = ""
    found: Mapping[str, object] = field(default_factory=dict)


class Session:
    """`phase` is the lane's; it goes on for at most `within_s` seconds, and only in maintenance."""

    def __init__(
        self,
        device: str,
        by: str,
        within_s: float,
        phase: Callable[[], Phase],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.id, self.device, self.by = secrets.token_hex(8), device, by
        self._phase, self._now_s, self._lock = phase, now_s, threading.Lock()
        self._ends_s, self._heard_s = now_s() + within_s, now_s()
        self._lines: deque[Line] = deque()
        self._first = 0  # the number of the oldest line that was not read
        self._asking = False
        self._told: bool | None = None  # yes or no
        self._waiting: tuple[float, Reply] | None = None
        self._outcome: Outcome | None = None
        self._stopped, self.ending = threading.Event(), threading.Event()

    # ------------------------------------------------------------ for the client's end

    def follow(self, seen: int, say: str, reply: Reply) -> None:
        """Answer with what comes after the first `seen` lines. A newer question takes the place of an older one."""
        with self._lock:
            self._heard_s = self._now_s()
            while self._lines and self._first < seen:
                self._lines.popleft()
                self._first += 1
            if say in ("yes", "no") and self._asking:
                self._told, self._asking = say == "yes", False
            self._waiting = (self._heard_s + PULSE_S, reply)
        if say == "end":
            self._stopped.set()
        self._answer()

    def end(self) -> None:
        """The daemon ends: do not wait for anything any more."""
        self.ending.set()

    @property
    def over(self) -> bool:
        return self._outcome is not None

    # ------------------------------------------------------------ for what is done with the device

    def run(self, does: Callable[["Session"], Outcome]) -> None:
        """On the session's thread. Whatever happens, it has an outcome."""
        try:
            outcome = does(self)
        except GateError as error:
            outcome = Outcome(False, str(error))
        except Exception as error:  # noqa: BLE001  a mistake here must not leave who watches without an end
            _log.exception("%s", self.device)
            outcome = Outcome(False, f"{type(error).__name__}: the daemon's log says more")
        with self._lock:
            self._outcome = outcome
        self._answer()

    def say(self, **line: object) -> None:
        """Tell who watches. Waits while they do not read. Raises Ended."""
        while self.room <= 0:
            self._check()
            self.ending.wait(LOOK_S)
        with self._lock:
            self._lines.append(line)
            self._asking, self._told = bool(line.get("ask")), None
        self._answer()

    @property
    def room(self) -> int:
        """How many more lines fit, until who watches reads some."""
        return UNREAD_MAX - len(self._lines)

    @property
    def told(self) -> bool | None:
        """Yes or no, once who watches has said so to the newest line, if that asked (`ask=True`)."""
        return self._told

    @property
    def left_s(self) -> float:
        return self._ends_s - self._now_s()

    @property
    def goes_on(self) -> bool:
        """False when its time is over, or who watches has seen enough. Raises Ended when it must not go on at all."""
        self._check()
        return self.left_s > 0 and not self._stopped.is_set()

    def rest(self, seconds: float) -> None:
        """A pause, which who watches may end early. Raises Ended."""
        ends_s = self._now_s() + seconds
        while (left_s := ends_s - self._now_s()) > 0:
            self._check()
            if self._stopped.wait(min(left_s, LOOK_S)):
                break
        self._check()

    def result(self, future: "Future[T]") -> T:
        """What another thread found. Raises Ended instead of waiting for what may not come, and what it failed with."""
        done = threading.Event()
        future.add_done_callback(lambda _future: done.set())
        while not done.wait(LOOK_S):
            self._check()
        return future.result(0)

    def _check(self) -> None:
        self._answer()
        if self.ending.is_set():
            raise Ended("the daemon is ending")
        if self._now_s() - self._heard_s > ABANDONED_S:
            raise Ended("nobody watched any more")
        if self.left_s < -LATE_S:
            raise Ended("the device did not answer in time")
        phase = self._phase()
        if phase not in MAINTAINED:
            raise Ended(f"maintenance is over, the lane is {phase.value}")

    # ------------------------------------------------------------ answers

    def _answer(self) -> None:
        """Answer who waits, if there is something to say, or they have waited long enough."""
        with self._lock:
            if self._waiting is None:
                return
            until_s, reply = self._waiting
            if not self._lines and self._outcome is None and self._now_s() < until_s:
                return
            self._waiting = None
            answer = self._now()
        reply(answer)

    def _now(self) -> Done:
        told: dict[str, object] = {
            "session": self.id,
            "seen": self._first + len(self._lines),
            "said": [dict(line) for line in self._lines],
        }
        if self._outcome is not None:
            ended = {"device": self.device, "passed": self._outcome.passed, "why": self._outcome.why}
            told["outcome"] = {**ended, **self._outcome.found, **ended}
        return Done(told)
