"""The gallery: for each enrolled subject the templates of their face, sealed at rest, in partitions.

A partition (a flight, a permit class, a park) has a key of its own, and is destroyed by destroying it; the main one is
sealed with the gallery's key. People are sealed in chunks of about a hundred (`gallery_layout`): a chunk opens only
where it was written, and what is in it, who, until when, by which model, cannot be altered. A chunk that does not open
is damaged: its people are out of reach, and told, until they are enrolled again; all others are where they were.
SQLite in WAL with synchronous FULL: what `enrol` or `revoke` returned from survives a power cut, what they did not is
not there at all. Several processes may have the same gallery open.

Erased bytes are overwritten: a chunk without somebody is sealed anew in place of the one with them, in the file
(secure_delete) and in the log (truncated). Where SQLite may leave a copy of the beginning of a seal, that has no nonce,
and opens for nobody. A start reads one row, however many people there are.

To be used from the thread that opened it.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

from gatefw import store
from gatefw.biometrics import gallery_layout as layout
from gatefw.biometrics.gallery_chunk import TEMPLATES_MAX, Chunk, Member, Place
from gatefw.biometrics.gallery_layout import MAIN, Partition
from gatefw.biometrics.gallery_people import People, Unreadable
from gatefw.biometrics.gallery_upgrade import upgrade
from gatefw.biometrics.template import Template
from gatefw.errors import Refusal, StoreError
from gatefw.events import PARTITION
from gatefw.model import Reason, SubjectId
from gatefw.partition_keys import PartitionKeys

__all__ = ["MAIN", "TEMPLATES_MAX", "Entry", "Gallery", "Partition", "keys_of"]

Result = TypeVar("Result")

BATCH = 16_384
"""So many people are one transaction when many are enrolled: 9 MB and more."""


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
        self._people = People(self._database, path, self._key)
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
        member = Member(subject, float(expires_at), tuple(templates))
        self._change(partial(self._people.put, partition, [member]))
        self._forget_log()

    def enrol_many(
        self, people: Iterable[Member], partition: str = MAIN, told: Callable[[int], None] = lambda _number: None
    ) -> int:
        """As `enrol` for each, `BATCH` at a time: those that `told` has counted are kept. How many there were.

        Fastest in order of their ids. Raises as `enrol`; then nobody is kept of those that were not counted.
        """
        rest, number = iter(people), 0
        while batch := tuple(islice(rest, BATCH)):
            self._change(partial(self._people.put, partition, batch))
            number += len(batch)
            told(number)
        self._forget_log()
        return number

    def revoke(self, subject: SubjectId) -> bool:
        """Destroy the templates of a subject; False when there were none.

        Out of a damaged chunk nobody can be taken: its seal is destroyed with whoever else is out of reach in it.
        """
        gone = self._change(partial(self._people.take_out, subject))
        self._forget_log()
        return gone

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
        """Destroy a partition's key, then its chunks, and return of how many people; to be repeated when interrupted.

        From the first moment on nothing of it opens. Raises Refusal for the main one: its people are revoked singly.
        """
        _check_own(name)
        self._keys.destroy(name)
        with self._transaction():
            people, *_ = [self._database.execute(query, (name,)).rowcount for query in layout.WITHOUT_PARTITION]
        self._forget_log()
        return people

    def partitions(self) -> tuple[Partition, ...]:
        """Every partition, expired ones and the main one too, in order of their names."""
        with self._guarded():
            return layout.partitions(self._database)

    def list(self, after: str = "", most: int = -1) -> list[Entry]:
        """Every subject, expired ones too, in order of their ids; the first `most` of those after one (-1: all)."""
        query = """
            SELECT subject, person.templates, expires_at, partition FROM person JOIN chunk ON number = chunk
            WHERE subject > ? ORDER BY subject LIMIT ?
        """
        with self._guarded():
            return [Entry(*row) for row in self._database.execute(query, (after, most))]

    def get(self, subject: SubjectId, now: float) -> tuple[Template, ...] | Reason:
        """A subject's templates at `now` (Unix seconds), or NOT_ENROLLED, RECORD_EXPIRED: those are never compared.

        Who was enrolled into a partition expires with it, and was never enrolled once its key is destroyed.
        GALLERY_DAMAGED: their chunk does not open, or says otherwise than what points to it; the log names it once.
        """
        with self._guarded():
            found = self._people.find(subject)
        if isinstance(found, Reason):
            return found
        member, ends_at = found
        return Reason.RECORD_EXPIRED if min(member.expires_at, ends_at) <= now else member.templates

    def places(self, now: float, patterns: Sequence[str] = ()) -> Sequence[Place]:
        """The chunks of everybody whom a search may meet at `now` (Unix seconds), in the order they were made.

        `patterns`: shell patterns of partitions; none means all of them. Left out: partitions that ended, or whose key
        is gone. Who is in a chunk expires with it, and perhaps sooner.
        """
        ends = {
            each.name: each.expires_at
            for each in self.partitions()
            if (not patterns or any(fnmatchcase(each.name, pattern) for pattern in patterns))
            and each.expires_at > now
            and self._key(each.name)
        }
        with self._guarded():
            rows = self._database.execute("SELECT number, version, partition, people FROM chunk").fetchall()
        return [
            Place(number, version, partition, people, ends[partition])
            for number, version, partition, people in rows
            if partition in ends
        ]

    def opened(self, place: Place) -> Chunk | None:
        """The people of a chunk; None when it has changed since. Raises Damaged: it does not open."""
        with self._guarded():
            return self._people.chunk(place.partition, place.number, place.version)

    def generation(self) -> tuple[int, int, int]:
        """Another value after every change to rows or keys, whichever process made it, and now and then without one.

        Time alone changes nothing here: who expires meanwhile is still to be left out.
        """
        directory = self._keys.directory
        with self._guarded():
            keys_changed = directory.stat().st_mtime_ns if directory.exists() else 0
            return int(self._database.execute("PRAGMA data_version").fetchone()[0]), self._changes, keys_changed

    def compact(self) -> None:
        """Write the file anew, without unused pages and what lies in them; others who write wait, or give up."""
        with self._guarded():
            self._database.execute("VACUUM")
        self._forget_log()

    def close(self) -> None:
        self._database.close()

    # ------------------------------------------------------------ the file

    def _open(self) -> None:
        with self._guarded():
            self._database.execute("PRAGMA temp_store = MEMORY")  # no copy of a row goes to another file
            try:
                upgrade(self._database, self._key, self._people.put)
                layout.prove(self._database, self._main_key)  # another key is found now, not at the first traveller
            except StoreError as error:
                raise StoreError(f"gallery {self._path}: {error}") from error
        self._forget_log()

    def _key(self, partition: str) -> bytes | None:
        """What opens the chunks of a partition, read anew each time: another process may have destroyed it."""
        if partition == MAIN:
            return self._main_key
        key = self._keys.get(partition)
        return None if key is None else layout.row_key(key)

    def _change(self, work: Callable[[], Result]) -> Result:
        while True:
            with suppress(Unreadable), self._transaction():
                return work()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._guarded():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                with suppress(sqlite3.Error):  # of a damaged page: it is rolled back all the same
                    self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")
            self._changes += 1

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
