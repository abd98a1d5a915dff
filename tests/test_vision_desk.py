"""The supervisor's side of vision, on a real socket with a scripted vision process at the other end."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import pytest

from gatefw.gate_terms import Answered, Ask, DeviceCame, DeviceWent, GateInput
from gatefw.model import FaceCompared, Failed, Reason, RunId, SubjectId, VerifyFace
from gatefw.vision_desk import VisionDesk

WAIT_S = 30.0
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

    def accept(self, ok: bool = True) -> None:
        self._connection, _ = self._listener.accept()
        self._connection.settimeout(WAIT_S)
        self._lines = self._connection.makefile("rb")
        self.say(health={"ok": ok, "camera": "frames come" if ok else "dark"})

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
        self.came = threading.Event()
        self.desk = VisionDesk(path, self.inputs.put, self.came.set, lambda run, hint: self.hints.put((run, hint)))

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
    office.until(DeviceCame("camera"))
    office.until(DeviceCame("vision"))
    assert office.came.wait(WAIT_S)


def test_a_camera_that_goes_dark_and_comes_back_is_a_device_of_its_own(vision: FakeVision, office: Office) -> None:
    vision.accept(ok=False)
    office.until(DeviceWent("camera"))
    office.until(DeviceCame("vision"))
    vision.say(health={"ok": True, "camera": "frames come"})
    office.until(DeviceCame("camera"))


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
    vision.say(id=asked["id"], done=MATCH)
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
    vision.say(health={"ok": False, "camera": "dark"})
    assert office.inputs.get(timeout=WAIT_S) == DeviceWent("camera")


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
