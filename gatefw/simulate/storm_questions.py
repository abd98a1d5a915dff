"""The questions of a storm's process: answered in time, late, twice, never, or failed with the device they are for."""

from collections.abc import Callable, Mapping
from random import Random
from typing import Protocol

from gatefw.gate_terms import Answered, Ask, GateInput
from gatefw.model import (
    Answer,
    Confirm,
    Failed,
    IdentifyFace,
    Question,
    ReadDocument,
    Reason,
    RunId,
    VerifyFace,
    VerifyFinger,
    VerifyPortrait,
)

VISION = "vision"
ASKED_OF = {
    VerifyFace: VISION,
    VerifyPortrait: VISION,
    IdentifyFace: VISION,
    VerifyFinger: "finger",
    ReadDocument: "document",
}
UNAVAILABLE: Mapping[str, Reason] = {
    VISION: Reason.VISION_UNAVAILABLE,
    "finger": Reason.FINGERS_UNAVAILABLE,
    "document": Reason.DOCUMENTS_UNAVAILABLE,
}


class Answering(Protocol):
    """Who knows the answers, and which faults they have now."""

    chance: Random
    answers_late_s: float
    answers_lost: bool
    answers_twice: bool

    def answer(self, question: Question) -> tuple[float, Answer] | None: ...


class Questions:
    """Of one life. `is_there`: whether devices of a role can be asked; `after` does something so many seconds later."""

    def __init__(
        self,
        around: Answering,
        is_there: Callable[[str], bool],
        put: Callable[[GateInput], None],
        after: Callable[[float, Callable[[], None]], None],
    ) -> None:
        self._around, self._is_there, self._put, self._after = around, is_there, put, after
        self._open: dict[tuple[RunId, int], str] = {}

    def ask(self, ask: Ask) -> None:
        around, question = self._around, ask.request
        if isinstance(question, Confirm):
            around.answer(question)
            return
        role = ASKED_OF.get(type(question), "")
        if not self._is_there(role):
            self._put(Answered(ask.run, ask.number, Failed(UNAVAILABLE[role])))
            return
        answer = around.answer(question)
        if answer is None or around.answers_lost:
            return
        seconds, reply = answer
        seconds += around.answers_late_s * around.chance.random()
        key, told = (ask.run, ask.number), Answered(ask.run, ask.number, reply)
        self._open[key] = role
        wanted = not around.answers_late_s  # one that is late may come though nobody waits for it any more

        def tell() -> None:
            if self._open.pop(key, None) is not None or not wanted:
                self._put(told)

        self._after(seconds, tell)
        if around.answers_twice:
            self._after(seconds + around.chance.uniform(0.0, 10.0), lambda: self._put(told))

    def cancel(self, run: RunId) -> None:
        for key in [key for key in self._open if key[0] == run]:
            del self._open[key]

    def fail(self, role: str) -> None:
        """Those that are open at a device that is lost."""
        for key, of in list(self._open.items()):
            if of == role:
                del self._open[key]
                self._put(Answered(*key, Failed(UNAVAILABLE[of])))
