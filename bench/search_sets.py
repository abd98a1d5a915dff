"""Galleries of vectors that nobody's face made, and who is looked for in them.

    python -m bench.search_sets DIR       the default model measured on a folder identity/picture, beside the drawn set

`synthetic`: unit vectors that point anywhere, mates at a cosine of 0.5 to 0.7. Everybody's benchmark, and no face model
is like it. `drawn`: vectors with the statistics of the default model's own, which are neither centred nor unit vectors.
Of the development faces (1,370 people, November 2026) only these went into it: how long the mean vector is, the
variances along the principal axes, and how far two pictures of a person are apart. A drawn person is of one of 32
kinds, which share 30 % of the variance, and lengths are drawn together a little: with both, distances of strangers have
the quantiles that were measured, within 2 % down to one pair in 100,000 (`QUANTILES`; the bench checks it).
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gatefw.biometrics.chain import Chain
from gatefw.biometrics.measuring.album import collect
from gatefw.biometrics.runtime import Runtime
from gatefw.biometrics.scale import DEVIATIONS, TOP, Matrix, Scale
from gatefw.cli.command import progress
from gatefw.errors import GateError, ModelError
from gatefw.state import state_dir

MEAN_LENGTH = 1.294
VARIANCES = """
337214 234807 170939 153016 131442 116396 107176 87674 84644 82227 76177 73833 71732 66262 60918 55195 53854 52467 50981
48174 47292 45977 44250 41974 40642 38613 37782 37399 34822 34189 32553 32100 30188 29802 29190 28296 27290 26322 25650
24476 24306 23592 22940 21788 21686 21057 20102 19286 19060 18335 17337 16761 16255 16083 15620 14703 14335 13563 13423
12700 12068 11648 10951 10407 9889 9307 8660 8196 7979 7545 7270 6934 6565 5525 4354 3848 1815 1058 1008 314 205 112 53
45 14 10 6 5 4 4 4 4 4 4 4 4 4 4 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 2 2 2 2 2 2 2 2
"""
"""Along each principal axis, in 1e-7."""
MATED = (0.416, 0.075)
"""Distance of two pictures of a person: mean and standard deviation."""
QUANTILES = {1e-5: 0.456, 1e-4: 0.495, 1e-3: 0.543, 1e-2: 0.604, 0.1: 0.691, 0.5: 0.807, 0.9: 0.926}
"""So large a share of pairs of strangers is nearer than this."""
THRESHOLDS = (0.604, 0.542, 0.493, 0.447)
"""Of that model: for an FMR of 1e-2, 1e-3, 1e-4 and 5e-6."""
KINDS, SHARED, DRAWN_TOGETHER = 32, 0.3, 0.25
COSINE = 0.40
PROBES = 32
"""Of whom every second one is in the gallery."""
MODELS = ("blazeface-short-range-int8", "dlib-resnet-int8")
BLOCK = 100_000
_SEED = 20261130


@dataclass(eq=False)
class Faces:
    """A gallery, who is looked for, the row each probe belongs to (-1: none), and the distances at which one looks."""

    name: str
    vectors: Matrix
    probes: Matrix
    mates: NDArray[np.int64]
    scale: Scale
    within: tuple[float, ...]

    @property
    def cosine(self) -> bool:
        """All vectors have unit length, so that a peer may look for the largest inner product."""
        return self.name == "synthetic"


def synthetic(count: int, dim: int) -> Faces:
    vectors = np.empty((count, dim), np.float32)
    for begin, draw in _drawing(count):
        block = draw.standard_normal((min(BLOCK, count - begin), dim), dtype=np.float32)
        vectors[begin : begin + BLOCK] = _unit(block)
    draw = np.random.default_rng([_SEED, 1])
    mates = _mates(count, draw)
    probes = _unit(draw.standard_normal((PROBES, dim), dtype=np.float32))
    cosine = draw.uniform(0.5, 0.7, (PROBES, 1)).astype(np.float32)
    theirs = vectors[mates]
    aside = _unit(probes - (probes * theirs).sum(1, keepdims=True) * theirs)
    probes = np.where(mates[:, None] < 0, probes, cosine * theirs + np.sqrt(1 - cosine**2) * aside)
    scale = Scale(np.zeros(dim, np.float32), DEVIATIONS / float(np.sqrt(dim)) / TOP)
    return Faces("synthetic", vectors, probes.astype(np.float32), mates, scale, (float(np.sqrt(2 - 2 * COSINE)),))


def drawn(count: int, dim: int = 128) -> Faces:
    """Raises ModelError for another size than the default model's."""
    variances = spectrum()
    if dim != len(variances):
        raise ModelError(f"drawn set: {dim} numbers a vector, the model that was measured has {len(variances)}")
    draw = np.random.default_rng([_SEED, 1])
    kinds, mean = draw.standard_normal((KINDS, dim), np.float32), _unit(draw.standard_normal((1, dim), np.float32))
    axes = _axes(dim)
    vectors = np.empty((count, dim), np.float32)
    for begin, block in _drawing(count):
        people = _people(block, min(BLOCK, count - begin), kinds, variances)
        vectors[begin : begin + BLOCK] = people @ axes + MEAN_LENGTH * mean
    mates = _mates(count, draw)
    others = _people(draw, PROBES, kinds, variances) @ axes
    # another picture of a mate is as far from the mean and from strangers as any: partly the mate, partly somebody else
    far = np.clip(draw.normal(*MATED, (PROBES, 1)), 0.2, 0.6)
    alike = 1 - far**2 / (2 * variances.sum())
    mixed = alike * (vectors[mates] - MEAN_LENGTH * mean) + np.sqrt(1 - alike**2) * others
    probes = (MEAN_LENGTH * mean + np.where(mates[:, None] < 0, others, mixed)).astype(np.float32)
    return Faces("drawn", vectors, probes, mates, Scale.fitted(vectors[:10_000]), THRESHOLDS)


def spectrum() -> Matrix:
    return np.array([float(each) * 1e-7 for each in VARIANCES.split()], np.float32)


def apart(vectors: Matrix) -> dict[float, float]:
    """At which distance so large a share of pairs is nearer, for each share of QUANTILES; of 4,000 vectors at most."""
    some = vectors[:4000].astype(np.float64)
    lengths = np.square(some).sum(1)
    squares = lengths[:, None] + lengths - 2 * some @ some.T
    distances = np.sqrt(np.maximum(squares[np.triu_indices(len(some), 1)], 0))
    return {share: float(np.quantile(distances, share)) for share in QUANTILES}


def nearest(faces: Faces, most: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The nearest rows of each probe and their L2 distances, in float64 out of the 64 of every block."""
    near: list[NDArray[np.int64]] = []
    for number, block in enumerate(blocks(faces.vectors)):
        squares = np.einsum("ij,ij->i", block, block) - 2 * faces.probes @ block.T
        near.append(np.argpartition(squares, 63, axis=1)[:, :64] + number * BLOCK)
    ids = np.concatenate(near, 1)
    off = faces.vectors[ids].astype(np.float64) - faces.probes[:, None].astype(np.float64)
    far = np.linalg.norm(off, axis=2)
    order = np.argsort(far, axis=1)[:, :most]
    return np.take_along_axis(ids, order, 1), np.take_along_axis(far, order, 1)


def aligned(count: int, width: int) -> NDArray[np.int8]:
    """Room for rows that begin at a line of the processor's cache, as the product's own do."""
    raw = np.zeros(count * width + 64, np.int8)
    begin = -raw.ctypes.data % 64
    return raw[begin : begin + count * width].reshape(count, width)


def blocks(rows: NDArray[Any]) -> list[NDArray[Any]]:
    return [rows[begin : begin + BLOCK] for begin in range(0, len(rows), BLOCK)]


def _people(draw: np.random.Generator, count: int, kinds: Matrix, variances: Matrix) -> Matrix:
    people = draw.standard_normal((count, len(variances)), np.float32) * np.sqrt((1 - SHARED) * variances)
    people += (kinds * np.sqrt(SHARED * variances))[draw.integers(0, KINDS, count)]
    length = np.linalg.norm(people, axis=1, keepdims=True)
    return np.asarray(people * (np.sqrt(variances.sum()) / length) ** np.float32(DRAWN_TOGETHER))


def _axes(dim: int) -> Matrix:
    turned, _ = np.linalg.qr(np.random.default_rng([_SEED, 2]).standard_normal((dim, dim)))
    return turned.astype(np.float32)


def _mates(count: int, draw: np.random.Generator) -> NDArray[np.int64]:
    mates = draw.integers(0, count, PROBES)
    mates[1::2] = -1
    return mates


def _drawing(count: int) -> Iterator[tuple[int, np.random.Generator]]:
    """Every block has its own numbers, so that a larger gallery begins like a smaller one."""
    for begin in range(0, count, BLOCK):
        yield begin, np.random.default_rng([_SEED, 3, begin])


def _unit(vectors: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def _measured(folder: Path) -> dict[str, Any]:
    """Of one picture of each person in the folder; and of the drawn set, which should be like them."""
    chain = Chain.load(state_dir() / "models", *MODELS, Runtime.LITERT)
    with progress(sys.stderr) as tell:
        album = collect(chain.probe, folder, lambda done, of: tell(f"{done} of {of} pictures"))
    firsts = [shots[0] for shots in album.of_people() if shots]
    return {
        "people": len(firsts),
        "measured": statistics(album.vectors[firsts]),
        "drawn": statistics(drawn(4000).vectors),
    }


def statistics(vectors: Matrix) -> dict[str, Any]:
    """What a drawn set must share with the model it stands for."""
    variances = np.linalg.eigvalsh(np.cov(vectors.T.astype(np.float64)))[::-1]
    return {
        "mean_length": round(float(np.linalg.norm(vectors.mean(0))), 3),
        "lengths": [
            round(float(each), 2) for each in np.quantile(np.linalg.norm(vectors, axis=1), (0.001, 0.5, 0.999))
        ],
        "dimensions": round(float(variances.sum() ** 2 / np.square(variances).sum()), 1),
        "quantiles": {f"{share:g}": round(distance, 4) for share, distance in apart(vectors).items()},
        "variances_1e7": [round(float(each) * 1e7) for each in variances],
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.search_sets", description=str(__doc__).partition("\n")[0])
    parser.add_argument("faces", type=Path, metavar="DIR", help="a folder with a folder of photographs a person")
    try:
        print(json.dumps(_measured(parser.parse_args().faces)))
    except GateError as error:
        print(f"search_sets: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
