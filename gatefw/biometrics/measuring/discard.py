"""What quality is worth: errors that are left when the worst comparisons are discarded (error-versus-discard curve).

A comparison is as good as the worse of its two pictures. Quality foretells errors when discarding the worst share of
the mated comparisons leaves fewer false non-matches than discarding as many at random. The distance stays where it is
over all comparisons, as a lane's does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from gatefw.biometrics.chain import Probe
from gatefw.biometrics.measuring import rates, scores
from gatefw.biometrics.measuring.album import Album
from gatefw.biometrics.measuring.rates import Rate
from gatefw.errors import SetupError
from gatefw.model import Reason

SHARES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3)
WEIGHT, RANDOM = "weight", "random"
ORDERS = 200

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Mates:
    """Mated comparisons: who, whether it is a false non-match, and by each measure the worse of both pictures."""

    people: NDArray[np.int32]
    missed: NDArray[np.bool_]
    worse: Mapping[str, Numbers]
    distance: float
    fmr: float


@dataclass(frozen=True, slots=True)
class Curve:
    """FNMR after discarding each of `shares` of comparisons by one measure; `gain`: how much less than before."""

    measure: str
    shares: tuple[float, ...]
    fnmr: tuple[Rate, ...]
    gain: tuple[Rate, ...]


@dataclass(frozen=True, slots=True)
class Limit:
    """A component's limit: the share of pictures beyond it, the comparisons with such a picture, and their FNMR."""

    component: str
    hint: Reason
    refuses: float
    comparisons: int
    fnmr: float | None


def mates(album: Album, fmr: float = 1e-3) -> Mates:
    """All mated comparisons of an album, up to MATED_MOST a person, at the distance for `fmr` over all of it.

    Raises SetupError: nothing to compare.
    """
    pairs = [(*split.probe, *split.reference, split.person) for split in scores.splits(album)]
    whole = rates.Curve(scores.mated(album), scores.non_mated(album))
    one, other, people = np.array(pairs, np.intp).T
    distance = float(whole.non_mated.threshold(fmr))
    apart = np.linalg.norm(album.vectors[one] - album.vectors[other], axis=1)
    by_measure = _measures(album)
    worse = {name: np.minimum(values[one], values[other]) for name, values in by_measure.items()}
    return Mates(people.astype(np.int32), apart > distance, worse, distance, fmr)


def curves(found: Mates, shares: Sequence[float] = SHARES, replicates: int = 400, seed: int = 0) -> list[Curve]:
    """The weight's curve, the components', best at 10 % first, and the one of random orders, with its own spread.

    Intervals: 95 %, over people, but `random` over so many orders, which is what chance alone does.
    """
    chance = np.random.default_rng(seed)
    everybody = int(found.people.max()) + 1
    counts = [np.ones(everybody, np.int32), *rates.resamples(everybody, replicates, seed)]
    made = []
    for measure, worse in found.worse.items():
        order = np.lexsort((chance.random(len(worse)), worse))
        made.append(_curve(measure, shares, np.array([_left(found, order, count, shares) for count in counts])))
    weight, *components = made
    at = min(range(len(shares)), key=lambda place: abs(shares[place] - 0.1))
    components.sort(key=lambda curve: curve.fnmr[at].value)
    orders = np.array([_left(found, chance.permutation(len(found.missed)), counts[0], shares) for _ in range(ORDERS)])
    return [weight, *components, _curve(RANDOM, shares, np.concatenate([orders.mean(0, keepdims=True), orders]))]


def limits(album: Album, found: Mates) -> list[Limit]:
    """What each limit costs and is worth, of an album in which faces beyond the limits were compared as well."""
    probes = [shot.probe if isinstance(shot.probe, Probe) else None for shot in album.shots]
    seen = [probe.quality.failing for probe in probes if probe]
    hints = dict(chain.from_iterable(failing.items() for failing in seen))
    pairs = [(*split.probe, *split.reference) for split in scores.splits(album)]
    rows = []
    for component, hint in hints.items():
        fails = np.array([bool(probe and component in probe.quality.failing) for probe in probes])
        touched = fails[np.array(pairs, np.intp)].any(1)
        fnmr = float(found.missed[touched].mean()) if touched.any() else None
        rows.append(Limit(component, hint, float(fails.sum() / len(seen)), int(touched.sum()), fnmr))
    return sorted(rows, key=lambda row: -row.refuses)


def _measures(album: Album) -> dict[str, Numbers]:
    """Of every shot the weight and each component; NaN where there is no template."""
    seen = {number: shot.probe.quality for number, shot in enumerate(album.shots) if isinstance(shot.probe, Probe)}
    if not seen:
        raise SetupError("nothing to compare: no picture shows a face; take another folder")
    components = {number: quality.components for number, quality in seen.items()}
    return {WEIGHT: album.weights} | {
        name: np.array([components[number][name] if number in seen else np.nan for number in range(len(album.shots))])
        for name in next(iter(components.values()))
    }


def _left(found: Mates, order: NDArray[np.intp], counts: NDArray[np.int32], shares: Sequence[float]) -> Numbers:
    """FNMR of what is left after at most each share of `order` went, where person p was drawn counts[p] times."""
    drawn = counts[found.people[order]].astype(np.float64)
    made, missed = (np.concatenate([[0.0], np.cumsum(each)]) for each in (drawn, drawn * found.missed[order]))
    if made[-1] == 0:
        return np.full(len(shares), np.nan)
    gone = np.searchsorted(made, np.array(shares) * made[-1] + 1e-9, "right") - 1
    return np.asarray((missed[-1] - missed[gone]) / (made[-1] - made[gone]))


def _curve(measure: str, shares: Sequence[float], drawn: Numbers) -> Curve:
    """drawn: FNMR by share, in the first row as it is and in the others drawn again."""
    gains = drawn[:, :1] - drawn
    both = []
    for table in (drawn, gains):
        low, high = np.nanquantile(table[1:], rates.QUANTILES, 0) if len(table) > 1 else (table[0], table[0])
        both.append(tuple(Rate(*map(float, row)) for row in zip(table[0], low, high, strict=True)))
    return Curve(measure, tuple(shares), *both)
