"""Something done with a device while a technician watches: what they are told, and what ends it."""

import threading
from collections.abc import Callable
from concurrent.futures import Future

import pytest
from peers import until

from gatefw.control import Answer, Done
from gatefw.device_session import ABANDONED_S, LATE_S, PULSE_S, UNREAD_MAX, Ended, Outcome, Session
from gatefw.errors import DeviceLost
from gatefw.model import Phase

WAIT_S = 30.0


class Lane:
    """A clock that stands still, and a lane in maintenance, until the test says otherwise."""

    def __init__(self, within_s: float = 60.0) -> None:
        self.now_s, self.phase = 1000.0, Phase.MAINTENANCE
        self.answers: list[Answer] = []
        self.session = Session("reader.front", "uid-7", within_s, lambda: self.phase, lambda: self.now_s)

    def follow(self, seen: int = 0, say: str = "") -> dict[str, object]:
        """The answer, if it is there at once; else an empty one."""
        before = len(self.answers)
        self.session.follow(seen, say, self.answers.append)
        return self.told(before)

    def told(self, before: int) -> dict[str, object]:
        if len(self.answers) == before:
            return {}
        answer = self.answers[-1]
        assert isinstance(answer, Done)
        return dict(answer.result)


def test_who_asks_gets_every_line_once_they_have_not_seen() -> None:
    lane = Lane()
    for number in range(3):
        lane.session.say(number=number)
    first = lane.follow()
    assert first == {"session": lane.session.id, "seen": 3, "said": [{"number": n} for n in range(3)]}
    assert lane.follow(1)["said"] == [{"number": 1}, {"number": 2}], "an answer that was lost is given again"
    assert lane.follow(3) == {}
    lane.session.say(number=3)
    assert lane.told(2)["said"] == [{"number": 3}]


def test_who_waits_is_told_after_a_while_that_nothing_is_new() -> None:
    lane = Lane()
    assert lane.follow() == {}
    lane.now_s += PULSE_S
    assert lane.session.goes_on
    assert lane.told(0)["said"] == []


def test_the_outcome_comes_with_the_last_lines() -> None:
    lane = Lane()

    def does(session: Session) -> Outcome:
        session.say(read="x")
        return Outcome(True, found={"bytes": 8})

    lane.session.run(does)
    assert lane.session.over
    told = lane.follow()
    assert told["said"] == [{"read": "x"}]
    assert told["outcome"] == {"device": "reader.front", "passed": True, "why": "", "bytes": 8}


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (DeviceLost("reader.front: went away"), "reader.front: went away"),
        (ZeroDivisionError("of somebody's code"), "ZeroDivisionError: the daemon's log says more"),
    ],
)
def test_whatever_goes_wrong_is_an_outcome(error: Exception, why: str) -> None:
    lane = Lane()

    def does(_session: Session) -> Outcome:
        raise error

    lane.session.run(does)
    assert lane.follow()["outcome"] == {"device": "reader.front", "passed": False, "why": why}


def ends_it() -> dict[str, tuple[Callable[[Lane], None], str]]:
    def abandon(lane: Lane) -> None:
        lane.now_s += ABANDONED_S + 0.1

    def end_maintenance(lane: Lane) -> None:
        lane.phase = Phase.OUT_OF_SERVICE

    return {
        "gone": (abandon, "nobody watched any more"),
        "maintenance": (end_maintenance, "maintenance is over, the lane is out_of_service"),
        "daemon": (lambda lane: lane.session.end(), "the daemon is ending"),
    }


@pytest.mark.parametrize("what", ends_it())
def test_what_ends_it_at_once_whatever_it_does(what: str) -> None:
    act, why = ends_it()[what]
    does: list[Callable[[Session], object]] = [
        lambda session: session.goes_on,
        lambda session: session.rest(60.0),
        lambda session: session.result(Future()),
    ]
    for each in does:
        lane = Lane()
        act(lane)
        with pytest.raises(Ended, match=why):
            each(lane.session)


def test_an_exercise_of_a_door_is_maintenance_too() -> None:
    lane = Lane()
    lane.phase = Phase.EXERCISE
    assert lane.session.goes_on


def test_its_time_ends_it_in_order_and_a_device_that_does_not_answer_later_ends_it_too() -> None:
    lane = Lane(within_s=5.0)
    lane.now_s += 5.0
    assert not lane.session.goes_on
    lane.session.rest(0.0)
    lane.now_s += LATE_S + 0.1
    lane.follow()
    with pytest.raises(Ended, match="did not answer in time"):
        lane.session.result(Future())


def test_who_watches_may_end_it_in_order() -> None:
    lane = Lane()
    lane.follow(0, "end")
    assert not lane.session.goes_on
    lane.session.rest(60.0)  # returns at once, though no time passes


def test_yes_and_no_answer_the_newest_line_if_that_asked() -> None:
    lane = Lane()
    lane.session.say(prompt="look")
    lane.follow(0, "yes")
    assert lane.session.told is None
    lane.session.say(prompt="red?", ask=True)
    lane.follow(1, "yes")
    assert lane.session.told is True
    lane.session.say(prompt="green?", ask=True)
    assert lane.session.told is None, "the answer was for the one before"
    lane.follow(2, "no")
    assert lane.session.told is False


def test_who_does_not_read_makes_it_wait_and_holds_a_bounded_number_of_lines() -> None:
    lane = Lane()
    for number in range(UNREAD_MAX):
        lane.session.say(number=number)
    assert lane.session.room == 0
    said = threading.Thread(target=lambda: lane.session.say(number=UNREAD_MAX))
    said.start()
    until(lambda: lane.follow(1).get("said"), "a line was read", WAIT_S)
    said.join(WAIT_S)
    assert not said.is_alive()
    assert lane.session.room == 0
    assert lane.follow(1)["seen"] == UNREAD_MAX + 1


def test_what_another_thread_finds_is_brought_with_what_it_failed_with() -> None:
    lane, good, bad = Lane(), Future[int](), Future[int]()
    other = threading.Thread(target=lambda: good.set_result(7))
    other.start()
    assert lane.session.result(good) == 7
    other.join(WAIT_S)
    bad.set_exception(DeviceLost("gone"))
    with pytest.raises(DeviceLost, match="gone"):
        lane.session.result(bad)
