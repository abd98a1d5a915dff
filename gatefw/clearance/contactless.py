"""Contactless e-Channel: an ID card or QR code in front, the face inside. Nothing is touched.

An identifier can be copied; it is safe only because a face follows (1:1 against the registered template), as it does
after a signed token. A face that could not be captured is nobody's fault: the traveller is referred to the counter, not
refused.
"""

from gatefw.clearance import Procedure, Terms
from gatefw.model import (
    Decision,
    FaceCompared,
    Failed,
    LetIn,
    LookUpRecord,
    Reason,
    RecordFound,
    Token,
    Verdict,
    VerifyFace,
)

FACE_FOLLOWS = True
REFUSE_IN_FRONT = {
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
}


def clear(token: Token, terms: Terms) -> Procedure:
    """Token -> record -> inside -> face -> decision."""
    found = yield LookUpRecord(token)
    if not isinstance(found, RecordFound):
        reason = found.reason if isinstance(found, Failed) else Reason.SOFTWARE
        return Decision(Verdict.REFUSE if reason in REFUSE_IN_FRONT else Verdict.REFER, reason)
    yield LetIn()
    compared = yield VerifyFace(found.subject, terms.face_deadline_s)
    if not isinstance(compared, FaceCompared):
        reason = compared.reason if isinstance(compared, Failed) else Reason.SOFTWARE
        return Decision(Verdict.REFER, reason, found.subject)
    if not compared.matched:
        return Decision(Verdict.REFUSE, Reason.FACE_MISMATCH, found.subject)
    return Decision(Verdict.ADMIT, Reason.OK, found.subject)
