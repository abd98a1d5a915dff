"""Error rates out of scores: known answers, properties that must hold, intervals that keep their promise."""

from itertools import combinations
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatefw.biometrics.chain import Probe
from gatefw.biometrics.detector import Face
from gatefw.biometrics.measuring import det_plot, group_rates, open_set, rates
from gatefw.biometrics.measuring.album import Album, Shot
from gatefw.biometrics.measuring.open_set import Searches
from gatefw.biometrics.measuring.rates import Curve, Rate
from gatefw.biometrics.measuring.scores import Scores
from gatefw.biometrics.quality import Quality
from gatefw.biometrics.runtime import Delegate, Maker, Runtime
from gatefw.biometrics.template import Template
from gatefw.errors import SetupError
from gatefw.model import Reason

INF = float("inf")
distances = st.lists(st.integers(0, 12).map(lambda n: n / 4), min_size=1, max_size=30)


def mated(values: list[float]) -> Scores:
    """Each of a person of its own."""
    people = np.arange(len(values), dtype=np.int32)
    return Scores(np.array(values, np.float32), people, people)


def non_mated(values: list[float]) -> Scores:
    """Each of a pair of people of its own."""
    people = np.arange(len(values), dtype=np.int32)
    return Scores(np.array(values, np.float32), 2 * people, 2 * people + 1)


def crowd(people: int, seed: int, own: float = 1.0, others: float = 3.0) -> tuple[Scores, Scores]:
    """Two mated comparisons of each, and one non-mated of each pair; distances are normal, of deviation 1."""
    chance = np.random.default_rng(seed)
    who = np.repeat(np.arange(people, dtype=np.int32), 2)
    pairs = np.array(list(combinations(range(people), 2)), np.int32)
    near, far = chance.normal(own, 1, len(who)), chance.normal(others, 1, len(pairs))
    return Scores(near.astype(np.float32), who, who), Scores(far.astype(np.float32), pairs[:, 0], pairs[:, 1])


# ---------------------------------------------------------------- one with one


def test_rates_of_a_few_scores_are_as_counted_by_hand() -> None:
    curve = Curve(mated([0.1, 0.2, 0.3, 0.9]), non_mated([0.2, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3]))
    assert curve.fmr(0.5) == 0.2
    assert curve.fnmr(0.5) == 0.25
    assert curve.fnmr(np.float32(0.9)) == 0
    assert curve.non_mated.threshold(0.3) == pytest.approx(0.6)
    assert curve.non_mated.threshold(0.39) == pytest.approx(0.6)
    assert curve.eer() == pytest.approx((0.2 + 0.25) / 2)


def test_a_lost_face_is_a_non_match_in_the_gfrr_alone() -> None:
    curve = Curve(mated([0.1, 0.7, INF, INF]), non_mated([0.5, 0.9]))
    assert curve.fnmr(0.5) == 0.5
    assert curve.gfrr(0.5) == 0.75
    assert curve.fnmr(1.0) == 0
    assert curve.gfrr(1.0) == 0.5
    assert curve.gfrr(INF) == 0.5


@given(distances, distances, st.floats(0, 1), st.floats(0, 4))
def test_the_curve_is_what_counting_says(own: list[float], others: list[float], fmr: float, at: float) -> None:
    curve = Curve(mated(own), non_mated(others))
    assert curve.fmr(at) == pytest.approx(np.mean(np.array(others) <= at))
    assert curve.fnmr(at) == pytest.approx(np.mean(np.array(own) > at))
    threshold = float(curve.non_mated.threshold(fmr))
    assert curve.fmr(threshold) <= fmr + 1e-9
    larger = [distance for distance in others if distance > threshold]
    if larger:
        assert curve.fmr(min(larger)) > fmr
    else:
        assert curve.fmr(threshold) == 1


@given(distances, distances)
def test_equal_errors_lie_between_the_rates_where_they_cross(own: list[float], others: list[float]) -> None:
    curve = Curve(mated(own), non_mated(others))
    grid = np.union1d(own, others)
    fmr, fnmr = curve.fmr(grid), curve.fnmr(grid)
    nearest = np.abs(fmr - fnmr).min()
    halves = (fmr + fnmr)[np.isclose(np.abs(fmr - fnmr), nearest)] / 2
    assert np.isclose(curve.eer(), halves).any()


@given(st.lists(st.integers(0, 3), min_size=6, max_size=6), st.floats(0, 1))
def test_people_drawn_twice_are_as_their_comparisons_written_twice(counts: list[int], fmr: float) -> None:
    own, others = crowd(6, 3)
    drawn = np.array(counts, np.int32)
    pairs = drawn[others.probes] * drawn[others.references]
    if not drawn[own.probes].sum() or not pairs.sum():
        return
    found = Curve(own, others).resampled(drawn)
    again, others_again = np.repeat(np.arange(len(own)), drawn[own.probes]), np.repeat(np.arange(len(others)), pairs)
    written = Curve(
        Scores(own.distances[again], own.probes[again], own.references[again]),
        Scores(others.distances[others_again], others.probes[others_again], others.references[others_again]),
    )
    for at in (0.5, 1.5, 2.5):
        assert found.fmr(at) == pytest.approx(written.fmr(at))
        assert found.fnmr(at) == pytest.approx(written.fnmr(at))
    at = float(found.non_mated.threshold(fmr))
    assert found.fmr(at) == pytest.approx(written.fmr(float(written.non_mated.threshold(fmr))))


@pytest.mark.parametrize(("own", "others"), [([], [0.5]), ([INF], [0.5]), ([0.5], [])])
def test_nothing_to_compare_is_refused(own: list[float], others: list[float]) -> None:
    with pytest.raises(SetupError, match="nothing to compare"):
        Curve(mated(own), non_mated(others))


def test_an_fmr_that_too_few_comparisons_decide_is_not_carried() -> None:
    own, others = crowd(46, 1)  # 1,035 pairs: 10 of them below an FMR of 1e-2
    found = rates.measured(Curve(own, others), 46, replicates=3)
    assert [point.carried for point in found.points] == [True, False, False, False]
    assert Curve(own, others).fmr(found.points[3].threshold.value) == 0
    assert found.points[3].fnmr.high <= 1


def test_the_known_rates_of_normal_scores_lie_within_the_interval_nearly_always() -> None:
    """At t = 1.5, P(N(3,1) <= t) is 0.0668 and P(N(1,1) > t) 0.3085. 25 of 30 or fewer would be a chance of 1.6 %."""
    held = 0
    for seed in range(30):
        own, others = crowd(50, seed)
        point = rates.measured(Curve(own, others), 50, 60, seed, fmrs=(0.0668,)).points[0]
        held += point.fnmr.low <= 0.3085 <= point.fnmr.high
        assert point.fnmr.low <= point.fnmr.value <= point.fnmr.high
    assert held > 25


def test_no_error_seen_is_not_no_error() -> None:
    assert rates.rate(0.0, np.zeros(50), 100) == Rate(0.0, 0.0, 1 - 0.025 ** (1 / 100))
    assert rates.rate(0.25, np.array([]), 100) == Rate(0.25, 0.25, 0.25)


# ---------------------------------------------------------------- groups


def test_each_group_has_its_own_rates_at_the_threshold_of_all() -> None:
    own, others = crowd(120, 5)
    worse = own.distances + np.where(own.probes < 60, np.float32(1), np.float32(0))
    groups = ["one" if person < 60 else "two" for person in range(118)] + [None, None]
    found = group_rates.differences(Scores(worse, own.probes, own.references), others, groups, [2.0], 50, 1)
    one, two = found.groups
    assert (one.name, one.people, one.mated, one.non_mated) == ("one", 60, 120, 60 * 59 // 2)
    assert (two.name, two.people, two.mated, two.non_mated) == ("two", 58, 116, 58 * 57 // 2)
    assert found.unassigned == 2
    inside = (others.probes < 60) & (others.references < 60)
    assert one.fmr[0] is not None
    assert one.fmr[0].value == pytest.approx((others.distances[inside] <= 2).mean())
    assert one.fnmr[0] is not None
    assert two.fnmr[0] is not None
    assert one.fnmr[0].value == pytest.approx((worse[own.probes < 60] > 2).mean())
    ratio = found.fnmr[0]
    assert ratio.value == pytest.approx(one.fnmr[0].value / two.fnmr[0].value)
    assert ratio.by_chance is not None
    assert ratio.value > ratio.by_chance  # groups drawn blindly do not differ as much as these do


def test_a_group_too_small_for_a_figure_has_none() -> None:
    own, others = crowd(30, 2)
    groups = ["large"] * 28 + ["small", "alone"]
    found = group_rates.differences(own, others, groups, [2.0], 20)
    alone, large, small = found.groups
    assert (alone.non_mated, alone.fmr, small.fmr) == (0, (None,), (None,))
    assert large.fmr[0] is not None
    assert found.fmr[0].value is None


# ---------------------------------------------------------------- one with many


def test_searches_are_counted_as_by_hand() -> None:
    searches = Searches(
        strangers=np.array([0.3, 0.5, 0.7, 0.9]),
        strangers_weights=np.ones(4),
        own=np.array([0.1, 0.6, 0.4, 0.8, 0.2]),  # found, missed, found with another, taken for another, too near
        other=np.array([0.9, 0.7, 0.45, 0.3, 0.1]),
        second=np.array([1.0, 1.0, 1.0, 0.9, 1.0]),
        weights=np.ones(5),
    )
    rank_1, threshold, fnir, misidentified, ambiguous = open_set.figures(searches, [0.5])
    assert (rank_1, threshold) == (0.6, 0.5)
    assert fnir == pytest.approx(3 / 5)
    assert (misidentified, ambiguous) == (0.2, 0.4)
    none = open_set.figures(searches, [0.1])
    assert none[1] < 0.3
    assert none[2:].tolist() == pytest.approx([4 / 5, 0, 1 / 5])


def spread(people: int, lost: int) -> Album:
    """People ten apart, each with three pictures at most 0.2 apart; the last of them has one, and `lost` have none."""
    face, quality = Face(0.9, *np.zeros((5, 2))), Quality(60.0, 0.2, 120.0, 0.0, 0.3, 1.0, 0.0, 0.0)
    maker = Maker("0" * 64, Runtime.LITERT, "2", Delegate.DEFAULT)
    shots = [
        Shot(who, Probe(Template(np.array([10 * who, at / 10], np.float32), maker), quality, face))
        for who in range(people)
        for at in range(1 if who == people - 1 else 3)
    ]
    return Album((*shots, *(Shot(people + number, Reason.NO_FACE) for number in range(lost))), people + lost)


def test_people_who_are_far_apart_are_all_found_and_no_stranger_is() -> None:
    (gallery,) = open_set.galleries(spread(60, 2), (20, 21), 3, 1)
    assert gallery.people == 20  # 21 would leave too few strangers
    assert gallery.strangers_searches == 40 * 200
    assert gallery.mated_searches == pytest.approx(19.67 * 200, rel=0.01)
    assert gallery.rank_1 == Rate(1, 1, 1)
    for held in gallery.held:
        assert 9 < held.threshold.value < 11
        assert (held.fnir.value, held.fnir.low, held.misidentified.value) == (0, 0, 0)
        assert 0 < held.fnir.high < 0.1
    assert not gallery.held[0].carried  # of 1,770 pairs 0.9 lie below


def test_where_no_stranger_searched_there_is_no_figure() -> None:
    few = open_set.Draws(spread(4, 0)).searches(4, 1, np.ones(4, np.int32), np.random.default_rng(1))
    assert np.isnan(open_set.figures(few, [0.1])).all()


@given(st.integers(2, 10), st.integers(0, 2**32), st.lists(st.integers(0, 2), min_size=20, max_size=20))
def test_a_draw_enrols_only_who_was_drawn_and_never_as_a_stranger(size: int, seed: int, counts: list[int]) -> None:
    drawn = np.array(counts, np.int32)
    there = int((drawn > 0).sum())
    if there <= size:
        return
    found = open_set.Draws(spread(20, 0)).searches(size, 1, drawn, np.random.default_rng(seed))
    assert len(found.strangers) == there - size
    assert found.strangers.min() > 9  # nobody of theirs is enrolled
    assert len(found.own) <= size
    assert (found.own < 0.3).all()
    assert (found.own > 0.05).all()  # never the very picture that is enrolled
    assert (found.other > 9).all()
    assert found.weights.sum() + found.strangers_weights.sum() <= drawn.sum()


# ---------------------------------------------------------------- the plot


def test_the_plot_is_well_formed_whatever_a_group_is_called() -> None:
    own, others = crowd(60, 9)
    found = rates.measured(Curve(own, others), 60, 5)
    groups = group_rates.differences(own, others, ["<b>&"] * 30 + ["other"] * 30, [1.5] * 4, 5).groups
    drawn = det_plot.svg("a & b", found, groups)
    tree = ElementTree.fromstring(drawn)
    words = ["".join(each.itertext()) for each in tree.iter("{http://www.w3.org/2000/svg}text")]
    assert {"a & b", "<b>&", "other", "1 %", "10 %"} <= set(words)
    assert "nan" not in drawn


@pytest.mark.parametrize(("people", "words"), [(60, "marked: the threshold"), (5, "too few to mark a threshold")])
def test_the_plot_says_whether_a_threshold_is_marked(people: int, words: str) -> None:
    assert words in det_plot.svg("any", rates.measured(Curve(*crowd(people, 9)), people, 5))


@settings(max_examples=25)
@given(distances, distances)
def test_a_plot_of_any_scores_can_be_drawn(own: list[float], others: list[float]) -> None:
    found = rates.measured(Curve(mated(own), non_mated(others)), 2 * max(len(own), len(others)), 2)
    ElementTree.fromstring(det_plot.svg("any", found))
