"""Adafruit's own library as the judge: it drives our simulated sensor, and its commands are byte for byte ours."""

import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import serial
from finger_peers import QUICK, PtySensor, VirtualSensor

from gatefw.model import Reason
from hw.wire import zfm

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    library = pytest.importorskip("adafruit_fingerprint")

ANNA, BORIS, STRANGER = 7, 8, 99


@pytest.fixture
def sensor(tmp_path: Path) -> Iterator[PtySensor]:
    sensor = PtySensor(tmp_path)
    sensor.plug()
    yield sensor
    sensor.unplug()


@pytest.fixture
def judge(sensor: PtySensor) -> Iterator[Any]:
    path = sensor.url.removeprefix("serial:").partition("?")[0]
    with serial.Serial(path, zfm.BAUD, timeout=60) as port:
        yield library.Adafruit_Fingerprint(port)


def capture(sensor: PtySensor, judge: Any, finger: int, slot: int = 1) -> tuple[int, int]:
    sensor.act("lay", finger=finger)
    return judge.get_image(), judge.image_2_tz(slot)


def store(sensor: PtySensor, judge: Any, finger: int, place: int) -> None:
    assert capture(sensor, judge, finger, 1) == capture(sensor, judge, finger, 2) == (library.OK, library.OK)
    assert judge.create_model() == library.OK
    assert judge.store_model(place) == library.OK


def test_the_library_takes_the_simulator_for_a_sensor(judge: Any) -> None:
    assert (judge.system_id, judge.library_size, judge.security_level) == (9, 1000, 3)
    assert (judge.data_packet_size, judge.baudrate) == (2, 6)
    assert judge.check_module()


def test_the_library_stores_searches_counts_and_forgets_fingers_in_the_simulator(sensor: PtySensor, judge: Any) -> None:
    store(sensor, judge, ANNA, 10)
    store(sensor, judge, BORIS, 300)
    assert judge.count_templates() == library.OK
    assert judge.template_count == 2
    assert judge.read_templates() == library.OK
    assert judge.templates == [10, 300]
    capture(sensor, judge, BORIS)
    assert judge.finger_search() == library.OK
    assert judge.finger_id == 300
    capture(sensor, judge, ANNA)
    assert judge.finger_fast_search() == library.OK
    assert judge.finger_id == 10
    capture(sensor, judge, STRANGER)
    assert judge.finger_search() == library.NOTFOUND
    assert judge.delete_model(10) == library.OK
    judge.read_templates()
    assert judge.templates == [300]
    assert judge.empty_library() == library.OK
    judge.count_templates()
    assert judge.template_count == 0


def test_the_library_compares_with_a_template_that_it_downloaded(sensor: PtySensor, judge: Any) -> None:
    store(sensor, judge, ANNA, 1)
    assert judge.load_model(1, 1) == library.OK
    template = judge.get_fpdata("char", 1)
    assert len(template) == QUICK.template_bytes
    capture(sensor, judge, ANNA)
    assert judge.send_fpdata(template, "char", 2)
    assert judge.compare_templates() == library.OK
    capture(sensor, judge, BORIS)
    assert judge.compare_templates() == library.NOMATCH


def test_the_library_is_told_what_is_wrong_with_a_finger(sensor: PtySensor, judge: Any) -> None:
    sensor.act("lift")
    assert judge.get_image() == library.NOFINGER
    sensor.act("lay", finger=ANNA, quality="smudged")
    assert (judge.get_image(), judge.image_2_tz()) == (library.OK, library.IMAGEMESS)
    sensor.act("lay", finger=ANNA, quality="dry")
    assert (judge.get_image(), judge.image_2_tz()) == (library.OK, library.FEATUREFAIL)
    capture(sensor, judge, ANNA, 1)
    capture(sensor, judge, BORIS, 2)
    assert judge.create_model() == library.ENROLLMISMATCH


def test_a_password_keeps_the_library_out(sensor: PtySensor) -> None:
    sensor.device.chip.password = b"\x12\x34\x56\x78"
    path = sensor.url.removeprefix("serial:").partition("?")[0]
    with serial.Serial(path, zfm.BAUD, timeout=60) as port:
        with pytest.raises(RuntimeError, match="Failed to find sensor"):
            library.Adafruit_Fingerprint(port)
        assert library.Adafruit_Fingerprint(port, passwd=(0x12, 0x34, 0x56, 0x78)).system_id == 9


def test_a_template_takes_as_long_as_57600_baud_take(sensor: PtySensor, judge: Any) -> None:
    """512 bytes in four packets with their heads, ten bits a byte: 96 ms each way, never less."""
    capture(sensor, judge, ANNA)
    wire_s = (512 + 4 * 11) * 10 / zfm.BAUD
    began_s = time.monotonic()
    template = judge.get_fpdata("char", 1)
    assert time.monotonic() - began_s >= wire_s
    began_s = time.monotonic()
    judge.send_fpdata(template, "char", 2)
    judge.compare_templates()
    assert time.monotonic() - began_s >= wire_s


class _Recorder:
    """A port that answers from a simulated sensor and keeps what was written."""

    def __init__(self) -> None:
        bench = VirtualSensor()
        self._link, self.written = bench.link, bench.link.written
        self.act = bench.act

    def write(self, data: bytes) -> None:
        self._link.write(bytes(data))

    def read(self, count: int) -> bytes:
        data = b""
        while len(data) < count and (more := self._link.read(count - len(data), 5.0)):
            data += more
        return data


def test_our_driver_writes_what_the_library_writes() -> None:
    ours, theirs = VirtualSensor(), _Recorder()
    driver, judge = ours.open(), library.Adafruit_Fingerprint(theirs)
    assert ours.link.written[1:] == theirs.written, "but for the greeting"

    ours.link.written.clear()
    theirs.written.clear()
    for act in (ours.act, theirs.act):
        act("lay", finger=ANNA)
    assert driver.look(1) is driver.look(2) is Reason.OK
    template = driver.merge()
    assert template is not None
    for slot in (1, 2):
        judge.get_image()
        judge.image_2_tz(slot)
    judge.create_model()
    assert bytes(judge.get_fpdata("char", 1)) == template
    judge.get_fpdata("char", 1)
    assert ours.link.written == theirs.written

    ours.link.written.clear()
    theirs.written.clear()
    driver.load(template)
    driver.compare()
    judge.send_fpdata(list(template), "char", 2)
    judge.get_fpdata("char", 2)
    judge.compare_templates()
    assert b"".join(ours.link.written) == b"".join(theirs.written)
