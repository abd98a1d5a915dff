"""The gallery: for each enrolled subject the templates of their face, sealed at rest, in partitions.

A partition (a flight, a permit class, a park) has a key of its own, and is destroyed by destroying it; the main one is
sealed with the gallery's key. A row opens only where it was written: partition, subject, maker and expiry are the
associated data of its seal, so a template that was moved to another subject, or whose expiry was moved, does not open.
SQLite in WAL with synchronous FULL: what `enrol` or `revoke` returned from survives a power cut, what they did not is
not there at all. Several processes may have the same gallery open.

Erased bytes are overwritten, in the file (secure_delete) and in the log (truncated). SQLite at times leaves a copy in
the unused part of a page when it splits pages (7 of some 18,000 rows, measured): the file is looked through after each
erasure, and written anew when there is one.

To be used from the thread that opened it.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import groupby
from pathlib import Path
from zlib import crc32

from gatefw import store
from gatefw.biometrics import gallery_layout as layout
from gatefw.biometrics.gallery_chunk import TEMPLATES_MAX, Chunk, Member, Place
from gatefw.biometrics.gallery_layout import MAIN, Partition, Row
from gatefw.biometrics.template import Template
from gatefw.errors import Refusal, StoreError
from gatefw.events import PARTITION
from gatefw.model import Reason, SubjectId
from gatefw.partition_keys import PartitionKeys
from gatefw.sealing import NONCE_BYTES

__all__ = ["MAIN", "TEMPLATES_MAX", "Entry", "Gallery", "Partition", "keys_of"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One enrolled subject, without templates. `expires_at`: Unix seconds."""

    subject: SubjectId
    templates: int
    expires_at: float
    partition: str = MAIN


def keys_of(gallery: Path) -> PartitionKeys:
    """The keys of the partitions of the gallery in this file, which lie beside it."""
    return PartitionKeys(gallery.parent / "keys" / "gallery-partitions")


class Gallery:
    """Raises StoreError from every method when the store cannot be used or does not open with its keys."""

    def __init__(self, path: Path, key: bytes) -> None:
        self._path, self._main_key, self._keys = path, layout.row_key(key), keys_of(path)
        self._changes = 0
        self._database = store.connect(path)
        try:
            self._open()
        except BaseException:
            self._database.close()
            raise

    def enrol(
        self, subject: SubjectId, templates: Sequence[Template], expires_at: float, partition: str = MAIN
    ) -> None:
        """Keep 1 to 8 templates of a subject until `expires_at` (Unix seconds), in place of all earlier ones.

        Raises Refusal: there is no such partition, or it was destroyed.
        """
        if not 1 <= len(templates) <= TEMPLATES_MAX:
            raise StoreError(f"gallery: {len(templates)} templates for one subject; 1 to {TEMPLATES_MAX} can be kept")
        with self._transaction():
            known = self._database.execute("SELECT 1 FROM partition WHERE name = ?", (partition,)).fetchone()
            key = self._key(partition) if known else None
            if key is None:
                raise Refusal(f"gallery: there is no partition {partition}; make it, or enrol into another one")
            earlier = self._delete(subject)
            rows = [layout.seal(key, partition, subject, n, expires_at, each) for n, each in enumerate(templates)]
            self._database.executemany("INSERT INTO template VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        self._erase(earlier)

    def revoke(self, subject: SubjectId) -> bool:
        """Destroy the templates of a subject; False when there were none."""
        with self._transaction():
            gone = self._delete(subject)
        self._erase(gone)
        return bool(gone)

    def make_partition(self, name: str, expires_at: float) -> None:
        """Make a partition with a key of its own; of one that exists only the expiry is set (Unix seconds).

        Raises Refusal: the name cannot be used, or the destruction of a partition of that name was interrupted.
        """
        _check_own(name)
        with self._transaction():
            known = self._database.execute("SELECT 1 FROM partition WHERE name = ?", (name,)).fetchone()
            if known and self._keys.get(name) is None:
                raise Refusal(f"gallery: partition {name} was half destroyed, its key is gone; destroy it once more")
            if not known:
                self._keys.destroy(name)  # what an interrupted making left: nothing was ever sealed with it
                self._keys.make(name)
            self._database.execute("INSERT OR REPLACE INTO partition VALUES (?, ?)", (name, float(expires_at)))
        self._forget_log()

    def destroy_partition(self, name: str) -> int:
        """Destroy a partition's key, then its rows, and return of how many people; to be repeated when interrupted.

        From the first moment on nothing of it opens. Raises Refusal for the main one: its people are revoked singly.
        """
        _check_own(name)
        self._keys.destroy(name)
        with self._transaction():
            query = "SELECT count(DISTINCT subject) FROM template WHERE partition = ?"
            people = int(self._database.execute(query, (name,)).fetchone()[0])
            self._database.execute("DELETE FROM template WHERE partition = ?", (name,))
            self._database.execute("DELETE FROM partition WHERE name = ?", (name,))
        self._write_anew()
        return people

    def partitions(self) -> tuple[Partition, ...]:
        """Every partition, expired ones and the main one too, in order of their names."""
        with self._guarded():
            return layout.partitions(self._database)

    def list(self, after: str = "", most: int = -1) -> list[Entry]:
        """Every subject, expired ones too, in order of their ids; the first `most` of those after one (-1: all)."""
        query = """
            SELECT subject, count(*), min(expires_at), min(partition) FROM template WHERE subject > ?
            GROUP BY subject ORDER BY subject LIMIT ?
        """
        with self._guarded():
            return [Entry(*row) for row in self._database.execute(query, (after, most))]

    def get(self, subject: SubjectId, now: float) -> tuple[Template, ...] | Reason:
        """A subject's templates at `now` (Unix seconds), or NOT_ENROLLED, RECORD_EXPIRED: those are never compared.

        Who was enrolled into a partition expires with it, and was never enrolled once its key is destroyed.
        """
        query = """
            SELECT template.*, partition.expires_at FROM template JOIN partition ON template.partition = name
            WHERE subject = ? ORDER BY number
        """
        with self._guarded():
            found = self._database.execute(query, (subject,)).fetchall()
        key = self._key(found[0][0]) if found else None
        if key is None:
            return Reason.NOT_ENROLLED
        templates = tuple(self._unsealed(key, row) for *row, _ in found)
        return Reason.RECORD_EXPIRED if min(min(row[3], row[-1]) for row in found) <= now else templates

    def everybody(self, now: float, patterns: Sequence[str] = ()) -> Iterator[tuple[SubjectId, tuple[Template, ...]]]:
        """Everybody a search may meet at `now` (Unix seconds), in order of their ids, with all their templates.

        `patterns`: shell patterns of partitions; none means all of them. Left out: the expired, and whose key is gone.
        Read as they are asked for: who wants the first thousand of millions has no more in memory.
        """
        keys = {}
        for each in self.partitions():
            wanted = not patterns or any(fnmatchcase(each.name, pattern) for pattern in patterns)
            if wanted and each.expires_at > now and (key := self._key(each.name)):
                keys[each.name] = key
        query = """
            SELECT * FROM template WHERE expires_at > ? AND partition IN (SELECT value FROM json_each(?))
            ORDER BY subject, number
        """
        with self._guarded(), closing(self._database.execute(query, (now, json.dumps(list(keys))))) as rows:
            for subject, group in groupby(rows, key=lambda row: SubjectId(row[1])):
                yield subject, tuple(self._unsealed(keys[row[0]], row) for row in group)

    def places(self, now: float, patterns: Sequence[str] = ()) -> Iterator[Place]:
        """Everybody a search may meet at `now`, in blocks of 200."""
        version = hash(self.generation())
        for each in self.partitions():
            wanted = not patterns or any(fnmatchcase(each.name, pattern) for pattern in patterns)
            if wanted and each.expires_at > now and self._key(each.name):
                for begin in range(0, each.people, 200):
                    number = (crc32(each.name.encode()) << 24) + begin
                    yield Place(number, version, each.name, min(200, each.people - begin), each.expires_at)

    def opened(self, place: Place) -> Chunk | None:
        """The people of a block; None when the gallery has changed."""
        key = self._key(place.partition)
        if place.version != hash(self.generation()) or key is None:
            return None
        query = """
            SELECT * FROM template WHERE partition = ?1 AND subject IN
            (SELECT DISTINCT subject FROM template WHERE partition = ?1 ORDER BY subject LIMIT 200 OFFSET ?2)
            ORDER BY subject, number
        """
        with self._guarded():
            rows = self._database.execute(query, (place.partition, place.number & 0xFFFFFF)).fetchall()
        people = []
        for subject, group in groupby(rows, key=lambda row: SubjectId(row[1])):
            theirs = list(group)
            templates = tuple(self._unsealed(key, row) for row in theirs)
            people.append(Member(subject, min(row[3] for row in theirs), templates))
        return Chunk.of(people)

    def generation(self) -> tuple[int, int, int]:
        """Another value after every change to rows or keys, whichever process made it, and now and then without one.

        Time alone changes nothing here: who expires meanwhile is still to be left out.
        """
        directory = self._keys.directory
        with self._guarded():
            keys_changed = directory.stat().st_mtime_ns if directory.exists() else 0
            return int(self._database.execute("PRAGMA data_version").fetchone()[0]), self._changes, keys_changed

    def close(self) -> None:
        self._database.close()

    def _open(self) -> None:
        with self._guarded():
            self._database.execute("PRAGMA temp_store = MEMORY")  # no copy of a row goes to another file
            try:
                layout.prepare(self._database, self._main_key)
            except StoreError as error:
                raise StoreError(f"gallery {self._path}: {error}") from error
            self._forget_log()
            if layout.erased_copies(self._database, self._path):  # the last erasure was interrupted
                self._write_anew()
            row = self._database.execute("SELECT * FROM template WHERE partition = ? LIMIT 1", (MAIN,)).fetchone()
        if row is not None:
            self._unsealed(self._main_key, row)  # a wrong key is found at the start, not at the first traveller

    def _key(self, partition: str) -> bytes | None:
        """What opens the rows of a partition, read anew each time: another process may have destroyed it."""
        if partition == MAIN:
            return self._main_key
        key = self._keys.get(partition)
        return None if key is None else layout.row_key(key)

    def _unsealed(self, key: bytes, row: Row) -> Template:
        try:
            return layout.unseal(key, row)
        except StoreError as error:
            raise StoreError(f"gallery {self._path}: a template does not open: {error}") from error

    def _delete(self, subject: SubjectId) -> Sequence[bytes]:
        """Delete the rows of a subject in the transaction that is open; their nonces, without which nothing opens."""
        rows = self._database.execute("SELECT sealed FROM template WHERE subject = ?", (subject,)).fetchall()
        self._database.execute("DELETE FROM template WHERE subject = ?", (subject,))
        return [sealed[:NONCE_BYTES] for (sealed,) in rows]

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
            self._changes += 1

    def _erase(self, nonces: Sequence[bytes]) -> None:
        """Let nothing be left of deleted rows in file and log."""
        self._forget_log()
        if nonces and self._holds(nonces):
            self._write_anew()

    def _holds(self, nonces: Sequence[bytes]) -> bool:
        with self._guarded():
            contents = self._path.read_bytes()  # no mmap: another process may cut the file short meanwhile
        return any(nonce in contents for nonce in nonces)

    def _write_anew(self) -> None:
        with self._guarded():
            self._database.execute("VACUUM")
        self._forget_log()

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


def _check_own(name: str) -> None:
    """Raise Refusal unless a partition that is made and destroyed may be called so."""
    if name == MAIN:
        raise Refusal(f"gallery: partition {MAIN} is every gallery's, not to be made or destroyed; revoke its people")
    if not PARTITION.fits(name):
        raise Refusal(f"gallery: a partition cannot be called {name!r}; take 1 to 40 of a-z, 0-9 and -")
