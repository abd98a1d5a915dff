"""A challenge is done by doing what it asks, in its order, before its deadline; and by nothing else."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatefw.biometrics.measuring.challenge import Act, Challenge, begin, step
from gatefw.biometrics.measuring.motion import Pose

REST = Pose(0.3, 0.0)
DOES = {Act.BLINK: Pose(0.05, 0.0), Act.LEFT: Pose(0.3, 0.5), Act.RIGHT: Pose(0.3, -0.5)}

seeds = st.integers(0, 2**32)
counts = st.integers(1, 8)
poses = st.builds(Pose, st.floats(0, 1), st.floats(-2, 2))


def obey(challenge: Challenge, between_s: float = 0.1) -> Challenge:
    """What one does who does all that is asked."""
    now_s = 0.0
    while not challenge.over and challenge.asks is not None:
        for pose in (REST, DOES[challenge.asks], REST):
            challenge = step(challenge, pose, now_s)
            now_s += between_s
    return challenge


@given(seeds, counts)
def test_who_does_what_is_asked_is_done(seed: int, count: int) -> None:
    assert obey(begin(seed, count, 30.0)).done


@given(seeds, counts)
def test_the_order_follows_from_the_seed_and_no_act_is_asked_twice_in_a_row(seed: int, count: int) -> None:
    acts = begin(seed, count, 5.0).acts
    assert acts == begin(seed, count, 5.0).acts
    assert len(acts) == count
    assert all(one is not other for one, other in pairwise(acts))


def test_all_orders_come() -> None:
    assert len({begin(seed, 3, 5.0).acts for seed in range(200)}) == 3 * 2 * 2


@given(seeds, st.lists(st.one_of(st.none(), st.just(REST)), max_size=40))
def test_a_face_at_rest_does_nothing(seed: int, frames: list[Pose | None]) -> None:
    challenge = begin(seed, 1, 100.0)
    for number, pose in enumerate(frames):
        challenge = step(challenge, pose, float(number))
    assert not challenge.done


@given(seeds, counts, st.lists(st.tuples(st.one_of(st.none(), poses), st.floats(-1, 3)), max_size=60))
def test_whatever_is_seen_a_challenge_ends_once_and_no_act_is_skipped(
    seed: int, count: int, frames: list[tuple[Pose | None, float]]
) -> None:
    challenge, now_s = begin(seed, count, 20.0), 0.0
    acts = challenge.acts
    for pose, later_s in frames:
        now_s += later_s
        before, challenge = challenge, step(challenge, pose, now_s)
        assert challenge == before if before.over else True
        assert len(before.acts) - len(challenge.acts) in (0, 1)
        assert challenge.acts == acts[len(acts) - len(challenge.acts) :]
        assert not (challenge.done and challenge.failed)
        assert (challenge.asks is None) is challenge.over


@given(seeds, counts, st.floats(0.001, 1000), st.floats(-1e6, 1e6))
def test_after_the_deadline_nothing_counts(seed: int, count: int, late_s: float, start_s: float) -> None:
    challenge = step(begin(seed, count, 5.0), REST, start_s)
    late = step(challenge, DOES[challenge.acts[0]], start_s + 5.0 + late_s + 1e-6 * abs(start_s))
    assert late.failed
    assert late.asks is None


def test_a_clock_that_runs_backwards_or_is_none_fails() -> None:
    assert step(step(begin(1, 1, 5.0), REST, 10.0), REST, 9.0).failed
    assert step(step(begin(1, 1, 5.0), REST, 10.0), REST, math.nan).failed


@pytest.mark.parametrize(("asked", "done"), [(Act.LEFT, Act.RIGHT), (Act.RIGHT, Act.LEFT)])
def test_who_turns_the_other_way_fails(asked: Act, done: Act) -> None:
    challenge = step(Challenge((asked,), 5.0), REST, 0.0)
    assert step(challenge, DOES[done], 0.1).failed


@pytest.mark.parametrize("act", list(Act))
def test_an_act_from_before_it_was_asked_proves_nothing(act: Act) -> None:
    challenge = step(Challenge((act,), 5.0), DOES[act], 0.0)
    if act is Act.BLINK:  # eyes that are closed from the start are the widest that was seen: they open, and must close
        challenge = step(challenge, REST, 0.05)
    assert not step(challenge, REST, 0.1).done


def test_narrow_eyes_blink_as_wide_ones() -> None:
    for openness in (0.12, 0.40):
        challenge = Challenge((Act.BLINK,), 5.0)
        for number, share in enumerate((1.0, 0.5, 0.9)):
            challenge = step(challenge, replace(REST, openness=share * openness), float(number))
        assert challenge.done


@pytest.mark.parametrize(("count", "deadline_s"), [(0, 5.0), (9, 5.0), (1, 0.0), (1, math.inf), (1, math.nan)])
def test_a_challenge_of_nothing_or_without_an_end_is_refused(count: int, deadline_s: float) -> None:
    with pytest.raises(ValueError, match="1 to 8 acts and a deadline above 0 s"):
        begin(1, count, deadline_s)
