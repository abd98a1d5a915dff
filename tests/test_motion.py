"""A plane moves as a plane and a head does not; eyes and turns are measured alike in every picture."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gatefw.biometrics.landmarks import POINTS, Numbers
from gatefw.biometrics.measuring.motion import LEFT_EYE, NOSE_TIP, RIGHT_EYE, RIGID, planarity, pose

turns = st.floats(0.15, 0.6)


def a_head(relief: float = 0.6) -> Numbers:
    """468 points in space, in eye distances: a drawn face on a ball, the nose before it; relief 0: a drawing of it."""
    drawn = np.random.default_rng(5)
    points = np.zeros((POINTS, 3))
    points[:, :2] = drawn.uniform(-1, 1, (POINTS, 2))
    eyes = ((RIGHT_EYE, -0.5), (LEFT_EYE, 0.5))
    for eye, middle in eyes:
        places = [(-0.2, 0), (-0.1, -0.06), (0.1, -0.06), (0.2, 0), (0.1, 0.06), (-0.1, 0.06)]
        points[list(eye), :2] = np.add(places, (middle, -0.3))
    points[NOSE_TIP, :2] = (0, 0.1)
    points[:, 2] = -relief * np.exp(-(points[:, :2] ** 2).sum(1))
    points[NOSE_TIP, 2] -= relief * 0.5
    return points


def seen(points: Numbers, yaw: float, pitch: float = 0.0, px: float = 60.0, away: float = 8.0) -> Numbers:
    """The points as a camera sees them, after a turn in radians to the person's right, `away` eye distances off."""
    c, s, d, t = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    turned = points @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]).T @ np.array([[1, 0, 0], [0, d, -t], [0, t, d]]).T
    placed: Numbers = turned[:, :2] / (turned[:, 2:] + away) * away * px + 200
    return placed


@given(turns, st.floats(-0.3, 0.3), st.floats(10, 200), st.floats(4, 30))
def test_a_drawing_moves_as_a_plane_however_it_is_tilted(yaw: float, pitch: float, px: float, away: float) -> None:
    flat = a_head(relief=0.0)
    found = planarity([seen(flat, 0, px=px, away=away), seen(flat, yaw, pitch, px, away)])
    assert found is not None
    assert found < 1e-3


@given(turns, st.floats(10, 200))
def test_a_head_that_turns_does_not_and_its_size_in_the_picture_is_nothing_to_it(yaw: float, px: float) -> None:
    head = a_head()
    found = planarity([seen(head, 0, px=px), seen(head, yaw, px=px)])
    assert found is not None
    assert found > 0.005
    usual = planarity([seen(head, 0), seen(head, yaw)])
    assert usual is not None
    assert np.isclose(found, usual, rtol=1e-3)


def test_a_head_that_keeps_still_looks_as_flat_as_a_drawing() -> None:
    still = seen(a_head(), 0.1)
    found = planarity([still, still])
    assert found is not None
    assert found < 1e-6


def test_one_frame_no_face_and_a_line_of_points_say_nothing() -> None:
    face = seen(a_head(), 0)
    assert planarity([face]) is None
    assert planarity([]) is None
    assert planarity([face, np.zeros((POINTS, 2))]) is None
    line = planarity([face, face * (1, 0)])
    assert line is None or line >= 0


@given(st.floats(-0.5, 0.5), st.floats(5, 300), st.floats(-3, 3))
def test_the_turn_is_signed_and_the_same_at_every_size_and_tilt(yaw: float, px: float, tilt: float) -> None:
    points = seen(a_head(), yaw, px=px)
    c, s = np.cos(tilt), np.sin(tilt)
    tilted = pose((points - 200) @ np.array([[c, s], [-s, c]]) + 500)
    upright = pose(points)
    assert np.isclose(tilted.yaw, upright.yaw)
    assert np.isclose(tilted.openness, upright.openness)
    assert np.sign(upright.yaw) == -np.sign(yaw) or abs(yaw) < 0.01


def test_the_eyes_are_as_open_as_their_lids_are_apart() -> None:
    points = seen(a_head(0.0), 0)
    open_eyes = pose(points).openness
    for eye in (RIGHT_EYE, LEFT_EYE):
        points[[eye[1], eye[2], eye[4], eye[5]], 1] = points[eye[0], 1]
    assert np.isclose(open_eyes, 0.3)
    assert pose(points).openness < 1e-9
    assert pose(np.zeros((POINTS, 2))).openness == 0.0


def test_the_rigid_points_are_points_and_none_twice() -> None:
    assert len(set(RIGID)) == len(RIGID)
    assert all(0 <= point < POINTS for point in RIGID)
