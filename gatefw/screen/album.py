"""Every picture that a screen can show, each with a name: for tests, and for whoever wants to see them side by side."""

from collections.abc import Iterator, Sequence

from gatefw.model import Phase, Reason
from gatefw.screen.picture import Line, Picture, Place, picture, silent
from gatefw.words import Words, traveller

CONFIRM = {"run": "0" * 16, "facts": {"document.name": "C*** T** M**", "document.number": "******67", "born": "1990"}}
_TURNED_AWAY = (Phase.IDLE, Phase.REFUSED, Phase.REFERRED)
_ADVISED = tuple({text: reason for reason, text in traveller.ADVICE.items() if reason is not Reason.OK}.values())
"""A reason for each advice that there is."""


def lines() -> Iterator[tuple[str, Line | None]]:
    """What the display socket may say, as far as it makes a difference to see; None: nothing at all."""
    yield "silent", None
    for phase in Phase:
        yield phase.value, _line(phase)
    yield "confirm", _line(Phase.TOKEN_PRESENTED, confirm=CONFIRM)
    for hint in traveller.HINTS:
        yield f"hint-{hint.value}", _line(Phase.VERIFYING, hint=hint.value)
    for phase in _TURNED_AWAY:
        for reason in _ADVISED:
            yield f"{phase.value}-{reason.value}", _line(phase, reason=reason.value)


def album(place: Place, tongues: Sequence[Words]) -> dict[str, Picture]:
    """Each picture of a screen at `place` once, by the name of the first line that makes it."""
    shown: dict[Picture, str] = {}
    for name, line in lines():
        shown.setdefault(silent(place, tongues) if line is None else picture(line, place, tongues), name)
    return {name: each for each, name in shown.items()}


def _line(phase: Phase, reason: str | None = None, hint: str = "", confirm: object = None) -> Line:
    return {"phase": phase.value, "reason": reason, "hint": hint, "confirm": confirm}
