"""Deterministic CBOR: what is written is read again, what others write deterministically is read, nothing else is."""

from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatefw import cbor
from gatefw.cbor import MAX_BYTES, MAX_DEPTH, NotCbor, Tagged

NUMBERS = st.integers(-(1 << 64), (1 << 64) - 1)
LEAVES = NUMBERS | st.binary(max_size=40) | st.text(max_size=20)
KEYS = NUMBERS | st.binary(max_size=8) | st.text(max_size=8)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=4)
        | st.builds(Tagged, st.integers(40_000, 60_000), inner)
    ),
    max_leaves=6,
).filter(lambda value: _depth(value) <= MAX_DEPTH and len(cbor.encode(value)) <= MAX_BYTES)


def _depth(value: Any) -> int:
    match value:
        case tuple():
            return 1 + max(map(_depth, value), default=0)
        case dict():
            return 1 + max(map(_depth, value.values()), default=1)
        case Tagged(_, inner):
            return 1 + _depth(inner)
    return 1


def _as_cbor2(value: Any) -> Any:
    match value:
        case tuple():
            return [_as_cbor2(inner) for inner in value]
        case dict():
            return {key: _as_cbor2(inner) for key, inner in value.items()}
        case Tagged(tag, inner):
            return cbor2.CBORTag(tag, _as_cbor2(inner))
    return value


@given(VALUES)
def test_what_is_written_is_read_again(value: cbor.Value) -> None:
    assert cbor.decode(cbor.encode(value)) == value


@given(VALUES)
def test_another_reader_reads_what_is_written(value: cbor.Value) -> None:
    read = cbor2.loads(cbor.encode(value))
    assert cbor2.dumps(read, canonical=True) == cbor2.dumps(_as_cbor2(value), canonical=True)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_value_in_its_only_spelling_or_refused(data: bytes) -> None:
    try:
        value = cbor.decode(data)
    except NotCbor:
        return
    assert cbor.encode(value) == data


@given(VALUES, st.data())
def test_a_value_that_is_cut_off_or_followed_by_something_is_refused(value: cbor.Value, data: st.DataObject) -> None:
    spelt = cbor.encode(value)
    with pytest.raises(NotCbor):
        cbor.decode(spelt[: data.draw(st.integers(0, len(spelt) - 1))])
    with pytest.raises(NotCbor):
        cbor.decode(spelt + b"\x00")


# RFC 8949, appendix A, by hand
@pytest.mark.parametrize(
    ("value", "spelt"),
    [
        (0, "00"),
        (23, "17"),
        (24, "1818"),
        (255, "18ff"),
        (256, "190100"),
        (1000000, "1a000f4240"),
        (18446744073709551615, "1bffffffffffffffff"),
        (-1, "20"),
        (-1000, "3903e7"),
        (b"", "40"),
        (b"\x01\x02\x03\x04", "4401020304"),
        ("IETF", "6449455446"),
        ("ü", "62c3bc"),
        ((1, (2, 3)), "8201820203"),
        ({1: 2, 3: 4}, "a201020304"),
        (Tagged(1, 1363896240), "c11a514b67b0"),
    ],
)
def test_the_examples_of_the_standard_are_spelt_so(value: cbor.Value, spelt: str) -> None:
    assert cbor.encode(value).hex() == spelt
    assert cbor.decode(bytes.fromhex(spelt)) == value


@pytest.mark.parametrize(
    ("spelt", "why"),
    [
        ("1817", "shortest"),
        ("1900ff", "shortest"),
        ("1a0000ffff", "shortest"),
        ("1b00000000ffffffff", "shortest"),
        ("580161", "shortest"),
        ("5f4101ff", "indefinite"),
        ("9fff", "indefinite"),
        ("bfff", "indefinite"),
        ("1c", "reserved"),
        ("f4", "simple"),
        ("f6", "simple"),
        ("f90000", "simple"),
        ("fb0000000000000000", "simple"),
        ("a201020102", "doubled"),
        ("a203040102", "out of order"),
        ("a1810102", "key of a map"),
        ("0000", "follow"),
        ("", "cut off"),
        ("5bffffffffffffffff", "cut off"),
        ("9bffffffffffffffff", "cut off"),
        ("bbffffffffffffffff", "cut off"),
        ("61ff", "UTF-8"),
        ("8181818100", "deeper"),
    ],
)
def test_every_other_spelling_is_refused_by_its_rule(spelt: str, why: str) -> None:
    with pytest.raises(NotCbor, match=why):
        cbor.decode(bytes.fromhex(spelt))


def test_more_bytes_than_a_token_has_are_not_looked_at() -> None:
    assert cbor.decode(cbor.encode(bytes(MAX_BYTES - 3))) == bytes(MAX_BYTES - 3)
    with pytest.raises(NotCbor, match="at most"):
        cbor.decode(cbor.encode(bytes(MAX_BYTES)))


@pytest.mark.parametrize("value", [True, 1.5, None, [1], 1 << 64, -(1 << 64) - 1])
def test_what_the_form_has_no_spelling_for_is_not_written(value: Any) -> None:
    with pytest.raises(NotCbor):
        cbor.encode(value)
