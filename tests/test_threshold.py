"""A search among many is held to its rates by the card, at the strict ends of what was measured, or it is not made."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatefw.biometrics import card as cards
from gatefw.biometrics.nearness import fpir_of, share_of, strangers
from gatefw.biometrics.threshold import (
    FINGER_FMR,
    capacity,
    capacity_with_finger,
    for_gallery,
    loosest,
    reach,
    search_threshold,
    strictest,
)
from gatefw.errors import ModelError

EMBEDDER = next(card for card in cards.shipped() if card.kind == "embed")

fused = st.tuples(st.integers(1, 20), st.integers(1, 8))
rates = st.floats(1e-6, 0.1)
peoples = st.integers(1, 10**7)


@given(fused, rates, peoples, peoples)
def test_the_more_people_a_search_meets_the_stricter_its_threshold_is(
    kind: tuple[int, int], fpir: float, one: int, other: int
) -> None:
    few, many = sorted((one, other))
    frames, templates = kind
    loose, strict = (search_threshold(EMBEDDER, people, fpir, frames, templates) for people in (few, many))
    assert strict.distance <= loose.distance
    assert strict.fmr <= loose.fmr
    assert 0 <= strict.distance <= strict.distances.best <= strict.distances.high


@given(fused, rates, st.integers(1, 10**5))
def test_the_strict_end_lets_no_more_strangers_through_than_were_wanted(
    kind: tuple[int, int], fpir: float, people: int
) -> None:
    threshold = search_threshold(EMBEDDER, people, fpir, *kind)
    chance = [fpir_of(share, people) for share in strangers(EMBEDDER, *kind).share(threshold.distance)]
    best, low, _ = chance
    assert 0 <= low <= best <= fpir * 1.001
    assert 0 <= threshold.fnmr_interval[0] <= threshold.fnmr <= threshold.fnmr_interval[1] <= 1
    assert threshold.fnmr > 0, "an FNIR of nought was measured by nobody"


@settings(max_examples=12)
@given(peoples, rates, st.floats(0, 1), fused)
def test_a_threshold_that_is_given_keeps_both_rates_and_none_is_withheld(
    people: int, fpir: float, fnir: float, kind: tuple[int, int]
) -> None:
    held = capacity(EMBEDDER, fpir, fnir, *kind).people
    try:
        threshold = for_gallery(EMBEDDER, people, fpir, fnir, *kind)
    except ModelError as refused:
        assert f"it can hold {held} at" in str(refused)
        assert people > held
    else:
        assert threshold.fnmr_interval[1] <= fnir
        assert people <= held


@given(st.integers(1, 20), rates, st.integers(1, 10**6))
def test_the_more_templates_a_person_has_the_nearer_they_must_be(frames: int, fpir: float, people: int) -> None:
    near = reach(EMBEDDER, people, fpir, frames)
    distances = [near(templates) for templates in range(1, 9)]
    assert distances[0] == search_threshold(EMBEDDER, people, fpir, frames).distance
    assert max(distances[1:]) <= distances[0]
    assert all(later <= first for first, later in pairwise(distances[2:])), "beyond what was measured"
    likeliest = reach(EMBEDDER, people, fpir, frames, strict=False)
    assert all(likeliest(number + 1) >= distance for number, distance in enumerate(distances))


def test_distances_between_the_measured_numbers_lie_on_the_line_between_them() -> None:
    """Two templates are not in the card; on the development faces their 1e-3 is at 0.515."""
    one, two, three = (strangers(EMBEDDER, 1, templates).distance(1e-3).best for templates in (1, 2, 3))
    assert two == pytest.approx(0.515, abs=0.006)
    assert three < two < one
    six = strangers(EMBEDDER, 6, 6).distance(1e-2).best
    assert six == pytest.approx(0.4875, abs=0.012), "of 88 people with six pictures each"


def test_a_share_that_nobody_measured_is_called_extrapolated() -> None:
    measured = search_threshold(EMBEDDER, 100, 0.01)
    beyond = search_threshold(EMBEDDER, 1_000_000, 0.01)
    assert (measured.extrapolated, measured.times_beyond) == (False, 1)
    assert beyond.extrapolated
    assert beyond.times_beyond == pytest.approx(10 / (beyond.fmr * 937_765), rel=0.1)


def test_fused_frames_and_templates_hold_more_people_and_none_holds_a_hundred_thousand() -> None:
    held = [capacity(EMBEDDER, 0.01, 0.2, frames, templates).people for frames, templates in ((1, 1), (3, 1), (3, 3))]
    assert held == sorted(held)
    assert held[0] < 500
    assert held[2] < 100_000


@settings(max_examples=12)
@given(rates, st.floats(0.01, 0.6), st.sampled_from([(1, 1), (3, 1), (3, 3)]))
def test_the_intervals_of_a_capacity_hold_the_likeliest_one(fpir: float, fnir: float, kind: tuple[int, int]) -> None:
    for held in (capacity(EMBEDDER, fpir, fnir, *kind), capacity_with_finger(EMBEDDER, fpir, fnir, *kind)):
        assert held.interval[0] == held.people <= held.likeliest <= held.interval[1]
        assert (held.threshold is None) == (held.people == 0)
        if held.threshold is not None:
            assert held.threshold.fnmr_interval[1] <= fnir + 1e-9


@settings(max_examples=12)
@given(st.floats(FINGER_FMR, 0.1), st.floats(0.02, 0.6))
def test_with_a_finger_there_is_room_for_more_people_and_a_limit_still(fpir: float, fnir: float) -> None:
    alone, finger = (held(EMBEDDER, fpir, fnir, 3, 1).people for held in (capacity, capacity_with_finger))
    assert alone <= finger * 1.01 + 1
    assert finger < 10**6


@given(rates, st.integers(1, 10**9))
def test_a_rate_of_searches_and_a_share_of_comparisons_go_both_ways(fpir: float, people: int) -> None:
    assert fpir_of(share_of(fpir, people), people) == pytest.approx(fpir, rel=1e-6)


def test_a_card_without_tails_searches_nobody() -> None:
    """Its rows are of one against one; at their distances far more strangers are near to fused vectors."""
    bare = replace(EMBEDDER, tail=(), mated=())
    for asked in (lambda: for_gallery(bare, 10, 0.01, 0.35), lambda: reach(bare, 10, 0.01)):
        with pytest.raises(ModelError, match=r"no \[\[tail\]\].*face calibrate"):
            asked()
    single = replace(EMBEDDER, tail=EMBEDDER.tail[:1])
    assert for_gallery(single, 10, 0.01, 0.35).distance > 0
    with pytest.raises(ModelError, match="one against one only"):
        reach(single, 10, 0.01)


def test_the_strictest_and_the_loosest_of_a_card_are_its_ends() -> None:
    assert strictest(EMBEDDER).fmr == 1e-4
    assert loosest(EMBEDDER.threshold).fmr == 1e-2
