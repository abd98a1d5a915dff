"""A face among few, and nothing else: Flight Token touchpoints, Chung Ying Street, Hetao.

Fit only for a gallery so small that this model can tell its people apart (`[gallery]` in the lane file); a larger one
is refused at the start, not tuned into working. One that outgrows the model later closes the lane, or where the file
says so (`outgrown = "finger"`) whoever is found shows a finger as well. Where a door closes behind the traveller the
face is looked at again (`second_look`), since somebody else could have stepped in. Two looks at one face are not two
factors.
"""

from gatefw.clearance import (
    Beginning,
    Part,
    Procedure,
    Terms,
    allowed,
    face_and_finger,
    matched,
    swapped,
    turned_away,
)
from gatefw.model import Decision, FaceIdentified, IdentifyFace, LetIn, Reason, Token, Verdict, VerifyFace

BEGINS = Beginning.PRESENCE
FACE_FOLLOWS = True
IN_FRONT = ("identify_s",)
INSIDE = ("face_deadline_s",)
MORE = ("finger_s",)


def clear(_token: Token, terms: Terms) -> Procedure:
    """Face (1:N) -> rules, and authorities -> inside, face again (1:1), and finger if need be -> decision."""
    found = yield IdentifyFace(terms.identify_s)
    if not isinstance(found, FaceIdentified):
        return turned_away(found)
    if refusal := (yield from allowed(terms, found.subject)):
        return refusal
    if terms.second_look:
        yield LetIn()
        if refusal := (yield from _again(found, terms)):
            return refusal
    elif found.more_evidence:  # the finger belongs to the second look: `check` says so
        return Decision(Verdict.REFER, Reason.GALLERY_TOO_LARGE, found.subject)
    return Decision(Verdict.ADMIT, Reason.OK, found.subject)


def _again(found: FaceIdentified, terms: Terms) -> Part:
    """The second look, at as much as the gallery's size demands."""
    if found.more_evidence:
        return (yield from face_and_finger(found.subject, terms))
    compared = yield VerifyFace(found.subject, terms.face_deadline_s)
    return None if matched(compared) else swapped(compared, found.subject)
