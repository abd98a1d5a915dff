"""The vision process with its real models: enrol, verify, revoke, and what it survives."""

import base64
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import zxingcpp
from peers import FrameServer, until
from vision_lane import FOREVER, KEY, Lane, Scene, empty, usual_chain, vision_settings

from gatefw import vision
from gatefw.biometrics import picture
from gatefw.biometrics.chain import Chain
from gatefw.biometrics.gallery import Gallery
from gatefw.biometrics.runtime import Delegate, Maker, Picture, Runtime
from gatefw.biometrics.template import Template
from gatefw.errors import DeviceLost, ModelError, SetupError
from gatefw.mirror_wire import Place
from gatefw.model import FaceCompared, Failed, Reason, SubjectId
from gatefw.vision_client import VisionClient
from gatefw.vision_feed import Eyes, Feeds, Seen
from gatefw.vision_server import Server
from gatefw.vision_settings import CameraPlace, VisionSettings
from gatefw.vision_wire import LISTED, verify_reply
from gatefw.vision_worker import Vision

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def chain(models: Path) -> Chain:
    return usual_chain(models)


@pytest.fixture
def settings(tmp_path: Path, models: Path) -> VisionSettings:
    return vision_settings(tmp_path, models, CameraPlace("camera.inside", "socket", None))


@pytest.fixture
def lane(chain: Chain, settings: VisionSettings) -> Iterator[Lane]:
    with closing(Lane(chain, settings)) as made:
        yield made


@pytest.fixture
def anna(lane: Lane, photos: Path) -> str:
    """A subject, enrolled from one photograph."""
    done = lane.call("enrol", subject="anna", photos=[str(photos / "obama.jpg")], expires_at=FOREVER)
    assert done["done"] == {"templates": 1, "twice": []}
    return "anna"


def test_a_traveller_enrolled_from_one_photograph_is_matched_by_another(lane: Lane, anna: str, photos: Path) -> None:
    lane.scene.rgb = picture.load(photos / "obama2.jpg")
    reply = lane.verify(anna)
    assert isinstance(reply, FaceCompared)
    assert reply.matched
    assert reply.score < 0.5
    assert (reply.threshold, reply.fmr, reply.frames) == (0.542, 1e-3, 1)


def test_an_impostor_is_another_person_after_five_good_frames(lane: Lane, anna: str, photos: Path) -> None:
    lane.scene.rgb = picture.load(photos / "biden.jpg")
    reply = lane.verify(anna)
    assert isinstance(reply, FaceCompared)
    assert not reply.matched
    assert reply.score > 0.75
    assert reply.frames == 5


def test_an_empty_place_is_hinted_at_and_ends_at_the_deadline(lane: Lane, anna: str) -> None:
    number = lane.client.ask("verify", subject=anna, deadline_s=3.0)
    assert verify_reply(lane.last_word(number)) == Failed(Reason.NO_FACE)
    assert lane.hints(number) == ["no_face"]


def test_the_traveller_who_follows_the_hint_is_matched(lane: Lane, anna: str, photos: Path) -> None:
    good = picture.load(photos / "obama.jpg")
    lane.scene.rgb = good // 8
    number = lane.client.ask("verify", subject=anna, deadline_s=20.0)
    until(lambda: "too_dark" in lane.hints(number), "the hint", 30)
    lane.scene.rgb = good
    reply = verify_reply(lane.last_word(number))
    assert isinstance(reply, FaceCompared)
    assert reply.matched


def test_a_frozen_picture_of_the_right_face_admits_nobody(lane: Lane, anna: str, photos: Path) -> None:
    for scene in (lane.scene, lane.low):
        scene.rgb, scene.frozen = picture.load(photos / "obama.jpg"), True
    taken = [scene.taken for scene in (lane.scene, lane.low)]
    for scene, before in zip((lane.scene, lane.low), taken, strict=True):
        until(lambda scene=scene, before=before: scene.taken >= before + 2, "its one picture is an old one", 60)
    number = lane.client.ask("verify", subject=anna, deadline_s=0.4)
    reply = verify_reply(lane.last_word(number))
    assert reply == Failed(Reason.NO_FRAME)


def test_the_unknown_the_expired_and_the_revoked_are_not_compared(lane: Lane, anna: str, photos: Path) -> None:
    lane.scene.rgb = picture.load(photos / "obama.jpg")
    assert lane.verify("bert") == Failed(Reason.NOT_ENROLLED)
    lane.wall_s = FOREVER
    assert lane.verify(anna) == Failed(Reason.RECORD_EXPIRED)
    lane.wall_s = 1000.0
    assert lane.call("revoke", subject=anna)["done"] == {"revoked": True}
    assert lane.call("revoke", subject=anna)["done"] == {"revoked": False}
    assert lane.verify(anna) == Failed(Reason.NOT_ENROLLED)
    assert lane.call("list")["done"] == {"subjects": []}


def test_who_is_revoked_while_their_face_is_looked_at_is_not_matched(lane: Lane, anna: str, photos: Path) -> None:
    """The officer's order comes while the traveller stands between the doors."""
    number = lane.client.ask("verify", subject=anna, deadline_s=60.0)
    assert lane.call("revoke", subject=anna)["done"] == {"revoked": True}
    lane.scene.rgb = picture.load(photos / "obama2.jpg")
    assert verify_reply(lane.last_word(number)) == Failed(Reason.NOT_ENROLLED)


def test_a_gallery_is_listed_in_parts_that_fit_into_a_message(
    lane: Lane, chain: Chain, settings: VisionSettings
) -> None:
    with closing(Gallery(settings.gallery, KEY)) as gallery:
        for number in range(LISTED + 1):
            template = Template(np.zeros(128, np.float32), chain.maker)
            gallery.enrol(SubjectId(f"{number:032x}"), [template], FOREVER)
    first = lane.call("list")["done"]["subjects"]
    assert [each["subject"] for each in first] == [f"{number:032x}" for number in range(LISTED)]
    (last,) = lane.call("list", after=first[-1]["subject"])["done"]["subjects"]
    assert last["subject"] == f"{LISTED:032x}"
    assert lane.call("list", after=last["subject"])["done"] == {"subjects": []}


def test_a_refused_photograph_is_named_to_who_asked_and_in_no_log(
    lane: Lane, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A photograph is often named after the person in it."""
    (tmp_path / "anna-example.jpg").write_bytes(b"no picture")
    answer = lane.call("enrol", subject="anna", photos=[str(tmp_path / "anna-example.jpg")], expires_at=FOREVER)
    assert "anna-example.jpg" in answer["failed"]["message"]
    assert "anna-example" not in caplog.text


def test_a_cancelled_verification_ends_at_once_and_the_next_one_runs(lane: Lane, anna: str, photos: Path) -> None:
    number = lane.client.ask("verify", subject=anna, deadline_s=60.0)
    assert lane.call("cancel", of=number)["done"] == {}
    assert lane.last_word(number)["failed"]["kind"] == "cancelled"
    lane.scene.rgb = picture.load(photos / "obama.jpg")
    assert isinstance(lane.verify(anna), FaceCompared)


def test_a_newer_verification_ends_an_older_one(lane: Lane, anna: str) -> None:
    older = lane.client.ask("verify", subject=anna, deadline_s=60.0)
    newer = lane.client.ask("verify", subject=anna, deadline_s=3.0)
    assert lane.last_word(older)["failed"]["kind"] == "cancelled"
    assert verify_reply(lane.last_word(newer)) == Failed(Reason.NO_FACE)


class Glasses:
    """Writes down what a mirror is told; of frames that follow each other one."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def begin(self, place: Place, _now_s: float) -> None:
        self.told.append(f"begin {place.name}")

    def offer(self, _seen: Seen) -> None:
        if self.told[-1] != "frames":
            self.told.append("frames")

    def faced(self, _seen: Seen) -> None:
        """Whose face it is says nobody."""

    def end(self) -> None:
        self.told.append("end")


def test_a_mirror_has_frames_from_the_beginning_of_a_question_to_its_end_however_that_comes(
    chain: Chain, settings: VisionSettings, photos: Path
) -> None:
    """One is answered, one takes the place of another, one is cancelled; then the supervisor goes away."""
    glass = Glasses()
    with closing(Lane(chain, settings, glass=glass)) as lane:
        lane.call("enrol", subject="anna", photos=[str(photos / "obama.jpg")], expires_at=FOREVER)
        assert glass.told == []
        assert lane.verify("anna", deadline_s=3.0) == Failed(Reason.NO_FACE)
        begun, whole = ["begin ONLY", "frames"], ["begin ONLY", "frames", "end"]
        assert glass.told == whole
        for before in (whole, whole * 2):
            number = lane.client.ask("verify", subject="anna", deadline_s=60.0)
            until(lambda before=before: glass.told == [*before, *begun], "frames of a question of its own")
        lane.call("cancel", of=number)
        assert glass.told == whole * 3
        lane.client.ask("verify", subject="anna", deadline_s=60.0)
        until(lambda: glass.told == [*whole * 3, *begun], "frames")
        lane.client.close()
        until(lambda: glass.told == whole * 4, "the end")


def test_enrolling_and_listing_go_on_beside_a_verification(lane: Lane, anna: str, photos: Path) -> None:
    number = lane.client.ask("verify", subject=anna, deadline_s=60.0)
    three = [str(photos / f"obama{n}.jpg") for n in ("", "2", "3")]
    assert lane.call("enrol", subject="bert", photos=three, expires_at=5000)["done"] == {
        "templates": 3,
        "twice": ["anna"],
    }
    assert lane.call("list")["done"]["subjects"] == [
        {"subject": "anna", "templates": 1, "expires_at": FOREVER, "partition": "main"},
        {"subject": "bert", "templates": 3, "expires_at": 5000.0, "partition": "main"},
    ]
    assert not any(m.get("id") == number and "done" in m for m in lane.log)


def test_photographs_of_two_people_or_half_a_face_enrol_nobody(lane: Lane, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    for names, why in (
        (["obama.jpg", "biden.jpg"], "shows another person than the first one"),
        (["obama_partial_face.jpg"], "partial_face"),
        (["nobody.jpg"], "No such file"),
        ([str(tmp_path / "text.jpg")], "is no JPEG and no PNG"),
        ([], "0 photographs"),
    ):
        failed = lane.call("enrol", subject="anna", photos=[str(photos / n) for n in names], expires_at=5000)["failed"]
        assert failed["kind"] == "refuse"
        assert why in failed["message"]
    assert lane.call("list")["done"] == {"subjects": []}


@pytest.mark.parametrize(
    ("do", "fields", "why"),
    [
        ("dance", {}, "nothing is called 'dance'"),
        ("verify", {}, "subject must be a text"),
        ("verify", {"subject": "anna", "deadline_s": -1}, "deadline_s must be a number from 0 up"),
        ("verify", {"subject": "anna", "deadline_s": True}, "deadline_s must be a number"),
        ("verify", {"subject": "\ud800", "deadline_s": 1}, "subject must be a text"),
        ("enrol", {"subject": "anna", "expires_at": 1, "photos": "x"}, "photos must be a list"),
        ("enrol", {"subject": "anna", "expires_at": 1, "photos": ["/a\0b"]}, "embedded null"),
        ("enrol", {"subject": "anna", "expires_at": 1, "photos": ["/\ud800"]}, "cannot be read"),
        ("cancel", {"of": "x"}, "of must be a number"),
        ("codes", {"wanted": "yes"}, "wanted must be true or false"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_and_the_next_is_served(
    lane: Lane, do: str, fields: dict[str, object], why: str
) -> None:
    failed = lane.call(do, **fields)["failed"]
    assert failed["kind"] == "refuse"
    assert why in failed["message"]
    assert lane.call("list")["done"] == {"subjects": []}


def test_a_template_of_another_model_is_never_compared(lane: Lane, chain: Chain, settings: VisionSettings) -> None:
    other = Maker("b" * 64, Runtime.LITERT, "2.3.0", Delegate.DEFAULT)
    with closing(Gallery(settings.gallery, KEY)) as gallery:
        gallery.enrol(SubjectId("anna"), [Template(np.zeros(128, np.float32), other)], FOREVER)
    failed = lane.call("verify", subject="anna", deadline_s=60.0)["failed"]
    assert "not comparable" in failed["message"]
    assert verify_reply({"failed": failed}) == Failed(Reason.VISION_UNAVAILABLE)


def test_health_is_told_on_connection_and_when_it_changes(lane: Lane) -> None:
    fine = {"lost": "", "ail": "", "why": ""}
    works = {
        "ok": True,
        "reversed": False,
        "cameras": {"camera.inside": fine, "camera.low": fine, "camera.front": fine},
        "ailments": [],
    }
    until(lambda: {"health": works} in lane.log, "cameras that work", 30)
    assert lane.call("health")["done"] == works
    lane.scene.frame = lambda timeout_s: (_ for _ in ()).throw(OSError("unplugged"))  # type: ignore[method-assign]
    gone = {"lost": "device_lost", "ail": "", "why": "unplugged"}
    until(lambda: lane.told("camera.inside") == gone, "a camera that is gone", 30)
    lane.front.rgb = np.zeros((480, 640, 3), np.uint8)
    until(lambda: lane.told("camera.front")["ail"] == "camera_dark", "a camera that is dark", 30)
    assert lane.call("health")["done"]["ok"] is False


# ---------------------------------------------------------------- several cameras


def test_a_process_whose_camera_stays_lost_ends_to_be_started_again_once_nobody_is_verified(
    chain: Chain, settings: VisionSettings
) -> None:
    """What is left of a driver may hold the camera: only the end of its process gives that back."""
    now_s, scene = 0.0, Scene()
    with (
        closing(Gallery(settings.gallery, KEY)) as gallery,
        closing(Feeds({"camera.inside": scene.open}, lambda: now_s)) as faces,
        closing(Feeds({})) as codes,
        closing(Server(settings.socket)) as server,
    ):
        until(lambda: not faces.states["camera.inside"].lost, "the camera works", 30)
        scene.frame = lambda timeout_s: (_ for _ in ()).throw(OSError("held"))  # type: ignore[method-assign]
        until(lambda: faces.states["camera.inside"].lost, "the camera is lost", 30)
        now_s = 61.0
        with pytest.raises(DeviceLost, match="has shown nothing for 60 s"):
            Vision(settings, chain, gallery, Eyes(faces, codes), server).run()


def test_a_traveller_whom_only_one_camera_sees_is_matched(lane: Lane, anna: str, photos: Path) -> None:
    lane.low.rgb = picture.load(photos / "obama2.jpg")
    reply = lane.verify(anna)
    assert isinstance(reply, FaceCompared)
    assert reply.matched


def test_a_face_before_the_camera_for_codes_is_nobodys(lane: Lane, anna: str, photos: Path) -> None:
    lane.front.rgb = picture.load(photos / "obama2.jpg")
    lane.call("codes", wanted=True)
    assert lane.verify(anna, deadline_s=3.0) == Failed(Reason.NO_FACE)


# ---------------------------------------------------------------- codes


def code_picture(payload: bytes) -> Picture:
    """A telephone with a code on it, held before the camera."""
    rgb = empty()
    grey = np.array(zxingcpp.create_barcode(payload, zxingcpp.BarcodeFormat.QRCode).to_image(scale=5))
    rgb[60 : 60 + grey.shape[0], 180 : 180 + grey.shape[1]] = grey[:, :, None]
    return rgb


def test_a_code_before_the_camera_is_told_once_while_it_is_wanted(lane: Lane) -> None:
    lane.front.rgb = code_picture(b"GWID:first")
    until(lambda: lane.told("camera.front").get("lost") == "", "the camera works", 30)
    assert lane.codes() == []
    assert lane.call("codes", wanted=True)["done"] == {}
    until(lane.codes, "the code", 30)
    lane.front.rgb = code_picture(b"\xff\0second")
    until(lambda: len(lane.codes()) == 2, "the next one", 30)
    assert lane.codes() == [("camera.front", b"GWID:first"), ("camera.front", b"\xff\0second")]
    assert lane.call("codes", wanted=False)["done"] == {}
    lane.front.rgb = code_picture(b"GWID:third")
    assert lane.verify("bert") == Failed(Reason.NOT_ENROLLED)
    assert len(lane.codes()) == 2


def test_codes_are_found_beside_a_verification(lane: Lane, anna: str) -> None:
    lane.front.rgb = code_picture(b"GWID:next")
    lane.call("codes", wanted=True)
    number = lane.client.ask("verify", subject=anna, deadline_s=60.0)
    until(lane.codes, "the code", 30)
    lane.call("cancel", of=number)


# ---------------------------------------------------------------- portraits of documents


def portrait_of(photo: Path, suffix: str, *how: int) -> bytes:
    """A photograph as a document holds it: 413 x 531, some 20 kB."""
    bgr = cv2.imread(str(photo))
    height = min(bgr.shape[0], bgr.shape[1] * 531 // 413)
    return cv2.imencode(suffix, cv2.resize(bgr[:height], (413, 531)), how)[1].tobytes()


def forms_of(photo: Path) -> dict[str, bytes]:
    jp2 = portrait_of(photo, ".jp2", cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 40)
    return {
        "jpeg": portrait_of(photo, ".jpg", cv2.IMWRITE_JPEG_QUALITY, 70),
        "jp2": jp2,
        "codestream": jp2[jp2.index(b"jp2c") + 4 :],
    }


@pytest.mark.parametrize("form", ["jpeg", "jp2", "codestream"])
def test_the_face_inside_is_compared_with_a_documents_portrait(lane: Lane, photos: Path, form: str) -> None:
    lane.scene.rgb = picture.load(photos / "obama2.jpg")
    reply = lane.compare(forms_of(photos / "obama.jpg")[form])
    assert isinstance(reply, FaceCompared)
    assert reply.matched
    assert (reply.threshold, reply.fmr, reply.frames) == (0.542, 1e-3, 1)
    lane.scene.rgb = picture.load(photos / "biden.jpg")
    other = lane.compare(forms_of(photos / "obama.jpg")[form])
    assert isinstance(other, FaceCompared)
    assert not other.matched


@pytest.mark.parametrize("portrait", [b"no picture", b"\xff\xd8\xff", bytes(1000)])
def test_a_portrait_that_does_not_decode_is_a_document_that_cannot_be_read(
    lane: Lane, caplog: pytest.LogCaptureFixture, portrait: bytes
) -> None:
    assert lane.compare(portrait) == Failed(Reason.DOCUMENT_UNREADABLE)
    assert "the portrait cannot be compared: document_unreadable" in caplog.text


def test_a_portrait_without_a_face_compares_nobody(lane: Lane, photos: Path) -> None:
    lane.scene.rgb = picture.load(photos / "obama.jpg")
    blank = cv2.imencode(".jpg", np.full((531, 413, 3), 128, np.uint8))[1].tobytes()
    assert lane.compare(blank) == Failed(Reason.DOCUMENT_UNREADABLE)


def test_nothing_of_a_portrait_is_kept_and_a_newer_question_ends_its_comparison(lane: Lane, photos: Path) -> None:
    encoded = base64.b64encode(forms_of(photos / "obama.jpg")["jpeg"]).decode()
    number = lane.client.ask("verify_portrait", portrait=encoded, deadline_s=60.0)
    assert lane.verify("bert") == Failed(Reason.NOT_ENROLLED)
    assert lane.last_word(number)["failed"]["kind"] == "cancelled"
    assert lane.call("list")["done"] == {"subjects": []}


def test_a_portrait_that_is_no_base64_is_refused_without_being_repeated(
    lane: Lane, caplog: pytest.LogCaptureFixture
) -> None:
    for wrong in ("not base64!", 12345678):
        failed = lane.call("verify_portrait", portrait=wrong, deadline_s=1.0)["failed"]
        assert failed["kind"] == "refuse"
        assert str(wrong) not in failed["message"] + caplog.text


# ---------------------------------------------------------------- as a process

SERVE = """
import sys
from pathlib import Path
from gatefw.vision import serve
from gatefw.vision_settings import CameraPlace, Searched, VisionSettings
from hw.camera_socket import Settings
home, models = Path(sys.argv[1]), Path(sys.argv[2])
serve(VisionSettings(socket=home / "vision.sock", models=models, gallery=home / "gallery.db", key=home / "gallery.key",
                     cameras=(CameraPlace("camera.inside", "socket", Settings(path=str(home / "frames.sock"))),
                              CameraPlace("camera.front", "socket", Settings(path=str(home / "front.sock")),
                                          identify=True)),
                     searched=Searched(most=10)),
      child=True)
"""


class Process:
    def __init__(self, home: Path, models: Path) -> None:
        command = [sys.executable, "-c", SERVE, str(home), str(models)]
        self.popen = subprocess.Popen(command, stdin=subprocess.PIPE)

    def kill(self) -> None:
        os.kill(self.popen.pid, signal.SIGKILL)
        self.end()

    def end(self) -> int:
        assert self.popen.stdin is not None
        self.popen.stdin.close()
        return self.popen.wait(60)


@pytest.mark.real
def test_a_vision_process_killed_in_the_middle_comes_back_with_its_gallery(
    tmp_path: Path, models: Path, photos: Path
) -> None:
    log: list[Any] = []
    shown = cv2.resize(cv2.imread(str(photos / "obama2.jpg")), (313, 600))
    living = cycle(cv2.imencode(".jpg", cv2.add(shown, (n, n, n, 0)))[1].tobytes() for n in range(3))
    frames = FrameServer(tmp_path / "frames.sock")
    process = Process(tmp_path, models)
    client = VisionClient(tmp_path / "vision.sock", log.append, log.append, lambda: log.append("came"))
    try:
        until(lambda: "came" in log, deadline_s=60)
        client.ask("enrol", subject="anna", photos=[str(photos / "obama.jpg")], expires_at=FOREVER)
        until(lambda: {"id": 1, "done": {"templates": 1, "twice": []}} in log)
        client.ask("verify", subject="anna", deadline_s=60.0)
        log.clear()
        process.kill()
        until(lambda: any(isinstance(m, str) for m in log), "the loss is told")
        log.clear()
        process = Process(tmp_path, models)
        until(lambda: "came" in log, deadline_s=60)
        number = client.ask("verify", subject="anna", deadline_s=30.0)
        until(lambda: frames.connected)

        def answers() -> list[Any]:
            frames.picture(next(living))
            return [m["done"] for m in log if isinstance(m, dict) and m.get("id") == number and "done" in m]

        until(answers, "an answer to verify", 60)
        assert answers()[0]["matched"]
    finally:
        client.close()
        code = process.end()
        frames.close()
    assert code == 0, "a child ends in order when its parent's pipe closes"
    assert not (tmp_path / "vision.sock").exists()


@pytest.mark.real
def test_a_vision_process_that_a_signal_ends_before_its_parent_ends_in_order(tmp_path: Path, models: Path) -> None:
    """As Ctrl-C in a terminal does, which reaches parent and child at once."""
    log: list[Any] = []
    process = Process(tmp_path, models)
    client = VisionClient(tmp_path / "vision.sock", log.append, log.append, lambda: log.append("came"))
    try:
        until(lambda: "came" in log, "it is there", 60)
        process.popen.send_signal(signal.SIGINT)
        assert process.popen.wait(60) == 0
    finally:
        client.close()
        process.end()


@pytest.mark.parametrize("missing", ["config", "models", "camera"])
def test_a_process_that_cannot_start_says_why(
    settings: VisionSettings, tmp_path: Path, capsys: pytest.CaptureFixture[str], missing: str
) -> None:
    if missing == "config":
        assert vision.main(["--config", str(tmp_path / "lane.toml")]) == 2
        assert "lane.toml" in capsys.readouterr().err
    elif missing == "models":
        with pytest.raises(ModelError, match="run `gatefw models install`"):
            vision.serve(replace(settings, models=tmp_path), child=False)
    else:
        with pytest.raises(SetupError, match=r"no camera driver 'sockte'.*did you mean 'socket'"):
            cameras = (CameraPlace("camera.inside", "sockte", None),)
            vision.serve(replace(settings, cameras=cameras), child=False)
    assert not settings.socket.exists()
