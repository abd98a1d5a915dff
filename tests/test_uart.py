"""What a receiver makes of a line at another rate, or with its wires exchanged: never what was sent."""

from hypothesis import given
from hypothesis import strategies as st

from hw.sim.uart import received

CODE = b"]Q1GATE1:ABCDEFGH\r"


@given(st.binary(max_size=40))
def test_a_line_that_is_as_it_should_be_brings_what_was_sent(data: bytes) -> None:
    assert received(data, 9600, 9600) == data


@given(st.binary(min_size=1, max_size=40), st.sampled_from([300, 9600, 38400, 115200]))
def test_whatever_is_sent_a_receiver_at_any_rate_comes_to_an_end(data: bytes, baud: int) -> None:
    for inverted in (False, True):
        heard = received(data, 38400, baud, inverted=inverted)
        assert len(heard) <= len(data) * 11 * baud / 38400 + 1


def test_text_read_four_times_too_fast_or_too_slow_is_no_text() -> None:
    for sent, read in ((9600, 38400), (38400, 9600)):
        heard = received(CODE, sent, read)
        assert heard and CODE not in heard
        assert sum(0x20 <= byte < 0x7F for byte in heard) < len(heard)


def test_a_pair_that_is_exchanged_brings_nothing_that_was_sent() -> None:
    assert CODE not in received(CODE, 9600, 9600, inverted=True)
    assert received(b"", 9600, 9600, inverted=True) == b""


def test_a_byte_is_sampled_in_the_middle_of_its_bits() -> None:
    """Worked out by hand: a start bit is two of a receiver twice as fast, nine low bits four and a half of a slow."""
    assert received(b"\xff", 9600, 19200) == b"\xfe"
    assert received(b"\x00", 19200, 9600) == b"\xf8"
