"""A lane that goes both ways: one file, in which `[reversed]` holds the tables that are different the other way round.

Which way it goes stands in the state directory, where every process of the lane looks when it starts. It is turned by
`gatefw reverse` alone, between an end and a start of the daemon. A vision process may have a state directory of its
own, or run on meanwhile: it says which way it has the lane, and where that differs its cameras are the wrong ones.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

REVERSED = "reversed"
"""The table in the lane file, and the file in the state directory that is there while the lane goes that way."""


def is_reversed(state: Path) -> bool:
    """Whether the lane of this state directory goes the other way now."""
    return (state / REVERSED).exists()


def turn(state: Path) -> bool:
    """Let the lane go the other way from its next start on; whether it is reversed then. Raises OSError."""
    mark = state / REVERSED
    if mark.exists():
        mark.unlink()
    else:
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    directory = os.open(state, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    return mark.exists()


def one_way(tables: Mapping[str, Any], reverse: bool) -> dict[str, Any]:
    """The tables of a lane file as they are this way; the other way, those of `[reversed]` are laid over them."""
    plain = {name: table for name, table in tables.items() if name != REVERSED}
    other = tables.get(REVERSED, {})
    return _over(plain, other) if reverse and isinstance(other, dict) else plain


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    both = dict(below)
    for key, value in above.items():
        under = both.get(key)
        both[key] = _over(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return both
