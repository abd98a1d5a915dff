"""Has written down what the lane does and why it is latched, and says what could not be: a FAULT, once."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

from gatefw import __version__
from gatefw.control import Answer, Done, Order, Rejected
from gatefw.errors import GateError, JournalBroken, Overflow
from gatefw.gate_terms import Committed, DeviceImpaired, GateInput
from gatefw.journal import Journal
from gatefw.journal_keeping import JournalTerms
from gatefw.model import Fact, FactKind, Faulted, Reason
from gatefw.order_args import text
from gatefw.passage_tally import Where
from gatefw.wall_time import WallTime, wall_clock

JOURNAL = "journal"
"""Its name among the devices, in events and status."""
ACKNOWLEDGE = "journal_acknowledge"
PACE_ROWS = 64
PACE = 9
"""The old rows are verified in a tenth of a processor's time: the lane is at work meanwhile."""

_log = logging.getLogger(__name__)


class _Ending(Exception):
    """The daemon ends."""


class Scribe:
    """Owns the lane's journal. Never waits for the disk; what comes of it arrives in the inbox.

    `latch` is why the lane is in FAULT, from before or by now; a journal that does not hold together is such a reason.
    `maintained`: a technician has or had the lane, and nobody has said that this is over.
    Raises StoreError when there is no journal to be had.
    """

    def __init__(
        self,
        path: Path,
        lane: str,
        key: bytes,
        put: Callable[[GateInput], None],
        where: Where | None = None,
        terms: JournalTerms | None = None,
        clock: Callable[[], WallTime] = wall_clock,
    ) -> None:
        self._put = put
        self._losing = False
        terms = terms and replace(terms, says=self._health)
        self.journal = Journal.open(path, lane, key, clock, self._failed, where, terms)
        self._ending = threading.Event()
        self._verifier = threading.Thread(target=self._verify_older, name="journal-verify")
        self.latch = self._latched()
        self.maintained = self.journal.maintained()

    def close(self) -> None:
        self._ending.set()
        if self._verifier.ident is not None:
            self._verifier.join()
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

    def keep_maintenance(self, whether: bool) -> "Future[None]":
        """As `Journal.keep_maintenance`."""
        self.maintained = whether
        return self.journal.keep_maintenance(whether)

    def end_unfinished(self) -> None:
        """A passage whose process died has ended; how far its traveller came, nobody saw. A journal in which nobody can
        look for them is a FAULT, and not the daemon's end: it has people to let out."""
        try:
            left = self.journal.unfinished()
        except JournalBroken as error:
            self._does_not_hold(error)
            return
        for run in left:
            fields = (("passed", False), ("reason", Reason.RESTARTED), ("seconds", 0.0))
            self.append(Fact(FactKind.PASSAGE_ENDED, run, fields))

    def note_config(self, sha256: str, reversed_: bool, last_known_good: bool = False) -> None:
        """Which lane file holds from now on, unless the journal says so already.

        last_known_good: it is the one that served before, because somebody chose it in place of the lane file.
        """
        fields = (
            ("sha256", sha256),
            ("version", __version__),
            ("reversed", reversed_),
            ("last_known_good", last_known_good),
        )
        try:
            known = self.journal.last(FactKind.CONFIG_LOADED)
        except JournalBroken as error:  # as above; the loop itself asks, after a reload
            self._does_not_hold(error)
            return
        if known != dict(fields):
            self.append(Fact(FactKind.CONFIG_LOADED, None, fields))

    def acknowledge(self, order: Order, reply: Callable[[Answer], None]) -> None:
        """Do `journal_acknowledge`: an archive has what the order's receipt, or checkpoint, is about."""

        def heard(found: int | GateError) -> None:
            reply(Rejected.by(found) if isinstance(found, GateError) else Done({"acknowledged": True, "event": found}))

        try:
            self.journal.acknowledge(text(order.args, "line"), order.by, heard)
        except GateError as error:
            reply(Rejected.by(error))

    def _health(self, reason: Reason, whether: bool) -> None:
        self._put(DeviceImpaired(JOURNAL, reason, whether))

    def _latched(self) -> Reason | None:
        """By the rows since the newest checkpoint; before them may be more than a start has time for."""
        try:
            if self.journal.verify(recent=True).begins > self.journal.removed_upto() + 1:
                self._verifier.start()
        except JournalBroken as error:
            _log.error("%s", error)
            self.journal.latch(Reason.JOURNAL_BROKEN)
            return Reason.JOURNAL_BROKEN
        return self.journal.latched()

    def _verify_older(self) -> None:
        began_s = time.monotonic()

        def pace(n: int) -> None:
            nonlocal began_s
            if n % PACE_ROWS == 0:
                if self._ending.wait(PACE * (time.monotonic() - began_s)):
                    raise _Ending
                began_s = time.monotonic()

        try:
            self.journal.verify(pace=pace)
        except _Ending:
            pass
        except Exception as error:  # noqa: BLE001  what cannot be read holds no more than what was altered
            self._does_not_hold(error)

    def _does_not_hold(self, error: Exception) -> None:
        _log.error("%s", error)
        self.journal.latch(Reason.JOURNAL_BROKEN)
        self._put(Faulted(Reason.JOURNAL_BROKEN))

    def _lost(self, error: GateError, reason: Reason) -> None:
        """Say so once: what the fault itself records is lost as well, and must not make another one of it for ever."""
        if not self._losing:
            self._losing = True
            _log.error("%s", error)
            self._put(Faulted(reason))

    def _failed(self, error: GateError) -> None:
        _log.error("%s", error)
        self._put(Faulted(Reason.JOURNAL_BROKEN))
