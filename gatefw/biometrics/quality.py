"""Is this face good enough to be compared? What is measured, where the limits stand, and what they cost.

Measured on the development faces (press photographs, 250 x 250, eyes 44 px apart): what each limit refuses of every
second one (1,664), and the FNMR of 250 genuine pairs, at the card's FMR of 1e-3, with one picture of each made worse
(4.0 % as they are).

    measure              limit   refuses   FNMR where the picture is made worse
    eyes apart           18 px   0.1 %     scaled to 24 px 4.8 %, 15 px 5.6 %, 11 px 14 %
     in the frame        4 %     none      in 640 x 480: 26 px (4.1 %) found in 85 %, 22 px in 71 %, 18 px in 17 %
    brightness of face   30      none      median 38: 8.4 %, 25: 10 %, 15: 21 %
    clipped pixels       0.25    none      median 0.16: 8.4 %, 0.46: 22 %
    sharpness            0.13    0.4 %     Gauss 2 px 12 %, 3 px 30 %; motion 9 px 17 %, 13 px 40 %
    chip inside picture  0.90    none      half a face (two photographs, 0.71 and 0.73) still matches
    turn of the head     0.50    1.3 %     0.45 to 0.56: 7.8 %, above 0.56: 21 % (of the worse half of each pair)
    tilt                 25 deg  together  above 11 deg: 21 % (profiles mostly)
    second face          0.50    8.2 %     somebody else stands there too: eyes more than half as far apart

The limits refuse what the comparison would get wrong, not what looks bad. Nodding was measured and left out: it changed
nothing within what these pictures hold. No gate camera, infrared or backlight was measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gatefw.biometrics.detector import Face
from gatefw.biometrics.runtime import Picture
from gatefw.model import Reason

SECOND_FACE_SHARE = 0.5
COVERAGE_MIN = 0.90
EYE_DISTANCE_MIN_PX = 18.0
EYE_SHARE_MIN = 0.04
BRIGHTNESS_MIN = 30.0
CLIPPED_MAX = 0.25
SHARPNESS_MIN = 0.13
TURN_MAX = 0.5
TILT_MAX_DEG = 25.0

FACE_ROWS, FACE_COLUMNS = slice(30, 130), slice(30, 120)
"""The part of a 150 x 150 chip that is face whatever the hair and the background."""


@dataclass(frozen=True, slots=True)
class Quality:
    """What was measured of one face.

    eye_distance_px: in the picture; eye_share: of its longer side, because the detector shrinks that to its own size.
    brightness: mean grey level of the face, 0..255. clipped: share of its pixels at white. sharpness: see `sharpness`.
    coverage: share of the chip that lies in the picture. turn: how far the nose tip stands beside the middle of the
    eyes, in eye distances, either way. tilt_deg: of the line of the eyes, either way.
    """

    eye_distance_px: float
    eye_share: float
    brightness: float
    clipped: float
    sharpness: float
    coverage: float
    turn: float
    tilt_deg: float

    @property
    def reason(self) -> Reason:
        """OK, or the first thing the traveller (or the light) should change."""
        if self.coverage < COVERAGE_MIN:
            return Reason.PARTIAL_FACE
        if self.eye_distance_px < EYE_DISTANCE_MIN_PX or self.eye_share < EYE_SHARE_MIN:
            return Reason.FACE_TOO_SMALL
        if self.brightness < BRIGHTNESS_MIN:
            return Reason.TOO_DARK
        if self.clipped > CLIPPED_MAX:
            return Reason.TOO_BRIGHT
        if self.turn > TURN_MAX or self.tilt_deg > TILT_MAX_DEG:
            return Reason.LOOKING_AWAY
        if self.sharpness < SHARPNESS_MIN:
            return Reason.BLURRED
        return Reason.OK


def the_face(faces: Sequence[Face], rgb: Picture) -> Face | Reason:
    """The nearest face of a picture, or why there is not exactly one: TOO_DARK, TOO_BRIGHT, NO_FACE, TWO_FACES."""
    if not faces:
        sampled = rgb[::8, ::8]
        if sampled.mean() < BRIGHTNESS_MIN:
            return Reason.TOO_DARK
        return Reason.TOO_BRIGHT if (sampled >= 250).mean() > 1 - CLIPPED_MAX else Reason.NO_FACE
    nearest = max(faces, key=lambda face: face.eye_distance_px)
    for face in faces:
        if face is not nearest and face.eye_distance_px > SECOND_FACE_SHARE * nearest.eye_distance_px:
            return Reason.TWO_FACES
    return nearest


def measure(face: Face, rgb: Picture, chip: Picture, coverage: float) -> Quality:
    """`chip`: the face of `rgb` aligned to 150 x 150; `coverage`: the share of it that lies in the picture, 0..1."""
    grey = cv2.cvtColor(chip, cv2.COLOR_RGB2GRAY)[FACE_ROWS, FACE_COLUMNS].astype(np.float32)
    across = (face.left_eye - face.right_eye) / face.eye_distance_px
    beside = (face.nose - (face.left_eye + face.right_eye) / 2) @ across
    return Quality(
        eye_distance_px=face.eye_distance_px,
        eye_share=face.eye_distance_px / max(rgb.shape[:2]),
        brightness=float(grey.mean()),
        clipped=float((grey >= 250).mean()),
        sharpness=sharpness(grey),
        coverage=coverage,
        turn=float(abs(beside) / face.eye_distance_px),
        tilt_deg=float(abs(np.degrees(np.arctan2(across[1], across[0])))),
    )


def sharpness(grey: NDArray[np.float32]) -> float:
    """How strong detail of four pixels is against the whole contrast, along rows or columns, whichever is less.

    The lesser of the two finds motion, which blurs one direction only: at the limit it finds 98 % of faces blurred by a
    motion of 9 px, where the usual variance of the Laplacian finds 15 %.
    """
    rows = grey[:, :-4] - 2 * grey[:, 2:-2] + grey[:, 4:]
    columns = grey[:-4] - 2 * grey[2:-2] + grey[4:]
    return float(min(rows.std(), columns.std()) / (grey.std() + 1))
