"""The slot for detectors of presentation attacks: whom it lets in, and that whatever goes wrong is no life.

The detector is a real TFLite file of one layer, made here: more red than blue passes. A blue photograph is the attack.
"""

import argparse
import base64
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from vision_lane import FOREVER, Lane, usual_chain, vision_settings

import hw
from gatefw import config, vision
from gatefw.biometrics import card as cards
from gatefw.biometrics import picture
from gatefw.biometrics.card import Attack, Card, Input, Pad
from gatefw.biometrics.chain import Chain
from gatefw.biometrics.detector import Face
from gatefw.biometrics.evaluation import required
from gatefw.biometrics.liveness import AttackDetector
from gatefw.biometrics.runtime import Network, Picture, Runtime, Vector
from gatefw.cli import check as check_cli
from gatefw.cli import run as run_cli
from gatefw.errors import ModelError
from gatefw.model import FaceCompared, FaceIdentified, Failed, Reason
from gatefw.vision_settings import CameraPlace, Searched, VisionSettings

pytest.importorskip("flatbuffers", reason="flatbuffers comes with ai-edge-litert, which this environment lacks")
pytest.importorskip("ai_edge_litert.interpreter", reason="needs ai-edge-litert")

from gatefw.biometrics.convert.tflite_writer import OP, Graph

REFERENCE = Path(__file__).parent.parent / "config" / "lanes" / "contactless-e-channel.toml"
NAME = "redness"
SIDE_PX = 16
EVALUATED = Pad(
    evaluated="independently",
    evaluator="a laboratory that there is not",
    threshold=5.0,
    bpcer=0.01,
    attack=(Attack("blue print", presentations=100, apcer=0.0),),
)
OURS = replace(EVALUATED, evaluated="by us, on simulated attacks")
FACE = Face(
    1.0, np.array([10.0, 10, 50, 50]), *(np.array(at, float) for at in ((20, 25), (40, 25), (30, 30), (30, 40)))
)


def write_model(weights: list[float]) -> bytes:
    """A network that weighs the mean red, green and blue of its square."""
    graph = Graph([1, SIDE_PX, SIDE_PX, 3])
    mean = graph.reshape(graph.pool(graph.input, SIDE_PX, SIDE_PX, OP.AVERAGE_POOL_2D), [1, 3])
    return graph.model(graph.dense(mean, np.array([weights], np.float32)), "redness")


def installed(models: Path, pad: Pad | None, weights: tuple[float, ...] = (1.0, 0.0, -1.0)) -> Path:
    """Installs the detector with what its card says of its evaluation; the directory of models."""
    models.mkdir(parents=True, exist_ok=True)
    path = models / f"{NAME}.tflite"
    path.write_bytes(write_model(list(weights)))
    card = Card(
        name=NAME,
        kind="pad" if pad else "landmark",
        file=path.name,
        sha256=cards.sha256(path),
        licence="CC0-1.0",
        summary="Takes red for life.",
        accuracy="none",
        accuracy_source="nobody",
        runtime_notes="none",
        input=Input(SIDE_PX, 0.0, 255.0),
        pad=pad,
    )
    (models / f"{NAME}.toml").write_text(cards.text(card), "utf-8")
    return models


@pytest.fixture
def install(tmp_path: Path) -> Callable[..., Path]:
    return lambda pad=EVALUATED, **more: installed(tmp_path / "state" / "models", pad, **more)


def coloured(red: int, blue: int) -> Picture:
    return np.full((60, 60, 3), (red, 0, blue), np.uint8)


# ---------------------------------------------------------------- the card


def test_only_a_detector_that_somebody_else_evaluated_satisfies(install: Callable[..., Path]) -> None:
    models = install(EVALUATED)
    assert required(models, NAME)[0].pad == EVALUATED
    with pytest.raises(ModelError, match=r"'by us, on simulated attacks', 'independently' is wanted.*30107-3"):
        required(install(OURS), NAME)
    with pytest.raises(ModelError, match="is no detector of presentation attacks but of kind 'landmark'"):
        required(install(None), NAME)
    with pytest.raises(ModelError, match=r"name an installed one in \[face\] pad"):
        required(models, "")
    with pytest.raises(ModelError, match=r"other\.toml: not there"):
        required(models, "other")


@pytest.mark.parametrize(
    "pad",
    [
        replace(EVALUATED, evaluator=" "),
        replace(EVALUATED, attack=()),
        replace(EVALUATED, attack=(Attack("print", presentations=0, apcer=0.0),)),
        replace(EVALUATED, attack=(Attack("print", presentations=10, apcer=1.5),)),
        replace(EVALUATED, bpcer=-0.1),
    ],
)
def test_a_claim_without_a_laboratory_numbers_or_attacks_is_none(install: Callable[..., Path], pad: Pad) -> None:
    with pytest.raises(ModelError, match=r"lacks who evaluated it|bpcer|apcer|presentations"):
        required(install(pad), NAME)


def test_a_file_that_was_exchanged_is_not_run(install: Callable[..., Path]) -> None:
    models = install()
    (models / f"{NAME}.tflite").write_bytes(write_model([0.0, 0.0, 0.0]))
    with pytest.raises(ModelError, match="sha256 is"):
        AttackDetector.load(models, NAME, Runtime.LITERT)


# ---------------------------------------------------------------- the model


def test_a_face_that_scores_below_the_threshold_is_an_attack(install: Callable[..., Path]) -> None:
    detector = AttackDetector.load(install(), NAME, Runtime.LITERT)
    assert detector.judge(coloured(100, 50), FACE) is Reason.OK
    assert detector.judge(coloured(55, 50), FACE) is Reason.OK, "at the threshold"
    assert detector.judge(coloured(54, 50), FACE) is Reason.NOT_LIVE
    assert detector.judge(coloured(50, 100), FACE) is Reason.NOT_LIVE


def test_the_crop_is_as_wide_as_the_card_says(install: Callable[..., Path]) -> None:
    rgb = coloured(50, 100)
    rgb[15:46, 15:46] = (100, 0, 0)
    narrow = AttackDetector.load(install(replace(EVALUATED, crop=0.7)), NAME, Runtime.LITERT)
    wide = AttackDetector.load(install(replace(EVALUATED, crop=2.0)), NAME, Runtime.LITERT)
    assert narrow.judge(rgb, FACE) is Reason.OK
    assert wide.judge(rgb, FACE) is Reason.NOT_LIVE


def test_a_model_that_gives_no_score_does_not_start(install: Callable[..., Path]) -> None:
    with pytest.raises(ModelError, match="which is no score"):
        AttackDetector.load(install(weights=(float("nan"), 0.0, 0.0)), NAME, Runtime.LITERT)
    with pytest.raises(ModelError, match="its card takes number 1, it gives 1"):
        AttackDetector.load(install(replace(EVALUATED, number=1)), NAME, Runtime.LITERT)


class FailsLater:
    """A network that works when it is started, and never again."""

    def __init__(self, network: Network, outcome: type[Exception] | float) -> None:
        self.card, self._network, self._outcome = network.card, network, outcome
        self._runs = 0

    def run(self, chip: Picture) -> list[Vector]:
        self._runs += 1
        if self._runs == 1:
            return list(self._network.run(chip))
        if isinstance(self._outcome, type):
            raise self._outcome("out of memory")
        return [np.array([self._outcome], np.float32)]


@pytest.mark.parametrize("outcome", [RuntimeError, ValueError, float("nan"), float("inf")])
def test_a_model_that_fails_later_finds_nobody_alive(
    install: Callable[..., Path], outcome: type[Exception] | float, caplog: pytest.LogCaptureFixture
) -> None:
    network = Network(*required(install(), NAME), Runtime.LITERT)
    detector = AttackDetector(FailsLater(network, outcome))  # type: ignore[arg-type]
    assert detector.judge(coloured(200, 0), FACE) is Reason.LIVENESS_UNAVAILABLE
    assert "model redness failed" in caplog.text


def test_a_face_of_which_no_crop_can_be_made_does_not_live(install: Callable[..., Path]) -> None:
    detector = AttackDetector.load(install(), NAME, Runtime.LITERT)
    flat = replace(FACE, box=np.array([20.0, 20.0, 20.0, 20.0]))
    assert detector.judge(coloured(200, 0), flat) is Reason.LIVENESS_UNAVAILABLE


# ---------------------------------------------------------------- the lane


@pytest.fixture(scope="module")
def chain(models: Path) -> Chain:
    return usual_chain(models)


@pytest.fixture
def settings(tmp_path: Path, models: Path) -> VisionSettings:
    return vision_settings(
        tmp_path,
        models,
        CameraPlace("camera.inside", "socket", None, identify=True),
        searched=Searched(most=3, fpir=0.01, fnir=0.2),
        require_liveness=True,
        pad=NAME,
    )


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> AttackDetector:
    return AttackDetector.load(installed(tmp_path_factory.mktemp("models"), EVALUATED), NAME, Runtime.LITERT)


@pytest.fixture
def lane(chain: Chain, settings: VisionSettings, detector: AttackDetector) -> Iterator[Lane]:
    with closing(Lane(chain, settings, "inside", detector.judge)) as made:
        yield made


def enrolled(lane: Lane, photos: Path) -> None:
    fields = {"subject": "anna", "photos": [str(photos / "obama.jpg")], "expires_at": FOREVER}
    assert lane.call("enrol", **fields)["done"]["templates"] == 1


def jpeg(path: Path) -> bytes:
    rgb = picture.load(path)
    height = min(rgb.shape[0], rgb.shape[1] * 531 // 413)
    bgr = np.ascontiguousarray(cv2.resize(rgb[:height], (413, 531))[:, :, ::-1])
    return bytes(cv2.imencode(".jpg", bgr)[1].tobytes())


def live_answers(lane: Lane, photos: Path) -> list[object]:
    """How each of the four questions about a living face ends; the last word on the fourth is its reason."""
    portrait = jpeg(photos / "obama.jpg")
    fields = {"subject": "bert", "partition": "main", "expires_at": FOREVER, "deadline_s": 20.0}
    kept = lane.call("enrol_live", portrait=base64.b64encode(portrait).decode(), **fields)["done"]
    return [lane.verify("anna"), lane.compare(portrait), lane.identify(), Failed(Reason(kept["reason"]))]


@pytest.mark.models
def test_who_lives_is_compared_as_ever(lane: Lane, photos: Path) -> None:
    enrolled(lane, photos)
    lane.scene.rgb = picture.load(photos / "obama2.jpg")
    found = lane.identify()
    assert isinstance(found, FaceIdentified)
    compared, portrait, _, kept = live_answers(lane, photos)
    for answer in (compared, portrait):
        assert isinstance(answer, FaceCompared)
        assert answer.matched
    assert kept == Failed(Reason.OK)


@pytest.mark.models
@pytest.mark.parametrize("name", ["obama2.jpg", "biden.jpg"])
def test_an_attack_is_refused_by_every_question_whoever_it_shows(lane: Lane, photos: Path, name: str) -> None:
    enrolled(lane, photos)
    lane.scene.rgb = np.ascontiguousarray(picture.load(photos / name)[:, :, ::-1])
    assert live_answers(lane, photos) == [Failed(Reason.NOT_LIVE)] * 4
    assert [each["subject"] for each in lane.call("list")["done"]["subjects"]] == ["anna"], "nobody was enrolled"


@pytest.mark.models
def test_without_a_detector_nobody_passes_where_one_is_required(
    chain: Chain, settings: VisionSettings, photos: Path
) -> None:
    with closing(Lane(chain, settings, "inside")) as lane:
        enrolled(lane, photos)
        lane.scene.rgb = picture.load(photos / "obama2.jpg")
        assert live_answers(lane, photos) == [Failed(Reason.LIVENESS_UNAVAILABLE)] * 4


@pytest.mark.models
def test_a_vision_process_without_the_required_detector_does_not_start(
    settings: VisionSettings, install: Callable[..., Path]
) -> None:
    with pytest.raises(ModelError, match=r"redness\.toml: not there"):
        vision.serve(settings, child=False)
    ours = install(OURS)
    for name in ("blazeface-short-range-int8", "dlib-resnet-int8"):
        for suffix in (".toml", ".tflite"):
            (ours / f"{name}{suffix}").symlink_to(settings.models / f"{name}{suffix}")
    with pytest.raises(ModelError, match="'independently' is wanted"):
        vision.serve(replace(settings, models=ours), child=False)


# ---------------------------------------------------------------- the lane file


def test_check_and_run_refuse_a_lane_whose_detector_does_not_satisfy(
    tmp_path: Path,
    install: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("GATEFW_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("GATEFW_RUN", str(tmp_path / "run"))
    file = tmp_path / "lane.toml"
    file.write_text(REFERENCE.read_text("utf-8").replace("[face]", f'[face]\nrequire_liveness = true\npad = "{NAME}"'))
    lane = argparse.Namespace(file=file, json=False, if_broken="exit", last_known_good=False)
    install(OURS)
    assert check_cli.run(lane) == 1
    assert "face.pad: model redness: its card says evaluated 'by us, on simulated attacks'" in capsys.readouterr().out
    with pytest.raises(ModelError, match="'independently' is wanted"):
        run_cli.run(lane)
    install(EVALUATED)
    check_cli.run(lane)
    assert "face." not in capsys.readouterr().out
    loaded = config.load(file, hw.schema)
    assert (loaded.vision.require_liveness, loaded.vision.pad) == (True, NAME)


@pytest.mark.parametrize(
    ("face", "key", "warning", "words"),
    [
        ("require_liveness = true", "face.require_liveness", False, "names no detector"),
        ('pad = "redness"', "face.pad", True, "is named and not used"),
        ('pad = "../redness"', "face.pad", False, "a model's name"),
        ("require_liveness = 1", "face.require_liveness", False, "true or false"),
    ],
)
def test_a_requirement_and_its_detector_are_named_together(
    tmp_path: Path, face: str, key: str, warning: bool, words: str
) -> None:
    file = tmp_path / "lane.toml"
    file.write_text(REFERENCE.read_text("utf-8").replace("[face]", f"[face]\n{face}"))
    (found,) = config.check(file, hw.schema, env={"GATEFW_STATE": "/state", "GATEFW_RUN": "/run/gate"})
    assert (found.key, found.warning) == (key, warning)
    assert words in found.problem
