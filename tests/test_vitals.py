"""What is known of how a device goes, and the wait for its next try: in virtual time, over any order of events."""

import threading
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from peers import until

from gatefw.backoff import Backoff
from gatefw.errors import DeviceLost
from gatefw.gate_terms import DeviceCame, DeviceImpaired, DeviceWent, GateInput
from gatefw.model import Alarm, Fact, FactKind, Reason
from gatefw.senses import Senses
from gatefw.vitals import ALERT_TRIES, STEADY_S, TURNS, Vitals
from gatefw.worker import Worker


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@given(st.lists(st.sampled_from(["wait", "reset"]), max_size=200))
def test_a_wait_is_never_none_never_for_long_and_never_shorter_than_the_one_before_but_for_jitter(
    steps: list[str],
) -> None:
    backoff, before_s = Backoff(), 0.0
    for step in steps:
        if step == "reset":
            backoff.reset()
            before_s = 0.0
            continue
        wait_s = backoff.wait_s()
        assert 0.2 <= wait_s <= 1.5 * 1.25
        assert wait_s >= min(before_s / 1.25, 1.5)
        before_s = wait_s


def test_two_devices_that_went_together_do_not_come_back_in_step() -> None:
    one, two = Backoff(), Backoff()
    assert len({backoff.wait_s() for backoff in (one, two) for _ in range(20)}) == 40


@given(
    st.lists(st.tuples(st.sampled_from(["came", "failed", "turned", "steady?"]), st.floats(0.0, 10.0)), max_size=300)
)
def test_a_device_alerts_once_an_absence_and_is_well_again_only_after_a_while(steps: list[tuple[str, float]]) -> None:
    """Whatever comes in which order: no alarm before so many tries, one at most until it has worked for a while."""
    clock = Clock()
    vitals = Vitals(clock)
    tries, alerted, came_s = 0, 0, None
    for step, later_s in steps:
        clock.now_s += later_s
        if step == "came":
            came_s = clock.now_s if came_s is None else came_s
            vitals.came()
        elif step == "failed":
            tries, came_s = tries + 1, None
            alerted += vitals.failed("DeviceLost")
            assert alerted == int(tries >= ALERT_TRIES)
        elif step == "turned":
            vitals.turned(later_s)
        elif vitals.steadied():
            assert tries > 0
            assert came_s is not None and clock.now_s - came_s >= STEADY_S
            tries = alerted = 0
        health = vitals.health()
        assert (health.tries, health.state == "there") == (tries, came_s is not None)
        assert health.p50_s <= health.p99_s
        assert health.for_s >= 0.0


def test_however_many_turns_there_were_the_newest_stand_for_all() -> None:
    vitals = Vitals(Clock())
    for took_s in (*[9.0] * 1000, *[0.01] * (TURNS - 2), 0.5, 0.5):
        vitals.turned(took_s)
    health = vitals.health()
    assert (health.turns, health.p50_s, health.p99_s) == (1000 + TURNS, 0.01, 0.01)
    assert max(vitals._turns) == 0.5


class Lamp:
    def close(self) -> None:
        pass


class LampWorker(Worker[Lamp]):
    def turn(self, device: Lamp) -> None:
        if self.progress:
            self._rest(0.005)


def test_a_device_that_stays_away_is_one_alarm_which_is_over_when_it_has_worked_for_a_while() -> None:
    """It was unplugged. It is tried on and on, is said to be away once, comes back, and is said to be well again."""
    told: list[GateInput] = []
    plugged = threading.Event()

    def open_device() -> Lamp:
        if not plugged.is_set():
            raise DeviceLost("lamp: unplugged")
        return Lamp()

    worker = LampWorker("lamp", open_device, told.append)
    worker._backoff = Backoff(first_s=0.001, last_s=0.001)
    worker.vitals = Vitals(steady_s=0.0)
    worker.start()
    away = DeviceImpaired("lamp", Reason.DEVICE_AWAY, True)
    until(lambda: worker.vitals.health().tries > 2 * ALERT_TRIES, "many tries", 60)
    assert told == [DeviceWent("lamp"), away]
    assert worker.vitals.health().error == "DeviceLost"
    plugged.set()
    over = DeviceImpaired("lamp", Reason.DEVICE_AWAY, False)
    until(lambda: over in told, "the alarm to be over", 60)
    assert told == [DeviceWent("lamp"), away, DeviceCame("lamp"), over]
    assert worker.vitals.health().tries == 0
    worker.stop(30)


class LooseLamp(Lamp):
    """Answers once, and is gone: its plug is loose."""

    def __init__(self) -> None:
        self.turns = 0


class LooseWorker(Worker[LooseLamp]):
    def turn(self, device: LooseLamp) -> None:
        device.turns += 1
        if device.turns > 1:
            raise DeviceLost("lamp: gone again")


class Patience(Backoff):
    """Notes how long it would wait, and does not."""

    def __init__(self) -> None:
        super().__init__()
        self.waited_s: list[float] = []

    def rest(self, ending: threading.Event, there: Callable[[], bool]) -> None:
        self.waited_s.append(self.wait_s())
        ending.wait(0.001)


def test_a_device_that_comes_and_goes_is_tried_less_and_less_often_and_is_an_alarm_too() -> None:
    """Each time it answers it is there, and each time it is gone a moment later: that is no device to work with."""
    told: list[GateInput] = []
    worker, patience = LooseWorker("lamp", LooseLamp, told.append), Patience()
    worker._backoff = patience
    worker.start()
    until(lambda: len(patience.waited_s) > ALERT_TRIES, "many tries", 60)
    worker.stop(30)
    assert patience.waited_s[0] <= 0.25
    assert min(patience.waited_s[5:]) >= 1.5
    assert told.count(DeviceImpaired("lamp", Reason.DEVICE_AWAY, True)) == 1
    assert worker.vitals.health().losses >= ALERT_TRIES


def test_what_is_said_of_an_absence_outlives_another_reason_for_it_and_what_was_said_of_its_work_does_not() -> None:
    senses = Senses({"reader.front"})
    senses.device_impaired(DeviceImpaired("reader.front", Reason.DEVICE_FLOODS, True))
    away = senses.device_impaired(DeviceImpaired("reader.front", Reason.DEVICE_AWAY, True))
    assert Alarm(Reason.DEVICE_AWAY) in away
    senses.device_went(DeviceWent("reader.front", Reason.DEVICE_WRONG))
    assert senses.impaired["reader.front"] == {Reason.DEVICE_AWAY}
    restored = senses.device_impaired(DeviceImpaired("reader.front", Reason.DEVICE_AWAY, False))
    assert [each.kind for each in restored if isinstance(each, Fact)] == [FactKind.DEVICE_RESTORED]


@pytest.mark.parametrize("reason", [Reason.STALLED])
def test_a_thread_that_stalls_keeps_new_travellers_out_and_whoever_is_there_may_finish(reason: Reason) -> None:
    senses = Senses(())
    senses.device_impaired(DeviceImpaired("journal", reason, True))
    assert senses.keeps_out
    assert senses.whole
    senses.device_impaired(DeviceImpaired("journal", reason, False))
    assert not senses.keeps_out
