"""Writes the clearance record of each passage: who, where, when, what came of it, by which rules, and who was asked.

It has two halves, each sealed to each authority as soon as it is known. The traveller's is on disk before anybody is
asked about them; the passage's is added when it has ended. In between neither half can be read back here. What a
process that died did not finish, the next one finishes from the journal, which has everything but the traveller.
"""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gatefw import authority_wire as wire
from gatefw.authority_wire import PASSAGE, TRAVELLER, Addressee, Contents, Sender
from gatefw.clearance_records import ClearanceRecords, Draft, Waiting
from gatefw.events import type_of
from gatefw.journal import Row
from gatefw.model import DocumentRead, Fact, FactKind, Reason, RunId

UNDER_WAY_MOST = 64
"""Passages that are followed at a time; more than a lane can have."""
READ_ROWS = 500
_WHO = ("document.", "born", "name")
"""What of a traveller's facts an authority is told, by the beginnings of their names: the document, and nothing of
consent, journey or permission."""

_log = logging.getLogger(__name__)
Facts = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Correspondent:
    """An authority, and how the lane signs what goes there. `label` is its name in events."""

    label: str
    addressee: Addressee
    sender: Sender


@dataclass(slots=True)
class _Passage:
    """What was written down of a passage so far."""

    verdict: str = ""
    reason: str = ""
    rules: list[str] = field(default_factory=list)
    cleared_by: tuple[str, ...] | None = None

    def follow(self, kind: FactKind, told: Mapping[str, object]) -> None:
        if kind is FactKind.RULE_FAILED:
            self.rules.append(f"{told['rule']}={told['reason']}")
        elif kind is FactKind.PASSAGE_DECIDED:
            self.verdict, self.reason = str(told["verdict"]), str(told["reason"])


@dataclass(slots=True)
class _LeftOff:
    """How far a passage came, as the journal has it; `told` and `at` are its end, where it has one."""

    passage: _Passage = field(default_factory=_Passage)
    told: Mapping[str, object] = field(default_factory=lambda: {"passed": False, "reason": Reason.RESTARTED.value})
    at: float | None = None


class ClearanceWriter:
    """One thread uses it. `head` is the number of the journal's newest row, `read` its rows after a number."""

    def __init__(
        self,
        records: ClearanceRecords,
        direction: str,
        record: Callable[[Fact], None],
        head: Callable[[], int],
        read: Callable[[int, int], list[Row]],
    ) -> None:
        self._records, self.direction, self._record = records, direction, record
        self._head, self._read = head, read
        self.correspondents: list[Correspondent] = []
        self._under_way: dict[RunId, _Passage] = {}

    def begin(self, run: RunId, who: Facts) -> None:
        """Somebody was found: seal who they are, durably, before anybody is asked. Raises StoreError."""
        if self._records.drafts(run):
            return
        told: Contents = {name: value for name, value in who.items() if name.startswith(_WHO)}
        drafts = []
        for each in self.correspondents:
            number = wire.new_id()
            box = wire.shut(told, TRAVELLER, each.addressee, each.sender.lane, number)
            drafts.append(Draft(each.addressee.name, number, box, self._head()))
        self._records.begin(run, drafts)

    def cleared(self, run: RunId, by: Sequence[str]) -> None:
        """These authorities said yes; none where the lane goes on without them."""
        self._of(run).cleared_by = tuple(by)

    def follow(self, fact: Fact) -> None:
        """Something about a passage was written down; not its end."""
        if fact.run is not None:
            self._of(fact.run).follow(fact.kind, dict(fact.fields))

    def finish(self, run: RunId, told: Mapping[str, object], now: float) -> bool:
        """A passage ended. Whether there is a record to be sent: nobody was found, and there is none. StoreError."""
        made = self._finished(run, self._of(run), told, now)
        self._under_way.pop(run, None)
        return made

    def recover(self, now: float) -> None:
        """Finish what a process that died has left, from the journal. Raises StoreError, JournalBroken."""
        left = self._records.begun()
        since = min((draft.since for run in left for draft in self._records.drafts(run)), default=self._head())
        known = self._from_journal(frozenset(left), since)
        for run in left:
            left_off = known.get(run, _LeftOff())
            self._finished(run, left_off.passage, left_off.told, left_off.at or now)
        if left:
            _log.warning("%d clearance records were left unfinished, and are finished from the journal", len(left))

    # ------------------------------------------------------------ inside

    def _of(self, run: RunId) -> _Passage:
        passage = self._under_way.setdefault(run, _Passage())
        while len(self._under_way) > UNDER_WAY_MOST:
            del self._under_way[next(iter(self._under_way))]
        return passage

    def _finished(self, run: RunId, passage: _Passage, told: Mapping[str, object], at: float) -> bool:
        drafts = {each.authority: each for each in self._records.drafts(run)}
        if not drafts:
            return False
        known = {each.addressee.name: each for each in self.correspondents}
        if gone := drafts.keys() - known.keys():
            _log.error("records for %s stay unfinished: the lane file names no such authority", ", ".join(sorted(gone)))
        letters = []
        for name in drafts.keys() & known.keys():
            to, draft = known[name], drafts[name]
            box = wire.shut(self._contents(passage, told, at), PASSAGE, to.addressee, to.sender.lane, draft.id)
            sent = wire.record(to.addressee, to.sender, draft.id, draft.traveller, box)
            letters.append((name, Waiting(sent.message, sent.hash)))
        self._records.finish(run, letters, at)
        for name, _ in letters:
            self._record(Fact(FactKind.CLEARANCE_QUEUED, run, (("authority", known[name].label),)))
        return bool(letters)

    def _contents(self, passage: _Passage, told: Mapping[str, object], at: float) -> Contents:
        contents: Contents = {
            "direction": self.direction,
            "at": int(at),
            "passed": int(bool(told["passed"])),
            "ended": str(told["reason"]),
            "verdict": passage.verdict,
            "reason": passage.reason,
            "rules_failed": " ".join(passage.rules),
        }
        if passage.cleared_by is not None:
            contents["cleared_by"] = " ".join(passage.cleared_by)
        return contents

    def _from_journal(self, runs: frozenset[RunId], since: int) -> "dict[RunId, _LeftOff]":
        """What the journal has of these passages."""
        known: dict[RunId, _LeftOff] = {}
        while runs and (rows := self._read(since, READ_ROWS)):
            since = rows[-1].n
            for event in (json.loads(row.body) for row in rows):
                kind = _KINDS.get(event["type"])
                if event.get("run") not in runs or kind is None:
                    continue
                left_off = known.setdefault(RunId(event["run"]), _LeftOff())
                left_off.passage.follow(kind, event["data"])
                if kind is FactKind.PASSAGE_ENDED:
                    left_off.told = event["data"]
                    left_off.at = datetime.fromisoformat(event["time"]).timestamp()
        return known


_KINDS = {type_of(kind): kind for kind in (FactKind.RULE_FAILED, FactKind.PASSAGE_DECIDED, FactKind.PASSAGE_ENDED)}


def document_of(document: DocumentRead) -> dict[str, str]:
    """A document that was read, as the facts of a record would tell it."""
    return {
        "document.issuer": document.issuer,
        "document.number": document.number,
        "document.nationality": document.nationality,
        "document.expires": document.expires,
        "born": document.born,
    }
