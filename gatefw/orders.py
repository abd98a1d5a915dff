"""The officer's hard-wired buttons: orders by hand, beside those that come through the control socket.

A button is dead until the key switch is turned, and acts once, when it goes from seen released to pressed while the key
is on. One that was held while the key was turned, that is stuck, or whose wire was not readable before, orders nothing.
"""

from collections.abc import Iterable

from gatefw.model import Input, Signal, Verb

BY = "key-switch"
"""Who ordered it, in the journal: the key has no name, so whoever holds it answers for it."""
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
