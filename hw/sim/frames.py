"""What a camera of the lane sees, as JPEG pictures made once and shown again.

Every scene exists in a few variants that differ by a little movement, brightness and noise, as no two pictures of a
real camera are the same; a frozen camera repeats one. Scenes are encoded when first looked at and kept, so that showing
them costs next to nothing.
"""

from enum import StrEnum
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import zxingcpp

WIDTH_PX, HEIGHT_PX = 640, 480
GREY, FRAME_GREY, FLOOR_GREY = 112, 60, 90
VARIANTS = ((0, 0, 0), (2, -1, 2), (-1, 1, -2), (1, 2, 1))
"""Shift right (px), shift down (px), brighter by."""
QUALITY = 90
MODULE_PX = 6
BLUR_PX = 4.0
"""Of a lens out of focus: the standard deviation of what it makes of a point."""

Picture = npt.NDArray[np.uint8]
Sight = tuple[str | None, ...] | bytes
"""Whose faces are before the camera, each a photograph or None for somebody's back; or the code held up to it."""


class Camera(StrEnum):
    LIVE = "live"
    FROZEN = "frozen"  # the same picture for ever
    BLACK = "black"  # a cap on the lens
    DARK = "dark"  # the lights are out: hardly more than the noise of the sensor
    BLINDED = "blinded"  # the sun, a lamp
    BLURRED = "blurred"  # out of focus, by the lens
    COVERED = "covered"  # tape, a hand: light without an edge
    STARVED = "starved"  # alive, but no new picture
    STOPPED = "stopped"  # connected, and silent
    UNPLUGGED = "unplugged"  # gone: whoever connects is hung up on


class Scenes:
    """Pictures of what is before a camera. `photos` is a directory of JPEG files, None when nobody has a face."""

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

    def message(self, camera: Camera, sight: Sight) -> bytes:
        """The next message to a camera client: length and JPEG, length alone, or nothing."""
        if camera in (Camera.STOPPED, Camera.UNPLUGGED):
            return b""
        if camera is Camera.STARVED:
            return (0).to_bytes(4, "big")
        if camera is not Camera.FROZEN:
            self._frozen = None
        picture = self._frozen or self._next(camera, sight)
        if camera is Camera.FROZEN:
            self._frozen = picture
        return len(picture).to_bytes(4, "big") + picture

    def _next(self, camera: Camera, sight: Sight) -> bytes:
        self._turn = (self._turn + 1) % len(VARIANTS)
        return self._encoded(Camera.LIVE if camera is Camera.FROZEN else camera, sight)[self._turn]

    def _encode(self, camera: Camera, sight: Sight) -> tuple[bytes, ...]:
        return tuple(
            _jpeg(_ailing(camera, _vary(self._scene(sight), *variant), n)) for n, variant in enumerate(VARIANTS)
        )

    def _scene(self, sight: Sight) -> Picture:
        scene = _lane()
        if isinstance(sight, bytes):
            _hold_up(scene, sight)
            return scene
        for index, face in enumerate(sight):
            left, right = WIDTH_PX * index // len(sight), WIDTH_PX * (index + 1) // len(sight)
            if face is None:
                _draw_back(scene, (left + right) // 2)
            else:
                _paste(scene, _load(self.path(face)), left, right)
        return scene


def _lane() -> Picture:
    """Nobody there: the wall, a door frame, the floor."""
    scene = np.full((HEIGHT_PX, WIDTH_PX, 3), GREY, np.uint8)
    scene[440:] = FLOOR_GREY
    for left in (90, 540):
        scene[40:440, left : left + 10] = FRAME_GREY
    scene[40:50, 90:550] = FRAME_GREY
    return scene


def _ailing(camera: Camera, scene: Picture, seed: int) -> Picture:
    """The scene as a camera with this ailment shows it; a lens that sees nothing still has a sensor with its noise."""
    if camera is Camera.LIVE:
        return scene
    if camera is Camera.BLACK:
        return np.zeros_like(scene)
    if camera is Camera.BLURRED:
        return np.asarray(cv2.GaussianBlur(scene, (0, 0), BLUR_PX), np.uint8)
    noise = np.random.default_rng(seed).normal(0, 4, scene.shape)
    levels = scene.astype(np.float64)
    if camera is Camera.DARK:
        levels = levels / 16
    elif camera is Camera.BLINDED:
        levels = levels + 200
    else:
        levels = np.repeat(np.linspace(60, 140, WIDTH_PX)[None, :, None], HEIGHT_PX, 0).repeat(3, 2)
    return np.clip(levels + noise, 0, 255).astype(np.uint8)


def _hold_up(scene: Picture, code: bytes) -> None:
    """A telephone with a QR code on it, in the middle of the scene."""
    card = np.pad(
        np.array(zxingcpp.create_barcode(code, zxingcpp.BarcodeFormat.QRCode).to_image(scale=MODULE_PX)),
        4 * MODULE_PX,
        constant_values=255,
    )
    side = min(card.shape[0], HEIGHT_PX)
    card = np.asarray(cv2.resize(card, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
    y, x = (HEIGHT_PX - side) // 2, (WIDTH_PX - side) // 2
    scene[y : y + side, x : x + side] = card[:, :, None]


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
    """Somebody seen from behind, in a hood and a coat: nothing that a detector takes for half a face (at most 0.1)."""
    coat = (60, 55, 50)
    cv2.rectangle(scene, (centre_px - 60, 130), (centre_px + 60, HEIGHT_PX), coat, -1)
    cv2.rectangle(scene, (centre_px - 140, 330), (centre_px + 140, HEIGHT_PX), coat, -1)


def _vary(scene: Picture, right_px: int, down_px: int, brighter: int) -> Picture:
    shifted = np.roll(scene, (down_px, right_px), axis=(0, 1)).astype(np.int16) + brighter
    return np.clip(shifted, 0, 255).astype(np.uint8)


def _jpeg(scene: Picture) -> bytes:
    encoded, data = cv2.imencode(".jpg", scene, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    assert encoded, "a picture in memory can always be encoded"
    return bytes(data)
