"""What travellers read, in English, the source of all translations: what to do now, without blame or cause."""

from gatefw.model import Phase, Reason

PROMPTS: dict[Phase, str] = {
    Phase.RECOVERING: "One moment, please",
    Phase.IDLE: "Welcome. Please present your document, card or code",
    Phase.TOKEN_PRESENTED: "One moment, please",
    Phase.ENTRY_RELEASED: "Please step in, one person at a time",
    Phase.ENTERING: "Please step forward. The door is closing behind you",
    Phase.VERIFYING: "Please look at the camera",
    Phase.EXIT_RELEASED: "Thank you. Please go through",
    Phase.LEAVING: "Thank you. Please walk on",
    Phase.REFUSED: "Please go back the way you came. Staff will help you",
    Phase.REFERRED: "Please go to the counter. Staff will help you",
    Phase.HOLD: "Please wait here. An officer is coming to help you",
    Phase.EVACUATED: "Please leave now by the open door",
    Phase.DEGRADED: "This lane is closed. If you are inside, leave by the open door or wait for staff",
    Phase.FAULT: "This lane is closed. If you are inside, leave by the open door or wait for staff",
    Phase.MAINTENANCE: "This lane is closed. Please use another one",
    Phase.EXERCISE: "This lane is closed. Please use another one",
    Phase.OUT_OF_SERVICE: "This lane is closed. Please use another one",
}
"""What the screen asks for in each phase."""

HINTS: dict[Reason, str] = {
    Reason.NO_FACE: "Please look at the camera",
    Reason.TWO_FACES: "One person before the camera, please",
    Reason.FACE_TOO_SMALL: "Please come closer",
    Reason.TOO_DARK: "Please step into the light",
    Reason.TOO_BRIGHT: "Too much light: please step aside a little",
    Reason.BLURRED: "Please stand still",
    Reason.PARTIAL_FACE: "Please stand in the middle and uncover your face",
    Reason.LOOKING_AWAY: "Please look straight at the camera",
    Reason.HEAD_TILTED: "Please hold your head upright",
    Reason.UNEVEN_LIGHT: "Please turn away from the light at your side",
    Reason.LOW_CONTRAST: "Please stand still and look at the camera",
    Reason.NO_FRAME: "One moment, please",
    Reason.OK: "Thank you. Please stay as you are",
}
"""What mends a face that cannot be compared."""

ASKED: dict[str, str] = {
    "LookUpRecord": "One moment, please",
    "VerifyFace": "Please look at the camera",
    "VerifyFinger": "Please lay your finger on the scanner",
    "ReadDocument": "Please leave your document on the reader",
    "VerifyPortrait": "Please look at the camera",
    "IdentifyFace": "Please look at the camera",
    "CheckEligibility": "One moment, please",
    "Confirm": "Is this you?",
    "AskAuthorities": "One moment, please",
    "EnrolTraveller": "Please look at the camera",
    "out": "Please leave by the open door. Staff will help you",
    "both": "Please lay your finger on the scanner and look at the camera",
    "presence": "Welcome. Please step forward and look at the camera",
    "card": "Welcome. Please hold your card to the reader",
    "code": "Welcome. Please show your code to the reader",
    "document": "Welcome. Please lay your document on the reader",
}
"""What the traveller is asked for, by the request under way; `both`: finger and face at once; `out`: of who is turned
away otherwise than where they came from. From `presence` on by a
lane that is free: one that sees people come, or has readers of one kind alone.
"""

ALONE: dict[str, str] = {
    "open": "This lane is closed. Please leave by the door behind you. It is open",
    "shut": "This lane is closed. Please press the call button, or wait here. Staff will help you",
    "whole": "This lane is closed. If you are inside, press the call button or wait for staff",
}
"""When the lane says nothing: to who is inside, by the door behind them; `whole`: on the lane's only screen."""

BUTTONS: dict[str, str] = {
    "confirm": "Yes, this is me",
    "decline": "No, this is not me",
}

FACTS: dict[str, str] = {
    "document.name": "Name",
    "document.number": "Document number",
    "document.nationality": "Nationality",
    "document.expires": "Valid until",
    "name": "Name",
    "given_name": "Given name",
    "family_name": "Family name",
    "number": "Number",
    "born": "Year of birth",
}
"""What is read out of a document or record to be confirmed."""

# ---------------------------------------------------------------- what follows from a decision

COUNTER = "Please go to the counter. Staff will help you"
AGAIN = "Please try once more"
READ_AGAIN = "This could not be read. Please present it once more"
NEW_CODE = "This code is no longer valid. Please use a new one or go to the counter"
OTHER_LANE = "This code is for another lane. Please ask our staff"
OTHER_PLACE = "This is not your gate. Please ask our staff for the way"
UNAVAILABLE = "This lane cannot help you right now. Please use another one or go to the counter"
DOCUMENT = "Please put your document on the reader and leave it there"
FINGER = "Please lay your finger flat on the scanner"
FACE = "Please face the camera and stand still"
ONE = "One person at a time, please"
WAY_OUT = "Please leave by the open door"
TURN = "Please turn back: this lane leads the other way"
CLEAR = "Please step clear of the door"
WAIT = "Please wait. An officer is coming to help you"
CLOSED = "This lane is closed. Please use another one"
EMERGENCY = "Please leave now by the open door"
THANKS = "Thank you"

ADVICE: dict[Reason, str] = {
    Reason.OK: THANKS,
    **dict.fromkeys((Reason.TOKEN_MALFORMED, Reason.MRZ_MALFORMED, Reason.DOCUMENT_UNREADABLE), READ_AGAIN),
    **dict.fromkeys((Reason.TOKEN_EXPIRED, Reason.TOKEN_REPLAYED), NEW_CODE),
    **dict.fromkeys((Reason.LOOKUP_TIMEOUT, Reason.VERIFY_TIMEOUT, Reason.NOT_CONFIRMED, Reason.NOBODY_ENTERED), AGAIN),
    **dict.fromkeys((Reason.TOKEN_ELSEWHERE, Reason.WRONG_DIRECTION), OTHER_LANE),
    **dict.fromkeys((Reason.WRONG_PLACE, Reason.WRONG_JOURNEY), OTHER_PLACE),
    **dict.fromkeys(
        (
            Reason.RECORDS_UNAVAILABLE,
            Reason.DOCUMENTS_UNAVAILABLE,
            Reason.FINGERS_UNAVAILABLE,
            Reason.VISION_UNAVAILABLE,
            Reason.LIVENESS_UNAVAILABLE,
            Reason.TIME_UNVERIFIED,
            Reason.JOURNAL_FULL,
        ),
        UNAVAILABLE,
    ),
    **dict.fromkeys((Reason.NO_DOCUMENT, Reason.DOCUMENT_REMOVED, Reason.DOCUMENT_TIMEOUT), DOCUMENT),
    **dict.fromkeys((Reason.NO_FINGER, Reason.FINGER_UNCLEAR), FINGER),
    **dict.fromkeys((Reason.NO_FACE, Reason.FACE_TOO_SMALL, Reason.PARTIAL_FACE, Reason.LOOKING_AWAY), FACE),
    **dict.fromkeys((Reason.HEAD_TILTED, Reason.BLURRED, Reason.NO_FRAME, Reason.LOW_CONTRAST), FACE),
    **dict.fromkeys((Reason.TWO_FACES, Reason.TAILGATING, Reason.PERSON_SWAPPED), ONE),
    Reason.WILL_NOT_LEAVE: WAY_OUT,
    Reason.WRONG_WAY: TURN,
    **dict.fromkeys((Reason.HELD_OPEN, Reason.OBSTRUCTED), CLEAR),
    **dict.fromkeys((Reason.CALLED, Reason.HELD), WAIT),
    **dict.fromkeys((Reason.CLOSED, Reason.MAINTENANCE), CLOSED),
    **dict.fromkeys((Reason.FIRE, Reason.EVACUATED), EMERGENCY),
}
"""By what the lane decided; of every other reason only `COUNTER`: who stands behind them reads the screen as well."""
