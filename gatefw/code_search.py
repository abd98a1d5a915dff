"""QR codes in what a camera sees, as an alternative to a scanner. No other symbology is looked for.

A code is passed on once, and again only after it was out of sight for a while: a phone held before the camera is one
presentation, not ten a second. Two different codes in one picture are none: nobody can say which one was meant.
"""

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import zxingcpp
from numpy.typing import NDArray

from gatefw.vision_wire import CODE_BYTES_MAX

SIDE_MAX_PX = 800
"""Pictures are shrunk to this before the search. See hw/README.md for what that leaves of a code at a distance."""
EVERY_S = 0.12
GONE_S = 1.5
APART_S = 0.5

Picture = NDArray[np.uint8]


def search(picture: Picture) -> frozenset[bytes]:
    """What every QR code in a picture (grey, or rows x columns x RGB) holds; empty codes and oversize ones left out."""
    height, width = picture.shape[:2]
    shrink = min(1.0, SIDE_MAX_PX / max(height, width))
    if picture.ndim == 3:
        picture = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
    if shrink < 1.0:
        size = max(1, round(width * shrink)), max(1, round(height * shrink))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    grey: Any = np.ascontiguousarray(picture)
    found = zxingcpp.read_barcodes(grey, formats=zxingcpp.BarcodeFormat.QRCode, try_downscale=False)
    return frozenset(bytes(code.bytes) for code in found if 0 < len(code.bytes) <= CODE_BYTES_MAX)


@dataclass(slots=True)
class CodeWatch:
    """What one camera sees, over time; times are monotonic seconds. Remembers one code, and tells nobody."""

    _searched_s: float = -1e9
    _told: bytes = field(default=b"", repr=False)
    _told_s: float = -1e9
    _seen_s: float = -1e9

    def due(self, captured_s: float) -> bool:
        """Whether a picture of that time is worth a search: no more than eight a second are."""
        if captured_s - self._searched_s < EVERY_S:
            return False
        self._searched_s = captured_s
        return True

    def seen(self, codes: frozenset[bytes], captured_s: float) -> bytes | None:
        """The code to pass on, if there is a new one in this picture."""
        if len(codes) != 1:
            return None
        (code,) = codes
        held = code == self._told and captured_s - self._seen_s < GONE_S
        if code == self._told:
            self._seen_s = captured_s
        if held or captured_s - self._told_s < APART_S:
            return None
        self._told, self._told_s, self._seen_s = code, captured_s, captured_s
        return code
