"""All lanes of a console together: what each said, for whoever follows them, and orders to several at once."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from gatefw.console.alarms import RANK, Priority
from gatefw.console.earlier import Earlier
from gatefw.console.lanes import EventCame, Lane, Message, Named, heard
from gatefw.console.link import Link
from gatefw.console.setting import Followed
from gatefw.console.shift import Ledger
from gatefw.console.shown import alarms, row
from gatefw.control import Rejection
from gatefw.errors import BadReply, DeviceLost, Refusal
from gatefw.model import Phase
from gatefw.web.board import Board

ORDER_S, STOP_S = 4.0, 1.0
"""An order is worth nothing after so long, and a second later the officer hears that nobody answered."""
AT_ONCE = 64
PAGES = 48
"""So many follow the row at once, of the connections that there may be; orders want some of them."""

Give = Callable[[str, Mapping[str, object], Phase | None, float, str], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Came:
    """What came of an order: `status` as HTTP has it, and what is told."""

    status: int
    told: Mapping[str, object]


class Row:
    """From construction to `close`. `changes` is news for whoever follows; `now` is called for what it is about."""

    def __init__(self, lanes: Iterable[Followed], now_s: Callable[[], float] = time.monotonic) -> None:
        followed = tuple(lanes)
        self._now_s, self._lock = now_s, threading.Lock()
        self._named = {each.named.id: each.named for each in followed}
        self._lanes = {name: Lane() for name in self._named}
        self._ledgers = {name: Ledger() for name in self._named}
        self._changes = 0
        self.changes = Board({"n": 0}, PAGES)
        self._pool = ThreadPoolExecutor(AT_ONCE, "console order")
        self._links = {each.named.id: Link(each.key, self._hears(each.named.id)) for each in followed}
        self._earlier = Earlier([(each.key, self._ledgers[each.named.id]) for each in followed])

    def close(self) -> None:
        self._earlier.end()
        for link in self._links.values():
            link.end()
        for link in self._links.values():
            link.close()
        self._earlier.close()
        self._pool.shutdown()

    def __contains__(self, lane: str) -> bool:
        return lane in self._named

    def _hears(self, lane: str) -> Callable[[Message], None]:
        return lambda message: self.hear(lane, message)

    def hear(self, lane: str, message: Message) -> None:
        """Any thread."""
        if isinstance(message, EventCame):
            self._ledgers[lane].count(message.event)
        with self._lock:
            before = self._lanes[lane]
            now = self._lanes[lane] = heard(before, message, self._now_s())
            if before.news == now.news and not before.silent(self._now_s()):
                return
        self.tell()

    def tell(self) -> None:
        """Whoever follows looks again. Any thread."""
        with self._lock:
            self._changes += 1
            changes = self._changes
        self.changes.put({"n": changes})

    def now(self) -> dict[str, Any]:
        """Rows as configured, alarms with the most urgent first, of those the newest."""
        with self._lock:
            lanes = dict(self._lanes)
        now_s = self._now_s()
        rows = [row(named, lanes[name], now_s) for name, named in self._named.items()]
        found = [each for name, named in self._named.items() for each in alarms(named, lanes[name], now_s)]
        return {"now_s": round(now_s, 1), "lanes": rows, "alarms": sorted(found, key=_urgent)}

    @property
    def ledgers(self) -> list[tuple[Named, Ledger]]:
        """What came of a shift, of each lane in their order."""
        return [(self._named[name], ledger) for name, ledger in self._ledgers.items()]

    async def order(
        self, lane: str, verb: str, args: Mapping[str, object], expects: Phase | None, name: str, timeout_s: float
    ) -> Came:
        """Its time runs from here on: one that waited so long for others that it is over is not sent at all."""
        loop, ends_s, give = asyncio.get_running_loop(), time.monotonic() + timeout_s, self._links[lane].order

        def now() -> Came:
            left_s = ends_s - time.monotonic()
            return NOT_SENT if left_s <= 0 else came(give, verb, args, expects, left_s, name)

        return await loop.run_in_executor(self._pool, now)


NOT_SENT = Came(
    503, {"outcome": "refused", "error": "unavailable", "message": "too many orders wait for lanes; it was not sent"}
)


def came(give: Give, verb: str, args: Mapping[str, object], expects: Phase | None, timeout_s: float, name: str) -> Came:
    """What became of one order, in words of HTTP."""
    try:
        return Came(200, {"outcome": "done", **give(verb, args, expects, timeout_s, name)})
    except Refusal as error:
        code, message = _refused(str(error))
        status = {Rejection.NOT_PERMITTED: 403, Rejection.EXPIRED: 504}.get(code, 409)
        return Came(status, {"outcome": "refused", "error": code.value, "message": message})
    except DeviceLost:
        message = "the lane did not answer: whether it was done is not known"
        return Came(504, {"outcome": "unknown", "error": "no_answer", "message": message})
    except BadReply as error:
        return Came(504, {"outcome": "unknown", "error": "no_answer", "message": str(error)})


def _refused(text: str) -> tuple[Rejection, str]:
    """The lane's own code and sentence, as `control.outcome` puts them together."""
    _, _, rest = text.partition(": ")
    code, _, message = rest.partition(": ")
    return (Rejection(code), message) if code in set(Rejection) else (Rejection.REFUSED, text)


def _urgent(alarm: Mapping[str, object]) -> tuple[bool, int, float]:
    """Those that nobody acknowledged first."""
    since = alarm["since_s"]
    return alarm["by"] is not None, RANK[Priority(str(alarm["priority"]))], float(str(since or 0.0))
