"""Clearance procedures: what a lane asks of a traveller. One file each, found by its name in the config.

A procedure is a generator. It yields a `Request`, is sent the `Reply`, and returns a `Decision`. It knows no device, no
clock and no other procedure; a deadline is part of what it asks. It may be closed at any yield, when the lane ends the
run itself (tailgating, emergency, lost device), and must not care.

    def clear(token: Token, terms: Terms) -> Procedure:
        found = yield LookUpRecord(token)
        ...
        return Decision(Verdict.ADMIT, Reason.OK, found.subject)

A file in which nobody is admitted without a look at their face says `FACE_FOLLOWS = True`, one in which it may be their
finger `FINGER_FOLLOWS = True`; only there may a lane take identifiers that can be copied (`[tokens] static`). One that
begins when somebody stands before the lane, without a token, says `BEGINS = Beginning.PRESENCE`. One that asks for more
than a look-up before anybody is inside names the terms of it, `IN_FRONT = ("identify_s",)`, and so of what it asks of
whoever is inside, `INSIDE = ("face_deadline_s",)`, and of what it can ask there besides while the gallery has outgrown
the model, `MORE = ("finger_s",)`: the lane's own time-outs stand behind them. What several procedures have in common is
below, as parts of generators.
"""

import pkgutil
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from importlib import import_module

from gatefw.errors import SetupError
from gatefw.model import (
    AllAnswered,
    AskAuthorities,
    CheckEligibility,
    Cleared,
    Decision,
    DocumentRead,
    Eligible,
    FaceCompared,
    Failed,
    FingerCompared,
    Ineligible,
    Reason,
    Reply,
    Request,
    SubjectId,
    Together,
    Token,
    Verdict,
    VerifyFace,
    VerifyFinger,
)

Procedure = Generator[Request, Reply, Decision]
Part = Generator[Request, Reply, Decision | None]
"""A part of a procedure: the decision to turn somebody away, or None to go on."""


class Beginning(StrEnum):
    """What begins a run."""

    TOKEN = "token"  # noqa: S105  a card or a code, not a password
    PRESENCE = "presence"  # somebody stands in front; the procedure is handed an empty token


@dataclass(frozen=True, slots=True)
class Terms:
    """What the lane file grants a procedure; each is explained in `config_tables.Clearance`."""

    face_deadline_s: float = 8.0
    identify_s: float = 6.0
    confirm_s: float = 15.0
    finger_s: float = 8.0
    finger_tries: int = 3
    face_after_finger: bool = False
    second_look: bool = True
    document_s: float = 15.0
    authorities: bool = False
    authority_s: float = 2.0


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
    """Whether that procedure admits nobody without a look at face or finger. Raises SetupError as `load`."""
    return _says(name, "FACE_FOLLOWS") is True or _says(name, "FINGER_FOLLOWS") is True


def beginning(name: str) -> Beginning:
    """What begins a run of the procedure of that name. Raises SetupError as `load`."""
    said = _says(name, "BEGINS")
    return said if isinstance(said, Beginning) else Beginning.TOKEN


def asked(name: str) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """The terms of what that procedure asks one after the other, in front and then inside. Raises as `load`.

    The third are those of what it can ask inside besides, of who was found in a gallery that has outgrown the model.
    """
    in_front, inside, more = (_says(name, what) for what in ("IN_FRONT", "INSIDE", "MORE"))
    return _names(in_front), _names(inside), _names(more)


def _names(said: object) -> tuple[str, ...]:
    return said if isinstance(said, tuple) else ()


def _says(name: str, what: str) -> object:
    return getattr(sys.modules[load(name).__module__], what, None)


# ---------------------------------------------------------------- what procedures have in common

REFUSED_FOR = frozenset(
    {
        Reason.TOKEN_MALFORMED,
        Reason.TOKEN_UNKNOWN,
        Reason.TOKEN_FORGED,
        Reason.TOKEN_EXPIRED,
        Reason.TOKEN_NOT_YET,
        Reason.TOKEN_ELSEWHERE,
        Reason.TOKEN_REPLAYED,
        Reason.TOKEN_NOT_ALLOWED,
        Reason.RECORD_EXPIRED,
        Reason.RECORD_REVOKED,
        Reason.NO_CONSENT,
        Reason.CONSENT_WITHDRAWN,
        Reason.DOCUMENT_ALTERED,
        Reason.DOCUMENT_CLONED,
        Reason.DOCUMENT_EXPIRED,
        Reason.DOCUMENT_SIGNER_REVOKED,
        Reason.NOT_IDENTIFIED,
        Reason.DECLINED,
    }
)
"""Failures that are an answer. All others are nobody's fault, or for people to look into: they refer."""
FINGER_AGAIN = frozenset({Reason.NO_FINGER, Reason.FINGER_UNCLEAR})
"""Why a finger is asked for again: it was compared with nothing. One that differs had its layings (`finger_worker`)."""
FACE_INSTEAD = FINGER_AGAIN | {Reason.FINGER_NOT_ENROLLED}
"""Why a lane that allows it looks at the face instead: the finger cannot be had. One that differs is no such reason."""


def turned_away(reply: Reply, subject: SubjectId | None = None) -> Decision:
    """The decision after a reply that leads no further."""
    match reply:
        case Failed(reason):
            return Decision(Verdict.REFUSE if reason in REFUSED_FOR else Verdict.REFER, reason, subject)
        case Ineligible(failed, verdict):
            return Decision(verdict, failed[0][1], subject)
        case FaceCompared():
            return Decision(Verdict.REFUSE, Reason.FACE_MISMATCH, subject)
        case FingerCompared():
            return Decision(Verdict.REFUSE, Reason.FINGER_MISMATCH, subject)
    return Decision(Verdict.REFER, Reason.SOFTWARE, subject)


def matched(reply: Reply) -> bool:
    """Whether a comparison was made, and fits."""
    return isinstance(reply, FaceCompared | FingerCompared) and reply.matched


def swapped(reply: Reply, subject: SubjectId) -> Decision:
    """As `turned_away`, after a face that does not fit the one identified outside: somebody else stepped in."""
    if isinstance(reply, FaceCompared):
        return Decision(Verdict.REFUSE, Reason.PERSON_SWAPPED, subject)
    return turned_away(reply, subject)


def allowed(terms: Terms, subject: SubjectId | None = None, document: DocumentRead | None = None) -> Part:
    """By every rule of the lane file, and by its authorities where it has some."""
    reply = yield CheckEligibility(subject, document)
    if not isinstance(reply, Eligible):
        return turned_away(reply, subject)
    if terms.authorities:
        reply = yield AskAuthorities(subject, document, terms.authority_s)
        if not isinstance(reply, Cleared):
            return turned_away(reply, subject)
    return None


def face_and_finger(subject: SubjectId, terms: Terms) -> Part:
    """Both at once, of somebody who was identified outside; of the finger as many tries as `finger` has."""
    both = yield Together((VerifyFace(subject, terms.face_deadline_s), VerifyFinger(subject, terms.finger_s)))
    if not isinstance(both, AllAnswered):
        return turned_away(both, subject)
    face, first_try = both.answers
    if not matched(face):
        return swapped(face, subject)
    compared = yield from finger(subject, terms, first_try)
    return None if matched(compared) else turned_away(compared, subject)


def finger(subject: SubjectId, terms: Terms, before: Reply | None = None) -> Generator[Request, Reply, Reply]:
    """The finger, at most `finger_tries` times while none can be read; `before` is the reply to a first try. The last
    reply."""
    tries = terms.finger_tries
    if before is not None:
        tries -= 1
    reply = before
    while reply is None or (tries > 0 and isinstance(reply, Failed) and reply.reason in FINGER_AGAIN):
        reply = yield VerifyFinger(subject, terms.finger_s)
        tries -= 1
    return reply
