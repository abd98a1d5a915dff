"""Each way a picture can be no good has its own reason, and a good one has none."""

import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gatefw.biometrics.detector import Face
from gatefw.biometrics.quality import (
    BRIGHTNESS_MIN,
    CLIPPED_MAX,
    COVERAGE_MIN,
    DYNAMIC_RANGE_MIN,
    EVENNESS_MIN,
    EYE_DISTANCE_MIN_PX,
    EYE_SHARE_MIN,
    SHARPNESS_MIN,
    TILT_MAX_DEG,
    TURN_MAX,
    Quality,
    measure,
    sharpness,
    the_face,
)
from gatefw.biometrics.runtime import Picture
from gatefw.model import Reason

GOOD = Quality(60.0, 0.1, 120.0, 0.0, 0.3, 1.0, 0.1, 2.0)
GREY: Picture = np.full((120, 160, 3), 120, np.uint8)


def face(eyes_px: float = 60.0, turn: float = 0.0, tilt_deg: float = 0.0) -> Face:
    angle = np.radians(tilt_deg)
    turned = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * eyes_px
    right, left, nose, mouth = (turned @ np.array(p) + 100 for p in ((-0.5, 0), (0.5, 0), (turn, 0.5), (0, 1.0)))
    return Face(0.9, np.array([60.0, 60, 140, 140]), right, left, nose, mouth)


def scene(brightness: float = 120.0, contrast: float = 40.0) -> Picture:
    """A chip with detail of every size, as skin, eyes and hair have it."""
    rng = np.random.default_rng(7)
    noise = sum(
        cv2.resize(rng.normal(size=(size, size)).astype(np.float32), (150, 150), interpolation=cv2.INTER_CUBIC)
        for size in (5, 10, 20, 40, 75)
    )
    grey = np.clip(brightness + contrast * noise / noise.std(), 0, 255).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, 2)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, Reason.OK),
        ({"coverage": COVERAGE_MIN - 0.01}, Reason.PARTIAL_FACE),
        ({"eye_distance_px": EYE_DISTANCE_MIN_PX - 1}, Reason.FACE_TOO_SMALL),
        ({"eye_share": EYE_SHARE_MIN - 0.001}, Reason.FACE_TOO_SMALL),
        ({"brightness": BRIGHTNESS_MIN - 1}, Reason.TOO_DARK),
        ({"clipped": CLIPPED_MAX + 0.01}, Reason.TOO_BRIGHT),
        ({"turn": TURN_MAX + 0.01}, Reason.LOOKING_AWAY),
        ({"tilt_deg": TILT_MAX_DEG + 1}, Reason.HEAD_TILTED),
        ({"evenness": EVENNESS_MIN - 0.01}, Reason.UNEVEN_LIGHT),
        ({"dynamic_range": DYNAMIC_RANGE_MIN - 0.1}, Reason.LOW_CONTRAST),
        ({"sharpness": SHARPNESS_MIN - 0.01}, Reason.BLURRED),
        ({"sharpness": 0.0, "brightness": 5.0}, Reason.TOO_DARK),
        ({"coverage": 0.7, "turn": 2.0}, Reason.PARTIAL_FACE),
    ],
)
def test_a_face_is_refused_for_the_first_thing_to_be_changed(change: dict[str, float], reason: Reason) -> None:
    assert replace(GOOD, **change).reason is reason


def test_the_limits_themselves_are_good_enough() -> None:
    light = BRIGHTNESS_MIN, CLIPPED_MAX, SHARPNESS_MIN
    at = Quality(EYE_DISTANCE_MIN_PX, EYE_SHARE_MIN, *light, COVERAGE_MIN, TURN_MAX, TILT_MAX_DEG)
    assert at.reason is Reason.OK


def test_nobody_in_the_dark_in_the_glare_and_in_good_light_are_three_different_things() -> None:
    assert the_face([], GREY) is Reason.NO_FACE
    assert the_face([], GREY // 10) is Reason.TOO_DARK
    assert the_face([], np.full_like(GREY, 255)) is Reason.TOO_BRIGHT


def test_a_second_face_counts_when_it_is_near_and_not_when_it_is_far_behind() -> None:
    near, second, far = face(60.0), face(31.0), face(29.0)
    assert the_face([near, second], GREY) is Reason.TWO_FACES
    assert the_face([far, near], GREY) is near


@pytest.mark.parametrize("turn", [0.0, 0.3, -0.3, 0.8])
@pytest.mark.parametrize("tilt_deg", [0.0, 20.0, -35.0])
def test_turn_and_tilt_are_measured_apart_from_each_other(turn: float, tilt_deg: float) -> None:
    found = measure(face(turn=turn, tilt_deg=tilt_deg), GREY, scene(), 1.0)
    assert found.turn == pytest.approx(abs(turn), abs=1e-6)
    assert found.tilt_deg == pytest.approx(abs(tilt_deg), abs=1e-6)
    assert found.eye_distance_px == pytest.approx(60.0)
    assert found.eye_share == pytest.approx(60.0 / 160)


def test_light_is_measured_on_the_face_alone() -> None:
    chip = np.zeros((150, 150, 3), np.uint8)
    chip[30:130, 30:120] = 200
    assert measure(face(), GREY, chip, 1.0).brightness == 200.0
    chip[30:80, 30:120] = 255
    assert measure(face(), GREY, chip, 1.0).clipped == 0.5


@pytest.mark.parametrize("kernel", [(9, 1), (1, 9)])
def test_motion_in_one_direction_is_found_as_surely_as_a_lens_out_of_focus(kernel: tuple[int, int]) -> None:
    sharp = scene()[:, :, 0].astype(np.float32)
    moved = cv2.filter2D(sharp, -1, np.ones(kernel, np.float32) / 9)
    unfocused = cv2.GaussianBlur(sharp, (0, 0), 3)
    assert sharpness(sharp) > SHARPNESS_MIN
    assert sharpness(moved) < sharpness(sharp) / 2
    assert sharpness(unfocused) < sharpness(sharp) / 2


def test_an_even_surface_has_no_sharpness_and_divides_by_nothing() -> None:
    assert sharpness(np.full((100, 90), 128, np.float32)) == 0.0


def test_a_face_lit_from_one_side_is_uneven_and_an_even_one_is_not() -> None:
    lit = scene()
    assert measure(face(), GREY, lit, 1.0).reason is Reason.OK
    shaded = lit.copy()
    shaded[:, :75] = shaded[:, :75] // 5
    assert measure(face(), GREY, shaded, 1.0).evenness < EVENNESS_MIN


def test_a_face_in_haze_has_no_contrast_though_its_noise_looks_sharp() -> None:
    noise = np.random.default_rng(7).normal(0, 1.5, (150, 150, 1))
    haze = np.clip(200 + 0.05 * (scene().astype(float) - 200) + noise, 0, 255).astype(np.uint8)
    found = measure(face(), GREY, haze, 1.0)
    assert found.sharpness > SHARPNESS_MIN
    assert found.reason is Reason.LOW_CONTRAST


def test_every_failing_component_has_a_hint_and_nothing_fails_twice() -> None:
    dark = replace(GOOD, brightness=5.0, sharpness=0.0, tilt_deg=40.0)
    assert dark.failing == {
        "luminance_mean": Reason.TOO_DARK,
        "head_pose_roll": Reason.HEAD_TILTED,
        "sharpness": Reason.BLURRED,
    }
    assert set(dark.failing) <= set(dark.components)
    assert GOOD.failing == {}


@pytest.mark.parametrize(
    ("component", "worse"),
    [
        ("face_found", {"found": 0.6}),
        ("face_in_picture", {"coverage": 0.91}),
        ("under_exposure_prevention", {"dark": 0.9}),
        ("over_exposure_prevention", {"clipped": 0.1}),
        ("luminance_mean", {"brightness": 40.0}),
        ("luminance_mean", {"brightness": 220.0}),
        ("illumination_uniformity", {"evenness": 0.3}),
        ("dynamic_range", {"dynamic_range": 5.0}),
        ("head_pose_yaw", {"turn": 0.4}),
        ("head_pose_roll", {"tilt_deg": 20.0}),
        ("sharpness", {"sharpness": 0.15}),
    ],
)
def test_a_worse_face_has_a_worse_component_and_less_weight(component: str, worse: dict[str, float]) -> None:
    bad = replace(GOOD, **worse)
    assert bad.components[component] < GOOD.components[component]
    assert bad.weight < GOOD.weight


def test_pose_is_mapped_as_the_standard_does() -> None:
    assert replace(GOOD, tilt_deg=45.0).components["head_pose_roll"] == pytest.approx(50.0)
    assert replace(GOOD, eye_distance_px=70.0).components["inter_eye_distance"] == pytest.approx(50.0)
    assert replace(GOOD, eye_distance_px=1e6).weight == GOOD.weight


measured = st.floats(0, 1)


@given(
    st.builds(
        Quality,
        eye_distance_px=st.floats(0, 5000),
        eye_share=measured,
        brightness=st.floats(0, 255),
        clipped=measured,
        sharpness=st.floats(0, 5),
        coverage=measured,
        turn=st.floats(0, 10),
        tilt_deg=st.floats(0, 180),
        found=st.floats(0.5, 1),
        dark=measured,
        evenness=measured,
        dynamic_range=st.floats(0, 8),
    )
)
def test_components_and_weight_keep_their_ranges_whatever_is_measured(quality: Quality) -> None:
    assert all(0 <= value <= 100 for value in quality.components.values())
    assert 0 <= quality.weight <= 1
    assert (quality.reason is Reason.OK) == (not quality.failing)


@given(arrays(np.uint8, (150, 150, 3)))
def test_whatever_the_pixels_are_measures_are_finite(chip: Picture) -> None:
    found = measure(face(), GREY, chip, 1.0)
    assert 0 <= found.evenness <= 1.0 + 1e-9
    assert 0 <= found.dynamic_range <= 8.0 + 1e-9
    assert 0 <= found.weight <= 1


def test_every_hint_of_a_picture_has_words_for_the_screen() -> None:
    words = (Path(__file__).parents[1] / "docs" / "quality.md").read_text("utf-8")
    told = set(re.findall(r"^\| `([a-z_]+)` \| [^|`]+\.\s*\|$", words, re.MULTILINE))
    worst = Quality(1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 9.0, 90.0, evenness=0.0, dynamic_range=0.0)
    of_pictures = {Reason.NO_FACE, Reason.TWO_FACES, Reason.TOO_DARK, Reason.TOO_BRIGHT}
    assert told == {reason.value for reason in {*worst.failing.values(), *of_pictures}}
