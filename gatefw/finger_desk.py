"""Orders about fingers: enrolment, which takes three layings and prompts in between, and what revocation takes away.

`enrol_finger` with a subject begins and is answered with a session. The same order with that session and the number of
the prompts seen so far is answered with the next prompt, with none (within `PULSE_S`: ask again), or with the outcome.
Nothing is kept unless the officer's end is there until the outcome: when nobody asks for `ABANDONED_S`, whoever lays a
finger down then is somebody else.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

from gatefw.control import Answer, Done, Order, Rejected, Rejection
from gatefw.errors import GateError, Refusal, StoreError
from gatefw.finger_worker import FingerWorker, Prompt, enrol
from gatefw.fingers import Fingerprint, Fingers
from gatefw.model import Fact, FactKind, Reason, SubjectId
from gatefw.ports import FingerScanner
from gatefw.record_terms import Consent, Modality, RecordState
from gatefw.records import Records

ENROL_S = 60.0  # for the whole of it
GRACE_S = 10.0  # for what the sensor itself takes at the end
PULSE_S = 1.0
ABANDONED_S = 10.0
NO_SENSOR = "enrol_finger: this lane has no finger sensor; its lane file has no [finger.NAME]"
WHY = {
    Reason.NO_FINGER: "no finger was laid down, or lifted, in time",
    Reason.FINGER_UNCLEAR: "the finger stayed unclear: wipe finger and sensor, or take another finger",
    Reason.FINGER_MISMATCH: "what was laid down was not always the same finger",
    Reason.NOT_NOW: "given up: a traveller's finger was wanted, or nobody watched any more",
}

_log = logging.getLogger(__name__)
Reply = Callable[[Answer], None]
Made = Fingerprint | Reason


class Session:
    """One enrolment under way, between the worker's thread, which prompts, and the officer's end, which asks."""

    def __init__(self, subject: SubjectId, by: str, now_s: Callable[[], float]) -> None:
        self.id, self.subject, self.by = secrets.token_hex(8), subject, by
        self._now_s, self._lock = now_s, threading.Lock()
        self._prompts: list[Prompt] = []
        self._waiting: tuple[int, float, Reply] | None = None
        self._outcome: Answer | None = None
        self._heard_s = now_s()

    def say(self, prompt: Prompt) -> None:
        with self._lock:
            self._prompts.append(prompt)
        self._answer()

    @property
    def over(self) -> bool:
        return self._outcome is not None

    def finish(self, outcome: Answer) -> None:
        """The first outcome counts."""
        with self._lock:
            self._outcome = self._outcome or outcome
        self._answer()

    def follow(self, seen: int, reply: Reply) -> None:
        """Answer with what comes after the first `seen` prompts. A newer question takes the place of an older one."""
        with self._lock:
            self._heard_s = self._now_s()
            self._waiting = (seen, self._heard_s + PULSE_S, reply)
        self._answer()

    def abandoned(self) -> bool:
        """Whether the officer's end went away. To be asked often: it also tells one that waits that nothing is new."""
        self._answer()
        return self._now_s() - self._heard_s > ABANDONED_S

    def _answer(self) -> None:
        with self._lock:
            if self._waiting is None:
                return
            seen, until_s, reply = self._waiting
            answer: Answer | None = None
            if seen < len(self._prompts):
                answer = self._done(seen + 1, self._prompts[seen])
            elif self._outcome is not None:
                answer = self._outcome
            elif self._now_s() >= until_s:
                answer = self._done(seen, None)
            if answer is None:
                return
            self._waiting = None
        reply(answer)

    def _done(self, number: int, prompt: Prompt | None) -> Done:
        return Done({"session": self.id, "prompts": number, "prompt": prompt and prompt.value})


class FingerDesk:
    """Every method but the constructor runs on the clerk's thread. `later` puts a task there; `now` is wall time."""

    def __init__(
        self,
        records: Records,
        fingers: Fingers,
        worker: FingerWorker | None,
        record: Callable[[Fact], None],
        now: Callable[[], float],
        later: Callable[[Callable[[], None]], None],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._records, self._fingers, self._worker, self._record = records, fingers, worker, record
        self._now, self._later, self._now_s = now, later, now_s
        self._session: Session | None = None

    def enrol(self, order: Order, reply: Reply) -> None:
        """Do `enrol_finger`. Raises Refusal."""
        match dict(order.args):
            case {"session": str(session), "prompts": int(seen)} if self._session and session == self._session.id:
                self._session.follow(max(0, seen), reply)
            case {"session": _}:
                raise Refusal("enrol_finger: that session is over; begin again")
            case {"subject": str(subject), "consent": True}:
                self._begin(SubjectId(subject), order.by, reply)
            case _:
                raise Refusal("enrol_finger: a subject, and their consent to finger comparison, are wanted")

    def renewed(self, subject: SubjectId, expires_at: float) -> None:
        """Their registration holds until then, and so does their finger; one that cannot be changed ends as before."""
        try:
            self._fingers.hold(subject, expires_at)
        except StoreError as error:
            _log.error("%s", error)

    def forget(self, subject: SubjectId) -> None:
        """Their registration is over: so is their finger, and an enrolment under way."""
        if self._session and self._session.subject == subject:
            self._session.finish(
                Rejected(Rejection.REFUSED, "enrol_finger: the registration was revoked, or the consent withdrawn")
            )
        self._fingers.revoke(subject)

    def reconcile(self) -> None:
        """Remove fingers whose subject is not registered any more, or never agreed: a crash came in between."""
        agreed = {
            each.subject
            for each in self._records.list()
            if each.state is RecordState.ACTIVE and each.agrees_to(Modality.FINGER)
        }
        orphans = [subject for subject in self._fingers.subjects() if subject not in agreed]
        for subject in orphans:
            self._fingers.revoke(subject)
        if orphans:
            _log.warning("%d fingers had no registration that agrees to them and were removed", len(orphans))

    # ------------------------------------------------------------ one enrolment

    def _begin(self, subject: SubjectId, by: str, reply: Reply) -> None:
        if self._worker is None:
            raise Refusal(NO_SENSOR)
        if (self._session and not self._session.over) or self._worker.asked:
            raise Refusal("enrol_finger: the finger sensor is in use; wait until it is free")
        self._records.in_use_until(subject, self._now())
        session = self._session = Session(subject, by, self._now_s)
        made = self._worker.lend(lambda device: self._capture(device, session), ENROL_S + GRACE_S)
        made.add_done_callback(lambda done: self._later(lambda: self._made(session, done)))
        reply(Done({"session": session.id, "prompts": 0, "prompt": None}))

    def _capture(self, device: FingerScanner, session: Session) -> Made:
        """On the worker's thread."""
        worker = self._worker
        assert worker is not None

        def given_up() -> bool:
            return session.abandoned() or worker.asked or session.over

        made = enrol(device, worker.watch(device, ENROL_S, given_up), session.say)
        if given_up():
            return Reason.NOT_NOW
        return made if isinstance(made, Reason) else Fingerprint(device.kind, made)

    def _made(self, session: Session, made: "Future[Made]") -> None:
        try:
            session.finish(self._kept(session, made.result()))
        except GateError as error:
            session.finish(Rejected.by(error))
        except Exception as error:
            session.finish(
                Rejected(Rejection.FAILED, f"enrol_finger: {type(error).__name__}: the daemon's log says more")
            )
            raise

    def _kept(self, session: Session, made: Made) -> Answer:
        if session.over:  # revoked, or taken back, after the last look: it must not be given again
            made = Reason.NOT_NOW
        if isinstance(made, Reason):
            return Rejected(Rejection.REFUSED, f"enrol_finger: {WHY[made]}; nothing was kept")
        expires_at = self._records.in_use_until(session.subject, self._now())
        self._records.agree(session.subject, Consent(frozenset({Modality.FINGER}), self._now()))
        self._fingers.keep(session.subject, made, expires_at, self._records.registered(session.subject).partition)
        self._record(Fact(FactKind.FINGER_ENROLLED, None, (("by", session.by),), session.subject))
        return Done({"subject": session.subject, "enrolled": True, "expires_at": expires_at})
