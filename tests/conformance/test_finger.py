"""Every finger sensor: compares with the template it was given and no other, keeps nobody, knows when it is gone."""

import threading
from pathlib import Path
from typing import Any

import pytest
from finger_peers import MemorySensor, PtySensor

from gatefw.errors import BadReply, DeviceError, DeviceLost, WrongDevice
from gatefw.model import Reason

ROLE = "finger"
ANNA, BORIS = 7, 8


class _SensorBench:
    def __init__(self, peer: MemorySensor | PtySensor) -> None:
        self._peer = peer
        self._peer.plug()
        self.driver: Any = None
        self._opened: list[Any] = []

    def open(self) -> Any:
        sensor = self.driver.open(self.driver.Settings(link=self._peer.url, reply_s=4.0))
        self._opened.append(sensor)
        return sensor

    def install(self) -> None:
        self.driver.install(self.driver.Settings(link=self._peer.url, reply_s=4.0))

    def lay(self, finger: int, quality: str = "good") -> None:
        self._peer.act("lay", finger=finger, quality=quality)

    def lift(self) -> None:
        self._peer.act("lift")

    def keep_somebody(self) -> None:
        """Another system has stored a person in it."""
        self._peer.act("store", finger=ANNA)

    def damage_downloads(self) -> None:
        self._peer.act("fault", which="download_ignored", on=True)

    def unplug(self) -> None:
        self._peer.unplug()

    def plug(self) -> None:
        self._peer.plug()

    def close(self) -> None:
        for sensor in self._opened:
            sensor.close()
        self._peer.unplug()


def on_a_pty(path: Path) -> _SensorBench:
    return _SensorBench(PtySensor(path))


def on_a_memory_link(_path: Path) -> _SensorBench:
    return _SensorBench(MemorySensor())


BENCHES = {"r30x": [on_a_pty, on_a_memory_link]}


def template_of(bench: Any, sensor: Any, finger: int) -> bytes:
    bench.lay(finger)
    assert sensor.look(1) is sensor.look(2) is Reason.OK
    template = sensor.merge()
    assert isinstance(template, bytes)
    bench.lift()
    return template


def test_a_finger_matches_the_template_that_was_loaded_and_another_does_not(bench: Any) -> None:
    sensor = bench.open()
    sensor.load(template_of(bench, sensor, ANNA))
    bench.lay(ANNA)
    assert sensor.look() is Reason.OK
    same = sensor.compare()
    bench.lay(BORIS)
    assert sensor.look() is Reason.OK
    other = sensor.compare()
    assert same.matched and not other.matched
    assert same.score > other.score


def test_a_template_outlives_the_sensor_and_fits_one_of_its_kind(bench: Any) -> None:
    sensor = bench.open()
    kind, template = sensor.kind, template_of(bench, sensor, ANNA)
    sensor.close()
    bench.unplug()
    bench.plug()
    sensor = bench.open()
    assert sensor.kind == kind
    assert 1 <= len(kind) <= 80
    sensor.load(template)
    bench.lay(ANNA)
    assert sensor.look() is Reason.OK
    assert sensor.compare().matched


def test_two_fingers_make_no_template(bench: Any) -> None:
    sensor = bench.open()
    bench.lay(ANNA)
    sensor.look(1)
    bench.lay(BORIS)
    sensor.look(2)
    assert sensor.merge() is None


def test_what_lies_there_is_told_and_that_it_was_lifted(bench: Any) -> None:
    sensor = bench.open()
    assert sensor.look() is Reason.NO_FINGER
    bench.lay(ANNA, "smudged")
    assert sensor.look() is Reason.FINGER_UNCLEAR
    bench.lay(ANNA)
    assert sensor.look() is Reason.OK
    bench.lift()
    assert sensor.look() is Reason.NO_FINGER


def test_a_template_that_did_not_arrive_is_never_compared_with(bench: Any) -> None:
    sensor = bench.open()
    anna, boris = template_of(bench, sensor, ANNA), template_of(bench, sensor, BORIS)
    sensor.load(anna)
    bench.damage_downloads()
    with pytest.raises(BadReply):
        sensor.load(boris)


def test_after_a_wipe_nobody_matches(bench: Any) -> None:
    sensor = bench.open()
    sensor.load(template_of(bench, sensor, ANNA))
    sensor.wipe()
    bench.lay(ANNA)
    assert sensor.look() is Reason.OK
    assert not sensor.compare().matched


def test_a_sensor_that_keeps_somebody_is_refused_until_it_was_installed(bench: Any) -> None:
    sensor = bench.open()
    sensor.check()
    bench.keep_somebody()
    with pytest.raises(WrongDevice):
        sensor.check()
    sensor.close()
    bench.unplug()
    bench.plug()
    with pytest.raises(WrongDevice):
        bench.open()
    bench.unplug()
    bench.plug()
    bench.install()
    bench.unplug()
    bench.plug()
    bench.open().check()


def test_a_device_that_is_not_there_cannot_be_opened(bench: Any) -> None:
    bench.unplug()
    with pytest.raises(DeviceLost):
        bench.open()


def test_an_unplugged_sensor_is_lost_and_works_again_when_it_is_back(bench: Any) -> None:
    sensor = bench.open()
    bench.unplug()
    with pytest.raises(DeviceLost):
        sensor.check()
    sensor.close()
    sensor.close()
    bench.plug()
    bench.open().check()


def test_a_sensor_that_is_unplugged_in_the_middle_of_something_says_so(bench: Any) -> None:
    sensor, outcome = bench.open(), []
    went_on = threading.Event()

    def look_on() -> None:
        try:
            while True:
                sensor.look()
                went_on.set()
        except DeviceError as problem:
            outcome.append(problem)

    looking = threading.Thread(target=look_on)
    looking.start()
    assert went_on.wait(30.0)
    bench.unplug()
    looking.join(30.0)
    assert [type(problem) for problem in outcome] == [DeviceLost]
