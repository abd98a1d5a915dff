"""Orders about one registration: its end, a consent that is taken back, another document; and the list of them all."""

import logging
from collections.abc import Callable, Iterable

from gatefw import order_args
from gatefw.control import Answer, Done, Order
from gatefw.enrolment_desk import BY_LANE, AskVision
from gatefw.errors import Refusal, StoreError
from gatefw.finger_desk import FingerDesk
from gatefw.model import Fact, FactKind, Reason, SubjectId
from gatefw.record_terms import FOR_EVER, Modality
from gatefw.records import Records
from gatefw.vision_wire import Message

_log = logging.getLogger(__name__)
Reply = Callable[[Answer], None]


class RecordDesk:
    """Every method but the constructor runs on the clerk's thread. `now` is wall time in seconds since 1970 UTC."""

    def __init__(
        self,
        records: Records,
        fingers: FingerDesk | None,
        ask: AskVision,
        record: Callable[[Fact], None],
        now: Callable[[], float],
    ) -> None:
        self._records, self._fingers, self._ask, self._record, self._now = records, fingers, ask, record, now

    def revoke(self, order: Order, reply: Reply) -> None:
        """Do `revoke`: the record ends first, so that nobody passes while templates are being removed."""
        subject = order_args.subject(order.args)
        self._records.revoke(subject, self._now())
        notes = self._forget_finger(subject)
        self._record(Fact(FactKind.SUBJECT_REVOKED, None, (("by", order.by),), subject))
        self._forget_face(subject, lambda note: reply(Done({"subject": subject, "revoked": True, **notes, **note})))

    def erase(self, ended: Iterable[SubjectId]) -> None:
        """Face and finger of whose record was erased go, too; an officer is told of nothing, the journal is."""
        for subject in ended:
            self._forget_finger(subject)
            self._record(Fact(FactKind.SUBJECT_REVOKED, None, (("by", BY_LANE),), subject))
            self._forget_face(subject, lambda _note: None)

    def withdraw(self, order: Order, reply: Reply) -> None:
        """Do `withdraw_consent`: what it was given for is destroyed, and nobody passes by it from now on."""
        subject = order_args.subject(order.args)
        withdrawn = self._records.withdraw(subject, order_args.modalities(order.args), self._now())
        self._record(Fact(FactKind.CONSENT_WITHDRAWN, None, (("by", order.by),), subject))
        notes = self._forget_finger(subject) if Modality.FINGER in withdrawn else {}
        done = {"subject": subject, "withdrawn": [each.value for each in withdrawn], **notes}
        if Modality.FACE in withdrawn:
            self._forget_face(subject, lambda note: reply(Done({**done, **note})))
        else:
            reply(Done(done))

    def change_facts(self, order: Order, reply: Reply) -> None:
        """Do `change_facts`: another name, another document, the same person. The event does not say what."""
        subject, facts = order_args.subject(order.args), order_args.facts(order.args, empty=True)
        if not facts:
            raise Refusal("change_facts: at least one fact is wanted, like document.expires=2031-05-01")
        self._records.change_facts(subject, facts)
        fields = ("verb", order.verb), ("by", order.by), ("accepted", True), ("reason", Reason.OK)
        self._record(Fact(FactKind.OPERATOR_ORDERED, None, fields, subject))
        reply(Done({"subject": subject, "changed": sorted(facts)}))

    def list(self, _order: Order, reply: Reply) -> None:
        """Do `subjects`."""
        listed = [
            {
                "subject": each.subject,
                "partition": each.partition,
                "state": each.state.value,
                "consents": [
                    {"to": agreed.to.value, "at": agreed.at, "withdrawn_at": agreed.withdrawn_at}
                    for agreed in each.consents
                ],
                "expires_at": None if each.expires_at >= FOR_EVER else each.expires_at,
                "revoked_at": each.revoked_at,
            }
            for each in self._records.list()
        ]
        reply(Done({"subjects": listed}))

    def _forget_face(self, subject: SubjectId, then: Callable[[dict[str, str]], None]) -> None:
        """Have vision destroy the template; `then(what the officer must know)`."""

        def heard(message: Message) -> None:
            failed = message.get("failed")
            why = failed.get("message") if isinstance(failed, dict) else "vision gave no reason"
            done = isinstance(message.get("done"), dict)
            then({} if done else {"template": f"will be removed when vision is back: {why}"})

        self._ask("revoke", heard, subject=subject)

    def _forget_finger(self, subject: SubjectId) -> dict[str, str]:
        """What the officer must know. The record is changed already: the rest goes as well, though one store fails."""
        try:
            if self._fingers:
                self._fingers.forget(subject)
        except StoreError as error:
            _log.error("%s", error)
            return {"finger": f"will be removed when the daemon starts again: {error}"}
        return {}
