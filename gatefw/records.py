"""Who is registered: the sealed store of travellers. Owned by the supervisor.

A subject id is random and leads to nobody. Of a token only a keyed hash is kept, so that the store without its key
answers no question about a card number; what is known of a person is sealed to the subject, with the key of their
partition. Record and template are made and unmade together: a record is `pending` until vision has its template, and
`reconcile` finds what a crash left.
"""

import logging
import secrets
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from gatefw.consents import Consents
from gatefw.errors import Refusal, StoreError
from gatefw.model import DocumentRead, Failed, Reason, RecordFound, SubjectId, Token
from gatefw.partition_keys import PartitionKeys
from gatefw.partitions import Partitions
from gatefw.people_store import PeopleStore, erase
from gatefw.record_terms import IN_USE, MAIN, Agreed, Consent, Modality, Orphans, RecordState, Registered
from gatefw.sealed_facts import SealedFacts
from gatefw.token_index import TokenIndex

__all__ = ["MAIN", "Agreed", "Consent", "Modality", "Orphans", "RecordState", "Records", "Registered"]

_log = logging.getLogger(__name__)

SETTLED_S = 60.0
"""What another lane's daemon did less than so long ago may be half of something: `reconcile` leaves it alone."""
LOST_MOST = 20
"""A crash parts few records from their templates. Where more are missing at once it is another gallery."""
_ROW = "select subject, partition, state, expires_at, revoked_at from traveller"


def keys_of(records: Path) -> PartitionKeys:
    """The keys of the partitions of the records in this file, which lie beside it."""
    return PartitionKeys(records.parent / "keys" / "record-partitions")


class Records:
    """The open store. Every method may be called from any thread and is one transaction; all raise StoreError."""

    def __init__(self, path: Path, key: bytes, reach: Sequence[str] = ()) -> None:
        """Open or create the store at `path`; `key` is its 32 byte key, see `keys.load_or_create`.

        `reach`: the partitions whose people are found, as shell patterns; empty for all. A store that does not open
        with this key is found now: later it would only know nobody.
        """
        self._reach = tuple(reach)
        self.store = PeopleStore(path)
        self.partitions = Partitions(self.store, keys_of(path), key)
        self._index = TokenIndex(self.store, self.partitions, key)
        self._facts = SealedFacts(self.store, self.partitions)
        self._consents = Consents(self.store)
        try:
            self._facts.prove(MAIN)
            for lost in self.partitions.lost():
                _log.error(
                    "partition %s: its key is missing or cannot be used, and nobody destroyed it; restore it from "
                    "backup, or destroy the partition: until then nobody of it is found",
                    lost,
                )
        except StoreError:
            self.store.close()
            raise

    def close(self) -> None:
        """May be called twice."""
        self.store.close()

    # ---------------------------------------------------------------- making and changing

    def enrol(
        self,
        tokens: Sequence[Token],
        facts: Mapping[str, str],
        consent: Consent,
        expires_at: float,
        partition: str = MAIN,
        document: DocumentRead | None = None,
    ) -> SubjectId:
        """A new pending record for whoever holds `tokens` (none: found by their face alone). `facts` are kept sealed.

        It ends with its partition, if not before. `document`: as whose it is found again, see `of_document`. Raises
        Refusal: a malformed token, one that already belongs to a pending or active record, or a partition that takes
        nobody. A token of a revoked or disabled record goes over to the new one.
        """
        subject = SubjectId(secrets.token_hex(16))
        with self.store.transaction() as database:
            ends_at = min(expires_at, self.partitions.open_until(partition, consent.at))
            self._index.claim(subject, self._index.of_all(tokens, document, partition))
            row = (subject, partition, RecordState.PENDING, consent.at, None, ends_at, None)
            database.execute("insert into traveller values (?, ?, ?, ?, ?, ?, ?)", row)
            self._consents.give(subject, consent)
            self._facts.keep(subject, facts)
        return subject

    def activate(self, subject: SubjectId, now: float) -> None:
        """Its template exists now. Raises Refusal unless the record is pending."""
        self._change(subject, (RecordState.PENDING,), RecordState.ACTIVE, now)

    def renew(
        self, subject: SubjectId, consent: Consent, facts: Mapping[str, str] | None = None, ends_at: float | None = None
    ) -> None:
        """The same person was enrolled again: their new template exists. What is given takes the place of what was.

        Raises Refusal when there is no such record, or it was revoked.
        """
        with self._erasing(subject) as database:
            before = (RecordState.PENDING, RecordState.ACTIVE, RecordState.DISABLED)
            self._change(subject, before, RecordState.ACTIVE, consent.at)
            self._consents.give(subject, consent)
            if facts is not None:
                self._facts.keep(subject, facts)
            if ends_at is not None:
                database.execute("update traveller set expires_at = ? where subject = ?", (ends_at, subject))

    def disable(self, subject: SubjectId, now: float) -> None:
        """Its template could not be made or is lost. Raises Refusal when there is no such record in use."""
        self._change(subject, IN_USE, RecordState.DISABLED, now)

    def discard(self, subject: SubjectId) -> None:
        """Erase a record that never came to be. Raises Refusal unless it is pending."""
        with self._erasing(subject) as database:
            self._change(subject, (RecordState.PENDING,), RecordState.DISABLED, 0.0)
            erase(database, subject)

    def revoke(self, subject: SubjectId, now: float) -> None:
        """End the record for ever: what is known of them is erased, their tokens only remember that they were revoked.

        Raises Refusal when there is no such record or it was revoked before.
        """
        with self._erasing(subject) as database:
            in_use = (RecordState.PENDING, RecordState.ACTIVE, RecordState.DISABLED)
            self._change(subject, in_use, RecordState.REVOKED, now)
            self._facts.erase(subject)
            database.execute("update traveller set revoked_at = ? where subject = ?", (now, subject))
            for table in ("touchpoint", "refusal"):
                database.execute(f"delete from {table} where subject = ?", (subject,))  # noqa: S608  our own names

    def agree(self, subject: SubjectId, consent: Consent) -> None:
        """They agreed to something more, beside what was before. Raises Refusal unless the record is active."""
        with self.store.transaction():
            self._active(subject)
            self._consents.give(subject, consent)

    def withdraw(self, subject: SubjectId, of: Collection[Modality], now: float) -> list[Modality]:
        """They take back their consent; what of it held until now. `facts` are erased at once.

        Facts out of a file of the first layout are erased too: nobody asked then whether they may be kept. Raises
        Refusal when the record is not in use, or nothing of this was agreed to.
        """
        with self._erasing(subject):
            self._active(subject)
            held = [agreed.to for agreed in self.registered(subject).consents if agreed.holds and agreed.to in of]
            if Modality.FACTS in of and Modality.FACTS not in held and self._facts.of(subject):
                held.append(Modality.FACTS)
            if not held:
                raise Refusal("record: nothing of this was agreed to, or it was withdrawn before")
            self._consents.withdraw(subject, held, now)
            if Modality.FACTS in held:
                self._facts.erase(subject)
        return held

    def change_facts(self, subject: SubjectId, facts: Mapping[str, str]) -> None:
        """Replace the facts of these names, and remove those that are empty: a new document, the same person.

        Raises Refusal unless the record is active, its facts were not erased, and they agreed that facts are kept.
        """
        with self._erasing(subject):
            self._active(subject)
            changed = {**self.facts(subject), **facts}
            if not self.registered(subject).agrees_to(Modality.FACTS):
                raise Refusal("record: they did not agree that facts are kept; enrol them again, with the facts")
            self._facts.keep(subject, {name: value for name, value in changed.items() if value})

    def erase_ended(self, before: float, most: int) -> list[SubjectId]:
        """Erase who expired, or was revoked, at or before then, tokens and all; `most` at a time. Who they were.

        A touch of their token finds nobody then. Whoever had a template still has it: see `reconcile`.
        """
        query = "select subject from traveller where coalesce(revoked_at, expires_at) <= ? limit ?"
        ended = [SubjectId(subject) for (subject,) in self.store.rows(query, before, most)]
        with self.store.transaction() as database:
            for subject in ended:
                erase(database, subject)
        if ended:
            self.store.forget_all()
        return ended

    def touch(self, subject: SubjectId, touchpoint: str, now: float) -> None:
        """They passed a touchpoint of their journey; the first time counts."""
        with self.store.transaction() as database:
            known = "select subject, ?, ? from traveller where subject = ?"
            query = f"insert or ignore into touchpoint (subject, name, at) {known}"
            database.execute(query, (touchpoint, now, subject))

    # ---------------------------------------------------------------- asking

    def look_up(self, token: Token, now: float) -> RecordFound | Failed:
        """Whose token this is, at the wall time `now` (seconds since 1970 UTC), or why nobody may pass with it.

        TOKEN_MALFORMED, TOKEN_UNKNOWN, RECORD_REVOKED, NOT_ENROLLED (pending or disabled), NO_CONSENT to the face or
        CONSENT_WITHDRAWN, and RECORD_EXPIRED (from the second `expires_at` on).
        """
        kept = self._index.of_token(token)
        if isinstance(kept, Failed):
            return kept
        row = self.store.row(f"{_ROW} natural join token where hash = ?", kept)
        if row is None or not self._within(row[1]):
            return Failed(Reason.TOKEN_UNKNOWN)
        found = _registered(row, self._consents.of(row[0]))
        if found.state is RecordState.ACTIVE and not found.agrees_to(Modality.FACE):
            withdrawn = any(agreed.to is Modality.FACE for agreed in found.consents)
            return Failed(Reason.CONSENT_WITHDRAWN if withdrawn else Reason.NO_CONSENT)
        refused = found.refused_for(now)
        return Failed(refused) if refused else RecordFound(found.subject)

    def about(self, subject: SubjectId, now: float) -> dict[str, str] | Failed:
        """What is known of them, for the rules of a lane: their facts, their partition's, and what the store knows.

        That is `registered`, `partition`, `consent.*`, and `journey.passed`, the touchpoints in order. NOT_REGISTERED,
        RECORD_REVOKED, NOT_ENROLLED and RECORD_EXPIRED are `Failed`; consent is for the rules to look at.
        """
        row = self.store.row(f"{_ROW} where subject = ?", subject)
        if row is None or not self._within(row[1]):
            return Failed(Reason.NOT_REGISTERED)
        found = _registered(row, self._consents.of(subject))
        if refused := found.refused_for(now):
            return Failed(refused)
        passed = self.store.rows("select name from touchpoint where subject = ? order by number", subject)
        return {
            **(self._facts.of(subject) or {}),
            **self.partitions.facts(found.partition),
            **{f"consent.{each.to}": "given" if each.holds else "withdrawn" for each in found.consents},
            "registered": "yes",
            "partition": found.partition,
            "journey.passed": " ".join(name for (name,) in passed),
        }

    def facts(self, subject: SubjectId) -> dict[str, str]:
        """What was written down at the enrolment. Raises Refusal: no such record, or its facts were erased."""
        facts = self._facts.of(subject)
        if facts is None:
            raise Refusal("record: there is none with that subject id, or its facts were erased: revoked, or withdrawn")
        return facts

    def list(self, after: str = "", upto: str | None = None) -> list[Registered]:
        """Every record there is, in no particular order; of those whose subject id comes after one, up to another."""
        consents = self._consents.by_subject(after, upto)
        rows = self.store.rows(f"{_ROW} where subject > ?1 and (?2 is null or subject <= ?2)", after, upto)
        return [_registered(row, consents.get(row[0], ())) for row in rows]

    def registered(self, subject: SubjectId) -> Registered:
        """One record, whatever its state. Raises Refusal when there is none."""
        row = self.store.row(f"{_ROW} where subject = ?", subject)
        if row is None:
            raise Refusal("record: there is none with that subject id; `gatefw subjects` shows them")
        return _registered(row, self._consents.of(subject))

    def in_use_until(self, subject: SubjectId, now: float) -> float:
        """Until when an active record holds (seconds since 1970 UTC). Raises Refusal when it does not hold at `now`."""
        found = self.registered(subject)
        if found.state is not RecordState.ACTIVE or now >= found.expires_at:
            raise Refusal(f"record: is not in use: it is {found.state}, or has expired")
        return found.expires_at

    def of_document(self, document: DocumentRead, partition: str) -> Registered | None:
        """The record of a partition that was enrolled by this document."""
        query = f"{_ROW} natural join token where hash = ?"
        row = self.store.row(query, self._index.of_document(document, partition))
        return None if row is None else _registered(row, self._consents.of(row[0]))

    def reconcile(
        self, templates: Collection[SubjectId], now: float, after: str = "", upto: str | None = None
    ) -> Orphans:
        """With the subjects vision has templates of: disable records without one, find templates without one.

        `templates` are all that there are of subjects after one, up to another; see `list`.

        A record that was still pending is disabled too, whether its template came to be or not: somebody has to look.
        One that came into its state less than `SETTLED_S` ago is left alone, and so is its template. Raises StoreError,
        and changes nothing, when more than `LOST_MOST` would be disabled: who is disabled loses their template too.
        """
        with self.store.transaction():
            recent = {
                s
                for (s,) in self.store.rows("select subject from traveller where abs(state_at - ?) < ?", now, SETTLED_S)
            }
            in_use = [each for each in self.list(after, upto) if each.state in IN_USE]
            faces = [each for each in in_use if each.agrees_to(Modality.FACE)]
            lost = {
                each.subject
                for each in in_use
                if each.subject not in recent
                and (each.state is RecordState.PENDING or (each in faces and each.subject not in templates))
            }
            if len(lost) > LOST_MOST:
                raise StoreError(
                    f"records: vision has no templates of {len(lost)} registered people; is its gallery the right one? "
                    "Nothing was changed: give it back its gallery and its keys, or enrol them again"
                )
            for subject in lost:
                self._change(subject, IN_USE, RecordState.DISABLED, now)
        orphans = set(templates) - ({each.subject for each in faces} - lost)
        unsettled = any(each.state is RecordState.PENDING and each.subject not in lost for each in in_use)
        return Orphans(tuple(sorted(lost)), tuple(sorted(orphans)), unsettled)

    # ---------------------------------------------------------------- inside

    @contextmanager
    def _erasing(self, subject: SubjectId) -> Iterator[sqlite3.Connection]:
        """A transaction after which nothing is left of facts that it erased or replaced."""
        nonce = self._facts.nonce(subject)
        with self.store.transaction() as database:
            yield database
        self.store.forget(None if nonce == self._facts.nonce(subject) else nonce)

    def _within(self, partition: str) -> bool:
        """Whether this lane finds people of a partition; of one that is destroyed nobody does."""
        reached = not self._reach or any(fnmatchcase(partition, pattern) for pattern in self._reach)
        return reached and self.partitions.key(partition, "record facts") is not None

    def _active(self, subject: SubjectId) -> None:
        state = self.registered(subject).state
        if state is not RecordState.ACTIVE:
            raise Refusal(f"record: an active one is wanted, this is {state}")

    def _change(self, subject: SubjectId, before: Collection[RecordState], after: RecordState, now: float) -> None:
        with self.store.transaction() as database:
            state = self.registered(subject).state
            if state not in before:
                raise Refusal(f"record: cannot become {after}: it is {state}")
            database.execute("update traveller set state = ?, state_at = ? where subject = ?", (after, now, subject))


def _registered(row: Sequence[Any], consents: Sequence[Agreed]) -> Registered:
    subject, partition, state, expires_at, revoked_at = row
    return Registered(SubjectId(subject), partition, RecordState(state), tuple(consents), expires_at, revoked_at)
