"""A lane that wants a finger after the face, in virtual time: the real Gate, the real driver, a simulated sensor."""

from collections.abc import Iterator
from itertools import count

import pytest
from finger_peers import VirtualSensor
from virtual_lane import REQUIRED, TIMERS, Lane

from gatefw.clearance import Procedure, Terms
from gatefw.errors import DeviceError
from gatefw.finger_worker import FingerWatch, verify
from gatefw.gate import Gate, GateSettings
from gatefw.model import (
    Decision,
    FaceCompared,
    FactKind,
    Failed,
    FingerCompared,
    LetIn,
    LookUpRecord,
    Phase,
    Question,
    Reason,
    RecordFound,
    Reply,
    RunId,
    Token,
    Verdict,
    VerifyFace,
    VerifyFinger,
)
from gatefw.virtual import VirtualRunner

FINGER_S = 6.0
FINGERS = {"anna": 7, "boris": 8}


def face_and_finger(token: Token, terms: Terms) -> Procedure:
    found = yield LookUpRecord(token)
    assert isinstance(found, RecordFound)
    yield LetIn()
    face = yield VerifyFace(found.subject, terms.face_deadline_s)
    assert isinstance(face, FaceCompared) and face.matched
    finger = yield VerifyFinger(found.subject, FINGER_S)
    if isinstance(finger, Failed):
        return Decision(Verdict.REFER, finger.reason, found.subject)
    assert isinstance(finger, FingerCompared)
    if not finger.matched:
        return Decision(Verdict.REFUSE, Reason.FINGER_MISMATCH, found.subject)
    return Decision(Verdict.ADMIT, Reason.OK, found.subject)


class FingerLane(Lane):
    """Anna's face passes; whose finger lies on the sensor is up to the test."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.sensor, runs = VirtualSensor(), count(1)
        self._driver = self.sensor.open()
        settings = GateSettings(self.policy, TIMERS, Terms(face_deadline_s=6.0), REQUIRED, in_service=True)
        self.gate = Gate(settings, face_and_finger, lambda: RunId(f"{next(runs):016x}"))
        self.runner = VirtualRunner(self.gate, self.site, self._answer)

    def _answer(self, request: Question) -> tuple[float, Reply]:
        if not isinstance(request, VerifyFinger):
            return super()._answer(request)  # type: ignore[arg-type]
        link = self.sensor.link
        began_s = link.now

        def rest(seconds: float) -> None:
            link.now += seconds

        watch = FingerWatch(self._driver, began_s + request.deadline_s, lambda: False, rest, link.now_s)
        template = self.sensor.device.chip.features(FINGERS[str(request.subject)])
        try:
            reply = verify(self._driver, template, watch)
        except DeviceError:
            reply = Failed(Reason.FINGERS_UNAVAILABLE)
        return link.now - began_s, reply


@pytest.fixture
def lane() -> Iterator[FingerLane]:
    lane = FingerLane({"ANNA": "anna"})
    lane.boot()
    yield lane
    lane.check_facts()
    assert lane.violations() == []


def sent(lane: FingerLane) -> tuple[str, list[tuple[bool, str]]]:
    """Anna, with her code and her face."""
    lane.send("anna", "traveller", code="ANNA", photo="anna")
    lane.run(40)
    return lane.outcome("anna"), lane.ended()


def test_face_and_finger_open_the_exit(lane: FingerLane) -> None:
    lane.sensor.act("lay", finger=FINGERS["anna"])
    assert sent(lane) == ("passed", [(True, "ok")])
    (compared,) = lane.facts(FactKind.FINGER_COMPARED)
    told = dict(compared.fields)
    assert told["matched"] is True and told["attempts"] == 1
    assert lane.phase is Phase.IDLE


@pytest.mark.parametrize(
    ("lies", "reason"),
    [
        ({"finger": FINGERS["boris"]}, "finger_mismatch"),
        ({"finger": FINGERS["anna"], "quality": "smudged"}, "finger_unclear"),
        ({}, "no_finger"),
    ],
)
def test_without_the_right_finger_the_exit_stays_shut(lane: FingerLane, lies: dict[str, object], reason: str) -> None:
    if lies:
        lane.sensor.act("lay", **lies)
    assert sent(lane) == ("turned_back", [(False, reason)])


@pytest.mark.parametrize("fault", ["download_ignored", "download_damaged", "drop_packets", "refusing"])
def test_a_sensor_that_ails_admits_nobody(lane: FingerLane, fault: str) -> None:
    """Not even the right finger: what it would be compared with is not known."""
    lane.sensor.act("lay", finger=FINGERS["anna"])
    lane.sensor.act("fault", which=fault, on=True)
    assert sent(lane) == ("turned_back", [(False, "fingers_unavailable")])
