"""Whether threads work, told by the work they have done; in virtual time."""

import pytest

from gatefw.gate_terms import DeviceImpaired, GateInput
from gatefw.model import Reason
from gatefw.thread_watch import STALL_S, ThreadWatch, Watched


class Thread:
    """Counts a turn when it is poked, unless it hangs."""

    def __init__(self) -> None:
        self.turns, self.hangs, self.owes = 0, False, True

    def poke(self) -> None:
        self.turns += not self.hangs


class Site:
    def __init__(self) -> None:
        self.told: list[GateInput] = []
        self.now_s = 50.0
        self.bus, self.journal = Thread(), Thread()
        self.journal.owes = False
        self.watch = ThreadWatch(self.told.append, lambda: self.now_s)
        self.watch.watch(Watched("bus", lambda: self.bus.turns, self.bus.poke))
        self.watch.watch(Watched("journal", lambda: self.journal.turns, owes=lambda: self.journal.owes))

    def passes(self, seconds: float, tick_s: float = 0.5) -> None:
        ends_s = self.now_s + seconds
        while self.now_s < ends_s:
            self.now_s += tick_s
            self.watch.look(self.now_s)


@pytest.fixture
def site() -> Site:
    return Site()


def test_one_that_has_nothing_to_do_is_not_stalled_and_one_that_has_and_does_nothing_is(site: Site) -> None:
    site.passes(10 * STALL_S)
    assert site.told == []
    site.journal.owes = True
    site.passes(STALL_S - 2.0)
    assert site.told == []
    site.passes(4.0)
    assert site.told == [DeviceImpaired("journal", Reason.STALLED, True)]
    assert site.watch.stalled == {"journal"}


def test_it_is_told_once_that_one_stalls_and_once_that_it_works_again(site: Site) -> None:
    site.bus.hangs = True
    site.passes(10 * STALL_S)
    site.bus.hangs = False
    site.passes(5.0)
    assert site.told == [DeviceImpaired("bus", Reason.STALLED, stalled) for stalled in (True, False)]
    assert not site.watch.stalled


def test_who_looks_late_was_held_up_and_calls_nobody_stalled(site: Site) -> None:
    """The machine stood still for minutes, and the others with it."""
    site.bus.hangs = True
    site.passes(600.0, tick_s=600.0)
    site.bus.hangs = False
    site.passes(2 * STALL_S)
    assert site.told == []


def test_a_thread_that_hangs_on_a_slow_machine_is_found_all_the_same(site: Site) -> None:
    site.bus.hangs = True
    site.passes(40 * STALL_S, tick_s=3.0)
    assert site.told == [DeviceImpaired("bus", Reason.STALLED, True)]
