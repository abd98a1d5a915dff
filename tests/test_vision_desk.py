"""The supervisor's side of vision, on a real socket with a scripted vision process at the other end."""

import base64
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import pytest
from peers import until

from gatefw.gate_terms import Answered, Ask, DeviceCame, DeviceImpaired, DeviceWent, GateInput, TokenRead
from gatefw.model import (
    FaceCompared,
    FaceIdentified,
    Failed,
    IdentifyFace,
    Reason,
    RunId,
    SubjectId,
    Token,
    VerifyFace,
    VerifyPortrait,
)
from gatefw.vision_desk import REQUESTS_MAX, VisionDesk
from gatefw.vision_settings import CameraPlace
from gatefw.vision_wire import COMPONENTS, PORTRAIT_BYTES_MAX, CameraState

WAIT_S = 30.0
INSIDE, FRONT = "camera.inside", "camera.front"
CAMERAS = (CameraPlace(INSIDE, "socket", None), CameraPlace(FRONT, "socket", None, codes=True))
FINE, LOST = CameraState(), CameraState(Reason.DEVICE_LOST, why="unplugged")
ASK = Ask(RunId("a" * 16), 2, VerifyFace(SubjectId("5" * 32), 4.0))
MATCH = {"matched": True, "reason": "ok", "score": 0.31, "threshold": 0.542, "fmr": 0.001, "frames": 2}


class FakeVision:
    """Listens where vision does; `say` and `hear` are its end of the wire."""

    def __init__(self, path: Path) -> None:
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen()
        self._listener.settimeout(WAIT_S)
        self._connection: socket.socket | None = None

    def accept(self, inside: CameraState = FINE, front: CameraState = FINE) -> None:
        self._connection, _ = self._listener.accept()
        self._connection.settimeout(WAIT_S)
        self._lines = self._connection.makefile("rb")
        self.cameras(inside, front)

    def cameras(self, inside: CameraState = FINE, front: CameraState = FINE, **more: object) -> None:
        self.say(health={"ok": False, "cameras": {INSIDE: inside.message(), FRONT: front.message()}, **more})

    def code(self, payload: bytes, camera: str = FRONT) -> None:
        self.say(code={"camera": camera, "payload": base64.b64encode(payload).decode()})

    def say(self, **message: Any) -> None:
        assert self._connection is not None
        self._connection.sendall(json.dumps(message).encode() + b"\n")

    def hear(self) -> dict[str, Any]:
        return dict(json.loads(self._lines.readline()))

    def die(self) -> None:
        if self._connection is not None:
            self._lines.close()
            self._connection.close()
            self._connection = None

    def close(self) -> None:
        self.die()
        self._listener.close()


class Office:
    """A desk with its inbox, and what else it is told."""

    def __init__(self, path: Path) -> None:
        self.inputs: SimpleQueue[GateInput] = SimpleQueue()
        self.hints: SimpleQueue[tuple[RunId, str]] = SimpleQueue()
        self.judged: SimpleQueue[tuple[str, dict[str, int]]] = SimpleQueue()
        self.came = threading.Event()
        self.desk = VisionDesk(
            path,
            CAMERAS,
            self.inputs.put,
            self.came.set,
            lambda run, hint: self.hints.put((run, hint)),
            judged=lambda camera, quality: self.judged.put((camera, quality)),
        )

    def next(self) -> GateInput:
        return self.inputs.get(timeout=WAIT_S)

    def until(self, wanted: GateInput) -> None:
        try:
            while self.inputs.get(timeout=WAIT_S) != wanted:
                pass
        except Empty:
            raise AssertionError(f"{wanted} did not come") from None


@pytest.fixture
def vision(tmp_path: Path) -> Iterator[FakeVision]:
    vision = FakeVision(tmp_path / "vision.sock")
    yield vision
    vision.close()


@pytest.fixture
def office(tmp_path: Path, vision: FakeVision) -> Iterator[Office]:
    office = Office(tmp_path / "vision.sock")
    yield office
    vision.close()
    office.desk.close()


def test_vision_is_there_once_it_told_how_its_camera_is(vision: FakeVision, office: Office) -> None:
    vision.accept()
    assert [office.next() for _ in range(3)] == [DeviceCame(INSIDE), DeviceCame(FRONT), DeviceCame("vision")]
    assert office.came.wait(WAIT_S)


def test_a_camera_that_goes_and_comes_back_is_a_device_of_its_own_and_told_once(
    vision: FakeVision, office: Office
) -> None:
    vision.accept(inside=LOST)
    assert [office.next() for _ in range(3)] == [DeviceWent(INSIDE), DeviceCame(FRONT), DeviceCame("vision")]
    vision.cameras(inside=CameraState(Reason.DEVICE_LOST, why="still unplugged"))
    vision.cameras(front=CameraState(Reason.DEVICE_STUCK))
    assert [office.next(), office.next()] == [DeviceCame(INSIDE), DeviceWent(FRONT, Reason.DEVICE_STUCK)]


def test_what_ails_a_camera_is_told_as_a_level_and_again_when_it_was_gone(vision: FakeVision, office: Office) -> None:
    dark, covered = CameraState(ail=Reason.CAMERA_DARK), CameraState(ail=Reason.CAMERA_COVERED)
    vision.accept(inside=dark)
    office.until(DeviceCame("vision"))
    vision.cameras(inside=covered)
    assert [office.next(), office.next()] == [
        DeviceImpaired(INSIDE, Reason.CAMERA_DARK, False),
        DeviceImpaired(INSIDE, Reason.CAMERA_COVERED, True),
    ]
    vision.cameras(inside=LOST)
    vision.cameras(inside=covered)
    assert [office.next() for _ in range(3)] == [
        DeviceWent(INSIDE),
        DeviceCame(INSIDE),
        DeviceImpaired(INSIDE, Reason.CAMERA_COVERED, True),
    ]
    vision.cameras()
    assert office.next() == DeviceImpaired(INSIDE, Reason.CAMERA_COVERED, False)


def test_a_process_that_comes_back_tells_of_its_cameras_only_what_is_new(vision: FakeVision, office: Office) -> None:
    vision.accept(inside=CameraState(ail=Reason.CAMERA_DARK))
    office.until(DeviceCame("vision"))
    vision.die()
    assert office.next() == DeviceWent("vision")
    vision.accept()
    assert [office.next(), office.next()] == [DeviceImpaired(INSIDE, Reason.CAMERA_DARK, False), DeviceCame("vision")]


def test_a_camera_that_is_not_spoken_of_is_lost_and_one_that_is_not_ours_is_nothing(
    vision: FakeVision, office: Office
) -> None:
    vision.accept()
    office.until(DeviceCame("vision"))
    vision.say(health={"cameras": {"camera.elsewhere": FINE.message(), FRONT: FINE.message()}})
    assert office.next() == DeviceWent(INSIDE)
    vision.say(health={"cameras": {"camera.elsewhere": LOST.message(), INSIDE: FINE.message()}})
    assert [office.next(), office.next()] == [DeviceCame(INSIDE), DeviceWent(FRONT)]


def test_what_ails_the_process_itself_is_told_as_a_level_once_it_is_there_and_void_when_it_goes(
    vision: FakeVision, office: Office
) -> None:
    large, drift = "gallery_too_large", "scores_drift"
    vision.accept()
    office.until(DeviceCame("vision"))
    for ails, news in (
        ([large], [(large, True)]),
        ([large, drift], [(drift, True)]),
        ([drift], [(large, False)]),
    ):
        vision.cameras(ailments=ails)
        assert [office.next() for _ in news] == [DeviceImpaired("vision", Reason(why), so) for why, so in news]
    vision.cameras(ailments=["gallery_eaten"])
    vision.die()
    assert office.next() == DeviceWent("vision")
    vision.accept()
    office.until(DeviceCame("vision"))
    vision.cameras(ailments=[drift])
    assert office.next() == DeviceImpaired("vision", Reason.SCORES_DRIFT, True)


@pytest.mark.parametrize("nonsense", [{"health": None}, {"health": {}}, {"code": 7}, {"health": {"cameras": {"a": 1}}}])
def test_what_cannot_be_read_changes_nothing(vision: FakeVision, office: Office, nonsense: dict[str, Any]) -> None:
    vision.accept()
    office.until(DeviceCame("vision"))
    vision.say(**nonsense)
    vision.cameras(inside=LOST)
    assert office.next() == DeviceWent(INSIDE)


@pytest.mark.parametrize("reverse", [False, True])
def test_cameras_of_a_vision_process_that_has_the_lane_the_other_way_round_are_the_wrong_ones(
    tmp_path: Path, vision: FakeVision, reverse: bool
) -> None:
    """The lane was reversed, and its vision process was not: what it calls the front is the other end."""
    inputs: SimpleQueue[GateInput] = SimpleQueue()
    desk = VisionDesk(tmp_path / "vision.sock", CAMERAS, inputs.put, lambda: None, lambda run, hint: None, reverse)
    try:
        vision.accept()
        vision.cameras(reversed=not reverse)
        went = [DeviceWent(name, Reason.DEVICE_WRONG) for name in (INSIDE, FRONT)]
        while went and (event := inputs.get(timeout=WAIT_S)):
            went = [each for each in went if each != event]
        vision.cameras(reversed=reverse)
        assert [inputs.get(timeout=WAIT_S) for _ in range(2)] in (
            [DeviceCame(INSIDE), DeviceCame(FRONT)],
            [DeviceCame("vision"), DeviceCame(INSIDE)],
        )
    finally:
        vision.close()
        desk.close()


# ---------------------------------------------------------------- codes


def test_a_code_that_a_camera_saw_is_a_token_of_its_reader_while_it_is_wanted(
    vision: FakeVision, office: Office
) -> None:
    vision.accept()
    office.until(DeviceCame("vision"))
    vision.code(b"too early")
    vision.cameras(front=LOST)
    assert office.next() == DeviceWent(FRONT)
    office.desk.want_codes(True)
    office.desk.want_codes(True)
    assert vision.hear() | {"id": 0} == {"id": 0, "do": "codes", "wanted": True}
    vision.code(b"\xff\0GWID", camera=INSIDE)
    vision.code(b"\xff\0GWID")
    assert office.next() == TokenRead(FRONT, Token(b"\xff\0GWID", "]Q1"))
    office.desk.want_codes(False)
    assert vision.hear() | {"id": 0} == {"id": 0, "do": "codes", "wanted": False}
    vision.code(b"too late")
    vision.cameras(inside=LOST, front=LOST)
    assert office.next() == DeviceWent(INSIDE)


def test_a_process_that_comes_back_is_told_that_codes_are_wanted(vision: FakeVision, office: Office) -> None:
    office.desk.want_codes(True)
    for _ in range(2):
        vision.accept()
        office.until(DeviceCame("vision"))
        while (heard := vision.hear()) and heard["do"] != "codes":
            pass
        assert heard["wanted"] is True
        vision.die()
        office.until(DeviceWent("vision"))


def test_a_lane_without_a_camera_for_codes_asks_for_none(tmp_path: Path, vision: FakeVision) -> None:
    inputs: SimpleQueue[GateInput] = SimpleQueue()
    desk = VisionDesk(tmp_path / "vision.sock", CAMERAS[:1], inputs.put, lambda: None, lambda run, hint: None)
    try:
        vision.accept()
        while inputs.get(timeout=WAIT_S) != DeviceCame("vision"):
            pass
        desk.want_codes(True)
        desk.request("health", lambda message: None)
        assert vision.hear()["do"] == "health"
    finally:
        vision.close()
        desk.close()


# ---------------------------------------------------------------- comparisons


def test_a_portrait_goes_along_with_its_question_and_is_answered_like_a_face(
    vision: FakeVision, office: Office
) -> None:
    vision.accept()
    office.until(DeviceCame("vision"))
    office.desk.verify(Ask(ASK.run, 3, VerifyPortrait(b"\xff\xd8 a portrait", 4.0)))
    asked = vision.hear()
    assert (asked["do"], asked["deadline_s"]) == ("verify_portrait", 4.0)
    assert base64.b64decode(asked["portrait"]) == b"\xff\xd8 a portrait"
    vision.say(id=asked["id"], done=MATCH)
    office.until(Answered(ASK.run, 3, FaceCompared(True, 0.31, 0.542, 0.001, 2)))


def test_a_search_is_answered_with_who_was_found_or_why_nobody_was(vision: FakeVision, office: Office) -> None:
    found = {"reason": "ok", "subject": "5" * 32, "score": 0.3, "threshold": 0.493}
    found |= {"gallery": 40, "fpir": 0.01, "frames": 3, "more_evidence": False}
    vision.accept()
    office.until(DeviceCame("vision"))
    office.desk.verify(Ask(ASK.run, 3, IdentifyFace(4.0)))
    asked = vision.hear()
    assert (asked["do"], asked["deadline_s"]) == ("identify", 4.0)
    vision.say(id=asked["id"], done=found)
    office.until(Answered(ASK.run, 3, FaceIdentified(SubjectId("5" * 32), 0.3, 0.493, 40, 0.01, 3)))
    for number, done, reason in (
        (4, found | {"reason": "ambiguous", "subject": None}, Reason.AMBIGUOUS),
        (5, found | {"score": 0.5}, Reason.VISION_UNAVAILABLE),
        (6, MATCH, Reason.VISION_UNAVAILABLE),
    ):
        office.desk.verify(Ask(ASK.run, number, IdentifyFace(4.0)))
        vision.say(id=vision.hear()["id"], done=done)
        office.until(Answered(ASK.run, number, Failed(reason)))


def test_a_portrait_that_is_none_is_a_document_that_cannot_be_read(vision: FakeVision, office: Office) -> None:
    vision.accept()
    office.until(DeviceCame("vision"))
    office.desk.verify(Ask(ASK.run, 3, VerifyPortrait(bytes(PORTRAIT_BYTES_MAX + 1), 4.0)))
    assert office.next() == Answered(ASK.run, 3, Failed(Reason.DOCUMENT_UNREADABLE))
    office.desk.verify(Ask(ASK.run, 4, VerifyPortrait(b"x", 4.0)))
    vision.say(id=vision.hear()["id"], done=MATCH | {"matched": False, "reason": "document_unreadable", "score": None})
    assert office.next() == Answered(ASK.run, 4, Failed(Reason.DOCUMENT_UNREADABLE))


def test_a_comparison_is_answered_under_its_run_and_number_and_hints_are_not_answers(
    vision: FakeVision, office: Office
) -> None:
    vision.accept()
    office.until(DeviceCame("vision"))
    office.desk.verify(ASK)
    asked = vision.hear()
    assert (asked["do"], asked["subject"], asked["deadline_s"]) == ("verify", "5" * 32, 4.0)
    vision.say(id=asked["id"], hint="too_dark")
    assert office.hints.get(timeout=WAIT_S) == (ASK.run, "too_dark")
    vision.say(id=asked["id"], hint="x" * 60_000)
    vision.say(id=asked["id"], hint="too_bright")
    assert office.hints.get(timeout=WAIT_S) == (ASK.run, "too_bright")
    vision.say(id=asked["id"], done=MATCH)
    office.until(Answered(ASK.run, 2, FaceCompared(True, 0.31, 0.542, 0.001, 2)))


def test_how_good_a_face_is_is_told_of_the_lanes_own_cameras_while_it_is_asked_about(
    vision: FakeVision, office: Office
) -> None:
    good = dict.fromkeys(COMPONENTS, 90)
    vision.accept()
    office.until(DeviceCame("vision"))
    office.desk.verify(ASK)
    number = vision.hear()["id"]
    vision.say(id=number + 1, judged={"camera": INSIDE, "quality": good})
    vision.say(id=number, judged={"camera": "camera.elsewhere", "quality": good})
    vision.say(id=number, judged={"camera": INSIDE, "quality": good | {"sharpness": 101}})
    vision.say(id=number, judged={"camera": INSIDE, "quality": good | {"name": 7}})
    vision.say(id=number, judged={"camera": INSIDE, "quality": good | {"sharpness": 12}})
    assert office.judged.get(timeout=WAIT_S) == (INSIDE, good | {"sharpness": 12})
    vision.say(id=number, done=MATCH)
    office.until(Answered(ASK.run, 2, FaceCompared(True, 0.31, 0.542, 0.001, 2)))


def test_a_cancelled_comparison_is_taken_back_and_its_answer_is_not_passed_on(
    vision: FakeVision, office: Office
) -> None:
    vision.accept()
    office.until(DeviceCame("vision"))
    office.desk.verify(ASK)
    first = vision.hear()["id"]
    office.desk.cancel(ASK.run)
    assert vision.hear() | {"id": 0} == {"id": 0, "do": "cancel", "of": first}
    vision.say(id=first, done=MATCH)
    vision.cameras(inside=LOST)
    assert office.next() == DeviceWent(INSIDE)


def test_what_a_dead_process_was_asked_has_failed_at_that_moment(vision: FakeVision, office: Office) -> None:
    vision.accept()
    office.until(DeviceCame("vision"))
    office.desk.verify(ASK)
    heard: SimpleQueue[Any] = SimpleQueue()
    office.desk.request("list", heard.put)
    vision.hear()
    vision.die()
    office.until(DeviceWent("vision"))
    office.until(Answered(ASK.run, 2, Failed(Reason.VISION_UNAVAILABLE)))
    assert heard.get(timeout=WAIT_S)["failed"]["kind"] == "retry"


def test_a_question_to_nobody_is_answered_at_once(tmp_path: Path) -> None:
    office = Office(tmp_path / "nobody.sock")
    try:
        office.desk.verify(ASK)
        office.until(Answered(ASK.run, 2, Failed(Reason.VISION_UNAVAILABLE)))
    finally:
        office.desk.close()


@pytest.mark.parametrize("done", [{}, {"matched": "yes"}, MATCH | {"reason": "face_mismatch"}, MATCH | {"score": None}])
def test_an_answer_that_is_none_never_admits(vision: FakeVision, office: Office, done: dict[str, Any]) -> None:
    vision.accept()
    office.until(DeviceCame("vision"))
    office.desk.verify(ASK)
    vision.say(id=vision.hear()["id"], done=done)
    office.until(Answered(ASK.run, 2, Failed(Reason.VISION_UNAVAILABLE)))


def test_it_is_asked_once_whether_it_is_alive_until_it_has_answered(vision: FakeVision, office: Office) -> None:
    vision.accept()
    office.until(DeviceCame("vision"))
    desk = office.desk
    assert desk.connected
    heard = desk.heard
    for _ in range(5):
        desk.ask_alive()
    asked = vision.hear()
    vision.say(id=asked["id"], done={})
    until(lambda: desk.heard > heard, "the answer", WAIT_S)
    until(lambda: not desk._asking, "the next one to be possible", WAIT_S)
    desk.ask_alive()
    assert vision.hear() == {"id": asked["id"] + 1, "do": "health"}
    vision.die()
    until(lambda: not desk.connected, "the end to be noticed", WAIT_S)
    assert not desk._asking


def test_one_that_answers_nothing_is_asked_so_much_and_no_more(vision: FakeVision, office: Office) -> None:
    vision.accept()
    office.until(DeviceCame("vision"))
    answers: SimpleQueue[Any] = SimpleQueue()
    for _ in range(REQUESTS_MAX + 1):
        office.desk.request("figures", answers.put)
    assert "has not answered" in answers.get(timeout=WAIT_S)["failed"]["message"]
    assert answers.empty()
    office.desk.hang_up()
    for _ in range(REQUESTS_MAX):
        assert answers.get(timeout=WAIT_S)["failed"]["kind"] == "retry"
