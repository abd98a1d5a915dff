"""The cases that are open at a lane: what an officer may be shown of a traveller, and how far their passage has come.

A case is open while its run is under way, and after it, unless its traveller passed, while they may still be inside. Of
somebody who was referred, or held, it is open for the way to the counter and there, until they are cleared by hand.
Then it is forgotten, and `AFTER_S` after the end of the run in any case. It is in this process's memory alone: no case
outlives a restart.

The loop tells what it did; whoever asks is another thread. How it is told, and to whom: `counter_desk`.
"""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from gatefw.gate import BETWEEN_RUNS, Gate
from gatefw.gate_terms import Effect, Record
from gatefw.model import (
    Answer,
    Asked,
    DocumentRead,
    FaceCompared,
    FaceIdentified,
    Fact,
    FactKind,
    Failed,
    FingerCompared,
    Ineligible,
    Phase,
    Reason,
    RunId,
    SubjectId,
    Verdict,
)
from gatefw.passage import Passage

AFTER_S = 900.0
COUNTER_MAX = 8
"""More people than this are not on their way to one lane's counter: the oldest case is forgotten."""
AT_COUNTER = (Phase.REFERRED, Phase.HOLD)
TOLD = ("name", "number", "nationality", "born")
"""What of a person or a document an officer compares with who stands before them: facts that end so."""


@dataclass(frozen=True, slots=True)
class Case:
    """One run. `reason` and `verdict` as decided, None before; `ended_s`: when the run ended, None before.

    `subject`: whose record was found, unless the traveller said that it is not them.
    """

    run: RunId
    began_s: float
    requirements: tuple[tuple[Asked, Answer | None], ...] = field(default=(), repr=False)
    verdict: Verdict | None = None
    reason: Reason | None = None
    ended_s: float | None = None
    subject: SubjectId | None = field(default=None, repr=False)

    @classmethod
    def of(cls, passage: Passage) -> "Case":
        decided, asked = passage.decision, passage.requirements
        answers = [answer for _, answer in asked]
        found = [subject for answer in answers if (subject := getattr(answer, "subject", None)) is not None]
        subject = None if Failed(Reason.DECLINED) in answers else next(reversed(found), None)
        if decided is None:
            return cls(passage.run, passage.began_s, asked, subject=subject)
        return cls(passage.run, passage.began_s, asked, decided.verdict, decided.reason, None, subject)

    @property
    def document(self) -> DocumentRead | None:
        return next((answer for _, answer in self.requirements if isinstance(answer, DocumentRead)), None)

    def told(self, now_s: float, phase: Phase, record: Mapping[str, str]) -> dict[str, object]:
        """For one officer's eyes. `record`: the facts of the subject's record."""
        return {
            "run": self.run,
            "phase": phase.value,
            "since_s": round(now_s - self.began_s, 1),
            "ended": self.ended_s is not None,
            "verdict": self.verdict and self.verdict.value,
            "reason": self.reason and self.reason.value,
            "requirements": [requirement(name, answer) for name, answer in self.requirements],
            "facts": self._facts(record),
        }

    def _facts(self, record: Mapping[str, str]) -> dict[str, str]:
        """A proven document says it better than a record does."""
        read, facts = self.document, dict(record)
        if read is not None:
            facts |= {"document.number": read.number, "document.nationality": read.nationality, "born": read.born}
        return {name: value for name, value in facts.items() if _compared(name)}


def requirement(name: Asked, answer: Answer | None) -> dict[str, object]:
    """met, not_met, or open: not answered. `score` and `threshold` are distances: smaller is more alike."""
    met: dict[str, object] = {"name": name.value, "outcome": "met"}
    match answer:
        case None:
            return met | {"outcome": "open"}
        case Failed(reason):
            return met | {"outcome": "not_met", "reason": reason.value}
        case Ineligible(failed):
            rules = [{"rule": rule, "reason": reason.value} for rule, reason in failed]
            return met | {"outcome": "not_met", "reason": failed[0][1].value, "rules": rules}
        case FaceCompared(matched, score, threshold):
            how_alike = {"score": round(score, 4), "threshold": threshold}
            return met | how_alike | ({} if matched else _not(Reason.FACE_MISMATCH))
        case FaceIdentified(_, score, threshold):
            return met | {"score": round(score, 4), "threshold": threshold}
        case FingerCompared(matched=False):
            return met | _not(Reason.FINGER_MISMATCH)
    return met


def _compared(name: str) -> bool:
    """Not the number of a flight, nor the name of a journey."""
    of, _, what = name.rpartition(".")
    return of in ("", "document") and what.rpartition("_")[2] in TOLD


def _not(reason: Reason) -> dict[str, object]:
    return {"outcome": "not_met", "reason": reason.value}


class Cases:
    """Of one lane. `saw` is for the loop, the others for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._passages: tuple[Passage, ...] = ()
        self._under_way: tuple[Case, ...] = ()
        self._inside: dict[RunId, Case] = {}
        self._counter: dict[RunId, Case] = {}
        self._phase = Phase.RECOVERING

    def saw(self, gate: Gate, effects: Iterable[Effect], now_s: float) -> None:
        """The gate took an input, and this came of it."""
        before, self._passages = self._passages, tuple(gate.runs.passages)
        ended = [each.fact for each in effects if isinstance(each, Record) and _turned_away(each.fact)]
        under_way = tuple(map(Case.of, self._passages))
        with self._lock:
            self._phase, self._under_way = gate.state.phase, under_way
            for fact in ended:
                passage = next((each for each in before if each.run == fact.run), None)
                if passage is not None:
                    self._ended(Case.of(passage), Reason(str(dict(fact.fields)["reason"])), now_s)
            if gate.state.vacant and gate.state.phase in BETWEEN_RUNS:
                self._inside.clear()
            for cases in (self._inside, self._counter):
                late = [run for run, case in cases.items() if now_s - (case.ended_s or 0.0) >= AFTER_S]
                for run in [*late, *list(cases)[:-COUNTER_MAX]]:
                    cases.pop(run, None)

    def _ended(self, case: Case, reason: Reason, now_s: float) -> None:
        case = replace(case, reason=reason, ended_s=now_s)
        self._inside[case.run] = case
        if case.verdict is Verdict.REFER or self._phase in AT_COUNTER:
            self._counter[case.run] = case

    def open(self, run: RunId | None = None) -> tuple[Case, Phase] | None:
        """That of a run, or the one that an officer is most likely to ask about: whom the lane serves, else the newest
        who was turned away; and what the lane is doing. None: there is none."""
        with self._lock:
            newest = [*self._under_way, *reversed(self._inside.values()), *reversed(self._counter.values())]
            found = next((each for each in newest if run in (None, each.run)), None)
            return None if found is None else (found, self._phase)

    def forget(self, run: RunId) -> None:
        """Its traveller was cleared by hand."""
        with self._lock:
            self._inside.pop(run, None)
            self._counter.pop(run, None)


def _turned_away(fact: Fact) -> bool:
    return fact.kind is FactKind.PASSAGE_ENDED and dict(fact.fields)["passed"] is False
