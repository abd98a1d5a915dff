"""One traveller's passage under way: a clearance procedure, and how far it has come."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from gatefw.clearance import Procedure
from gatefw.gate_terms import Answered
from gatefw.model import (
    AllAnswered,
    Answer,
    AskAuthorities,
    Asked,
    CheckEligibility,
    Cleared,
    Confirm,
    Confirmed,
    Decision,
    DocumentRead,
    EnrolTraveller,
    FaceCompared,
    FaceIdentified,
    Fact,
    FactKind,
    Failed,
    FingerCompared,
    IdentifyFace,
    Ineligible,
    LetIn,
    LookUpRecord,
    Question,
    ReadDocument,
    Reason,
    Reply,
    Request,
    RunId,
    Together,
    Verdict,
    VerifyFace,
    VerifyFinger,
    VerifyPortrait,
)

ASKED: Mapping[type[Question], Asked] = {
    LookUpRecord: Asked.LOOK_UP_RECORD,
    VerifyFace: Asked.VERIFY_FACE,
    VerifyFinger: Asked.VERIFY_FINGER,
    ReadDocument: Asked.READ_DOCUMENT,
    VerifyPortrait: Asked.VERIFY_PORTRAIT,
    IdentifyFace: Asked.IDENTIFY_FACE,
    CheckEligibility: Asked.CHECK_ELIGIBILITY,
    Confirm: Asked.CONFIRM,
    AskAuthorities: Asked.ASK_AUTHORITIES,
    EnrolTraveller: Asked.ENROL_TRAVELLER,
}


@dataclass(slots=True)
class Passage:
    """`number` counts the questions, so that an answer to an older one is recognised.

    `at` is the request or the decision it has come to, at `at_s`; `ticket` that of an admission that waits for its
    commit.
    """

    run: RunId
    procedure: Procedure
    began_s: float
    number: int = 0
    at: Request | Decision | None = None
    at_s: float = 0.0
    ticket: int | None = None
    _answers: dict[int, Answer | None] = field(default_factory=dict)
    """Of what is asked now, by the number of the question; None while there is none."""
    _asked: dict[int, Asked] = field(default_factory=dict)
    """Every question there was, by its number; a procedure has few."""
    _given: dict[int, Answer] = field(default_factory=dict, repr=False)
    """Every answer there was, but for pictures."""

    def go_on(self, reply: Reply | None) -> Request | Decision:
        """Hand the procedure its reply (None to begin). A procedure that breaks refers its traveller to the counter."""
        self._answers = {}
        try:
            self.at = next(self.procedure) if reply is None else self.procedure.send(reply)
        except StopIteration as end:
            self.at = _decision(end.value)
        except Exception:  # noqa: BLE001  one procedure's mistake must not take the lane with it
            self.at = Decision(Verdict.REFER, Reason.SOFTWARE)
        return self.at

    @property
    def decision(self) -> Decision | None:
        """What the procedure has decided, once it has."""
        return self.at if isinstance(self.at, Decision) else None

    def ask(self, request: Question | Together) -> Sequence[tuple[int, Question]]:
        """The questions in a request, each with its number."""
        questions = request.questions if isinstance(request, Together) else (request,)
        numbered = []
        for question in questions:
            self.number += 1
            self._answers[self.number], self._asked[self.number] = None, ASKED[type(question)]
            numbered.append((self.number, question))
        return numbered

    def answered(self, number: int, answer: Answer) -> Reply | None:
        """The reply, once the last answer is there. None too for an answer that nobody waits for: see `waits_for`."""
        self._answers[number] = answer
        self._given[number] = replace(answer, portrait=b"") if isinstance(answer, DocumentRead) else answer
        there = tuple(each for each in self._answers.values() if each is not None)
        if len(there) < len(self._answers):
            return None
        return AllAnswered(there) if isinstance(self.at, Together) else there[0]

    @property
    def asks(self) -> tuple[Question, ...]:
        """What was asked, and is not answered yet."""
        match self.at:
            case Together(questions):
                return tuple(each for each, got in zip(questions, self._answers.values(), strict=True) if got is None)
            case None | LetIn() | Decision():
                return ()
            case question:
                return (question,)

    @property
    def asking(self) -> tuple[Asked, ...]:
        """What `asks` holds, by kind, each once."""
        return tuple(dict.fromkeys(ASKED[type(each)] for each in self.asks))

    @property
    def requirements(self) -> tuple[tuple[Asked, Answer | None], ...]:
        """Everything that was asked, with its answer; None while there is none."""
        return tuple((asked, self._given.get(number)) for number, asked in self._asked.items())

    @property
    def open(self) -> tuple[int, ...]:
        """The numbers of the questions that were asked, and are not answered yet."""
        return tuple(number for number, answer in self._answers.items() if answer is None)

    def facts_of(self, event: Answered) -> list[Fact]:
        """What is written down of an answer, after the procedure has gone on with it.

        What the decision says already is not written twice. Whoever walked away may have left any question behind.
        """
        if not isinstance(event.reply, Failed):
            return [replace(fact, run=self.run) for fact in facts_of(event.reply)]
        reason = event.reply.reason
        said = self.decision is not None and self.decision.reason is reason and reason is not Reason.WALKED_AWAY
        return [] if said else [self.came_to_nothing(event.number, reason)]

    def came_to_nothing(self, number: int, reason: Reason) -> Fact:
        """The question was not answered, its answer is no, or the passage ended before there was one."""
        return Fact(FactKind.QUESTION_FAILED, self.run, (("question", self._asked[number]), ("reason", reason)))

    def waits_for(self, number: int) -> bool:
        """Whether this question was asked, and is not answered yet."""
        return number in self.open

    def end(self) -> Reason:
        """Close the procedure wherever it stands; the reason of its decision, if it came to one."""
        with contextlib.suppress(Exception):  # nor does it matter how it takes its end
            self.procedure.close()
        return self.decision.reason if self.decision else Reason.SOFTWARE


def _decision(value: object) -> Decision:
    """A procedure that ends without a decision has not decided to admit."""
    return value if isinstance(value, Decision) else Decision(Verdict.REFER, Reason.SOFTWARE)


def facts_of(reply: Answer) -> list[Fact]:
    """What is written down of an answer that is one: how alike, never who."""
    match reply:
        case FaceCompared(matched, score, threshold, fmr, frames):
            fields = ("matched", matched), ("score", round(score, 4)), ("threshold", threshold), ("fmr", fmr)
            return [Fact(FactKind.FACE_COMPARED, None, (*fields, ("frames", frames)))]
        case FingerCompared(matched, score, attempts):
            return [
                Fact(FactKind.FINGER_COMPARED, None, (("matched", matched), ("score", score), ("attempts", attempts)))
            ]
        case DocumentRead(proof=proof):
            return [Fact(FactKind.DOCUMENT_READ, None, (("proof", proof),))]
        case FaceIdentified(_, score, threshold, gallery, fpir, frames):
            found = ("score", round(score, 4)), ("threshold", threshold), ("gallery", gallery), ("fpir", fpir)
            return [Fact(FactKind.FACE_IDENTIFIED, None, (*found, ("frames", frames)))]
        case Ineligible(failed):
            return [Fact(FactKind.RULE_FAILED, None, (("rule", rule), ("reason", why))) for rule, why in failed]
        case Confirmed():
            return [Fact(FactKind.CONFIRMED)]
        case Cleared(by):
            return [Fact(FactKind.AUTHORITIES_CLEARED, None, (("authorities", len(by)),))]
    return []
