"""Every way to search finds the same rows: all that are near enough and no others, nearest first, ties by label."""

import contextlib
import math
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gatefw.biometrics.index import MOST, NUMPY, Hit, Index, paths
from gatefw.biometrics.scale import TOP, Scale
from gatefw.errors import ModelError

Matrix = NDArray[np.float32]
Int8 = NDArray[np.int8]
COMPILED = [path for path in paths() if path != NUMPY]
KINDS = ("spread", "alike", "zero", "clipped", "corner", "near")


def rows_of(kind: str, count: int, dim: int, seed: int) -> Matrix:
    """Rows that are hard on a bound: all alike, nothing, far outside the range, on its corners, near to one another."""
    chance = np.random.default_rng(seed)
    drawn = chance.standard_normal((count, dim))
    match kind:
        case "alike":
            drawn[:] = drawn[:1]
        case "zero":
            drawn[:] = 0
        case "clipped":
            drawn *= 100
        case "corner":
            drawn = np.sign(drawn) * 4.0
        case "near":
            drawn = drawn[:1] + 0.01 * drawn
    return drawn.astype(np.float32)


def reference(step: float, rows: dict[int, Int8], probe: Int8, within: float) -> list[Hit]:
    """By the definition, row by row: what every path must find.

    Of rows and a probe that are rounded already, together with the same others as in the index: one vector turned alone
    may differ in its last bit, and so be rounded otherwise, from the same one turned among others.
    """
    near = math.inf if math.isinf(within) else (within / step) ** 2
    squares = ((int(np.square(row.astype(np.int64) - probe).sum()), label) for label, row in rows.items())
    return [Hit(label, step * math.sqrt(square)) for square, label in sorted(squares) if square <= near]


@contextmanager
def all_ways(dim: int, scale: Scale) -> Iterator[list[Index]]:
    indexes = [Index(dim, scale, path=path) for path in paths()]
    try:
        yield indexes
    finally:
        for each in indexes:
            each.close()


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.sampled_from(KINDS), st.integers(1, 40), st.integers(0, 99)), min_size=1, max_size=4),
    st.sampled_from([1, 29, 64, 128, 200, 512]),
    st.integers(1, 12),
    st.one_of(st.just(math.inf), st.floats(0, 3)),
    st.integers(0, 99),
)
def test_every_way_finds_what_the_definition_says(
    parts: list[tuple[str, int, int]], dim: int, most: int, share: float, seed: int
) -> None:
    vectors = np.concatenate([rows_of(kind, count, dim, number) for kind, count, number in parts])
    scale = Scale(np.zeros(dim, np.float32), 4.0 / TOP)
    probe = np.concatenate([vectors[:1], rows_of("spread", 1, dim, seed)])
    within = share * math.sqrt(dim)
    with all_ways(dim, scale) as indexes:
        for index in indexes:
            index.put(range(len(vectors)), vectors)
        rows = dict(enumerate(indexes[0].rounded(vectors)[0]))
        wanted = [reference(scale.step, rows, each, within)[:most] for each in indexes[0].rounded(probe)[0]]
        alone = reference(scale.step, rows, indexes[0].rounded(probe[:1])[0][0], within)
        for index in indexes:
            assert index.nearest(probe, most, within) == wanted, (index.path, index.exact)
            assert index.within(probe[0], within) == alone, index.path


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.sampled_from([64, 128, 512]))
def test_a_row_on_the_very_threshold_is_found_and_one_beyond_it_is_not(seed: int, dim: int) -> None:
    chance = np.random.default_rng(seed)
    vectors = chance.standard_normal((300, dim)).astype(np.float32)
    probe = vectors[0] + 0.3 * chance.standard_normal(dim).astype(np.float32)
    with all_ways(dim, Scale.fitted(vectors)) as indexes:
        for index in indexes:
            index.put(range(300), vectors)
            hits = index.nearest(probe[None], 300)[0]
            edge = hits[40].distance
            inside = [hit for hit in hits if hit.distance <= edge * (1 + 1e-12)]
            assert index.within(probe, edge * (1 + 1e-12)) == inside
            assert index.within(probe, edge * (1 - 1e-12)) == [hit for hit in hits if hit.distance < edge]


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.sampled_from(["put", "remove"]), st.integers(0, 25), st.integers(0, 9)), max_size=30),
    st.sampled_from(KINDS),
)
def test_whatever_is_added_replaced_and_removed_a_search_finds_what_is_there_now(
    changes: list[tuple[str, int, int]], kind: str
) -> None:
    vectors, there = rows_of(kind, 10, 64, 1), dict[int, Int8]()
    with all_ways(64, Scale(np.zeros(64, np.float32), 4.0 / TOP)) as indexes:
        for do, label, which in changes:
            for index in indexes:
                if do == "put":
                    index.put([label], vectors[which][None])
                else:
                    index.remove([label])
            there.pop(label, None)
            if do == "put":
                there[label] = indexes[0].rounded(vectors[which][None])[0][0]
        wanted = reference(indexes[0].scale.step, there, indexes[0].rounded(vectors[:1])[0][0], math.inf)
        for index in indexes:
            assert len(index) == len(there)
            assert index.nearest(vectors[:1], 50)[0] == wanted, index.path


@settings(max_examples=30)
@given(st.integers(0, 99), st.floats(0, 2), st.integers(0, 5))
def test_everybody_whom_a_float_distance_reaches_is_given_and_an_odd_row_makes_no_other_search_longer(
    seed: int, share: float, odd: int
) -> None:
    chance = np.random.default_rng(seed)
    vectors = (chance.standard_normal((400, 128)) * 0.05 + 0.1).astype(np.float32)
    scale = Scale.fitted(vectors)
    vectors[:odd] *= np.float32(90)  # far outside: clipped, and moved by more than the whole gallery is wide
    probe = vectors[7] + 0.02 * chance.standard_normal(128).astype(np.float32)
    reach = share * 0.05 * math.sqrt(2 * 128)
    with closing(Index(128, scale)) as index:
        index.put(range(400), vectors)
        assert index.error <= scale.rounding(128)
        far = np.linalg.norm(vectors.astype(np.float64) - probe, axis=1)
        given_ = {hit.label for hit in index.reachable(probe, reach)}
        assert set(np.flatnonzero(far <= reach).tolist()) <= given_
        near = np.flatnonzero(far <= reach + 4 * scale.rounding(128))
        assert given_ - set(range(odd)) <= set(near.tolist())
        index.remove(range(odd))
        assert {hit.label for hit in index.reachable(probe, math.inf)} == set(range(odd, 400))


@pytest.mark.skipif(not COMPILED, reason="no kernel was built here: numpy reads every row")
def test_with_a_threshold_few_rows_are_compared_in_full() -> None:
    chance = np.random.default_rng(4)
    vectors = chance.standard_normal((20_000, 128)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    with closing(Index(128, Scale.fitted(vectors))) as index:
        index.put(range(20_000), vectors)
        index.nearest(vectors[:1], 5, math.sqrt(2 - 2 * 0.4))
        assert index.rescored < 400


@pytest.mark.parametrize("path", COMPILED)
def test_a_statistical_search_says_that_it_is_one(path: str) -> None:
    scale = Scale(np.zeros(64, np.float32), 0.01)
    with closing(Index(64, scale, path=path, sigma=5.0)) as some, closing(Index(64, scale, path=path)) as all_of_them:
        assert (some.exact, all_of_them.exact) == (False, True)


@pytest.mark.parametrize("path", COMPILED)
def test_a_statistical_search_compares_fewer_rows_and_finds_mates(path: str) -> None:
    chance = np.random.default_rng(5)
    vectors = chance.standard_normal((5000, 128)).astype(np.float32)
    probe = vectors[9] + 0.9 * chance.standard_normal(128).astype(np.float32)
    scale = Scale.fitted(vectors)
    with closing(Index(128, scale, path=path)) as exact, closing(Index(128, scale, path=path, sigma=5.0)) as some:
        for index in (exact, some):
            index.put(range(5000), vectors)
        assert exact.nearest(probe[None], 5)[0][0] == some.nearest(probe[None], 5)[0][0]
        assert some.rescored < exact.rescored


def test_of_many_probes_in_one_pass_each_finds_what_the_definition_says() -> None:
    vectors = rows_of("spread", 500, 128, 6)
    probes = rows_of("spread", 40, 128, 7)
    scale = Scale.fitted(vectors)
    with all_ways(128, scale) as indexes:
        rows = dict(enumerate(indexes[0].rounded(vectors)[0]))
        wanted = [reference(scale.step, rows, each, math.inf)[:5] for each in indexes[0].rounded(probes)[0]]
        for index in indexes:
            index.put(range(500), vectors)
            assert index.nearest(probes, 5) == wanted, index.path


@pytest.mark.parametrize("path", paths())
@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 500, 1025])
def test_two_threads_find_what_one_does_however_the_rows_divide(path: str, count: int) -> None:
    vectors = np.concatenate([rows_of("alike", count, 64, 11), rows_of("near", count, 64, 12)])
    scale = Scale(np.zeros(64, np.float32), 4.0 / TOP)
    with closing(Index(64, scale, path=path)) as one, closing(Index(64, scale, path=path, threads=2)) as two:
        for index in (one, two):
            index.put(range(len(vectors)), vectors)
        probe = rows_of("spread", 1, 64, 13)
        assert one.nearest(probe, 7) == two.nearest(probe, 7)
        assert one.within(probe[0], 12.0) == two.within(probe[0], 12.0)


def test_a_search_sees_a_row_whole_or_not_at_all_while_others_change_it() -> None:
    """One thread writes a row as one of two vectors, and takes it away; another must never meet a third."""
    vectors = rows_of("spread", 2, 128, 8)
    others = rows_of("spread", 3000, 128, 9) + np.float32(50)
    stop = threading.Event()
    with closing(Index(128, Scale(np.zeros(128, np.float32), 0.5))) as index:
        index.put(range(1, 3001), others)
        possible = set()
        for vector in vectors:
            index.put([0], vector[None])
            possible.add(index.nearest(vectors[:1], 1)[0][0].distance)

        def write() -> None:
            while not stop.is_set():
                for vector in vectors:
                    index.put([0], vector[None])
                index.remove([0])
                index.put([0], vectors[:1])

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for _ in range(200):
                hit = index.nearest(vectors[:1], 1)[0][0]
                assert hit.label != 0 or hit.distance in possible
        finally:
            stop.set()
            writer.join()


def test_who_was_removed_is_nowhere_in_memory() -> None:
    vectors = rows_of("spread", 40, 64, 10)
    with closing(Index(64, Scale.fitted(vectors))) as index:
        index.put(range(40), vectors)
        index.remove(range(1, 40))
        assert index._store.rows[1:].any() == index._store.norms[1:].any() == index._store.labels[1:].any() == False  # noqa: E712
        if COMPILED:
            assert set(np.unique(index._store.plane[1:])) <= {0, 0x88}  # never written, or the codes of zeros
        index.close()
        assert not index._store.rows.any()
        assert not index._store.plane.any()


def test_an_index_refuses_what_it_cannot_hold() -> None:
    scale = Scale(np.zeros(64, np.float32), 0.01)
    with closing(Index(64, scale)) as index:
        with pytest.raises(ModelError, match="vectors are"):
            index.put([0], np.zeros((1, 65), np.float32))
        with pytest.raises(ModelError, match="not finite"):
            index.put([0], np.full((1, 64), np.nan, np.float32))
        with pytest.raises(ModelError, match="wants one of its own"):
            index.put([1, 1], np.zeros((2, 64), np.float32))
        with pytest.raises(ModelError, match="wants one of its own"):
            index.put([-1], np.zeros((1, 64), np.float32))
        with pytest.raises(ModelError, match="1 to 1024 can be had"):
            index.nearest(np.zeros((1, 64), np.float32), MOST + 1)
        index.remove([5, -1])
        assert index.nearest(np.zeros((1, 64), np.float32), 3) == [[]]
    for wrong in (lambda: Index(64, scale, path="abacus"), lambda: Index(63, scale), lambda: Index(2000, scale)):
        with pytest.raises(ModelError):
            wrong()


def kernel_arguments() -> list[object]:
    """What a search of sixteen rows is told; buffers are exactly as long as they must be."""

    def zeros(count: int) -> NDArray[np.uint8]:
        raw = np.zeros(count + 64, np.uint8)
        begin = -raw.ctypes.data % 64
        return raw[begin : begin + count]

    rows = [zeros(length) for length in (16 * 64, 16 * 32, 16, 64, 4, 64)]
    return [*rows, 16, 64, 11, 1.0, 0, 16, zeros(64), 1, zeros(4), 2, "portable", 0.0, zeros(8), zeros(8)]


BUFFERS = [at for at, each in enumerate(kernel_arguments()) if isinstance(each, np.ndarray)]


@pytest.mark.skipif(not COMPILED, reason="no kernel was built here")
@pytest.mark.parametrize("place", BUFFERS)
def test_the_kernel_refuses_a_buffer_that_is_too_short(place: int) -> None:
    from gatefw.biometrics import _kernel

    right = kernel_arguments()
    assert isinstance(_kernel.search(*right), int)
    with pytest.raises(ValueError, match=r"bytes, \d+ are wanted"):
        _kernel.search(*right[:place], right[place][:-1], *right[place + 1 :])  # type: ignore[index]


@pytest.mark.skipif(not COMPILED, reason="no kernel was built here")
@given(st.integers(0, 19), st.one_of(st.integers(-(2**70), 2**70), st.floats(), st.none(), st.binary(max_size=8)))
def test_whatever_the_kernel_is_told_it_answers_or_refuses(place: int, wrong: object) -> None:
    from gatefw.biometrics import _kernel

    right = kernel_arguments()
    for call in (_kernel.search, _kernel.within):
        with contextlib.suppress(ValueError, TypeError, OverflowError, BufferError):
            call(*right[:place], wrong, *right[place + 1 :])


def test_the_kernel_is_there_where_it_is_required() -> None:
    if os.environ.get("GATEFW_REQUIRE_KERNEL") == "1":
        assert COMPILED, "no kernel was built: is there a C compiler, with the headers of Python?"


def test_without_the_kernel_numpy_searches_and_says_so() -> None:
    script = (
        "import sys; sys.modules['gatefw.biometrics._kernel'] = None\n"
        "import numpy as np; from gatefw.biometrics.scale import Scale\n"
        "from gatefw.biometrics.index import Index, paths\n"
        "index = Index(2, Scale(np.zeros(2, np.float32), 0.01)); index.put([3], np.ones((1, 2), np.float32))\n"
        "print(paths(), index.path, index.exact, index.nearest(np.ones((1, 2), np.float32), 1)[0][0].label)"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "('numpy',) numpy True 3"
    assert "the search kernel was not built here" in ran.stderr
