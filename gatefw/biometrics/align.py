"""A face turned and scaled into a square chip, so that its points lie where a network learned to expect them."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gatefw.biometrics.card import Alignment
from gatefw.biometrics.detector import Face
from gatefw.biometrics.runtime import Picture

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Frame:
    """A chip of `side_px` x `side_px` and where points of the face lie in it."""

    side_px: int
    places: Alignment


QUALITY = Frame(150, Alignment((46.773, 46.847), (102.256, 47.593), (73.621, 107.959)))
"""The chip whose quality is judged, whatever the embedder's own: the limits of `quality` were measured in it."""


def align(rgb: Picture, face: Face, frame: Frame) -> tuple[Picture, float]:
    """The chip of a face, and the share of it that lies in the picture, 0..1."""
    source, target = [face.right_eye, face.left_eye, face.mouth], frame.places
    places = [target.right_eye, target.left_eye, target.mouth]
    if target.nose is not None:
        source, places = [*source, face.nose], [*places, target.nose]
    matrix = similarity(np.stack(source), np.array(places))
    chip = np.asarray(cv2.warpAffine(rgb, matrix, (frame.side_px, frame.side_px)), np.uint8)
    return chip, _coverage(matrix, rgb.shape[1], rgb.shape[0], frame.side_px)


def similarity(source: Numbers, target: Numbers) -> Numbers:
    """The 2 x 3 matrix of the rotation, scale and shift that takes n source points nearest to n target points."""
    source_mean, target_mean = source.mean(0), target.mean(0)
    s, t = source - source_mean, target - target_mean
    along = (s * t).sum()
    turned = (s[:, 0] * t[:, 1] - s[:, 1] * t[:, 0]).sum()
    rotation = np.array([[along, -turned], [turned, along]]) / (s**2).sum()
    return np.hstack([rotation, (target_mean - rotation @ source_mean)[:, None]])


def _coverage(matrix: Numbers, width_px: int, height_px: int, side_px: int) -> float:
    corners = np.array([[0, 0], [width_px, 0], [width_px, height_px], [0, height_px]]) @ matrix[:, :2].T + matrix[:, 2]
    chip = np.array([[0, 0], [side_px, 0], [side_px, side_px], [0, side_px]], np.float32)
    shared, _ = cv2.intersectConvexConvex(corners.astype(np.float32), chip)
    return float(shared) / side_px**2
