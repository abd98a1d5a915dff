"""What the owner of a device knows of how it goes: since when, how often it was tried, how long a turn takes.

Written by the one thread that serves the device, read by any. Nothing here grows: of the turns the newest are kept.
"""

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass

TURNS = 256
"""So many turns stand for all: at ten a second those of the last half minute."""
ALERT_TRIES = 20
"""A device that was tried so often in vain, about half a minute, is an alarm; it goes on being tried."""
STEADY_S = 5.0
"""What has worked for so long is believed to work: the alarm is over, and the next loss is tried at once."""


@dataclass(frozen=True, slots=True)
class Health:
    """Of one device now. state: `there`, `lost`, `stuck`; age_s: since its last turn of work, None before the first.

    for_s: how long it is so. tries: in vain, since it last worked for a while. losses: since the start. error: the
    class of the last one, which names nobody. p50_s, p99_s: of the newest turns, without waiting for something to do.
    """

    state: str
    for_s: float
    tries: int
    losses: int
    error: str
    turns: int
    p50_s: float
    p99_s: float
    age_s: float | None

    def to_json(self) -> dict[str, object]:
        return {name: _rounded(value) for name, value in asdict(self).items()}


class Vitals:
    """Of one device. `alerts` while it was tried often and never worked since; `now_s` is monotonic."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic, steady_s: float = STEADY_S) -> None:
        self._now_s, self._steady_s = now_s, steady_s
        self._state, self._since_s, self._turned_s = "lost", now_s(), -math.inf
        self._turns: deque[float] = deque(maxlen=TURNS)
        self._tries = self._losses = self._turned = 0
        self._error = ""
        self.alerts = False

    def came(self) -> None:
        """It was opened, and has answered."""
        self._become("there")

    def steadied(self) -> bool:
        """Whether it has worked for a while now, and had not before: from here on it counts as well again."""
        if not self._tries or self._state != "there" or self._now_s() - self._since_s < self._steady_s:
            return False
        self._tries = 0
        return True

    def failed(self, error: str, stuck: bool = False) -> bool:
        """It went, or could not be opened. Whether this is the try too many: it `alerts` from now on."""
        if self._state == "there":
            self._losses += 1
        self._become("stuck" if stuck else "lost")
        self._tries, self._error = self._tries + 1, error
        return self._tries == ALERT_TRIES

    def turned(self, took_s: float) -> None:
        """A turn of work is over."""
        self._turned_s = self._now_s()
        self._turned += 1
        self._turns.append(took_s)

    def health(self) -> Health:
        now_s, turns = self._now_s(), sorted(self._turns.copy())
        age_s = now_s - self._turned_s if self._turned else None
        p50_s, p99_s = (turns[int(share * (len(turns) - 1))] if turns else 0.0 for share in (0.5, 0.99))
        since_s = self._since_s
        return Health(
            self._state, now_s - since_s, self._tries, self._losses, self._error, self._turned, p50_s, p99_s, age_s
        )

    def _become(self, state: str) -> None:
        if state != self._state:
            self._state, self._since_s = state, self._now_s()


def _rounded(value: object) -> object:
    return round(value, 6) if isinstance(value, float) else value
