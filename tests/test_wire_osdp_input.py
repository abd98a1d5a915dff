"""Cards and keys as an OSDP reader reports them: one text for one card, and no entry that nobody keyed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.wire.osdp_input import CARD_BITS_MAX, CARD_BITS_MIN, Card, Keypad, card, parse_card

bits = st.integers(CARD_BITS_MIN, CARD_BITS_MAX)
cards = bits.flatmap(
    lambda count: st.binary(min_size=(count + 7) // 8, max_size=(count + 7) // 8).map(lambda data: (count, data))
)


def test_a_card_is_its_bits_in_hex() -> None:
    assert card(26, bytes.fromhex("01020340")).text() == b"card:26:01020340"
    assert card(56, bytes.fromhex("04A1B2C3D4E5F6")).text() == b"card:56:04A1B2C3D4E5F6"


@given(cards)
def test_a_card_is_the_same_whatever_fills_its_last_byte_up(given_card: tuple[int, bytes]) -> None:
    count, data = given_card
    unused = (1 << -count % 8) - 1
    other = data[:-1] + bytes((data[-1] ^ unused,))
    assert card(count, data) == card(count, other)
    assert parse_card(card(count, data).text()) == card(count, data)


@given(cards)
def test_another_bit_is_another_card(given_card: tuple[int, bytes]) -> None:
    count, data = given_card
    flipped = bytes((data[0] ^ 0x80,)) + data[1:]
    assert card(count, flipped).text() != card(count, data).text()


@given(st.integers(-10, 1000), st.binary(max_size=80))
def test_what_is_no_card_is_refused(count: int, data: bytes) -> None:
    fits = CARD_BITS_MIN <= count <= CARD_BITS_MAX and len(data) == -(-count // 8)
    if fits:
        assert card(count, data).bits == count
    else:
        with pytest.raises(ValueError, match="card of"):
            card(count, data)


@pytest.mark.parametrize("text", [b"", b"card:26:01020341", b"card:026:01020340", b"card:26:0102", b"card:26:0102034a"])
def test_a_card_has_one_text_only(text: bytes) -> None:
    with pytest.raises(ValueError, match="card"):
        parse_card(text)


@given(st.binary(max_size=60))
def test_any_other_text_is_no_card(text: bytes) -> None:
    try:
        found = parse_card(text)
    except ValueError:
        return
    assert found.text() == text


def test_a_card_is_not_told_to_a_log() -> None:
    assert "0102" not in repr(Card(26, bytes.fromhex("01020340")))


def test_digits_up_to_the_hash_key_are_an_entry() -> None:
    pad = Keypad(max_keys=8, gap_s=5.0)
    assert pad.feed(b"47", 10.0) == []
    assert pad.feed(b"11\r", 12.0) == [b"keys:4711"]
    assert pad.feed(b"12#34\r", 13.0) == [b"keys:12", b"keys:34"]


@pytest.mark.parametrize("key", [b"\x7f", b"*", b"A", b"\x00"])
def test_the_star_and_every_key_that_means_nothing_start_over(key: bytes) -> None:
    assert Keypad(8, 5.0).feed(b"47" + key + b"11\r", 1.0) == [b"keys:11"]


def test_a_hash_key_alone_is_no_entry() -> None:
    assert Keypad(8, 5.0).feed(b"\r#\r", 1.0) == []


def test_what_one_traveller_left_is_not_the_next_ones_beginning() -> None:
    pad = Keypad(8, gap_s=5.0)
    assert pad.feed(b"47", 10.0) == []
    assert pad.feed(b"", 14.0) == []  # that nothing was keyed is no key
    assert pad.feed(b"11\r", 15.1) == [b"keys:11"]


def test_keys_within_the_gap_belong_together_however_long_the_entry_takes() -> None:
    pad = Keypad(8, gap_s=5.0)
    assert [pad.feed(bytes((key,)), 10.0 + 4.9 * index) for index, key in enumerate(b"4711\r")][-1] == [b"keys:4711"]


def test_of_an_entry_that_is_too_long_nothing_comes_out() -> None:
    pad = Keypad(max_keys=4, gap_s=5.0)
    assert pad.feed(b"12345\r", 1.0) == []
    assert pad.feed(b"123456781234\r1234\r", 2.0) == [b"keys:1234"]


@given(st.lists(st.tuples(st.binary(max_size=70), st.floats(0, 20)), max_size=20))
def test_any_keys_in_any_pieces_give_whole_entries_and_hold_no_more_than_one(pieces: list[tuple[bytes, float]]) -> None:
    pad, now_s = Keypad(6, 5.0), 0.0
    for keys, pause_s in pieces:
        now_s += pause_s
        for entry in pad.feed(keys, now_s):
            digits = entry.removeprefix(b"keys:")
            assert digits.isdigit()
            assert len(digits) <= 6
        assert len(pad) <= 6


@given(st.binary(max_size=40), st.integers(0, 40))
def test_pieces_make_no_difference(keys: bytes, at: int) -> None:
    whole, cut = Keypad(6, 5.0), Keypad(6, 5.0)
    assert whole.feed(keys, 1.0) == cut.feed(keys[:at], 1.0) + cut.feed(keys[at:], 1.0)
