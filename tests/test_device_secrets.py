"""Renewing a secret and agreeing the first one: by the device's own thread, and only for who still waits for it."""

from concurrent.futures import CancelledError
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from peers import until

from gatefw.device_secrets import Installer, renew_secret
from gatefw.errors import BadReply, DeviceLost, Refusal
from gatefw.gate_terms import GateInput
from gatefw.model import Token
from gatefw.workers import ReaderWorker

WAIT_S = 30.0


class Reader:
    """A reader that is there; `driver` tells what was done with it."""

    def __init__(self, driver: "Driver") -> None:
        self._driver = driver

    def read(self, timeout_s: float) -> Token | None:
        self._driver.turn.wait(timeout_s)
        return None

    def close(self) -> None:
        self._driver.did.append("close")


class Holder(Reader):
    def renew_secret(self) -> None:
        self._driver.did.append("renew")
        if self._driver.refuses:
            raise BadReply("refuses another key")


class Driver:
    """A driver file, as far as it matters here."""

    def __init__(self, holds: bool = True) -> None:
        import threading

        self.turn, self.did, self.refuses, self.there = threading.Event(), [], False, True
        self._kind = Holder if holds else Reader

    def open(self, settings: object) -> Reader:
        if not self.there:
            raise DeviceLost("nobody is plugged in")
        self.did.append("open")
        return self._kind(self)

    def install(self, settings: object) -> None:
        self.did.append("install")
        if self.refuses:
            raise BadReply("is not in its install mode")
        self.there = True


def module(driver: object) -> ModuleType:
    found: Any = driver
    return found


class Served:
    """A worker with its driver."""

    def __init__(self, driver: Any) -> None:
        self.driver, self.inbox = driver, list[GateInput]()
        self.installer = Installer(module(driver), None)
        self.worker = ReaderWorker("reader.card", self.installer, self.inbox.append)

    def __enter__(self) -> "Served":
        self.worker.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.worker.stop()


def test_a_secret_is_renewed_by_the_devices_own_thread_and_the_device_stays_open() -> None:
    with Served(Driver()) as served:
        until(lambda: served.worker.device, "it is open", WAIT_S)
        assert renew_secret(served.worker).result(WAIT_S) is None
        assert served.driver.did == ["open", "renew"]


def test_a_renewal_that_fails_has_the_device_opened_again_to_find_out_which_secret_it_knows() -> None:
    driver = Driver()
    driver.refuses = True
    with Served(driver) as served:
        until(lambda: served.worker.device, "it is open", WAIT_S)
        with pytest.raises(BadReply, match="refuses another key"):
            renew_secret(served.worker).result(WAIT_S)
        until(lambda: driver.did.count("open") == 2, "it is opened again", WAIT_S)
        assert driver.did[:4] == ["open", "renew", "close", "open"]


def test_a_device_that_shares_no_secret_has_none_to_renew() -> None:
    with Served(Driver(holds=False)) as served:
        until(lambda: served.worker.device, "it is open", WAIT_S)
        with pytest.raises(Refusal, match=r"reader\.card: shares no secret"):
            renew_secret(served.worker).result(WAIT_S)


def test_a_device_that_cannot_be_opened_is_installed_in_place_of_an_opening() -> None:
    driver = Driver()
    driver.there = False
    with Served(driver) as served:
        assert served.installer.install(served.worker, WAIT_S).result(WAIT_S) is None
        until(lambda: served.worker.device, "it is open", WAIT_S)
        assert driver.did == ["install", "open"]


def test_a_device_that_is_open_is_closed_for_it() -> None:
    with Served(Driver()) as served:
        until(lambda: served.worker.device, "it is open", WAIT_S)
        served.installer.install(served.worker, WAIT_S).result(WAIT_S)
        until(lambda: served.driver.did.count("open") == 2, "it is open again", WAIT_S)
        assert served.driver.did == ["open", "close", "install", "open"]


def test_who_asked_hears_why_it_failed_and_the_device_is_tried_again() -> None:
    driver = Driver()
    driver.there, driver.refuses = False, True
    with Served(driver) as served:
        with pytest.raises(BadReply, match="install mode"):
            served.installer.install(served.worker, WAIT_S).result(WAIT_S)
        driver.there = True
        until(lambda: served.worker.device, "it is open", WAIT_S)
        assert driver.did == ["install", "open"]


def test_one_installation_at_a_time() -> None:
    waiting = Served(Driver())
    first = waiting.installer.install(waiting.worker, WAIT_S)
    with pytest.raises(Refusal, match="being installed already"):
        waiting.installer.install(waiting.worker, WAIT_S).result(0.0)
    assert not first.done()


def test_a_device_whose_driver_knows_no_first_secret_is_not_installed() -> None:
    served = Served(SimpleNamespace(open=lambda _settings: None))
    with pytest.raises(Refusal, match="no first secret"):
        served.installer.install(served.worker, WAIT_S).result(0.0)


def test_who_does_not_wait_any_more_is_not_served() -> None:
    driver = Driver()
    served = Served(driver)
    asked = served.installer.install(served.worker, WAIT_S)
    assert asked.cancel()
    served.installer()
    assert driver.did == ["open"]
    with pytest.raises(CancelledError):
        asked.result(0.0)


def test_the_switch_for_it_ends_by_itself() -> None:
    now_s, driver = [10.0], Driver()
    installer = Installer(module(driver), None, lambda: now_s[0])
    worker = ReaderWorker("reader.card", installer, lambda _event: None)
    asked = installer.install(worker, within_s=60.0)
    now_s[0] = 70.1
    installer()
    assert driver.did == ["open"]
    with pytest.raises(DeviceLost, match="in time"):
        asked.result(0.0)
