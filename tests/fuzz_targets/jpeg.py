"""JPEG headers: any bytes have a size or are refused with ValueError."""

import cv2
import numpy as np

from hw.wire.jpeg import size_px


def read_size(chunks: list[bytes]) -> None:
    try:
        width, height = size_px(b"".join(chunks))
    except ValueError:
        return
    assert 0 <= width <= 0xFFFF
    assert 0 <= height <= 0xFFFF


TARGETS = {"jpeg": read_size}
SEEDS = {"jpeg": [cv2.imencode(".jpg", np.full((70, 80, 3), 90, np.uint8))[1].tobytes()]}
