"""The gallery: for each enrolled subject the templates of their face, sealed at rest.

A row is opened only by the key file and only where it was written: subject, maker and expiry are associated data of the
seal, so a template that was moved to another subject, or whose expiry was moved, does not open. SQLite in WAL with
synchronous FULL: what `enrol` or `revoke` returned from survives a power cut, what they did not is not there at all.
Revoked bytes are overwritten, in the file (secure_delete) and in the log (truncated).

To be used from the thread that opened it.
"""

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gatefw import sealing
from gatefw.biometrics.runtime import Delegate, Maker, Runtime
from gatefw.biometrics.template import Template
from gatefw.errors import StoreError
from gatefw.model import Reason, SubjectId

TEMPLATES_MAX = 8
SCHEMA = """
CREATE TABLE template (
    subject TEXT NOT NULL, number INTEGER NOT NULL, expires_at REAL NOT NULL,
    model TEXT NOT NULL, runtime TEXT NOT NULL, version TEXT NOT NULL, delegate TEXT NOT NULL,
    sealed BLOB NOT NULL, PRIMARY KEY (subject, number)
) STRICT;
PRAGMA user_version = 1;
"""


Place = tuple[Any, ...]
"""The columns of a row before `sealed`, which they are bound to."""
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One enrolled subject, without templates. `expires_at`: Unix seconds."""

    subject: SubjectId
    templates: int
    expires_at: float


class Gallery:
    """Raises StoreError from every method when the store cannot be used or does not open with this key."""

    def __init__(self, path: Path, key: bytes) -> None:
        self._path, self._key = path, sealing.derive(key, "gallery")
        with self._guarded():
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._database = sqlite3.connect(path, isolation_level=None)
        try:
            self._open()
        except BaseException:
            self._database.close()
            raise

    def enrol(self, subject: SubjectId, templates: Sequence[Template], expires_at: float) -> None:
        """Keep 1 to 8 templates of a subject until `expires_at` (Unix seconds), in place of all earlier ones."""
        if not 1 <= len(templates) <= TEMPLATES_MAX:
            raise StoreError(f"gallery: {len(templates)} templates for one subject; 1 to {TEMPLATES_MAX} can be kept")
        rows = []
        for number, template in enumerate(templates):
            maker = template.maker
            place = (
                subject,
                number,
                float(expires_at),
                maker.model_sha256,
                maker.runtime,
                maker.version,
                maker.delegate,
            )
            rows.append(self._sealed(place, template))
        with self._transaction():
            self._database.execute("DELETE FROM template WHERE subject = ?", (subject,))
            self._database.executemany("INSERT INTO template VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        self._forget_log()

    def revoke(self, subject: SubjectId) -> bool:
        """Destroy the templates of a subject; False when there were none."""
        with self._transaction():
            gone = self._database.execute("DELETE FROM template WHERE subject = ?", (subject,)).rowcount > 0
        self._forget_log()
        return gone

    def list(self) -> list[Entry]:
        """Every subject, expired ones too, in order of their ids."""
        query = "SELECT subject, count(*), min(expires_at) FROM template GROUP BY subject ORDER BY subject"
        with self._guarded():
            return [
                Entry(SubjectId(subject), count, expires) for subject, count, expires in self._database.execute(query)
            ]

    def get(self, subject: SubjectId, now: float) -> tuple[Template, ...] | Reason:
        """A subject's templates at `now` (Unix seconds), or NOT_ENROLLED, RECORD_EXPIRED: those are never compared."""
        query = "SELECT * FROM template WHERE subject = ? ORDER BY number"
        with self._guarded():
            rows = self._database.execute(query, (subject,)).fetchall()
        if not rows:
            return Reason.NOT_ENROLLED
        templates = tuple(self._unsealed(row) for row in rows)
        return Reason.RECORD_EXPIRED if min(row[2] for row in rows) <= now else templates

    def close(self) -> None:
        self._database.close()

    def _open(self) -> None:
        with self._guarded():
            for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON", "busy_timeout = 2000"):
                self._database.execute(f"PRAGMA {pragma}").fetchall()
            found = self._database.execute("PRAGMA user_version").fetchone()[0]
            if found == 0:
                self._database.executescript(f"BEGIN EXCLUSIVE; {SCHEMA} COMMIT;")
            elif found != 1:
                raise StoreError(
                    f"gallery {self._path}: has layout {found}, this software knows 1; update the software"
                )
            row = self._database.execute("SELECT * FROM template LIMIT 1").fetchone()
        if row is not None:
            self._unsealed(row)  # a wrong key is found at the start, not at the first traveller

    def _sealed(self, place: Place, template: Template) -> Row:
        content = np.ascontiguousarray(template.vector, "<f4").tobytes()
        return (*place, sealing.seal(self._key, content, _bound_to(place)))

    def _unsealed(self, row: Row) -> Template:
        _, _, _, model, runtime, version, delegate, sealed = row
        try:
            content = sealing.unseal(self._key, sealed, _bound_to(row[:-1]))
        except StoreError as error:
            raise StoreError(f"gallery {self._path}: a template does not open: {error}") from error
        maker = Maker(model, Runtime(runtime), version, Delegate(delegate))
        return Template(np.frombuffer(content, "<f4").astype(np.float32), maker)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._guarded():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    def _forget_log(self) -> None:
        with self._guarded():
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StoreError(
                f"gallery {self._path}: {error}; is the disk full, the file damaged, or another's?"
            ) from error


def _bound_to(place: Sequence[object]) -> bytes:
    """Subject, number, expiry and maker as the associated data of a seal, without two ways to read them."""
    return json.dumps(list(place)).encode()
