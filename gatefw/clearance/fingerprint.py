"""e-Channel (2004): an ID card in front, a finger inside.

Worn, dry and wet fingers are its known failure: a finger is asked for several times, and one that cannot be read gives
way to the face where the lane file allows it (`face_after_finger`). A finger that differs never does.
"""

from gatefw.clearance import FACE_INSTEAD, Procedure, Terms, allowed, finger, matched, turned_away
from gatefw.model import Decision, Failed, LetIn, LookUpRecord, Reason, RecordFound, Token, Verdict, VerifyFace

FINGER_FOLLOWS = True
INSIDE = ("finger_s", "face_deadline_s")


def clear(token: Token, terms: Terms) -> Procedure:
    """Token -> record -> rules -> inside -> finger (or face) -> decision."""
    found = yield LookUpRecord(token)
    if not isinstance(found, RecordFound):
        return turned_away(found)
    if refusal := (yield from allowed(terms, found.subject)):
        return refusal
    yield LetIn()
    compared = yield from finger(found.subject, terms)
    if terms.face_after_finger and isinstance(compared, Failed) and compared.reason in FACE_INSTEAD:
        compared = yield VerifyFace(found.subject, terms.face_deadline_s)
    if not matched(compared):
        return turned_away(compared, found.subject)
    return Decision(Verdict.ADMIT, Reason.OK, found.subject)
