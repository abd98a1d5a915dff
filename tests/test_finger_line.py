"""Worker, driver and simulated sensor together, on a pty at 57,600 baud: a traveller's finger, noise, a pulled plug."""

from collections.abc import Iterator
from pathlib import Path
from queue import Empty, SimpleQueue

import pytest
from finger_peers import PtySensor
from peers import until

from gatefw.finger_worker import LAYINGS, FingerWorker
from gatefw.fingers import Fingerprint
from gatefw.gate_terms import Answered, Ask, DeviceCame, DeviceWent, GateInput
from gatefw.model import Failed, FingerCompared, Reason, Reply, RunId, SubjectId, VerifyFinger
from hw import finger_r30x
from hw.sim.serial_line import LineAilment
from hw.wire.zfm import Command

WAIT_S = 60.0
ANNA, BORIS = 7, 8
NAME = "finger.inside"


class Lane:
    """A sensor on a line, and the worker that owns it; `anna` is whose finger is asked for."""

    def __init__(self, folder: Path) -> None:
        self.sensor = PtySensor(folder)
        self.sensor.plug()
        self._settings = finger_r30x.Settings(self.sensor.url, reply_s=3.0)
        self.anna = Fingerprint("zfm:0009:512", self.sensor.device.chip.features(ANNA))
        self.came: SimpleQueue[GateInput] = SimpleQueue()
        self.worker = FingerWorker(NAME, lambda: finger_r30x.open(self._settings), self.came.put, lambda _: self.anna)
        self._asked = 0

    def seen(self) -> None:
        """The sensor has been looked at a few times from now on."""
        heard = self.sensor.device.heard
        begin = len(heard)
        until(lambda: heard[begin:].count(Command.LOOK) > 3, "it is looked at", WAIT_S)

    def next(self) -> GateInput:
        try:
            return self.came.get(timeout=WAIT_S)
        except Empty:
            raise AssertionError("no input came") from None

    def in_service(self) -> None:
        """It is in service, though perhaps not at the first try."""
        while self.next() != DeviceCame(NAME):
            pass

    def ask(self, deadline_s: float = 60.0) -> None:
        self._asked += 1
        self.worker.ask(Ask(RunId("r"), self._asked, VerifyFinger(SubjectId("5" * 32), deadline_s)))

    def reply(self) -> Reply:
        while not isinstance(came := self.next(), Answered):
            pass
        assert came.number == self._asked
        return came.reply


@pytest.fixture
def lane(tmp_path: Path) -> Iterator[Lane]:
    lane = Lane(tmp_path)
    lane.worker.start()
    try:
        lane.in_service()
        yield lane
    finally:
        lane.worker.stop(WAIT_S)
        lane.sensor.unplug()


def nobody(lane: Lane) -> bool:
    buffers = lane.sensor.device.chip.buffers
    return len(buffers) == 2 and not any(any(buffer) for buffer in buffers.values())


def test_a_travellers_finger_is_compared_and_nobody_stays_in_the_sensor(lane: Lane) -> None:
    lane.ask()
    lane.sensor.act("lay", finger=ANNA)
    reply = lane.reply()
    assert isinstance(reply, FingerCompared) and reply.matched and reply.attempts == 1
    until(lambda: nobody(lane), "the sensor is wiped", WAIT_S)
    lane.worker.stop(WAIT_S)
    assert nobody(lane)
    assert lane.sensor.device.chip.flash == {}


def test_another_finger_is_refused_and_annas_after_it_is_taken(lane: Lane) -> None:
    lane.ask()
    lane.sensor.act("lay", finger=BORIS)
    heard = lane.sensor.device.heard
    until(lambda: Command.MATCH in heard, "the first finger is compared", WAIT_S)
    lane.sensor.act("lift")
    lane.seen()
    lane.sensor.act("lay", finger=ANNA)
    reply = lane.reply()
    assert isinstance(reply, FingerCompared) and reply.matched and reply.attempts == 2


def test_a_smudged_finger_is_unclear(lane: Lane) -> None:
    lane.ask()
    for laying in range(LAYINGS):
        if laying:
            lane.seen()
        lane.sensor.act("lay", finger=ANNA, quality="smudged")
        lane.seen()
        lane.sensor.act("lift")
    assert lane.reply() == Failed(Reason.FINGER_UNCLEAR)


def test_a_sensor_whose_plug_is_pulled_says_so_and_compares_again_when_it_is_back(lane: Lane) -> None:
    lane.ask()
    lane.seen()
    lane.sensor.unplug()
    assert lane.reply() == Failed(Reason.FINGERS_UNAVAILABLE)
    assert lane.next() == DeviceWent(NAME, Reason.DEVICE_LOST)
    lane.ask()
    assert lane.reply() == Failed(Reason.FINGERS_UNAVAILABLE)
    lane.sensor.plug()
    lane.in_service()
    lane.ask()
    lane.sensor.act("lay", finger=ANNA)
    reply = lane.reply()
    assert isinstance(reply, FingerCompared) and reply.matched


@pytest.mark.parametrize("ailment", [LineAilment.GARBLED, LineAilment.WRONG_DEVICE])
def test_a_line_that_is_not_well_never_makes_a_match_and_heals(lane: Lane, ailment: LineAilment) -> None:
    lane.ask()
    lane.seen()
    lane.sensor.ail(ailment)
    lane.sensor.act("lay", finger=ANNA)
    assert lane.reply() == Failed(Reason.FINGERS_UNAVAILABLE)
    assert isinstance(lane.next(), DeviceWent)
    lane.sensor.ail(LineAilment.HEALTHY)
    lane.in_service()
