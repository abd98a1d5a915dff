"""Commands and answers of two makers' scanners: by hand, in every chunking, and among whatever else comes."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.wire.scanner_commands import FAMILIES, MAX_REPLY_BYTES, Answer, Echoed, Framed, Outcome

NEWLAND, HONEYWELL = FAMILIES["newland"], FAMILIES["honeywell"]
LINES = st.binary(max_size=20).map(lambda raw: raw.translate(None, b"\x02\x03\r\n") + b"\r")
TAGS = st.from_regex(rb"[A-Z]{6}", fullmatch=True)
VALUES = st.from_regex(rb"[0-9A-F]{0,8}", fullmatch=True)


def _cut(stream: bytes, data: st.DataObject) -> list[bytes]:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    return [stream[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]


@pytest.mark.parametrize(
    ("sent", "wire"),
    [
        (NEWLAND.command(b"QRYSYS"), "7e 01 30303030 23 515259535953 3b 03"),
        (NEWLAND.command(b"SCNMOD0"), "7e 01 30303030 23 53434e4d4f4430 3b 03"),
        (NEWLAND.trigger(True), "7e 01 30303030 23 53434e54524731 3b 03"),
        (NEWLAND.trigger(False), "7e 01 30303030 23 53434e54524730 3b 03"),
        (HONEYWELL.command(b"REVINF"), "16 4d 0d 524556494e46 2e"),
        (HONEYWELL.command(b"TRGMOD0"), "16 4d 0d 5452474d4f4430 21"),
        (HONEYWELL.trigger(True), "16 54 0d"),
        (HONEYWELL.trigger(False), "16 55 0d"),
    ],
)
def test_a_command_is_these_bytes(sent: bytes, wire: str) -> None:
    assert sent == bytes.fromhex(wire)


@pytest.mark.parametrize("family", sorted(FAMILIES))
@pytest.mark.parametrize("body", [b"", b"ABC", b"TRGMOD0.", b"TRGMOD0!", b"A;\x03@BCDEF", b"TRGMOD 0", b"X" * 21])
def test_a_command_cannot_be_made_to_say_something_else(family: str, body: bytes) -> None:
    with pytest.raises(ValueError, match="scanner command"):
        FAMILIES[family].command(body)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_nothing_that_is_set_up_is_kept_without_power(family: str) -> None:
    convention = FAMILIES[family]
    for body in convention.set_up:
        command = convention.command(body)
        assert command.startswith(b"~\x010000#") or command.endswith(b"!")


def test_the_answers_of_both_makers_are_read() -> None:
    framed, echoed = NEWLAND.answers(0.25), HONEYWELL.answers(0.25)
    assert framed.feed(b"\x02\x010000#SCNMOD0\x06;\x03\x02\x010000#XXXXXX\x05;\x03", 1.0) == b""
    assert list(framed.found) == [Answer(b"SCNMOD", Outcome.DONE, b"0"), Answer(b"XXXXXX", Outcome.UNKNOWN)]
    assert echoed.feed(b"Product Name: Voyager\r\nPCB: 1\r\nREVINF\x06.TRGMOD9\x15!", 1.0) == b""
    product = b"Product Name: Voyager\r\nPCB: 1\r\n"
    assert list(echoed.found) == [Answer(b"REVINF", Outcome.DONE, product), Answer(b"TRGMOD", Outcome.REFUSED)]


def test_what_a_scanner_says_of_itself_does_not_show_in_a_log() -> None:
    assert "SERIAL-77" not in repr(Answer(b"REVINF", Outcome.DONE, b"SERIAL-77"))


@given(st.lists(LINES | st.tuples(TAGS, VALUES), max_size=6), st.data())
def test_answers_among_codes_are_taken_out_and_the_codes_left_as_they_were(
    said: "list[bytes | tuple[bytes, bytes]]", data: st.DataObject
) -> None:
    whole = [part if isinstance(part, bytes) else b"\x02\x010000#" + b"".join(part) + b"\x06;\x03" for part in said]
    framed, codes = Framed(gap_s=0.25), b""
    for chunk in _cut(b"".join(whole), data):
        codes += framed.feed(chunk, 1.0)
    assert codes == b"".join(part for part in said if isinstance(part, bytes))
    assert [(each.tag, each.text) for each in framed.found] == [part for part in said if isinstance(part, tuple)]


@pytest.mark.parametrize("kind", [Framed, Echoed])
@given(chunks=st.lists(st.binary(max_size=300) | st.just(b"\x02\x01" + b"Z" * 1500), max_size=12))
def test_random_bytes_never_raise_and_never_fill_the_buffer(kind: type, chunks: list[bytes]) -> None:
    answers = kind(gap_s=0.25)
    for chunk in chunks:
        answers.feed(chunk, 1.0)
        assert len(answers.found) <= 16
        answers.found.clear()
        assert len(pickle.dumps(answers)) < MAX_REPLY_BYTES + 1000


def test_of_an_answer_that_never_ends_nothing_comes_out_as_a_code() -> None:
    framed = Framed(gap_s=0.25)
    assert (
        b"".join(framed.feed(b"\x02\x01" + b"Z" * 1000, 1.0) + framed.feed(b"Z" * 1000 + b"\r", 1.0) for _ in "abc")
        == b""
    )
    assert framed.feed(b"TAIL;\x03NEXT\r", 1.0) == b"NEXT\r"


@pytest.mark.parametrize("kind", [Framed, Echoed])
def test_a_torn_answer_is_forgotten_after_a_silence_and_an_empty_read_is_no_sign_of_life(kind: type) -> None:
    answers = kind(gap_s=0.25)
    answers.feed(b"\x02\x010000#SCN", 1.0)
    for read in range(10):
        assert answers.feed(b"", 1.0 + read * 0.05) == b""
    assert answers.feed(b"NEXT\r", 1.5) == (b"NEXT\r" if kind is Framed else b"")
    answers.feed(b"\x02\x010000#TRGMOD0\x06;\x03" if kind is Framed else b"TRGMOD0\x06!", 1.5)
    assert [each.tag for each in answers.found] == [b"TRGMOD"]


def test_an_answer_of_another_form_is_passed_over() -> None:
    framed = Framed(gap_s=0.25)
    assert framed.feed(b"\x02\x01nonsense;\x03CODE\r", 1.0) == b"CODE\r"
    assert not framed.found
