"""What a log says of an exception: of ours its words, of any other its kind and where it was raised.

Python's own exceptions quote what they were given, which may be what a traveller showed: `invalid literal for int()`
goes on with it. Ours are written so that they hold nothing of anybody's, and what the system says is of files.
"""

import logging
import sys
import traceback

from gatefw.errors import GateError


class Formatter(logging.Formatter):
    """As ever, but for exceptions: see `told`."""

    def format(self, record: logging.LogRecord) -> str:
        record.exc_text = None  # what another one made of it
        return super().format(record)

    def formatException(self, ei: "logging._SysExcInfoType") -> str:  # noqa: N802  the name that logging calls
        return "" if ei[1] is None else told(ei[1]).rstrip()


def begin(level: int, pattern: str) -> None:
    """Let what is logged from `level` on go to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Formatter(pattern))
    logging.basicConfig(level=level, handlers=[handler])


def told(error: BaseException) -> str:
    """As a traceback tells it, and what led to it, without the words of exceptions that are not ours."""
    led = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    before = "" if led is None else told(led) + "\nwhich led to:\n\n"
    says = f": {error}" if isinstance(error, GateError | OSError) else ""
    frames = "".join(traceback.format_tb(error.__traceback__))
    return f"{before}Traceback (most recent call last):\n{frames}{type(error).__qualname__}{says}\n"
