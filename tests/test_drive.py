"""The motion of a leaf with a motor: whatever happens in whatever order, it never runs into somebody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.gpio.drive import Drive, DriveLimits, Felt, Motion

LIMITS = DriveLimits(travel_s=4.0, pause_s=0.2, clear_s=1.0, reversals=3)
AJAR = Felt(closed=False, opened=False, obstructed=False)
CLOSED = Felt(closed=True, opened=False, obstructed=False)
OPENED = Felt(closed=False, opened=True, obstructed=False)
BLOCKED = Felt(closed=False, opened=False, obstructed=True)


class Told:
    """A drive with a clock of its own. `run` lets time pass under unchanged contacts, one step every 10 ms."""

    def __init__(self, limits: DriveLimits = LIMITS) -> None:
        self.drive, self.now_s = Drive(limits), 0.0

    def run(self, felt: Felt, seconds: float) -> list[Motion]:
        """The motions there were, without repetitions."""
        seen: list[Motion] = []
        for _ in range(round(seconds * 100)):
            motion = self.drive.step(felt, self.now_s)
            if not seen or seen[-1] is not motion:
                seen.append(motion)
            self.now_s += 0.01
        return seen


def test_a_leaf_rests_until_it_is_wanted_somewhere_wherever_it_stands() -> None:
    for felt in (AJAR, CLOSED, OPENED, BLOCKED):
        assert Told().run(felt, 10.0) == [Motion.REST]


def test_it_opens_until_opened_and_closes_until_closed() -> None:
    told = Told()
    told.drive.want(opened=True)
    assert told.run(CLOSED, 0.1) == [Motion.OPENING]
    assert told.run(AJAR, 1.0) == [Motion.OPENING]
    assert told.run(OPENED, 1.0) == [Motion.REST]
    told.drive.want(opened=False)
    assert told.run(OPENED, 0.5) == [Motion.CLOSING]
    assert told.run(CLOSED, 1.0) == [Motion.REST]


def test_somebody_in_the_way_stops_it_at_once_then_it_opens_and_closes_again_when_the_way_was_clear() -> None:
    told = Told()
    told.drive.want(opened=False)
    told.run(AJAR, 1.0)
    assert told.drive.step(BLOCKED, told.now_s) is Motion.REST
    assert told.run(BLOCKED, 1.0) == [Motion.REST, Motion.OPENING]
    assert told.run(OPENED, LIMITS.clear_s - 0.05) == [Motion.REST]
    assert told.run(OPENED, 0.5) == [Motion.REST, Motion.CLOSING]


def test_after_so_many_reversals_it_stays_open_until_it_is_wanted_anew() -> None:
    told = Told()
    told.drive.want(opened=False)
    for _ in range(LIMITS.reversals):
        assert Motion.CLOSING in told.run(AJAR, 1.5)
        told.run(BLOCKED, 0.5)
        told.run(OPENED, 0.1)
    assert told.run(OPENED, 30.0) == [Motion.REST]
    told.drive.want(opened=True)
    told.drive.want(opened=False)
    assert Motion.CLOSING in told.run(OPENED, 1.5)


@pytest.mark.parametrize("opened", [True, False])
def test_a_leaf_that_does_not_arrive_in_its_time_is_stopped_and_not_driven_again_by_the_same_wish(opened: bool) -> None:
    told = Told()
    told.drive.want(opened=opened)
    assert told.run(AJAR, LIMITS.travel_s - 0.05) == [Motion.OPENING if opened else Motion.CLOSING]
    assert told.run(AJAR, 0.2)[-1] is Motion.REST
    told.drive.want(opened=opened)
    assert told.run(AJAR, 20.0) == [Motion.REST]
    told.drive.want(opened=not opened)
    assert told.run(AJAR, 0.5)[-1] is (Motion.CLOSING if opened else Motion.OPENING)


def test_a_stop_rests_it_and_only_a_look_lets_it_go_on() -> None:
    told = Told()
    told.drive.want(opened=True)
    told.run(AJAR, 0.5)
    told.drive.stop(told.now_s)
    assert told.drive.motion is Motion.REST
    assert told.run(AJAR, 0.5) == [Motion.REST, Motion.OPENING]


WHAT = st.sampled_from(["open", "close", "stop", "nothing"])
FELT = st.builds(Felt, st.booleans(), st.booleans(), st.booleans())


@given(st.lists(st.tuples(WHAT, FELT, st.floats(0.0, 6.0)), max_size=60))
def test_no_order_of_wishes_contacts_and_time_drives_into_somebody_or_both_ways_or_for_ever(
    story: list[tuple[str, Felt, float]],
) -> None:
    drive, now_s = Drive(LIMITS), 0.0
    before, ended_s, began_s = Motion.REST, -1e9, 0.0
    for what, felt, passes_s in story:
        now_s += passes_s
        if what in ("open", "close"):
            drive.want(opened=what == "open")
        elif what == "stop":
            drive.stop(now_s)
            if before is not Motion.REST:
                before, ended_s = Motion.REST, now_s
        motion = drive.step(felt, now_s)
        assert not (motion is Motion.CLOSING and (felt.obstructed or felt.closed))
        assert not (motion is Motion.OPENING and felt.opened)
        assert {before, motion} != {Motion.OPENING, Motion.CLOSING}, "thrown round without a rest"
        if motion is not Motion.REST and before is Motion.REST:
            assert now_s - ended_s >= LIMITS.pause_s
            began_s = now_s
        if motion is not Motion.REST:
            assert now_s - began_s < LIMITS.travel_s
        if motion is Motion.REST and before is not Motion.REST:
            ended_s = now_s
        before = motion


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=20), st.booleans())
def test_a_leaf_whose_way_stays_clear_arrives_where_it_is_wanted_last(
    story: list[tuple[bool, bool]], last: bool
) -> None:
    """A leaf that obeys: 2 s from end to end. Whatever was wanted and in the way before, it arrives."""
    drive, now_s, opening = Drive(LIMITS), 0.0, 0.5

    def pass_s(seconds: float, obstructed: bool) -> None:
        nonlocal now_s, opening
        for _ in range(round(seconds * 50)):
            motion = drive.step(Felt(opening <= 0.0, opening >= 1.0, obstructed), now_s)
            opening += {Motion.OPENING: 0.01, Motion.CLOSING: -0.01, Motion.REST: 0.0}[motion]
            now_s += 0.02

    for opened, obstructed in story:
        drive.want(opened=opened)
        pass_s(0.7, obstructed)
    drive.want(opened=not last)
    drive.want(opened=last)
    pass_s(8.0, obstructed=False)
    assert opening >= 1.0 if last else opening <= 0.0
