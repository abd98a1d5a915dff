"""Contactless e-Channel: an ID card or QR code in front, the face inside. Nothing is touched.

An identifier can be copied; it is safe only because a face follows (1:1 against the registered template), as it does
after a signed token. A card that cannot be read is no end: the lane takes the traveller's QR code as well. A face that
could not be captured is nobody's fault: the traveller is referred to the counter, not refused.
"""

from gatefw.clearance import Procedure, Terms, allowed, matched, turned_away
from gatefw.model import Decision, LetIn, LookUpRecord, Reason, RecordFound, Token, Verdict, VerifyFace

FACE_FOLLOWS = True
INSIDE = ("face_deadline_s",)


def clear(token: Token, terms: Terms) -> Procedure:
    """Token -> record -> rules -> inside -> face -> decision."""
    found = yield LookUpRecord(token)
    if not isinstance(found, RecordFound):
        return turned_away(found)
    if refusal := (yield from allowed(terms, found.subject)):
        return refusal
    yield LetIn()
    compared = yield VerifyFace(found.subject, terms.face_deadline_s)
    if not matched(compared):
        return turned_away(compared, found.subject)
    return Decision(Verdict.ADMIT, Reason.OK, found.subject)
