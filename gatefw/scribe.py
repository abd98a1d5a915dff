"""Has written down what the lane does and why it is latched, and says what could not be: a FAULT, once."""

import logging
from collections.abc import Callable
from pathlib import Path

from gatefw.errors import GateError, JournalBroken, Overflow
from gatefw.events import wall_clock
from gatefw.gate_terms import Committed, GateInput
from gatefw.journal import Journal
from gatefw.model import Fact, FactKind, Faulted, Reason
from gatefw.passage_tally import Where

_log = logging.getLogger(__name__)


class Scribe:
    """Owns the lane's journal. Never waits for the disk; what comes of it arrives in the inbox.

    `latch` is why the lane is in FAULT, from before or by now; a journal that does not hold together is such a reason.
    Raises StoreError when there is no journal to be had.
    """

    def __init__(
        self, path: Path, lane: str, key: bytes, put: Callable[[GateInput], None], where: Where | None = None
    ) -> None:
        self._put = put
        self._losing = False
        self.journal = Journal.open(path, lane, key, wall_clock, self._failed, where)
        self.latch = self._latched()

    def close(self) -> None:
        self.journal.close()

    def append(self, fact: Fact, ticket: int | None = None) -> None:
        """Queue a fact; `Committed(ticket)` follows when it is on disk."""
        try:
            self.journal.append(fact, None if ticket is None else lambda _n: self._put(Committed(ticket)))
        except Overflow as error:
            self._lost(error, Reason.OVERFLOW)
        except GateError as error:  # a fact that the schema does not know is our own mistake
            self._lost(error, Reason.SOFTWARE)
        else:
            self._losing = False

    def keep_latch(self, reason: Reason) -> None:
        """The first cause stays."""
        self.latch = self.latch or reason
        self.journal.latch(reason)

    def forget_latch(self) -> None:
        self.latch = None
        self.journal.unlatch()
        if self.journal.broken:  # a lane that can record nothing must not look as if it served
            self._put(Faulted(Reason.JOURNAL_BROKEN))

    def end_unfinished(self) -> None:
        """A passage whose process died has ended; how far its traveller came, nobody saw."""
        for run in self.journal.unfinished():
            fields = (("passed", False), ("reason", Reason.RESTARTED), ("seconds", 0.0))
            self.append(Fact(FactKind.PASSAGE_ENDED, run, fields))

    def _latched(self) -> Reason | None:
        try:
            self.journal.verify()
        except JournalBroken as error:
            _log.error("%s", error)
            self.journal.latch(Reason.JOURNAL_BROKEN)
            return Reason.JOURNAL_BROKEN
        return self.journal.latched()

    def _lost(self, error: GateError, reason: Reason) -> None:
        """Say so once: what the fault itself records is lost as well, and must not make another one of it for ever."""
        if not self._losing:
            self._losing = True
            _log.error("%s", error)
            self._put(Faulted(reason))

    def _failed(self, error: GateError) -> None:
        _log.error("%s", error)
        self._put(Faulted(Reason.JOURNAL_BROKEN))
