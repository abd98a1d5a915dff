"""Orders of the counter's officer: somebody whom the lane turned away was cleared by hand.

That opens nothing. It is written down with who says so and why, beside the run that the lane ended, and once only. The
journal is looked into on a thread of the desk's own.
"""

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable

from gatefw.control import Answer, Done, Order, Rejected, Rejection
from gatefw.errors import GateError, Refusal
from gatefw.events import BY_HAND, RUN
from gatefw.journal import Journal
from gatefw.model import Fact, FactKind, RunId, SubjectId

Reply = Callable[[Answer], None]
JUST_NOW = 256

_log = logging.getLogger(__name__)


class CounterDesk:
    """Works off orders one after the other, from construction to `close`.

    `passed` is told of a registered traveller whom the lane had referred: they are behind this touchpoint now. Who was
    refused may be somebody else than whom the lane found, so nothing is noted of them.
    """

    def __init__(self, journal: Journal, passed: Callable[[SubjectId], None]) -> None:
        self._journal, self._passed = journal, passed
        self._cleared: deque[RunId] = deque(maxlen=JUST_NOW)  # by us: some of it may not be on disk yet
        self._work: queue.SimpleQueue[tuple[Order, Reply] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="counter", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """After what was ordered before."""
        self._work.put(None)
        self._thread.join()

    def order(self, order: Order, reply: Reply) -> None:
        """Any thread; the answer comes when it is on disk that the traveller was cleared, or says why not."""
        self._work.put((order, reply))

    def _run(self) -> None:
        while (item := self._work.get()) is not None:
            order, reply = item
            try:
                self._clear(order, reply)
            except GateError as error:
                reply(Rejected.by(error))
            except Exception as error:  # noqa: BLE001  one order must not take the others with it
                _log.exception("counter")
                reply(Rejected(Rejection.FAILED, f"{order.verb}: {type(error).__name__}: the daemon's log says more"))

    def _clear(self, order: Order, reply: Reply) -> None:
        given, why = order.args.get("run"), order.args.get("why")
        if not (isinstance(given, str) and RUN.fits(given)):
            raise Refusal(f"{order.verb}: run: 16 hex digits are wanted, as the events of the passage have them")
        if not BY_HAND.fits(why):
            raise Refusal(f"{order.verb}: why: one of {', '.join(BY_HAND.words)} is wanted")
        run = RunId(given)
        self._must_be_open(order.verb, run)
        subject = self._journal.referred(run)
        fact = Fact(FactKind.CLEARED_BY_HAND, run, (("by", order.by), ("why", str(why))))
        self._journal.append(fact, lambda number: reply(Done({"run": run, "cleared": True, "event": number})))
        self._cleared.append(run)
        if subject is not None:
            self._passed(subject)

    def _must_be_open(self, verb: str, run: RunId) -> None:
        """Raise Refusal unless the lane ended this run without letting its traveller pass, and nobody cleared it."""
        ends = self._journal.endings(run)
        if FactKind.PASSAGE_ENDED not in ends:
            raise Refusal(f"{verb}: no run {run} has ended here; it is under way still, or another lane's")
        if ends[FactKind.PASSAGE_ENDED].get("passed") is not False:
            raise Refusal(f"{verb}: the traveller of run {run} passed the lane; there is nothing to clear")
        if FactKind.CLEARED_BY_HAND in ends or run in self._cleared:
            raise Refusal(f"{verb}: the traveller of run {run} was cleared by hand already")
