"""Flight Token check-in (2022): the document and one look at the face, at a counter; then the face is the token.

Face and data are kept for this journey alone, in its partition of the gallery, and end with it.
"""

from gatefw.clearance import Procedure, Terms, allowed, matched, turned_away
from gatefw.model import (
    Decision,
    DocumentRead,
    Enrolled,
    EnrolTraveller,
    ReadDocument,
    Reason,
    Token,
    Verdict,
    VerifyPortrait,
)

FACE_FOLLOWS = True
IN_FRONT = ("document_s", "face_deadline_s", "face_deadline_s")


def clear(token: Token, terms: Terms) -> Procedure:
    """What is printed -> chip -> rules -> face against the portrait -> registered for the journey."""
    document = yield ReadDocument(token.payload, terms.document_s)
    if not isinstance(document, DocumentRead):
        return turned_away(document)
    if refusal := (yield from allowed(terms, document=document)):
        return refusal
    compared = yield VerifyPortrait(document.portrait, terms.face_deadline_s)
    if not matched(compared):
        return turned_away(compared)
    enrolled = yield EnrolTraveller(document, terms.face_deadline_s)
    if not isinstance(enrolled, Enrolled):
        return turned_away(enrolled)
    if enrolled.twice:
        return Decision(Verdict.REFER, Reason.ENROLLED_TWICE, enrolled.subject)
    return Decision(Verdict.ADMIT, Reason.OK, enrolled.subject)
