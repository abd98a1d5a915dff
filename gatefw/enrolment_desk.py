"""Enrolment: at the counter by an officer's order, and of a traveller who checks in by their document and their face.

A record is made first, pending; when vision has the template, it becomes active. Somebody who is enrolled again keeps
their record, and what they had before until the new template exists.
"""

import base64
import contextlib
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol

from gatefw import order_args
from gatefw.control import Answer, Done, Order, Rejected, Rejection
from gatefw.eligibility import document_facts
from gatefw.errors import BadReply, Refusal
from gatefw.model import DocumentRead, Enrolled, EnrolTraveller, Fact, FactKind, Failed, Reason, SubjectId, Token
from gatefw.record_terms import FOR_EVER, Agreed, Consent, Modality, RecordState, Registered
from gatefw.records import Records
from gatefw.vision_wire import PORTRAIT_BYTES_MAX, EnrolTold, Message, enrol_told

MAIN_S = order_args.DAY_S
"""How long somebody is registered who checked in without a journey of their own, in the main partition."""
BY_LANE = "lane"
"""Who enrolled them, in the journal, when nobody ordered it."""

_log = logging.getLogger(__name__)
Reply = Callable[[Answer], None]
Hear = Callable[[Message], None]


class AskVision(Protocol):
    """Asks vision to `do`; `then` is told what came of it, on the clerk's thread."""

    def __call__(self, do: str, then: Hear, **fields: object) -> None: ...


@dataclass(frozen=True, slots=True)
class _Wanted:
    """An enrolment under way: the record, with the time it is to have, and what takes the place of what was."""

    record: Registered
    consent: Consent
    facts: dict[str, str] | None = field(repr=False)


class EnrolmentDesk:
    """Every method but the constructor runs on the clerk's thread. `now` is wall time in seconds since 1970 UTC.

    renewed: is told of whoever is registered from now on, and until when.
    """

    def __init__(
        self,
        records: Records,
        ask: AskVision,
        record: Callable[[Fact], None],
        now: Callable[[], float],
        renewed: Callable[[SubjectId, float], None],
    ) -> None:
        self._records, self._ask, self._record, self._now, self._tell_renewed = records, ask, record, now, renewed

    # ------------------------------------------------------------ at the counter

    def enrol(self, order: Order, reply: Reply) -> None:
        """Do `enrol`. Raises Refusal: nothing was stored."""
        if order.args.get("consent") is not True:
            raise Refusal("enrol: the traveller's consent to face comparison is not given; nothing was stored")
        photos, facts = order_args.photos(order.args), order_args.facts(order.args)
        agreed = {Modality.FACE, Modality.FACTS} if facts else {Modality.FACE}
        consent = Consent(frozenset(agreed), self._now())
        again = order.args.get("again") is not None
        found = self._same(order) if again else self._new(order, consent, facts)
        wanted = _Wanted(found, consent, facts if again and facts else None)

        def then(message: Message) -> None:
            self._enrolled(order, reply, wanted, message)

        place = {"subject": found.subject, "partition": found.partition, "expires_at": found.expires_at}
        self._ask("enrol", then, photos=photos, **place)

    def _new(self, order: Order, consent: Consent, facts: dict[str, str]) -> Registered:
        args = order.args
        without = "tokens" in args and args["tokens"] is None
        tokens = (
            [] if without else [Token(each.encode("ascii", "replace")) for each in order_args.texts(args, "tokens")]
        )
        expires_at = consent.at + order_args.days_s(args)
        subject = self._records.enrol(tokens, facts, consent, expires_at, order_args.partition(args))
        return self._records.registered(subject)

    def _same(self, order: Order) -> Registered:
        """Their record, with the time that it is to have: as before, unless `days` says how long from now."""
        found = self._records.registered(SubjectId(order_args.text(order.args, "again")))
        if order.args.get("tokens") is not None or order.args.get("partition") is not None:
            raise Refusal(
                "enrol: who is enrolled again keeps tokens and partition; revoke, and enrol anew, to change them"
            )
        if found.state not in (RecordState.ACTIVE, RecordState.DISABLED):
            raise Refusal("enrol: that record was revoked, or is being made just now; nothing was changed")
        until = self._records.partitions.open_until(found.partition, self._now())
        if order.args.get("days") is not None:
            until = min(until, self._now() + order_args.days_s(order.args))
        else:
            until = found.expires_at
        return replace(found, expires_at=until)

    def _enrolled(self, order: Order, reply: Reply, wanted: _Wanted, message: Message) -> None:
        found, subject = wanted.record, wanted.record.subject
        try:
            told = _told(message)
        except Refusal as error:
            self._undone(found)
            reply(Rejected(Rejection.REFUSED, str(error)))
            return
        if not self._renewed(wanted):
            reply(Rejected(Rejection.REFUSED, "enrol: the record was revoked meanwhile, or a consent withdrawn"))
            return
        self._write_down(subject, order.by, told)
        unknown = "nobody was looked for, too many are enrolled"
        twice = {"twice": unknown} if told.twice is None else {"twice": list(told.twice)} if told.twice else {}
        done = {"subject": subject, "partition": found.partition, "templates": told.templates, **twice}
        reply(Done({**done, "expires_at": found.expires_at}))

    def _renewed(self, wanted: _Wanted) -> bool:
        """The template exists. False when record or consent ended meanwhile: then the template must go as well."""
        subject, before = wanted.record.subject, wanted.record.consents
        try:
            if _withdrawn(self._records.registered(subject).consents) - _withdrawn(before):
                raise Refusal("record: a consent was withdrawn meanwhile")
            self._records.renew(subject, wanted.consent, wanted.facts, wanted.record.expires_at)
        except Refusal:
            self._ask("revoke", lambda _message: None, subject=wanted.record.subject)
            return False
        self._tell_renewed(subject, wanted.record.expires_at)
        return True

    def _write_down(self, subject: SubjectId, by: str, told: EnrolTold) -> None:
        self._record(Fact(FactKind.SUBJECT_ENROLLED, None, (("by", by),), subject))
        if told.twice:
            self._record(Fact(FactKind.ENROLLED_TWICE, None, (), subject))

    # ------------------------------------------------------------ by document and face

    def enrol_traveller(
        self, request: EnrolTraveller, partition: str, answer: Callable[[Enrolled | Failed], None]
    ) -> None:
        """Register them for the journey of a `partition`: JOURNEY_OVER when it takes nobody (any more).

        The same document again in the same partition is the same record, with what the document says now.
        """
        document, consent = request.document, Consent(frozenset({Modality.FACE, Modality.FACTS}), self._now())
        facts = {**document_facts(document), "document.number": document.number}
        found = self._for_journey(document, facts, consent, partition)
        if isinstance(found, Reason):
            answer(Failed(found))
            return

        def then(message: Message) -> None:
            answer(self._checked_in(_Wanted(found, consent, facts), message))

        place = {"subject": found.subject, "partition": partition, "expires_at": found.expires_at}
        portrait = base64.b64encode(document.portrait).decode("ascii")
        self._ask("enrol_live", then, portrait=portrait, deadline_s=request.deadline_s, **place)

    def _for_journey(
        self, document: DocumentRead, facts: dict[str, str], consent: Consent, partition: str
    ) -> Registered | Reason:
        """The record they had, or a new one, with the time that it is to have; or why there can be none."""
        if len(document.portrait) > PORTRAIT_BYTES_MAX:
            return Reason.DOCUMENT_UNREADABLE
        try:
            until = self._records.partitions.open_until(partition, consent.at)
            found = self._records.of_document(document, partition)
        except Refusal:
            return Reason.JOURNEY_OVER
        ends_at = until if until < FOR_EVER else consent.at + MAIN_S
        if found is None:
            subject = self._records.enrol([], facts, consent, ends_at, partition, document)
            return self._records.registered(subject)
        if found.state is RecordState.REVOKED:
            return Reason.RECORD_REVOKED
        return replace(found, expires_at=ends_at)

    def _checked_in(self, wanted: _Wanted, message: Message) -> Enrolled | Failed:
        subject = wanted.record.subject
        try:
            told = _told(message)
            if told.reason is Reason.OK and self._renewed(wanted):
                self._write_down(subject, BY_LANE, told)
                return Enrolled(subject, bool(told.twice))
            reason = told.reason if told.reason is not Reason.OK else Reason.RECORD_REVOKED
        except Refusal:
            reason = Reason.VISION_UNAVAILABLE
        self._undone(wanted.record)
        return Failed(reason)

    def _undone(self, found: Registered) -> None:
        """Nothing is kept of somebody who was to be registered; who was registered before stays as they were."""
        if found.state is RecordState.PENDING:
            with contextlib.suppress(Refusal):  # it is gone already: its partition was destroyed meanwhile
                self._records.discard(found.subject)


def _withdrawn(consents: Iterable[Agreed]) -> set[Agreed]:
    return {agreed for agreed in consents if not agreed.holds}


def _told(message: Message) -> EnrolTold:
    """What vision says of an enrolment. Raises Refusal, with its words, when it did nothing."""
    failed = message.get("failed")
    if isinstance(failed, dict):
        raise Refusal(str(failed.get("message")))
    try:
        return enrol_told(message.get("done"))
    except BadReply as error:
        _log.error("%s", error)
        raise Refusal(str(error)) from error
