"""One cell of `bench.search`: one gallery, every engine that can hold it, in turn; in a process of its own.

    python -m bench.search_cell SET PEOPLE NUMBERS [--threads 1 2] [--queries 1 8] [--rounds N]

Prints a table for people, and what it measured as one line of JSON at the end. Runs where `bench.search_env` made an
environment with the peers; without them the product alone is measured, beside numpy and the read limit.
"""

import argparse
import importlib
import itertools
import json
import math
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.harness import Samples, rotate, timed
from bench.search_peers import APPROXIMATE, ENGINES, INT8, MOST, Case, Found, Rows, Search, scan
from bench.search_sets import (
    BLOCK,
    COSINE,
    PROBES,
    QUANTILES,
    Faces,
    aligned,
    apart,
    blocks,
    drawn,
    nearest,
    synthetic,
)  # fmt: skip
from gatefw.biometrics.index import Index
from gatefw.biometrics.index_rows import kernel
from gatefw.biometrics.scale import Matrix
from gatefw.cli.command import progress

SETS = {"synthetic": synthetic, "drawn": drawn}
LIMIT, OURS, OURS_ALL = "read limit", "gatefw", "gatefw, no threshold"
MARGIN = 0.01
"""Of the true five nearest those count that are so much nearer than the threshold: int8 may place the others beyond."""
SAMPLE_S = 0.005


class Cell:
    """A gallery in memory, with the true answers for all probes."""

    def __init__(self, faces: Faces, tell: Callable[[str], None]) -> None:
        self.faces, self.tell, self.count = faces, tell, len(faces.vectors)
        self.dim = faces.vectors.shape[1]
        self.true, self.far = nearest(faces, MOST)
        self.index = self._index(1)
        self.probes = self.index.rounded(faces.probes)[0]
        self.rows = aligned(self.count, self.probes.shape[1])
        for begin in range(0, self.count, BLOCK):
            self.rows[begin : begin + BLOCK] = self.index.rounded(faces.vectors[begin : begin + BLOCK])[0]
        self.norms = np.concatenate([np.einsum("ij,ij->i", b, b, dtype=np.int32) for b in blocks(self.rows)])
        self.case = Case(faces, self.rows, self.norms)
        self.tell("full scan")
        self.scanned = {
            False: scan(self.rows, self.norms, self.probes),
            True: scan(self.rows, np.zeros_like(self.norms), self.probes) if faces.cosine else [],
        }

    def _index(self, threads: int) -> Index:
        self.tell("building the product's index")
        index = Index(self.dim, self.faces.scale, room=self.count, threads=threads)
        for begin in range(0, self.count, BLOCK):
            block = self.faces.vectors[begin : begin + BLOCK]
            index.put(np.arange(begin, begin + len(block), dtype=np.int32), block)
        return index

    def use(self, threads: int) -> None:
        """So many threads from now on."""
        self.case.threads = threads
        _blas(threads)
        if threads > 1:
            self.index.close()
            self.index = self._index(threads)

    def ours(self, within: float) -> Search:
        def search(probes: Matrix, _rows: Rows) -> Found:
            found = np.full((len(probes), MOST), -1, np.int64)
            for line, hits in zip(found, self.index.nearest(probes, MOST, within), strict=True):
                line[: len(hits)] = [hit.label for hit in hits]
            return found

        return search

    def answers(self, search: Search) -> Found:
        parts = [search(self.faces.probes[at : at + 8], self.probes[at : at + 8]) for at in range(0, PROBES, 8)]
        return np.concatenate(parts)

    def rescored(self, within: float) -> dict[str, float]:
        """The share of rows that was compared in full, of all probes: for the five nearest, and for all within."""
        nearest, every = [], []
        for probe in self.faces.probes:
            self.index.nearest(probe[None], MOST, within)
            nearest.append(self.index.rescored / self.count)
            if within < math.inf:
                self.index.within(probe, within)
                every.append(self.index.rescored / self.count)
        return {"rescored": _digits(float(np.mean(nearest)))} | (
            {"rescored_all_within": _digits(float(np.mean(every)))} if every else {}
        )

    def exact(self, found: Found, within: float) -> bool:
        """Whether these are the rows of the full scan, in its order."""
        lengths = np.square(self.probes.astype(np.int64)).sum(1)
        for line, length, scanned in zip(found, lengths, self.scanned[False], strict=True):
            least = int(length) - (within / self.faces.scale.step) ** 2
            if [row for row in line.tolist() if row >= 0] != [row for score, row in scanned if score >= least]:
                return False
        return True

    def exact_peer(self, found: Found) -> bool:
        """Whether these have the scores of the full scan; peers may order equal ones as they like."""
        norms = np.zeros_like(self.norms) if self.faces.cosine else self.norms
        for line, probe, scanned in zip(found, self.probes, self.scanned[self.faces.cosine], strict=True):
            scores = 2 * self.rows[line].astype(np.int64) @ probe.astype(np.int64) - norms[line]
            if scores.tolist() != [score for score, _ in scanned]:
                return False
        return True

    def agreement(self, found: Found, within: float) -> dict[str, float | None]:
        """Of the true nearest clearly within: the share of mates that come first, and of all that are there."""
        near = self.far <= within - MARGIN
        mated = (self.faces.mates >= 0) & near[:, 0]
        there = [
            np.isin(true[ok], line).mean() for line, true, ok in zip(found, self.true, near, strict=True) if ok.any()
        ]
        return {
            "rank1": float((found[mated, 0] == self.true[mated, 0]).mean()) if mated.any() else None,
            "top5": float(np.mean(there)) if there else None,
        }


def measured(cell: Cell, threads: tuple[int, ...], queries: tuple[int, ...], rounds: int) -> dict[str, Any]:
    """Of every number of threads and of queries at once, e.g. `1t_1q`, all engines."""
    engines, skipped = _built(cell)
    ours = {OURS_ALL: math.inf} | {_ours(cell, within): within for within in cell.faces.within}
    facts: dict[str, dict[str, Any]] = {}
    for name, search in engines.items():
        cell.tell(f"checking {name}")
        facts[name] = _facts(cell, name, cell.answers(search))
    for name, within in ours.items():
        found = cell.answers(engine := cell.ours(within))
        facts[name] = {"kind": INT8, "exact": cell.exact(found, within), **cell.rescored(within)}
        facts[name] |= cell.agreement(found, within)
        engines[name] = engine
    cells = {}
    with ThreadPoolExecutor(2, initializer=_pin(itertools.count())) as pool:
        for some in threads:
            cell.use(some)
            for asked in queries:
                cell.tell(f"{some} threads, {asked} queries at once")
                subjects = {name: _subject(cell, search, asked) for name, search in engines.items()}
                subjects[LIMIT] = _often(_limit(cell, pool, some))
                cells[f"{some}t_{asked}q"] = _lines(rotate(subjects, rounds), facts)
    return {"path": cell.index.path, "rounds": rounds, "skipped": skipped, "cells": cells}


def _built(cell: Cell) -> tuple[dict[str, Search], dict[str, str]]:
    """The peers that can hold so many, and why the others cannot."""
    built: dict[str, Search] = {}
    skipped: dict[str, str] = {}
    for engine in ENGINES:
        if cell.count > engine.people:
            skipped[engine.name] = f"more than {engine.people} people"
            continue
        cell.tell(f"building {engine.name}")
        try:
            built[engine.name] = engine.build(cell.case)
        except ImportError as missing:
            skipped[engine.name] = str(missing)
    return built, skipped


def _facts(cell: Cell, name: str, found: Found) -> dict[str, Any]:
    kind = next(engine.kind for engine in ENGINES if engine.name == name)
    exact = cell.exact_peer(found) if kind == INT8 else None
    return {"kind": kind, "exact": exact, "rescored": None, **cell.agreement(found, math.inf)}


def _ours(cell: Cell, within: float) -> str:
    return f"{OURS}, cosine {COSINE:.2f}" if cell.faces.cosine else f"{OURS}, L2 {within:g}"


def _subject(cell: Cell, search: Search, asked: int) -> Callable[[], float]:
    """Each call looks for the next ones, so that nobody's row is warm."""
    turns = itertools.count()

    def once() -> None:
        at = next(turns) * asked % PROBES
        search(cell.faces.probes[at : at + asked], cell.probes[at : at + asked])

    return _often(once)


def _often(call: Callable[[], object]) -> Callable[[], float]:
    """So many calls in a row that a sample takes some milliseconds: one of a small gallery is too short to measure."""
    return timed(call, max(1, min(20, int(SAMPLE_S / timed(call, 2)()))))


def _limit(cell: Cell, pool: ThreadPoolExecutor, threads: int) -> Callable[[], object]:
    """Reading every byte of the int8 rows once, and doing nothing with them but a sum."""
    shares = np.array_split(cell.rows.reshape(-1).view(np.int64), threads)

    def read(share: NDArray[np.int64]) -> int:
        return int(kernel.read(share, cell.index.path) if kernel else share.sum())

    return (lambda: read(shares[0])) if threads == 1 else (lambda: list(pool.map(read, shares)))


def _lines(samples: Samples, facts: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Every engine, fastest first: its median and least in ms, and how many times faster than both peers it was.

    The best exact peer is the one with the least median; the ratio is the median of those of every round.
    """
    peers = [
        name for name in samples if name != LIMIT and not name.startswith(OURS) and facts[name]["kind"] != APPROXIMATE
    ]
    best = min(peers, key=lambda name: median(samples[name]))
    lines = []
    for name in sorted(samples, key=lambda name: median(samples[name])):
        took = {"ms": _digits(median(samples[name]) * 1e3), "least_ms": _digits(min(samples[name]) * 1e3)}
        line: dict[str, Any] = {"engine": name} | took
        for key, peer in (("vs_best_exact_peer", best), ("vs_read_limit", LIMIT)):
            line[key] = _digits(median(b / a for a, b in zip(samples[name], samples[peer], strict=True)))
        lines.append(line | {"best_exact_peer": best} | facts.get(name, {}))
    return lines


def _blas(threads: int) -> None:
    """Tell numpy's matrix library; without threadpoolctl it takes what it was started with."""
    try:
        importlib.import_module("threadpoolctl").threadpool_limits(threads)
    except ImportError:
        return


def _pin(turns: Iterator[int]) -> Callable[[], None]:
    """Each thread to a processor of its own: left alone, two short tasks often share one."""
    processors = sorted(os.sched_getaffinity(0))
    return lambda: os.sched_setaffinity(0, {processors[next(turns) % len(processors)]})


def table(title: str, lines: list[dict[str, Any]]) -> str:
    """For people to read."""
    names = f"{'x peer':>7} {'x limit':>7} {'rank-1':>6} {'top-5':>6} {'exact':>6} rescored"
    head = f"  {'':24} {'ms':>9} {'least':>9} {names}"
    shown = [f"{title}; best exact peer: {lines[0]['best_exact_peer']}", head]
    for line in lines:
        shares = " ".join(f"{_share(line.get(key)):>6}" for key in ("rank1", "top5"))
        exact = "" if line.get("exact") is None else "yes" if line["exact"] else "NO"
        rescored = "" if line.get("rescored") is None else f"{line['rescored']:.3%}"
        times = (
            f"{line['ms']:9.3f} {line['least_ms']:9.3f} {line['vs_best_exact_peer']:7.2f} {line['vs_read_limit']:7.2f}"
        )
        shown.append(f"  {line['engine']:24} {times} {shares} {exact:>6} {rescored:>8}".rstrip())
    return "\n".join(shown)


def _digits(number: float) -> float:
    return float(f"{number:.4g}")


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.3f}"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.search_cell", description=str(__doc__).partition("\n")[0])
    parser.add_argument("set", choices=SETS)
    parser.add_argument("people", type=int)
    parser.add_argument("numbers", type=int)
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument("--queries", type=int, nargs="+", default=[1])
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args(arguments)
    _blas(1)
    with progress(sys.stderr) as tell:
        words = f"{options.set} {options.people} x {options.numbers}"
        cell = Cell(SETS[options.set](options.people, options.numbers), lambda what: tell(f"{words}: {what}"))
        result = measured(cell, tuple(options.threads), tuple(options.queries), options.rounds)
    if not cell.faces.cosine:
        result["strangers"] = {f"{share:g}": round(far, 4) for share, far in apart(cell.faces.vectors).items()}
        result["strangers_measured"] = {f"{share:g}": far for share, far in QUANTILES.items()}
    for name, lines in result["cells"].items():
        print(table(f"{words}, {name}, {options.rounds} rounds, {result['path']}", lines), flush=True)
    print(json.dumps(result))
    cell.index.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
