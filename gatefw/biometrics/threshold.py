"""The threshold for a false match rate, out of the model card: of one comparison, or of a search among many.

Who is compared with N people has N chances to be taken for another: FPIR = 1 - (1 - FMR)^N. So a search needs a
stricter threshold than a verification, the stricter the more there are; where the card has none there is no search.
"""

import math
from collections.abc import Iterable
from pathlib import Path

from gatefw.biometrics import card as cards
from gatefw.biometrics.card import Card, Threshold
from gatefw.errors import ModelError

_ROUNDING = 1 + 1e-9


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


def strictest(card: Card) -> Threshold:
    """The card's threshold for the least FMR that was measured."""
    return min(card.threshold, key=lambda row: row.fmr)


def loosest(rows: Iterable[Threshold]) -> Threshold:
    """The row with the largest FMR. Two pictures beyond the loosest of a card are hardly of one person."""
    return max(rows, key=lambda row: row.fmr)


def for_gallery(card: Card, people: int, fpir: float, fnir: float) -> Threshold:
    """The card's threshold for a search among so many people (1:N): its least strict row that holds the FPIR.

    Nothing is interpolated. Raises ModelError, with the numbers and how many people the model can hold at these rates,
    when no row is strict enough or the one that is misses a larger share of enrolled people than `fnir`.
    """
    rows = [row for row in card.threshold if fpir_of(row.fmr, people) <= fpir * _ROUNDING]
    if not rows:
        fmr = -math.expm1(math.log1p(-fpir) / people)
        problem = f"needs an FMR of {fmr:.3g}, and the strictest that was measured is {strictest(card).fmr:g}"
    elif (row := loosest(rows)).fnmr > fnir:
        problem = f"needs the threshold for an FMR of {row.fmr:g}, which misses {row.fnmr:.2%} of enrolled people"
    else:
        return row
    raise ModelError(
        f"model {card.name}: a search among {people} people at an FPIR of {fpir:g} {problem}; it can hold "
        f"{people_held(card, fpir, fnir)} at an FPIR of {fpir:g} and an FNIR of {fnir:g}: make the gallery smaller (by "
        "flight, permit or time), or ask for more evidence than a face"
    )


def require_held(models: Path, embedder: str, people: int, fpir: float, fnir: float) -> None:
    """Raise ModelError as `for_gallery`, for an installed model; that there is none of that name is told elsewhere."""
    try:
        card = cards.read(models / f"{embedder}.toml")
    except ModelError:
        return
    for_gallery(card, people, fpir, fnir)


def people_held(card: Card, fpir: float, fnir: float) -> int:
    """The size of the largest gallery that the model can search at these rates; 0 for none at all."""
    bearable = [row for row in card.threshold if row.fnmr <= fnir]
    if not bearable:
        return 0
    fmr = min(row.fmr for row in bearable)
    return math.floor(math.log1p(-fpir) / math.log1p(-fmr) * _ROUNDING)


def fpir_of(fmr: float, people: int) -> float:
    """The share of strangers who are found among so many people, each of them a stranger's chance of `fmr`."""
    return -math.expm1(people * math.log1p(-fmr))
