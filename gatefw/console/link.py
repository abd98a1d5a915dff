"""Follows one lane over its bus, and gives it orders, with the console's key there.

Two threads a lane: one follows the events, the other asks for the status, twice a second and whenever an event came. An
order has a connection of its own, so none waits behind a question. A lane that goes is asked again until it is back.
"""

import contextlib
import logging
import re
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from gatefw import bus_client
from gatefw.bus_keys import ClientKey
from gatefw.console.lanes import EventCame, Message, StatusCame
from gatefw.errors import BadReply, DeviceLost, GateError
from gatefw.model import Phase
from gatefw.wall_time import wall_clock

_log = logging.getLogger(__name__)
EARLIER = 1000
"""So many events from before are read when the console starts: alarms that nobody acknowledged are among them."""
EVERY_S, STATUS_S, AGAIN_S = 0.5, 1.0, 1.0
OLD_S = 7 * 86_400.0


class Link:
    """Of one lane, from construction to `close` (within 3 s). `heard` is called from both threads."""

    def __init__(self, key: ClientKey, heard: Callable[[Message], None]) -> None:
        self._key, self._heard = key, heard
        self._closing, self._ask = threading.Event(), threading.Event()
        self._head: int | None = None
        self._threads = [
            threading.Thread(target=self._asks, name="console status"),
            threading.Thread(target=self._follows, name="console events"),
        ]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Soon; `close` waits for it."""
        self._closing.set()
        self._ask.set()

    def close(self) -> None:
        self.end()
        for thread in self._threads:
            thread.join()

    def order(
        self, verb: str, args: Mapping[str, object], expects: Phase | None, timeout_s: float, name: str
    ) -> dict[str, Any]:
        """Any thread. `name`: the officer who orders it. Raises what `bus_client.order` does."""
        told = bus_client.order(self._key, verb, args, timeout_s, expects, name)
        self._ask.set()
        return told

    def _asks(self) -> None:
        with contextlib.closing(bus_client.Orders(self._key)) as orders:
            silent = False
            while not self._closing.is_set():
                self._ask.clear()
                try:
                    status = orders.give("status", timeout_s=STATUS_S)
                    if isinstance(head := status.get("journal_head"), int):
                        self._head = head
                    self._heard(StatusCame(status))
                    silent = False
                except Exception as error:  # noqa: BLE001  nothing must keep a lane from being asked again
                    if not silent:  # once, for whoever reads the log: a page only says that the lane is silent
                        _log.warning("console: %s", error, exc_info=not isinstance(error, GateError))
                    silent = True
                    if not isinstance(error, DeviceLost):  # else that took its time
                        self._closing.wait(AGAIN_S)
                self._ask.wait(EVERY_S)

    def _follows(self) -> None:
        while self._head is None:
            if self._closing.wait(EVERY_S):
                return
        since = self._earlier()
        while not self._closing.is_set():
            try:
                for event in bus_client.follow(self._key, since, self._closing.is_set):
                    since = int(event["sequence"])
                    self._heard(EventCame(event, age_s(event)))
                    self._ask.set()
            except BadReply:  # the journal was cut or restored
                since = self._earlier()
                self._closing.wait(AGAIN_S)
            except (GateError, OSError):
                self._closing.wait(AGAIN_S)
            except Exception:  # noqa: BLE001  one event must not keep the next from being heard
                _log.exception("console: event %s", since)
                self._closing.wait(AGAIN_S)

    def _earlier(self) -> int:
        return max(0, (self._head or 0) - EARLIER)


def age_s(event: Mapping[str, Any]) -> float:
    """How long ago it happened, where both clocks are synchronised; else 0: it came just now."""
    now, said = wall_clock(), re.sub("Z$", "+00:00", str(event.get("time", "")))
    if event.get("clockquality") != "synchronised" or not now.synchronised:
        return 0.0
    try:
        then = datetime.fromisoformat(said).astimezone(UTC)
    except (ValueError, OverflowError):
        return 0.0
    return min(OLD_S, max(0.0, (now.utc - then).total_seconds()))
