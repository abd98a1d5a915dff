"""Where it comes from: the control socket is asked, the events are followed, each on a thread of its own.

The gate is asked for one thing at a time and answers when it can; whoever watches keeps the newest, so that a slow
terminal is no slow subscriber. A gate that goes is told within a moment, and asked again until it is back.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gatefw.errors import GateError
from gatefw.watch.seen import DevicesCame, EventCame, Message, Seen, Silent, StatusCame, heard, settled

EARLIER = 40
"""So many events from before are shown to whoever begins to watch."""
AGAIN_S = 2.0

Ask = Callable[[str], Mapping[str, Any]]
"""Gives an order that only reads, and returns its result. Raises what `control.call` does."""
Follow = Callable[[int | None, Callable[[], bool]], Iterator[Mapping[str, Any]]]
"""As `bus_client.follow`: events after a number, until it is told to end."""


class Source:
    """Begins with `start`, ends with `close` (in a second or so). `seen` is the newest, for any thread.

    every_s: how often the status is asked for; the devices, every fourth time.
    """

    def __init__(
        self, ask: Ask, follow: Follow, every_s: float = 0.25, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._ask, self._follow, self._every_s, self.now_s = ask, follow, every_s, now_s
        self._lock, self._ended, self._news = threading.Lock(), threading.Event(), threading.Condition()
        self._changes = 0
        self._head: int | None = None
        self.seen = Seen(every_s=every_s)
        self._threads = [threading.Thread(target=work, name=name) for name, work in self._work.items()]

    @property
    def _work(self) -> dict[str, Callable[[], None]]:
        return {"watch status": self._asks, "watch events": self._follows}

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def changes(self, before: int, timeout_s: float) -> int:
        """How often something else was known than before, not only that time went by; waits until it is more often."""
        with self._news:
            self._news.wait_for(lambda: self._changes != before, timeout_s)
            return self._changes

    def hear(self, message: Message) -> None:
        with self._lock:
            before, self.seen = self.seen, heard(self.seen, message, self.now_s())
            different = settled(before.told()) != settled(self.seen.told())
        if different:
            with self._news:
                self._changes += 1
                self._news.notify_all()

    # ------------------------------------------------------------ the threads

    def _asks(self) -> None:
        turn = 0
        while not self._ended.is_set():
            try:
                status = self._ask("status")
                self.hear(StatusCame(status))
                self._head = int(status.get("journal_head", 0))
                if turn % 4 == 0:
                    health = status.get("health", {}).get("devices", {})
                    self.hear(DevicesCame(self._ask("devices"), health))
                turn += 1
            except (GateError, OSError) as error:
                self.hear(Silent(str(error)))
                turn = 0
            self._ended.wait(self._every_s)

    def _follows(self) -> None:
        """From a little before now on; whoever lost the bus begins again where there is something new."""
        while self._head is None:
            if self._ended.wait(self._every_s):
                return
        since: int | None = max(0, self._head - EARLIER)
        while not self._ended.is_set():
            try:
                for event in self._follow(since, self._ended.is_set):
                    self.hear(EventCame(event))
            except (GateError, OSError) as error:
                self.hear(Silent(str(error), events=True))
                self._ended.wait(AGAIN_S)
            since = None
