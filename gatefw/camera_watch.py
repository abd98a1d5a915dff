"""Does a camera that gives pictures show anything? Dark, blinded, covered, frozen: pictures and times in, a reason out.

Judged on the picture's grey levels, shrunk to 80 x 60, which averages most of a sensor's noise away. The first that
fits counts:

    CAMERA_DARK      its brightest hundredth is darker than 40: no face in it could be bright enough to be compared
    CAMERA_BLINDED   over 60 % of it is white: a lamp, the sun, an exposure that has run away
    CAMERA_FROZEN    bit by bit the picture before it; the noise of a living sensor makes two of a still scene differ
    CAMERA_COVERED   light, but no edge anywhere: neighbours differ by less than 8 in all but a hundredth of the places

Measured on 3,328 development photographs: the darkest has 138 where 40 is the limit, the whitest 41 % where 60 % is,
the smoothest 37 where 8 is. Of every second one, none changes its name with a third of its light, with a blur of 10 px
in 250, or when only the middle of the face fills the picture. A camera that looks at a bare wall sees no edge either:
give it a door frame.

How sharp a camera's pictures can be is a figure, no ailment (`steepness`): nobody is kept out for it here, since each
face is judged for itself.

An ailment is believed after 0.7 s and three pictures, and so is that it is over: a hand before the lens in passing, or
a lamp switched on, says nothing. With four pictures a second or more it is known within 1 s of its beginning.
"""

from collections import Counter

import cv2
import numpy as np
from numpy.typing import NDArray

from gatefw.model import Reason

Grey = NDArray[np.uint8]

SIZE_PX = (80, 60)
DARK_MAX = 40
WHITE, WHITE_SHARE_MAX = 250, 0.6
EDGE_MIN = 8
SPAN_PX, STRONG = 8, 40  # an edge: so many levels within so many pixels
BELIEVED_S = 0.7
PICTURES_MIN = 3


def grey_of(rgb: NDArray[np.uint8]) -> Grey:
    """Grey levels of a picture, rows x columns x RGB or grey already, shrunk as far as the watch looks."""
    small = cv2.resize(rgb, SIZE_PX, interpolation=cv2.INTER_AREA)
    return np.asarray(small if small.ndim == 2 else cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)


def ailment(grey: Grey, repeated: bool) -> Reason | None:
    """What one picture looks like; `repeated`: bit by bit the one before it."""
    if np.percentile(grey, 99) < DARK_MAX:
        return Reason.CAMERA_DARK
    if (grey >= WHITE).mean() > WHITE_SHARE_MAX:
        return Reason.CAMERA_BLINDED
    if repeated:
        return Reason.CAMERA_FROZEN
    levels = grey.astype(np.int16)
    edges = np.concatenate([np.abs(np.diff(levels, axis=axis)).ravel() for axis in (0, 1)])
    return Reason.CAMERA_COVERED if np.percentile(edges, 99) < EDGE_MIN else None


def steepness(luma: NDArray[np.uint8]) -> float | None:
    """How much of its strongest edges happens from one pixel to the next: 1 for a perfect step, 1/8 for a mere slope.

    None for a picture without a strong edge. An optic out of focus leaves no steep edge anywhere, whatever it looks at:
    of 800 development photographs none is below 0.24, blurred by 3 px (of 250) none above 0.22. Takes some 10 ms.
    """
    best: float | None = None
    for levels in (luma.astype(np.int16), luma.T.astype(np.int16)):
        far = np.abs(levels[:, SPAN_PX:] - levels[:, :-SPAN_PX])
        strongest = np.percentile(far[::2], 99.9)
        if strongest < STRONG:
            continue
        strong = far >= 0.7 * strongest
        near = np.ascontiguousarray(np.abs(np.diff(levels, axis=1)).astype(np.uint8))
        steepest = cv2.dilate(near, np.ones((1, SPAN_PX), np.uint8), anchor=(0, 0))[:, : far.shape[1]]
        share = float(np.percentile(steepest[strong] / far[strong], 75))
        best = share if best is None else max(best, share)
    return best


class CameraWatch:
    """Watches one camera from its opening on. `ail` is what is believed of it now, None while its pictures are good."""

    def __init__(self) -> None:
        self.ail: Reason | None = None
        self._otherwise: Counter[Reason | None] = Counter()
        self._since_s = 0.0

    def seen(self, looks_like: Reason | None, captured_s: float) -> None:
        """A picture, as `ailment` judged it, and when it was taken (monotonic seconds)."""
        if looks_like is self.ail:
            self._otherwise.clear()
            return
        if not self._otherwise:
            self._since_s = captured_s
        self._otherwise[looks_like] += 1
        if captured_s - self._since_s >= BELIEVED_S and self._otherwise.total() >= PICTURES_MIN:
            self.ail = self._otherwise.most_common(1)[0][0]
            self._otherwise.clear()
