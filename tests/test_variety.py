"""What a fused probe is worth: copies of one picture are one, and photographs are as many as they are."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatefw.biometrics.card import shipped
from gatefw.biometrics.fusion import fuse
from gatefw.biometrics.runtime import Delegate, Maker, Runtime
from gatefw.biometrics.template import Template
from gatefw.biometrics.variety import CALM, between, error_energy, variety

MAKER = Maker("a" * 64, Runtime.LITERT, "2.3.0", Delegate.DEFAULT)


def pictures(seed: int, number: int, common: float) -> list[Template]:
    """Of one person, with errors of energy 1, of which the share `common` is the same in all."""
    chance = np.random.default_rng(seed)
    same, own = chance.normal(0, 1, 512), chance.normal(0, 1, (number, 512))
    vectors = (math.sqrt(common) * same + math.sqrt(1 - common) * own) / math.sqrt(512)
    return [Template(each.astype(np.float32), MAKER) for each in vectors]


def of(frames: list[Template], weights: list[float], energy: float = 1.0) -> float:
    return variety(fuse(frames, weights), frames, weights, energy)


@given(st.integers(0, 2**32), st.integers(1, 8), st.lists(st.floats(0, 1), min_size=8, max_size=8))
def test_copies_differ_by_nothing_and_nothing_differs_by_more_than_photographs(
    seed: int, number: int, weights: list[float]
) -> None:
    frames = pictures(seed, number, 0.3)
    assert of([frames[0]] * number, weights[:number]) < 1e-4
    assert 0 <= of(frames, weights[:number]) <= 1
    assert of([Template(each.vector * 100, MAKER) for each in frames], [1.0] * number) == (number > 1)


@pytest.mark.parametrize("common", [0.3, 0.5, 0.8])
def test_frames_that_have_much_in_common_differ_by_what_they_have_not(common: float) -> None:
    measured = [of(pictures(seed, 3, common), [1.0] * 3) for seed in range(20)]
    assert np.mean(measured) == pytest.approx((1 - common) / CALM, abs=0.03)


def test_without_an_energy_frames_count_as_different_and_one_frame_never_does() -> None:
    frames = pictures(1, 3, 1.0)
    assert of(frames, [1.0] * 3, 0.0) == 1.0
    assert of(frames[:1], [1.0], 0.0) == 0.0


@given(st.floats(0.1, 1), st.floats(0.1, 1), st.floats(0, 1), st.floats(0, 1))
def test_the_more_different_the_nearer_one_must_be_from_the_distance_of_one_to_that_of_all(
    first: float, last: float, differ: float, more: float
) -> None:
    one, every = max(first, last), min(first, last)
    at = [between(lambda _n: one, lambda _n: every, each)(1) for each in sorted((differ, more))]
    assert every - 1e-9 <= at[1] <= at[0] + 1e-9 <= one + 2e-9
    assert between(lambda _n: one, lambda _n: every, 1.0)(1) == pytest.approx(every)
    assert between(lambda _n: one, lambda _n: every, 0.0)(1) == pytest.approx(one)


def test_the_shipped_embedder_says_how_much_photographs_of_one_person_differ() -> None:
    embedder = next(each for each in shipped() if each.kind == "embed")
    assert 0.07 < error_energy(embedder) < 0.11
