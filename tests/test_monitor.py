"""Whether strangers come as near as the card says: false alarms are rare, drifts are seen, nobody is told of."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatefw.biometrics.card import Card, Mated, Tail, shipped
from gatefw.biometrics.monitor import EXPECTED, FITS, PEOPLE, RARE, Drift, Monitor, Watch, too_few, too_many
from gatefw.biometrics.search import Candidate
from gatefw.errors import ModelError
from gatefw.model import SubjectId


def watched(monitor: Monitor, near: list[bool], around: list[bool], begin: int = 0) -> Monitor:
    for number, (each, more) in enumerate(zip(near, around, strict=True), begin):
        monitor.ended(SubjectId(f"p{number}"), each, more)
    return monitor


def of(number: int) -> list[bool]:
    """So many of PEOPLE."""
    return [True] * number + [False] * (PEOPLE - number)


def chance_of(trials: int, share: float, least: int) -> float:
    """By a way of its own: the exact share of binomial numbers that are `least` or more."""
    logs = np.cumsum([0.0, *np.log(np.arange(1, trials + 1))])
    number = np.arange(least, trials + 1)
    ways = logs[trials] - logs[number] - logs[trials - number]
    return float(np.exp(ways + number * np.log(share) + (trials - number) * np.log1p(-share)).sum())


@pytest.mark.parametrize("chance", [RARE, FITS])
def test_a_number_is_unusual_as_rarely_as_promised_even_if_all_come_in_twos(chance: float) -> None:
    twos = PEOPLE // 2
    many, few = too_many(chance) // 2, too_few(chance) // 2
    assert chance_of(twos, EXPECTED, many) <= chance < chance_of(twos, EXPECTED, many - 1)
    assert 1 - chance_of(twos, EXPECTED, few + 1) <= chance < 1 - chance_of(twos, EXPECTED, few + 2)
    assert chance_of(PEOPLE, EXPECTED, too_many(chance)) < chance


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.floats(0.095, 0.105))
def test_while_the_card_is_right_drawn_lanes_raise_no_alarm(seed: int, share: float) -> None:
    drawn = (np.random.default_rng(seed).random(PEOPLE) < share).tolist()
    assert watched(Monitor(), drawn, drawn).drift is None


@settings(max_examples=30)
@given(st.integers(0, PEOPLE), st.integers(0, PEOPLE), st.randoms(use_true_random=False))
def test_what_the_numbers_come_to_does_not_depend_on_their_order(near: int, more: int, chance: object) -> None:
    around = min(PEOPLE, near + more)
    pairs = list(zip(of(near), of(around), strict=True))
    chance.shuffle(pairs)  # type: ignore[attr-defined]
    drift = watched(Monitor(), [each for each, _ in pairs], [each for _, each in pairs]).drift
    nearer = near >= too_many(RARE)
    assert drift is (Drift.NEARER if nearer else Drift.FARTHER if around <= too_few(RARE) else None)


def test_strangers_who_come_too_near_are_seen_before_the_count_is_full() -> None:
    monitor = watched(Monitor(), [True] * too_many(RARE), [True] * too_many(RARE))
    assert monitor.drift is Drift.NEARER
    assert watched(Monitor(), [True] * (too_many(RARE) - 1), [True] * (too_many(RARE) - 1)).drift is None


def test_a_drift_is_over_when_the_numbers_fit_again_and_not_when_they_are_only_less_unusual() -> None:
    monitor = watched(Monitor(), of(too_many(RARE)), of(too_many(RARE)))
    between = too_many(FITS)
    watched(monitor, of(between), of(between), PEOPLE)
    assert monitor.drift is Drift.NEARER
    watched(monitor, of(between - 1), of(between - 1), 2 * PEOPLE)
    assert monitor.drift is None
    assert watched(monitor, of(0), of(0)).drift is Drift.FARTHER


def test_whoever_comes_every_day_counts_once() -> None:
    monitor = Monitor()
    for _ in range(3 * PEOPLE):
        monitor.ended(SubjectId("anna"), near=True, around=True)
    assert monitor.drift is None


def test_a_drift_that_matters_is_nearly_always_seen_and_the_table_in_the_docstring_holds() -> None:
    chance = np.random.default_rng(4)
    twice = [(chance.random(PEOPLE) < 0.2).tolist() for _ in range(100)]
    seen = [watched(Monitor(), drawn, drawn).drift is Drift.NEARER for drawn in twice]
    assert sum(seen) >= 90
    third = [(chance.random(PEOPLE) < 0.03).tolist() for _ in range(100)]
    assert sum(watched(Monitor(), drawn, drawn).drift is Drift.FARTHER for drawn in third) >= 90


# ---------------------------------------------------------------- distances


@pytest.fixture(scope="module")
def card() -> Card:
    """Ten per cent of a hundred strangers are nearer than some distance between 0.3 and 0.4."""
    tails = [
        Tail(frames, templates, 0.5 - less, 1e-2, -0.05, 0.03, 1_000_000, 1000, ((0.9e-2, -0.05, 0.03),) * 20)
        for frames, templates, less in ((1, 1, 0.0), (3, 1, 0.05), (1, 3, 0.05), (3, 3, 0.1))
    ]
    tails = [replace(each, replicates=(*each.replicates, *((1.1e-2, -0.05, 0.03),) * 20)) for each in tails]
    mated = Mated(1, 1, (0.5, 0.99), (0.4, 0.7), (0.4, 0.7), (0.4, 0.7), 1000, 500)
    embedder = next(each for each in shipped() if each.kind == "embed")
    return replace(embedder, tail=tuple(tails), mated=(mated,))


@given(st.integers(2, 100_000), st.floats(0, 1), st.integers(1, 8))
def test_the_strict_distance_is_not_beyond_the_loose_one_and_more_people_bring_both_nearer(
    card: Card, people: int, variety: float, templates: int
) -> None:
    watch = Watch(card, 3)
    strict, loose = (watch._within(people, variety, strict=each)(templates) for each in (True, False))
    assert 0 <= strict <= loose
    assert watch.farthest(people + 1000, variety)(templates) <= loose
    assert watch.farthest(people, 1.0)(templates) <= loose <= watch.farthest(people, 0.0)(templates)


def test_only_strangers_within_the_distance_count_by_how_many_templates_they_have(card: Card) -> None:
    watch = Watch(card, 3)
    strict = watch._within(100, 0.5, strict=True)
    for number in range(PEOPLE):
        who, other = SubjectId(f"p{number}"), SubjectId(f"other{number}")
        beyond = Candidate(other, strict(3) + 0.001, 3)
        assert strict(1) > beyond.distance
        watch.searched(who, [beyond] if number % 2 else [], 100, 0.5)
    assert watch.monitor.drift is None
    for number in range(PEOPLE):
        watch.searched(SubjectId(f"p{number}"), [Candidate(SubjectId("x"), strict(1), 1)], 100, 0.5)
    assert watch.monitor.drift is Drift.NEARER


def test_a_drift_is_logged_by_its_direction_and_neither_anybody_nor_a_distance_with_it(
    card: Card, caplog: pytest.LogCaptureFixture
) -> None:
    watch = Watch(card, 3)
    for number in range(PEOPLE):
        watch.searched(SubjectId(f"p{number}"), [], 100, 0.5)
    assert [record.getMessage() for record in caplog.records] == [
        "strangers come less near than the card of model dlib-resnet-int8 says"
    ]


def test_a_model_whose_card_knows_no_strangers_is_not_watched(card: Card) -> None:
    with pytest.raises(ModelError, match=r"its card has no \[\[tail\]\]"):
        Watch(replace(card, tail=()), 3)
