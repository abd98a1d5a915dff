"""A thread that hangs in its device is left behind, its device is opened anew, and nothing it brings late counts."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from queue import Empty, SimpleQueue

import pytest
from peers import until

from gatefw.backoff import Backoff
from gatefw.errors import BadReply, DeviceLost, StoreError, WrongDevice
from gatefw.gate_terms import Answered, Ask, DeviceCame, DeviceWent, GateInput
from gatefw.log_words import Formatter
from gatefw.model import Failed, FingerCompared, Question, Reason, Reply, RunId, SubjectId, VerifyFinger
from gatefw.questions import QuestionWorker
from gatefw.worker import LEFT_BEHIND, LOANS, Worker

LATE_S = 1e9  # a time at which everything is overdue
CAME = DeviceCame("thing")


class Thing:
    """A device that hangs in `use` while `hangs` is set, and in its closing while `closing_hangs` is."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.free.set()
        self.used, self.hung, self.closed = 0, threading.Event(), threading.Event()
        self.broken: Exception | None = None

    def use(self) -> None:
        if not self.free.is_set():
            self.hung.set()
            assert self.free.wait(60)
        if self.broken is not None:
            raise self.broken
        self.used += 1

    def close(self) -> None:
        self.closed.set()


class ThingWorker(Worker[Thing]):
    begun = ended_stuck = ended_well = 0

    def began(self, device: Thing) -> None:
        self.begun += 1

    def ended(self, stuck: bool) -> None:
        if stuck:
            self.ended_stuck += 1
        else:
            self.ended_well += 1

    def turn(self, device: Thing) -> None:
        if self.progress:
            self._rest(0.01)
        device.use()
        if device.broken is None and not device.closed.is_set():
            self._put(Answered(RunId(str(id(device))), device.used, Failed(Reason.OK)))


class Bench:
    def __init__(self) -> None:
        self.told: list[GateInput] = []
        self.things: list[Thing] = []
        self.worker = ThingWorker("thing", self.open, self.told.append)

    def open(self) -> Thing:
        self.things.append(Thing())
        return self.things[-1]

    def health(self) -> list[GateInput]:
        return [event for event in self.told if not isinstance(event, Answered)]

    def serving(self) -> Thing:
        """The device that is there now, after it was heard."""
        return until(lambda: self.health()[-1:] == [CAME] and self.worker.device, "the device to be there", 30)

    def hang(self) -> Thing:
        """The device that is there hangs from now on, and is overdue."""
        thing = self.serving()
        thing.free.clear()
        assert thing.hung.wait(30)
        return thing


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    made.worker.start()
    yield made
    for thing in made.things:
        thing.broken = None
        thing.free.set()
    made.worker.stop(30)
    for thing in made.things:
        assert thing.closed.wait(30)


def test_a_turn_that_ends_in_time_is_not_overdue_and_one_that_does_not_is(bench: Bench) -> None:
    bench.serving()
    assert not bench.worker.overdue(0.0)
    bench.hang()
    assert bench.worker.overdue(LATE_S)


def test_a_stuck_device_is_gone_at_once_and_a_fresh_thread_opens_it_anew(bench: Bench) -> None:
    stuck = bench.hang()
    bench.worker.give_up()
    assert bench.health()[-1] in (DeviceWent("thing", Reason.DEVICE_STUCK), CAME)
    fresh = bench.serving()
    assert fresh is not stuck
    assert bench.health() == [CAME, DeviceWent("thing", Reason.DEVICE_STUCK), CAME]
    assert not stuck.closed.is_set()


def test_what_a_thread_brings_after_it_was_left_behind_is_nobodys_and_it_closes_its_own_device(bench: Bench) -> None:
    stuck = bench.hang()
    brought = sum(isinstance(event, Answered) and event.run == str(id(stuck)) for event in bench.told)
    bench.worker.give_up()
    fresh = bench.serving()
    stuck.free.set()
    assert stuck.closed.wait(30)
    used = fresh.used
    until(lambda: fresh.used > used, "the fresh thread to go on", 30)
    assert sum(isinstance(event, Answered) and event.run == str(id(stuck)) for event in bench.told) == brought
    assert bench.worker.device is fresh
    assert not fresh.closed.is_set()
    assert (bench.worker.ended_stuck, bench.worker.ended_well) == (1, 0)


def test_a_left_thread_whose_call_fails_at_last_says_nothing_of_the_device_that_is_served_now(bench: Bench) -> None:
    stuck = bench.hang()
    bench.worker.give_up()
    bench.serving()
    stuck.broken = DeviceLost("at last")
    stuck.free.set()
    assert stuck.closed.wait(30)
    assert bench.health()[-1] == CAME


def test_a_device_that_hangs_again_and_again_stays_lost_until_one_of_its_threads_returns(bench: Bench) -> None:
    stuck = []
    for _ in range(LEFT_BEHIND + 1):
        stuck.append(bench.hang())
        bench.worker.give_up()
    assert bench.health()[-1] == DeviceWent("thing", Reason.DEVICE_STUCK)
    assert len(bench.things) == LEFT_BEHIND + 1
    assert not bench.worker.overdue(LATE_S)
    bench.worker.give_up()  # changes nothing: there is no thread to leave
    assert len([event for event in bench.health() if isinstance(event, DeviceWent)]) == LEFT_BEHIND + 1
    stuck[0].free.set()
    assert bench.serving() not in stuck


def test_stopping_does_not_wait_for_ever_for_a_thread_that_hangs() -> None:
    bench = Bench()
    bench.worker.start()
    stuck = bench.hang()
    bench.worker.stop(0.0)
    heard = len(bench.told)
    stuck.free.set()
    assert stuck.closed.wait(30)
    assert len(bench.told) == heard


def test_stopping_does_not_wait_for_a_thread_that_was_left_behind(bench: Bench) -> None:
    stuck = bench.hang()
    bench.worker.give_up()
    fresh = bench.serving()
    bench.worker.stop(30)
    assert fresh.closed.is_set()
    assert not stuck.closed.is_set()


def test_a_device_that_hangs_while_it_is_opened_is_given_up_too() -> None:
    free, opening, made = threading.Event(), threading.Event(), Thing()
    told: list[GateInput] = []
    tries: list[Thing] = []

    def open_device() -> Thing:
        if not tries:
            tries.append(Thing())
            opening.set()
            assert free.wait(60)
            return tries[0]
        return made

    worker = ThingWorker("thing", open_device, told.append)
    worker.start()
    assert opening.wait(30)
    assert worker.overdue(LATE_S)
    worker.give_up()
    until(lambda: CAME in told, "the second try to work", 30)
    free.set()
    assert tries[0].closed.wait(30)
    assert worker.device is made
    assert worker.begun == 1
    worker.stop(30)


# ---------------------------------------------------------------- loans


def test_a_device_is_lent_between_two_turns_on_its_owners_own_thread(bench: Bench) -> None:
    thing = bench.serving()
    lent = bench.worker.lend(lambda device: (device, threading.current_thread().name))
    assert lent.result(30) == (thing, "thing")
    used = thing.used
    until(lambda: thing.used > used, "the turns to go on", 30)


def test_a_mistake_of_who_borrows_is_his_alone(bench: Bench) -> None:
    bench.serving()
    with pytest.raises(ZeroDivisionError):
        bench.worker.lend(lambda _device: 1 / 0).result(30)
    assert bench.health() == [CAME]


def test_a_device_that_fails_while_it_is_lent_is_closed_and_opened_again(bench: Bench) -> None:
    first = bench.serving()

    def fails(_device: Thing) -> None:
        raise BadReply("noise")

    with pytest.raises(BadReply):
        bench.worker.lend(fails).result(30)
    assert first.closed.wait(30)
    until(lambda: bench.health() == [CAME, DeviceWent("thing", Reason.DEVICE_LOST), CAME], "it to be back", 30)


def test_what_is_not_there_cannot_be_lent() -> None:
    worker = ThingWorker("thing", Thing, lambda _event: None)
    with pytest.raises(DeviceLost, match="thing: cannot be used now: it is not there"):
        worker.lend(lambda _device: None).result(0)


def test_each_reason_why_a_device_is_gone_is_told_once_and_the_last_one_is_known_in_words() -> None:
    told: list[GateInput] = []
    ways: list[Exception | Thing] = [
        DeviceLost("thing: unplugged"),
        WrongDevice("thing: a modem"),
        DeviceLost("thing: unplugged again"),
        WrongDevice("thing: a modem again"),
        KeyError("of somebody"),
        Thing(),
    ]
    troubles = []

    def open_device() -> Thing:
        troubles.append(worker.trouble)
        way = ways.pop(0)
        if isinstance(way, Exception):
            raise way
        return way

    worker = ThingWorker("thing", open_device, told.append)
    worker.start()
    until(lambda: CAME in told, "it to be there at last", 60)
    reasons = [event.reason for event in told if isinstance(event, DeviceWent)]
    assert reasons == [Reason.DEVICE_LOST, Reason.DEVICE_WRONG, Reason.SOFTWARE]
    assert troubles[:-1] == ["", "thing: unplugged", "thing: a modem", "thing: unplugged again", "thing: a modem again"]
    assert troubles[-1] == "a mistake in its driver (KeyError): see the log"
    assert worker.trouble == ""
    worker.stop(30)


def test_what_a_mistake_in_a_driver_quotes_of_a_traveller_is_not_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    card, told = "C01X00T47", list[GateInput]()

    def open_device() -> Thing:
        raise AssertionError(int(card))

    caplog.handler.setFormatter(Formatter("%(message)s"))
    worker = ThingWorker("thing", open_device, told.append)
    worker.start()
    until(lambda: told, "it to be found")
    worker.stop(30)
    assert caplog.text.startswith("thing: a mistake in its driver (ValueError): see the log\nTraceback")
    assert ", in open_device\n" in caplog.text
    assert card not in caplog.text


def test_who_wants_a_device_that_is_not_there_hears_why_it_is_not() -> None:
    def open_device() -> Thing:
        raise StoreError("key file /k: is not there; put it there")

    worker = ThingWorker("thing", open_device, lambda _event: None)
    worker.start()
    until(lambda: worker.trouble, "it to be found missing", 30)
    with pytest.raises(DeviceLost, match=r"it is not there \(key file /k: is not there; put it there\); try again"):
        worker.lend(lambda _device: None).result(0)
    worker.stop(30)


def test_loans_are_bounded_and_those_that_wait_for_a_stuck_device_fail(bench: Bench) -> None:
    bench.hang()
    waiting: list[Future[None]] = [bench.worker.lend(lambda _device: None) for _ in range(LOANS)]
    with pytest.raises(DeviceLost, match=f"{LOANS} others wait"):
        bench.worker.lend(lambda _device: None).result(0)
    assert not any(loan.done() for loan in waiting)
    bench.worker.give_up()
    for loan in waiting:
        with pytest.raises(DeviceLost, match="went away"):
            loan.result(0)


def test_a_loan_that_hangs_fails_when_its_thread_is_left_behind_and_has_the_time_it_asked_for(bench: Bench) -> None:
    bench.serving()
    free, held = threading.Event(), threading.Event()

    def hold(_device: Thing) -> bool:
        held.set()
        return free.wait(60)

    lent = bench.worker.lend(hold, within_s=1000.0)
    assert held.wait(30)
    assert not bench.worker.overdue(time.monotonic() + 500.0)
    bench.worker.give_up()
    with pytest.raises(DeviceLost):
        lent.result(0)
    bench.serving()
    free.set()


def test_a_loan_that_was_taken_back_is_not_carried_out(bench: Bench) -> None:
    thing = bench.hang()
    used: list[Thing] = []
    lent, last = bench.worker.lend(used.append), bench.worker.lend(lambda _device: None)
    assert lent.cancel()
    thing.free.set()
    last.result(30)
    assert used == []


# ---------------------------------------------------------------- questions

FINGER = VerifyFinger(SubjectId("5" * 32), 2.0)


class Asked(QuestionWorker[Thing]):
    unavailable = Reason.FINGERS_UNAVAILABLE

    def answer(self, device: Thing, question: Question, given_up: object) -> Reply:
        device.use()
        return FingerCompared(True, 100, 1)


def _next(told: "SimpleQueue[GateInput]") -> GateInput:
    try:
        return told.get(timeout=30)
    except Empty:
        raise AssertionError("no input came") from None


def test_who_asked_a_device_that_hangs_is_answered_when_it_is_given_up_and_never_twice() -> None:
    told: SimpleQueue[GateInput] = SimpleQueue()
    things: list[Thing] = []

    def open_device() -> Thing:
        things.append(Thing())
        return things[-1]

    worker = Asked("finger.scanner", open_device, told.put)
    worker.start()
    assert _next(told) == DeviceCame("finger.scanner")
    things[0].free.clear()
    worker.ask(Ask(RunId("run-1"), 3, FINGER))
    assert things[0].hung.wait(30)
    worker.give_up()
    gone = {_next(told), _next(told)}
    assert gone == {
        DeviceWent("finger.scanner", Reason.DEVICE_STUCK),
        Answered(RunId("run-1"), 3, Failed(Reason.FINGERS_UNAVAILABLE)),
    }
    assert _next(told) == DeviceCame("finger.scanner")
    things[0].free.set()
    assert things[0].closed.wait(30)
    worker.ask(Ask(RunId("run-2"), 1, FINGER))
    assert _next(told) == Answered(RunId("run-2"), 1, FingerCompared(True, 100, 1))
    worker.stop(30)


@pytest.mark.parametrize(
    ("broken", "answer", "gone"),
    [
        (DeviceLost("unplugged"), Reason.FINGERS_UNAVAILABLE, Reason.DEVICE_LOST),
        (ZeroDivisionError(), Reason.SOFTWARE, Reason.SOFTWARE),
    ],
)
def test_who_asked_a_device_that_fails_is_answered_before_the_device_is_said_to_be_gone(
    broken: Exception, answer: Reason, gone: Reason
) -> None:
    told: SimpleQueue[GateInput] = SimpleQueue()
    things = [Thing(), Thing()]
    waiting = list(things)
    worker = Asked("finger.scanner", lambda: waiting.pop(0), told.put)
    worker.start()
    assert _next(told) == DeviceCame("finger.scanner")
    things[0].broken = broken
    worker.ask(Ask(RunId("run-1"), 3, FINGER))
    assert _next(told) == Answered(RunId("run-1"), 3, Failed(answer))
    assert _next(told) == DeviceWent("finger.scanner", gone)
    assert _next(told) == DeviceCame("finger.scanner")
    worker.stop(30)


def test_a_question_to_a_device_that_is_not_there_is_answered_at_once_and_one_that_was_taken_back_never() -> None:
    told: SimpleQueue[GateInput] = SimpleQueue()
    thing = Thing()
    worker = Asked("finger.scanner", lambda: thing, told.put)
    worker.ask(Ask(RunId("run-1"), 3, FINGER))
    assert _next(told) == Answered(RunId("run-1"), 3, Failed(Reason.FINGERS_UNAVAILABLE))
    worker.start()
    assert _next(told) == DeviceCame("finger.scanner")
    thing.free.clear()
    worker.ask(Ask(RunId("run-2"), 1, FINGER))
    assert thing.hung.wait(30)
    worker.cancel(RunId("run-2"))
    thing.free.set()
    worker.lend(lambda _device: None).result(30)
    assert told.empty()
    worker.stop(30)


# ---------------------------------------------------------------- the wait for the next try


class Ending(threading.Event):
    """An end that never comes, and a clock that is as late as the waits say."""

    waited_s = 0.0

    def wait(self, timeout: float | None = None) -> bool:
        self.waited_s += timeout or 0.0
        return self.is_set()


def test_a_device_is_tried_again_within_two_seconds_however_long_it_was_away() -> None:
    backoff = Backoff()
    for _ in range(50):
        ending = Ending()
        backoff.rest(ending, lambda: False)
        assert ending.waited_s <= 2.0


def test_a_node_that_comes_back_is_tried_at_once_and_one_that_stays_away_is_not_waited_for() -> None:
    backoff = Backoff()
    for _ in range(50):
        backoff.wait_s()
    ending = Ending()
    backoff.rest(ending, lambda: ending.waited_s > 0.35)
    assert 0.35 < ending.waited_s <= 0.5
    assert backoff.wait_s() <= 0.25


def test_a_node_that_was_there_all_the_time_is_no_reason_to_hurry() -> None:
    backoff = Backoff()
    for _ in range(50):
        backoff.wait_s()
    ending = Ending()
    backoff.rest(ending, lambda: True)
    assert ending.waited_s >= 1.4


def test_the_end_is_not_waited_for() -> None:
    ending = Ending()
    ending.set()
    Backoff().rest(ending, lambda: False)
    assert ending.waited_s <= 0.1


class Lingers(ThingWorker):
    """One that was left behind has ended before the next is."""

    def __init__(self, bench: Bench) -> None:
        super().__init__("thing", bench.open, bench.told.append)
        self.things, self.threads = bench.things, list[threading.Thread]()

    def began(self, device: Thing) -> None:
        super().began(device)
        self.threads.append(threading.current_thread())

    def ended(self, stuck: bool) -> None:
        super().ended(stuck)
        if self.ended_stuck > LEFT_BEHIND:
            self.things[0].free.set()
            self.threads[0].join(30)
            assert not self.threads[0].is_alive()


def test_a_thread_that_returns_while_another_is_being_left_behind_is_not_in_its_way(bench: Bench) -> None:
    """The loop leaves threads behind itself: what that raised would be the loop's end."""
    bench.worker.stop(30)
    bench.told.clear()
    bench.things.clear()
    bench.worker = Lingers(bench)
    bench.worker.start()
    for _ in range(LEFT_BEHIND + 1):
        bench.hang()
        bench.worker.give_up()
    assert bench.serving() is bench.things[LEFT_BEHIND + 1]
