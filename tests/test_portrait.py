"""A document's portrait is measured by its header, refused for its size, and decoded only then."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_wire_jpeg2000 import SIGNATURE, box, codestream, in_precincts, size_segment

from gatefw import portrait
from gatefw.errors import Refusal
from gatefw.vision_wire import PORTRAIT_BYTES_MAX


def sloped(width: int, height: int) -> np.ndarray:
    """Red to the left, blue to the bottom."""
    bgr = np.zeros((height, width, 3), np.uint8)
    bgr[:, :, 2] = np.linspace(250, 0, width, dtype=np.uint8)
    bgr[:, :, 0] = np.linspace(0, 250, height, dtype=np.uint8)[:, None]
    return bgr


def encoded(width: int, height: int, suffix: str = ".jpg", *how: int) -> bytes:
    return cv2.imencode(suffix, sloped(width, height), how)[1].tobytes()


FORMS = {
    "jpeg": encoded(413, 531),
    "progressive": encoded(413, 531, ".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "jp2": encoded(413, 531, ".jp2"),
    "codestream": codestream(encoded(413, 531, ".jp2")),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_a_document_may_hold_decodes_to_rgb(form: str) -> None:
    rgb = portrait.decode(FORMS[form])
    assert rgb.shape == (531, 413, 3)
    assert np.abs(rgb[5, 5].astype(int) - (247, 0, 2)).max() < 20
    assert np.abs(rgb[525, 408].astype(int) - (3, 0, 247)).max() < 20


def test_a_portrait_in_one_precinct_of_a_size_of_its_own_is_a_portrait() -> None:
    assert portrait.decode(in_precincts(FORMS["codestream"], 0xAA)).shape == (531, 413, 3)


def test_a_grey_portrait_is_a_portrait() -> None:
    jpeg, jp2 = (cv2.imencode(suffix, sloped(413, 531)[:, :, 2])[1].tobytes() for suffix in (".jpg", ".jp2"))
    for form in (jpeg, jp2, codestream(jp2)):
        assert portrait.decode(form).shape == (531, 413, 3)


def test_the_mark_that_turns_a_picture_is_not_obeyed_behind_the_size_check() -> None:
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    jpeg = FORMS["jpeg"]
    turned = jpeg[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + jpeg[2:]
    assert portrait.decode(turned).shape == (531, 413, 3)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "0 bytes; 1 to 131072 are taken"),
        (bytes(PORTRAIT_BYTES_MAX + 1), "131073 bytes; 1 to 131072 are taken"),
        (b"GIF89a" + bytes(100), "does not begin like a JPEG 2000"),
        (encoded(63, 500), "63x500 pixels are no portrait"),
        (encoded(2000, 1001), "2000x1001 pixels are no portrait"),
        (size_segment((60_000, 60_000), (60_000, 60_000)), "60000x60000 pixels are no portrait"),
        (size_segment(tile=(4, 4)), "in 13832 tiles are no portrait"),
        (size_segment(components=4), "4 components"),
        (size_segment(bits=16), "of 16 bits"),
        (SIGNATURE + box(b"jp2h", box(b"pclr", b"")) + box(b"jp2c", size_segment()), "it has a palette"),
        (in_precincts(FORMS["codestream"], 0x11), "precincts are no portrait"),
        (FORMS["jpeg"][:400] + b"\xff\xda" * 70, "more than 64 scans"),
        (FORMS["codestream"][:300], "refused by the decoder|does not decode"),
        (FORMS["jpeg"][:200], "no frame header|does not decode"),
    ],
    ids=range(14),
)
def test_what_is_no_portrait_is_refused_and_told_by_its_size_alone(content: bytes, why: str) -> None:
    with pytest.raises(Refusal, match=why):
        portrait.decode(content)


@given(st.sampled_from(sorted(FORMS)), st.data())
@settings(max_examples=150, deadline=None)
def test_a_damaged_portrait_decodes_to_its_size_or_is_refused(form: str, data: st.DataObject) -> None:
    damaged = bytearray(FORMS[form])
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, min(len(damaged) - 1, 700)))] = data.draw(st.integers(0, 255))
    try:
        rgb = portrait.decode(bytes(damaged))
    except Refusal:
        return
    assert rgb.shape[0] * rgb.shape[1] <= portrait.PIXELS_MAX
    assert min(rgb.shape[:2]) >= portrait.SIDE_MIN_PX
