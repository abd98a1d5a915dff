"""Messages arrive whole or not at all, however the stream is cut."""

from itertools import chain, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatefw.errors import BadReply
from gatefw.wire_json import Lines, decode, encode

words = st.text(max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(st.dictionaries(words, values, max_size=3), max_size=4), st.lists(st.integers(0, 400), max_size=12))
def test_messages_come_out_as_they_went_in_however_the_stream_is_cut(
    messages: list[dict[str, object]], cuts: list[int]
) -> None:
    stream = b"".join(map(encode, messages))
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    lines = Lines()
    got = list(chain.from_iterable(list(lines.feed(stream[a:b])) for a, b in pairwise(places)))
    assert [decode(line) for line in got] == messages


@given(st.lists(st.binary(max_size=50)))
def test_random_bytes_never_make_anything_but_objects_and_bad_replies(chunks: list[bytes]) -> None:
    lines = Lines(limit=20)
    for chunk in chunks:
        try:
            for line in lines.feed(chunk):
                assert len(line) <= 20
                assert isinstance(decode(line), dict)
        except BadReply:
            pass


def test_the_lines_before_an_over_long_one_are_kept_and_it_is_refused_before_it_ends() -> None:
    lines = Lines(limit=4)
    got: list[bytes] = []
    with pytest.raises(BadReply, match="longer than 4 bytes"):
        got.extend(lines.feed(b"1234\n12\n12345"))
    assert got == [b"1234", b"12"]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"1",
        b"\xff",
        b'{"a":NaN}',
        b'{"a":1e999}',
        b'{"a":[-1.5e400]}',
        b'{"a":1}x',
        b"[" * 60_000,
        b'{"a":' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_no_object_is_a_bad_reply(line: bytes) -> None:
    with pytest.raises(BadReply):
        decode(line)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), b"bytes", {1, 2}])
def test_what_json_has_no_word_for_is_not_sent(value: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        encode({"a": value})
