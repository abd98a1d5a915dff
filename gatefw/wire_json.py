"""Messages between our own processes: one JSON object a line, capped, decoded strictly."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from gatefw.errors import BadReply

LINE_BYTES = 64 * 1024


def encode(message: Mapping[str, object]) -> bytes:
    """One line, its end included. Raises ValueError or TypeError for what JSON has no word for (NaN, bytes)."""
    return json.dumps(message, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """The object in `line`. Raises BadReply: not UTF-8, not JSON, not an object, nested too deeply, NaN or infinite."""
    try:
        message = json.loads(line.decode(), parse_constant=_no_number, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise BadReply(f"message: not a line of JSON: {error}") from error
    if not isinstance(message, dict):
        raise BadReply(f"message: a JSON object is wanted, this is {type(message).__name__}")
    return message


class Lines:
    """Cuts a byte stream into lines and never holds more than `limit` bytes of an unfinished one."""

    def __init__(self, limit: int = LINE_BYTES) -> None:
        self._limit, self._rest = limit, b""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Every line that `chunk` finished, without its end; read it to the end before feeding again.

        Raises BadReply, after the lines before it, at a line longer than the limit: close the connection then, for
        where the next one begins is anybody's guess.
        """
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            self._limited(line)
            yield line
        self._limited(self._rest)

    def _limited(self, line: bytes) -> None:
        if len(line) > self._limit:
            self._rest = b""
            raise BadReply(f"message: longer than {self._limit} bytes")


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:40]} is larger than any number here may be")
    return number
