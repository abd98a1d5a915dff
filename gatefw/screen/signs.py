"""Which sign stands for what. A sign is a file of data/screen/signs, and understood without a word."""

from gatefw.model import Phase, Reason
from gatefw.words import traveller

PHASES: dict[Phase, tuple[str, str]] = {
    Phase.RECOVERING: ("wait", "calm"),
    Phase.IDLE: ("present", "calm"),
    Phase.TOKEN_PRESENTED: ("wait", "calm"),
    Phase.ENTRY_RELEASED: ("go", "go"),
    Phase.ENTERING: ("step", "go"),
    Phase.VERIFYING: ("look", "calm"),
    Phase.EXIT_RELEASED: ("through", "go"),
    Phase.LEAVING: ("through", "go"),
    Phase.REFUSED: ("back", "act"),
    Phase.REFERRED: ("counter", "act"),
    Phase.HOLD: ("staff", "act"),
    Phase.EVACUATED: ("leave", "stop"),
    Phase.DEGRADED: ("closed", "stop"),
    Phase.FAULT: ("closed", "stop"),
    Phase.MAINTENANCE: ("closed", "stop"),
    Phase.EXERCISE: ("closed", "stop"),
    Phase.OUT_OF_SERVICE: ("closed", "stop"),
}
"""Sign and tone of each phase, where nothing more is known."""
WELCOMES = {"presence": "step", "card": "card", "code": "code", "document": "document"}
"""By what begins a passage, where that is one thing alone."""
HINTS = {
    Reason.TWO_FACES: "one",
    Reason.FACE_TOO_SMALL: "closer",
    Reason.PARTIAL_FACE: "uncover",
    Reason.TOO_DARK: "light",
    Reason.TOO_BRIGHT: "shade",
    Reason.UNEVEN_LIGHT: "shade",
    Reason.HEAD_TILTED: "upright",
    Reason.BLURRED: "still",
    Reason.LOW_CONTRAST: "still",
    Reason.OK: "still",
    Reason.NO_FRAME: "wait",
}
"""What mends a face; any other hint asks to look."""
ADVICE = {
    traveller.AGAIN: "again",
    traveller.READ_AGAIN: "again",
    traveller.OTHER_LANE: "other",
    traveller.OTHER_PLACE: "other",
    traveller.UNAVAILABLE: "other",
    traveller.DOCUMENT: "document",
    traveller.FINGER: "finger",
    traveller.FACE: "look",
    traveller.ONE: "one",
    traveller.WAY_OUT: "leave",
    traveller.TURN: "back",
    traveller.CLEAR: "clear",
    traveller.WAIT: "staff",
    traveller.CLOSED: "closed",
    traveller.EMERGENCY: "leave",
}
"""What somebody may do who was turned away in front; any other reason is the way to the counter."""


def of_advice(reason: Reason) -> str:
    """The sign of what a traveller is advised to do."""
    return ADVICE.get(traveller.ADVICE.get(reason, traveller.COUNTER), "counter")
