"""A face among few, and nothing else: Flight Token touchpoints, Chung Ying Street, Hetao.

Fit only for a gallery so small that this model can tell its people apart (`[gallery]` in the lane file); a larger one
is refused at the start, not tuned into working. Where a door closes behind the traveller the face is looked at again
(`second_look`), since somebody else could have stepped in. Two looks at one face are not two factors.
"""

from gatefw.clearance import Beginning, Procedure, Terms, allowed, matched, swapped, turned_away
from gatefw.model import Decision, FaceIdentified, IdentifyFace, LetIn, Reason, Token, Verdict, VerifyFace

BEGINS = Beginning.PRESENCE
FACE_FOLLOWS = True
IN_FRONT = ("identify_s",)
INSIDE = ("face_deadline_s",)


def clear(_token: Token, terms: Terms) -> Procedure:
    """Face (1:N) -> rules, and authorities -> inside, face again (1:1) -> decision."""
    found = yield IdentifyFace(terms.identify_s)
    if not isinstance(found, FaceIdentified):
        return turned_away(found)
    if refusal := (yield from allowed(terms, found.subject)):
        return refusal
    if terms.second_look:
        yield LetIn()
        compared = yield VerifyFace(found.subject, terms.face_deadline_s)
        if not matched(compared):
            return swapped(compared, found.subject)
    return Decision(Verdict.ADMIT, Reason.OK, found.subject)
