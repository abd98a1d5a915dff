"""The threshold for a false match rate, out of the model card."""

from gatefw.biometrics.card import Card, Threshold
from gatefw.errors import ModelError


def threshold_for(card: Card, fmr: float) -> Threshold:
    """The card's threshold for exactly this FMR, of one comparison (1:1).

    Nothing is interpolated: a rate nobody measured is not a rate. Raises ModelError when the card has no such row. A
    transaction that compares k frames has an FMR of at most k times this.
    """
    for threshold in card.threshold:
        if threshold.fmr == fmr:
            return threshold
    known = ", ".join(f"{threshold.fmr:g}" for threshold in card.threshold) or "none"
    raise ModelError(f"model {card.name}: no threshold was measured for an FMR of {fmr:g}; its card has {known}")
