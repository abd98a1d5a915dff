"""Who has a lane for maintenance, why, and for how long: only then is anything of it moved by hand.

The lane knows that it is in maintenance, and that a timer ends that. Here is how long the timer has left: an exercise
takes its place for a while, and who works there may have it set anew. The end itself is the lane's, and moves nothing.
"""

from gatefw.gate_terms import Effect, ForgetMaintenance, KeepMaintenance, Ordered, Stay
from gatefw.model import Fact, FactKind, Phase, Verb

MAINTAINED = (Phase.MAINTENANCE, Phase.EXERCISE)
WARNED_S = 60.0  # before the end; half of a stay that is shorter than twice that
SHORTEST_S = 1.0
BEGINS, GOES_ON = Verb.MAINTAIN, Verb.MAINTAIN_EXTEND


def kept(verb: Verb, phase: Phase) -> list[Effect]:
    """What an order that is taken in this phase changes on disk; who begins a stay is answered when that is done. That
    its time is over ends it, and forgets none: who works there has not said so, and perhaps works on.
    """
    if verb is BEGINS:
        return [KeepMaintenance()]
    over = verb is Verb.MAINTAIN_END or (verb is Verb.OPEN and phase not in MAINTAINED)
    return [ForgetMaintenance()] if over else []


class Maintenance:
    """Of one lane; for its `Gate` alone. `left_s` and `told` are for looking at."""

    def __init__(self) -> None:
        self._stay: Stay | None = None
        self._by, self._ends_s, self._warns_s = "", 0.0, 0.0

    def why_not(self, order: Ordered, longest_s: float) -> str:
        """Why an order that the lane would take is not to be taken; empty when it is."""
        if order.verb not in (BEGINS, GOES_ON):
            return ""
        if order.stay is None:
            return f"{order.verb.value} wants to know who works there, and why"
        seconds = order.stay.seconds
        if seconds is not None and not SHORTEST_S <= seconds <= longest_s:
            return (
                f"{order.verb.value} for {seconds:g} s was asked for; the lane file allows {SHORTEST_S:g} to "
                f"{longest_s:g} s from now (maintenance_s)"
            )
        return ""

    def taken(self, order: Ordered, longest_s: float, now_s: float) -> list[Fact]:
        """An order was accepted: what is to be written down of it, if it was one of these."""
        if order.stay is None or order.verb not in (BEGINS, GOES_ON):
            return []
        seconds = longest_s if order.stay.seconds is None else order.stay.seconds
        before = self._stay or order.stay
        self._stay = Stay(order.stay.name or before.name, order.stay.why or before.why, seconds)
        self._by = order.by
        self._ends_s = now_s + seconds
        self._warns_s = self._ends_s - min(WARNED_S, seconds / 2)
        kind = FactKind.MAINTENANCE_STARTED if order.verb is BEGINS else FactKind.MAINTENANCE_EXTENDED
        fields = (("by", order.by), ("name", self._stay.name), ("why", self._stay.why), ("seconds", seconds))
        return [Fact(kind, None, fields)]

    def left_s(self, now_s: float) -> float:
        """Until its end; 0 outside of it, and while something that was begun in it comes to its own end."""
        return max(0.0, self._ends_s - now_s) if self._stay is not None else 0.0

    def look(self, now_s: float) -> list[Fact]:
        """Once, some time before the end: that it comes."""
        if self._stay is None or now_s < self._warns_s:
            return []
        self._warns_s = float("inf")
        return [Fact(FactKind.MAINTENANCE_ENDING, None, (("seconds", round(self.left_s(now_s), 1)),))]

    def follow(self, phase: Phase, by: str) -> list[Fact]:
        """The lane is in this phase now; `by` is who ordered it, or the lane itself."""
        if self._stay is None or phase in MAINTAINED:
            return []
        name, self._stay = self._stay.name, None
        return [Fact(FactKind.MAINTENANCE_ENDED, None, (("by", by), ("name", name), ("phase", phase.value)))]

    def told(self, now_s: float) -> dict[str, object] | None:
        """For `status`; None outside of it."""
        if self._stay is None:
            return None
        left_s = round(self.left_s(now_s), 1)
        return {"left_s": left_s, "name": self._stay.name, "why": self._stay.why, "by": self._by}
