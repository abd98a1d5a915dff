"""Only what looks exactly like an identifier is looked up."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gatefw.identifier import QR_PREFIX, new_identifier, parse_identifier
from gatefw.model import Failed, Reason, Token

MALFORMED = Failed(Reason.TOKEN_MALFORMED)
ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def test_a_new_identifier_reads_back_from_any_reader_of_qr_codes() -> None:
    payload = new_identifier()
    assert len(payload) == len(QR_PREFIX) + 28
    for symbology in ("", "]Q0", "]Q1", "]Q3"):
        assert parse_identifier(Token(payload, symbology)) == payload


def test_no_two_identifiers_are_alike() -> None:
    assert len({new_identifier() for _ in range(2000)}) == 2000


@given(st.integers(0, 27), st.sampled_from(ALPHABET))
def test_every_wrong_character_is_noticed(place: int, character: int) -> None:
    payload = bytearray(new_identifier())
    assume(payload[len(QR_PREFIX) + place] != character)
    payload[len(QR_PREFIX) + place] = character
    assert parse_identifier(Token(bytes(payload))) == MALFORMED


@given(st.integers(0, 26))
def test_every_swapped_pair_of_characters_is_noticed(place: int) -> None:
    payload = bytearray(new_identifier())
    a, b = len(QR_PREFIX) + place, len(QR_PREFIX) + place + 1
    assume(payload[a] != payload[b])
    payload[a], payload[b] = payload[b], payload[a]
    assert parse_identifier(Token(bytes(payload))) == MALFORMED


@pytest.mark.parametrize("payload", [b"A1234567", b"ABCDEFGH", b"12345678901234567890"])
def test_a_card_number_is_taken_as_it_is_but_not_out_of_a_qr_code(payload: bytes) -> None:
    for symbology in ("", "]C0", "]A0", "]I1"):
        assert parse_identifier(Token(payload, symbology)) == payload
    assert parse_identifier(Token(payload, "]Q1")) == MALFORMED


@pytest.mark.parametrize("payload", [b"card:26:01020340", b"card:8:FF", b"card:56:04A1B2C3D4E5F6"])
def test_a_card_read_by_radio_is_taken_but_not_out_of_a_barcode(payload: bytes) -> None:
    for symbology in ("", "]Z2"):
        assert parse_identifier(Token(payload, symbology)) == payload
    for symbology in ("]Q1", "]C0"):
        assert parse_identifier(Token(payload, symbology)) == MALFORMED


@pytest.mark.parametrize("payload", [b"card:26:01020341", b"card:26:010203", b"card:026:01020340", b"card:26:0102034a"])
def test_a_card_has_one_spelling(payload: bytes) -> None:
    assert parse_identifier(Token(payload, "]Z2")) == MALFORMED


@pytest.mark.parametrize("payload", [b"A1234567", b"keys:47114711"])
def test_what_was_keyed_in_is_nobodys_identifier(payload: bytes) -> None:
    assert parse_identifier(Token(payload, "]Z0")) == MALFORMED


def test_a_qr_identifier_out_of_a_barcode_is_refused() -> None:
    assert parse_identifier(Token(new_identifier(), "]C0")) == MALFORMED


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"A123456",
        b"A" * 21,
        b"a1234567",
        b"A1234567\n",
        b" A1234567",
        b"A123456(7)",
        "Ａ1234567".encode(),
        b"A1234567' OR '1'='1",
        b"'; DROP TABLE token; --",
        b"GATE1:",
        b"GATE1:" + b"A" * 27,
        b"GATE1:" + b"A" * 29,
        b"GATE2:" + b"A" * 28,
        b"https://example.org/GATE1:AAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        b"\x00" * 8,
        b"A" * 100_000,
    ],
)
def test_everything_else_is_malformed(payload: bytes) -> None:
    for symbology in ("", "]Q1", "]C0"):
        assert parse_identifier(Token(payload, symbology)) == MALFORMED


@given(
    st.binary(max_size=60) | st.binary(max_size=40).map(lambda end: QR_PREFIX + end),
    st.sampled_from(["", "]Q1", "]C0", "?"]),
)
def test_random_bytes_are_malformed_or_a_card_number(payload: bytes, symbology: str) -> None:
    parsed = parse_identifier(Token(payload, symbology))
    assert parsed == MALFORMED or (parsed == payload and 8 <= len(payload) <= 20 and payload.isalnum())


def test_one_identifier_has_one_spelling() -> None:
    payload = new_identifier()
    spellings = 0
    for last in ALPHABET:
        for first in ALPHABET:
            for second in ALPHABET:
                changed = payload[:-3] + bytes((last, first, second))
                spellings += parse_identifier(Token(changed)) == changed
    assert spellings == 8  # the eight values of the three bits that do count
