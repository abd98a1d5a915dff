"""A device that is pulled out and put in again, or another one in its socket: port, driver and worker together."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from peers import PtyDevice, until

from gatefw.gate_terms import DeviceCame, DeviceWent, GateInput, TokenRead
from gatefw.model import Reason, Token
from gatefw.workers import ReaderWorker
from hw import reader_serial
from hw.link import node_there

CAME, LOST = DeviceCame("reader.front"), DeviceWent("reader.front", Reason.DEVICE_LOST)


@pytest.fixture
def device(tmp_path: Path) -> Iterator[PtyDevice]:
    plugged = PtyDevice(tmp_path / "tty-front")
    plugged.plug()
    yield plugged
    plugged.unplug()


def _owned(link: str) -> tuple[ReaderWorker, list[GateInput]]:
    told: list[GateInput] = []
    worker = ReaderWorker("reader.front", partial(reader_serial.open, reader_serial.Settings(link)), told.append)
    worker.there = partial(node_there, link)
    worker.start()
    return worker, told


def test_a_reader_that_was_pulled_out_is_back_and_reads_what_is_shown_to_it_then(device: PtyDevice) -> None:
    worker, told = _owned(f"serial:{device.link}")
    for times in range(1, 4):
        until(lambda: told[-1:] == [CAME], "the reader to be there", 30)
        device.unplug()
        until(lambda: told[-1:] == [LOST], "the reader to be gone", 30)
        device.plug()
        until(lambda times=times: told.count(CAME) == times + 1, "the reader to be back", 30)
    device.send(b"ANNA\r")
    until(lambda: told[-1:] == [TokenRead("reader.front", Token(b"ANNA"))], "the token", 30)
    worker.stop(30)


def test_another_device_in_the_right_socket_is_told_as_that_and_never_read(
    device: PtyDevice,
) -> None:
    """A pseudo-terminal has no USB device behind it: it is not what was asked for."""
    worker, told = _owned(f"serial:{device.link}?usb=0403:6001")
    until(lambda: told == [DeviceWent("reader.front", Reason.DEVICE_WRONG)], "the wrong device to be named", 30)
    worker.stop(30)
    assert told == [DeviceWent("reader.front", Reason.DEVICE_WRONG)]
