"""The fitted tail of strangers' distances: it goes both ways, never promises nothing, and knows how little it knows."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gatefw.biometrics.card import Tail
from gatefw.biometrics.tail import FEWEST, distance_at, fit, pareto, share_at
from gatefw.errors import SetupError

AT, SHARE = 0.5, 1e-3

tails = st.builds(
    lambda at, share, steep, light: Tail(1, 1, at, share, -light * at / steep / at, at / steep, 10**6, 1000),
    at=st.floats(0.1, 2.0),
    share=st.floats(1e-4, 3e-2),
    steep=st.floats(5, 60),
    light=st.floats(0, 1),
)


@given(tails, st.floats(1e-12, 0.9))
def test_a_distance_for_a_share_has_that_share(tail: Tail, part: float) -> None:
    share = tail.share * part
    distance = distance_at(tail, share).best
    if distance > 0:
        assert share_at(tail, distance).best == pytest.approx(share, rel=1e-6)


@given(tails, st.floats(0, 2), st.floats(0, 2))
def test_nearer_is_rarer_and_no_share_is_below_none_or_above_all(tail: Tail, one: float, other: float) -> None:
    near, far = (share_at(tail, distance).best for distance in sorted((one, other)))
    assert 0 <= near <= far <= 1


@given(tails, st.floats(1e-3, 0.99))
def test_no_distance_above_nought_is_called_impossible(tail: Tail, part: float) -> None:
    assert share_at(tail, tail.at * part).best > 0


def test_a_shape_of_nearly_nothing_is_the_exponential_tail() -> None:
    exponential, nearly = (Tail(1, 1, AT, SHARE, shape, 0.02, 10**6, 1000) for shape in (0.0, -1e-5))
    assert share_at(exponential, 0.3).best == pytest.approx(share_at(nearly, 0.3).best, rel=0.01)
    assert distance_at(exponential, 1e-7).best == pytest.approx(distance_at(nearly, 1e-7).best, rel=0.01)


@pytest.mark.parametrize("shape", [-0.01, -0.03])
def test_the_likeliest_tail_of_many_drawn_excesses_is_the_one_they_were_drawn_from(shape: float) -> None:
    drawn = np.random.default_rng(1).random(100_000)
    excesses = 0.02 / shape * (drawn**-shape - 1)
    found, scale = pareto(excesses, np.ones(len(excesses)), AT)
    assert found == pytest.approx(shape, abs=0.008)
    assert scale == pytest.approx(0.02, rel=0.01)


def test_the_fitted_end_is_not_above_nought_and_not_below_all() -> None:
    bounded = np.random.default_rng(2).random(5000) * 0.1  # every distance below 0.4 is missing
    heavy = np.minimum(np.random.default_rng(3).pareto(2, 5000) * 0.01, AT)
    for excesses in (bounded, heavy):
        shape, scale = pareto(excesses, np.ones(5000), AT)
        assert -scale / AT * 1.001 <= shape <= 0


def drawn(seed: int, people: int = 120) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.int32]]:
    """Strangers in 20 dimensions: the share nearer than d falls as a power of d, which is a Pareto tail down to 0."""
    points = np.random.default_rng(seed).normal(size=(people, 20))
    rows, columns = np.triu_indices(people, 1)
    distances = np.linalg.norm(points[rows] - points[columns], axis=1).astype(np.float32)
    return distances, rows.astype(np.int32), columns.astype(np.int32)


def share_within(distance: float) -> float:
    """Of such strangers: half the square of their distance is chi-squared with 20 degrees of freedom."""
    half = distance**2 / 4
    return 1 - math.exp(-half) * sum(half**k / math.factorial(k) for k in range(10))


def test_the_strict_end_is_strict_and_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    """A share of 1e-5, where 120 people make 7,140 comparisons: fourteen times rarer than the nearest pair of them.

    Of a hundred other draws 86 intervals held the true distance, 14 lay wholly below it and none above.
    """
    found = [distance_at(fit(*drawn(seed), frames=1, templates=1), 1e-5) for seed in range(40)]
    assert sum(share_within(each.low) <= 1e-5 for each in found) >= 39
    assert sum(share_within(each.low) <= 1e-5 <= share_within(each.high) for each in found) >= 30


def test_above_the_tail_it_is_as_it_was_measured() -> None:
    distances, probes, references = drawn(5, 400)
    tail = fit(distances, probes, references, 1, 1)
    assert tail.comparisons * tail.share == pytest.approx(FEWEST, abs=30)
    for share in (1e-2, 3e-2, 0.1, 0.5):
        found = distance_at(tail, share)
        assert found.best == pytest.approx(np.quantile(distances, share), rel=1e-3)
        assert found.low < found.best < found.high
        assert share_at(tail, found.best).best == pytest.approx(share, rel=1e-3)
    assert share_at(tail, 99).best == 1


@given(st.integers(0, 2**32 - 1))
def test_intervals_hold_what_they_are_around_and_rise_with_the_share(seed: int) -> None:
    tail = FITTED[seed % len(FITTED)]
    shares = np.sort(10 ** np.random.default_rng(seed).uniform(-9, np.log10(0.5), 6))
    found = [distance_at(tail, float(share)) for share in shares]
    assert all(each.low <= each.best <= each.high for each in found)
    for column in zip(*found, strict=True):
        assert list(column) == sorted(column)


FITTED = [fit(*drawn(seed, 200), frames=1, templates=1) for seed in range(3)]


def test_too_few_strangers_have_no_tail() -> None:
    with pytest.raises(SetupError, match=r"1225 comparisons of strangers .* are too few .* 3334 are wanted"):
        fit(*drawn(1, 50), frames=1, templates=1)


def test_the_same_comparisons_have_the_same_tail() -> None:
    assert fit(*drawn(3), frames=1, templates=1) == fit(*drawn(3), frames=1, templates=1)
