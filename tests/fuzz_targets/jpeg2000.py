"""JPEG 2000 headers: any bytes have a size or are refused with ValueError."""

import cv2
import numpy as np

from hw.wire.jpeg2000 import header, precincts

_WHOLE = cv2.imencode(".jp2", np.full((70, 80, 3), 90, np.uint8))[1].tobytes()


def read_header(chunks: list[bytes]) -> None:
    try:
        found = header(b"".join(chunks))
        assert precincts(b"".join(chunks)) > 0
    except ValueError:
        return
    assert min(found.width_px, found.height_px, found.tiles, found.components, found.bits) > 0


TARGETS = {"jpeg2000": read_header}
SEEDS = {"jpeg2000": [_WHOLE, _WHOLE[_WHOLE.index(b"jp2c") + 4 :]]}
