"""A clerk with a real store and a scripted vision process, and the counter where orders are given and answered."""

from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from gatefw.clerk import Clerk, HouseRules
from gatefw.control import Answer, Done, Order
from gatefw.errors import StoreError
from gatefw.gate_terms import Answered, Ask, GateInput
from gatefw.model import (
    CheckEligibility,
    DocumentRead,
    EnrolTraveller,
    Fact,
    FactKind,
    Failed,
    LookUpRecord,
    Reason,
    RunId,
    SubjectId,
    Token,
    Verdict,
)
from gatefw.records import Records
from gatefw.vision_client import Message
from gatefw.vision_desk import Heard

WAIT_S = 30.0
NOW = 1_700_000_000.0
ENROL = {"tokens": ["A1234567"], "photos": ["/photos/anna.jpg"], "days": 365, "consent": True}


HOUSE = HouseRules("lane")


class ScriptedVision:
    """Answers each request at once with what the test laid out; keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, Message] = {
            "enrol": {"done": {"templates": 1, "twice": []}},
            "revoke": {"done": {"revoked": True}},
            "list": {"done": {"subjects": []}},
            "enrol_live": {"done": {"reason": "ok", "templates": 3, "twice": []}},
            "partition_make": {"done": {}},
            "partition_destroy": {"done": {"people": 0}},
        }

        self._held: dict[str, SimpleQueue[Callable[[], None]]] = {}

    def hold(self, do: str) -> SimpleQueue[Callable[[], None]]:
        """From now on answer this only when what is put here is called."""
        return self._held.setdefault(do, SimpleQueue())

    def request(self, do: str, heard: Heard, **fields: Any) -> None:
        self.asked.append((do, fields))
        if do in self._held:
            self._held[do].put(lambda: heard(self.answers[do]))
        else:
            heard(self.answers[do])


class Counter:
    """The place where orders are given and answered. `now` is what the clerk's clock shows."""

    def __init__(self, tmp_path: Path, house: HouseRules = HOUSE) -> None:
        self.records = Records(tmp_path / "records.sqlite", b"k" * 32)
        self.vision = ScriptedVision()
        self.inputs: SimpleQueue[GateInput] = SimpleQueue()
        self.facts: list[Fact] = []
        self.now = NOW
        self.refused: Failed | None = None
        self.broken = False
        self.clerk = Clerk(self.records, self.take, self.inputs.put, self.facts.append, lambda: self.now, house)
        self.clerk.start(self.vision)  # type: ignore[arg-type]

    def take(self, token: Token) -> Token | Failed:
        if self.broken:
            raise StoreError("used tokens: disk full")
        return self.refused or token

    def ordered(self, verb: str, **args: Any) -> SimpleQueue[Answer]:
        answers: SimpleQueue[Answer] = SimpleQueue()
        self.clerk.order(Order(verb, args, "uid-1000", None, 0.0), answers.put)
        return answers

    def order(self, verb: str, **args: Any) -> Answer:
        return self.ordered(verb, **args).get(timeout=WAIT_S)

    def enrol(self, **changed: Any) -> Answer:
        return self.order("enrol", **(ENROL | changed))

    def look_up(self, code: bytes) -> object:
        self.clerk.look_up(Ask(RunId("r"), 1, LookUpRecord(Token(code))))
        answered = self.inputs.get(timeout=WAIT_S)
        assert isinstance(answered, Answered)
        return answered.reply

    def answer(self) -> object:
        """What the lane is answered next."""
        answered = self.inputs.get(timeout=WAIT_S)
        assert isinstance(answered, Answered)
        return answered.reply

    def check(self, subject: str | None = None, document: DocumentRead | None = None) -> object:
        request = CheckEligibility(None if subject is None else SubjectId(subject), document)
        self.clerk.check(Ask(RunId("r"), 1, request))
        return self.answer()

    def asked_to_enrol(self, document: DocumentRead) -> None:
        self.clerk.enrol_traveller(Ask(RunId("r"), 1, EnrolTraveller(document, 8.0)))

    def check_in(self, document: DocumentRead) -> object:
        self.asked_to_enrol(document)
        return self.answer()

    def decided(
        self, verdict: Verdict, subject: str, run: str = "0" * 16, reason: Reason = Reason.FACE_MISMATCH
    ) -> None:
        fields = ("verdict", verdict), ("reason", Reason.OK if verdict is Verdict.ADMIT else reason)
        self.clerk.notice(Fact(FactKind.PASSAGE_DECIDED, RunId(run), fields, SubjectId(subject)))

    def ended(self, passed: bool, run: str = "0" * 16) -> None:
        fields = ("passed", passed), ("reason", Reason.OK), ("seconds", 7.0)
        self.clerk.notice(Fact(FactKind.PASSAGE_ENDED, RunId(run), fields))

    def kinds(self) -> list[FactKind]:
        self.settle()
        return [fact.kind for fact in self.facts]

    def close(self) -> None:
        self.clerk.stop()
        self.records.close()

    def settle(self) -> None:
        """Everything asked before is done."""
        self.order("subjects")


def subject_of(answer: Answer) -> str:
    assert isinstance(answer, Done), answer
    return str(answer.result["subject"])
