"""The machine readable zone: the worked examples of ICAO 9303-3, -4, -5 and -6, and everything that is misread."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.sim.passport import Holder
from hw.wire import mrz
from hw.wire.mrz import Malformed, Mrz, check_digit, chip_key, parse

TODAY = date(2026, 6, 1)
TD3 = b"P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10"
TD2 = b"I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<\nD231458907UTO7408122F1204159<<<<<<<6"
TD1 = b"I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6\nERIKSSON<<ANNA<MARIA<<<<<<<<<<"
LONG_TD1 = b"I<UTOD23145890<7349<<<<<<<<<<<\n3407127M9507122UTO<<<<<<<<<<<2\nSTEVENSON<<PETER<JOHN<<<<<<<<<"
LONG_TD2 = b"I<UTOSTEVENSON<<PETER<JOHN<<<<<<<<<<\nD23145890<UTO3407127M95071227349<<<8"
ALL = {"TD3": TD3, "TD2": TD2, "TD1": TD1, "long TD1": LONG_TD1, "long TD2": LONG_TD2}
EVERY = pytest.mark.parametrize("zone", ALL.values(), ids=ALL.keys())


@pytest.mark.parametrize(
    ("field", "digit"),
    [
        ("520727", "3"),
        ("AB2134<<<", "5"),
        ("HA672242<658022549601086<<<<<<<<<<<<<<0", "8"),
        ("HA672242<658022549601086<<<<<<<", "8"),
        ("D231458907<<<<<<<<<<<<<<<34071279507122<<<<<<<<<<<", "2"),
    ],
)
def test_the_worked_examples_of_check_digits_hold(field: str, digit: str) -> None:
    assert check_digit(field) == digit


def test_the_specimen_passport_is_read() -> None:
    zone = parse(TD3)
    assert (zone.format, zone.number, zone.issuer, zone.nationality) == ("TD3", "L898902C3", "UTO", "UTO")
    assert (zone.born, zone.expires) == ("740812", "120415")
    assert (mrz.born_on(zone, TODAY), mrz.expires_on(zone, TODAY)) == ("1974-08-12", date(2012, 4, 15))


@pytest.mark.parametrize(
    ("zone", "key"),
    [
        (TD1, b"D23145890774081221204159"),
        (TD3, b"L898902C3674081221204159"),
        (LONG_TD1, b"D23145890734934071279507122"),
        (LONG_TD2, b"D23145890734934071279507122"),
    ],
    ids=["TD1", "TD3", "long TD1", "long TD2"],
)
def test_the_key_to_the_chip_is_that_of_the_worked_examples_of_9303_11(zone: bytes, key: bytes) -> None:
    assert chip_key(parse(zone)) == key


@EVERY
@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n", b""], ids=["LF", "CR", "CRLF", "none"])
def test_lines_may_end_in_every_way_or_run_together_as_in_dg1(zone: bytes, end: bytes) -> None:
    assert parse(zone.replace(b"\n", end) + end) == parse(zone)


@EVERY
def test_every_single_sign_that_is_misread_is_found_or_stands_in_a_field_without_a_check_digit(zone: bytes) -> None:
    whole = parse(zone)
    for at in range(len(zone)):
        for wrong in b"0O1I8B5S<":
            seen = zone[:at] + bytes([wrong]) + zone[at + 1 :]
            if seen == zone:
                continue
            try:
                read = parse(seen)
            except Malformed:
                continue
            # names, codes and sex have no check digit, and it cannot tell signs that stand ten apart
            same_sum = (_value(wrong) - _value(zone[at])) % 10 == 0
            assert same_sum or chip_key(read) == chip_key(whole), f"{at}"


def _value(sign: int) -> int:
    return 0 if sign == ord("<") else int(chr(sign), 36)


@pytest.mark.parametrize(("seen", "meant"), [(b"O", b"0"), (b"I", b"1"), (b"B", b"8"), (b"S", b"5"), (b"Z", b"2")])
def test_a_letter_that_looks_like_a_digit_is_refused_and_not_repaired(seen: bytes, meant: bytes) -> None:
    lower = TD3.index(b"7408122")
    at = TD3.index(meant, lower) if meant in TD3[lower : lower + 7] else TD3.index(meant, lower + 8)
    with pytest.raises(Malformed, match=r"misread|check digit"):
        parse(TD3[:at] + seen + TD3[at + 1 :])


@pytest.mark.parametrize(
    ("zone", "why"),
    [
        (b"", "none of TD1"),
        (TD3[:-1], "none of TD1"),
        (TD3 + b"<", "none of TD1"),
        (TD3 + b"\n" + TD3[:44], "more than any"),
        (b"\xc4" + TD3[1:], "signs"),
        (b"V" + TD3[1:], "document code"),
        (b"X" + TD1[1:], "document code"),
        (TD3.replace(b"P<UTO", b"P<U1O"), "issuing state"),
        (TD3.replace(b"6UTO", b"6<<<"), "nationality"),
        (TD3.replace(b"ERIKSSON", b"ERIK5SON"), "name"),
        (TD3.replace(b"UTOERIKSSON<<ANNA<MARIA", b"UTO<<<<<<<<<<<<<<<<<<<<"), "name is empty"),
        (TD3.replace(b"2F1", b"2Z1"), "sex"),
        (TD3.replace(b"1204159", b"12<4159"), "date of expiry"),
        (TD3[:-1] + b"1", "whole zone"),
        (TD3.replace(b"B<<<<<1", b"B<<<<<2"), "optional"),
        (TD3.replace(b"B<<<<<1", b"B<<<<<<"), "optional"),
        (TD1.replace(b"D231458907<", b"D23145890<<"), "goes on nowhere"),
        (LONG_TD1.replace(b"7349", b"7348"), "document number"),
    ],
)
def test_what_is_no_zone_is_refused_by_the_name_of_its_field_and_never_by_its_content(zone: bytes, why: str) -> None:
    with pytest.raises(Malformed, match=why) as refused:
        parse(zone)
    assert "ERIK" not in str(refused.value)
    assert "L898" not in str(refused.value)


@pytest.mark.parametrize("days", ["741312", "740800", "740832", "7<0812", "<<08<1"])
def test_a_birth_that_is_no_day_is_refused(days: str) -> None:
    with pytest.raises(Malformed, match="date of birth"):
        parse(Holder(born=days).lines())


def test_an_empty_document_number_is_refused() -> None:
    with pytest.raises(Malformed, match="number is empty"):
        parse(Holder(number="").lines())


@pytest.mark.parametrize(
    ("born", "day"),
    [
        ("260601", "2026-06-01"),
        ("260602", "1926-06-02"),
        ("740812", "1974-08-12"),
        ("74<<<<", "1974-XX-XX"),
        ("26<<<<", "2026-XX-XX"),
        ("27<<<<", "1927-XX-XX"),
        ("7408<<", "1974-08-XX"),
        ("<<<<<<", "XXXX-XX-XX"),
    ],
)
def test_nobody_is_born_in_the_future_and_unknown_parts_stay_unknown(born: str, day: str) -> None:
    assert mrz.born_on(parse(Holder(born=born).lines()), TODAY) == day


@pytest.mark.parametrize(
    ("expires", "day"),
    [
        ("260601", date(2026, 6, 1)),
        ("750101", date(2075, 1, 1)),
        ("770101", date(1977, 1, 1)),
        ("991231", date(1999, 12, 31)),
    ],
)
def test_a_document_expires_in_the_century_that_is_nearest(expires: str, day: date) -> None:
    assert mrz.expires_on(parse(Holder(expires=expires).lines()), TODAY) == day


def test_a_day_that_no_calendar_has_is_no_expiry() -> None:
    with pytest.raises(Malformed, match="no day"):
        mrz.expires_on(parse(Holder(expires="300231").lines()), TODAY)


def test_nothing_of_a_zone_shows_in_its_repr() -> None:
    assert repr(parse(TD3)) == "Mrz(format='TD3')"


@pytest.mark.parametrize("kind", ["TD1", "TD2", "TD3"])
@given(
    number=st.text("ABCXYZ0123456789", min_size=1, max_size=9),
    born=st.dates(date(1940, 1, 1), date(2020, 1, 1)),
    expires=st.dates(date(2000, 1, 1), date(2060, 1, 1)),
)
def test_what_is_printed_is_read_as_it_was(kind: str, number: str, born: date, expires: date) -> None:
    holder = Holder(number=number, born=f"{born:%y%m%d}", expires=f"{expires:%y%m%d}")
    zone = parse(holder.lines(kind))
    assert (zone.format, zone.number, zone.born, zone.expires) == (kind, number, holder.born, holder.expires)
    assert mrz.expires_on(zone, TODAY) == expires


@pytest.mark.parametrize(("kind", "most"), [("TD1", 22), ("TD2", 14)])
@given(data=st.data())
def test_a_long_document_number_is_read_whole(kind: str, most: int, data: st.DataObject) -> None:
    number = data.draw(st.text("ABCXYZ0123456789", min_size=10, max_size=most))
    assert parse(Holder(number=number).lines(kind)).number == number


@given(st.one_of(st.binary(max_size=120), st.text("P<UTO0189\n", max_size=95).map(str.encode)))
def test_any_bytes_are_a_zone_or_malformed(data: bytes) -> None:
    try:
        zone = parse(data)
    except Malformed:
        return
    assert isinstance(zone, Mrz)
