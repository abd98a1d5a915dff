"""The machine readable zone of a travel document: TD1, TD2 and TD3, with their check digits (ICAO 9303-3, -4, -5, -6).

Nothing is repaired. OCR takes O for 0, I for 1, B for 8, S for 5; a zone in which a field has the wrong kind of
character or a check digit does not hold is refused as a whole, and the traveller lays the document down again. A guess
that fits its check digit (one in ten does) would open another person's record.

Names are not taken out: nobody here needs them. Errors name the field, never what stands in it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

FORMATS: Mapping[str, tuple[int, int]] = {"TD1": (3, 30), "TD2": (2, 36), "TD3": (2, 44)}
"""Lines, and characters of each."""
MAX_BYTES = 96  # the longest zone, with its line ends

_SIGNS = re.compile(rb"[A-Z0-9<\r\n]*")
_LETTERS = r"[A-Z<]*"
_CODE = re.compile(r"[A-Z]{3}|[A-Z]{2}<|[A-Z]<<")


class Malformed(ValueError):
    """What was read is no machine readable zone, or one that was misread. The message holds none of it."""


@dataclass(frozen=True, slots=True)
class Mrz:
    """One zone that holds together. Days are as printed, YYMMDD; unknown parts of `born` are `<<`.

    `lines` is the whole zone, its lines joined by line feeds: what the chip's DG1 must be equal to.
    """

    format: str
    lines: bytes = field(repr=False)
    issuer: str = field(repr=False)
    number: str = field(repr=False)
    nationality: str = field(repr=False)
    born: str = field(repr=False)
    expires: str = field(repr=False)


def check_digit(text: str) -> str:
    """The check digit of a field: weights 7, 3, 1; letters count from A = 10, the filler is 0 (ICAO 9303-3, 4.9)."""
    total = sum((7, 3, 1)[at % 3] * (0 if sign == "<" else int(sign, 36)) for at, sign in enumerate(text))
    return str(total % 10)


def parse(data: bytes) -> Mrz:
    """The zone in `data`: its lines joined by CR, LF or CRLF, or run together as in DG1. Raises Malformed."""
    if len(data) > MAX_BYTES:
        raise Malformed(f"{len(data)} bytes are more than any machine readable zone has")
    if not _SIGNS.fullmatch(data):
        raise Malformed("signs that no machine readable zone has")
    lines = data.decode("ascii").split()
    if len(lines) == 1:
        lines = _split(lines[0])
    for name, (count, width) in FORMATS.items():
        if len(lines) == count and all(len(line) == width for line in lines):
            return _FIELDS[name](lines)
    raise Malformed(
        f"{len(lines)} lines of {'/'.join(str(len(line)) for line in lines)} signs are none of TD1, TD2, TD3"
    )


def chip_key(mrz: Mrz) -> bytes:
    """The "MRZ information" that opens the chip: number, birth and expiry, each with its check digit (9303-11, 4.3)."""
    number = mrz.number.ljust(9, "<")
    return "".join(part + check_digit(part) for part in (number, mrz.born, mrz.expires)).encode("ascii")


def born_on(mrz: Mrz, today: date) -> str:
    """Date of birth as YYYY-MM-DD, XX for what the document does not say: the last century in which it is no future."""
    year, month, day = mrz.born[:2], mrz.born[2:4], mrz.born[4:]
    if year == "<<":
        return "XXXX-XX-XX"
    full = today.year // 100 * 100 + int(year)
    if f"{full}-{month}-{day}".replace("<<", "00") > today.isoformat():
        full -= 100
    return f"{full}-{month}-{day}".replace("<<", "XX")


def expires_on(mrz: Mrz, today: date) -> date:
    """The last day of the document, in the century that brings it closest to `today`. Raises Malformed."""
    year, month, day = (int(mrz.expires[at : at + 2]) for at in (0, 2, 4))
    nearest = min((today.year // 100 * 100 + each + year for each in (-100, 0, 100)), key=lambda y: abs(y - today.year))
    try:
        return date(nearest, month, day)
    except ValueError:
        raise Malformed("the date of expiry is no day") from None


def _split(line: str) -> list[str]:
    for count, width in FORMATS.values():
        if len(line) == count * width:
            return [line[at : at + width] for at in range(0, len(line), width)]
    return [line]


def _td3(lines: list[str]) -> Mrz:
    upper, lower = lines
    _names(upper[5:])
    number = _number(lower[:9], lower[9], "")
    personal, digit = lower[28:42], lower[42]
    if digit != "<" or personal.strip("<"):  # an empty field may go without its digit
        _holds("optional", personal, digit)
    _holds("whole zone", lower[:10] + lower[13:20] + lower[21:43], lower[43])
    return _mrz("TD3", lines, upper, number, lower[10:13], lower[13:28])


def _td2(lines: list[str]) -> Mrz:
    upper, lower = lines
    _names(upper[5:])
    number = _number(lower[:9], lower[9], lower[28:35])
    _holds("whole zone", lower[:10] + lower[13:20] + lower[21:35], lower[35])
    return _mrz("TD2", lines, upper, number, lower[10:13], lower[13:28])


def _td1(lines: list[str]) -> Mrz:
    upper, middle, names = lines
    _names(names)
    number = _number(upper[5:14], upper[14], upper[15:])
    _holds("whole zone", upper[5:] + middle[:7] + middle[8:15] + middle[18:29], middle[29])
    return _mrz("TD1", lines, upper, number, middle[15:18], middle[:15])


_FIELDS = {"TD1": _td1, "TD2": _td2, "TD3": _td3}


def _mrz(name: str, lines: list[str], upper: str, number: str, nationality: str, days: str) -> Mrz:
    """`days` is birth and digit, sex, expiry and digit, which stand together in every format."""
    if not re.fullmatch(r"P[A-Z<]" if name == "TD3" else r"[ACIP][A-Z<]", upper[:2]):
        raise Malformed("the document code is none of a travel document with a chip")
    born, sex, expires = days[:6], days[7], days[8:14]
    _day("date of birth", born, days[6], unknown=True)
    _day("date of expiry", expires, days[14], unknown=False)
    if sex not in "MFX<":
        raise Malformed("the sex is none of M, F, X and <")
    for what, code in (("issuing state", upper[2:5]), ("nationality", nationality)):
        if not _CODE.fullmatch(code):
            raise Malformed(f"the {what} is no code of a state")
    return Mrz(name, "\n".join(lines).encode(), upper[2:5].rstrip("<"), number, nationality.rstrip("<"), born, expires)


def _number(first: str, digit: str, optional: str) -> str:
    """The document number; one of over nine signs goes on in the optional field, where its check digit is too."""
    if digit == "<" and "<" not in first and optional:
        rest = optional.split("<", 1)[0]
        if len(rest) < 2:
            raise Malformed("the document number goes on nowhere")
        _holds("document number", first + rest[:-1], rest[-1])
        return first + rest[:-1]
    _holds("document number", first, digit)
    number = first.rstrip("<")
    if not number:
        raise Malformed("the document number is empty")
    return number


def _day(what: str, text: str, digit: str, unknown: bool) -> None:
    _kind(what, r"([0-9]{2}|<<){3}" if unknown else r"[0-9]{6}", text)
    _holds(what, text, digit)
    month, day = text[2:4], text[4:]
    if (month != "<<" and not 1 <= int(month) <= 12) or (day != "<<" and not 1 <= int(day) <= 31):
        raise Malformed(f"the {what} is no day")


def _names(text: str) -> None:
    _kind("name", _LETTERS, text)
    if text.startswith("<"):
        raise Malformed("the name is empty")


def _kind(what: str, pattern: str, text: str) -> None:
    if not re.fullmatch(pattern, text):
        raise Malformed(f"the {what} has a sign that cannot stand there (O for 0? I for 1?): it was misread")


def _holds(what: str, text: str, digit: str) -> None:
    if digit != check_digit(text):
        raise Malformed(f"the check digit of the {what} does not hold: it was misread")
