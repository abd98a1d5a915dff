"""What a face does over frames, from its landmarks: eyes that close, a head that turns, points that move as a plane.

Lengths are in eye distances, the distance of the middles of the two eyes, unless a name ends in `_px`. Pure; no clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from gatefw.biometrics.landmarks import Numbers

RIGHT_EYE = (33, 160, 158, 133, 153, 144)
LEFT_EYE = (362, 385, 387, 263, 373, 380)
"""Of each eye: the corner to the right, two points of the upper lid, the other corner, two of the lower lid."""
NOSE_TIP = 1
RIGID = (
    *(6, 168, 197, 195, 5, 4, 1, 2, 98, 327, 48, 278),  # the nose, from its root to its wings
    *(33, 133, 362, 263),  # the corners of the eyes
    *(10, 151, 9, 67, 297, 103, 332, 54, 284),  # the forehead
    *(127, 356, 234, 454, 93, 323, 116, 345, 123, 352, 205, 425),  # temples and cheeks
)
"""Points that keep their distances when a face speaks or blinks; the nose stands before the others."""
RELIEF_MIN = 0.075
"""A face whose points a plane explains better than this, in eye distances, counts as flat."""


@dataclass(frozen=True, slots=True)
class Pose:
    """openness: of the eyes, the lids' distance as a share of the eye's width, mean of both. yaw: how far the nose tip
    stands beside the middle of the eyes, in eye distances; positive towards the person's own left."""

    openness: float
    yaw: float


def pose(points: Numbers) -> Pose:
    """Of the 468 points of one frame."""
    right, left = points[[RIGHT_EYE[0], RIGHT_EYE[3]]].mean(0), points[[LEFT_EYE[0], LEFT_EYE[3]]].mean(0)
    apart_px = max(float(np.linalg.norm(left - right)), 1e-9)
    across = (left - right) / apart_px
    beside = (points[NOSE_TIP] - (left + right) / 2) @ across / apart_px
    return Pose((_open(points, RIGHT_EYE) + _open(points, LEFT_EYE)) / 2, float(beside))


def planarity(frames: Sequence[Numbers]) -> float | None:
    """How badly one plane explains the movement between the two frames that are turned farthest from each other.

    The root mean square distance, in eye distances, of the rigid points from where the best homography takes them: a
    plane moves exactly so, whatever its tilt, but for the landmarks' own noise; a head does not when it turns. None for
    fewer than two frames or points that lie on a line. Without a change of pose it is small for everybody.
    """
    frames = sorted((points for points in frames if _eye_distance_px(points) > 1e-6), key=lambda each: pose(each).yaw)
    if len(frames) < 2:
        return None
    before, after = frames[0][list(RIGID)], frames[-1][list(RIGID)]
    homography, _ = cv2.findHomography(before, after, 0)
    if homography is None:
        return None
    placed = cv2.perspectiveTransform(before[:, None], homography)[:, 0]
    residual = float(np.sqrt(((placed - after) ** 2).sum(1).mean())) / _eye_distance_px(frames[-1])
    return residual if np.isfinite(residual) else None


def _eye_distance_px(points: Numbers) -> float:
    eyes = points[[LEFT_EYE[0], LEFT_EYE[3]]].mean(0) - points[[RIGHT_EYE[0], RIGHT_EYE[3]]].mean(0)
    return float(np.linalg.norm(eyes))


def _open(points: Numbers, eye: Sequence[int]) -> float:
    right, upper_right, upper_left, left, lower_left, lower_right = points[list(eye)]
    width = float(np.linalg.norm(left - right))
    lids = float(np.linalg.norm(upper_right - lower_right) + np.linalg.norm(upper_left - lower_left))
    return lids / (2 * width) if width > 1e-9 else 0.0
