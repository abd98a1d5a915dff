"""The size of a picture is known before a decoder sees it, for good pictures and for hostile ones."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.wire.jpeg import size_px


def picture(width: int, height: int, *options: int) -> bytes:
    return cv2.imencode(".jpg", np.full((height, width, 3), 90, np.uint8), options)[1].tobytes()


@given(st.integers(1, 300), st.integers(1, 300), st.booleans())
@settings(max_examples=40, deadline=None)
def test_the_size_is_what_the_decoder_makes_of_it(width: int, height: int, progressive: bool) -> None:
    jpeg = picture(width, height, cv2.IMWRITE_JPEG_PROGRESSIVE, int(progressive))
    assert size_px(jpeg) == (width, height)
    assert cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR).shape == (height, width, 3)


def test_a_small_file_that_claims_a_huge_picture_is_seen_through() -> None:
    jpeg = bytearray(picture(8, 8))
    at = jpeg.index(b"\xff\xc0") + 5
    jpeg[at : at + 4] = b"\xff\xff\xff\xfe"
    assert size_px(bytes(jpeg)) == (65534, 65535)


@given(st.one_of(st.binary(max_size=200), st.binary(max_size=200).map(lambda tail: b"\xff\xd8\xff" + tail)))
def test_random_bytes_raise_nothing_but_value_error(noise: bytes) -> None:
    try:
        width, height = size_px(noise)
    except ValueError:
        return
    assert 0 <= width <= 65535
    assert 0 <= height <= 65535


@pytest.mark.parametrize(
    "jpeg", [b"", b"\x89PNG\r\n", b"\xff\xd8", b"\xff\xd8\xff\xd9", b"\xff\xd8\xff\xe0\x00\x00\x00"]
)
def test_what_has_no_frame_header_is_no_picture(jpeg: bytes) -> None:
    with pytest.raises(ValueError, match=r"marker|header|begin"):
        size_px(jpeg)


@given(st.integers(0, 160))
def test_a_picture_cut_off_anywhere_never_gives_a_wrong_size(length: int) -> None:
    try:
        assert size_px(picture(20, 30)[:length]) == (20, 30)
    except ValueError:
        return
