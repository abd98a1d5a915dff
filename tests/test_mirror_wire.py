"""A picture of the mirror is grey levels and no more; whatever else comes is none."""

import contextlib
import struct
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatefw.errors import BadReply
from gatefw.mirror_wire import BYTES_MAX, SIDE_MAX_PX, Place, Shown, decode, encode


@given(st.sampled_from(Place), st.integers(1, 24), st.integers(1, 24), st.randoms())
def test_what_was_encoded_is_decoded(place: Place, width: int, height: int, chance: Random) -> None:
    shown = Shown(place, width, height, chance.randbytes(width * height))
    assert decode(encode(shown)) == shown


def test_the_largest_picture_is_as_long_as_a_reader_has_to_read() -> None:
    whole = Shown(Place.INSIDE, SIDE_MAX_PX, SIDE_MAX_PX, bytes(SIDE_MAX_PX**2))
    assert len(encode(whole)) == BYTES_MAX
    assert decode(encode(whole)) == whole


heads = st.builds(struct.pack, st.just(">BHH"), st.integers(0, 4), st.integers(0, 5), st.integers(0, 5))


@given(st.builds(bytes.__add__, st.binary(max_size=5) | heads, st.binary(max_size=26)))
def test_other_bytes_are_no_picture_or_exactly_one(told: bytes) -> None:
    with contextlib.suppress(BadReply):
        assert encode(decode(told)) == told


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (b"", "no picture"),
        (b"\x01\x00\x01\x00", "its head alone has 5"),
        (b"\x03\x00\x01\x00\x01x", "a picture of place 3; there are 0, 1, 2"),
        (b"\x01\x00\x00\x00\x01", "0 x 1 pixels"),
        (b"\x02\x01\x41\x00\x01" + bytes(321), "321 x 1 pixels; each side has 1 to 320"),
        (b"\x02\x00\x02\x00\x02xxx", "3 bytes for 2 x 2 pixels"),
        (b"\x02\x00\x02\x00\x02xxxxx", "5 bytes for 2 x 2 pixels"),
    ],
)
def test_a_picture_that_is_none_says_why(told: bytes, why: str) -> None:
    with pytest.raises(BadReply, match=why):
        decode(told)


def test_a_picture_that_is_printed_shows_nobody() -> None:
    assert "grey" not in repr(Shown(Place.FRONT, 1, 1, b"\x80"))
