"""Photographs from files, for enrolment. They are untrusted: decoded in the vision process alone, and capped."""

import stat
from pathlib import Path

import cv2
import numpy as np

from gatefw.biometrics.runtime import Picture
from gatefw.errors import Refusal

FILE_BYTES_MAX = 16 * 1024 * 1024
KINDS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")
"""How a JPEG and a PNG begin. Of what else the decoder knows, some take gigabytes for a few kilobytes."""


def load(path: Path) -> Picture:
    """The photograph as rows x columns x RGB, turned upright by its own mark (Exif).

    Raises Refusal: not readable, no file (a pipe would be waited for), more than 16 MB, not a picture, more than 16
    megapixels (`gatefw.biometrics`).
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise Refusal(f"photograph {path}: cannot be read: is no regular file; copy it into one")
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except (OSError, ValueError) as error:  # the latter: a path that no file can have
        why = error.strerror if isinstance(error, OSError) else error
        raise Refusal(f"photograph {path}: cannot be read: {why}") from error
    if len(content) > FILE_BYTES_MAX:
        raise Refusal(f"photograph {path}: more than {FILE_BYTES_MAX // 2**20} MB; make it smaller")
    return decode(content, str(path))


def decode(content: bytes, name: str) -> Picture:
    """As `load`, from the bytes of a file; `name` is for messages."""
    if not content.startswith(KINDS):
        raise Refusal(f"photograph {name}: is no JPEG and no PNG; one of them is wanted")
    try:
        bgr = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise Refusal(f"photograph {name}: is refused by the decoder: {error.err}; 16 megapixels at most") from error
    if bgr is None:
        raise Refusal(f"photograph {name}: does not decode; take another")
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
