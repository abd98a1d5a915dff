"""Something to be done with a device by its owner, for somebody who waits for the result."""

from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any, Generic, TypeVar

from gatefw.errors import DeviceError
from gatefw.ports import Device

D = TypeVar("D", bound=Device)


class Loan(Generic[D]):
    """`use(device)` may take `within_s` seconds. Its result is what who asked is waiting for."""

    def __init__(self, use: Callable[[D], Any], within_s: float, result: Future[Any]) -> None:
        self.within_s = within_s
        self._use, self._result = use, result

    def carry_out(self, device: D) -> None:
        """Raises the DeviceError of a device that failed meanwhile; every other mistake is its asker's alone."""
        if not self._result.set_running_or_notify_cancel():
            return
        try:
            done = self._use(device)
        except DeviceError as error:
            self.fail(error)
            raise
        except Exception as error:  # noqa: BLE001  handed on to who asked
            self.fail(error)
        else:
            with suppress(InvalidStateError):
                self._result.set_result(done)

    def fail(self, error: Exception) -> None:
        """Nobody waits for it any more. One that has ended or was taken back stays as it is."""
        with suppress(InvalidStateError):
            self._result.set_exception(error)
