"""Records and templates, made and unmade together: look-ups, enrolment, revocation. A thread of its own.

A record is made first, pending; when vision has the template, it becomes active. A crash between the two leaves an
orphan, which is disabled and reported at the next start (`reconcile`). Revocation ends the record first, so that nobody
passes while the template is being removed.
"""

import logging
import queue
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gatefw.control import Answer, Done, Order, Rejected, Rejection
from gatefw.errors import GateError, Refusal, StoreError
from gatefw.finger_desk import NO_SENSOR, FingerDesk
from gatefw.finger_worker import FingerWorker
from gatefw.fingers import Fingers
from gatefw.gate_terms import Answered, Ask, GateInput
from gatefw.model import Fact, FactKind, Failed, LookUpRecord, Reason, SubjectId, Token
from gatefw.records import Consent, Modality, Records
from gatefw.vision_desk import VisionDesk
from gatefw.vision_wire import Message

PHOTOS_MAX = 8
DAY_S = 86_400.0
YEARS_MAX = 20

_log = logging.getLogger(__name__)
Reply = Callable[[Answer], None]


class Clerk:
    """Works off look-ups and orders one after the other. `now` is wall time in seconds since 1970 UTC.

    `fingers` is there where the lane has, or had, a sensor for them.

    `take` says which identifier to look up for a token, or why this lane does not take it; see `token_check`.
    """

    def __init__(
        self,
        records: Records,
        take: Callable[[Token], Token | Failed],
        put: Callable[[GateInput], None],
        record: Callable[[Fact], None],
        now: Callable[[], float],
        fingers: Fingers | None = None,
        finger_sensor: FingerWorker | None = None,
    ) -> None:
        self._records, self._take, self._put, self._record, self._now = records, take, put, record, now
        self._desk: VisionDesk | None = None
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._fingers = FingerDesk(records, fingers, finger_sensor, record, now, self._work.put) if fingers else None
        self._thread = threading.Thread(target=self._run, name="clerk", daemon=True)

    def start(self, desk: VisionDesk) -> None:
        """Begin with what was asked meanwhile."""
        self._desk = desk
        if self._fingers:
            self._work.put(self._fingers.reconcile)
        self._thread.start()

    def stop(self) -> None:
        """After what was asked before."""
        self._work.put(None)
        self._thread.join()

    # ------------------------------------------------------------ any thread

    def look_up(self, ask: Ask) -> None:
        self._work.put(lambda: self._look_up(ask))

    def order(self, order: Order, reply: Reply) -> None:
        """Do `enrol`, `enrol_finger`, `revoke` or `subjects`."""
        does = {
            "enrol": self._enrol,
            "enrol_finger": self._enrol_finger,
            "revoke": self._revoke,
            "subjects": self._subjects,
        }[order.verb]
        self._work.put(lambda: self._answered(does, order, reply))

    def reconcile(self) -> None:
        """Vision is there (again): are there records without templates, or templates without records?"""
        self._work.put(lambda: self._ask("list", self._reconcile))

    # ------------------------------------------------------------ the clerk's thread

    def _run(self) -> None:
        while (task := self._work.get()) is not None:
            try:
                task()
            except Exception:  # noqa: BLE001  one order must not take the others with it
                _log.exception("clerk")

    def _ask(self, do: str, then: Callable[[Message], None], **fields: Any) -> None:
        """Ask vision; `then` goes on here, on this thread."""
        assert self._desk is not None
        self._desk.request(do, lambda message: self._work.put(lambda: then(message)), **fields)

    def _look_up(self, ask: Ask) -> None:
        assert isinstance(ask.request, LookUpRecord)
        try:
            taken = self._take(ask.request.token)
            found = taken if isinstance(taken, Failed) else self._records.look_up(taken, self._now())
        except StoreError as error:
            _log.error("%s", error)
            found = Failed(Reason.RECORDS_UNAVAILABLE)
        self._put(Answered(ask.run, ask.number, found))

    def _answered(self, does: Callable[[Order, Reply], None], order: Order, reply: Reply) -> None:
        try:
            does(order, reply)
        except GateError as error:
            reply(Rejected.by(error))
        except Exception as error:
            reply(Rejected(Rejection.FAILED, f"{order.verb}: {type(error).__name__}: the daemon's log says more"))
            raise

    def _enrol(self, order: Order, reply: Reply) -> None:
        args = order.args
        photos, days = _photos(args), _days(args)
        if args.get("consent") is not True:
            raise Refusal("enrol: the traveller's consent to face comparison is not given; nothing was stored")
        tokens = [Token(text.encode("ascii", "replace")) for text in _texts(args, "tokens")]
        facts = {str(name): str(value) for name, value in dict(args.get("facts", {})).items()}
        now = self._now()
        expires_at = now + days * DAY_S
        subject = self._records.enrol(tokens, facts, Consent(frozenset({Modality.FACE}), now), expires_at)

        def then(message: Message) -> None:
            done = message.get("done")
            if not isinstance(done, dict):
                self._records.disable(subject)
                reply(Rejected(Rejection.REFUSED, _why(message)))
                return
            self._records.activate(subject)
            self._record(Fact(FactKind.SUBJECT_ENROLLED, None, (("by", order.by),), subject))
            reply(Done({"subject": subject, "templates": done.get("templates"), "expires_at": expires_at}))

        self._ask("enrol", then, subject=subject, photos=[str(path) for path in photos], expires_at=expires_at)

    def _enrol_finger(self, order: Order, reply: Reply) -> None:
        if self._fingers is None:
            raise Refusal(NO_SENSOR)
        self._fingers.enrol(order, reply)

    def _revoke(self, order: Order, reply: Reply) -> None:
        subject = SubjectId(_texts({"subject": [order.args.get("subject")]}, "subject")[0])
        self._records.revoke(subject, self._now())
        notes = self._forget_finger(subject)
        self._record(Fact(FactKind.SUBJECT_REVOKED, None, (("by", order.by),), subject))

        def then(message: Message) -> None:
            if not isinstance(message.get("done"), dict):
                notes["template"] = f"will be removed when vision is back: {_why(message)}"
            reply(Done({"subject": subject, "revoked": True, **notes}))

        self._ask("revoke", then, subject=subject)

    def _forget_finger(self, subject: SubjectId) -> dict[str, str]:
        """What the officer must know. The record has ended: whatever else there is goes, though one store fails."""
        try:
            if self._fingers:
                self._fingers.forget(subject)
        except StoreError as error:
            _log.error("%s", error)
            return {"finger": f"will be removed when the daemon starts again: {error}"}
        return {}

    def _subjects(self, _order: Order, reply: Reply) -> None:
        listed = [
            {
                "subject": each.subject,
                "state": each.state.value,
                "consent": sorted(each.consent.to),
                "consent_at": each.consent.at,
                "expires_at": each.expires_at,
                "revoked_at": each.revoked_at,
            }
            for each in self._records.list()
        ]
        reply(Done({"subjects": listed}))

    def _reconcile(self, message: Message) -> None:
        done = message.get("done")
        if not isinstance(done, dict):
            return
        templates = [SubjectId(entry["subject"]) for entry in done["subjects"]]
        orphans = self._records.reconcile(templates)
        if orphans.records:
            _log.warning("%d records had no template and were disabled: enrol them again", len(orphans.records))
        for subject in orphans.templates:
            self._ask("revoke", lambda _message: None, subject=subject)
        if orphans.templates:
            _log.warning("%d templates had no record and are removed", len(orphans.templates))
        if self._fingers:
            self._fingers.reconcile()  # of whom the record was disabled just now


def _texts(args: Mapping[str, Any], name: str) -> list[str]:
    texts = args.get(name)
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise Refusal(f"{name}: at least one text is wanted")
    return texts


def _photos(args: Mapping[str, Any]) -> list[Path]:
    photos = [Path(text) for text in _texts(args, "photos")]
    if len(photos) > PHOTOS_MAX or not all(path.is_absolute() for path in photos):
        raise Refusal(f"photos: 1 to {PHOTOS_MAX} absolute paths are wanted")
    return photos


def _days(args: Mapping[str, Any]) -> float:
    days = args.get("days")
    if isinstance(days, bool) or not isinstance(days, int | float) or not 0 < days <= 366 * YEARS_MAX:
        raise Refusal(f"days: for how many days is wanted, at most {366 * YEARS_MAX}")
    return float(days)


def _why(message: Message) -> str:
    failed = message.get("failed")
    return str(failed.get("message")) if isinstance(failed, dict) else "vision gave no reason"
