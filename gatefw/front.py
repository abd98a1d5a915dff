"""The place before the lane: who stands there, and what they say to what they are shown.

Where a procedure begins with presence, everybody who steps up is looked at once. One who stands there still when their
run has ended is looked at again only after a while: one run after the other would leave them no time to read why. That
while gets longer as long as nothing comes of it, since what stands there may be a bag; and a sensor that flickers is
nobody's coming and going.
"""

import math
from dataclasses import dataclass, field

from gatefw.gate_terms import Answered, Ask, LaneSensed
from gatefw.model import Answer, Confirm, Confirmed, Failed, Input, Occupancy, Reason, RunId, Signal, Zone

AGAIN_MOST_S = 30.0
"""Nobody who stays is looked at more seldom than that, or than the lane file says."""
NEXT_S = 1.0
"""So long after a run that nobody passed the next one may begin, for whoever has just stepped up."""


@dataclass(slots=True)
class Presence:
    """Who stands in front: in Zone.FRONT (`in_zone`), or else exactly one on the spot before the exit door."""

    in_zone: bool
    again_s: float
    there: bool = False
    seen_empty: bool = False
    _looked_at: bool = False
    _pause_s: float = 0.0
    _again_at_s: float = math.inf
    _next_at_s: float = -math.inf

    def sensed(self, event: LaneSensed) -> None:
        if self.in_zone:
            level = dict(event.zones).get(Zone.FRONT)
            self.there, self.seen_empty = level is True, level is False
        else:
            self.there, self.seen_empty = event.occupancy is Occupancy.ONE, event.occupancy is Occupancy.EMPTY
        if self.seen_empty:
            self._looked_at, self._pause_s = False, 0.0

    def unread(self) -> None:
        """Nobody reads the sensors any more: nobody is known to be there, nor to have gone."""
        self.there = self.seen_empty = False

    def due(self, now_s: float) -> bool:
        """Whether somebody stands there whose run may begin."""
        return self.there and now_s >= (self._again_at_s if self._looked_at else self._next_at_s)

    def began(self) -> None:
        self._looked_at, self._again_at_s = True, math.inf

    def ended(self, now_s: float, went_through: bool) -> None:
        """The run is over; who `went_through` a door is not the one who stands there now."""
        if went_through:
            self._looked_at, self._pause_s, self._next_at_s = False, 0.0, now_s
            return
        self._pause_s = min(2 * self._pause_s, max(AGAIN_MOST_S, self.again_s)) or self.again_s
        self._again_at_s, self._next_at_s = now_s + self._pause_s, now_s + NEXT_S


@dataclass(slots=True)
class Confirming:
    """What is asked of the traveller themselves, and their answer: a button, or nothing in time.

    A button counts when it goes from seen released to pressed while it is asked; one held from before says nothing.
    """

    _asked: Ask | None = None
    _until_s: float = math.inf
    _levels: dict[Input, Signal] = field(default_factory=dict)
    _pressed: set[Input] = field(default_factory=set)

    def sensed(self, event: LaneSensed) -> None:
        before, self._levels = self._levels, dict(event.inputs)
        self._pressed = {
            button
            for button in (Input.CONFIRM, Input.DECLINE)
            if self._levels.get(button) is Signal.ON and before.get(button) is Signal.OFF
        }

    def ask(self, ask: Ask, question: Confirm, now_s: float) -> None:
        self._asked, self._until_s, self._pressed = ask, now_s + question.deadline_s, set()

    def cancel(self, run: RunId) -> None:
        if self._asked is not None and self._asked.run == run:
            self._asked = None

    def answer(self, now_s: float) -> Answered | None:
        """What the traveller has said by now; once only. Both buttons at once are no yes."""
        if self._asked is None:
            return None
        reply: Answer
        if Input.DECLINE in self._pressed:
            reply = Failed(Reason.DECLINED)
        elif Input.CONFIRM in self._pressed:
            reply = Confirmed()
        elif now_s >= self._until_s:
            reply = Failed(Reason.NOT_CONFIRMED)
        else:
            return None
        asked, self._asked = self._asked, None
        return Answered(asked.run, asked.number, reply)
