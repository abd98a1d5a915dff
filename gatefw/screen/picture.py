"""What to show: of a line of the display socket, a picture with words. What is not understood is closed.

A sign is a file of data/screen; a tone is how the page is coloured, and says nothing that sign and words do not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from gatefw.model import Phase, Reason
from gatefw.words import Words

Line = Mapping[str, Any]


class Place(StrEnum):
    """Where the screen hangs. WHOLE: it is the lane's only one."""

    FRONT = "front"
    INSIDE = "inside"
    WHOLE = "whole"


@dataclass(frozen=True, slots=True)
class Picture:
    """words: a language's tag and sentence each, in the order of display. facts: the same, of each row its name, and
    its value. run: of what is to be confirmed, "" while nothing is. buttons: for confirm and decline.
    """

    sign: str
    tone: str
    words: tuple[tuple[str, str], ...]
    run: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    buttons: tuple[str, ...] = ()

    def told(self) -> dict[str, object]:
        return asdict(self)


SIGNS: dict[Phase, tuple[str, str]] = {
    Phase.RECOVERING: ("wait", "calm"),
    Phase.IDLE: ("present", "calm"),
    Phase.TOKEN_PRESENTED: ("wait", "calm"),
    Phase.ENTRY_RELEASED: ("go", "go"),
    Phase.ENTERING: ("go", "go"),
    Phase.VERIFYING: ("look", "calm"),
    Phase.EXIT_RELEASED: ("go", "go"),
    Phase.LEAVING: ("go", "go"),
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
_HINTED = {
    Reason.TWO_FACES: "one",
    Reason.FACE_TOO_SMALL: "closer",
    Reason.TOO_DARK: "light",
    Reason.TOO_BRIGHT: "light",
    Reason.UNEVEN_LIGHT: "light",
    Reason.NO_FRAME: "wait",
}
_AT_THE_FRONT = {Phase.IDLE, Phase.TOKEN_PRESENTED, Phase.ENTRY_RELEASED}
_INSIDE = {
    Phase.ENTERING,
    Phase.VERIFYING,
    Phase.EXIT_RELEASED,
    Phase.LEAVING,
    Phase.REFUSED,
    Phase.REFERRED,
    Phase.HOLD,
}
_BEFORE_THE_CAMERA = {Phase.TOKEN_PRESENTED, Phase.VERIFYING}


def silent(place: Place, tongues: Sequence[Words]) -> Picture:
    """When nobody says anything: in front the lane is closed, whoever is inside may go."""
    phase = Phase.DEGRADED if place is not Place.FRONT else Phase.OUT_OF_SERVICE
    sign = "closed" if place is Place.FRONT else "help"
    return Picture(sign, "stop", _said(tongues, lambda words: words.prompt(phase)))


def picture(line: Line, place: Place, tongues: Sequence[Words]) -> Picture:
    """What a screen at `place` shows of `line`."""
    said = line.get("phase")
    if not isinstance(said, str) or said not in set(Phase):
        return silent(place, tongues)
    phase = _seen(Phase(said), place)
    if (asked := _asked(line)) and phase is Phase.TOKEN_PRESENTED:
        return _confirm(*asked, tongues)
    reason, hint = _reason(line.get("reason")), _reason(line.get("hint"))
    before_the_camera = hint is not None and phase in _BEFORE_THE_CAMERA
    sign, tone = SIGNS[phase]
    if before_the_camera and hint is not None:
        sign = _HINTED.get(hint, "look")
    elif phase is Phase.IDLE and reason is not None:  # the one before them was turned away, and may stand there still
        sign, tone = "counter", "act"
    return Picture(sign, tone, _said(tongues, lambda words: words.prompt(phase, reason, hint)))


def _seen(phase: Phase, place: Place) -> Phase:
    """Whoever waits in front has nothing to do with what goes on inside, and the other way round."""
    if place is Place.FRONT and phase in _INSIDE:
        return Phase.RECOVERING
    if place is Place.FRONT and phase in (Phase.EVACUATED, Phase.DEGRADED, Phase.FAULT):
        return Phase.OUT_OF_SERVICE
    return Phase.RECOVERING if place is Place.INSIDE and phase in _AT_THE_FRONT else phase


def _asked(line: Line) -> tuple[str, Mapping[str, Any]] | None:
    asked = line.get("confirm")
    if not isinstance(asked, Mapping):
        return None
    run, facts = asked.get("run"), asked.get("facts")
    return (run, facts) if isinstance(run, str) and isinstance(facts, Mapping) else None


def _confirm(run: str, facts: Mapping[str, Any], tongues: Sequence[Words]) -> Picture:
    def each(say: Any) -> str:
        return " / ".join(dict.fromkeys(say(words) for words in tongues))

    rows = tuple((each(lambda words, name=name: words.fact(name)), str(value)) for name, value in facts.items())
    buttons = tuple(each(lambda words, touch=touch: words.button(touch)) for touch in ("confirm", "decline"))
    return Picture("you", "calm", _said(tongues, lambda words: words.asked("Confirm")), run, rows, buttons)


def _reason(code: object) -> Reason | None:
    return Reason(code) if isinstance(code, str) and code in set(Reason) else None


def _said(tongues: Sequence[Words], say: Any) -> tuple[tuple[str, str], ...]:
    return tuple((words.language.replace("_", "-"), say(words)) for words in tongues)
