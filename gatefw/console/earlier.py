"""What lanes published before the console began: read slowly, one lane after the other, for the report of a shift.

Alarms and rows do not wait for it: it has a thread and a connection of its own, and rests between two answers.
"""

import threading
from collections.abc import Sequence

from gatefw import bus_client
from gatefw.bus_keys import ClientKey
from gatefw.console.shift import Ledger
from gatefw.errors import GateError

MOST = 30_000
"""Events of a lane that are read: two thousand passages, more than a shift has."""
AT_ONCE, REST_S = 256, 0.05
"""As many as the bus answers with, and what the console does meanwhile for whoever looks at it."""
AGAIN_S = 5.0


class Earlier:
    """From construction to `close` (within 3 s), or until all were read; one that is not there yet comes later."""

    def __init__(self, lanes: Sequence[tuple[ClientKey, Ledger]]) -> None:
        self._lanes, self._closing = list(lanes), threading.Event()
        self._thread = threading.Thread(target=self._work, name="console shift")
        self._thread.start()

    def end(self) -> None:
        """Soon; `close` waits for it."""
        self._closing.set()

    def close(self) -> None:
        self.end()
        self._thread.join()

    def _work(self) -> None:
        left = self._lanes
        while left and not self._closing.is_set():
            left = [each for each in left if not self._read(*each)]
            if left:
                self._closing.wait(AGAIN_S)

    def _read(self, key: ClientKey, ledger: Ledger) -> bool:
        """Whether nothing is left to be read of this lane."""
        first = ledger.first
        if first is None:
            return False
        found, read = Ledger(), 0
        try:
            for event in bus_client.follow(key, max(0, first - 1 - MOST), self._closing.is_set):
                if int(event["sequence"]) >= first:
                    ledger.precede(found)
                    return True
                found.count(event)
                read += 1
                if read % AT_ONCE == 0:
                    self._closing.wait(REST_S)
        except (GateError, OSError):
            return False
        return False
