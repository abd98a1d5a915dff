"""What moves one door, on a thread of its own: the newest want wins, and nobody waits for a driver."""

import threading
from collections.abc import Iterator

import pytest
from peers import until

from gatefw.hand import Hand
from gatefw.ports import DoorReading

LONG_AGO_S, NEVER_S = -1e9, 1e9


class SlowDoor:
    """A door whose driver returns when the test lets it."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.called, self.may_return = threading.Semaphore(0), threading.Semaphore(0)
        self.problem: Exception | None = None
        self.leases_s: list[float] = []

    def release(self, lease_s: float) -> None:
        self.leases_s.append(lease_s)
        self._do("release")

    def secure(self) -> None:
        self._do("secure")

    def _do(self, what: str) -> None:
        self.called.release()
        assert self.may_return.acquire(timeout=30)
        self.done.append(what)
        if self.problem is not None:
            raise self.problem

    def read(self) -> DoorReading:
        raise NotImplementedError

    def watch(self, changed: object) -> None: ...

    def close(self) -> None: ...


class Bench:
    def __init__(self) -> None:
        self.door, self.now_s = SlowDoor(), 0.0
        self.failed: list[Exception] = []
        self.secured = 0
        self.hand = Hand(self.door, self.failed.append, self._count, lambda: self.now_s)

    def _count(self) -> None:
        self.secured += 1

    def over(self) -> list[str]:
        """What was done once everything wanted is done."""
        for _ in range(9):
            self.door.may_return.release()
        self.hand.end()
        self.hand.join()
        return self.door.done


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.over()


def test_whoever_wants_a_door_does_not_wait_for_it_and_the_newest_want_is_what_is_done_next(bench: Bench) -> None:
    bench.hand.release(NEVER_S)
    assert bench.door.called.acquire(timeout=30)
    bench.hand.secure()
    bench.hand.release(NEVER_S)
    bench.hand.secure()
    assert bench.door.done == []
    assert bench.over() == ["release", "secure"]


def test_a_release_that_is_carried_out_late_ends_when_it_was_to_end(bench: Bench) -> None:
    bench.hand.release(10.0)
    assert bench.door.called.acquire(timeout=30)
    bench.hand.release(12.0)
    bench.now_s = 9.0
    bench.over()
    assert bench.door.leases_s == [10.0, 3.0]


def test_a_release_whose_time_is_over_is_not_carried_out(bench: Bench) -> None:
    bench.hand.release(LONG_AGO_S)
    assert bench.over() == []


def test_a_door_counts_as_secured_only_when_its_driver_was_told_so(bench: Bench) -> None:
    bench.hand.secure()
    assert bench.door.called.acquire(timeout=30)
    assert bench.secured == 0
    bench.over()
    assert bench.secured == 1


def test_a_driver_that_fails_is_told_and_the_hand_goes_on(bench: Bench) -> None:
    bench.door.problem = ZeroDivisionError()
    bench.hand.secure()
    bench.door.may_return.release()
    until(lambda: bench.failed, "the failure to be told", 30)
    assert bench.secured == 0
    bench.door.problem = None
    bench.hand.release(NEVER_S)
    assert bench.over() == ["secure", "release"]


def test_a_driver_that_does_not_return_is_overdue_and_one_that_did_is_not(bench: Bench) -> None:
    assert not bench.hand.overdue(NEVER_S)
    bench.hand.release(NEVER_S)
    assert bench.door.called.acquire(timeout=30)
    assert not bench.hand.overdue(0.0)
    assert bench.hand.overdue(NEVER_S)
    bench.door.may_return.release()
    until(lambda: not bench.hand.overdue(NEVER_S), "the hand to be free", 30)
