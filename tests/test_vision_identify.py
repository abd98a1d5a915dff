"""A face among many in the vision process, with its real models: found, ambiguous, unknown, and never in too large a
gallery; faces enrolled from a document and a living traveller; partitions; the same face under two names."""

import base64
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from peers import until
from vision_lane import FOREVER, KEY, Lane, usual_chain, vision_settings

from gatefw import vision
from gatefw.biometrics import picture
from gatefw.biometrics.chain import Chain
from gatefw.biometrics.gallery import Gallery
from gatefw.biometrics.runtime import Delegate, Maker, Runtime
from gatefw.biometrics.template import Template
from gatefw.biometrics.threshold import reach
from gatefw.errors import BadReply, ModelError
from gatefw.model import FaceCompared, FaceIdentified, Failed, Reason, SubjectId
from gatefw.vision_settings import CameraPlace, Searched, VisionSettings
from gatefw.vision_wire import enrol_told, identify_reply

pytestmark = pytest.mark.models
CAMERAS = (CameraPlace("camera.inside", "socket", None), CameraPlace("camera.front", "socket", None, identify=True))


@pytest.fixture(scope="module")
def chain(models: Path) -> Chain:
    return usual_chain(models)


@pytest.fixture
def settings(tmp_path: Path, models: Path) -> VisionSettings:
    return vision_settings(tmp_path, models, *CAMERAS, searched=Searched(most=3, fpir=0.01, fnir=0.2))


@pytest.fixture
def lane(chain: Chain, settings: VisionSettings) -> Iterator[Lane]:
    with closing(Lane(chain, settings, "front")) as made:
        yield made


def enrol(lane: Lane, subject: str, *photos: Path, partition: str = "main") -> dict[str, object]:
    paths = [str(photo) for photo in photos]
    message = lane.call("enrol", subject=subject, photos=paths, expires_at=FOREVER, partition=partition)
    return dict(message.get("done") or message["failed"])


def portrait_of(photo: Path) -> str:
    bgr = cv2.imread(str(photo))
    height = min(bgr.shape[0], bgr.shape[1] * 531 // 413)
    return base64.b64encode(cv2.imencode(".jpg", cv2.resize(bgr[:height], (413, 531)))[1].tobytes()).decode()


def enrol_live(lane: Lane, photo: Path, deadline_s: float = 20.0, partition: str = "main") -> dict[str, object]:
    fields = {"subject": "anna", "partition": partition, "expires_at": FOREVER, "deadline_s": deadline_s}
    message = lane.call("enrol_live", portrait=portrait_of(photo), **fields)
    return dict(message.get("done") or message["failed"])


def stranger(chain: Chain, seed: int) -> Template:
    return Template(np.random.default_rng(seed).normal(1, 1, 128).astype(np.float32), chain.maker)


# ---------------------------------------------------------------- found


def test_a_traveller_before_the_lane_is_found_by_the_face_alone(lane: Lane, chain: Chain, photos: Path) -> None:
    enrol(lane, "anna", photos / "obama.jpg", photos / "obama3.jpg")
    enrol(lane, "bert", photos / "biden.jpg")
    lane.front.rgb = picture.load(photos / "obama2.jpg")
    found = lane.identify()
    assert isinstance(found, FaceIdentified)
    assert (found.subject, found.gallery, found.fpir, found.frames, found.more_evidence) == ("anna", 2, 0.01, 3, False)
    assert 0 < found.score < found.threshold
    one, three = (reach(chain.embedder.card, 3, 0.01, frames)(2) for frames in (1, 3))
    assert three < found.threshold <= one, "three frames of one photograph are hardly more than one"


def test_who_is_not_enrolled_is_not_identified_and_nothing_of_the_search_comes_out(lane: Lane, photos: Path) -> None:
    enrol(lane, "anna", photos / "obama.jpg")
    lane.front.rgb = picture.load(photos / "biden.jpg")
    done = lane.call("identify", deadline_s=20.0)["done"]
    assert identify_reply({"done": done}) == Failed(Reason.NOT_IDENTIFIED)
    assert (done["subject"], done["score"]) == (None, None)


def test_a_face_enrolled_under_two_names_is_ambiguous(lane: Lane, photos: Path) -> None:
    enrol(lane, "anna", photos / "obama.jpg")
    assert enrol(lane, "bert", photos / "obama2.jpg") == {"templates": 1, "twice": ["anna"]}
    lane.front.rgb = picture.load(photos / "obama3.jpg")
    assert lane.identify() == Failed(Reason.AMBIGUOUS)


def test_a_face_between_the_doors_is_not_searched_for_and_one_before_them_is_not_verified(
    lane: Lane, photos: Path
) -> None:
    enrol(lane, "anna", photos / "obama.jpg")
    lane.scene.rgb = picture.load(photos / "obama2.jpg")
    assert lane.identify(3.0) == Failed(Reason.NO_FACE)
    lane.front.rgb = lane.scene.rgb
    assert isinstance(lane.identify(), FaceIdentified)
    lane.scene.rgb = picture.load(photos / "biden.jpg")
    compared = lane.verify("anna")
    assert isinstance(compared, FaceCompared)
    assert not compared.matched


def test_a_lanes_only_camera_finds_and_verifies(chain: Chain, settings: VisionSettings, photos: Path) -> None:
    alone = replace(settings, cameras=(CameraPlace("camera.inside", "socket", None, identify=True),))
    assert alone.verifying == alone.identifying
    with closing(Lane(chain, alone, "inside")) as lane:
        enrol(lane, "anna", photos / "obama.jpg")
        lane.scene.rgb = picture.load(photos / "obama2.jpg")
        assert isinstance(lane.identify(), FaceIdentified)
        assert isinstance(lane.verify("anna"), FaceCompared)


def test_a_lane_without_a_camera_for_it_identifies_nobody(chain: Chain, settings: VisionSettings) -> None:
    with closing(Lane(chain, replace(settings, cameras=CAMERAS[:1]))) as lane:
        assert "name one in [vision] identify" in lane.call("identify", deadline_s=9.0)["failed"]["message"]


def test_a_search_that_is_cancelled_frees_the_camera_for_the_next(lane: Lane, photos: Path) -> None:
    enrol(lane, "anna", photos / "obama.jpg")
    number = lane.client.ask("identify", deadline_s=60.0)
    assert lane.call("cancel", of=number)["done"] == {}
    assert lane.last_word(number)["failed"] == {"kind": "cancelled", "message": "identify: as asked"}
    lane.front.rgb = picture.load(photos / "obama2.jpg")
    assert isinstance(lane.identify(), FaceIdentified)


# ---------------------------------------------------------------- how many


def test_a_gallery_that_grew_past_what_the_lane_allows_is_not_searched(
    lane: Lane, chain: Chain, settings: VisionSettings, photos: Path, caplog: pytest.LogCaptureFixture
) -> None:
    enrol(lane, "anna", photos / "obama.jpg")
    lane.front.rgb = picture.load(photos / "obama2.jpg")
    with closing(Gallery(settings.gallery, KEY)) as another:
        for number in range(3):
            another.enrol(SubjectId(f"s{number}"), [stranger(chain, number)], FOREVER)
        until(lambda: ailments(lane) == ["gallery_too_large"], "the process to say that it is too large", 60)
        assert lane.identify() == Failed(Reason.GALLERY_TOO_LARGE)
        assert "more than 3 people are enrolled, see [gallery] most" in caplog.text
        another.revoke(SubjectId("s1"))
    until(lambda: ailments(lane) == [], "the process to say that it fits again", 60)
    assert isinstance(lane.identify(), FaceIdentified)


def test_where_a_finger_is_asked_for_then_a_gallery_that_grew_is_searched_and_that_is_said(
    chain: Chain, settings: VisionSettings, photos: Path
) -> None:
    finger = replace(settings, searched=replace(settings.searched, most=1, outgrown="finger"))
    with closing(Lane(chain, finger, "front")) as lane:
        enrol(lane, "anna", photos / "obama.jpg")
        enrol(lane, "bert", photos / "biden.jpg")
        until(lambda: ailments(lane) == ["gallery_too_large"], "the process to say that it is too large", 60)
        lane.front.rgb = picture.load(photos / "obama2.jpg")
        found = lane.identify()
        assert isinstance(found, FaceIdentified)
        assert (found.subject, found.gallery, found.more_evidence) == ("anna", 2, True)


def test_a_gallery_of_which_a_part_does_not_open_is_told(lane: Lane, settings: VisionSettings, photos: Path) -> None:
    enrol(lane, "anna", photos / "obama.jpg")
    with closing(sqlite3.connect(settings.gallery)) as database, database:
        database.execute("UPDATE seal SET sealed = zeroblob(length(sealed))")
        database.execute("UPDATE chunk SET version = version + 1")
    until(lambda: ailments(lane) == ["gallery_damaged"], "the process to say that it is damaged", 60)
    assert lane.call("health")["done"]["ok"] is False


def ailments(lane: Lane) -> list[str]:
    """The last that was said of the process itself."""
    told = [message["health"]["ailments"] for message in lane.log if "health" in message]
    return list(told[-1]) if told else []


def test_a_lane_whose_model_cannot_hold_its_gallery_does_not_start(settings: VisionSettings) -> None:
    large = replace(settings, cameras=(), searched=Searched(most=5000, fpir=0.001, fnir=0.2))
    vision_of_codes = replace(large, cameras=(CameraPlace("camera.front", "socket", _Nowhere(), identify=True),))
    with pytest.raises(ModelError, match=r"among 5000 people at an FPIR of 0.001 .* it can hold \d+ "):
        vision.serve(vision_of_codes, child=False)
    assert not settings.socket.exists()


class _Nowhere:
    """Settings of a camera that is not there."""

    path = "/nowhere"


def test_people_of_another_model_are_not_found_and_that_is_said(
    lane: Lane, settings: VisionSettings, photos: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(Gallery(settings.gallery, KEY)) as another:
        other = Maker("b" * 64, Runtime.LITERT, "2.3.0", Delegate.DEFAULT)
        another.enrol(SubjectId("bert"), [Template(np.zeros(128, np.float32), other)], FOREVER)
    enrol(lane, "anna", photos / "obama.jpg")
    lane.front.rgb = picture.load(photos / "obama2.jpg")
    assert isinstance(lane.identify(), FaceIdentified)
    assert "1 people are not found: enrol them again with this model" in caplog.text


# ---------------------------------------------------------------- enrolment


def test_a_partition_that_is_destroyed_takes_its_people_out_of_the_next_search(lane: Lane, photos: Path) -> None:
    assert lane.call("partition_make", partition="flight-1", expires_at=FOREVER)["done"] == {}
    assert enrol(lane, "anna", photos / "obama.jpg", partition="flight-1") == {"templates": 1, "twice": []}
    lane.front.rgb = picture.load(photos / "obama2.jpg")
    assert isinstance(lane.identify(), FaceIdentified)
    assert lane.call("partition_destroy", partition="flight-1")["done"] == {"people": 1}
    assert lane.identify() == Failed(Reason.NOT_IDENTIFIED)
    assert enrol(lane, "anna", photos / "obama.jpg", partition="flight-1")["kind"] in ("refuse", "stop")


def test_a_living_face_that_fits_the_documents_portrait_is_kept_with_it(lane: Lane, photos: Path) -> None:
    lane.scene.rgb = picture.load(photos / "obama2.jpg")
    told = enrol_told(enrol_live(lane, photos / "obama.jpg"))
    assert (told.reason, told.templates, told.twice) == (Reason.OK, 3, ())
    lane.front.rgb = picture.load(photos / "obama3.jpg")
    assert isinstance(lane.identify(), FaceIdentified)


def test_a_living_face_that_is_not_the_documents_enrols_nobody(lane: Lane, photos: Path) -> None:
    lane.scene.rgb = picture.load(photos / "biden.jpg")
    assert enrol_live(lane, photos / "obama.jpg") == {"reason": "face_mismatch", "templates": 0, "twice": []}
    lane.scene.rgb = np.full((480, 640, 3), 110, np.uint8)
    assert enrol_live(lane, photos / "obama.jpg", 1.0)["reason"] == "no_face"
    assert lane.call("list")["done"] == {"subjects": []}


def test_a_portrait_without_a_face_or_a_partition_that_is_not_there_enrols_nobody(lane: Lane, photos: Path) -> None:
    lane.scene.rgb = picture.load(photos / "obama2.jpg")
    blank = base64.b64encode(cv2.imencode(".jpg", np.full((531, 413, 3), 128, np.uint8))[1].tobytes()).decode()
    asked = {"subject": "anna", "expires_at": FOREVER, "deadline_s": 20.0}
    for encoded in (blank, base64.b64encode(b"no picture").decode()):
        assert lane.call("enrol_live", portrait=encoded, **asked)["done"]["reason"] == "document_unreadable"
    assert "kind" in enrol_live(lane, photos / "obama.jpg", partition="flight-9")
    assert lane.call("list")["done"] == {"subjects": []}


def test_among_too_many_people_nobody_is_looked_for_who_has_the_same_face(
    chain: Chain, settings: VisionSettings, photos: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(Lane(chain, replace(settings, twice_most=1, searched=Searched(most=1)), "front")) as lane:
        assert enrol(lane, "bert", photos / "obama.jpg") == {"templates": 1, "twice": []}
        assert enrol(lane, "cleo", photos / "obama.jpg") == {"templates": 1, "twice": ["bert"]}
        assert enrol(lane, "anna", photos / "obama.jpg") == {"templates": 1, "twice": None}
    assert "more than 1 people: nobody is looked for who has the same face" in caplog.text


@pytest.mark.parametrize(
    ("do", "fields", "why"),
    [
        ("identify", {}, "deadline_s must be a number"),
        ("enrol_live", {"deadline_s": 1.0}, "subject must be a text"),
        (
            "enrol_live",
            {"deadline_s": 1.0, "subject": "a", "expires_at": 1, "partition": 7},
            "partition must be a text",
        ),
        ("enrol_live", {"deadline_s": 1.0, "subject": "a", "expires_at": 1}, "portrait must be a text"),
        ("partition_make", {"partition": "main", "expires_at": 1}, "partition main"),
        ("partition_destroy", {"partition": "main"}, "partition main"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(lane: Lane, do: str, fields: dict[str, object], why: str) -> None:
    failed = lane.call(do, **fields)["failed"]
    assert failed["kind"] == "refuse"
    assert why in failed["message"]


def test_an_enrolment_that_is_none_is_a_bad_reply() -> None:
    for done in (
        None,
        {},
        {"templates": 9, "twice": []},
        {"templates": 0, "twice": []},
        {"templates": 1, "twice": [7]},
    ):
        with pytest.raises(BadReply):
            enrol_told(done)
    with pytest.raises(BadReply):
        enrol_told({"templates": 1, "twice": ["a"] * 1001})
    assert "anna" not in repr(enrol_told({"templates": 1, "twice": ["anna"]}))
