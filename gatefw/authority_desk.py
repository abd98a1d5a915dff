"""Asks the authorities of a lane about each traveller, all at the same time, and sees to the record of what came of it.

All of them must say yes, each signed, before the question's deadline: else the gravest word is the answer. An authority
that is silent, late or not believed said nothing, and what that means stands in the lane file: refer, or go on without.
One thread does it all, one task after the other; the loop only leaves tasks here, and each line has its own thread.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gatefw import authority_wire as wire
from gatefw.authority_wire import Said, Sent, Word
from gatefw.authority_worker import AuthorityWorker, Post
from gatefw.clearance_records import ClearanceRecords
from gatefw.clearance_writer import ClearanceWriter, Correspondent, document_of
from gatefw.config_tables import Authorities
from gatefw.errors import GateError, Refusal, StoreError
from gatefw.gate_terms import Answered, Ask, DeviceCame, DeviceWent, GateInput
from gatefw.model import (
    Answer,
    AskAuthorities,
    CheckEligibility,
    Cleared,
    Fact,
    FactKind,
    Failed,
    Reason,
    RunId,
    SubjectId,
)
from gatefw.ports import Authority
from gatefw.work_queue import WorkQueue

CLEARANCE_RECORDS = "clearance_records"
"""Missing while there is no room for the record of one more passage: no traveller is taken then."""
SWEEP_S = 0.5
ERASE_EVERY_S = 60.0
DAY_S = 86_400.0
GRAVEST = (
    (Word.HIT, Reason.STOP_LISTED),
    (Word.USED_TWICE, Reason.DOCUMENT_USED_TWICE),
    (Word.REFUSED, Reason.AUTHORITY_REFUSED),
)

_log = logging.getLogger(__name__)
Facts = Mapping[str, str]
Words = Mapping[str, Word | None]


def verdict(words: Words, offline: str) -> Answer:
    """What the authorities' words come to, by name; None: it said nothing that counts."""
    for word, reason in GRAVEST:
        if word in words.values():
            return Failed(reason)
    if offline != "clear" and None in words.values():
        return Failed(Reason.AUTHORITY_UNAVAILABLE)
    return Cleared(tuple(sorted(name for name, word in words.items() if word is Word.CLEAR)))


@dataclass(slots=True)
class _Inquiry:
    """One question and the words that have come; `sent` are the letters, by authority."""

    ask: Ask
    ends_s: float
    sent: dict[str, Sent] = field(default_factory=dict)
    words: dict[str, Word | None] = field(default_factory=dict)


class AuthorityDesk:
    """`who` tells what was written down of somebody, `now` is wall time in seconds since 1970 UTC. `vouched`: the same,
    None while nobody vouches for it: nothing is erased by a clock that may be wrong.
    """

    def __init__(
        self,
        terms: Authorities,
        records: ClearanceRecords,
        writer: ClearanceWriter,
        who: Callable[[SubjectId], Facts],
        put: Callable[[GateInput], None],
        record: Callable[[Fact], None],
        now: Callable[[], float],
        vouched: Callable[[], float | None],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._terms, self._records, self._writer, self._who = terms, records, writer, who
        self._put, self._record, self._now, self._vouched, self._now_s = put, record, now, vouched, now_s
        self.workers: list[AuthorityWorker] = []
        self._open: dict[tuple[RunId, int], _Inquiry] = {}
        self._late: list[tuple[RunId, Mapping[str, object], float]] = []
        self._there: bool | None = None
        self._recovered = False
        self._erase_s = now_s()
        self._work, self.progress = WorkQueue("authorities"), 0
        self._thread = threading.Thread(target=self._run, name="authorities", daemon=True)

    def employ(self, who: Correspondent, open_device: Callable[[], Authority]) -> None:
        """Before `start`: one more authority, which must say yes from now on."""
        post = Post(who.sender, self._records, self._heard_of, self._delivered, self._now)
        self.workers.append(AuthorityWorker(who.label, open_device, self._put, who.addressee, post, self._now_s))
        self._writer.correspondents.append(who)

    def start(self) -> None:
        """Begin with what was left by the process before this one; the workers are started with all others."""
        self._work.put(self._recover)
        self._thread.start()

    def stop(self) -> None:
        """After what was left here before."""
        self._work.end()
        self._thread.join()

    # ------------------------------------------------------------ any thread

    def begin(self, ask: Ask) -> None:
        """Somebody was found, and is looked at more closely: their passage will have a record."""
        self._work.put(lambda: self._found(ask))

    def ask(self, ask: Ask) -> None:
        """Answer `AskAuthorities` before its deadline."""
        ends_s = self._now_s() + getattr(ask.request, "deadline_s", 0.0)
        failed = Answered(ask.run, ask.number, Failed(Reason.AUTHORITY_UNAVAILABLE))
        self._work.put(lambda: self._asked(ask, ends_s), lambda: self._put(failed))

    def cancel(self, run: RunId) -> None:
        """Nobody waits for an answer about this run any more."""
        self._work.put(lambda: self._cancelled(run))

    def notice(self, fact: Fact) -> None:
        """What the lane wrote down."""
        if fact.kind in (FactKind.RULE_FAILED, FactKind.PASSAGE_DECIDED, FactKind.PASSAGE_ENDED):
            self._work.put(lambda: self._noticed(fact))

    def change(self, terms: Authorities) -> None:
        """From now on by these terms."""
        self._work.put(lambda: setattr(self, "_terms", terms))

    def sweep(self) -> None:
        """Do now what is done every `SWEEP_S`."""
        self._work.put(self._swept)

    def _heard_of(self, name: str, sent: Sent, said: Said | None) -> None:
        self._work.put(lambda: self._heard(name, sent, said))

    def _delivered(self, name: str) -> None:
        label = next(worker.name for worker in self.workers if worker.addressee.name == name)
        self._record(Fact(FactKind.CLEARANCE_DELIVERED, None, (("authority", label),)))
        self._work.put(self._look_for_room)

    # ------------------------------------------------------------ the desk's thread

    def _run(self) -> None:
        due_s = self._now_s()
        while True:
            next_s = min([due_s, *(each.ends_s for each in self._open.values())])
            try:
                wait_s = next_s - self._now_s()
                task = self._work.get(min(wait_s, SWEEP_S)) if wait_s > 0 else self._swept
            except queue.Empty:
                continue
            if task is None:
                return
            if wait_s <= 0:
                due_s = self._now_s() + SWEEP_S
            try:
                task()
            except Exception:  # noqa: BLE001  one passage must not take the others with it
                _log.exception("authorities")
            self.progress += 1

    def _swept(self) -> None:
        now_s = self._now_s()
        for inquiry in [each for each in self._open.values() if now_s >= each.ends_s]:
            self._end(inquiry)
        if not self._recovered:
            self._recover()
        late, self._late = self._late, []
        for each in late:
            self._finish(*each)
        if now_s >= self._erase_s:
            self._erase_s = now_s + ERASE_EVERY_S
            self._erase()

    def _recover(self) -> None:
        try:
            self._writer.recover(self._now())
        except GateError as error:
            self._unwell(error)
            return
        self._recovered = True
        self._look_for_room()

    # ------------------------------------------------------------ questions

    def _found(self, ask: Ask) -> None:
        who = self._known_of(ask)
        if who:
            self._begun(ask.run, who)

    def _begun(self, run: RunId, who: Facts) -> bool:
        """Whether it is written down who passes."""
        try:
            self._writer.begin(run, who)
        except StoreError as error:
            self._unwell(error)
            return False
        self._look_for_room()
        return True

    def _known_of(self, ask: Ask) -> Facts:
        request = ask.request
        assert isinstance(request, AskAuthorities | CheckEligibility)
        known: dict[str, str] = document_of(request.document) if request.document else {}
        if request.subject is not None:
            try:
                known = {**self._who(request.subject), **known}
            except (Refusal, StoreError) as error:
                _log.error("%s", error)
        return known

    def _asked(self, ask: Ask, ends_s: float) -> None:
        who = self._known_of(ask)
        if not who.get("document.number"):
            _log.error("authorities: cannot be asked: no document.number is written down of this traveller")
        if not (who.get("document.number") and self._begun(ask.run, who)):
            self._put(Answered(ask.run, ask.number, Failed(Reason.AUTHORITY_UNAVAILABLE)))
            return
        contents: wire.Contents = {
            "at": int(self._now()),
            "direction": self._writer.direction,
            "issuer": who.get("document.issuer", ""),
            "number": who["document.number"],
            "kind": who.get("document.kind", ""),
        }
        inquiry = self._open[ask.run, ask.number] = _Inquiry(ask, ends_s)
        for to in self._writer.correspondents:
            inquiry.sent[to.addressee.name] = wire.query(to.addressee, to.sender, contents)
        for worker in self.workers:
            worker.query(inquiry.sent[worker.addressee.name])

    def _heard(self, name: str, sent: Sent, said: Said | None) -> None:
        """A word for a question that is still open; any other comes too late."""
        inquiry = next((each for each in self._open.values() if each.sent.get(name) is sent), None)
        if inquiry is None:
            return
        inquiry.words[name] = said.word if said else None
        if inquiry.words.keys() == inquiry.sent.keys():
            self._end(inquiry)

    def _end(self, inquiry: _Inquiry) -> None:
        """Everybody has said something, or the time is over."""
        ask = inquiry.ask
        self._forget(inquiry)
        words = {name: inquiry.words.get(name) for name in inquiry.sent}
        silent = sorted(name for name, word in words.items() if word is None)
        if silent:
            _log.warning("authorities: no word that counts from %s", ", ".join(silent))
        found = verdict(words, self._terms.offline)
        if isinstance(found, Cleared):
            self._writer.cleared(ask.run, found.by)
        self._put(Answered(ask.run, ask.number, found))

    def _cancelled(self, run: RunId) -> None:
        for inquiry in [each for each in self._open.values() if each.ask.run == run]:
            self._forget(inquiry)

    def _forget(self, inquiry: _Inquiry) -> None:
        self._open.pop((inquiry.ask.run, inquiry.ask.number), None)
        for worker in self.workers:
            worker.forget(inquiry.sent[worker.addressee.name])

    # ------------------------------------------------------------ records

    def _noticed(self, fact: Fact) -> None:
        if fact.kind is FactKind.PASSAGE_ENDED and fact.run is not None:
            self._finish(fact.run, dict(fact.fields), self._now())
        else:
            self._writer.follow(fact)

    def _finish(self, run: RunId, told: Mapping[str, object], at: float) -> None:
        """What cannot be written down now is not forgotten: it is tried again, and nobody is let in meanwhile."""
        try:
            made = self._writer.finish(run, told, at)
        except StoreError as error:
            self._late.append((run, told, at))
            self._unwell(error)
            return
        if made:
            for worker in self.workers:
                worker.forward()
        self._look_for_room()

    def _erase(self) -> None:
        now = self._vouched()
        if now is None:
            return
        try:
            erased = self._records.erase(now - self._terms.retention_days * DAY_S)
        except StoreError as error:
            self._unwell(error)
            return
        labels = {worker.addressee.name: worker.name for worker in self.workers}
        for name, count in erased.items():
            fields = (("authority", labels.get(name, f"authority.{name}")), ("records", count))
            self._record(Fact(FactKind.CLEARANCE_ERASED, None, fields))

    def _look_for_room(self) -> None:
        try:
            room = self._recovered and self._records.most_waiting() < self._terms.most_waiting and not self._late
        except StoreError as error:
            self._unwell(error)
            return
        if not room and self._there is not False and self._recovered:
            _log.error("clearance records: %d wait for an authority; nobody is let in", self._terms.most_waiting)
            self._tell(False, Reason.OVERFLOW)
        elif room and not self._there:
            self._tell(True, Reason.OK)

    def _unwell(self, error: GateError) -> None:
        """Said once, until it works again."""
        if self._there is not False:
            _log.error("%s", error)
            self._tell(False, Reason.DEVICE_LOST)

    def _tell(self, there: bool, reason: Reason) -> None:
        self._there = there
        self._put(DeviceCame(CLEARANCE_RECORDS) if there else DeviceWent(CLEARANCE_RECORDS, reason))
