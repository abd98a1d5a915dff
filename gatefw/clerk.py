"""What the lane knows of people: look-ups, rules, enrolment, the end of a registration. A thread of its own.

The desks do the orders; here is the thread on which all of them work, one task after the other, and what the lane
itself asks. Now and then it sweeps: a partition whose time is over is destroyed within a second.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gatefw import config_tables
from gatefw.control import Answer, Order, Rejected, Rejection
from gatefw.eligibility import document_facts
from gatefw.enrolment_desk import EnrolmentDesk
from gatefw.errors import GateError, Refusal, StoreError
from gatefw.finger_desk import NO_SENSOR, FingerDesk
from gatefw.finger_worker import FingerWorker
from gatefw.fingers import Fingers
from gatefw.gate_terms import Answered, Ask, GateInput
from gatefw.model import Answer as Found
from gatefw.model import (
    CheckEligibility,
    Eligible,
    EnrolTraveller,
    Fact,
    FactKind,
    Failed,
    Ineligible,
    LookUpRecord,
    Reason,
    RunId,
    SubjectId,
    Token,
    Verdict,
)
from gatefw.orphan_search import OrphanSearch
from gatefw.partition_desk import PartitionDesk
from gatefw.record_desk import RecordDesk
from gatefw.record_terms import MAIN
from gatefw.records import Records
from gatefw.tries import Tries
from gatefw.vision_desk import VisionDesk
from gatefw.vision_wire import Message
from gatefw.work_queue import WorkQueue

SWEEP_S = 0.5
DAY_S = 86_400.0
ERASE_EVERY_S, ERASED_AT_ONCE = 3600.0, 50
UNDER_WAY_MAX = 16
UNFIT = frozenset({Reason.VERIFY_TIMEOUT, Reason.NOT_LIVE})
"""Why somebody is referred who was looked at and did not fit: a try like a refusal, else one without end."""

_log = logging.getLogger(__name__)
Facts = Mapping[str, str]
Reply = Callable[[Answer], None]


@dataclass(frozen=True, slots=True)
class HouseRules:
    """What the lane file says of people. `judge` is its rules: see `eligibility`.

    vouched: wall time in seconds since 1970 UTC that somebody vouches for, None while nobody does; by it partitions are
    destroyed: a clock that is wrong for a moment would do it for good. Not given: the clerk's own.
    tried: whether what is changed now may be undone; then nothing ends by time, and nothing is tidied up.
    """

    lane: str
    judge: Callable[[Facts], Eligible | Ineligible] = lambda _facts: Eligible()
    people: config_tables.People = field(default_factory=config_tables.People)
    tries: config_tables.Tries = field(default_factory=config_tables.Tries)
    vouched: Callable[[], float | None] | None = None
    tried: Callable[[], bool] = lambda: False

    @property
    def enrol_into(self) -> str:
        return self.people.enrol_into or MAIN


class Clerk:
    """Works off questions and orders one after the other. `now` is wall time in seconds since 1970 UTC.

    `take` says which identifier to look up for a token, or why this lane does not take it; see `token_check`.
    `fingers` is there where the lane has, or had, a sensor for them.
    """

    def __init__(
        self,
        records: Records,
        take: Callable[[Token], Token | Failed],
        put: Callable[[GateInput], None],
        record: Callable[[Fact], None],
        now: Callable[[], float],
        house: HouseRules,
        fingers: Fingers | None = None,
        finger_sensor: FingerWorker | None = None,
    ) -> None:
        self._records, self._put, self._record, self._now = records, put, record, now
        self._vouched, self._tried = house.vouched or now, house.tried
        self._changed(take, house)
        self._admitted: dict[RunId, SubjectId] = {}
        self._desk: VisionDesk | None = None
        self._work = WorkQueue("clerk")
        self._fingers = FingerDesk(records, fingers, finger_sensor, record, now, self._work.put) if fingers else None
        renewed = self._fingers.renewed if self._fingers else lambda _subject, _until: None
        self._enrolment = EnrolmentDesk(records, self._ask, record, now, renewed)
        self._partitions = PartitionDesk(records.partitions, self._ask, record, now, self._forget_fingers)
        self._registrations = RecordDesk(records, self._fingers, self._ask, record, now)
        self._orphans = OrphanSearch(records, self._ask, now, self._tried, self._forget_fingers)
        self._unwell = ""
        self._erase_at = 0.0
        self.progress = 0
        self._thread = threading.Thread(target=self._run, name="clerk", daemon=True)

    def start(self, desk: VisionDesk) -> None:
        """Begin with what was asked meanwhile."""
        self._desk = desk
        self._work.put(self._forget_fingers)
        self._thread.start()

    def stop(self) -> None:
        """After what was asked before."""
        self._work.end()
        self._thread.join()

    # ------------------------------------------------------------ any thread

    def look_up(self, ask: Ask) -> None:
        """Answer `LookUpRecord`."""
        self._take_up(ask, self._looked_up)

    def check(self, ask: Ask) -> None:
        """Answer `CheckEligibility`."""
        self._take_up(ask, self._checked)

    def enrol_traveller(self, ask: Ask) -> None:
        """Answer `EnrolTraveller`."""
        self._take_up(ask, self._enrolled)

    def notice(self, fact: Fact) -> None:
        """What the lane wrote down: of decisions and ends of passages the clerk keeps count."""
        if fact.kind in (FactKind.PASSAGE_DECIDED, FactKind.PASSAGE_ENDED):
            self._work.put(lambda: self._noticed(fact, dict(fact.fields)))

    def passed(self, subject: SubjectId) -> None:
        """The counter's officer let them pass: they are behind this lane's touchpoint."""
        self._work.put(lambda: self._passed(subject))

    def change(self, take: Callable[[Token], Token | Failed], house: HouseRules) -> None:
        """From now on by these terms and rules."""
        self._work.put(lambda: self._changed(take, house))

    def order(self, order: Order, reply: Reply) -> None:
        """Do an order about people."""
        does = {
            "enrol": self._enrolment.enrol,
            "enrol_finger": self._enrol_finger,
            "revoke": self._registrations.revoke,
            "withdraw_consent": self._registrations.withdraw,
            "change_facts": self._registrations.change_facts,
            "subjects": self._registrations.list,
            "partition_make": self._partitions.make,
            "partition_change": self._partitions.change,
            "partition_destroy": self._partitions.destroy,
            "partitions": self._partitions.list,
        }[order.verb]
        busy = Rejected(Rejection.UNAVAILABLE, f"{order.verb}: too much waits already; try again")
        self._work.put(lambda: self._answered(does, order, reply), lambda: reply(busy))

    def reconcile(self) -> None:
        """Vision is there (again): are there records without templates, or templates without records?"""
        self._work.put(self._orphans.begin)

    def sweep(self) -> None:
        """Do now what is done every `SWEEP_S`."""
        self._work.put(self._swept)

    # ------------------------------------------------------------ the clerk's thread

    def _run(self) -> None:
        due_s = time.monotonic()
        while True:
            wait_s = due_s - time.monotonic()
            try:
                task = self._work.get(wait_s) if wait_s > 0 else self._swept
            except queue.Empty:
                continue
            if wait_s <= 0:
                due_s = time.monotonic() + SWEEP_S
            if task is None:
                return
            try:
                task()
            except Exception:  # noqa: BLE001  one order must not take the others with it
                _log.exception("clerk")
            self.progress += 1

    def _changed(self, take: Callable[[Token], Token | Failed], house: HouseRules) -> None:
        self._take, self._house = take, house
        self._tries = Tries(self._records.store, house.lane, house.tries.most, house.tries.within_s)

    def _ask(self, do: str, then: Callable[[Message], None], **fields: Any) -> None:
        """Ask vision; `then` goes on here, on this thread."""
        assert self._desk is not None
        self._desk.request(do, lambda message: self._work.put(lambda: then(message)), **fields)

    def _swept(self) -> None:
        """A store that cannot be used is told of once, not twice a second."""
        if self._tried():
            return
        try:
            self._partitions.sweep(self._vouched())
            self._tries.forget(self._now())
            self._erase_ended(self._vouched())
            self._orphans.go_on()
        except StoreError as error:
            if self._unwell != str(error):
                self._unwell = str(error)
                _log.error("%s", error)
        else:
            self._unwell = ""

    def _erase_ended(self, now: float | None) -> None:
        """Now and then, whose time has been over for as long as the lane file keeps them; some at each sweep."""
        if now is None or now < self._erase_at:
            return
        ended = self._records.erase_ended(now - self._house.people.keep_ended_days * DAY_S, ERASED_AT_ONCE)
        self._erase_at = now + ERASE_EVERY_S if len(ended) < ERASED_AT_ONCE else now
        self._registrations.erase(ended)

    def _forget_fingers(self) -> None:
        """Those of people who are not registered any more."""
        if self._fingers and not self._tried():
            self._fingers.reconcile()

    # ------------------------------------------------------------ what the lane asks

    def _take_up(self, ask: Ask, does: "Callable[[Ask], Found | None]") -> None:
        failed = Answered(ask.run, ask.number, Failed(Reason.RECORDS_UNAVAILABLE))
        self._work.put(lambda: self._answer(ask, does), lambda: self._put(failed))

    def _answer(self, ask: Ask, does: "Callable[[Ask], Found | None]") -> None:
        """None: the answer comes later."""
        try:
            found = does(ask)
        except StoreError as error:
            _log.error("%s", error)
            found = Failed(Reason.RECORDS_UNAVAILABLE)
        if found is not None:
            self._put(Answered(ask.run, ask.number, found))

    def _looked_up(self, ask: Ask) -> Found:
        assert isinstance(ask.request, LookUpRecord)
        taken = self._take(ask.request.token)
        return taken if isinstance(taken, Failed) else self._records.look_up(taken, self._now())

    def _checked(self, ask: Ask) -> Found:
        """Of somebody registered by all that is known; of a visitor by the document, for the journey of this lane."""
        request, now = ask.request, self._now()
        assert isinstance(request, CheckEligibility)
        read = document_facts(request.document) if request.document else {}
        if request.subject is None:
            return self._house.judge({**self._records.partitions.facts(self._house.enrol_into), **read})
        known = self._records.about(request.subject, now)
        if isinstance(known, Failed):
            return known
        if self._tries.too_many(request.subject, now):
            return Ineligible((("tries", Reason.TOO_MANY_TRIES),), Verdict.REFER)
        judged = self._house.judge({**known, **read})
        if isinstance(judged, Eligible) and known.get("consent.face") != "given":  # whatever the lane's rules look at
            return Failed(Reason.CONSENT_WITHDRAWN if "consent.face" in known else Reason.NO_CONSENT)
        return judged

    def _enrolled(self, ask: Ask) -> None:
        assert isinstance(ask.request, EnrolTraveller)
        put = self._put
        self._enrolment.enrol_traveller(
            ask.request, self._house.enrol_into, lambda found: put(Answered(ask.run, ask.number, found))
        )

    def _noticed(self, fact: Fact, fields: Mapping[str, object]) -> None:
        if fact.kind is FactKind.PASSAGE_DECIDED and fact.subject and fact.run:
            if fields["verdict"] == Verdict.ADMIT:
                self._admitted[fact.run] = fact.subject
                while len(self._admitted) > UNDER_WAY_MAX:
                    del self._admitted[next(iter(self._admitted))]
            elif fields["reason"] in UNFIT or (
                fields["verdict"] == Verdict.REFUSE and fields["reason"] != Reason.DECLINED
            ):
                self._refused(fact.subject)
        elif fact.kind is FactKind.PASSAGE_ENDED and fact.run:
            subject = self._admitted.pop(fact.run, None)
            if subject and fields["passed"]:
                self._passed(subject)

    def _refused(self, subject: SubjectId) -> None:
        tries = self._tries.refused(subject, self._now())
        if tries is not None:
            self._record(Fact(FactKind.REFUSED_OFTEN, None, (("tries", tries),), subject))

    def _passed(self, subject: SubjectId) -> None:
        self._tries.passed(subject)
        if self._house.people.touchpoint:
            self._records.touch(subject, self._house.people.touchpoint, self._now())

    # ------------------------------------------------------------ orders

    def _answered(self, does: Callable[[Order, Reply], None], order: Order, reply: Reply) -> None:
        try:
            does(order, reply)
        except GateError as error:
            reply(Rejected.by(error))
        except Exception as error:
            reply(Rejected(Rejection.FAILED, f"{order.verb}: {type(error).__name__}: the daemon's log says more"))
            raise

    def _enrol_finger(self, order: Order, reply: Reply) -> None:
        if self._fingers is None:
            raise Refusal(NO_SENSOR)
        self._fingers.enrol(order, reply)
