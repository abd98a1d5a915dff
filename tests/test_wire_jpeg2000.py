"""What a JPEG 2000 picture says of itself is known before a decoder sees it, for good pictures and for hostile ones."""

import struct
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.wire.jpeg2000 import Header, header, precincts


def jp2(width: int, height: int, grey: bool = False) -> bytes:
    shape = (height, width) if grey else (height, width, 3)
    return cv2.imencode(".jp2", np.full(shape, 90, np.uint8))[1].tobytes()


def codestream(file: bytes) -> bytes:
    return file[file.index(b"jp2c") + 4 :]


def size_segment(
    size: tuple[int, int] = (413, 531), tile: tuple[int, int] = (413, 531), components: int = 3, bits: int = 8
) -> bytes:
    """SOC and SIZ, and nothing behind them."""
    each = bytes((bits - 1, 1, 1)) * components
    fields = struct.pack(">HH8LH", 38 + 3 * components, 0, *size, 0, 0, *tile, 0, 0, components)
    return b"\xff\x4f\xff\x51" + fields + each


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">L4s", 8 + len(content), kind) + content


SIGNATURE = box(b"jP  ", b"\r\n\x87\n")


@given(st.integers(64, 200), st.integers(64, 200), st.booleans())
@settings(max_examples=30, deadline=None)
def test_the_size_is_what_the_decoder_makes_of_it_in_both_forms(width: int, height: int, grey: bool) -> None:
    for form in (jp2(width, height, grey), codestream(jp2(width, height, grey))):
        assert header(form) == Header(width, height, 1 if grey else 3, 8, 1)
        assert cv2.imdecode(np.frombuffer(form, np.uint8), cv2.IMREAD_UNCHANGED).shape[:2] == (height, width)


def test_a_small_file_that_claims_a_huge_picture_or_many_tiles_is_seen_through() -> None:
    assert header(size_segment((2**32 - 1, 2**32 - 1), (2**32 - 1, 2**32 - 1))).height_px == 2**32 - 1
    assert header(size_segment((1000, 1000), (1, 10))).tiles == 100_000
    assert header(size_segment(components=16384, bits=38)) == Header(413, 531, 16384, 38, 1)


def test_a_box_of_any_length_form_leads_to_the_codestream() -> None:
    stream = size_segment()
    to_the_end = struct.pack(">L4s", 0, b"jp2c") + stream
    long = struct.pack(">L4sQ", 1, b"jp2c", 16 + len(stream)) + stream
    for last in (box(b"jp2c", stream), to_the_end, long):
        assert header(SIGNATURE + box(b"jp2h", box(b"ihdr", bytes(14))) + last).width_px == 413


def test_a_palette_is_refused_before_it_multiplies_the_picture() -> None:
    palette = box(b"jp2h", box(b"ihdr", bytes(14)) + box(b"pclr", bytes(20)))
    with pytest.raises(ValueError, match="it has a palette"):
        header(SIGNATURE + palette + box(b"jp2c", size_segment()))


@pytest.mark.parametrize(
    ("picture", "why"),
    [
        (b"", "does not begin like"),
        (b"\xff\xd8\xff\xe0 a JPEG", "does not begin like"),
        (b"\xff\x4f\xff\x52" + bytes(60), "does not begin like"),
        (size_segment()[:40], "its size segment has"),
        (size_segment(components=0), "its size segment has"),
        (size_segment((0, 5)), "describes no picture"),
        (size_segment(tile=(0, 5)), "describes no picture"),
        (SIGNATURE, "does not fit"),
        (SIGNATURE + struct.pack(">L4s", 5, b"free"), "does not fit"),
        (SIGNATURE + struct.pack(">L4s", 4000, b"jp2c"), "does not fit"),
        (SIGNATURE + box(b"free", b"") * 40, "no codestream in its first 32 boxes"),
        (SIGNATURE + box(b"jp2h", box(b"free", b"") * 40), "more than 32 boxes in its header"),
        (SIGNATURE + box(b"jp2c", b"no stream"), "does not begin like"),
    ],
)
def test_what_is_none_is_refused_with_its_reason(picture: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        header(picture)


def segment(code: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, code, 2 + len(content)) + content


def style(size: int, levels: int = 5) -> bytes:
    """A coding style whose precincts are all of one size: two exponents, four bits each."""
    return bytes((levels, 4, 4, 0, 1)) + bytes([size]) * (levels + 1)


def in_precincts(stream: bytes, size: int) -> bytes:
    """The picture as if it were cut so; its data are still those of one precinct."""
    at = stream.index(b"\xff\x52")
    begun, coding = stream[at + 4 : at + 9], stream[at + 9 : at + 14]
    own = segment(0x52, bytes([begun[0] | 1]) + begun[1:] + coding + bytes([size]) * (coding[0] + 1))
    return stream[:at] + own + stream[at + 14 :]


def in_first_tile(stream: bytes, added: bytes) -> bytes:
    at = stream.index(b"\xff\x90")
    part = struct.pack(">L", int.from_bytes(stream[at + 6 : at + 10], "big") + len(added))
    return stream[: at + 6] + part + stream[at + 10 : at + 12] + added + stream[at + 12 :]


PLAIN = codestream(jp2(413, 531))
SMALL = segment(0x52, bytes((1, 0, 0, 1, 1)) + style(0x11))


def test_a_picture_that_is_cut_into_tiny_precincts_is_seen_through_wherever_it_says_so() -> None:
    assert precincts(PLAIN) == precincts(jp2(413, 531)) < 100
    assert precincts(in_precincts(PLAIN, 0x11)) > 413 * 531 * 3 / 4
    assert precincts(in_precincts(PLAIN, 0x88)) < 1000
    assert precincts(in_first_tile(PLAIN, segment(0x53, bytes((0, 0)) + style(0)[:5]))) < 100
    for one_component in (segment(0x53, bytes((0, 1)) + style(0x11)), SMALL):
        at = PLAIN.index(b"\xff\x90")
        assert precincts(PLAIN[:at] + one_component + PLAIN[at:]) > 413 * 531 * 3 / 4
        assert precincts(in_first_tile(PLAIN, one_component)) > 413 * 531 * 3 / 4


@given(st.integers(64, 300), st.integers(64, 300), st.integers(1, 15), st.integers(1, 15))
def test_there_are_never_more_precincts_than_were_counted(width: int, height: int, wide: int, high: int) -> None:
    usual = segment(0x52, bytes((0, 0, 0, 1, 1)) + style(0)[:5])
    cut = in_precincts(size_segment((width, height), (width, height)) + usual, high << 4 | wide)
    least = 3 * -(-width // 2**wide) * -(-height // 2**high)
    assert precincts(cut + segment(0x90, bytes(8)) + b"\xff\x93") >= least


@pytest.mark.parametrize(
    ("stream", "why"),
    [
        (size_segment(), "torn or unknown"),
        (size_segment() + SMALL, "torn or unknown"),
        (size_segment() + SMALL[:-1], "torn or unknown"),
        (size_segment() + segment(0x52, bytes(9)), "torn or unknown"),
        (size_segment() + segment(0x30, SMALL), "torn or unknown"),
        (size_segment() + SMALL + b"\xff\x93", "something else stands where a tile begins"),
        (size_segment() + segment(0x90, bytes(8)) + b"\xff\x93", "does not say how it is coded"),
        (size_segment() + SMALL + segment(0x90, bytes(8)) * 2, "the header of a tile is torn"),
        (size_segment() + SMALL + segment(0x90, b"\0\0\0\0\0\x0d\0\1") + b"\xff\x93", "the header of a tile is torn"),
    ],
)
def test_headers_that_do_not_say_in_how_many_precincts_are_refused(stream: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        precincts(stream)


@pytest.mark.parametrize(("levels", "sizes"), [(5, 5), (5, 0), (33, 34)])
def test_a_coding_style_without_its_precincts_or_of_too_many_levels_is_refused(levels: int, sizes: int) -> None:
    coding = segment(0x52, bytes((1, 0, 0, 1, 1)) + style(0x11, levels)[: 5 + sizes])
    with pytest.raises(ValueError, match=f"{levels} levels"):
        precincts(size_segment() + coding + segment(0x90, bytes(8)) + b"\xff\x93")


@pytest.mark.parametrize("form", [lambda whole: whole, codestream])
def test_a_torn_picture_has_a_size_or_is_refused(form: Callable[[bytes], bytes]) -> None:
    whole = form(jp2(80, 70))
    for length in range(200):
        try:
            assert header(whole[:length]).width_px == 80
        except ValueError:
            continue


starts = st.sampled_from([b"", SIGNATURE, SIGNATURE + struct.pack(">L4s", 0, b"jp2c"), b"\xff\x4f\xff\x51\0\x2f"])


@given(starts, st.binary(max_size=200))
def test_random_bytes_raise_nothing_but_value_error(start: bytes, noise: bytes) -> None:
    try:
        found = header(start + noise)
        assert precincts(start + noise) > 0
    except ValueError:
        return
    assert found.width_px > 0
    assert found.height_px > 0
    assert found.tiles > 0
