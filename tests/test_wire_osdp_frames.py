"""Frames of an OSDP line: whole ones, in any pieces, after any noise."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.wire.osdp_frames import FRAME_BYTES_MAX, Splitter, crc16, with_crc

WHO_ARE_YOU = bytes.fromhex("53000900046100c066")  # as libosdp's panel asks
WHO_I_AM = bytes.fromhex("538514000445bebafe0101efbeaddeaddeaded64")  # as its reader answers
NO_START = st.binary(max_size=30).map(lambda noise: noise.replace(b"\x53", b"\x00"))


def with_checksum(body: bytes) -> bytes:
    return body + bytes((-sum(body) & 0xFF,))


def test_the_check_is_the_standards() -> None:
    assert crc16(WHO_ARE_YOU[:-2]) == int.from_bytes(WHO_ARE_YOU[-2:], "little")
    assert with_crc(WHO_I_AM[:-2]) == WHO_I_AM


@given(st.lists(st.integers(0, 60), max_size=6), NO_START, NO_START)
def test_frames_are_found_in_any_pieces_and_between_any_noise(cuts: list[int], before: bytes, between: bytes) -> None:
    data = before + WHO_ARE_YOU + between + WHO_I_AM
    ends = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    splitter = Splitter()
    found = [frame for a, b in pairwise(ends) for frame in splitter.feed(data[a:b])]
    assert found == [WHO_ARE_YOU, WHO_I_AM]


def test_a_frame_may_have_a_checksum_in_place_of_a_crc() -> None:
    frame = with_checksum(bytes.fromhex("530008000160") + b"\x00")
    assert Splitter().feed(frame) == [frame]


@given(st.integers(0, len(WHO_I_AM) - 1), st.integers(1, 255))
def test_a_frame_with_a_wrong_byte_is_none(place: int, difference: int) -> None:
    damaged = bytearray(WHO_I_AM)
    damaged[place] ^= difference
    assert WHO_I_AM not in Splitter().feed(bytes(damaged))
    assert bytes(damaged) not in Splitter().feed(bytes(damaged))


def test_a_false_start_hides_no_true_frame() -> None:
    assert Splitter().feed(b"\x53\x00\x08\x00" + WHO_I_AM) == [WHO_I_AM]


@pytest.mark.parametrize("length", [0, 6, FRAME_BYTES_MAX + 1, 0xFFFF])
def test_a_length_that_no_frame_has_is_not_waited_for(length: int) -> None:
    splitter = Splitter()
    assert splitter.feed(b"\x53\x80" + length.to_bytes(2, "little") + b"\x04") == []
    assert splitter.feed(WHO_I_AM) == [WHO_I_AM]


def test_half_a_frame_of_an_older_answer_is_forgotten_with_the_next_question() -> None:
    splitter = Splitter()
    assert splitter.feed(WHO_I_AM[:10]) == []
    splitter.clear()
    assert splitter.feed(WHO_I_AM[10:] + WHO_ARE_YOU) == [WHO_ARE_YOU]


@given(st.lists(st.binary(max_size=400), max_size=8))
def test_any_bytes_in_any_pieces_are_held_within_one_frame(pieces: list[bytes]) -> None:
    splitter = Splitter()
    for piece in pieces:
        for frame in splitter.feed(piece):
            assert len(frame) <= FRAME_BYTES_MAX
        assert len(splitter) < FRAME_BYTES_MAX
