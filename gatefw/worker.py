"""A thread for one device: it opens it, serves it, closes it, and starts over with backoff, for ever.

A worker only ever puts inputs into the inbox. A device that fails is gone (`DeviceWent`) from that moment, and back
(`DeviceCame`) after it was opened again and has answered once; before that, its readings are already in the inbox.
`progress` counts turns of real work: the watchdog is fed only while the workers on the door path go on.
"""

import logging
import math
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from gatefw.backoff import Backoff
from gatefw.errors import DeviceError, DeviceLost, WrongDevice
from gatefw.gate_terms import DeviceCame, DeviceWent, GateInput
from gatefw.model import Reason
from gatefw.ports import Device

LOANS = 8  # that may wait for one device at a time

_log = logging.getLogger(__name__)
D = TypeVar("D", bound=Device)
T = TypeVar("T")
Put = Callable[[GateInput], None]


class _Loan(Generic[D]):
    """Something to be done with the device by its owner, for somebody who waits for the result."""

    def __init__(self, use: Callable[[D], Any], result: Future[Any]) -> None:
        self._use, self.result = use, result

    def carry_out(self, device: D) -> None:
        """Raises the DeviceError of a device that failed meanwhile; every other mistake is its asker's alone."""
        if not self.result.set_running_or_notify_cancel():
            return
        try:
            self.result.set_result(self._use(device))
        except DeviceError as error:
            self.result.set_exception(error)
            raise
        except Exception as error:  # noqa: BLE001  handed on to who asked
            self.result.set_exception(error)


class Worker(Generic[D]):
    """Owns one device. Subclasses say what one turn is; a turn must end by itself within a second."""

    def __init__(self, name: str, open_device: Callable[[], D], put: Put) -> None:
        self.name, self.progress = name, 0
        self.device: D | None = None
        self._open, self._put = open_device, put
        self._backoff = Backoff()
        self._failure: DeviceError | None = None
        self._told = False  # that the device is gone
        self.turn_ends_s = math.inf  # a turn that is not over by then is stuck
        self._wake = threading.Event()
        self._ending = threading.Event()
        self._lending = threading.Lock()
        self._loans: deque[_Loan[D]] = deque()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread; its device is closed by it, outputs unpowered."""
        self._ending.set()
        self._wake.set()
        self._thread.join()

    def fail(self, error: DeviceError) -> None:
        """A call from another thread found the device gone: the owner closes and opens it again."""
        self._failure = error
        self._wake.set()

    def lend(self, use: Callable[[D], T]) -> Future[T]:
        """Have `use(device)` run on the worker's own thread, between two turns. Any thread may ask, and wait.

        The future fails with DeviceLost when the device is not there, goes first, or has `LOANS` waiting already;
        else with what `use` raised. After a DeviceError from `use` the device is closed and opened again.
        """
        result: Future[T] = Future()
        with self._lending:
            taken = self.device is not None and len(self._loans) < LOANS
            if taken:
                self._loans.append(_Loan(use, result))
        if not taken:
            found = "it is not there" if self.device is None else f"{LOANS} others wait for it"
            result.set_exception(DeviceLost(f"{self.name}: cannot be used now: {found}; try again"))
        self._wake.set()
        return result

    def began(self, device: D) -> None:
        """After open, before the first turn."""

    def turn(self, device: D) -> None:
        raise NotImplementedError

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                self._serve(self._open())
            except DeviceError as error:
                self._went(Reason.DEVICE_WRONG if isinstance(error, WrongDevice) else Reason.DEVICE_LOST, error)
            except Exception as error:  # noqa: BLE001  one driver's mistake must not take the lane with it
                self._went(Reason.SOFTWARE, error)
            if not self._ending.is_set():
                self._ending.wait(self._backoff.wait_s())

    def _serve(self, device: D) -> None:
        self._failure = None
        came = False
        try:
            self.device = device
            self.began(device)
            while not self._ending.is_set():
                self.turn(device)
                self._told = False  # it has been heard: that it goes again must be told again
                if self._failure is not None:
                    raise self._failure
                self.progress += 1
                if not came:
                    came = True
                    self._backoff.reset()
                    self._put(DeviceCame(self.name))
                self._carry_out_loans(device)
        finally:
            self._end_loans()
            device.close()

    def _carry_out_loans(self, device: D) -> None:
        while self._loans and not self._ending.is_set():
            self._loans.popleft().carry_out(device)

    def _end_loans(self) -> None:
        with self._lending:
            self.device, loans = None, list(self._loans)
            self._loans.clear()
        for loan in loans:
            if loan.result.set_running_or_notify_cancel():
                loan.result.set_exception(DeviceLost(f"{self.name}: went away before it could be used; try again"))

    def _went(self, reason: Reason, error: Exception) -> None:
        """Say once that the device is gone, not at every failed try to get it back."""
        if not self._told:
            self._told = True
            _log.warning("%s: %s: %s", self.name, type(error).__name__, error)
            self._put(DeviceWent(self.name, reason))

    def _rest(self, seconds: float) -> None:
        """Until an edge, a failure, the end, or so long."""
        self._wake.wait(seconds)
        self._wake.clear()
