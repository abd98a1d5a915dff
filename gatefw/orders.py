"""Operators' orders: which can be carried out now, and those of the officer's hard-wired buttons.

A button is dead until the key switch is turned, and acts once, when it goes from seen released to pressed while the key
is on. One that was held while the key was turned, that is stuck, or whose wire was not readable before, orders nothing.
"""

from collections.abc import Iterable

from gatefw.gate_terms import Ordered
from gatefw.lane import find
from gatefw.lane_terms import State
from gatefw.maintenance import MAINTAINED
from gatefw.model import DoorId, Input, Operated, Purpose, Sensed, Signal, Verb

BY = "key-switch"
"""Who ordered it, in the journal: the key has no name, so whoever holds it answers for it."""
LET_OUT_BY = {Verb.LET_OUT_ENTRY: DoorId.ENTRY, Verb.LET_OUT_EXIT: DoorId.EXIT}
BUTTONS = {
    Input.OFFICER_OPEN: Verb.OPEN,
    Input.OFFICER_CLOSE: Verb.CLOSE,
    Input.OFFICER_LET_OUT: Verb.LET_OUT,
    Input.OFFICER_RESET: Verb.RESET,
}


class Buttons:
    """Of one lane: remembers the levels that were sensed before."""

    def __init__(self) -> None:
        self._before: dict[Input, Signal] = {}

    def unread(self) -> None:
        """Nobody reads them any more."""
        self._before = {}

    def pressed(self, inputs: Iterable[tuple[Input, Signal]]) -> list[Verb]:
        """What these levels, read together, newly order."""
        before, self._before = self._before, dict(inputs)
        key = {levels.get(Input.OFFICER_KEY) for levels in (before, self._before)}
        if key != {Signal.ON}:
            return []
        return [
            verb
            for button, verb in BUTTONS.items()
            if self._before.get(button) is Signal.ON and before.get(button) is Signal.OFF
        ]


def why_not(order: Ordered, state: State, sensed: Sensed, now_s: float) -> str:
    """Why this order cannot be carried out now, with what was found; empty when it can."""
    found = f"lane is {state.phase.value}"
    if now_s > order.deadline_s:
        return f"{order.verb.value} came too late: who ordered it was told that it expired"
    if order.expects is not None and order.expects is not state.phase:
        return f"{order.verb.value} was meant for {order.expects.value}, but the {found}"
    if order.verb is Verb.OPEN and state.phase in MAINTAINED:  # else the lane would serve as soon as their time is over
        return f"open: somebody works at the lane: it is {state.phase.value}; end that first (maintain_end)"
    _, row = find(state, Operated(order.verb))
    if row is not None or order.verb in (Verb.OPEN, Verb.CLOSE):
        return ""
    door = LET_OUT_BY.get(order.verb)
    if door is not None and door not in ways_out(state):
        ways = " and ".join(ways_out(state)) or "no door"
        return f"{order.verb.value}: this lane lets who was refused out by {ways} (way_out.refusal), not {door.value}"
    return (
        f"{order.verb.value} is not possible now: {found}, occupancy {sensed.occupancy.value}, "
        f"entry_door {sensed.entry.value}, exit_door {sensed.exit.value}, "
        f"fire {sensed.fire.value}, officer_evacuate {sensed.evacuate.value}, stop {sensed.stop.value}"
    )


def ways_out(state: State) -> list[DoorId]:
    """The doors by which this lane lets out whom it refused, as its file says; an officer chooses among them."""
    return [door for door in state.policy.refusal if door in state.policy.doors]


def done(order: Ordered, state: State) -> str:
    """What came of an order that was carried out: of one that lets out, by which door."""
    doors = [door.value for door in DoorId if state.wants(door) is Purpose.WAY_OUT]
    by = f", out by {' or '.join(doors)}" if order.verb in (Verb.LET_OUT, *LET_OUT_BY) else ""
    return f"lane is {state.phase.value}{by}"
