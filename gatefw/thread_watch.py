"""Whether the threads of the gate that own no device still work: journal, bus, clerk, control, display.

Told by work done, never by a thread's being there: each counts its turns, and who has something to do, or is poked
while it has not, must go on counting. One that does not is `STALLED`, which keeps new travellers out until it goes on;
whoever is under way may finish. Such a thread cannot be ended from outside, so it is said what can: it goes on by
itself when what it waits for returns (a disk, mostly), or with a restart of the daemon when the lane is empty.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from gatefw.gate_terms import DeviceImpaired, GateInput
from gatefw.model import Reason

STALL_S = 10.0
POKE_S = 1.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Watched:
    """A thread by its name in events. `progress` counts its turns; `poke` has it take one; `owes`: it has work."""

    name: str
    progress: Callable[[], int]
    poke: Callable[[], object] = lambda: None
    owes: Callable[[], bool] = lambda: True


class ThreadWatch:
    """For the loop: `look` at each tick. `stalled` names those that are, for any thread."""

    def __init__(self, put: Callable[[GateInput], None], now_s: Callable[[], float] = time.monotonic) -> None:
        self._put, self._now_s, self._looked_s = put, now_s, now_s()
        self._watched: tuple[Watched, ...] = ()
        self._moved: dict[str, tuple[int, float]] = {}
        self.stalled: frozenset[str] = frozenset()

    def watch(self, each: Watched) -> None:
        """From now on, for good."""
        self._moved[each.name] = (each.progress(), self._now_s())
        self._watched = (*self._watched, each)

    @property
    def progress(self) -> dict[str, int]:
        return {each.name: each.progress() for each in self._watched}

    def look(self, now_s: float) -> None:
        """Once in `POKE_S`. Who looks so late that it was held up itself calls nobody stalled."""
        since_s = now_s - self._looked_s
        if since_s < POKE_S:
            return
        self._looked_s = now_s
        held_up_s = since_s - 2 * POKE_S
        for each in self._watched:
            self._look_at(each, now_s, max(0.0, held_up_s))

    def _look_at(self, each: Watched, now_s: float, held_up_s: float) -> None:
        before, moved_s = self._moved[each.name]
        count = each.progress()
        if count != before or not each.owes():
            self._moved[each.name] = (count, now_s)
        else:
            self._moved[each.name] = (before, moved_s + held_up_s)
        each.poke()
        stalled = now_s - self._moved[each.name][1] >= STALL_S
        if stalled is not (each.name in self.stalled):
            self.stalled ^= {each.name}
            if stalled:
                _log.error(
                    "%s: has work, and did none for %g s; if so it stays, restart the daemon", each.name, STALL_S
                )
            else:
                _log.warning("%s: works again", each.name)
            self._put(DeviceImpaired(each.name, Reason.STALLED, stalled))
