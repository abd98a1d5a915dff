"""From photographs to decisions, with the real models: known pairs, development faces, both runtimes."""

import csv
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatefw.biometrics import picture
from gatefw.biometrics.align import similarity
from gatefw.biometrics.chain import Chain, Probe
from gatefw.biometrics.detector import Face
from gatefw.biometrics.runtime import Picture, Runtime, Vector
from gatefw.biometrics.threshold import threshold_for
from gatefw.errors import ModelError, Refusal
from gatefw.model import Reason

DETECTOR, EMBEDDER = "blazeface-short-range-int8", "dlib-resnet-int8"


@pytest.fixture(scope="module")
def chain(models: Path) -> Chain:
    return Chain.load(models, DETECTOR, EMBEDDER, Runtime.LITERT)


def embedded(chain: Chain, rgb: Picture, face: Face) -> Vector:
    chip, _ = chain.align(rgb, face)
    return chain.embed(chip)


def central(faces: list[Face], rgb: Picture) -> Face:
    """The face a press photograph is about: near the middle, and large. The gate takes the nearest alone."""
    middle = np.array([rgb.shape[1], rgb.shape[0]]) / 2
    return min(faces, key=lambda f: np.linalg.norm((f.box[:2] + f.box[2:]) / 2 - middle) - 0.2 * (f.box[2] - f.box[0]))


# ---------------------------------------------------------------- the photographs of the public package


@pytest.mark.models
def test_photographs_of_one_person_are_near_and_of_two_far(chain: Chain, photos: Path) -> None:
    probes = {
        name: chain.probe(picture.load(photos / f"{name}.jpg")) for name in ("obama", "obama2", "obama3", "biden")
    }
    for (a, first), (b, second) in combinations(probes.items(), 2):
        assert isinstance(first, Probe)
        assert isinstance(second, Probe)
        distance = first.template.distance(second.template)
        if "biden" in (a, b):
            assert distance > 0.75, (a, b)
        else:
            assert distance < 0.5, (a, b)


@pytest.mark.models
@pytest.mark.parametrize("name", ["obama_partial_face.jpg", "obama_partial_face2.jpg"])
def test_half_a_face_is_refused_although_it_would_match(chain: Chain, photos: Path, name: str) -> None:
    rgb = picture.load(photos / name)
    assert chain.probe(rgb) is Reason.PARTIAL_FACE
    (face,) = chain.faces(rgb)
    whole = chain.probe(picture.load(photos / "obama.jpg"))
    assert isinstance(whole, Probe)
    half = embedded(chain, rgb, face)
    assert np.linalg.norm(whole.template.vector - half) < threshold_for(chain.embedder.card, 1e-3).distance


@pytest.mark.models
def test_each_thing_that_is_wrong_with_a_picture_has_its_reason(chain: Chain, photos: Path) -> None:
    good = cv2.resize(picture.load(photos / "obama.jpg"), (455, 568), interpolation=cv2.INTER_AREA)
    bright = np.clip(good.astype(np.float32) * 1.8 + 40, 0, 255).astype(np.uint8)
    pictures = {
        Reason.NO_FACE: np.full_like(good, 110),
        Reason.TWO_FACES: np.concatenate([good, good], 1),
        Reason.FACE_TOO_SMALL: cv2.resize(good, None, fx=0.28, fy=0.28, interpolation=cv2.INTER_AREA),
        Reason.TOO_DARK: good // 6,
        Reason.TOO_BRIGHT: bright,
        Reason.BLURRED: cv2.GaussianBlur(good, (0, 0), 5),
        Reason.PARTIAL_FACE: np.ascontiguousarray(good[:, 240:]),
    }
    assert isinstance(chain.probe(good), Probe)
    assert {wanted: chain.probe(rgb) for wanted, rgb in pictures.items()} == {wanted: wanted for wanted in pictures}


@pytest.mark.models
def test_the_same_picture_gives_the_same_vector_bit_by_bit(chain: Chain, photos: Path) -> None:
    rgb = picture.load(photos / "biden.jpg")
    first, second = chain.probe(rgb), chain.probe(rgb)
    assert isinstance(first, Probe)
    assert isinstance(second, Probe)
    assert first.template.vector.dtype == np.float32
    assert first.template.vector.shape == (128,)
    assert np.array_equal(first.template.vector, second.template.vector)


@pytest.mark.models
@pytest.mark.parametrize("shape", [(1, 1), (7, 400), (400, 7), (128, 128), (480, 640), (90, 91)])
def test_a_picture_of_any_shape_is_looked_at(chain: Chain, shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(3).integers(0, 255, (*shape, 3), np.uint8)
    assert isinstance(chain.probe(noise), Reason)


@pytest.mark.models
def test_the_two_models_cannot_stand_in_each_others_place(models: Path) -> None:
    with pytest.raises(ModelError, match="an embedder is wanted"):
        Chain.load(models, DETECTOR, DETECTOR, Runtime.LITERT)


# ---------------------------------------------------------------- the development faces


@pytest.mark.faces
@pytest.mark.models
def test_distances_of_the_development_faces_are_those_the_card_was_measured_with(chain: Chain, faces: Path) -> None:
    """120 genuine pairs, impostors from their first pictures. All pairs: FNMR 5.8 % at 0.542, EER 0.98 %."""
    lines = (faces / "pairs.csv").read_text("utf-8").splitlines()
    rows = [row for row in csv.DictReader(lines) if row["same"] == "1"][::21][:120]
    names = sorted({row[side] for row in rows for side in "ab"})
    vectors = {}
    for name in names:
        rgb = picture.load(faces / name)
        vectors[name] = embedded(chain, rgb, central(chain.faces(rgb), rgb))
    genuine = np.array([np.linalg.norm(vectors[row["a"]] - vectors[row["b"]]) for row in rows])
    people = {name.split("/")[0]: vectors[name] for name in reversed(names)}
    impostor = np.array([np.linalg.norm(a - b) for a, b in combinations(people.values(), 2)])
    assert np.median(genuine) == pytest.approx(0.420, abs=0.025)
    assert np.median(impostor) == pytest.approx(0.805, abs=0.025)
    for fmr, fnmr in ((1e-2, 0.008), (1e-3, 0.058)):
        distance = threshold_for(chain.embedder.card, fmr).distance
        assert (impostor <= distance).mean() < 3 * fmr
        assert (genuine > distance).mean() < 2 * fnmr + 0.02


# ---------------------------------------------------------------- runtimes


def test_a_runtime_that_is_not_installed_names_its_package(tmp_path: Path, models: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    try:
        import tflite_runtime  # type: ignore[import-not-found]  # noqa: F401
    except ImportError:
        with pytest.raises(ModelError, match="install 'tflite-runtime' here"):
            Chain.load(models, DETECTOR, EMBEDDER, Runtime.TFLITE)
    else:
        pytest.skip("tflite-runtime is installed here")


# ---------------------------------------------------------------- parts that need no model


@given(angle=st.floats(-3, 3), scale=st.floats(0.1, 10), shift=st.tuples(st.floats(-500, 500), st.floats(-500, 500)))
def test_alignment_undoes_any_turn_scale_and_shift(angle: float, scale: float, shift: tuple[float, float]) -> None:
    places = np.array([(46.8, 46.8), (102.3, 47.6), (73.6, 108.0)])
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = places @ turn.T + shift
    matrix = similarity(moved, places)
    assert moved @ matrix[:, :2].T + matrix[:, 2] == pytest.approx(places, abs=1e-6)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_picture_are_refused_and_never_crash(content: bytes) -> None:
    with pytest.raises(Refusal, match="photograph x: "):
        picture.decode(content, "x")


def test_a_small_file_that_unfolds_to_more_than_16_megapixels_is_refused() -> None:
    encoded, bomb = cv2.imencode(".png", np.zeros((5000, 5000), np.uint8))
    assert encoded
    assert len(bomb) < 100_000
    with pytest.raises(Refusal, match="16 megapixels"):
        picture.decode(bomb.tobytes(), "bomb.png")


def test_a_photograph_that_is_not_there_or_too_long_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="No such file"):
        picture.load(tmp_path / "nobody.jpg")
    with (tmp_path / "long.jpg").open("wb") as file:
        file.truncate(picture.FILE_BYTES_MAX + 1)
    with pytest.raises(Refusal, match="more than 16 MB"):
        picture.load(tmp_path / "long.jpg")
