"""Whether something grows in a soak: judged over samples that are made up."""

import random

import pytest
from trust.soak_judge import MB, RISE_MAX_B, Sample, judge, slope


def soak(rise_b: float = 0.0, threads_at_end: int = 28, files_at_end: int = 40, count: int = 60) -> list[Sample]:
    """Of a supervisor that warms up, and then rises by so much over its second half; it jitters, as memory does."""
    chance, samples = random.Random(7), []
    for number in range(count):
        rss_b = 60 * MB + min(number, count // 4) * MB / 10 + max(0.0, number / count - 0.5) * 2 * rise_b
        ends = number > 0.9 * count
        threads, files = (threads_at_end, files_at_end) if number >= 0.75 * count else (28, 40)
        rss_b += chance.randrange(-MB // 10, MB // 10) - ends
        samples.append(Sample("supervisor", number * 15.0, number, int(rss_b), threads, files))
    return samples


def test_what_warms_up_and_then_stays_is_flat() -> None:
    judged = judge(soak())
    assert judged.wrong == []
    assert judged.figure.startswith("supervisor ")


@pytest.mark.parametrize(
    ("samples", "what"),
    [
        (soak(rise_b=2 * RISE_MAX_B["supervisor"]), "memory rises"),
        (soak(threads_at_end=29), "threads"),
        (soak(files_at_end=41), "files"),
        (soak(count=4), "soak longer"),
    ],
)
def test_each_thing_that_grows_is_found_and_nothing_else_is_said(samples: list[Sample], what: str) -> None:
    (wrong,) = judge(samples).wrong
    assert what in wrong


def test_a_line_through_points_is_the_one_with_the_least_squares() -> None:
    assert slope([(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]) == pytest.approx(2.0)
    assert slope([(0.0, 1.0), (2.0, 1.0), (1.0, 4.0)]) == pytest.approx(0.0)
    assert slope([(1.0, 9.0)]) == 0.0
