"""Every picture that a screen can show, each with a name: for tests, and for whoever wants to see them side by side."""

from collections.abc import Iterator, Sequence

from gatefw.model import Asked, DoorId, Phase, Reason
from gatefw.screen.lane import Lane
from gatefw.screen.picture import Line, Picture, Place, picture, silent
from gatefw.words import Words, traveller

CONFIRM = {"run": "0" * 16, "facts": {"document.name": "C*** T** M**", "document.number": "******67", "born": "1990"}}
_TURNED_AWAY = (Phase.IDLE, Phase.REFUSED, Phase.REFERRED)
_ADVISED = tuple({text: reason for reason, text in traveller.ADVICE.items() if reason is not Reason.OK}.values())
"""A reason for each advice that there is."""
_TOGETHER = [Asked.VERIFY_FACE, Asked.VERIFY_FINGER]


def lines() -> Iterator[tuple[str, Line]]:
    """What the display socket may say, as far as it makes a difference to see."""
    for phase in Phase:
        yield phase.value, line(phase)
    for begins in ("presence", "card", "code", "document"):
        yield f"welcome-{begins}", line(Phase.IDLE, lane=Lane(begins=(begins,), behind="shut").told())
    yield "confirm", line(Phase.TOKEN_PRESENTED, confirm=CONFIRM)
    for asked in Asked:
        for phase in (Phase.TOKEN_PRESENTED, Phase.VERIFYING):
            yield f"{phase.value}-{asked.value}", line(phase, asks=[asked])
    yield "verifying-face-and-finger", line(Phase.VERIFYING, asks=_TOGETHER)
    yield "refused-by-the-exit", line(Phase.REFUSED, out=[DoorId.EXIT.value])
    yield "leaving-next", line(Phase.LEAVING, invites=True)
    yield "leaving-next-read", line(Phase.LEAVING, front=[Asked.READ_DOCUMENT])
    for hint in traveller.HINTS:
        yield f"hint-{hint.value}", line(Phase.VERIFYING, hint=hint, asks=[Asked.VERIFY_FACE])
    for phase in _TURNED_AWAY:
        for reason in _ADVISED:
            yield f"{phase.value}-{reason.value}", line(phase, reason)


def album(place: Place, tongues: Sequence[Words]) -> dict[str, Picture]:
    """Each picture of a screen at `place` once, by the name of the first line that makes it."""
    shown: dict[Picture, str] = {}
    for behind in ("", "shut", "open"):
        shown.setdefault(silent(place, tongues, Lane(behind=behind)), f"silent-{behind or 'unknown'}")
    for name, each in lines():
        shown.setdefault(picture(each, place, tongues), name)
    return {name: each for each, name in shown.items()}


def line(phase: Phase, reason: Reason | None = None, hint: str = "", **more: object) -> Line:
    """A line of the display socket; `more` of what stands in it otherwise than while nobody is there."""
    said = {"phase": phase.value, "reason": reason, "hint": hint, "confirm": None}
    return {**said, "asks": None, "front": None, "invites": False, "out": [], **more}
