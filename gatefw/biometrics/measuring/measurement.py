"""All that is measured of one chain on one album, as one answer."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gatefw.biometrics.measuring import group_rates, open_set, rates, scores
from gatefw.biometrics.measuring.album import Album
from gatefw.biometrics.measuring.group_rates import Differences
from gatefw.biometrics.measuring.open_set import Gallery
from gatefw.biometrics.measuring.rates import Rate, Rates
from gatefw.model import Reason

Told = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Measurement:
    """lost: pictures without a template, by reason; fta: their share. Counts of comparisons are of those made.

    listed_matches: of a list's non-mated pairs, the share at or below each point's threshold; None without a list.
    """

    people: int
    pictures: int
    unreadable: int
    lost: dict[Reason, int]
    fta: Rate
    mated: int
    non_mated: int
    rates: Rates
    listed_matches: tuple[float, ...] | None
    galleries: tuple[Gallery, ...]
    galleries_left_out: tuple[int, ...]
    differences: Differences | None


def measure(
    album: Album,
    galleries: Sequence[int],
    replicates: int,
    seed: int,
    pairs: Path | None = None,
    told: Told = lambda _what, _done, _of: None,
) -> Measurement:
    """The rates of an album, 1:1 and 1:N at each gallery size.

    pairs: a list whose mated pairs are taken instead of all; thresholds are from all people either way, because a list
    has too few non-mated ones. Raises SetupError: too few people or faces to compare, a wrong list.
    """
    strangers = scores.non_mated(album, seed=seed)
    own, others = scores.listed(album, pairs) if pairs else (scores.mated(album, seed=seed, lost=True), None)
    curve = rates.Curve(own, strangers)
    found = rates.measured(curve, album.people, replicates, seed, told=lambda done, of: told("1:1", done, of))
    searched = tuple(
        open_set.galleries(album, galleries, replicates, seed, told=lambda done, of: told("1:N", done, of))
    )
    thresholds = [point.threshold.value for point in found.points]
    return Measurement(
        album.people,
        len(album.shots),
        album.unreadable,
        dict(Counter(shot.probe for shot in album.shots if isinstance(shot.probe, Reason))),
        _fta(album, replicates, seed),
        curve.mated.made,
        curve.non_mated.made,
        found,
        tuple(float((others.distances <= threshold).mean()) for threshold in thresholds) if others else None,
        searched,
        tuple(size for size in galleries if size not in [gallery.people for gallery in searched]),
        group_rates.differences(own, strangers, album.groups, thresholds, replicates, seed) if album.groups else None,
    )


def _fta(album: Album, replicates: int, seed: int) -> Rate:
    people = np.array([shot.person for shot in album.shots])
    made = np.bincount(people, minlength=album.people)
    lost = made - np.array([len(shots) for shots in album.of_people()])
    draws = rates.resamples(album.people, replicates, seed)
    samples = np.array([counts @ lost / max(counts @ made, 1) for counts in draws])
    return rates.rate(float(lost.sum() / made.sum()), samples, album.people)


def to_json(found: Measurement) -> dict[str, Any]:
    """Numbers rounded to six digits; an interval is [value, low, high]."""
    table: dict[str, Any] = _plain(dataclasses.asdict(found, dict_factory=_short))
    return table


def _short(pairs: list[tuple[str, Any]]) -> Any:
    return dict(pairs) if [name for name, _ in pairs] != ["value", "low", "high"] else [value for _, value in pairs]


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
