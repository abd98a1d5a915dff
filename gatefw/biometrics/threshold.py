"""The threshold for a false match rate, out of the model card: of one comparison, or of a search among many.

One with one (1:1): the card's rows ([[threshold]]), exactly as measured. One with many (1:N): who is compared with N
people has N chances to be taken for another,

    FPIR = 1 - (1 - share)^N        share: of comparisons with a stranger that are near enough ([[tail]])

so the distance is read from the tail of strangers' distances, for the number of frames that the probe was fused from
and the number of templates of each person. Of the 95 % interval of that distance the strict end is used: the rate is
held even if the people who were measured were lucky ones. FNIR follows from [[mated]] at that distance: the share of
enrolled people who are farther from themselves, and of those who are not, but have somebody else as near (ambiguous).
Its high end must be borne.

What the interval does not know: strangers are taken for random people of the kind that was measured. Twins, brothers
and sisters, or travellers of one country before a model trained on others are nearer by far.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gatefw.biometrics import card as cards
from gatefw.biometrics.card import Card, Threshold
from gatefw.biometrics.nearness import Comparisons, share_of, strangers
from gatefw.biometrics.tail import Estimate
from gatefw.errors import ModelError

MOST = 10**9
"""Nobody asks about more people than that."""
FINGER_FMR = 1e-5
"""Of the finger sensors that gates have, by the vendors' data sheets."""
SEEN_FEWEST = 10
"""A share that fewer comparisons of the measurement stand behind is extrapolated."""
_BEST, _LOW, _HIGH = range(3)
_ROUNDING = 1 + 1e-9
_STEP = 0.002


@dataclass(frozen=True, slots=True)
class SearchThreshold(Threshold):
    """At `distance` or less a search finds somebody. fmr: the share of strangers that near, fnmr: the expected FNIR.

    distances: the likeliest distance for that share, and its 95 % interval, whose low end is `distance`. extrapolated:
    the share is smaller than what was measured (fewer than ten comparisons). times_beyond: how many times it is
    smaller than the rarest that ten comparisons stand behind; 1 where it is not. taken: the share of enrolled people
    who are expected to be taken for another (misidentification).
    """

    people: int
    frames: int
    templates: int
    distances: Estimate
    times_beyond: float
    taken: Estimate

    @property
    def extrapolated(self) -> bool:
        return self.times_beyond > 1


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many people a search may meet. people: as it is used, at the strict ends of both intervals; 0 for none.

    interval: the fewest (`people`) and the most that the 95 % intervals allow; likeliest: at the likeliest values.
    """

    people: int
    likeliest: int
    interval: tuple[int, int]
    threshold: SearchThreshold | None


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


def for_gallery(
    card: Card, people: int, fpir: float, fnir: float, frames: int = 1, templates: int = 1
) -> SearchThreshold:
    """The threshold of a search among so many people (1:N) of `templates` templates each, with `frames` frames fused.

    Raises ModelError, with the numbers and how many people the model can hold at these rates, when at that threshold
    more enrolled people may be missed than `fnir`; or when the card has no tails of fused vectors.
    """
    found = search_threshold(card, people, fpir, frames, templates)
    if found.fnmr_interval[1] <= fnir:
        return found
    held = capacity(card, fpir, fnir, frames, templates).people
    raise ModelError(
        f"model {card.name}: a search among {people} people at an FPIR of {fpir:g} needs an FMR of {found.fmr:.3g}, a "
        f"distance of {found.distance:.3f} with {frames} frames and {templates} templates, which misses "
        f"{found.fnmr:.2%} of enrolled people and may miss {found.fnmr_interval[1]:.2%}; it can hold {held} at an FPIR "
        f"of {fpir:g} and an FNIR of {fnir:g}: make the gallery smaller (by flight, permit or time), fuse more frames, "
        "or ask for more evidence than a face"
    )


def search_threshold(card: Card, people: int, fpir: float, frames: int = 1, templates: int = 1) -> SearchThreshold:
    """As `for_gallery`, whatever the FNIR is that comes of it."""
    comparisons, share = Comparisons.of(card, frames, templates), share_of(fpir, people)
    distances = comparisons.strangers.distance(share)
    return _threshold(comparisons, distances.low, people, share, distances)


def _threshold(
    comparisons: Comparisons, distance: float, people: int, share: float, distances: Estimate
) -> SearchThreshold:
    fnir = comparisons.fnir(distance, people)
    return SearchThreshold(
        fmr=share,
        distance=distance,
        fnmr=fnir.best,
        fnmr_interval=(fnir.low, fnir.high),
        people=people,
        frames=comparisons.frames,
        templates=comparisons.templates,
        distances=distances,
        times_beyond=max(1.0, SEEN_FEWEST / comparisons.strangers.seen(share)),
        taken=comparisons.taken(distance, people),
    )


def reach(card: Card, people: int, fpir: float, frames: int = 1, strict: bool = True) -> Callable[[int], float]:
    """The distance at which somebody with so many templates is near enough, in a search among `people`.

    strict: as `for_gallery`, at the low end of the interval; else the likeliest distance, at which a share of `fpir` of
    searches is expected to come near a stranger. Raises ModelError at once when the card cannot say.
    """
    share = share_of(fpir, people)

    @cache
    def distance(templates: int) -> float:
        found = strangers(card, frames, templates).distance(share)
        return found.low if strict else found.best

    for templates in (1, 2):  # of one and of fused ones: whoever searches is told now, not at the first of them
        distance(templates)
    return distance


def capacity(card: Card, fpir: float, fnir: float, frames: int = 1, templates: int = 1) -> Capacity:
    """The largest gallery that holds both rates. Raises ModelError when the card cannot say."""
    comparisons = Comparisons.of(card, frames, templates)

    def largest(near: int, missed: int) -> int:
        """At these ends of the intervals of the distance and of the FNIR."""

        def misses(people: int) -> float:
            return comparisons.fnir(comparisons.strangers.distance(share_of(fpir, people))[near], people)[missed]

        return bisect_right(range(1, MOST + 1), fnir, key=misses)

    fewest, likeliest, most = largest(_LOW, _HIGH), largest(_BEST, _BEST), largest(_HIGH, _LOW)
    threshold = search_threshold(card, fewest, fpir, frames, templates) if fewest else None
    return Capacity(fewest, likeliest, (fewest, most), threshold)


def capacity_with_finger(card: Card, fpir: float, fnir: float, frames: int = 1, templates: int = 1) -> Capacity:
    """As `capacity`, of a lane that asks the finger of the one person a face came near, and admits nobody without it.

    A stranger then needs the sensor's FMR too: FINGER_FMR, as its vendor states it; we did not measure it. So the face
    may be as loose as it likes, and `fnir` alone bounds it: the looser it is, the more often an enrolled person has
    somebody else as near and is ambiguous. Of all distances the one is taken at which most people are borne; missed
    fingers come on top.
    """
    comparisons = Comparisons.of(card, frames, templates)
    chance = min(1.0, fpir / FINGER_FMR)

    steps = [step * _STEP for step in range(1, round(1 / _STEP))]
    near = [(distance, comparisons.missed(distance), comparisons.strangers.share(distance)) for distance in steps]
    (fewest, distance), (likeliest, _), (most, _) = (
        max((_borne(missed[end], share[end], chance, fnir), distance) for distance, missed, share in near)
        for end in (_HIGH, _BEST, _LOW)
    )
    if not fewest:
        return Capacity(0, likeliest, (0, most), None)
    share, alone = comparisons.strangers.share(distance), Estimate(distance, distance, distance)
    return Capacity(fewest, likeliest, (fewest, most), _threshold(comparisons, distance, fewest, share.high, alone))


def _borne(missed: float, share: float, fpir: float, fnir: float) -> int:
    """How many people a search bears where so many are missed, and this share of strangers is near enough."""
    if missed > fnir or share >= 1:
        return 0
    ambiguous = (fnir - missed) / (1 - missed) if missed < 1 else 1.0
    return int(min(MOST, 1 + _people_of(ambiguous, share), _people_of(fpir, share)))


def _people_of(rate: float, share: float) -> float:
    """Among how many people one comes this near with a chance of `rate`; as many as there are where it is certain."""
    if rate >= 1 or share <= 0:
        return MOST
    return math.floor(math.log1p(-rate) / math.log1p(-share) * _ROUNDING)


def require_held(models: Path, embedder: str, people: int, fpir: float, fnir: float, frames: int = 1) -> None:
    """Raise ModelError as `for_gallery`, for an installed model and people of one template each.

    More templates miss fewer. That there is no model of that name is told elsewhere.
    """
    try:
        card = cards.read(models / f"{embedder}.toml")
    except ModelError:
        return
    for_gallery(card, people, fpir, fnir, frames)
