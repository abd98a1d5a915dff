"""What the camera between the doors sees, as JPEG pictures made once and shown again.

Every scene exists in a few variants that differ by a little movement and brightness, as no two pictures of a real
camera are the same; a frozen camera repeats one. Scenes are encoded when first looked at and kept, so that showing them
costs next to nothing.
"""

from enum import StrEnum
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

WIDTH_PX, HEIGHT_PX = 640, 480
GREY = 112
VARIANTS = ((0, 0, 0), (2, -1, 2), (-1, 1, -2), (1, 2, 1))
"""Shift right (px), shift down (px), brighter by."""
QUALITY = 90

Picture = npt.NDArray[np.uint8]


class Camera(StrEnum):
    LIVE = "live"
    FROZEN = "frozen"  # the same picture for ever
    BLACK = "black"  # a cover on the lens
    STARVED = "starved"  # alive, but no new picture
    STOPPED = "stopped"  # connected, and silent


class Scenes:
    """Pictures of the people before the camera. `photos` is a directory of JPEG files, None when nobody has a face."""

    def __init__(self, photos: Path | None) -> None:
        self._photos = photos
        self._turn = 0
        self._frozen: bytes | None = None
        self._encoded = lru_cache(maxsize=64)(self._encode)

    def path(self, photo: str) -> Path:
        """The file of a photograph. Raises ValueError when there is none of that name in the directory."""
        if self._photos is None:
            raise ValueError(f"photograph {photo!r}: the world was started without --photos")
        path = (self._photos / photo).resolve()
        if not path.is_relative_to(self._photos.resolve()) or not path.is_file():
            raise ValueError(f"photograph {photo!r} is not in {self._photos}")
        return path

    def message(self, camera: Camera, faces: tuple[str | None, ...]) -> bytes:
        """The next message to a camera client: length and JPEG, length alone, or nothing."""
        if camera is Camera.STOPPED:
            return b""
        if camera is Camera.STARVED:
            return (0).to_bytes(4, "big")
        if camera is not Camera.FROZEN:
            self._frozen = None
        picture = self._frozen or self._next(camera, faces)
        if camera is Camera.FROZEN:
            self._frozen = picture
        return len(picture).to_bytes(4, "big") + picture

    def _next(self, camera: Camera, faces: tuple[str | None, ...]) -> bytes:
        if camera is Camera.BLACK:
            return _jpeg(np.zeros((HEIGHT_PX, WIDTH_PX, 3), np.uint8))
        self._turn = (self._turn + 1) % len(VARIANTS)
        return self._encoded(faces)[self._turn]

    def _encode(self, faces: tuple[str | None, ...]) -> tuple[bytes, ...]:
        scene = np.full((HEIGHT_PX, WIDTH_PX, 3), GREY, np.uint8)
        for index, face in enumerate(faces):
            left, right = WIDTH_PX * index // len(faces), WIDTH_PX * (index + 1) // len(faces)
            if face is None:
                _draw_back(scene, (left + right) // 2)
            else:
                _paste(scene, _load(self.path(face)), left, right)
        return tuple(_jpeg(_vary(scene, *variant)) for variant in VARIANTS)


def _load(path: Path) -> Picture:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError(f"photograph {path} is no picture that can be decoded")
    return np.asarray(picture, np.uint8)


def _paste(scene: Picture, picture: Picture, left_px: int, right_px: int) -> None:
    """Fit the picture into a part of the scene, its proportions kept; of a tall one head and shoulders only."""
    width = picture.shape[1]
    height = min(picture.shape[0], width * 4 // 3)
    scale = min((right_px - left_px) / width, HEIGHT_PX / height)
    size = max(1, int(width * scale)), max(1, int(height * scale))
    small = cv2.resize(picture[:height], size, interpolation=cv2.INTER_AREA)
    x, y = left_px + (right_px - left_px - size[0]) // 2, (HEIGHT_PX - size[1]) // 2
    scene[y : y + size[1], x : x + size[0]] = small


def _draw_back(scene: Picture, centre_px: int) -> None:
    """Somebody seen from behind: shoulders and a head without a face."""
    cv2.ellipse(scene, (centre_px, HEIGHT_PX), (130, 160), 0, 0, 360, (70, 60, 55), -1)
    cv2.ellipse(scene, (centre_px, 230), (75, 100), 0, 0, 360, (35, 32, 30), -1)


def _vary(scene: Picture, right_px: int, down_px: int, brighter: int) -> Picture:
    shifted = np.roll(scene, (down_px, right_px), axis=(0, 1)).astype(np.int16) + brighter
    return np.clip(shifted, 0, 255).astype(np.uint8)


def _jpeg(scene: Picture) -> bytes:
    encoded, data = cv2.imencode(".jpg", scene, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    assert encoded, "a picture in memory can always be encoded"
    return bytes(data)
