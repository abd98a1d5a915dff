"""The slot for a detector of presentation attacks (PAD, ISO/IEC 30107-3): is this a living face, or a picture of one?

    card     `required`: only one that says it was evaluated independently, by whom and against what
    start    the model is run once on a grey picture: one that gives no number there does not start
    frame    `judge`: every face that would be compared, and before it is; the first that does not pass ends the look

Every face for itself, not the mean of a look: who holds up a photograph while faces are compared, and shows his own
while somebody asks whether he lives, is found out. And before the comparison: neither what is said nor when tells the
bearer of a photograph that it was the right one. The price: a traveller who lives is refused when one of several frames
looks like an attack.

Whatever goes wrong is no life: a model that raises or gives no number, or one that is required and is not there.
"""

import logging
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from gatefw.biometrics.detector import Face
from gatefw.biometrics.evaluation import evaluated, required
from gatefw.biometrics.landmarks import crop
from gatefw.biometrics.runtime import Delegate, Network, Picture, Runtime
from gatefw.errors import ModelError
from gatefw.model import Reason

Judge = Callable[[Picture, Face], Reason]
"""What is said of a face in a picture: OK, NOT_LIVE or LIVENESS_UNAVAILABLE. Never raises."""

_log = logging.getLogger(__name__)


class AttackDetector:
    """A loaded detector. To be called from one thread at a time."""

    def __init__(self, network: Network) -> None:
        """Raises ModelError: the card or the model is none of an evaluated detector (`required`)."""
        self._pad, self._network = evaluated(network.card), network
        side_px = network.card.input.side_px
        self._score(np.full((side_px, side_px, 3), 128, np.uint8))

    @classmethod
    def load(cls, models: Path, name: str, runtime: Runtime, delegate: Delegate = Delegate.DEFAULT) -> "AttackDetector":
        """The detector of an installed model. Raises ModelError: missing, altered, not evaluated independently."""
        return cls(Network(*required(models, name), runtime, delegate))

    def judge(self, rgb: Picture, face: Face) -> Reason:
        """OK for a face that passes, NOT_LIVE for an attack, LIVENESS_UNAVAILABLE when nobody can tell."""
        try:
            score = self._score(crop(rgb, face, self._network.card.input.side_px, self._pad.crop)[0])
        except Exception as error:  # noqa: BLE001  whatever goes wrong is no life, and not the end of the process
            _log.error("liveness: model %s failed: %s", self._network.card.name, str(error))  # its frames are not kept
            return Reason.LIVENESS_UNAVAILABLE
        return Reason.OK if score >= self._pad.threshold else Reason.NOT_LIVE

    def _score(self, chip: Picture) -> float:
        numbers = self._network.run(chip)[0].ravel()
        if self._pad.number >= numbers.size:
            raise ModelError(
                f"model {self._network.card.name}: its card takes number {self._pad.number}, it gives {numbers.size}; "
                "they count from 0, correct [pad] number"
            )
        score = float(numbers[self._pad.number])
        if not math.isfinite(score):
            raise ModelError(f"model {self._network.card.name}: gives {score}, which is no score; use another detector")
        return score


def nobody_can_tell(_rgb: Picture, _face: Face) -> Reason:
    """The judge where liveness is required and there is no detector."""
    return Reason.LIVENESS_UNAVAILABLE
