"""How a journal is kept: signed again and again, bounded, and shortened only by what an archive has and nobody needs.

A checkpoint is a row like any other, published like any other (`journal_anchor`), so whoever follows the bus holds
anchors. What lies between two checkpoints is a segment. Segments are removed oldest first, whole, and only those older
than the retention time that an archive acknowledged, where one is required. First the removal is written down, and
signed; then the rows go, a few at a time. A crash between leaves rows that the next start removes.
"""

import os
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gatefw import journal_chain as chain
from gatefw.errors import Refusal, StoreError
from gatefw.journal_anchor import NO_ANCHOR, Signed, Signer
from gatefw.journal_chain import Head
from gatefw.model import Fact, FactKind, Reason
from gatefw.wall_time import WallTime

REMOVE_ROWS = 128  # in one transaction, for which a release may have to wait
FILLING = 0.9
EASED = 0.95  # an alarm ends only well below where it began


@dataclass(frozen=True, slots=True)
class JournalTerms:
    """`signing_key` is of the lane (32 bytes), `archive_key` the archive's public one (hex), empty where an operator's
    word is enough.

    `says(reason, whether)` tells of a journal that is filling or full, or again not; it must only enqueue.
    look_s: between two looks at what room there is, and at what may go. require_synchronised: nothing is removed by a
    clock that nobody vouches for.
    """

    signing_key: bytes
    says: Callable[[Reason, bool], None] = lambda _reason, _whether: None
    archive_required: bool = True
    archive_key: str = ""
    keep_s: float = 365 * 86_400.0
    most_bytes: int = 4096 * 2**20
    least_free_bytes: int = 64 * 2**20
    checkpoint_rows: int = 1024
    checkpoint_s: float = 60.0
    look_s: float = 5.0
    require_synchronised: bool = True
    clock_s: Callable[[], float] = time.monotonic


class Keeper:
    """Of one journal; works on its writer's connection and thread alone."""

    def __init__(self, database: sqlite3.Connection, path: Path, lane: str, epoch: str, terms: JournalTerms) -> None:
        self._database, self._path, self._lane, self._epoch, self._terms = database, path, lane, epoch, terms
        self._signer = Signer(terms.signing_key)
        found = chain.last(database, FactKind.JOURNAL_CHECKPOINT)
        self._signed, anchor = (found[0], str(found[1]["anchor"])) if found else (0, "")
        self._previous = Signed(anchor).digest if anchor else NO_ANCHOR
        found = chain.last(database, FactKind.JOURNAL_ACKNOWLEDGED)
        self._acknowledged = int(found[1]["upto"]) if found else 0
        self._removed = chain.removed_upto(database)
        first = database.execute("select min(n) from event").fetchone()[0]
        self.removing = first is not None and first <= self._removed
        """Whether rows are left of what was removed."""
        self._signed_s = terms.clock_s()  # what a killed process left unsigned is verified before we sign it
        self._looked_s = self._sought_s = float("-inf")
        self._said: set[Reason] = set()

    @property
    def public(self) -> str:
        """The lane's public key, hex."""
        return self._signer.public

    # ------------------------------------------------------------ checkpoints

    def due(self, head_n: int) -> bool:
        """Whether it is time to sign what was written up to row `head_n`."""
        rows = head_n - self._signed
        late = self._terms.clock_s() - self._signed_s >= self._terms.checkpoint_s
        return rows >= self._terms.checkpoint_rows or (rows > 0 and late)

    def unsigned(self, head_n: int) -> bool:
        """Whether there is anything that no checkpoint covers."""
        return head_n > self._signed

    def checkpoint(self, head: Head, at: WallTime) -> Fact:
        """Signs `head`; the fact has to be the next row, written at that moment."""
        signed = self._signer.checkpoint(self._lane, self._epoch, head.n, head.hash, at, self._previous)
        self._signed, self._signed_s, self._previous = head.n + 1, self._terms.clock_s(), signed.digest
        return Fact(FactKind.JOURNAL_CHECKPOINT, None, (("anchor", signed.line),))

    # ------------------------------------------------------------ what the archive has

    def acknowledged(self, line: str, by: str) -> Fact:
        """What is to be written down of a receipt, or of a checkpoint that an operator vouches for. Raises Refusal."""
        try:
            signed = Signed.of(line)
        except StoreError as error:
            raise Refusal(f"journal_acknowledge: {error}") from error
        wanted = self._terms.archive_key
        if signed.is_checkpoint and wanted:
            raise Refusal("journal_acknowledge: a receipt of the archive is wanted (`gatefw journal receipt`)")
        if signed.key != (self.public if signed.is_checkpoint else wanted):
            raise Refusal(
                f"journal_acknowledge: signed with key {signed.key}; "
                f"{'this lane' if signed.is_checkpoint else '[journal] archive_key'} has {wanted or self.public}"
            )
        query = "select hash from event where n = ? and epoch = ?"
        row = self._database.execute(query, (signed.n, signed.epoch)).fetchone()
        if signed.lane != self._lane or row is None or row[0] != signed.hash:
            raise Refusal(f"journal_acknowledge: row {signed.n} of this journal is not the one that it is about")
        if signed.n <= self._acknowledged:
            raise Refusal(f"journal_acknowledge: rows up to {self._acknowledged} are acknowledged already")
        receipt = "" if signed.is_checkpoint else signed.line
        fields = ("upto", signed.n), ("hash", signed.hash.hex()), ("by", by), ("receipt", receipt)
        return Fact(FactKind.JOURNAL_ACKNOWLEDGED, None, fields)

    # ------------------------------------------------------------ removal

    def removable(self, now: WallTime) -> Fact | None:
        """What is to be written down, signed, before the oldest segments go; None while none may."""
        terms, now_s = self._terms, self._terms.clock_s()
        if self.removing or now_s - self._sought_s < terms.look_s:
            return None
        self._sought_s = now_s
        if terms.require_synchronised and not now.synchronised:
            return None
        most = self._acknowledged if terms.archive_required else self._signed
        upto = self._old_checkpoint(most, now.ns - int(terms.keep_s * 1e9)) - 1
        return Fact(FactKind.JOURNAL_REMOVED, None, (("upto", upto),)) if upto > self._removed else None

    def _old_checkpoint(self, most: int, before_ns: int) -> int:
        """The newest one that is so old, and vouches for rows up to number `most` at most; 0 for none.

        Time never runs back in a journal, so all rows before it are older still.
        """
        query = f"select n from event where {chain.ABOUT_ITSELF} and kind = ? and n <= ? and quality in (?, ?)"  # noqa: S608
        bears = "synchronised" if self._terms.require_synchronised else "unsynchronised"
        upto = min(most + 1, self._newest_before(before_ns))
        order = f"{query} order by n desc limit 1"
        row = self._database.execute(order, (FactKind.JOURNAL_CHECKPOINT, upto, "synchronised", bears)).fetchone()
        return int(row[0]) if row else 0

    def _newest_before(self, before_ns: int) -> int:
        """The newest row that is so old, by halves."""
        low, high = self._removed, self._database.execute("select max(n) from event").fetchone()[0] or 0
        while low < high:
            middle = (low + high + 1) // 2
            row = self._database.execute("select at from event where n = ?", (middle,)).fetchone()
            low, high = (middle, high) if row is not None and row[0] <= before_ns else (low, middle - 1)
        return int(low)

    def wrote(self, fact: Fact) -> None:
        """A fact is on disk, and signed where it has to be."""
        if fact.kind is FactKind.JOURNAL_ACKNOWLEDGED:
            self._acknowledged = int(dict(fact.fields)["upto"])
        elif fact.kind is FactKind.JOURNAL_REMOVED:
            self._removed, self.removing = int(dict(fact.fields)["upto"]), True

    def remove_some(self) -> None:
        """One small transaction."""
        query = "delete from event where n in (select n from event where n <= ? order by n limit ?)"
        self.removing = self._database.execute(query, (self._removed, REMOVE_ROWS)).rowcount == REMOVE_ROWS

    # ------------------------------------------------------------ room

    def idle_s(self, head_n: int) -> float:
        """So long the writer may sleep when nobody writes."""
        if self.removing:
            return 0.0
        due_s = min(self._looked_s, self._sought_s) + self._terms.look_s
        if self.unsigned(head_n):
            due_s = min(due_s, self._signed_s + self._terms.checkpoint_s)
        return max(0.0, due_s - self._terms.clock_s())

    @property
    def wants_to_look(self) -> bool:
        return self._terms.clock_s() - self._looked_s >= self._terms.look_s

    def look(self) -> None:
        """How full is it? Raises StoreError: its disk has become read-only."""
        self._looked_s = self._terms.clock_s()
        disk = os.statvfs(self._path.parent)
        if disk.f_flag & os.ST_RDONLY:
            raise StoreError("its disk is read-only")
        pages, free, size = (self._pragma(each) for each in ("page_count", "freelist_count", "page_size"))
        used, spare = (pages - free) * size, disk.f_bavail * disk.f_frsize + free * size
        most, least = self._terms.most_bytes, self._terms.least_free_bytes
        by_size, by_disk = used / most, least / max(spare, 1)  # 1: nothing may be added
        self._say(Reason.JOURNAL_FILLING, max(by_size / FILLING, 2 * by_disk))
        self._say(Reason.JOURNAL_FULL, max(by_size, by_disk))

    def _say(self, reason: Reason, fullness: float) -> None:
        was = reason in self._said
        if (now := fullness >= (EASED if was else 1.0)) != was:
            (self._said.add if now else self._said.discard)(reason)
            self._terms.says(reason, now)

    def _pragma(self, name: str) -> int:
        return int(self._database.execute(f"pragma {name}").fetchone()[0])
