"""Clearance procedures: what a lane asks of a traveller. One file each, found by its name in the config.

A procedure is a generator. It yields a `Request`, is sent the `Reply`, and returns a `Decision`. It knows no device, no
clock and no other procedure; a deadline is part of what it asks. It may be closed at any yield, when the lane ends the
run itself (tailgating, emergency, lost device), and must not care.

    def clear(token: Token, terms: Terms) -> Procedure:
        found = yield LookUpRecord(token)
        ...
        return Decision(Verdict.ADMIT, Reason.OK, found.subject)

A file in which nobody is admitted without a look at their face says `FACE_FOLLOWS = True`; only there may a lane take
identifiers that can be copied (`[tokens] static`).
"""

import pkgutil
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module

from gatefw.errors import SetupError
from gatefw.model import Decision, Reply, Request, Token

Procedure = Generator[Request, Reply, Decision]


@dataclass(frozen=True, slots=True)
class Terms:
    """What the lane file grants a procedure."""

    face_deadline_s: float = 8.0


Clear = Callable[[Token, Terms], Procedure]


def names() -> list[str]:
    """The procedures there are."""
    return sorted(found.name for found in pkgutil.iter_modules(__path__))


def load(name: str) -> Clear:
    """The procedure of that name. Raises SetupError with the nearest name there is."""
    if name not in names():
        near = get_close_matches(name, names(), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise SetupError(f"clearance procedure {name!r} not found among {', '.join(names())}{hint}")
    clear: Clear = import_module(f"{__name__}.{name}").clear
    return clear


def face_follows(name: str) -> bool:
    """Whether the procedure of that name admits nobody without a look at their face. Raises SetupError as `load`."""
    return getattr(sys.modules[load(name).__module__], "FACE_FOLLOWS", False) is True
