"""The engines that `bench.search` compares: each looks for the five nearest in the same gallery, as its authors say.

Engines of int8 are given the very rows that the product's index keeps, and probes that are rounded already. On unit
vectors a peer may take the largest inner product, which is the less work; else it takes the L2 distance.
"""

import importlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.search_sets import Faces
from gatefw.biometrics.scale import Matrix

Rows = NDArray[np.int8]
Found = NDArray[np.int64]
Search = Callable[[Matrix, Rows], Found]
MOST = 5
INT8, FLOAT, APPROXIMATE = "exact int8", "exact float32", "approximate"
_BLOCK = 4096
_ADD = 100_000


@dataclass(eq=False)
class Case:
    """What all engines of a cell share; `threads` is how many they may use in this call."""

    faces: Faces
    rows: Rows
    norms: NDArray[np.int32]
    threads: int = 1


@dataclass(frozen=True, slots=True)
class Engine:
    """`build` raises ImportError where its library is missing. people: more are too much for it."""

    name: str
    kind: str
    build: Callable[[Case], Search]
    people: int = 1_000_000


def faiss_flat(case: Case) -> Search:
    faiss = _faiss()
    index = (faiss.IndexFlatIP if case.faces.cosine else faiss.IndexFlatL2)(case.faces.vectors.shape[1])
    index.add(case.faces.vectors)
    return lambda probes, _rows: _asked(faiss, case, index, probes)


def faiss_sq8(case: Case) -> Search:
    faiss = _faiss()
    metric = faiss.METRIC_INNER_PRODUCT if case.faces.cosine else faiss.METRIC_L2
    index = faiss.IndexScalarQuantizer(case.rows.shape[1], faiss.ScalarQuantizer.QT_8bit_direct_signed, metric)
    for begin in range(0, len(case.rows), _ADD):
        index.add(case.rows[begin : begin + _ADD].astype(np.float32))
    return lambda _probes, rows: _asked(faiss, case, index, rows.astype(np.float32))


def faiss_hnsw(case: Case) -> Search:
    faiss = _faiss()
    faiss.omp_set_num_threads(2)
    metric = faiss.METRIC_INNER_PRODUCT if case.faces.cosine else faiss.METRIC_L2
    index = faiss.IndexHNSWFlat(case.faces.vectors.shape[1], 16, metric)
    index.hnsw.efConstruction = 64
    index.add(case.faces.vectors)
    index.hnsw.efSearch = 128
    return lambda probes, _rows: _asked(faiss, case, index, probes)


def usearch_exact(case: Case) -> Search:
    usearch = _library("usearch.index")
    metric = usearch.MetricKind.IP if case.faces.cosine else usearch.MetricKind.L2sq

    def search(_probes: Matrix, rows: Rows) -> Found:
        asked = rows if len(rows) > 1 else rows[0]
        keys = usearch.search(case.rows, asked, MOST, metric, exact=True, threads=case.threads).keys
        return np.asarray(keys, np.int64).reshape(len(rows), -1)

    return search


def simsimd_cdist(case: Case) -> Search:
    simsimd = _library("simsimd")

    def search(_probes: Matrix, rows: Rows) -> Found:
        if case.faces.cosine:
            return _largest(np.asarray(simsimd.cdist(rows, case.rows, "dot", threads=case.threads)))
        return _largest(-np.asarray(simsimd.cdist(rows, case.rows, "sqeuclidean", threads=case.threads), np.float64))

    return search


def numkong_packed(case: Case) -> Search:
    """Of simsimd's successor, with a gallery that is rearranged once. It takes one thread whatever is allowed."""
    numkong = _library("numkong")
    packed = numkong.dots_pack(case.rows, dtype="int8")

    def search(_probes: Matrix, rows: Rows) -> Found:
        dots = np.asarray(numkong.dots_packed(rows, packed))
        return _largest(dots if case.faces.cosine else 2 * dots - case.norms)

    return search


def numkong_cdist(case: Case) -> Search:
    numkong = _library("numkong")

    def search(_probes: Matrix, rows: Rows) -> Found:
        if case.faces.cosine:
            return _largest(np.asarray(numkong.cdist(rows, case.rows, "dot")))
        return _largest(-np.asarray(numkong.cdist(rows, case.rows, "sqeuclidean"), np.float64))

    return search


def numpy_float32(case: Case) -> Search:
    vectors = case.faces.vectors
    lengths = np.zeros(0, np.float32) if case.faces.cosine else np.einsum("ij,ij->i", vectors, vectors)

    def search(probes: Matrix, _rows: Rows) -> Found:
        dots = probes @ vectors.T if len(probes) > 1 else (vectors @ probes[0])[None]
        return _largest(dots if case.faces.cosine else 2 * dots - lengths)

    return search


def numpy_int8(case: Case) -> Search:
    """Blocks of int8 through float32; the best five of all blocks' best five."""
    norms = np.zeros_like(case.norms) if case.faces.cosine else case.norms

    def search(_probes: Matrix, rows: Rows) -> Found:
        ids, best = [], []
        for begin, scores in _scores(case.rows, norms, rows):
            near = _largest(scores)
            ids.append(near + begin)
            best.append(np.take_along_axis(scores, near, 1))
        order = _largest(np.concatenate(best, 1))
        return np.take_along_axis(np.concatenate(ids, 1), order, 1)

    return search


ENGINES = (
    Engine("faiss flat float32", FLOAT, faiss_flat),
    Engine("faiss SQ8 signed", INT8, faiss_sq8, 5_000_000),
    Engine("faiss HNSW 16", APPROXIMATE, faiss_hnsw, 100_000),
    # simsimd comes before usearch: after it, its cdist refuses int8 (seen with 6.5.16 and 2.26.6)
    Engine("simsimd cdist", INT8, simsimd_cdist, 5_000_000),
    Engine("numkong cdist", INT8, numkong_cdist, 5_000_000),
    Engine("numkong packed", INT8, numkong_packed),
    Engine("usearch exact", INT8, usearch_exact, 5_000_000),
    Engine("numpy float32", FLOAT, numpy_float32),
    Engine("numpy int8", INT8, numpy_int8, 5_000_000),
)


def scan(rows: Rows, norms: NDArray[np.int32], probes: Rows) -> list[list[tuple[int, int]]]:
    """The full scan that decides what is exact: for each probe the five largest (2 row.probe - norm, row), best first.

    Of equal scores the lower row comes first.
    """
    best: list[list[tuple[int, int]]] = [[] for _ in probes]
    for begin, scores in _scores(rows, norms, probes):
        bars = [[found[-1][0]] if len(found) == MOST else [-math.inf] for found in best]
        if begin == 0:
            bars = np.sort(scores, 1)[:, -MOST, None].tolist()
        near = scores >= np.array(bars)
        for probe in np.flatnonzero(near.any(1)).tolist():
            found = [(int(scores[probe, at]), int(at) + begin) for at in np.flatnonzero(near[probe])]
            best[probe] = sorted(best[probe] + found, key=lambda each: (-each[0], each[1]))[:MOST]
    return best


def _scores(rows: Rows, norms: NDArray[np.int32], probes: Rows) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Of every block of rows: where it begins, and the scores of each probe."""
    asked = probes.astype(np.float32).T
    for begin in range(0, len(rows), _BLOCK):
        dots = rows[begin : begin + _BLOCK].astype(np.float32) @ asked  # exact: whole numbers below 2**24
        yield begin, 2 * dots.T.astype(np.int64) - norms[begin : begin + _BLOCK]


def _largest(scores: NDArray[Any]) -> Found:
    most = min(MOST, scores.shape[1])
    near = np.argpartition(scores, -most, axis=1)[:, -most:]
    order = np.lexsort((near, -np.take_along_axis(scores, near, 1).astype(np.float64)))
    return np.take_along_axis(near, order, 1)


def _library(name: str) -> Any:
    return importlib.import_module(name)


def _faiss() -> Any:
    return _library("faiss")


def _asked(faiss: Any, case: Case, index: Any, probes: Matrix) -> Found:
    faiss.omp_set_num_threads(case.threads)
    return np.asarray(index.search(probes, MOST)[1], np.int64)
