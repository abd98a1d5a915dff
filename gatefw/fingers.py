"""The finger templates of enrolled subjects, sealed at rest. They live here and nowhere else: no sensor keeps one.

A row opens only with the key of its partition (the store's own for the main one) and only where it was written:
subject, partition, the kind of sensor and the expiry are associated data of the seal, so a template that was moved to
another subject does not open. Of a partition whose key is destroyed nobody has a finger, from that moment on. What
`keep` or `revoke` returned from survives a power cut. Revoked bytes are overwritten, in the file (secure_delete) and in
the log (truncated).
"""

import json
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from gatefw import sealing, store
from gatefw.errors import Refusal, StoreError
from gatefw.model import Reason, SubjectId
from gatefw.record_terms import MAIN

TEMPLATE_BYTES_MAX = 4096
Keys = Callable[[str], bytes | None]
"""What seals fingers in a partition; None when it is destroyed."""
_SCHEMA = """
create table if not exists finger (
    subject text primary key, kind text not null, expires_at real not null, sealed blob not null,
    partition text not null default 'main') strict;
"""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A template of one finger. Only a sensor of the same `kind` can compare it."""

    kind: str
    template: bytes = field(repr=False)


class Fingers:
    """The open store, one finger a subject. Any thread may call; every method raises StoreError."""

    def __init__(self, path: Path, key: bytes, keys: Keys = lambda _partition: None) -> None:
        """Open or create the store at `path`; `key` is its 32 byte key. One that does not open is found now.

        `keys`: of the partitions besides the main one.
        """
        self._path, self._key, self._keys = path, sealing.derive(key, "fingers"), keys
        self._lock = threading.Lock()
        self._database = store.connect(path)
        try:
            with self._guarded():
                self._database.executescript(_SCHEMA)
                if "partition" not in [row[1] for row in self._database.execute("pragma table_info(finger)")]:
                    self._database.execute("alter table finger add column partition text not null default 'main'")
                row = self._database.execute("select * from finger where partition = ? limit 1", (MAIN,)).fetchone()
            if row is not None:
                self._unsealed(*row)
        except StoreError:
            self._database.close()
            raise

    def close(self) -> None:
        """May be called twice."""
        self._database.close()

    def keep(self, subject: SubjectId, finger: Fingerprint, expires_at: float, partition: str = MAIN) -> None:
        """Keep a subject's finger until `expires_at` (seconds since 1970 UTC), in place of an earlier one.

        Raises Refusal: their partition is destroyed.
        """
        if not 0 < len(finger.template) <= TEMPLATE_BYTES_MAX:
            raise StoreError(
                f"fingers: a template has 1 to {TEMPLATE_BYTES_MAX} bytes, this has {len(finger.template)}"
            )
        key = self._key_of(partition)
        if key is None:
            raise Refusal(f"fingers: partition {partition} is destroyed; nothing of it can be kept")
        sealed = sealing.seal(key, finger.template, _place(subject, finger.kind, float(expires_at), partition))
        row = subject, finger.kind, expires_at, sealed, partition
        self._change("insert or replace into finger values (?, ?, ?, ?, ?)", *row)

    def hold(self, subject: SubjectId, expires_at: float) -> None:
        """Keep a subject's finger, if there is one, until another time: their registration was renewed."""
        with self._guarded():
            row = self._database.execute("select * from finger where subject = ?", (subject,)).fetchone()
        found = None if row is None else self._unsealed(*row)
        key = None if found is None else self._key_of(row[4])
        if found is None or key is None:
            return
        sealed = sealing.seal(key, found.template, _place(subject, found.kind, float(expires_at), row[4]))
        query = "update finger set expires_at = ?, sealed = ? where subject = ? and sealed = ?"  # if it is still there
        self._change(query, expires_at, sealed, subject, row[3])

    def revoke(self, subject: SubjectId) -> bool:
        """Destroy a subject's finger; False when there was none."""
        return self._change("delete from finger where subject = ?", subject) > 0

    def get(self, subject: SubjectId, now: float) -> Fingerprint | Reason:
        """A subject's finger at the wall time `now`; FINGER_NOT_ENROLLED or RECORD_EXPIRED: that is never compared."""
        with self._guarded():
            row = self._database.execute("select * from finger where subject = ?", (subject,)).fetchone()
        if row is None:
            return Reason.FINGER_NOT_ENROLLED
        found = self._unsealed(*row)
        if found is None:
            return Reason.FINGER_NOT_ENROLLED
        return Reason.RECORD_EXPIRED if now >= row[2] else found

    def subjects(self) -> list[SubjectId]:
        """Whose fingers there are, expired ones too."""
        with self._guarded():
            return [SubjectId(row[0]) for row in self._database.execute("select subject from finger order by subject")]

    # ---------------------------------------------------------------- inside

    def _key_of(self, partition: str) -> bytes | None:
        return self._key if partition == MAIN else self._keys(partition)

    def _unsealed(
        self, subject: str, kind: str, expires_at: float, sealed: bytes, partition: str
    ) -> Fingerprint | None:
        """None when their partition is destroyed."""
        key = self._key_of(partition)
        if key is None:
            return None
        try:
            return Fingerprint(kind, sealing.unseal(key, sealed, _place(subject, kind, expires_at, partition)))
        except StoreError as error:
            raise StoreError(f"fingers {self._path}: a template does not open: {error}") from error

    def _change(self, statement: str, *values: object) -> int:
        """One change, on disk when this returns, and nothing of what was there before in the log."""
        with self._guarded():
            changed = self._database.execute(statement, values).rowcount
            self._database.execute("pragma wal_checkpoint(truncate)").fetchall()
            return changed

    def _guarded(self) -> AbstractContextManager[None]:
        return store.guarded(self._lock, f"fingers {self._path}")


def _place(subject: str, kind: str, expires_at: float, partition: str) -> bytes:
    """Where a template stands, without two ways to read it. The main partition, once the only one, is not named."""
    return json.dumps([subject, kind, expires_at, *([] if partition == MAIN else [partition])]).encode()
