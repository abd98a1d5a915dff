"""A log of the gate: where a mistake was made, and nothing of what somebody showed."""

import io
import logging
import subprocess
import sys

from gatefw.errors import BadReply
from gatefw.log_words import Formatter

CARD = "C01X00T47"


def logged(error: Exception) -> str:
    """What comes of it in a log."""
    told = io.StringIO()
    handler = logging.StreamHandler(told)
    handler.setFormatter(Formatter("%(levelname)s %(message)s"))
    log = logging.Logger("of this test")
    log.addHandler(handler)
    log.error("reader.front", exc_info=error)
    return told.getvalue()


def raised(how: type[Exception] | None = None) -> Exception:
    """An exception that quotes a card; where `how` is given, one of ours that came of it."""
    try:
        try:
            int(CARD)
        except ValueError as problem:
            if how is None:
                raise
            raise how("reader: an answer of 9 bytes, at most 8 are wanted") from problem
    except Exception as error:  # noqa: BLE001  to be looked at
        return error
    raise AssertionError


def test_an_exception_that_is_not_ours_is_told_by_kind_and_place_and_not_by_what_it_quotes() -> None:
    found = logged(raised())
    assert found.startswith("ERROR reader.front\nTraceback (most recent call last):\n")
    assert "    int(CARD)\n" in found
    assert found.endswith("\nValueError\n")
    assert CARD not in found


def test_one_of_ours_is_told_with_its_words_and_without_those_of_what_led_to_it() -> None:
    found = logged(raised(BadReply))
    assert "ValueError\n\nwhich led to:\n\nTraceback" in found
    assert found.endswith("BadReply: reader: an answer of 9 bytes, at most 8 are wanted\n")
    assert CARD not in found


def test_what_the_system_says_is_told() -> None:
    assert logged(OSError(28, "No space left on device")).endswith("OSError: [Errno 28] No space left on device\n")


def test_what_a_process_logs_is_told_so() -> None:
    """One that asked for it as commands and the vision process do."""
    does = f"""
import logging
from gatefw import log_words
log_words.begin(logging.WARNING, "%(levelname)s %(message)s")
card = {CARD!r}
try:
    int(card)
except ValueError:
    logging.getLogger("gatefw").exception("clerk")
"""
    told = subprocess.run([sys.executable, "-c", does], check=True, capture_output=True, text=True).stderr
    assert told.startswith("ERROR clerk\nTraceback")
    assert told.endswith("\nValueError\n")
    assert CARD not in told
