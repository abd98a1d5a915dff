"""468 points of a face: eyelids, nose, lips, outline; for what moves when a person lives, never for who it is.

The network is the published float file of the mediapipe wheel, not converted. It says where the points lie in its
square, and how sure it is that there is a face; it always says something, so `presence` is to be asked first.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gatefw.biometrics.detector import Face
from gatefw.biometrics.runtime import Network, Picture
from gatefw.errors import ModelError

Numbers = NDArray[np.float64]

POINTS = 468
CROP = 1.5
"""The square around a face, in sides of the detector's box: what the network was trained on, by its publisher."""
PRESENCE_MIN = 0.5


@dataclass(frozen=True, eq=False)
class Landmarks:
    """`points`: 468 x 2, x and y in picture px. `presence`: 0..1, that this is a face at all."""

    points: Numbers
    presence: float


class Landmarker:
    """A loaded landmark network. To be called from one thread at a time."""

    def __init__(self, network: Network) -> None:
        """Raises ModelError: the network is of another kind."""
        if network.card.kind != "landmark":
            raise ModelError(
                f"model {network.card.name}: its card says {network.card.kind!r}, not 'landmark'; name another"
            )
        self._network = network

    def find(self, rgb: Picture, face: Face) -> Landmarks:
        """The points of a detected face. Raises ModelError: the network gives other numbers than 468 points."""
        side_px = self._network.card.input.side_px
        square, matrix = crop(rgb, face, side_px, CROP)
        outputs = sorted(self._network.run(square), key=lambda output: -output.size)
        if [output.size for output in outputs[:2]] != [3 * POINTS, 1]:
            found = [output.size for output in outputs]
            raise ModelError(f"model {self._network.card.name}: gives {found} numbers, not 1404 and 1; name another")
        inside = outputs[0].reshape(POINTS, 3)[:, :2].astype(float)
        logit = float(np.clip(outputs[1].ravel()[0], -80, 80))
        return Landmarks(_placed(inside, matrix), 1 / (1 + np.exp(-logit)))


def crop(rgb: Picture, face: Face, side_px: int, sides: float) -> tuple[Picture, Numbers]:
    """A square of `side_px` around a face, eyes level, `sides` times the longer side of its box; black outside.

    Beside it the 2 x 3 matrix that takes a point of the picture to one of the square.
    """
    low, high = face.box.reshape(2, 2)
    scale = side_px / (sides * float((high - low).max()))
    across = (face.left_eye - face.right_eye) / face.eye_distance_px
    turn = scale * np.array([[across[0], across[1]], [-across[1], across[0]]])
    shift = side_px / 2 - turn @ ((low + high) / 2)
    matrix = np.hstack([turn, shift[:, None]])
    return np.asarray(cv2.warpAffine(rgb, matrix, (side_px, side_px)), np.uint8), matrix


def _placed(points: Numbers, matrix: Numbers) -> Numbers:
    """Points of the square back in the picture."""
    placed: Numbers = (points - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    return placed
