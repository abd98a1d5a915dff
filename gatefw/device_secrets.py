"""Secrets that are shared with devices: renewing one, and agreeing the first. Both are done by the device's own thread.

A device without its secret cannot be opened, so its first one is agreed while it is closed, in place of an opening,
by the driver's `install`; `Installer` is how such a device is opened, also through a link that records. It is the
caller who makes sure that a technician stands there and that the lane is in maintenance.
"""

import dataclasses
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from types import ModuleType
from typing import Any

from gatefw.errors import DeviceLost, Refusal
from gatefw.ports import SecretHolder
from gatefw.worker import Worker

RENEWAL_S = 30.0  # the longest that a renewal may take


def renew_secret(worker: Worker[Any]) -> Future[None]:
    """Have a device agree a fresh secret with us. Fails with Refusal (it has none), DeviceError, StoreError."""

    def renew(device: object) -> None:
        if not isinstance(device, SecretHolder):
            raise Refusal(f"{worker.name}: shares no secret with us; there is none to renew")
        device.renew_secret()

    return worker.lend(renew, RENEWAL_S)


class Installer:
    """Opens a device by its driver; before that, where somebody asked for it, has its first secret agreed.

    `recording`: the file to which its wire is recorded from its next opening on. `recorded`: whether it is now.
    """

    def __init__(self, driver: ModuleType, settings: object, now_s: Callable[[], float] = time.monotonic) -> None:
        self._driver, self._settings, self._now_s = driver, settings, now_s
        self.recording: Path | None = None
        self.recorded = False
        self._lock = threading.Lock()
        self._asked: tuple[Future[None], float] | None = None

    def __call__(self) -> Any:
        with self._lock:
            asked, self._asked = self._asked, None
        self.recorded = False  # its owner has closed what it had
        if asked is not None:
            self._install(*asked)
        self.recorded = True  # before it is looked whether: who ends a recording looks in the other order
        recording = self.recording
        if recording is None or self.link is None:
            self.recorded = False
            return self._driver.open(self._settings)
        settings: Any = self._settings
        try:
            return self._driver.open(dataclasses.replace(settings, link=f"spy:{recording}+{self.link}"))
        except BaseException:
            self.recorded = False
            raise

    @property
    def link(self) -> str | None:
        """Its wire, where it has one."""
        return getattr(self._settings, "link", None)

    @property
    def scrubber(self) -> Callable[[], Callable[[str, bytes], bytes]]:
        """Makes what hides personal data in a recording of its wire: the driver's, or one that hides every word."""
        found: Callable[[], Callable[[str, bytes], bytes]] = getattr(self._driver, "scrubber", _wordless)
        return found

    def install(self, worker: Worker[Any], within_s: float) -> Future[None]:
        """Close the device, have its first secret agreed, and open it again; any thread may ask, and wait or cancel.

        Nothing is done for who is not served within `within_s` seconds. Fails with Refusal: its driver knows no first
        secret, or it is being installed already; else with what the driver's `install` raised.
        """
        result: Future[None] = Future()
        with self._lock:
            free = self._asked is None and hasattr(self._driver, "install")
            if free:
                self._asked = (result, self._now_s() + within_s)
        if free:
            worker.fail(DeviceLost(f"{worker.name}: is closed to be installed"))
        else:
            why = "it is being installed already" if self._asked else "a device of its kind has no first secret"
            result.set_exception(Refusal(f"{worker.name}: cannot be installed: {why}"))
        return result

    def _install(self, asked: "Future[None]", ends_s: float) -> None:
        if not asked.set_running_or_notify_cancel():
            return
        if self._now_s() > ends_s:
            asked.set_exception(DeviceLost("was not free to be installed in time; try again"))
            return
        try:
            self._driver.install(self._settings)
        except BaseException as error:
            asked.set_exception(error)
            raise
        asked.set_result(None)


def _wordless() -> Callable[[str, bytes], bytes]:
    return lambda _direction, data: re.sub(rb"[0-9A-Za-z\x80-\xff]", b"x", data)
