"""BlazeFace and its kin: the faces in a picture, each a box and six points.

Its card says where the anchors lie: short range has 16 x 16 x 2 and 8 x 8 x 6, full range 48 x 48.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from gatefw.biometrics.card import Grid
from gatefw.biometrics.runtime import Network, Picture
from gatefw.errors import ModelError

SCORE_MIN = 0.5
SAME_FACE_OVERLAP = 0.3
"""Boxes that share more than this (intersection over union) are one face."""

Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Face:
    """One face, in picture px. `score` 0..1; `box` is x0, y0, x1, y1 and may leave the picture; points are x, y.

    Right and left are the person's own: the right eye is to the left in the picture.
    """

    score: float
    box: Numbers
    right_eye: Numbers
    left_eye: Numbers
    nose: Numbers
    mouth: Numbers

    @cached_property
    def eye_distance_px(self) -> float:
        return float(np.linalg.norm(self.left_eye - self.right_eye))


class Detector:
    """Finds faces. To be called from one thread at a time."""

    def __init__(self, network: Network) -> None:
        """Raises ModelError: the network is no detector, or its outputs do not fit the anchors of its card."""
        card = network.card
        if not card.grid:
            raise ModelError(f"model {card.name}: its kind is {card.kind!r}, a detector is wanted here; name another")
        self._network, self._anchors = network, _anchors(card.grid)
        wanted = [(len(self._anchors), 1), (len(self._anchors), 16)]
        if sorted(network.shapes, key=lambda shape: shape[-1:]) != wanted:
            raise ModelError(
                f"model {card.name}: its outputs are {network.shapes}, the anchors of its card say {wanted}"
            )

    def faces(self, rgb: Picture) -> list[Face]:
        """All faces, best score first, in a picture of any size: it is shrunk and padded to the network's square."""
        height, width = rgb.shape[:2]
        size = self._network.card.input.side_px
        shrink = size / max(height, width)
        w, h = max(1, round(width * shrink)), max(1, round(height * shrink))
        x0, y0 = (size - w) // 2, (size - h) // 2
        square = np.zeros((size, size, 3), np.uint8)
        square[y0 : y0 + h, x0 : x0 + w] = cv2.resize(rgb, (w, h), interpolation=cv2.INTER_AREA)
        values, logits = sorted(self._network.run(square), key=lambda output: -output.shape[-1])
        places, scores = self._decoded(values.astype(float), logits[:, 0].astype(float))
        places = (places * size - (x0, y0)) * (width / w, height / h)
        return [Face(score, place[:2].ravel(), *place[2:6]) for score, place in _blended(scores, places)]

    def _decoded(self, values: Numbers, logits: Numbers) -> tuple[Numbers, Numbers]:
        """Of every anchor that sees a face: box corners and six points (n x 8 x 2, shares of the square), scores."""
        scores = 1 / (1 + np.exp(-np.clip(logits, -80, 80)))
        kept = scores > SCORE_MIN
        raw, anchors = values[kept].reshape(-1, 8, 2) / self._network.card.input.side_px, self._anchors[kept, None]
        centre, extent = raw[:, :1] + anchors, raw[:, 1:2]
        return np.concatenate([centre - extent / 2, centre + extent / 2, raw[:, 2:] + anchors], 1), scores[kept]


def _blended(scores: Numbers, places: Numbers) -> Iterator[tuple[float, Numbers]]:
    """One score and one place for each group of overlapping boxes: their mean by score is steadier than the best."""
    order = np.argsort(-scores)
    while len(order):
        same = _overlap(places[order[0], :2], places[order, :2]) > SAME_FACE_OVERLAP
        same[0] = True
        group = order[same]
        yield float(scores[group[0]]), np.average(places[group], 0, scores[group])
        order = order[~same]


def _anchors(grids: Iterable[Grid]) -> Numbers:
    """The centres, x and y, 0..1 of the square."""
    centres = []
    for grid in grids:
        ticks = (np.arange(grid.cells) + 0.5) / grid.cells
        x, y = np.meshgrid(ticks, ticks)
        centres.append(np.repeat(np.stack([x.ravel(), y.ravel()], 1), grid.each, 0))
    return np.concatenate(centres)


def _overlap(box: Numbers, others: Numbers) -> Numbers:
    """Intersection over union of one box with each of the others; boxes are two corners (2 x 2)."""
    low, high = np.maximum(box[0], others[:, 0]), np.minimum(box[1], others[:, 1])
    shared = np.clip(high - low, 0, None).prod(1)
    areas = (others[:, 1] - others[:, 0]).prod(1)
    return np.asarray(shared / ((box[1] - box[0]).prod() + areas - shared + 1e-9))
