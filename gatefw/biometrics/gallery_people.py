"""Who is in which chunk of a gallery: every method reads or writes in the transaction that its caller opened."""

import json
import logging
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from gatefw.biometrics import gallery_layout as layout
from gatefw.biometrics.gallery_chunk import CHUNK_PEOPLE, TEMPLATES_MAX, Chunk, Damaged, Member, filled
from gatefw.biometrics.gallery_layout import CHUNK_BYTES
from gatefw.errors import Refusal, StoreError
from gatefw.model import Reason, SubjectId

Keys = Callable[[str], bytes | None]
"""The row key of a partition; None when it was destroyed."""

_log = logging.getLogger(__name__)


class Unreadable(Damaged):
    """SQLite itself cannot follow the pages of a chunk, and gives up the transaction: begin anew, now it is known."""


class People:
    """`keys` is asked for each chunk: another process may have destroyed a partition.

    Raises sqlite3.Error, and Unreadable from what changes something.
    """

    def __init__(self, database: sqlite3.Connection, path: Path, keys: Keys) -> None:
        self._database, self._path, self._keys = database, path, keys
        self._told, self._unreadable = set[int](), set[int]()

    def put(self, partition: str, people: Iterable[Member]) -> None:
        """Keep people in place of what there was of them. Raises Refusal: there is no such partition."""
        for each in filled(people, CHUNK_BYTES):
            self._put(partition, each)

    def take_out(self, subject: SubjectId) -> bool:
        """Let nothing be left of a subject; False when there was nothing.

        Out of a chunk that does not open nobody can be taken: it is erased, and whoever else was in it is out of reach
        as before.
        """
        query = """
            SELECT person.chunk, person.templates, partition, version
            FROM person LEFT JOIN chunk ON number = person.chunk WHERE subject = ?
        """
        row = self._database.execute(query, (subject,)).fetchone()
        if row is None:
            return False
        number, templates, partition, version = row
        self._database.execute("DELETE FROM person WHERE subject = ?", (subject,))
        key = None if partition is None else self._keys(partition)
        chunk = self._opened(key, partition, number, version) if key else None
        if key is None or chunk is None:
            self._shut(number, templates)
        else:
            rest = [each for each in chunk.people() if each.subject != subject]
            self._write(key, partition, number, version, Chunk.of(rest))
        return True

    def find(self, subject: SubjectId) -> tuple[Member, float] | Reason:
        """Somebody, and when their partition ends; NOT_ENROLLED, or GALLERY_DAMAGED, which the log explains once."""
        query = """
            SELECT person.chunk, person.templates, person.expires_at, partition, version, partition.expires_at
            FROM person LEFT JOIN chunk ON number = person.chunk LEFT JOIN partition ON name = partition
            WHERE subject = ?
        """
        while row := self._database.execute(query, (subject,)).fetchone():
            number, templates, expires_at, partition, version, ends_at = row
            key = self._keys(partition) if ends_at is not None else b""
            if key is None:
                return Reason.NOT_ENROLLED
            try:
                chunk = self._unsealed(key, partition, number, version)
                if chunk is None and version is not None:
                    continue  # another process has changed it meanwhile
                found = chunk.find(subject) if chunk else None
                if found is None or (len(found.templates), found.expires_at) != (templates, expires_at):
                    raise Damaged(f"{self._chunk(number)}: holds other people, or otherwise, than is listed")
                return found, ends_at
            except Damaged as error:
                self._tell_once(number, error)
                return Reason.GALLERY_DAMAGED
        return Reason.NOT_ENROLLED

    def chunk(self, partition: str, number: int, version: int) -> Chunk | None:
        """The people of a chunk; None when it is not of that version any more. Raises Damaged: it does not open."""
        key = self._keys(partition)
        return self._unsealed(key, partition, number, version) if key else None

    def _put(self, partition: str, people: Sequence[Member]) -> None:
        """Keep people who fit into one chunk: in the emptiest one, or in a new one."""
        known = self._database.execute("SELECT 1 FROM partition WHERE name = ?", (partition,)).fetchone()
        key = self._keys(partition) if known else None
        if key is None:
            raise Refusal(f"gallery: there is no partition {partition}; make it, or enrol into another one")
        people = tuple({each.subject: each for each in people}.values())
        for each in people:
            _check_templates(each)
        query = "SELECT subject FROM person WHERE subject IN (SELECT value FROM json_each(?))"
        subjects = json.dumps([each.subject for each in people])
        for (subject,) in self._database.execute(query, (subjects,)).fetchall():
            self.take_out(subject)
        chunk = Chunk.of(people)
        found = self._with_room(key, partition, chunk)
        if found is None:
            query = "INSERT INTO chunk (partition, version, people, templates, bytes) VALUES (?, 0, 0, 0, 0)"
            number, version = self._database.execute(query, (partition,)).lastrowid or 0, 0
        else:
            number, version, there = found
            chunk = Chunk.of([*there.people(), *people])
        self._write(key, partition, number, version, chunk)
        rows = [(each.subject, number, len(each.templates), each.expires_at) for each in people]
        self._database.executemany("INSERT INTO person VALUES (?, ?, ?, ?)", rows)

    def _with_room(self, key: bytes, partition: str, more: Chunk) -> tuple[int, int, Chunk] | None:
        """Number, version and people of the emptiest chunk, if those of another one fit into it as well."""
        query = """
            SELECT number, version FROM chunk WHERE partition = ? AND people + ? <= ? AND bytes + ? <= ?
            ORDER BY bytes LIMIT 1
        """
        values = partition, len(more), CHUNK_PEOPLE, len(more.packed()), CHUNK_BYTES
        while row := self._database.execute(query, values).fetchone():
            number, version = row
            chunk = self._opened(key, partition, number, version)
            if chunk is not None:
                return number, version, chunk
            self._database.execute("UPDATE chunk SET bytes = ? WHERE number = ?", (CHUNK_BYTES, number))  # never again
        return None

    def _write(self, key: bytes, partition: str, number: int, version: int, chunk: Chunk) -> None:
        """Seal a chunk in place of what it was; one without people is no more."""
        if not len(chunk):
            self._database.execute("DELETE FROM seal WHERE chunk = ?", (number,))
            self._database.execute("DELETE FROM chunk WHERE number = ?", (number,))
            return
        content, version = chunk.packed(), version + 1
        self._database.execute(
            "UPDATE chunk SET version = ?, people = ?, templates = ?, bytes = ? WHERE number = ?",
            (version, len(chunk), chunk.templates, len(content), number),
        )
        sealed = layout.seal(key, partition, number, version, content)
        self._database.execute("INSERT OR REPLACE INTO seal VALUES (?, ?)", (number, sealed))

    def _shut(self, number: int, templates: int) -> None:
        """One person less in a chunk that does not open."""
        if number not in self._unreadable:  # else it cannot be erased either: the log has told of the disk
            self._database.execute("DELETE FROM seal WHERE chunk = ?", (number,))
        self._database.execute(
            "UPDATE chunk SET version = version + 1, people = people - 1, templates = templates - ? WHERE number = ?",
            (templates, number),
        )
        self._database.execute("DELETE FROM chunk WHERE number = ? AND people = 0", (number,))

    def _opened(self, key: bytes, partition: str, number: int, version: int) -> Chunk | None:
        """None when it does not open, which is told once. Raises Unreadable."""
        try:
            return self._unsealed(key, partition, number, version)
        except Unreadable:
            raise
        except Damaged as error:
            self._tell_once(number, error)
            return None

    def _unsealed(self, key: bytes, partition: str, number: int, version: int) -> Chunk | None:
        """None when it is not of that version any more. Raises Damaged, and Unreadable the first time that it is."""
        query = "SELECT sealed FROM chunk LEFT JOIN seal ON seal.chunk = number WHERE number = ? AND version = ?"
        if number in self._unreadable:
            raise Damaged(f"{self._chunk(number)}: cannot be read")
        try:
            row = self._database.execute(query, (number, version)).fetchone()
            if row is None:
                return None
            if row[0] is None:
                raise Damaged(f"{self._chunk(number)}: its seal is not there; enrol its people again")
            return layout.unseal(key, partition, number, version, row[0])
        except Damaged:
            raise
        except (StoreError, TypeError) as error:  # a rotten row: what should be bytes is nothing, or a number
            raise Damaged(f"{self._chunk(number)}: does not open: {error}") from error
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_CORRUPT:
                raise
            self._unreadable.add(number)
            unreadable = Unreadable(f"{self._chunk(number)}: cannot be read: {error}; mind the disk, move to a new one")
            self._tell_once(number, unreadable)
            raise unreadable from error

    def _chunk(self, number: int) -> str:
        return f"gallery {self._path}: chunk {number}"

    def _tell_once(self, number: int, error: Damaged) -> None:
        if number not in self._told:
            self._told.add(number)
            _log.error("%s", error)


def _check_templates(member: Member) -> None:
    """Raise StoreError unless one may have so many."""
    if not 1 <= len(member.templates) <= TEMPLATES_MAX:
        raise StoreError(
            f"gallery: {len(member.templates)} templates for one subject; 1 to {TEMPLATES_MAX} can be kept"
        )
