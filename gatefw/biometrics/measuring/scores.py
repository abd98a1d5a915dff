"""Distances between the pictures of an album: the scores that every measured rate comes from (ISO/IEC 19795-1).

A comparison is mated (two of one person) or non-mated (two of different people). Its probe is fused from some pictures,
as a lane fuses frames, and its reference from others, as a gallery fuses templates. Different photographs are more
varied than frames of one minute: what fusing gains here is the most that a lane can hope for.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gatefw.biometrics.chain import Probe
from gatefw.biometrics.fusion import fuse
from gatefw.biometrics.measuring.album import Album, rows
from gatefw.errors import SetupError

MATED_MOST = 15
"""Mated comparisons of one person, as many as six pictures make: who has many pictures must not speak for everybody."""
PEOPLE_MOST = 4000
"""People in non-mated comparisons: of 8 million, 80 decide an FMR of 1e-5. More would take gigabytes."""

Vectors = NDArray[np.float32]
People = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Split:
    """Shots of one person for a probe, and others for a reference; no picture is on both sides."""

    person: int
    probe: tuple[int, ...]
    reference: tuple[int, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Scores:
    """Comparisons: the distance of each (inf where a side was lost), whose probe it was and whose reference."""

    distances: NDArray[np.float32]
    probes: People
    references: People

    def __len__(self) -> int:
        return len(self.distances)

    def where(self, which: NDArray[np.bool_]) -> "Scores":
        """Some of the comparisons."""
        return Scores(self.distances[which], self.probes[which], self.references[which])


def splits(
    album: Album, frames: int = 1, templates: int = 1, seed: int = 0, most: int = MATED_MOST, lost: bool = False
) -> Iterator[Split]:
    """Of everyone with enough pictures: all ways to take so many for a probe and for a reference, or `most` drawn ones.

    Where both sides are as many, the same two sides are not taken again the other way round.
    """
    chance = np.random.default_rng(seed)
    for person, shots in enumerate(album.of_people(lost)):
        for probe, reference in _ways(shots, frames, templates, most, chance):
            yield Split(person, probe, reference)


def mated(album: Album, frames: int = 1, templates: int = 1, seed: int = 0, lost: bool = False) -> Scores:
    """Probes fused from `frames` pictures against references from `templates` others, up to MATED_MOST a person.

    lost: pictures without a template take part; a side that has no other is at a distance of inf (FTA and FTE count).
    """
    taken = list(splits(album, frames, templates, seed, lost=lost))
    people = np.array([split.person for split in taken], np.int32)
    probes = fused(album, [split.probe for split in taken], weighted=True)
    references = fused(album, [split.reference for split in taken], weighted=False)
    return Scores(_between_rows(probes, references), people, people)


def non_mated(album: Album, frames: int = 1, templates: int = 1, seed: int = 0, most: int = PEOPLE_MOST) -> Scores:
    """One probe of everyone with enough pictures for it against one reference of everyone else with enough for that.

    The first pictures make the probe, the last ones the reference. One against one there is one picture a person, the
    first, and each pair once. Of more than `most` people so many are drawn.
    """
    shots = [(person, own) for person, own in enumerate(album.of_people()) if own]
    if len(shots) > most:
        drawn = np.random.default_rng(seed).choice(len(shots), most, replace=False)
        shots = [shots[number] for number in sorted(drawn)]
    single = frames == templates == 1
    asking = [(person, own[:frames]) for person, own in shots if len(own) >= frames]
    asked = asking if single else [(person, own[-templates:]) for person, own in shots if len(own) >= templates]
    ours, theirs = (np.array([person for person, _ in side], np.int32) for side in (asking, asked))
    wanted = np.triu(np.ones((len(ours), len(theirs)), bool), 1) if single else ours[:, None] != theirs[None]
    probes = fused(album, [own for _, own in asking], weighted=True)
    references = fused(album, [own for _, own in asked], weighted=False)
    asks, answers = np.nonzero(wanted)
    return Scores(between(probes, references)[wanted], ours[asks], theirs[answers])


def listed(album: Album, path: Path) -> tuple[Scores, Scores]:
    """Mated and non-mated comparisons of a list of pairs: a CSV a,b,same with paths inside the folder, same 1 or 0.

    A lost picture is at a distance of inf. Raises SetupError with the line (not the name in it): no such list, no such
    picture.
    """
    places = {shot.path: number for number, shot in enumerate(album.shots)}
    pairs: dict[str, list[tuple[int, int]]] = {"1": [], "0": []}
    for line, row in rows(path, ("a", "b", "same")):
        try:
            pairs[row["same"]].append((places[row["a"]], places[row["b"]]))
        except KeyError:
            raise SetupError(
                f"{path}, line {line}: two pictures of the folder that can be read, and 1 or 0, are wanted; correct it"
            ) from None
    people = np.array([shot.person for shot in album.shots], np.int32)
    return _of_pairs(album, people, pairs["1"]), _of_pairs(album, people, pairs["0"])


def fused(album: Album, sides: Sequence[Sequence[int]], weighted: bool) -> Vectors:
    """The mean vector of each side's shots: by their weights, as a lane fuses a probe, or plain, as a gallery does.

    Shots without a template do not count; a side of nothing else is a row of NaN.
    """
    means = np.full((len(sides), album.vectors.shape[1]), np.nan, np.float32)
    for number, side in enumerate(sides):
        found = {shot: probe.template for shot in side if isinstance(probe := album.shots[shot].probe, Probe)}
        if found:
            weights = album.weights[list(found)] if weighted else np.ones(len(found))
            means[number] = fuse(list(found.values()), weights.tolist()).vector
    return means


def between(probes: Vectors, references: Vectors) -> NDArray[np.float32]:
    """The L2 distance of each row to each row (n x m)."""
    squares: NDArray[np.float32] = probes @ (-2 * references.T)
    squares += np.square(probes).sum(1)[:, None]
    squares += np.square(references).sum(1)
    np.sqrt(np.maximum(squares, 0, out=squares), out=squares)
    return squares


def _between_rows(probes: Vectors, references: Vectors) -> NDArray[np.float32]:
    distances: NDArray[np.float32] = np.linalg.norm(probes - references, axis=1).astype(np.float32)
    distances[np.isnan(distances)] = np.inf
    return distances


def _of_pairs(album: Album, people: People, pairs: Sequence[tuple[int, int]]) -> Scores:
    first, second = (np.array([pair[side] for pair in pairs], np.intp) for side in (0, 1))
    return Scores(_between_rows(album.vectors[first], album.vectors[second]), people[first], people[second])


def _ways(
    shots: Sequence[int], frames: int, templates: int, most: int, chance: np.random.Generator
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    there = math.comb(len(shots), frames) * math.comb(max(0, len(shots) - frames), templates)
    if frames == templates:
        there //= 2
    if there <= most:
        for probe in combinations(shots, frames):
            for reference in combinations([shot for shot in shots if shot not in probe], templates):
                if frames != templates or probe < reference:
                    yield probe, reference
        return
    drawn: set[tuple[tuple[int, ...], tuple[int, ...]]] = set()
    while len(drawn) < most:
        order = [shots[number] for number in chance.permutation(len(shots))[: frames + templates]]
        probe, reference = tuple(sorted(order[:frames])), tuple(sorted(order[frames:]))
        drawn.add((reference, probe) if frames == templates and reference < probe else (probe, reference))
    yield from sorted(drawn)
