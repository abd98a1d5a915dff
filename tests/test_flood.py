"""A reader that floods, and people who only show their tokens."""

from hypothesis import given
from hypothesis import strategies as st

from gatefw.flood import BURST, CALM_S, TOKENS_PER_S, Flood


def _passed(flood: Flood, times_s: list[float]) -> int:
    return sum(flood.passes(now_s) for now_s in times_s)


@given(st.lists(st.tuples(st.floats(0.0, 2.0), st.booleans()), max_size=200))
def test_no_reader_hands_on_more_than_people_can_show_whatever_it_brings(steps: list[tuple[float, bool]]) -> None:
    flood, now_s, passed = Flood(), 1000.0, 0
    for later_s, token in steps:
        now_s += later_s
        if token:
            passed += flood.passes(now_s)
        else:
            flood.silent(now_s)
        calms = (now_s - 1000.0) / CALM_S + 1
        assert passed <= BURST * calms + (now_s - 1000.0) * TOKENS_PER_S


@given(st.lists(st.floats(0.2, 60.0), max_size=100))
def test_whoever_shows_five_a_second_or_fewer_is_never_a_flood(gaps_s: list[float]) -> None:
    flood, now_s = Flood(), 1000.0
    for gap_s in gaps_s:
        now_s += gap_s
        assert flood.passes(now_s)
    assert not flood.flooding


def test_a_scanner_at_line_rate_hands_on_a_burst_and_no_more() -> None:
    assert _passed(Flood(), [1000.0 + n / 1000 for n in range(60_000)]) <= BURST + 1


def test_a_flood_is_over_when_nothing_came_for_a_second_and_not_before() -> None:
    flood = Flood()
    _passed(flood, [1000.0] * 20)
    assert flood.flooding
    flood.silent(1000.0 + CALM_S / 2)
    assert not flood.passes(1000.0 + CALM_S / 2)
    flood.silent(1000.0 + CALM_S)
    assert flood.flooding
    flood.silent(1000.0 + 1.5 * CALM_S)
    assert not flood.flooding
    assert flood.passes(1000.0 + 1.5 * CALM_S)
