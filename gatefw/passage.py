"""One traveller's passage under way: a clearance procedure, and how far it has come."""

import contextlib
from dataclasses import dataclass

from gatefw.clearance import Procedure
from gatefw.model import (
    Decision,
    DocumentRead,
    FaceCompared,
    Fact,
    FactKind,
    FingerCompared,
    LetIn,
    Reason,
    Reply,
    Request,
    RunId,
    Verdict,
)


@dataclass(slots=True)
class Passage:
    """`number` counts the requests, so that an answer to an older one is recognised; `waits` for being let in."""

    run: RunId
    procedure: Procedure
    began_s: float
    number: int = 0
    waits: bool = False
    decision: Decision | None = None

    def go_on(self, reply: Reply | None) -> Request | Decision:
        """Hand the procedure its reply (None to begin). A procedure that breaks refers its traveller to the counter."""
        self.waits = False
        try:
            request = next(self.procedure) if reply is None else self.procedure.send(reply)
        except StopIteration as end:
            self.decision = _decision(end.value)
            return self.decision
        except Exception:  # noqa: BLE001  one procedure's mistake must not take the lane with it
            self.decision = Decision(Verdict.REFER, Reason.SOFTWARE)
            return self.decision
        self.number += 1
        self.waits = isinstance(request, LetIn)
        return request

    def end(self) -> Reason:
        """Close the procedure wherever it stands; the reason of its decision, if it came to one."""
        with contextlib.suppress(Exception):  # nor does it matter how it takes its end
            self.procedure.close()
        return self.decision.reason if self.decision else Reason.SOFTWARE


def _decision(value: object) -> Decision:
    """A procedure that ends without a decision has not decided to admit."""
    return value if isinstance(value, Decision) else Decision(Verdict.REFER, Reason.SOFTWARE)


def facts_of(reply: Reply) -> list[Fact]:
    """What is written down of an answer: how alike, never who."""
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
    return []
