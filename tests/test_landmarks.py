"""The points of a face: where they lie in the picture, and what is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatefw.biometrics import card as cards
from gatefw.biometrics import picture
from gatefw.biometrics.detector import Detector, Face
from gatefw.biometrics.install import PHOTO_SHA256
from gatefw.biometrics.landmarks import PRESENCE_MIN, Landmarker, crop
from gatefw.biometrics.runtime import Network, Runtime
from gatefw.errors import ModelError

RIGHT_EYE, LEFT_EYE = [33, 133], [362, 263]
"""The corners of the person's own eyes."""


def face_at(x: float, y: float, eyes_px: float, tilt: float) -> Face:
    """A face whose eyes are so far apart, tilted by so many radians, around a point."""
    middle, across = np.array([x, y]), np.array([np.cos(tilt), np.sin(tilt)])
    corners = np.array([x, y, x, y]) + np.array([-1, -1, 1, 1]) * eyes_px
    right, left = middle - across * eyes_px / 2, middle + across * eyes_px / 2
    return Face(1.0, corners, right, left, middle, middle)


@given(st.floats(100, 300), st.floats(100, 300), st.floats(10, 90), st.floats(-1, 1))
def test_the_square_has_the_face_in_its_middle_with_the_eyes_level(x: float, y: float, px: float, tilt: float) -> None:
    face = face_at(x, y, px, tilt)
    square, matrix = crop(np.zeros((400, 400, 3), np.uint8), face, 192, 1.5)
    right, left = ((matrix[:, :2] @ eye + matrix[:, 2]) for eye in (face.right_eye, face.left_eye))
    assert square.shape == (192, 192, 3)
    assert np.allclose((right + left) / 2, 96)
    assert np.isclose(right[1], left[1])
    assert np.isclose(left[0] - right[0], 192 / (1.5 * 2))


@pytest.mark.models
@pytest.mark.parametrize("name", sorted(PHOTO_SHA256))
def test_the_points_of_a_photographed_face_lie_where_the_detector_saw_it(models: Path, photos: Path, name: str) -> None:
    detector = Detector(Network(*cards.installed(models, "blazeface-short-range-int8"), Runtime.LITERT))
    landmarker = Landmarker(Network(*cards.installed(models, "face-landmark"), Runtime.LITERT))
    rgb = picture.load(photos / name)
    face = max(detector.faces(rgb), key=lambda face: face.eye_distance_px)
    found = landmarker.find(rgb, face)
    assert found.presence > PRESENCE_MIN
    for corners, eye in ((RIGHT_EYE, face.right_eye), (LEFT_EYE, face.left_eye)):
        apart = np.linalg.norm(found.points[corners].mean(0) - eye) / face.eye_distance_px
        assert apart < 0.25, f"the eye lies {apart:.2f} eye distances beside the detector's"


@pytest.mark.models
def test_a_wall_is_no_face(models: Path) -> None:
    landmarker = Landmarker(Network(*cards.installed(models, "face-landmark"), Runtime.LITERT))
    wall = np.full((400, 400, 3), 128, np.uint8)
    assert landmarker.find(wall, face_at(200, 200, 60, 0)).presence < PRESENCE_MIN


@pytest.mark.models
def test_a_network_of_another_kind_is_refused_by_its_card_and_by_what_it_gives(models: Path) -> None:
    card, path = cards.installed(models, "blazeface-short-range-int8")
    with pytest.raises(ModelError, match="its card says 'detect', not 'landmark'"):
        Landmarker(Network(card, path, Runtime.LITERT))
    disguised = Landmarker(Network(replace(card, kind="landmark"), path, Runtime.LITERT))
    with pytest.raises(ModelError, match="not 1404 and 1"):
        disguised.find(np.zeros((400, 400, 3), np.uint8), face_at(200, 200, 60, 0))
