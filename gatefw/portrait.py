"""The portrait out of a travel document: foreign bytes, measured by their header first, and then decoded.

A signature tells who made a document, not that its picture is harmless, and whoever has a reader can offer bytes of
their own making. What is refused here is what no portrait is (ICAO 9303-10: JPEG or JPEG 2000, some 20 kB).
"""

import cv2
import numpy as np

from gatefw.biometrics.runtime import Picture
from gatefw.errors import Refusal
from gatefw.vision_wire import PORTRAIT_BYTES_MAX
from hw.wire import jpeg, jpeg2000

PIXELS_MAX = 2_000_000
SIDE_MIN_PX = 64
SCANS_MAX = 64
"""Each scan of a progressive JPEG goes over the whole picture again, and can be empty."""
TILES_MAX = 64
"""Each tile of a JPEG 2000 picture costs its decoder memory before it holds anything."""

PRECINCTS_MAX = 32_768
"""So does each precinct: 16 kB of picture cut in precincts of four pixels took 3.3 GB and 16 s."""

_JPEG = b"\xff\xd8"
_SCAN = b"\xff\xda"


def decode(encoded: bytes) -> Picture:
    """The portrait as rows x columns x RGB, uint8.

    Raises Refusal: more than 128 KiB, neither JPEG nor JPEG 2000, torn, too small or too large for a portrait. The
    message holds sizes alone, nothing of the picture.
    """
    if not 0 < len(encoded) <= PORTRAIT_BYTES_MAX:
        raise Refusal(f"portrait: {len(encoded)} bytes; 1 to {PORTRAIT_BYTES_MAX} are taken")
    try:
        is_jpeg = encoded.startswith(_JPEG)
        width, height, how = _jpeg(encoded) if is_jpeg else _jpeg2000(encoded)
        if min(width, height) < SIDE_MIN_PX or width * height > PIXELS_MAX:
            raise ValueError(f"{width}x{height} pixels are no portrait")
        if not is_jpeg and (precincts := jpeg2000.precincts(encoded)) > PRECINCTS_MAX:
            raise ValueError(f"up to {precincts} precincts are no portrait")
        picture = cv2.imdecode(np.frombuffer(encoded, np.uint8), how | cv2.IMREAD_IGNORE_ORIENTATION)
    except ValueError as problem:
        raise Refusal(f"portrait of {len(encoded)} bytes: {problem}") from problem
    except cv2.error as problem:
        raise Refusal(f"portrait of {len(encoded)} bytes: is refused by the decoder: {problem.err}") from problem
    if picture is None or picture.shape[:2] != (height, width):
        raise Refusal(f"portrait of {len(encoded)} bytes: does not decode as its header says")
    grey = picture.ndim == 2
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB if grey else cv2.COLOR_BGR2RGB), np.uint8)


def _jpeg(encoded: bytes) -> tuple[int, int, int]:
    """Width, height, and how to decode it. Raises ValueError."""
    if encoded.count(_SCAN) > SCANS_MAX:
        raise ValueError(f"more than {SCANS_MAX} scans")
    return *jpeg.size_px(encoded), cv2.IMREAD_COLOR


def _jpeg2000(encoded: bytes) -> tuple[int, int, int]:
    """As `_jpeg`. A grey codestream without a file around it must be asked for in grey, or OpenCV refuses it."""
    found = jpeg2000.header(encoded)
    if found.components not in (1, 3) or found.bits > 8 or found.tiles > TILES_MAX:
        raise ValueError(f"{found.components} components of {found.bits} bits in {found.tiles} tiles are no portrait")
    how = cv2.IMREAD_GRAYSCALE if found.components == 1 else cv2.IMREAD_COLOR
    return found.width_px, found.height_px, how
