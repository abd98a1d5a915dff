"""Devices that are asked something during a passage, and take their time: a finger to compare, a document to read.

One question at a time. A newer one, or the end of its run, gives up the one before: the device's owner looks at
`given_up` wherever it may wait, and its answer goes nowhere.
"""

import threading
from collections.abc import Callable
from typing import Protocol, TypeVar

from gatefw.errors import DeviceError
from gatefw.gate_terms import Answered, Ask, GateInput
from gatefw.model import Answer, Failed, Question, Reason, RunId
from gatefw.ports import Device
from gatefw.worker import Worker

QUESTION_POLL_S = 0.25
ANSWER_GRACE_S = 5.0
"""How long after its question's own deadline an answer may still take before its thread counts as stuck."""

D = TypeVar("D", bound=Device)
GivenUp = Callable[[], bool]


class Answers(Protocol):
    """Whoever answers a kind of question, in the inbox; neither call waits for anything."""

    def ask(self, ask: Ask) -> None: ...

    def cancel(self, run: RunId) -> None: ...


class QuestionWorker(Worker[D]):
    """Owns a device that answers questions; subclasses say how. `unavailable` is the answer while it is gone."""

    unavailable: Reason

    def __init__(self, name: str, open_device: Callable[[], D], put: Callable[[GateInput], None]) -> None:
        super().__init__(name, open_device, put)
        self._lock = threading.Lock()
        self._asked: Ask | None = None

    def answer(self, device: D, question: Question, given_up: GivenUp) -> Answer:
        """Ask the device, within the question's own `deadline_s`. Raises DeviceError when it went away."""
        raise NotImplementedError

    def idle(self, device: D) -> None:
        """Look after the device while nobody asks, every `QUESTION_POLL_S`; raises DeviceError when it is gone."""

    def ask(self, ask: Ask) -> None:
        """Take a question; any thread. Its answer arrives in the inbox, unless it is given up before."""
        with self._lock:
            gone = self.device is None
            self._asked = None if gone else ask
        if gone:
            self._inbox(Answered(ask.run, ask.number, Failed(self.unavailable)))
        self._wake.set()

    def cancel(self, run: RunId) -> None:
        """The run is over: nobody waits for its answer any more."""
        with self._lock:
            if self._asked is not None and self._asked.run == run:
                self._asked = None

    def ended(self, stuck: bool) -> None:  # noqa: ARG002  whoever asked must not wait for a device that is gone
        ask = self._asked
        if ask is not None:
            self._reply(ask, Failed(self.unavailable))

    def turn(self, device: D) -> None:
        ask = self._asked
        if ask is None:
            self.idle(device)
            if self.progress and self._asked is None:
                self._rest(QUESTION_POLL_S)
            return
        question = ask.request
        self._allow(getattr(question, "deadline_s", 0.0) + ANSWER_GRACE_S)
        try:
            reply = self.answer(device, question, lambda: self._asked is not ask)
        except DeviceError:
            self._reply(ask, Failed(self.unavailable))
            raise
        except Exception:
            self._reply(ask, Failed(Reason.SOFTWARE))
            raise
        self._reply(ask, reply)

    def _reply(self, ask: Ask, reply: Answer) -> None:
        with self._lock:
            wanted, self._asked = self._asked is ask, None if self._asked is ask else self._asked
        if wanted:
            self._inbox(Answered(ask.run, ask.number, reply))
