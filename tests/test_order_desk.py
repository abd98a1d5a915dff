"""Operators' orders between the control socket's thread and the loop."""

import pytest

from gatefw.control import Answer, Done, Order, Rejected, Rejection
from gatefw.errors import Refusal
from gatefw.gate_terms import GateInput, Ordered, Stay, Tell
from gatefw.model import Phase, Verb
from gatefw.order_desk import OrderDesk


class Bench:
    def __init__(self) -> None:
        self.queued: list[GateInput] = []
        self.answers: list[Answer] = []
        self.elsewhere: list[Order] = []
        self.stops, self.now_s = 0, 1000.0
        self.desk = OrderDesk(
            self.queued.append,
            self._stop,
            lambda order, _reply: self.elsewhere.append(order),
            now_s=lambda: self.now_s,
        )

    def _stop(self) -> None:
        self.stops += 1

    def order(self, verb: str, expects: Phase | None = None, **args: object) -> Order:
        order = Order(verb, args, "uid-1000", expects, 99.0)
        self.desk.take(order, self.answers.append)
        return order


def test_an_order_for_the_lane_is_queued_and_answered_when_the_loop_has_taken_it() -> None:
    bench = Bench()
    bench.order("close", Phase.IDLE)
    assert bench.queued == [Ordered(1, Verb.CLOSE, "uid-1000", Phase.IDLE, 99.0)]
    assert bench.answers == []
    bench.desk.tell(Tell(1, True, "lane is out_of_service"), "out_of_service")
    assert bench.answers == [Done({"detail": "lane is out_of_service", "phase": "out_of_service"})]


def test_each_order_has_its_own_answer_once_and_a_refusal_says_why() -> None:
    bench = Bench()
    bench.order("close")
    bench.order("reset")
    bench.desk.tell(Tell(2, False, "nothing is latched"), "idle")
    bench.desk.tell(Tell(2, True), "idle")
    bench.desk.tell(Tell(0, True), "idle")  # the daemon's own order has nobody who waits
    assert bench.answers == [Rejected(Rejection.REFUSED, "nothing is latched")]


def test_status_is_the_newest_snapshot_and_a_stop_is_heard_at_once() -> None:
    bench = Bench()
    bench.desk.publish({"phase": "idle"})
    bench.order("status")
    bench.order("stop")
    assert bench.answers == [Done({"phase": "idle", "age_s": 0.0, "health": {}}), Done({"stopping": True})]
    assert (bench.stops, bench.queued) == (1, [])


def test_a_status_says_how_long_ago_the_loop_made_it() -> None:
    """The loop hangs, and the thread that answers does not."""
    bench = Bench()
    bench.desk.publish({"phase": "idle"})
    bench.now_s += 7.0
    bench.order("status")
    assert bench.answers == [Done({"phase": "idle", "age_s": 7.0, "health": {}})]


def test_what_is_not_the_lanes_goes_elsewhere() -> None:
    bench = Bench()
    order = bench.order("subjects")
    assert (bench.elsewhere, bench.queued, bench.answers) == ([order], [], [])


@pytest.mark.parametrize(("door", "verb"), [("entry_door", Verb.LET_OUT_ENTRY), ("exit_door", Verb.LET_OUT_EXIT)])
def test_to_let_out_by_a_door_is_an_order_of_its_own(door: str, verb: Verb) -> None:
    bench = Bench()
    bench.order("let_out", Phase.HOLD, door=door)
    assert bench.queued == [Ordered(1, verb, "uid-1000", Phase.HOLD, 99.0)]


@pytest.mark.parametrize("door", ["side_door", "", 1, ["exit_door"]])
def test_a_door_that_is_none_lets_nobody_out(door: object) -> None:
    bench = Bench()
    with pytest.raises(Refusal, match="entry_door, exit_door"):
        bench.order("let_out", door=door)
    assert bench.queued == []


@pytest.mark.parametrize("verb", ["close", "let_out", "hold", "evacuate", "reset", "maintain_end"])
def test_why_it_was_ordered_goes_to_the_lane_with_the_order(verb: str) -> None:
    bench = Bench()
    bench.order(verb, Phase.HOLD, why="technical")
    assert bench.queued == [Ordered(1, Verb(verb), "uid-1000", Phase.HOLD, 99.0, None, "technical")]


NO_WORD = ["Mr Chan fell at the exit", "", 7, ["fire"], "fire\n", "repair"]


@pytest.mark.parametrize("why", NO_WORD)
def test_free_text_is_no_reason_and_nobody_repeats_it(why: object) -> None:
    bench = Bench()
    with pytest.raises(Refusal, match="fire, medical") as caught:
        bench.order("close", why=why)
    assert "Chan" not in str(caught.value)
    assert bench.queued == []


@pytest.mark.parametrize("why", NO_WORD)
@pytest.mark.parametrize("verb", ["evacuate", "hold"])
def test_nobody_stays_inside_because_of_a_word_that_the_lane_does_not_know(verb: str, why: object) -> None:
    """A newer console gives a reason that this lane has no word for, while somebody lies inside."""
    bench = Bench()
    bench.order(verb, why=why)
    assert bench.queued == [Ordered(1, Verb(verb), "uid-1000", None, 99.0, None, "other")]


def test_maintenance_has_reasons_of_its_own() -> None:
    bench = Bench()
    bench.order("maintain", name="mk", why="repair")
    assert bench.queued == [Ordered(1, Verb.MAINTAIN, "uid-1000", None, 99.0, Stay("mk", "repair"))]
