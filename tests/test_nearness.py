"""What a card says of strangers: a card that no measurement gives is refused, and nothing else goes wrong with any."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatefw.biometrics import card as cards
from gatefw.biometrics.card import Mated, Tail
from gatefw.biometrics.nearness import Comparisons, strangers
from gatefw.biometrics.threshold import capacity, capacity_with_finger, reach, search_threshold
from gatefw.errors import ModelError

EMBEDDER = next(card for card in cards.shipped() if card.kind == "embed")

numbers = st.floats(allow_nan=False, allow_infinity=False) | st.floats(0, 1)
counts = st.integers(-1, 6)
tails = st.builds(
    Tail,
    frames=counts,
    templates=counts,
    at=numbers,
    share=numbers,
    shape=numbers | st.floats(-1, 1),
    scale=numbers,
    comparisons=st.integers(-1, 10**12),
    people=counts,
    replicates=st.lists(st.tuples(numbers, numbers, numbers), max_size=3).map(tuple),
    body=st.lists(st.tuples(numbers, numbers, numbers, numbers), max_size=3).map(tuple),
)
columns = st.lists(numbers, max_size=3).map(tuple)
mateds = st.builds(Mated, counts, counts, columns, columns, columns, columns, counts, counts)


@settings(max_examples=60)
@given(
    st.lists(tails, max_size=3).map(tuple) | st.just(EMBEDDER.tail),
    st.lists(mateds, max_size=3).map(tuple) | st.just(EMBEDDER.mated),
    st.integers(1, 20),
    st.integers(1, 8),
)
def test_whatever_a_card_says_is_understood_or_refused(
    tail: tuple[Tail, ...], mated: tuple[Mated, ...], frames: int, templates: int
) -> None:
    card = replace(EMBEDDER, tail=tail, mated=mated)
    try:
        threshold = search_threshold(card, 100, 0.01, frames, templates)
    except ModelError:
        return
    assert 0 <= threshold.distance <= threshold.distances.best <= threshold.distances.high
    assert 0 <= threshold.fnmr_interval[0] <= threshold.fnmr_interval[1] <= 1
    assert capacity(card, 0.01, 0.2, frames, templates).people >= 0
    assert capacity_with_finger(card, 0.01, 0.2, frames, templates).people >= 0


@pytest.mark.parametrize(
    "change",
    [{"scale": 0.0}, {"share": 0.0}, {"shape": 2.0}, {"at": -0.5, "body": ()}, {"frames": 0}, {"comparisons": 0}],
)
def test_a_tail_that_no_measurement_gives_is_refused(change: dict[str, object]) -> None:
    card = replace(EMBEDDER, tail=(replace(EMBEDDER.tail[0], **change), *EMBEDDER.tail[1:]))  # type: ignore[arg-type]
    with pytest.raises(ModelError, match=r"\[\[tail\]\] of . frames and 1 templates: shares must rise"):
        reach(card, 10, 0.01)


def test_mated_distances_that_fall_are_refused() -> None:
    (first, *rest) = EMBEDDER.mated
    card = replace(EMBEDDER, mated=(replace(first, distances=first.distances[::-1]), *rest))
    with pytest.raises(ModelError, match=r"\[\[mated\]\] of 1 frames and 1 templates: as many rising distances"):
        Comparisons.of(card, 3, 3)


def test_the_most_fused_that_is_not_more_than_asked_is_what_counts() -> None:
    for frames, templates in ((1, 1), (3, 1), (1, 3), (3, 3), (5, 3)):
        found = strangers(EMBEDDER, frames, templates)
        assert (found.tail.frames, found.tail.templates, found.shortened) == (frames, templates, 0)
    between = strangers(EMBEDDER, 4, 2)
    assert (between.tail.frames, between.tail.templates) == (3, 1)
    assert between.shortened > 0
