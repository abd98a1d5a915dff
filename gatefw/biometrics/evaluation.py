"""Whether a detector of presentation attacks satisfies a lane: only one that somebody else evaluated does.

Without a picture and without a model: `gatefw check` and the supervisor ask this, and load neither.
"""

import math
from pathlib import Path

from gatefw.biometrics import card as cards
from gatefw.biometrics.card import Card, Pad
from gatefw.errors import ModelError


def required(models: Path, name: str) -> tuple[Card, Path]:
    """The card and file of an installed detector that satisfies `[face] require_liveness`.

    Raises ModelError with what to do: no name, not installed, no such detector, not evaluated independently.
    """
    if not name:
        raise ModelError("no detector of presentation attacks is named; name an installed one in [face] pad")
    card, path = cards.installed(models, name)
    evaluated(card)
    return card, path


def evaluated(card: Card) -> Pad:
    """What the card says of its evaluation. Raises ModelError where that does not satisfy a lane."""
    pad, which = card.pad, f"model {card.name}"
    if pad is None:
        raise ModelError(f"{which}: is no detector of presentation attacks but of kind {card.kind!r}; name another")
    if pad.evaluated != "independently":
        raise ModelError(
            f"{which}: its card says evaluated {pad.evaluated!r}, 'independently' is wanted: by a laboratory, after "
            "ISO/IEC 30107-3; install one that was, or take require_liveness back"
        )
    shares = [pad.bpcer, *(attack.apcer for attack in pad.attack)]
    told = pad.evaluator.strip() and pad.attack and all(attack.presentations > 0 for attack in pad.attack)
    if not told or not all(0 <= share <= 1 for share in shares) or not math.isfinite(pad.threshold):
        raise ModelError(
            f"{which}: its card lacks who evaluated it, on how many presentations of which attacks, with which shares "
            "of 0 to 1; complete [pad] from the laboratory's report"
        )
    return pad
