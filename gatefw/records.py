"""Who is registered: the sealed store of travellers. Owned by the supervisor.

A subject id is random and leads to nobody. Of a token only a keyed hash is kept, so that the store without its key
answers no question about a card number; what is known of a document is sealed to the subject. Record and template are
made and unmade together: a record is `pending` until vision has its template, and `reconcile` finds what a crash left.
"""

import hashlib
import hmac
import json
import secrets
import sqlite3
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from gatefw import sealing, store
from gatefw.errors import Refusal, StoreError
from gatefw.identifier import parse_identifier
from gatefw.model import Failed, Reason, RecordFound, SubjectId, Token

_SCHEMA = """
begin immediate;
create table if not exists traveller (
    subject text primary key, state text not null, facts_sealed blob, consent text not null,
    consent_at real not null, expires_at real not null, revoked_at real);
create table if not exists token (hash blob primary key, subject text not null references traveller (subject));
commit;
"""


class RecordState(StrEnum):
    PENDING = "pending"  # its template is being made
    ACTIVE = "active"
    DISABLED = "disabled"  # template and record do not belong together any more
    REVOKED = "revoked"


class Modality(StrEnum):
    """What a traveller agreed to have compared."""

    FACE = "face"
    FINGER = "finger"


@dataclass(frozen=True, slots=True)
class Consent:
    """What was agreed to, and when (seconds since 1970 UTC)."""

    to: frozenset[Modality]
    at: float


@dataclass(frozen=True, slots=True)
class Registered:
    """A record as it may be listed: no token, no document. Times are seconds since 1970 UTC."""

    subject: SubjectId
    state: RecordState
    consent: Consent
    expires_at: float
    revoked_at: float | None


@dataclass(frozen=True, slots=True)
class Orphans:
    """What a crash left: records that were disabled just now, and templates that vision has to revoke."""

    records: tuple[SubjectId, ...]
    templates: tuple[SubjectId, ...]


class Records:
    """The open store. Every method may be called from any thread and is one transaction; all raise StoreError."""

    def __init__(self, path: Path, key: bytes) -> None:
        """Open or create the store at `path`; `key` is its 32 byte key, see `keys.load_or_create`.

        A store that does not open with this key is found now: later it would only know nobody.
        """
        self._path, self._lock = path, threading.Lock()
        self._token_key, self._facts_key = sealing.derive(key, "record tokens"), sealing.derive(key, "record facts")
        self._database = store.connect(path)
        try:
            with self._guarded():
                self._database.executescript(_SCHEMA)
                query = "select subject, facts_sealed from traveller where facts_sealed is not null limit 1"
                row = self._database.execute(query).fetchone()
            if row is not None:
                sealing.unseal(self._facts_key, row[1], row[0].encode())
        except StoreError:
            self._database.close()
            raise

    def close(self) -> None:
        """May be called twice."""
        self._database.close()

    def enrol(
        self, tokens: Sequence[Token], facts: Mapping[str, str], consent: Consent, expires_at: float
    ) -> SubjectId:
        """A new pending record for whoever holds `tokens`. `facts` of the document are kept sealed.

        Raises Refusal: no token, a malformed one, or one that already belongs to a pending or active record. A token of
        a revoked or disabled record goes over to the new one.
        """
        if not tokens:
            raise Refusal("enrol: no token was given; a traveller is found by one")
        hashes = [self._hash(token) for token in tokens]
        subject = SubjectId(secrets.token_hex(16))
        sealed = sealing.seal(self._facts_key, json.dumps(dict(facts)).encode(), subject.encode())
        with self._transaction() as database:
            for each in hashes:
                self._take_over(database, each)
            database.execute(
                "insert into traveller values (?, ?, ?, ?, ?, ?, null)",
                (subject, RecordState.PENDING, sealed, " ".join(sorted(consent.to)), consent.at, expires_at),
            )
            database.executemany("insert into token values (?, ?)", [(each, subject) for each in set(hashes)])
        return subject

    def look_up(self, token: Token, now: float) -> RecordFound | Failed:
        """Whose token this is, at the wall time `now` (seconds since 1970 UTC), or why nobody may pass with it.

        TOKEN_MALFORMED, TOKEN_UNKNOWN, RECORD_REVOKED, NOT_ENROLLED (pending or disabled), NO_CONSENT to the face, and
        RECORD_EXPIRED (from the second `expires_at` on).
        """
        identifier = parse_identifier(token)
        if isinstance(identifier, Failed):
            return identifier
        with self._guarded():
            row = self._database.execute(
                "select subject, state, consent, expires_at from traveller natural join token where hash = ?",
                (self._keyed(identifier),),
            ).fetchone()
        if row is None:
            return Failed(Reason.TOKEN_UNKNOWN)
        subject, state, consent, expires_at = row
        if state == RecordState.REVOKED:
            return Failed(Reason.RECORD_REVOKED)
        if state != RecordState.ACTIVE:
            return Failed(Reason.NOT_ENROLLED)
        if Modality.FACE not in consent.split():
            return Failed(Reason.NO_CONSENT)
        return Failed(Reason.RECORD_EXPIRED) if now >= expires_at else RecordFound(SubjectId(subject))

    def activate(self, subject: SubjectId) -> None:
        """Its template exists now. Raises Refusal unless the record is pending."""
        self._change(subject, (RecordState.PENDING,), RecordState.ACTIVE)

    def disable(self, subject: SubjectId) -> None:
        """Its template could not be made or is lost. Raises Refusal when there is no such record in use."""
        self._change(subject, (RecordState.PENDING, RecordState.ACTIVE), RecordState.DISABLED)

    def revoke(self, subject: SubjectId, now: float) -> None:
        """End the record for ever: its document facts are erased, its tokens only remember that they were revoked.

        Raises Refusal when there is no such record or it was revoked before.
        """
        in_use = (RecordState.PENDING, RecordState.ACTIVE, RecordState.DISABLED)
        self._change(subject, in_use, RecordState.REVOKED, revoked_at=now)
        with self._guarded():
            self._database.execute("pragma wal_checkpoint(truncate)").fetchall()  # the log has no copy of them either

    def list(self) -> list[Registered]:
        """Every record there is, in no particular order."""
        with self._guarded():
            rows = self._database.execute(
                "select subject, state, consent, consent_at, expires_at, revoked_at from traveller"
            ).fetchall()
        return [
            Registered(
                SubjectId(subject), RecordState(state), Consent(frozenset(map(Modality, to.split())), at), *times
            )
            for subject, state, to, at, *times in rows
        ]

    def in_use_until(self, subject: SubjectId, now: float) -> float:
        """Until when an active record holds (seconds since 1970 UTC). Raises Refusal when it does not hold at `now`."""
        with self._guarded():
            query = "select state, expires_at from traveller where subject = ?"
            row = self._database.execute(query, (subject,)).fetchone()
        if row is None or row[0] != RecordState.ACTIVE or now >= row[1]:
            found = "there is none with that subject id" if row is None else f"it is {row[0]}, or has expired"
            raise Refusal(f"record: is not in use: {found}")
        return float(row[1])

    def agree(self, subject: SubjectId, to: Modality) -> None:
        """They agreed to one more comparison, beside those of before. Raises Refusal unless the record is active."""
        with self._transaction() as database:
            query = "select consent from traveller where subject = ? and state = ?"
            row = database.execute(query, (subject, RecordState.ACTIVE)).fetchone()
            if row is None:
                raise Refusal("record: there is no active one with that subject id")
            consent = " ".join(sorted({*row[0].split(), to}))
            database.execute("update traveller set consent = ? where subject = ?", (consent, subject))

    def facts(self, subject: SubjectId) -> dict[str, str]:
        """What the document said. Raises Refusal when there is no such record or its facts were erased."""
        with self._guarded():
            row = self._database.execute("select facts_sealed from traveller where subject = ?", (subject,)).fetchone()
        if row is None or row[0] is None:
            raise Refusal("record: there is none with that subject id, or it was revoked")
        return dict(json.loads(sealing.unseal(self._facts_key, row[0], subject.encode())))

    def reconcile(self, templates: Collection[SubjectId]) -> Orphans:
        """At start, with the subjects vision has templates of: disable records without one, find templates without one.

        A record that was still pending is disabled too, whether its template came to be or not: somebody has to look.
        """
        with self._transaction() as database:
            states = {SubjectId(s): state for s, state in database.execute("select subject, state from traveller")}
            lost = [
                subject
                for subject, state in states.items()
                if state == RecordState.PENDING or (state == RecordState.ACTIVE and subject not in templates)
            ]
            database.executemany(
                "update traveller set state = ? where subject = ?",
                [(RecordState.DISABLED, subject) for subject in lost],
            )
        active = {subject for subject, state in states.items() if state == RecordState.ACTIVE}
        return Orphans(tuple(sorted(lost)), tuple(sorted(set(templates) - active)))

    # ---------------------------------------------------------------- inside

    def _hash(self, token: Token) -> bytes:
        identifier = parse_identifier(token)
        if isinstance(identifier, Failed):
            raise Refusal(
                "enrol: a token is malformed; a QR identifier or 8 to 20 characters A-Z 0-9 of a card are wanted"
            )
        return self._keyed(identifier)

    def _keyed(self, identifier: bytes) -> bytes:
        return hmac.new(self._token_key, identifier, hashlib.sha256).digest()

    def _take_over(self, database: sqlite3.Connection, token_hash: bytes) -> None:
        row = database.execute(
            "select state from traveller natural join token where hash = ?", (token_hash,)
        ).fetchone()
        if row is not None and row[0] in (RecordState.PENDING, RecordState.ACTIVE):
            raise Refusal(f"enrol: a token belongs to a record that is {row[0]}; revoke that one first")
        database.execute("delete from token where hash = ?", (token_hash,))

    def _change(
        self, subject: SubjectId, before: Collection[RecordState], after: RecordState, revoked_at: float | None = None
    ) -> None:
        with self._transaction() as database:
            row = database.execute("select state from traveller where subject = ?", (subject,)).fetchone()
            if row is None or row[0] not in before:
                found = "there is none with that subject id" if row is None else f"it is {row[0]}"
                raise Refusal(f"record: cannot become {after}: {found}")
            database.execute(
                "update traveller set state = ?, revoked_at = ? where subject = ?", (after, revoked_at, subject)
            )
            if after is RecordState.REVOKED:
                database.execute("update traveller set facts_sealed = null where subject = ?", (subject,))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._guarded():
            self._database.execute("begin immediate")
            try:
                yield self._database
            except BaseException:
                self._database.execute("rollback")
                raise
            self._database.execute("commit")

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except sqlite3.Error as error:
                raise StoreError(f"records {self._path}: {error}; look after the disk, or restore the store") from error
