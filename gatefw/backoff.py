"""How long to wait before the next try: longer each time, never for ever, and never all at once."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event

LOOK_S = 0.1  # how often it is looked whether a device's node has come back


@dataclass(slots=True)
class Backoff:
    """0.2 s doubling to 1.5 s, each with up to a quarter of jitter: devices on one hub do not come back in step.

    A device that is back after an hour is therefore tried within two seconds, whatever it is.
    """

    first_s: float = 0.2
    last_s: float = 1.5
    _next_s: float = field(default=0.0)

    def wait_s(self) -> float:
        self._next_s = min(self.last_s, self._next_s * 2) if self._next_s else self.first_s
        return self._next_s * (1 + random.random() / 4)  # noqa: S311  jitter is not a secret

    def reset(self) -> None:
        """It worked: the next failure starts again from the shortest wait."""
        self._next_s = 0.0

    def rest(self, ending: Event, there: Callable[[], bool]) -> None:
        """Wait for the next try: until its time, the end, or the moment in which the device's node comes back."""
        left_s, was_there = self.wait_s(), there()
        while left_s > 0 and not ending.wait(min(left_s, LOOK_S)):
            left_s -= LOOK_S
            is_there = there()
            if is_there and not was_there:
                self.reset()
                return
            was_there = is_there
