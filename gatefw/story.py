"""The story of one passage, out of the journal's events: what was read, compared, asked of which door, and what came.

Pure: events in, sentences out. A sentence says what an event says and no more (`story_words`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gatefw.meanings import MEANS
from gatefw.model import DoorId, Phase, Purpose, Reason, Verdict
from gatefw.model import FactKind as K
from gatefw.story_words import WORDS, Event, door_words

__all__ = ["Event", "Line", "Story", "tell"]

_REST = (Phase.IDLE, Phase.OUT_OF_SERVICE, Phase.MAINTENANCE)


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened: in row `n`, so many seconds after the passage began."""

    n: int
    after_s: float
    words: str


@dataclass(frozen=True, slots=True)
class Story:
    """`passed` and `reason` are None while the passage is under way. `ended`: how, in a sentence or two."""

    run: str
    began: datetime
    synchronised: bool
    lines: tuple[Line, ...]
    passed: bool | None
    reason: Reason | None
    seconds: float | None
    ended: str


def tell(run: str, events: Sequence[Event]) -> Story:
    """The passage `run` out of the rows around it, in their order; the first of them is `passage.started`.

    Rows of other passages are left out; what belongs to none (an alarm, a lost device) is told until the end. What a
    lane at rest does afterwards may still bear the passage's id, and is none of its story.
    """
    ended = next((event for event in events if event.run == run and event.kind is K.PASSAGE_ENDED), None)
    own = [e for e in events if e.run == run or (not e.run and (ended is None or e.n < ended.n))]
    own = own if ended is None else list(_until_rest(own, ended))
    began = own[0].at
    lines = []
    for place, event in enumerate(own):
        words = WORDS[event.kind](event, own[place + 1 :]) if event.kind in WORDS else ""
        if words:
            lines.append(Line(event.n, (event.at - began).total_seconds(), words))
    told = ended.data if ended else {}
    reason = Reason(told["reason"]) if ended else None
    return Story(
        run=run,
        began=began,
        synchronised=own[0].synchronised,
        lines=tuple(lines),
        passed=told.get("passed"),
        reason=reason,
        seconds=told.get("seconds"),
        ended=_ending(own, reason, told),
    )


def _until_rest(own: Iterable[Event], ended: Event) -> Iterator[Event]:
    """Until it has ended and the lane is free or shut; and that the counter cleared somebody, however late."""
    at_rest = over = False
    for event in own:
        if not over or event.kind is K.CLEARED_BY_HAND:
            yield event
        if event.kind is K.PHASE_CHANGED:
            at_rest = event.data["phase"] in _REST
        over = over or (at_rest and event.n >= ended.n)


def _ending(own: Sequence[Event], reason: Reason | None, told: Mapping[str, Any]) -> str:
    if reason is None:
        return "It is under way, or the process died before it could say how it ended."
    verdicts = [Verdict(event.data["verdict"]) for event in own if event.kind is K.PASSAGE_DECIDED]
    verdict = verdicts[-1] if verdicts else None
    way = _way(own, told["passed"])
    if told["passed"]:
        return f"Let through. {way}"
    decided = {Verdict.REFUSE: "Refused.", Verdict.REFER: "Referred to the counter, without blame."}
    admitted = "Admitted, and yet not across." if verdict is Verdict.ADMIT else "Ended by the lane before a decision."
    how = decided.get(verdict, admitted) if verdict else admitted
    return f"{how} {MEANS[reason]} {way}"


def _way(own: Sequence[Event], passed: bool) -> str:
    """Where the traveller went, as far as the doors tell."""
    released = {(event.data["door"], event.data["purpose"]) for event in own if event.kind is K.DOOR_RELEASED}
    if passed:
        through = (DoorId.EXIT, Purpose.ADMIT) in released
        return "The traveller went through the exit." if through else "Here no door has to open for that."
    out = [door for door, purpose in sorted(released) if purpose in (Purpose.WAY_OUT, Purpose.EMERGENCY)]
    if out:
        return f"Whoever was inside could leave by the {' and the '.join(door_words(door) for door in out)}."
    if any(purpose in (Purpose.ENTER, Purpose.ADMIT) for _, purpose in released):
        return "Nobody had to be let out."
    return "No door was released, so the traveller stayed where they were."
