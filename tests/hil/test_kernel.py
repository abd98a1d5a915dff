"""Drivers on a kernel's own devices: a USB serial line whose plug is pulled, pins, a camera. Run by tier 3.

The far end of the USB line is the kernel's serial gadget on its dummy host controller: /dev/ttyACM0 is what a scanner's
port is on a real board, /dev/ttyGS0 is the scanner.
"""

import os
import queue
import subprocess
import time
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kernel import vivid_cameras
from peers import until

from gatefw.errors import DeviceLost, WrongDevice
from gatefw.gate_terms import DeviceCame, DeviceWent, TokenRead
from gatefw.model import Phase, Token
from gatefw.workers import ReaderWorker
from hw import camera_v4l2, reader_serial
from hw.link import open_link

pytestmark = [
    pytest.mark.skipif(os.environ.get("GATEFW_KERNEL_BENCH") != "1", reason="needs the virtual machine of tier 3"),
    pytest.mark.timeout(300),
]

PORT, FAR_END = Path("/dev/ttyACM0"), Path("/dev/ttyGS0")
BUSYBOX, MODULE = "/run/busybox", "/run/modules/g_serial.ko"
GADGET = "0525:a4a7"
WAIT_S = 60.0


class UsbScanner:
    """The gadget's side of the cable. Pulling the plug takes the kernel's module out, as a hub's port going dark."""

    def __init__(self) -> None:
        self._descriptor = -1
        self._open()

    def _open(self) -> None:
        until(lambda: PORT.exists() and FAR_END.exists(), "the USB port is there", WAIT_S)
        self._descriptor = os.open(FAR_END, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self._descriptor)

    def scan(self, code: bytes) -> None:
        os.write(self._descriptor, code + b"\r")

    def unplug(self) -> None:
        os.close(self._descriptor)
        self._descriptor = -1
        subprocess.run([BUSYBOX, "rmmod", "g_serial"], check=True)

    def plug(self) -> None:
        subprocess.run([BUSYBOX, "insmod", MODULE], check=True)
        self._open()

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)


@pytest.fixture
def scanner() -> Iterator[UsbScanner]:
    scanner = UsbScanner()
    yield scanner
    scanner.close()


def heard(told: "queue.Queue[Any]", kind: type) -> Any:
    """The next input of a kind; what comes in between is of no interest here."""
    while True:
        event = told.get(timeout=WAIT_S)
        if isinstance(event, kind):
            return event


def test_a_scanner_whose_plug_is_pulled_is_lost_and_reads_again_when_it_is_back(scanner: UsbScanner) -> None:
    told: queue.Queue[Any] = queue.Queue()
    settings = reader_serial.Settings(link=f"serial:{PORT}?baud=115200&usb={GADGET}")
    worker = ReaderWorker("reader.front", lambda: reader_serial.open(settings), told.put)
    worker.show(Phase.IDLE, None)
    worker.start()
    try:
        assert heard(told, DeviceCame)
        scanner.scan(b"BEFORE")
        assert heard(told, TokenRead).token == Token(b"BEFORE")
        scanner.unplug()
        assert heard(told, DeviceWent)
        scanner.plug()
        back_s = time.monotonic()
        assert heard(told, DeviceCame)
        print(f"\nUSB serial: in use {time.monotonic() - back_s:.2f} s after its node was back")
        scanner.scan(b"AFTER")
        assert heard(told, TokenRead).token == Token(b"AFTER")
    finally:
        worker.stop()


def test_another_usb_device_in_the_socket_is_the_wrong_one_and_says_which(scanner: UsbScanner) -> None:
    with pytest.raises(WrongDevice, match=GADGET):
        open_link(f"serial:{PORT}?baud=115200&usb=1a86:7523")


def test_a_port_that_is_open_belongs_to_whoever_has_it(scanner: UsbScanner) -> None:
    first = open_link(f"serial:{PORT}?baud=115200")
    with pytest.raises(DeviceLost):
        open_link(f"serial:{PORT}?baud=115200")
    first.close()
    open_link(f"serial:{PORT}?baud=115200").close()


def test_the_kernels_camera_gives_pictures_of_the_size_that_was_asked_each_newer_than_the_last() -> None:
    [device, *_] = vivid_cameras()
    camera = camera_v4l2.open(camera_v4l2.Settings(device=str(device), width_px=640, height_px=360, stale_s=10.0))
    try:
        first, second = camera.frame(WAIT_S), camera.frame(WAIT_S)
        assert first is not None
        assert second is not None
        assert (first.width_px, first.height_px) == (640, 360)
        assert first.captured_s < second.captured_s
    finally:
        camera.close()
