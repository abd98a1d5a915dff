"""Smart departure (2017): a visitor's electronic travel document in front, their face inside, nobody registered before.

The face is compared with the portrait out of the document's chip, which was proven before (ICAO 9303-11, -12). Nothing
of it is kept: document and portrait end with the run.
"""

from gatefw.clearance import Procedure, Terms, allowed, matched, turned_away
from gatefw.model import Decision, DocumentRead, LetIn, ReadDocument, Reason, Token, Verdict, VerifyPortrait

FACE_FOLLOWS = True
IN_FRONT = ("document_s",)
INSIDE = ("face_deadline_s",)


def clear(token: Token, terms: Terms) -> Procedure:
    """What is printed -> chip -> rules -> inside -> face against the portrait -> decision."""
    document = yield ReadDocument(token.payload, terms.document_s)
    if not isinstance(document, DocumentRead):
        return turned_away(document)
    if refusal := (yield from allowed(terms, document=document)):
        return refusal
    yield LetIn()
    compared = yield VerifyPortrait(document.portrait, terms.face_deadline_s)
    if not matched(compared):
        return turned_away(compared)
    return Decision(Verdict.ADMIT, Reason.OK)
