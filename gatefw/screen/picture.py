"""What to show: of a line of the display socket, a picture with words. What is not understood is closed.

A tone is how the page is coloured, and says nothing that sign and words do not.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import partial
from typing import Any

from gatefw.model import Asked, DoorId, Phase, Reason
from gatefw.screen import signs
from gatefw.screen.lane import UNKNOWN, Lane
from gatefw.words import Words

Line = Mapping[str, Any]
Say = Callable[[Words], str]
Said = tuple[tuple[str, str], ...]
"""A language's tag and text, of each language that is shown."""
Scene = tuple[str, str, Say]
"""Sign, tone, and what is said."""


class Place(StrEnum):
    """Where the screen hangs. WHOLE: it is the lane's only one."""

    FRONT = "front"
    INSIDE = "inside"
    WHOLE = "whole"


@dataclass(frozen=True, slots=True)
class Picture:
    """words: what is said, in the order of display. facts: of each row its name and its value. run: of what is to be
    confirmed, "" while nothing is. buttons: for confirm and decline. audio: whether the page may be heard.
    """

    sign: str
    tone: str
    words: Said
    run: str = ""
    facts: tuple[tuple[Said, str], ...] = ()
    buttons: tuple[Said, ...] = ()
    audio: bool = False

    def told(self) -> dict[str, object]:
        return asdict(self)


_AT_THE_FRONT = {Phase.IDLE, Phase.TOKEN_PRESENTED, Phase.ENTRY_RELEASED}
_ADMITTED = {Phase.EXIT_RELEASED, Phase.LEAVING}
_INSIDE = {*_ADMITTED, Phase.ENTERING, Phase.VERIFYING, Phase.REFUSED, Phase.REFERRED, Phase.HOLD}
_CLOSED_AROUND = (Phase.DEGRADED, Phase.FAULT)
"""When a lane closes, and somebody may be inside."""
_ASKS = {Phase.TOKEN_PRESENTED, Phase.VERIFYING}
"""When a lane asks something of whom it serves."""
_FACES = {
    Asked.VERIFY_FACE: "VerifyFace",
    Asked.VERIFY_PORTRAIT: "VerifyPortrait",
    Asked.IDENTIFY_FACE: "IdentifyFace",
    Asked.ENROL_TRAVELLER: "EnrolTraveller",
}


def silent(place: Place, tongues: Sequence[Words], lane: Lane = UNKNOWN) -> Picture:
    """When nobody says anything: in front the lane is closed, whoever is inside is told how they get out.

    No door behind them is said to be open unless the lane said beforehand that it opens by itself then.
    """
    scene: Scene = ("closed", "stop", lambda words: words.prompt(Phase.OUT_OF_SERVICE))
    if place is not Place.FRONT and lane.behind != "none":
        open_behind = lane.behind == "open"
        if place is Place.INSIDE and open_behind:
            scene = ("open", "stop", lambda words: words.alone("open"))
        elif lane.behind == "shut":
            door = "shut" if place is Place.INSIDE else "whole"
            scene = ("help", "stop", lambda words: words.alone(door))
        else:  # nobody has said, or people in front read it as well
            sign = "open" if open_behind else "help"
            scene = (sign, "stop", lambda words: words.prompt(Phase.DEGRADED))
    return _drawn(scene, _spoken(tongues, lane), lane)


def picture(line: Line, place: Place, tongues: Sequence[Words]) -> Picture:
    """What a screen at `place` shows of `line`."""
    lane, said = Lane.heard(line.get("lane")) or UNKNOWN, line.get("phase")
    if not isinstance(said, str) or said not in set(Phase):
        return silent(place, tongues, lane)
    phase, elsewhere = _seen(Phase(said), place), place is Place.FRONT and said in _INSIDE
    spoken = _spoken(tongues, lane, None if elsewhere else line.get("language"))  # of who is served, and for them
    if (asked := _asked(line)) and phase is Phase.TOKEN_PRESENTED:
        return _confirm(*asked, spoken, lane)
    if place is Place.FRONT and said in _ADMITTED:
        return _drawn(_next_in_front(line, lane), spoken, lane)
    sign, tone, say = _scene(line, phase, lane)
    if place is Place.INSIDE and phase in _CLOSED_AROUND:
        sign = "staff"  # no entry is nothing to whoever is in there
    return _drawn((sign, tone, say), spoken, lane)


def _seen(phase: Phase, place: Place) -> Phase:
    """Whoever waits in front has nothing to do with what goes on inside, and the other way round."""
    if place is Place.FRONT and phase in _INSIDE:
        return Phase.RECOVERING
    if place is Place.FRONT and phase in (Phase.EVACUATED, *_CLOSED_AROUND):
        return Phase.OUT_OF_SERVICE
    return Phase.RECOVERING if place is Place.INSIDE and phase in _AT_THE_FRONT else phase


def _scene(line: Line, phase: Phase, lane: Lane) -> Scene:
    reason, hint, asks = _reason(line.get("reason")), _reason(line.get("hint")), _kinds(line.get("asks"))
    if phase is Phase.IDLE:
        return _turned_away(reason) if reason is not None else _welcome(lane)
    if phase in _ASKS and hint is not None and (asks is None or _mends(hint, asks)):
        return signs.HINTS.get(hint, "look"), "calm", lambda words: words.hint(hint)
    if phase in _ASKS and asks is not None:
        return _wanted(asks)
    if phase is Phase.REFUSED and _let_on(line.get("out")):
        return "leave", "act", lambda words: words.asked("out")
    sign, tone = signs.PHASES[phase]
    told = reason if reason is not None and signs.of_advice(reason) == sign else None
    return sign, tone, lambda words: words.prompt(phase, told)  # first they go; what else helps is told in front


def _let_on(doors: object) -> bool:
    """Whether who was turned away is let out by the exit too, so that "back" would send them to a locked door."""
    return isinstance(doors, list) and DoorId.EXIT.value in doors


def _next_in_front(line: Line, lane: Lane) -> Scene:
    """While one who was admitted leaves, the next may be served already, or have been turned away."""
    reason, front = _reason(line.get("reason")), _kinds(line.get("front"))
    if reason not in (None, Reason.OK):
        return _turned_away(reason)
    if front is None and line.get("invites") is True:
        return _welcome(lane)
    return _wanted(front or frozenset())


def _welcome(lane: Lane) -> Scene:
    """By the one thing that begins a passage here; a lane that takes several asks for any of them."""
    begins = lane.begins[0] if len(lane.begins) == 1 else ""
    if begins not in signs.WELCOMES:
        return *signs.PHASES[Phase.IDLE], lambda words: words.prompt(Phase.IDLE)
    return signs.WELCOMES[begins], "calm", lambda words: words.asked(begins)


def _turned_away(reason: Reason) -> Scene:
    """They may stand there still."""
    return signs.of_advice(reason), "act", lambda words: words.prompt(Phase.IDLE, reason)


def _mends(hint: Reason, asks: Iterable[Asked]) -> bool:
    """Whether a hint says more than the question: a face is asked for, and something is to be done about it."""
    return not _FACES.keys().isdisjoint(asks) and (
        hint not in (Reason.NO_FACE, Reason.OK) or Asked.VERIFY_FINGER not in asks
    )


def _wanted(asks: frozenset[Asked]) -> Scene:
    """What has to be done by the traveller goes before what is done without them."""
    face = next((_FACES[each] for each in asks if each in _FACES), "")
    if Asked.VERIFY_FINGER in asks:
        sign, said = ("both", "both") if face else ("finger", "VerifyFinger")
    elif face:
        sign, said = "look", face
    elif Asked.READ_DOCUMENT in asks:
        sign, said = "document", "ReadDocument"
    else:
        sign, said = "wait", "CheckEligibility"
    return sign, "calm", lambda words: words.asked(said)


def _kinds(asks: object) -> frozenset[Asked] | None:
    """None while nobody is there to be asked; what is not known is nothing that a traveller could do."""
    if not isinstance(asks, list):
        return None
    return frozenset(Asked(each) for each in asks if isinstance(each, str) and each in set(Asked))


def _asked(line: Line) -> tuple[str, Mapping[str, Any]] | None:
    asked = line.get("confirm")
    if not isinstance(asked, Mapping):
        return None
    run, facts = asked.get("run"), asked.get("facts")
    return (run, facts) if isinstance(run, str) and isinstance(facts, Mapping) else None


def _confirm(run: str, facts: Mapping[str, Any], tongues: Sequence[Words], lane: Lane) -> Picture:
    def each(say: Say) -> Said:
        """What two languages write alike stands there once."""
        return tuple({text: (tag, text) for tag, text in reversed(_said(tongues, say))}.values())[::-1]

    rows = tuple((each(partial(Words.fact, name=name)), str(value)) for name, value in facts.items())
    buttons = tuple(each(partial(Words.button, touch=touch)) for touch in ("confirm", "decline"))
    said = _said(tongues, lambda words: words.asked("Confirm"))
    return Picture("you", "calm", said, run, rows, buttons, lane.audio)


def _reason(code: object) -> Reason | None:
    return Reason(code) if isinstance(code, str) and code in set(Reason) else None


def _drawn(scene: Scene, tongues: Sequence[Words], lane: Lane) -> Picture:
    sign, tone, say = scene
    return Picture(sign, tone, _said(tongues, say), audio=lane.audio)


def _said(tongues: Sequence[Words], say: Say) -> Said:
    return tuple((words.language.replace("_", "-"), say(words)) for words in tongues)


def _spoken(tongues: Sequence[Words], lane: Lane, own: object = None) -> Sequence[Words]:
    """In the lane's languages, of those that there are; the traveller's own first, or alone where the lane says so."""
    order = {tag: place for place, tag in enumerate(lane.languages)}
    chosen = sorted((each for each in tongues if each.language in order), key=lambda each: order[each.language])
    mine = [each for each in tongues if each.language == own]
    if mine and lane.alone:
        return mine
    return [*mine, *(each for each in chosen or tongues if each not in mine)]
