"""Tag-length-value: one spelling of everything, nothing beyond its end, no surprise."""

import pytest
from asn1crypto import core
from hypothesis import given
from hypothesis import strategies as st

from hw.wire import der
from hw.wire.der import Items, Malformed


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("", "torn off"),
        ("30", "torn off"),
        ("3005", "longer than what holds it"),
        ("300501", "longer than what holds it"),
        ("3080", "open, torn off"),
        ("3081", "open, torn off"),
        ("3084000000ff", "open, torn off"),
        ("30817f" + "00" * 127, "longer than it must be"),
        ("3082007f" + "00" * 127, "longer than it must be"),
        ("1f", "torn off"),
        ("1f1e00", "a tag"),
        ("1f8100", "a tag"),
    ],
)
def test_what_is_torn_open_or_spelt_too_long_is_refused(data: str, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        der.read(bytes.fromhex(data))


def test_the_files_of_a_chip_may_spell_a_length_too_long() -> None:
    assert der.read(bytes.fromhex("30820001ff"), strict=False).value == b"\xff"


def test_nothing_may_stand_behind_the_only_element() -> None:
    with pytest.raises(Malformed, match="nothing behind"):
        der.only(b"\x05\x00\x00", der.NULL)
    with pytest.raises(Malformed, match="tag 5"):
        der.only(b"\x04\x00", der.NULL)


def test_the_elements_in_one_are_counted() -> None:
    assert len(der.elements(b"\x05\x00" * der.MAX_ELEMENTS)) == der.MAX_ELEMENTS
    with pytest.raises(Malformed, match="over 256"):
        der.elements(b"\x05\x00" * (der.MAX_ELEMENTS + 1))


def test_a_sequence_is_taken_in_the_order_of_its_schema() -> None:
    sequence = der.only(der.encode(der.SEQUENCE, der.encode_integer(7), der.encode(der.NULL)), der.SEQUENCE)
    parts = Items(sequence)
    assert (parts.left, parts.take_if(der.NULL), der.integer(parts.take(der.INTEGER))) == (2, None, 7)
    with pytest.raises(Malformed, match="tag 4 is wanted, not 5"):
        parts.take(der.OCTET_STRING)
    with pytest.raises(Malformed, match="more parts"):
        parts.end()
    assert parts.take_any().tag == der.NULL
    parts.end()
    with pytest.raises(Malformed, match="the end"):
        parts.take(der.NULL)
    with pytest.raises(Malformed, match="too early"):
        parts.take_any()


@pytest.mark.parametrize("value", ["0200", "02020001", "0202ffff", "040101"])
def test_an_integer_has_one_spelling(value: str) -> None:
    with pytest.raises(Malformed):
        der.integer(der.read(bytes.fromhex(value)))


@pytest.mark.parametrize("value", ["0600", "060180", "06028001", "060181", "0403551d0f", "0621" + "01" * 33])
def test_an_object_identifier_has_one_spelling_and_an_end(value: str) -> None:
    with pytest.raises(Malformed):
        der.object_id(der.read(bytes.fromhex(value)))


@pytest.mark.parametrize("value", ["0300", "030107", "03020180", "040100"])
def test_a_bit_string_holds_whole_bytes(value: str) -> None:
    with pytest.raises(Malformed):
        der.bits(der.read(bytes.fromhex(value)))


@given(st.integers(0, 1 << 300))
def test_an_integer_is_written_as_another_library_writes_it(value: int) -> None:
    assert der.encode_integer(value) == core.Integer(value).dump()
    assert der.integer(der.read(der.encode_integer(value))) == value


@given(st.sampled_from((0, 1, 2)), st.integers(0, 39), st.lists(st.integers(0, 1 << 40), max_size=4))
def test_an_object_identifier_is_written_as_another_library_writes_it(first: int, second: int, arcs: list[int]) -> None:
    dotted = ".".join(map(str, (first, second, *arcs)))
    assert der.encode_object_id(dotted) == core.ObjectIdentifier(dotted).dump()
    assert der.object_id(der.read(der.encode_object_id(dotted))) == dotted


@given(st.sampled_from((0x04, 0x30, 0x7F61, 0x5F1F)), st.binary(max_size=70_000))
def test_what_is_written_is_read_and_every_prefix_of_it_is_torn(tag: int, value: bytes) -> None:
    data = der.encode(tag, value)
    element = der.only(data, tag)
    assert (element.value, element.encoded) == (value, data)
    for end in {0, 1, len(data) // 2, len(data) - 1}:
        with pytest.raises(Malformed):
            der.only(data[:end], tag)


@given(st.binary(max_size=200))
def test_any_bytes_are_elements_or_malformed_and_read_in_one_way(data: bytes) -> None:
    try:
        found = der.elements(data)
    except Malformed:
        return
    assert b"".join(der.encode(each.tag, each.value) for each in found) == data
