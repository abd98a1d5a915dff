"""The framer of ASCII scanners: one code out for each code in, whatever a serial driver makes of the bytes between."""

import pickle

from hypothesis import given
from hypothesis import strategies as st

from hw.wire.ascii_scanner import Code, Framer, encode

TERMINATORS = st.sampled_from([b"\r", b"\n", b"\r\n"])
PAYLOADS = st.binary(min_size=1, max_size=40).map(lambda raw: raw.translate(None, b"\r\n]")).filter(bool)
CODES = st.builds(Code, PAYLOADS, st.sampled_from(["", "]Q1", "]C0", "]d2"]))


def framer() -> Framer:
    return Framer(max_code_bytes=64, gap_s=0.1)


@given(st.lists(st.tuples(CODES, TERMINATORS), max_size=5), st.data())
def test_every_chunking_of_a_stream_gives_the_codes_that_were_sent(
    sent: list[tuple[Code, bytes]], data: st.DataObject
) -> None:
    stream = b"".join(encode(code, terminator) for code, terminator in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    cutter, now_s, codes = framer(), 5.0, []
    for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        codes += cutter.feed(stream[begin:end], now_s)
        now_s += 0.01
    assert codes == [code for code, _ in sent]


@given(st.lists(st.tuples(st.binary(max_size=200), st.floats(0.0, 0.3)), max_size=30))
def test_random_bytes_never_raise_and_never_fill_the_buffer(chunks: list[tuple[bytes, float]]) -> None:
    cutter, now_s = framer(), 0.0
    for chunk, pause_s in chunks:
        now_s += pause_s
        for code in cutter.feed(chunk, now_s):
            assert 0 < len(code.symbology) + len(code.payload) <= 64
            assert not set(code.payload) & set(b"\r\n")
        assert len(pickle.dumps(cutter)) < 64 + 300


@given(st.binary(max_size=100), CODES)
def test_after_a_silence_a_code_arrives_whole_whatever_came_before_it(noise: bytes, code: Code) -> None:
    cutter = framer()
    cutter.feed(noise, now_s=1.0)
    assert cutter.feed(encode(code), now_s=1.2) == [code]


def test_a_torn_code_is_never_glued_to_the_next_one() -> None:
    cutter = framer()
    assert cutter.feed(b"PARTI", now_s=1.0) == []
    assert cutter.feed(b"NEXT\r", now_s=1.5) == [Code(b"NEXT")]


def test_empty_reads_do_not_keep_a_torn_code_alive() -> None:
    cutter = framer()
    cutter.feed(b"PARTI", now_s=1.00)
    for read in range(10):
        assert cutter.feed(b"", now_s=1.0 + read * 0.05) == []
    assert cutter.feed(b"NEXT\r", now_s=1.5) == [Code(b"NEXT")]


def test_nothing_of_an_overlong_code_comes_out_not_even_its_tail() -> None:
    cutter = framer()
    codes = [code for _ in range(20) for code in cutter.feed(b"Z" * 10, now_s=1.0)]
    codes += cutter.feed(b"TAIL\rAFTER\r", now_s=1.0)
    assert codes == [Code(b"AFTER")]
    assert cutter.overlong == 1


def test_a_code_of_the_greatest_length_comes_out_and_one_byte_more_does_not() -> None:
    assert framer().feed(b"x" * 64 + b"\r", now_s=1.0) == [Code(b"x" * 64)]
    assert framer().feed(b"x" * 65 + b"\r", now_s=1.0) == []


def test_a_carriage_return_and_a_line_feed_in_two_reads_end_one_code() -> None:
    cutter = framer()
    assert cutter.feed(b"ABC\r", now_s=1.0) == [Code(b"ABC")]
    assert cutter.feed(b"\nDEF\r\n", now_s=1.0) == [Code(b"DEF")]


def test_the_aim_prefix_names_the_symbology_and_is_not_part_of_the_code() -> None:
    assert framer().feed(b"]Q1HELLO\r", now_s=1.0) == [Code(b"HELLO", "]Q1")]
    assert framer().feed(b"]hello\r]\r", now_s=1.0) == [Code(b"]hello"), Code(b"]")]
