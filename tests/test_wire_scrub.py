"""What a recording shows: nothing that a traveller said, in the same length and framing, however it was cut."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.wire import ascii_scanner, mrz_reader, scrub
from hw.wire.osdp_frames import with_crc
from hw.wire.scanner_commands import FAMILIES, Answer, Outcome
from hw.wire.scrub import Scrub

NEWLAND, HONEYWELL = FAMILIES["newland"], FAMILIES["honeywell"]
SCRUBBERS: dict[str, Callable[[], Scrub]] = {
    "nothing": scrub.nothing,
    "zones": scrub.zones,
    "codes": scrub.Codes,
    "osdp": scrub.Osdp,
}
SAID = st.lists(st.tuples(st.sampled_from("<>"), st.binary(max_size=60)), max_size=8)


def cut(stream: bytes, cuts: list[int]) -> list[bytes]:
    at = sorted(each % (len(stream) + 1) for each in cuts)
    return [stream[begin:end] for begin, end in zip([0, *at], [*at, len(stream)], strict=True)]


def heard(scrubber: Scrub, pieces: list[bytes]) -> bytes:
    return b"".join(scrubber("<", piece) for piece in pieces)


@pytest.mark.parametrize("name", SCRUBBERS)
@given(said=SAID)
def test_whatever_is_said_keeps_its_length_and_does_not_depend_on_where_it_was_cut(
    name: str, said: list[tuple[str, bytes]]
) -> None:
    whole, bytewise = SCRUBBERS[name](), SCRUBBERS[name]()
    for direction, data in said:
        shown = whole(direction, data)
        assert len(shown) == len(data)
        if name != "codes" or direction == "<":  # a scanner's commands are one write each
            assert b"".join(bytewise(direction, data[at : at + 1]) for at in range(len(data))) == shown
        else:
            bytewise(direction, data)


# ---------------------------------------------------------------- code scanners


@given(st.from_regex(rb"[0-9A-Za-z:\-]{1,40}", fullmatch=True), st.lists(st.integers(0, 99), max_size=4))
def test_of_a_code_its_prefix_and_its_length_are_left(code: bytes, cuts: list[int]) -> None:
    sent = ascii_scanner.encode(ascii_scanner.Code(code, "]Q1"), b"\r\n")
    assert heard(scrub.Codes(), cut(sent, cuts)) == b"]Q1" + b"x" * len(code) + b"\r\n"


def test_a_code_without_a_prefix_and_one_that_looks_a_little_like_one_are_hidden_too() -> None:
    assert heard(scrub.Codes(), [b"A1234567\r]1234\r]qZ99\r"]) == b"xxxxxxxx\r]xxxx\r]qxxx\r"


def test_a_scanner_that_was_told_nothing_answers_nothing() -> None:
    """What looks like an answer is a code then."""
    code = b"\x02\x010000#QRYSYS A1234567\x06;\x03"
    assert heard(scrub.Codes(), [code, b"\r"]) == b"x" * len(code) + b"\r"
    assert heard(scrub.Codes(), [b"REVINF\x06.\r"]) == b"xxxxxxxx\r"


@given(st.lists(st.integers(0, 99), max_size=6))
def test_the_answers_of_a_newland_stay_whole_among_codes(cuts: list[int]) -> None:
    scrubber = scrub.Codes()
    command = NEWLAND.command(b"SCNMOD0")
    assert scrubber(">", command) == command
    shown = heard(scrubber, cut(b"]Q1SECRET\r\x02\x010000#SCNMOD0\x06;\x03]Q1SECRET\r", cuts))
    assert shown == b"]Q1xxxxxx\r\x02\x010000#SCNMOD0\x06;\x03]Q1xxxxxx\r"
    again = b"\x02\x010000#SCNMOD0\x06;\x03"
    assert heard(scrubber, [again]) == b"x" * len(again), "one answer was owed, and came"


def test_an_answer_that_never_ends_hides_again() -> None:
    scrubber = scrub.Codes()
    scrubber(">", NEWLAND.command(b"QRYSYS"))
    heard(scrubber, [b"\x02\x010000#" + b"." * 3000])
    assert heard(scrubber, [b"\rA1234567\r"]) == b"\rxxxxxxxx\r"


@given(st.lists(st.integers(0, 99), max_size=6))
def test_the_echoes_of_a_honeywell_stay_and_what_it_says_of_itself_does_not(cuts: list[int]) -> None:
    scrubber, answers = scrub.Codes(), HONEYWELL.answers(0.25)
    scrubber(">", HONEYWELL.command(b"REVINF"))
    shown = heard(scrubber, cut(b"Product Name: V\r\nREVINF\x06.", cuts))
    assert shown == b"xxxxxxxxxxxxxxx\r\nREVINF\x06."
    answers.feed(shown, 1.0)
    assert [(each.tag, each.outcome) for each in answers.found] == [(b"REVINF", Outcome.DONE)]
    scrubber(">", HONEYWELL.command(b"TRGMOD0"))
    assert heard(scrubber, [b"TRGMOD0\x15!"]) == b"TRGMOD0\x15!"
    assert heard(scrubber, [b"TRGMOD0\x15!\r"]) == b"xxxxxxxxx\r"


def test_the_scrubbed_answers_of_both_are_read_as_they_were() -> None:
    scrubber, answers = scrub.Codes(), NEWLAND.answers(0.25)
    scrubber(">", NEWLAND.command(b"QRYSYS"))
    answers.feed(scrubber("<", b"\x02\x010000#QRYSYSNLS-X\x06;\x03"), 1.0)
    assert list(answers.found) == [Answer(b"QRYSYS", Outcome.DONE, b"NLS-X")]


# ---------------------------------------------------------------- zones

ZONE = b"P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10"


@given(st.booleans(), st.lists(st.integers(0, 99), max_size=4))
def test_a_zone_is_read_as_one_of_its_shape_in_which_nobody_is_named(framed: bool, cuts: list[int]) -> None:
    shown = heard(scrub.zones(), cut(mrz_reader.encode(ZONE, b"\r\n", framed), cuts))
    assert mrz_reader.Framer(0.5).feed(shown, 1.0) == [b"X" * 44 + b"\n" + b"X" * 44]


# ---------------------------------------------------------------- OSDP


def frame(kind: int, data: bytes = b"", block: bytes = b"", code: bytes = b"") -> bytes:
    """A frame with CRC; `block` is its security block, `code` its authentication code."""
    body = block + bytes((kind,)) + data + code
    control = 0x04 | (0x08 if block else 0)
    return with_crc(bytes((0x53, 0x80)) + (len(body) + 7).to_bytes(2, "little") + bytes((control,)) + body)


RAW, KEYSET, LSTATR, PDID = 0x50, 0x75, 0x48, 0x45


def test_a_card_in_clear_and_a_key_in_clear_are_hidden_and_their_frames_stay() -> None:
    for direction, kind in (("<", RAW), (">", KEYSET)):
        sent = frame(kind, b"SECRET-NUMBER")
        shown = scrub.Osdp()(direction, sent)
        assert shown == sent.replace(b"SECRET-NUMBER", bytes(13))


def test_what_tells_of_no_person_stays_and_so_does_what_a_session_encrypts() -> None:
    encrypted = frame(RAW, b"CIPHERTEXT-CIPHE", b"\x02\x18", b"code")
    for sent in (frame(LSTATR, b"\x01\x00"), frame(PDID, b"123456789012"), encrypted):
        assert scrub.Osdp()("<", b"\xff" + sent) == b"\xff" + sent


def test_a_card_that_a_session_signs_and_does_not_encrypt_is_hidden() -> None:
    sent = frame(RAW, b"SECRET-NUMBER", b"\x02\x16", b"")
    assert b"SECRET" not in scrub.Osdp()("<", sent)


@given(st.lists(st.integers(0, 99), max_size=4))
def test_what_is_no_frame_is_hidden_until_the_next_one(cuts: list[int]) -> None:
    good = frame(LSTATR, b"\x00\x01")
    shown = heard(scrub.Osdp(), cut(b"noise of a card\xff" + good, cuts))
    assert shown == bytes(15) + b"\xff" + good
    assert re.search(rb"[a-z]", scrub.Osdp()("<", b"\x53\x80\xff\xff" + b"abcdef")) is None
