"""Photographs for enrolment: what is taken, and what is refused before anything decodes it."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from gatefw.biometrics import picture
from gatefw.errors import Refusal

RED = np.full((96, 64, 3), (0, 0, 255), np.uint8)


def encoded(kind: str) -> bytes:
    done, content = cv2.imencode(kind, RED)
    assert done
    return bytes(content)


@pytest.mark.parametrize("kind", [".jpg", ".png"])
def test_a_photograph_comes_out_as_rows_of_red_green_and_blue(kind: str, tmp_path: Path) -> None:
    file = tmp_path / f"photo{kind}"
    file.write_bytes(encoded(kind))
    pixels = picture.load(file)
    assert pixels.shape == (96, 64, 3)
    assert np.abs(pixels[48, 32].astype(int) - (255, 0, 0)).max() < 8


@pytest.mark.parametrize("kind", [".jp2", ".bmp", ".webp"])
def test_other_kinds_of_pictures_are_refused_before_the_decoder_sees_them(kind: str) -> None:
    with pytest.raises(Refusal, match="is no JPEG and no PNG"):
        picture.decode(encoded(kind), "photo")


@pytest.mark.parametrize("kind", [".jpg", ".png"])
def test_half_a_photograph_is_refused(kind: str) -> None:
    with pytest.raises(Refusal, match="decode"):
        picture.decode(encoded(kind)[:12], "photo")


def test_a_file_that_is_too_large_is_refused_with_the_limit(tmp_path: Path) -> None:
    file = tmp_path / "photo.jpg"
    with file.open("wb") as large:
        large.truncate(picture.FILE_BYTES_MAX + 1)
    with pytest.raises(Refusal, match="more than 16 MB"):
        picture.load(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"nobody\.jpg: cannot be read"):
        picture.load(tmp_path / "nobody.jpg")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """The one thread of the vision process would hang, and with it every traveller."""
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(Refusal, match=r"pipe\.jpg: cannot be read: is no regular file"):
        picture.load(tmp_path / "pipe.jpg")
