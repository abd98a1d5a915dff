"""A search among many is held to its rate by the card, or it is not made."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatefw.biometrics import card as cards
from gatefw.biometrics.threshold import for_gallery, fpir_of, loosest, people_held, strictest
from gatefw.errors import ModelError

_, EMBEDDER, *_ = cards.shipped()


@pytest.mark.parametrize(
    ("people", "fpir", "distance"),
    [(1, 0.01, 0.604), (2, 0.01, 0.542), (10, 0.01, 0.542), (11, 0.01, 0.493), (100, 0.01, 0.493), (1000, 0.1, 0.493)],
)
def test_the_more_people_a_search_meets_the_stricter_its_threshold_is(
    people: int, fpir: float, distance: float
) -> None:
    assert for_gallery(EMBEDDER, people, fpir, fnir=0.2).distance == distance


def test_a_gallery_that_no_measured_rate_is_strict_enough_for_is_refused_with_the_numbers() -> None:
    with pytest.raises(ModelError, match=r"among 101 people at an FPIR of 0.01 needs an FMR of 9.95e-05") as refused:
        for_gallery(EMBEDDER, 101, 0.01, 0.2)
    assert "the strictest that was measured is 0.0001; it can hold 100 at an FPIR of 0.01" in str(refused.value)
    with pytest.raises(ModelError, match=r"needs an FMR of 1e-08.*can hold 10 at"):
        for_gallery(EMBEDDER, 100_000, 0.001, 0.2)


def test_a_threshold_that_misses_more_people_than_the_lane_bears_is_refused() -> None:
    with pytest.raises(ModelError, match=r"FMR of 0.0001, which misses 15.80% of enrolled people; it can hold 10 at"):
        for_gallery(EMBEDDER, 50, 0.01, fnir=0.1)
    assert people_held(EMBEDDER, 0.01, 0.001) == 0


@given(
    st.integers(1, 10**8),
    st.floats(1e-6, 0.1),
    st.floats(0, 1),
)
def test_a_threshold_that_is_given_keeps_both_rates_and_none_is_withheld(people: int, fpir: float, fnir: float) -> None:
    held = people_held(EMBEDDER, fpir, fnir)
    try:
        row = for_gallery(EMBEDDER, people, fpir, fnir)
    except ModelError as refused:
        assert f"it can hold {held} at" in str(refused)
        assert people > held
    else:
        assert row in EMBEDDER.threshold
        assert fpir_of(row.fmr, people) <= fpir * 1.000001
        assert row.fnmr <= fnir
        assert people <= held


def test_the_strictest_and_the_loosest_of_a_card_are_its_ends() -> None:
    assert strictest(EMBEDDER).fmr == 1e-4
    assert loosest(EMBEDDER.threshold).fmr == 1e-2
