"""What a picture shows of its camera, and what is believed of it after a while. No camera, no clock."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatefw.camera_watch import BELIEVED_S, PICTURES_MIN, CameraWatch, ailment, grey_of, steepness
from gatefw.model import Reason

DARK, BLINDED, COVERED, FROZEN = (
    Reason.CAMERA_DARK,
    Reason.CAMERA_BLINDED,
    Reason.CAMERA_COVERED,
    Reason.CAMERA_FROZEN,
)
RNG = np.random.default_rng(5)


def scene(level: int = 120) -> np.ndarray:
    """An empty lane: a wall, a door frame, a floor."""
    rgb = np.full((480, 640, 3), level, np.uint8)
    rgb[:, 200:220], rgb[:, 420:440], rgb[400:] = level // 3, level // 3, level // 2
    return rgb


def noisy(rgb: np.ndarray, sigma: float) -> np.ndarray:
    return np.clip(rgb + RNG.normal(0, sigma, rgb.shape), 0, 255).astype(np.uint8)


def looks(rgb: np.ndarray, repeated: bool = False) -> Reason | None:
    return ailment(grey_of(rgb), repeated)


def soft_light() -> np.ndarray:
    """What shines through a hand or a strip of tape on the lens: a slope without an edge."""
    across = np.linspace(30, 160, 640, dtype=np.float32)
    return np.repeat(np.repeat(across[None, :, None], 480, 0), 3, 2).astype(np.uint8)


@pytest.mark.parametrize(
    ("rgb", "reason"),
    [
        (noisy(scene(), 4), None),
        (noisy(scene(60), 4), None),
        (noisy(np.zeros((480, 640, 3), np.uint8), 6), DARK),
        (noisy(scene(24), 6), DARK),
        (np.full((480, 640, 3), 255, np.uint8), BLINDED),
        (noisy(soft_light(), 4), COVERED),
        (noisy(np.full((480, 640, 3), 90, np.uint8), 15), COVERED),
    ],
    ids=["a lane", "a dim lane", "a cap", "lights out", "the sun", "a hand", "paint, noise"],
)
def test_a_picture_tells_what_ails_its_camera(rgb: np.ndarray, reason: Reason | None) -> None:
    assert looks(rgb) is reason


def test_grey_levels_of_the_hardware_say_the_same_as_the_colours() -> None:
    for rgb in (scene(), soft_light(), np.zeros((480, 640, 3), np.uint8)):
        assert looks(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)) is looks(rgb)


def test_identical_bytes_are_a_frozen_picture_and_a_still_scene_with_noise_is_not() -> None:
    first, second = noisy(scene(), 1), noisy(scene(), 1)
    assert not np.array_equal(first, second)
    assert looks(second, repeated=False) is None
    assert looks(first, repeated=True) is FROZEN


def test_what_is_black_or_white_may_well_repeat() -> None:
    """A sensor in the dark, or one that is blinded, has no noise left to tell two pictures apart by."""
    assert looks(np.zeros((480, 640, 3), np.uint8), repeated=True) is DARK
    assert looks(np.full((480, 640, 3), 255, np.uint8), repeated=True) is BLINDED


@pytest.mark.faces
def test_no_development_photograph_is_called_dark_blinded_or_covered(faces: Path) -> None:
    paths = sorted(faces.glob("*/*.jpg"))[::3]
    assert len(paths) > 1000
    assert [path.name for path in paths if looks(cv2.imread(str(path))) is not None] == []


# ---------------------------------------------------------------- what is believed


def watched(
    *said: tuple[Reason | None, float], every_s: float = 0.25
) -> tuple[CameraWatch, list[tuple[float, object]]]:
    """A watch that saw each thing for so many seconds, and when it changed its mind."""
    watch, changes, now_s = CameraWatch(), [], 0.0
    for looks_like, for_s in said:
        ends_s = now_s + for_s
        while now_s < ends_s:
            before = watch.ail
            watch.seen(looks_like, now_s)
            if watch.ail is not before:
                changes.append((now_s, watch.ail))
            now_s += every_s
    return watch, changes


@pytest.mark.parametrize("reason", [DARK, BLINDED, COVERED, FROZEN])
@pytest.mark.parametrize("every_s", [0.05, 0.2, 0.25])
def test_an_ailment_is_known_within_a_second_and_so_is_its_end(reason: Reason, every_s: float) -> None:
    _, changes = watched((None, 5.0), (reason, 5.0), (None, 5.0), every_s=every_s)
    (begun_s, said), (over_s, nothing) = changes
    assert (said, nothing) == (reason, None)
    assert 5.0 + BELIEVED_S - every_s <= begun_s <= 6.0 + 1e-6
    assert 10.0 + BELIEVED_S - every_s <= over_s <= 11.0 + 1e-6


def test_a_hand_in_passing_says_nothing() -> None:
    _, changes = watched((None, 2.0), (COVERED, 0.5), (None, 2.0), (BLINDED, 0.5), (None, 2.0))
    assert changes == []


def test_pictures_between_two_ailments_are_called_the_one_more_often_seen_and_not_by_turns() -> None:
    _, changes = watched((None, 1.0), *[(DARK, 0.25), (COVERED, 0.25), (COVERED, 0.25), (COVERED, 0.25)] * 4)
    assert changes == [(1.75, COVERED)]


def test_a_slow_camera_is_believed_after_three_pictures() -> None:
    _, changes = watched((None, 3.0), (FROZEN, 5.0), every_s=1.0)
    assert changes == [(3.0 + PICTURES_MIN - 1, FROZEN)]


verdicts = st.sampled_from([None, DARK, BLINDED, COVERED, FROZEN])


@given(st.lists(st.tuples(verdicts, st.floats(0.0, 3.0)), max_size=60))
def test_nothing_is_believed_that_was_not_seen_three_times_over_long_enough(
    steps: list[tuple[Reason | None, float]],
) -> None:
    watch, now_s, seen = CameraWatch(), 0.0, []
    for looks_like, passes_s in steps:
        now_s += passes_s
        before = watch.ail
        seen.append((looks_like, now_s))
        watch.seen(looks_like, now_s)
        if watch.ail is not before:
            last = seen[-PICTURES_MIN:]
            assert all(each is not before for each, _ in last), "what it was is not seen any more"
            assert any(each is watch.ail for each, at_s in seen if at_s >= now_s - 3.0 * len(seen))
            contrary = [at_s for each, at_s in seen if each is before]
            assert now_s - (contrary[-1] if contrary else seen[0][1]) >= BELIEVED_S


@given(st.binary(min_size=12, max_size=48), st.booleans())
def test_any_picture_at_all_gets_an_answer(noise: bytes, repeated: bool) -> None:
    rgb = np.frombuffer(noise[: len(noise) // 3 * 3], np.uint8).reshape(1, -1, 3)
    assert looks(rgb, repeated) in {None, DARK, BLINDED, COVERED, FROZEN}


# ---------------------------------------------------------------- focus


@pytest.mark.models
def test_no_photograph_is_out_of_focus_until_it_is_blurred_and_then_every_one_is(photos: Path) -> None:
    for path in sorted(photos.glob("*.jpg")):
        luma = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        assert luma is not None
        luma = np.asarray(luma[: 4 * luma.shape[1] // 3], np.uint8)
        small = np.asarray(cv2.resize(luma, (480, 640), interpolation=cv2.INTER_AREA), np.uint8)
        blurred = np.asarray(cv2.GaussianBlur(small, (0, 0), 4.0), np.uint8)
        sharp, soft = steepness(small), steepness(blurred)
        assert sharp is not None and sharp > 0.22, path
        assert soft is None or soft < 0.22, path


def test_a_step_is_as_steep_as_can_be_and_a_slope_as_its_part() -> None:
    step = np.zeros((40, 40), np.uint8)
    step[:, 20:] = 200
    assert steepness(step) == 1.0
    slope = np.repeat(np.minimum(np.arange(64) * 16, 240).astype(np.uint8)[None], 64, 0)
    assert steepness(slope) == pytest.approx(1 / 8)


@given(level=st.integers(0, 255), sigma=st.floats(0, 4))
def test_a_bare_wall_says_nothing_of_the_focus(level: int, sigma: float) -> None:
    wall = noisy(np.full((60, 80), level, np.uint8), sigma)
    assert steepness(wall) is None


def test_the_steepest_edge_counts_in_whichever_direction() -> None:
    step = np.zeros((40, 40), np.uint8)
    step[20:] = 200
    assert steepness(step) == 1.0
