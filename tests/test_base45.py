"""Base45, by the examples of RFC 9285 and over any bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatefw import base45

QR_ALPHANUMERIC = set(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")


@pytest.mark.parametrize(
    ("data", "text"), [(b"AB", b"BB8"), (b"Hello!!", b"%69 VD92EX0"), (b"base-45", b"UJCLQE7W581"), (b"", b"")]
)
def test_the_examples_of_the_standard(data: bytes, text: bytes) -> None:
    assert base45.encode(data) == text
    assert base45.decode(text) == data


@given(st.binary(max_size=200))
def test_what_is_written_is_read_again_and_fits_the_denser_mode_of_a_qr_code(data: bytes) -> None:
    text = base45.encode(data)
    assert set(text) <= QR_ALPHANUMERIC
    assert base45.decode(text) == data


@given(st.binary(max_size=60) | st.text("0123456789ABCDEF:", max_size=60).map(str.encode))
def test_any_text_is_bytes_in_their_only_spelling_or_refused(text: bytes) -> None:
    try:
        data = base45.decode(text)
    except ValueError:
        return
    assert base45.encode(data) == text


@pytest.mark.parametrize("text", [b"A", b"BB8A", b"GGW", b":::", b"::", b"bb8", b"BB\n"])
def test_a_wrong_length_a_number_too_large_and_a_wrong_character_are_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="base45"):
        base45.decode(text)
