"""Document-free passage (2024): no document at all. A face among many in front, then finger and face inside.

The face alone is not enough here, and need not be: finger and face are compared with the record that was found, so the
gallery may be larger than a face alone could bear. What was read is shown, and the entry door opens only after the
traveller has said that it is they: a false hit would else walk in under another's name.
"""

from gatefw.clearance import Beginning, Procedure, Terms, allowed, face_and_finger, turned_away
from gatefw.model import Confirm, Confirmed, Decision, FaceIdentified, IdentifyFace, LetIn, Reason, Token, Verdict

BEGINS = Beginning.PRESENCE
FACE_FOLLOWS = True
IN_FRONT = ("identify_s", "confirm_s")
INSIDE = ("face_deadline_s", "finger_s")


def clear(_token: Token, terms: Terms) -> Procedure:
    """Face (1:N) -> rules -> "is this you?" -> inside -> finger and face together -> decision."""
    found = yield IdentifyFace(terms.identify_s)
    if not isinstance(found, FaceIdentified):
        return turned_away(found)
    who = found.subject
    if refusal := (yield from allowed(terms, who)):
        return refusal
    said = yield Confirm(who, terms.confirm_s)
    if not isinstance(said, Confirmed):
        return turned_away(said, who)
    yield LetIn()
    if refusal := (yield from face_and_finger(who, terms)):
        return refusal
    return Decision(Verdict.ADMIT, Reason.OK, who)
