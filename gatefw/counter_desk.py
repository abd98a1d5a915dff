"""Orders of the counter's officer that move nothing at the lane, and stand in the journal: each with who gave it.

Somebody whom the lane turned away was cleared by hand, and why: beside the run that the lane ended, once only. An alarm
was seen, by its number. A silent alarm: the officer is under duress, which an event says and nothing at the lane does.
Somebody's case was shown, the one order that answers with whom it is about: to who asked, and nowhere else.
The journal is looked into on a thread of the desk's own; an answer says that it is on disk.
"""

import json
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping

from gatefw.cases import Case, Cases
from gatefw.control import ACKNOWLEDGE, CASE, CLEAR, SILENT_ALARM, Answer, Done, Order, Rejected, Rejection
from gatefw.errors import GateError, Refusal
from gatefw.events import BY_HAND, RUN, type_of
from gatefw.journal import Journal
from gatefw.model import Fact, FactKind, Phase, RunId, SubjectId, Verdict

Reply = Callable[[Answer], None]
VERBS = frozenset((CLEAR, ACKNOWLEDGE, SILENT_ALARM, CASE))
ALARMS: Mapping[str, tuple[str, tuple[str, ...]] | None] = {
    type_of(FactKind.ALARM_RAISED): None,
    type_of(FactKind.ALARM_SILENT): None,
    type_of(FactKind.FAULT_LATCHED): None,
    type_of(FactKind.DEVICE_LOST): None,
    type_of(FactKind.DEVICE_IMPAIRED): None,
    type_of(FactKind.PASSAGE_DECIDED): ("verdict", (Verdict.REFER, Verdict.REFUSE)),
    type_of(FactKind.PHASE_CHANGED): (
        "phase",
        (Phase.REFERRED, Phase.REFUSED, Phase.HOLD, Phase.EVACUATED, Phase.FAULT, Phase.DEGRADED),
    ),
}
"""The events that call for somebody, so that somebody may say that they have seen it: all of a type, or those whose
field has one of these words."""
JUST_NOW = 256

_log = logging.getLogger(__name__)


class CounterDesk:
    """Works off orders one after the other, from construction to `close`.

    `passed` is told of a registered traveller whom the lane had referred: they are behind this touchpoint now. Who was
    refused may be somebody else than whom the lane found, so nothing is noted of them. `facts_of` reads a record;
    `procedure` is the lane's.
    """

    def __init__(
        self,
        journal: Journal,
        passed: Callable[[SubjectId], None],
        cases: Cases,
        facts_of: Callable[[SubjectId], Mapping[str, str]],
        procedure: str,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._journal, self._passed = journal, passed
        self._cases, self._facts_of, self._procedure, self._now_s = cases, facts_of, procedure, now_s
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
                self._do(order, reply)
            except GateError as error:
                reply(Rejected.by(error))
            except Exception as error:  # noqa: BLE001  one order must not take the others with it
                _log.exception("counter")
                reply(Rejected(Rejection.FAILED, f"{order.verb}: {type(error).__name__}: the daemon's log says more"))

    def _do(self, order: Order, reply: Reply) -> None:
        if order.verb == SILENT_ALARM:
            self._journal.append(Fact(FactKind.ALARM_SILENT, None, (("by", order.by),)), _told(reply, {"sent": True}))
        elif order.verb == ACKNOWLEDGE:
            self._acknowledge(order, reply)
        elif order.verb == CASE:
            self._show(order, reply)
        else:
            self._clear(order, reply)

    def _acknowledge(self, order: Order, reply: Reply) -> None:
        """Who has seen an alarm; as often as somebody says so, since two may have."""
        n = order.args.get("event")
        if type(n) is not int or n < 1:
            raise Refusal(f"{order.verb}: event: the number of the alarm is wanted, as its event has it (sequence)")
        newest = self._journal.head()
        rows = self._journal.read(n - 1, 1) if n <= newest else []
        if not rows or rows[0].n != n:
            raise Refusal(f"{order.verb}: there is no event {n}: the newest is {newest}, and the oldest may be removed")
        event = json.loads(rows[0].body)
        if not _calls(rows[0].type, event["data"]):
            raise Refusal(f"{order.verb}: event {n} is {rows[0].type}, which calls for nobody")
        run = event.get("run")
        fact = Fact(FactKind.ALARM_ACKNOWLEDGED, run and RunId(run), (("event", n), ("by", order.by)))
        self._journal.append(fact, _told(reply, {"acknowledged": n}))

    def _show(self, order: Order, reply: Reply) -> None:
        """The case of a run, or of whom the lane is about; first it is on disk who looks."""
        given = order.args.get("run")
        if not (given is None or RUN.fits(given)):
            raise Refusal(f"{order.verb}: run: 16 hex digits are wanted, as the events of the passage have them")
        found = self._cases.open(given)
        if found is None:
            whose = f"of run {given} " if given else ""
            raise Refusal(f"{order.verb}: no case {whose}is open: it ended, was cleared, or was before a restart")
        case, phase = found
        told = {"procedure": self._procedure, **case.told(self._now_s(), phase, self._record_of(case))}
        self._journal.append(Fact(FactKind.CASE_SEEN, case.run, (("by", order.by),)), _told(reply, told))

    def _record_of(self, case: Case) -> Mapping[str, str]:
        """What the store knows; nothing of somebody whose record was erased meanwhile, or cannot be read."""
        try:
            return {} if case.subject is None else self._facts_of(case.subject)
        except GateError as error:
            _log.error("counter: %s: the case is shown without the record", type(error).__name__)
            return {}

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
        self._journal.append(fact, _told(reply, {"run": run, "cleared": True}))
        self._cleared.append(run)
        self._cases.forget(run)
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


def _calls(type_: str, data: Mapping[str, object]) -> bool:
    """Whether an event calls for somebody."""
    words = ALARMS.get(type_)
    return type_ in ALARMS and (words is None or data.get(words[0]) in words[1])


def _told(reply: Reply, what: dict[str, object]) -> Callable[[int], None]:
    """Tells it, with the number of its event, once that is on disk."""
    return lambda number: reply(Done({**what, "event": number}))
