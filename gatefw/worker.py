"""A thread for one device: it opens it, serves it, closes it, and starts over with backoff, for ever.

A worker only ever puts inputs into the inbox. A device that fails is gone (`DeviceWent`) from that moment, and back
(`DeviceCame`) after it was opened again and has answered once; before that, its readings are already in the inbox.
While it is gone, each reason why is told once: a device that was lost and then found wrong is both.
`progress` counts turns of real work: the watchdog is fed only while the workers on the door path go on. A device that
was tried often in vain is an alarm (`DEVICE_AWAY`), once; it goes on being tried, and the alarm is over when the device
has worked for a while. Only then is its next loss tried at once: one that comes and goes is tried less and less often.

A driver may hang in a call that never returns, and a thread cannot be ended from outside. So the loop looks at each
tick whether a turn is `overdue`, and leaves such a thread behind (`give_up`): the device is gone, a fresh thread opens
it anew, and whatever the one left behind may still bring is nobody's. When its call returns after all, it closes the
device that it has, and ends.
"""

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Generic, TypeVar

from gatefw.backoff import Backoff
from gatefw.errors import DeviceError, DeviceLost, GateError, SetupError, WrongDevice
from gatefw.gate_terms import DeviceCame, DeviceImpaired, DeviceWent, GateInput
from gatefw.loan import Loan
from gatefw.model import Reason
from gatefw.ports import Device
from gatefw.vitals import Vitals

STUCK_S = 5.0  # a turn, a drive or a close that takes longer will not end any more
OPEN_S = 30.0  # an opening may wait for a device that starts, resets or proves itself
LEFT_BEHIND = 3  # threads that may hang in one device; with one more it stays lost until one of them returns
CHATTER_S = 0.002  # between two turns that an edge each woke: a contact that chatters must not keep a thread busy
LOANS = 8  # that may wait for one device at a time

_log = logging.getLogger(__name__)
D = TypeVar("D", bound=Device)
T = TypeVar("T")
Put = Callable[[GateInput], None]


class LeftBehind(Exception):
    """Ends a thread that was given up; raised and caught by the worker alone."""


class Worker(Generic[D]):
    """Owns one device. Subclasses say what one turn is; a turn must end by itself within a second."""

    def __init__(self, name: str, open_device: Callable[[], D], put: Put) -> None:
        self.name, self.progress = name, 0
        self.device: D | None = None
        self.turn_ends_s = math.inf  # what is not over by then is stuck
        self.there: Callable[[], bool] = lambda: False  # whether the device's node exists, where it has one
        self.trouble = ""  # in words, why it is not there now
        self._open, self._inbox = open_device, put
        self.vitals = Vitals()
        self._alerted = False
        self._rested_s = 0.0  # of the turn under way, spent waiting for something to do
        self._backoff = Backoff()
        self._failure: Exception | None = None
        self._told: frozenset[Reason] = frozenset()  # why the device is gone, as far as it was told
        self._wake = threading.Event()
        self._woken_s = -math.inf
        self._ending = threading.Event()
        self._tenure = threading.RLock()  # held while it is looked whose the device is
        self._left: set[threading.Thread] = set()
        self._loans: deque[Loan[D]] = deque()
        self._thread: threading.Thread | None = self._fresh_thread()

    # ------------------------------------------------------------ for other threads

    def start(self) -> None:
        if self._thread is not None:
            self._thread.start()

    def end(self) -> None:
        """Tell the thread to end, and do not wait for it."""
        self._ending.set()
        self._wake.set()

    def stop(self, within_s: float = STUCK_S) -> None:
        """End the thread; its device is closed by it, outputs unpowered. One that hangs is not waited for longer."""
        self.end()
        thread = self._thread
        if thread is None or thread.ident is None:
            return
        thread.join(within_s)
        if thread.is_alive():
            _log.error("%s: hangs in its driver and does not close its device; the end of the process must", self.name)
            with self._tenure:
                self._left.add(thread)

    def fail(self, error: Exception) -> None:
        """A call from another thread found the device gone: the owner closes and opens it again."""
        self._failure = error
        self._wake.set()

    def overdue(self, now_s: float) -> bool:
        """Whether its thread should have been done with what it does by now, and is not."""
        return now_s > self.turn_ends_s

    def give_up(self) -> None:
        """Leave a stuck thread behind: the device is gone, and a fresh thread tries to open it anew. Never blocks."""
        with self._tenure:
            if self._thread is None or self._ending.is_set():
                return
            self._left.add(self._thread)
            served, self.device, self.turn_ends_s = self.device, None, math.inf
            self.trouble = "its driver does not return"
            if Reason.DEVICE_STUCK not in self._told:
                self._told |= {Reason.DEVICE_STUCK}
                self._inbox(DeviceWent(self.name, Reason.DEVICE_STUCK))
            self._count_failure("Stuck", stuck=True)
        self._end_loans()
        if served is not None:
            self.ended(stuck=True)
        with self._tenure:  # only now: until here no thread that returns begins anew in this one's place
            many = len(self._left) > LEFT_BEHIND
            self._thread = None if many or self._ending.is_set() else self._fresh_thread()
            if self._thread is not None:
                self._thread.start()
        _log.error("%s: its driver does not return; %d such threads%s", self.name, len(self._left), " stay" * many)

    def lend(self, use: Callable[[D], T], within_s: float = STUCK_S) -> Future[T]:
        """Have `use(device)` run on the worker's own thread, between two turns. Any thread may ask, and wait.

        The device counts as stuck when `use` takes longer than `within_s` seconds. The future fails with DeviceLost
        when the device is not there, goes first, or has `LOANS` waiting already; else with what `use` raised. After a
        DeviceError from `use` the device is closed and opened again.
        """
        result: Future[T] = Future()
        with self._tenure:
            taken = self.device is not None and len(self._loans) < LOANS
            if taken:
                self._loans.append(Loan(use, within_s, result))
        if not taken:
            gone = f"it is not there ({self.trouble})" if self.trouble else "it is not there"
            found = gone if self.device is None else f"{LOANS} others wait for it"
            result.set_exception(DeviceLost(f"{self.name}: cannot be used now: {found}; try again"))
        self._wake.set()
        return result

    # ------------------------------------------------------------ for subclasses

    def began(self, device: D) -> None:
        """After open, before the first turn."""

    def turn(self, device: D) -> None:
        raise NotImplementedError

    def ended(self, stuck: bool) -> None:
        """After each `began`: the device is served no more. Where its driver is stuck, nothing may be waited for."""

    def _put(self, event: GateInput) -> None:
        with self._ours():
            self._inbox(event)

    @contextmanager
    def _ours(self) -> Iterator[None]:
        """For as long as it is held, the calling thread is not one that was left behind. Raises LeftBehind."""
        with self._tenure:
            if threading.current_thread() in self._left:
                raise LeftBehind(self.name)
            yield

    def _rest(self, seconds: float) -> None:
        """Until an edge, a failure, the end, or so long; however many edges there are, no oftener than `CHATTER_S`."""
        began_s = time.monotonic()
        self._wake.wait(seconds)
        self._ending.wait(max(0.0, self._woken_s + CHATTER_S - time.monotonic()))
        self._wake.clear()
        self._woken_s = time.monotonic()
        self._rested_s += self._woken_s - began_s

    def _allow(self, seconds: float) -> None:
        """What the thread does now is stuck when it takes longer."""
        with self._ours():
            self.turn_ends_s = time.monotonic() + seconds

    # ------------------------------------------------------------ the thread

    def _fresh_thread(self) -> threading.Thread:
        return threading.Thread(target=self._run, name=self.name, daemon=True)

    def _run(self) -> None:
        try:
            while not self._ending.is_set():
                self._try()
                if not self._ending.is_set():
                    self._allow(math.inf)
                    self._backoff.rest(self._ending, self.there)
        except LeftBehind:
            _log.warning("%s: the thread that was left behind has returned", self.name)
        finally:
            self._returned()

    def _try(self) -> None:
        try:
            self._allow(OPEN_S)
            self._serve(self._open())
        except LeftBehind:
            raise
        except DeviceError as error:
            self._failed(Reason.DEVICE_WRONG if isinstance(error, WrongDevice) else Reason.DEVICE_LOST, error)
        except SetupError as error:  # a key file, a library: what this machine lacks, not the device
            self._failed(Reason.DEVICE_NOT_SET_UP, error)
        except Exception as error:  # noqa: BLE001  one driver's mistake must not take the lane with it
            self._failed(Reason.SOFTWARE, error)

    def _serve(self, device: D) -> None:
        came = False
        try:
            with self._ours():
                self.device, self._failure = device, None
            self._allow(STUCK_S)
            self.began(device)
            while not self._ending.is_set():
                self._allow(STUCK_S)
                self._take_turn(device)
                if self._failure is not None:
                    raise self._failure
                if not came:
                    came = True
                    self._came()
                elif self.vitals.steadied():
                    self._steadied()
                self._carry_out_loans(device)
        finally:
            self._let_go(device)

    def _take_turn(self, device: D) -> None:
        began_s, self._rested_s = time.monotonic(), 0.0
        self.turn(device)
        with self._ours():
            self._told, self.trouble = frozenset(), ""  # heard: that it goes again must be told again
            self.progress += 1
            self.vitals.turned(max(0.0, time.monotonic() - began_s - self._rested_s))

    def _came(self) -> None:
        with self._ours():
            self.vitals.came()
        self._put(DeviceCame(self.name))

    def _steadied(self) -> None:
        """It has worked for a while: what was said of its absence is over."""
        self._backoff.reset()
        if self._alerted:
            self._alerted = False
            self._put(DeviceImpaired(self.name, Reason.DEVICE_AWAY, False))

    def _count_failure(self, error: str, stuck: bool = False) -> None:
        """To be called with the tenure held."""
        if self.vitals.failed(error, stuck):
            self._alerted = True
            self._inbox(DeviceImpaired(self.name, Reason.DEVICE_AWAY, True))

    def _let_go(self, device: D) -> None:
        """Close the device; what else was served with it ends first, if that is still ours to end."""
        try:
            self._allow(2 * STUCK_S)
            self._end_loans()
            self.ended(stuck=False)
        finally:
            device.close()

    def _carry_out_loans(self, device: D) -> None:
        """As long as some wait, unless the device has failed meanwhile."""
        while not self._ending.is_set() and self._failure is None:
            with self._ours():
                loan = self._loans[0] if self._loans else None
            if loan is None:
                return
            self._allow(loan.within_s)
            loan.carry_out(device)
            with self._ours():
                self._loans.popleft()

    def _end_loans(self) -> None:
        with self._tenure:
            self.device, loans = None, list(self._loans)
            self._loans.clear()
        for loan in loans:
            loan.fail(DeviceLost(f"{self.name}: went away before it could be used; try again"))

    def _failed(self, reason: Reason, error: Exception) -> None:
        self._went(reason, error)
        with self._ours():
            self._count_failure(type(error).__name__)

    def _went(self, reason: Reason, error: Exception) -> None:
        """Say that the device is gone, and each reason once, not at every failed try to get it back."""
        with self._ours():
            new = reason not in self._told
            self._told |= {reason}
            known = isinstance(error, GateError)  # only those are known to hold nothing of a traveller's
            self.trouble = str(error) if known else f"a mistake in its driver ({type(error).__name__}): see the log"
        if new:
            said = f"{type(error).__name__}: {error}" if known else self.trouble
            _log.warning("%s: %s", self.name, said, exc_info=None if known else error)
            self._put(DeviceWent(self.name, reason))

    def _returned(self) -> None:
        """A thread ends. Where so many had been left behind that none was serving, there is room for one again."""
        with self._tenure:
            self._left.discard(threading.current_thread())
            again = self._thread is None and not self._ending.is_set()
            if again:
                self._thread = self._fresh_thread()
                self._thread.start()
