"""What fusing is worth: several frames for a probe, several templates for a reference, in one way or another.

Every way takes the same pictures and stands at its own distance for the same FMR, because a mean vector lies nearer to
strangers too. Pictures of an album are different photographs, more varied than the frames of one minute: what is gained
here is the most that a lane can hope for.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gatefw.biometrics.chain import Chain, Probe
from gatefw.biometrics.measuring import rates, scores
from gatefw.biometrics.measuring.album import Album, Look
from gatefw.biometrics.measuring.rates import Rate
from gatefw.biometrics.measuring.scores import Scores, Split
from gatefw.biometrics.runtime import Picture, Vector
from gatefw.model import Reason

FMRS = (1e-3, 1e-4)
FRAMES, TEMPLATES = (1, 3, 5), (1, 3)
PEOPLE_LEAST = 10
MEAN, WEIGHTED, DISTANCES, ALONE, BEST_OF = "mean", "mean by weight", "mean of distances", "first alone", "best "
BEST = (3, 1)

Numbers = NDArray[np.float64]
Vectors = NDArray[np.float32]
Sides = Sequence[tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Way:
    """`frames` pictures for the probe, `templates` for the reference, and how they are made one.

    The mean of distances fuses nothing: it is that of each frame to each template. The first frame alone is what the
    same people have of one.
    """

    frames: int
    templates: int
    fused: str
    mirror: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one way at one FMR. gain: how much smaller its FNMR is than that of the plain mean of the same pictures.

    carried: enough strangers lie below the distance. Intervals are of 95 %, over people, the distance found anew.
    """

    fmr: float
    carried: bool
    distance: Rate
    fnmr: Rate
    gain: Rate


@dataclass(frozen=True, slots=True)
class Row:
    """A way, how much was compared, and what came of it at every FMR."""

    way: Way
    mated: int
    non_mated: int
    people: int
    outcomes: tuple[Outcome, ...]


def unmirrored_too(chain: Chain, look: Look, single: list[Vector]) -> Look:
    """The same look, which adds to `single`, for each face that is embedded, its vector without the mirror image."""

    def both(rgb: Picture) -> Probe | Reason:
        found = look(rgb)
        if isinstance(found, Probe):
            single.append(chain.embed(chain.align(rgb, found.face)[0], mirror=False))
        return found

    return both


def unmirrored(album: Album, single: Sequence[Vector]) -> Album:
    """The same album with other vectors: `single` has one for each shot with a template, in order."""
    others = iter(single)
    shots = [
        replace(shot, probe=replace(shot.probe, template=replace(shot.probe.template, vector=next(others))))
        if isinstance(shot.probe, Probe)
        else shot
        for shot in album.shots
    ]
    return replace(album, shots=tuple(shots))


def gains(
    album: Album,
    single: Album | None = None,
    replicates: int = 100,
    seed: int = 0,
    told: Callable[[str], None] = lambda _words: None,
) -> Iterator[Row]:
    """A row for each way of which the album has enough pictures. `single`: the album without the mirror image.

    Raises SetupError: nothing to compare.
    """
    counts = [np.ones(album.people, np.int32), *rates.resamples(album.people, replicates, seed)]
    for frames in FRAMES:
        for templates in TEMPLATES:
            splits = list(scores.splits(album, frames, templates, seed))
            if frames + templates > 2 and len({split.person for split in splits}) < PEOPLE_LEAST:
                continue
            plain: Numbers | None = None
            for way in _ways(frames, templates, single is not None):
                told(f"{frames} frames, {templates} templates: {way.fused}")
                shown = album if way.mirror or single is None else single
                curve = rates.Curve(_mated(shown, splits, way), _non_mated(shown, way))
                drawn = np.array([_figures(curve.resampled(count)) for count in counts])
                plain = drawn if plain is None else plain
                yield _row(way, curve, drawn, plain)


def _ways(frames: int, templates: int, single: bool) -> Iterator[Way]:
    """The plain mean first: the others are measured against it."""
    yield Way(frames, templates, MEAN)
    if single:
        yield Way(frames, templates, MEAN, mirror=False)
    if frames > 1:
        yield Way(frames, templates, WEIGHTED)
        for best in BEST:
            if best < frames:
                yield Way(frames, templates, f"{BEST_OF}{best}")
        yield Way(frames, templates, ALONE)
    if frames * templates > 1:
        yield Way(frames, templates, DISTANCES)


def _mated(album: Album, splits: Sequence[Split], way: Way) -> Scores:
    people = np.array([split.person for split in splits], np.int32)
    if not splits:
        return Scores(np.empty(0, np.float32), people, people)
    probes = _probes(album, [split.probe for split in splits], way)
    references = _references(album, [split.reference for split in splits], way)
    pairs = [(one, other) for one in range(probes.shape[1]) for other in range(references.shape[1])]
    apart = [np.linalg.norm(probes[:, one] - references[:, other], axis=1) for one, other in pairs]
    return Scores(np.asarray(np.mean(apart, 0), np.float32), people, people)


def _non_mated(album: Album, way: Way) -> Scores:
    """The first pictures of everyone with enough against the last ones of everyone else; 1:1, each pair once."""
    shots = list(enumerate(album.of_people()))
    ours, theirs = ([(person, own) for person, own in shots if len(own) >= n] for n in (way.frames, way.templates))
    if not ours or not theirs:
        nobody = np.empty(0, np.int32)
        return Scores(np.empty(0, np.float32), nobody, nobody)
    probes = _probes(album, [tuple(own[: way.frames]) for _, own in ours], way)
    single = way.frames == way.templates == 1
    asked = [tuple(own[:1] if single else own[-way.templates :]) for _, own in theirs]
    references = _references(album, asked, way)
    apart = np.zeros((len(ours), len(theirs)), np.float32)
    for one in range(probes.shape[1]):
        for other in range(references.shape[1]):
            apart += scores.between(probes[:, one], references[:, other])
    apart /= probes.shape[1] * references.shape[1]
    asks, answers = (np.array([person for person, _ in side], np.int32) for side in (ours, theirs))
    wanted = asks[:, None] < answers[None] if single else asks[:, None] != answers[None]
    rows, columns = np.nonzero(wanted)
    return Scores(apart[wanted], asks[rows], answers[columns])


def _probes(album: Album, sides: Sides, way: Way) -> Vectors:
    """sides x parts x dimension."""
    places = np.array(sides, np.intp)
    if way.fused == DISTANCES:
        return album.vectors[places]
    if way.fused == ALONE:
        return album.vectors[places[:, :1]]
    weights = album.weights[places]
    if way.fused.startswith(BEST_OF):
        best = np.argsort(-weights, 1, kind="stable")[:, : int(way.fused.removeprefix(BEST_OF))]
        chosen = np.take_along_axis(album.vectors[places], best[..., None], 1)
        return np.asarray(chosen.mean(1, keepdims=True))
    if way.fused == WEIGHTED:
        shares = (weights / weights.sum(1, keepdims=True)).astype(np.float32)
        return np.asarray(np.einsum("sf,sfd->sd", shares, album.vectors[places])[:, None])
    return np.asarray(album.vectors[places].mean(1, keepdims=True))


def _references(album: Album, sides: Sides, way: Way) -> Vectors:
    """As the probes, but a gallery takes the plain mean."""
    vectors = album.vectors[np.array(sides, np.intp)]
    return vectors if way.fused == DISTANCES else np.asarray(vectors.mean(1, keepdims=True))


def _figures(curve: rates.Curve) -> Numbers:
    """Distance and FNMR at each FMR: FMRs x 2."""
    distances = curve.non_mated.threshold(np.array(FMRS))
    return np.stack([distances, curve.fnmr(distances)], 1)


def _row(way: Way, curve: rates.Curve, drawn: Numbers, plain: Numbers) -> Row:
    people, strangers = curve.mated.people, curve.non_mated.made
    outcomes = []
    for place, fmr in enumerate(FMRS):
        distance, fnmr = (rates.rate(drawn[0, place, of], drawn[1:, place, of], people) for of in (0, 1))
        less = plain[:, place, 1] - drawn[:, place, 1]
        low, high = np.nanquantile(less[1:], rates.QUANTILES) if len(less) > 2 else (less[0], less[0])
        carried = fmr * strangers >= rates.CARRIED * (1 - 1e-9)
        outcomes.append(Outcome(fmr, carried, distance, fnmr, Rate(float(less[0]), float(low), float(high))))
    return Row(way, curve.mated.made, strangers, people, tuple(outcomes))
