"""Whether what is printed may be coloured: on a terminal alone, and as whoever sits there wants it."""

import os
from collections.abc import Mapping
from typing import TextIO

DUMB = ("dumb", "unknown")


def coloured(out: TextIO, env: Mapping[str, str] = os.environ) -> bool:
    """NO_COLOR says no, FORCE_COLOR yes, if they are not empty; else a terminal that is not dumb may."""
    if env.get("NO_COLOR"):
        return False
    return bool(env.get("FORCE_COLOR")) or (out.isatty() and env.get("TERM") not in DUMB)
