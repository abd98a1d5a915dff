"""Owns the reader of travel documents: waits for one to be laid down, has its chip read, and judges what was read.

The reader is not believed: what it brings is checked here, over the very bytes (`travel_document`). The store of
authorities is looked at again while nobody asks, so that a new revocation list counts without a restart; a store that
went bad is told, and the one before it goes on counting.
"""

import logging
import time
from collections.abc import Callable
from pathlib import Path

from gatefw import csca_store, travel_document
from gatefw.errors import StoreError
from gatefw.gate_terms import GateInput
from gatefw.model import Answer, DocumentRead, Failed, Question, ReadDocument, Reason
from gatefw.ports import ChipRead, DocumentFailed, DocumentReader
from gatefw.questions import GivenUp, QuestionWorker
from gatefw.travel_document import Trust
from gatefw.wall_time import WallTime, wall_clock
from hw.wire import mrz

LAY_DOWN_POLL_S = 0.05
STORE_POLL_S = 60.0

_log = logging.getLogger(__name__)


class Trusted:
    """The store in `directory`, loaded now and again when its files change. Raises StoreError when it is bad now."""

    def __init__(
        self,
        directory: Path,
        needs_current_list: bool = True,
        clock: Callable[[], WallTime] = wall_clock,
        needs_synchronised: bool = True,
    ) -> None:
        self._directory, self._needs_current_list = directory, needs_current_list
        self._clock, self._needs_synchronised = clock, needs_synchronised
        self._seen = self._listing()
        self._store = csca_store.load(directory, clock().utc)

    def refresh(self) -> None:
        """Load the store anew if a file came, went or changed. One that is bad is told, and changes nothing."""
        seen = self._listing()
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self._store = csca_store.load(self._directory, self._clock().utc)
        except StoreError as problem:
            _log.error("%s; what was trusted before stays", problem)
        else:
            _log.info("CSCA store %s: loaded anew, %d authorities", self._directory, len(self._store.authorities))

    def believe(self, read: ChipRead, printed: mrz.Mrz) -> DocumentRead:
        """The document, judged by the time it is now, in days as the lane's time zone counts them. DocumentFailed."""
        now = self._clock()
        if self._needs_synchronised and not now.synchronised:
            raise DocumentFailed(
                Reason.TIME_UNVERIFIED, "nobody vouches for this clock, so nobody knows which document is expired"
            )
        trust = Trust(self._store, self._needs_current_list)
        return travel_document.believe(read, printed, trust, now.utc.astimezone())

    def _listing(self) -> tuple[tuple[str, int, int], ...]:
        try:
            stats = [(path.name, path.stat()) for path in sorted(self._directory.iterdir())]
        except OSError:
            return ()
        return tuple((name, each.st_mtime_ns, each.st_size) for name, each in stats)


class DocumentWorker(QuestionWorker[DocumentReader]):
    """Answers `ReadDocument`."""

    unavailable = Reason.DOCUMENTS_UNAVAILABLE

    def __init__(
        self,
        name: str,
        open_device: Callable[[], DocumentReader],
        put: Callable[[GateInput], None],
        trusted: Trusted,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(name, open_device, put)
        self._trusted, self._now_s = trusted, now_s
        self._refreshed_s = now_s()

    def trust(self, trusted: Trusted) -> None:
        """From the next document on; any thread."""
        self._trusted = trusted

    def idle(self, device: DocumentReader) -> None:
        device.present()  # a reader that was unplugged is told before somebody needs it
        if self._now_s() - self._refreshed_s >= STORE_POLL_S:
            self._refreshed_s = self._now_s()
            self._trusted.refresh()

    def answer(self, device: DocumentReader, question: Question, given_up: GivenUp) -> Answer:
        assert isinstance(question, ReadDocument)
        deadline_s = self._now_s() + question.deadline_s
        try:
            printed = mrz.parse(question.mrz)
        except mrz.Malformed as problem:
            _log.info("%s: %s", self.name, problem)
            return Failed(Reason.MRZ_MALFORMED)
        try:
            self._await_document(device, deadline_s, given_up)
            left_s = deadline_s - self._now_s()
            return self._trusted.believe(device.read(mrz.chip_key(printed), left_s, given_up), printed)
        except DocumentFailed as problem:
            _log.info("%s: %s", self.name, problem)
            return Failed(problem.reason)

    def _await_document(self, device: DocumentReader, deadline_s: float, given_up: GivenUp) -> None:
        while not device.present():
            if given_up() or self._now_s() >= deadline_s:
                raise DocumentFailed(Reason.NO_DOCUMENT, "no chip answered on the reader")
            self._rest(LAY_DOWN_POLL_S)
