"""The thread of a finger sensor: compares a traveller's finger, and makes the template of one who enrols.

Comparing is 1:1 and bounded: a finger may be laid down `LAYINGS` times, and each laying is compared once at most, so
that trying again and again does not make a match likelier than the sensor's own rate times three. What the sensor holds
of anybody is overwritten as soon as nobody asks.
"""

import logging
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Literal

from gatefw.errors import StoreError
from gatefw.fingers import Fingerprint
from gatefw.gate_terms import GateInput
from gatefw.model import Answer, Failed, FingerCompared, Question, Reason, SubjectId, VerifyFinger
from gatefw.ports import FingerScanner
from gatefw.questions import GivenUp, QuestionWorker

LAYINGS = 3
LOOK_S = 0.1  # between two looks at the surface
LIFTED_LOOKS = 2  # so often must nothing lie there
Sample = Literal[1, 2]
FingerOf = Callable[[SubjectId], Fingerprint | Reason]
"""Whose finger is what: a subject's, or why there is none to compare."""

_log = logging.getLogger(__name__)


class Prompt(StrEnum):
    """What somebody who enrols is to do next."""

    LAY = "lay"
    LIFT = "lift"
    AGAIN = "again"  # lay the same finger once more
    UNCLEAR = "unclear"  # lift, wipe, and lay it once more


class FingerWatch:
    """Waits for fingers to be laid and lifted, until `ends_s` at most or until it is given up. `rest` is a pause."""

    def __init__(
        self,
        device: FingerScanner,
        ends_s: float,
        given_up: GivenUp,
        rest: Callable[[float], None],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._device, self._ends_s, self._given_up, self._rest, self._now_s = device, ends_s, given_up, rest, now_s

    def laid(self, sample: Sample) -> Reason:
        """OK: a finger lies there, kept as this sample. FINGER_UNCLEAR: one lay there, never clear. NO_FINGER."""
        seen = Reason.NO_FINGER
        while self._goes_on():
            before, seen = seen, self._device.look(sample)
            if seen is Reason.OK:
                return seen
            if seen is Reason.NO_FINGER and before is Reason.FINGER_UNCLEAR:
                return before
            self._rest(LOOK_S)
        return seen

    def lifted(self, spare: Sample) -> bool:
        """Whether nothing lies there any more before the time is over. Overwrites the spare sample."""
        nothing = 0
        while self._goes_on():
            nothing = nothing + 1 if self._device.look(spare) is Reason.NO_FINGER else 0
            if nothing == LIFTED_LOOKS:
                return True
            self._rest(LOOK_S)
        return False

    def _goes_on(self) -> bool:
        return self._now_s() < self._ends_s and not self._given_up()


def verify(device: FingerScanner, template: bytes, watch: FingerWatch) -> Answer:
    """Compare the finger that is laid down with a template. Raises DeviceError."""
    device.load(template)
    best, compared, worst = 0, 0, Reason.NO_FINGER
    for laying in range(1, LAYINGS + 1):
        seen = watch.laid(1)
        if seen is Reason.OK:
            match = device.compare()
            if match.matched:
                return FingerCompared(True, match.score, laying)
            best, compared = max(best, match.score), laying
            if laying == LAYINGS or not watch.lifted(1):
                break
        elif seen is Reason.FINGER_UNCLEAR:
            worst = seen
        else:
            break
    return FingerCompared(False, best, compared) if compared else Failed(worst)


def enrol(device: FingerScanner, watch: FingerWatch, say: Callable[[Prompt], None]) -> bytes | Reason:
    """A template of a finger laid down three times: two samples are merged, the third proves the template.

    Or why there is none: NO_FINGER, FINGER_UNCLEAR, FINGER_MISMATCH (not always the same finger). Raises DeviceError.
    """
    seen = _clear(watch, 1, Prompt.LAY, say)
    if seen is not Reason.OK:
        return seen
    if not _lifted(watch, 2, say):
        return Reason.NO_FINGER
    seen = _clear(watch, 2, Prompt.AGAIN, say)
    if seen is not Reason.OK:
        return seen
    template = device.merge()
    if template is None:
        return Reason.FINGER_MISMATCH
    if not _lifted(watch, 1, say):
        return Reason.NO_FINGER
    device.load(template)
    seen = _clear(watch, 1, Prompt.AGAIN, say)
    if seen is not Reason.OK:
        return seen
    return template if device.compare().matched else Reason.FINGER_MISMATCH


def _clear(watch: FingerWatch, sample: Sample, prompt: Prompt, say: Callable[[Prompt], None]) -> Reason:
    """A clear sample, after `LAYINGS` layings at most."""
    say(prompt)
    seen = watch.laid(sample)
    for _ in range(LAYINGS - 1):
        if seen is not Reason.FINGER_UNCLEAR:
            break
        say(Prompt.UNCLEAR)
        seen = watch.laid(sample)
    return seen


def _lifted(watch: FingerWatch, spare: Sample, say: Callable[[Prompt], None]) -> bool:
    say(Prompt.LIFT)
    return watch.lifted(spare)


class FingerWorker(QuestionWorker[FingerScanner]):
    """Owns the lane's finger sensor. `finger_of` looks a subject's finger up, or says why there is none."""

    unavailable = Reason.FINGERS_UNAVAILABLE

    def __init__(
        self,
        name: str,
        open_device: Callable[[], FingerScanner],
        put: Callable[[GateInput], None],
        finger_of: FingerOf,
    ) -> None:
        super().__init__(name, open_device, put)
        self._finger_of = finger_of

    @property
    def asked(self) -> bool:
        """Whether a traveller's finger is wanted: everything else waits, or is given up."""
        return self._asked is not None

    def watch(self, device: FingerScanner, within_s: float, given_up: GivenUp) -> FingerWatch:
        """For whoever waits for a finger on this worker's own thread."""
        ends_s = time.monotonic() + within_s
        return FingerWatch(device, ends_s, lambda: given_up() or self._ending.is_set(), self._rest)

    def answer(self, device: FingerScanner, question: Question, given_up: GivenUp) -> Answer:
        """Who was revoked while their finger was waited for is not matched."""
        assert isinstance(question, VerifyFinger)
        try:
            finger = self._finger_of(question.subject)
            if isinstance(finger, Reason):
                return Failed(finger)
            if finger.kind != device.kind:  # made by another make of sensor, and worth nothing here
                return Failed(Reason.FINGER_NOT_ENROLLED)
            compared = verify(device, finger.template, self.watch(device, question.deadline_s, given_up))
            still = self._finger_of(question.subject)
        except StoreError as error:
            _log.error("%s", error)
            return Failed(Reason.RECORDS_UNAVAILABLE)
        fits = isinstance(compared, FingerCompared) and compared.matched
        return Failed(still) if fits and isinstance(still, Reason) else compared

    def idle(self, device: FingerScanner) -> None:
        device.wipe()
        device.check()
