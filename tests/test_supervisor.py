"""The live runner, held still: a real supervisor on mock pins whose loop is not running, one input at a time."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from peers import until

import hw
from gatefw import config
from gatefw.control import Answer, Done, Order, Rejected
from gatefw.gate_terms import (
    Answered,
    Ask,
    Committed,
    DeviceWent,
    DoorSensed,
    ForgetLatch,
    KeepMaintenance,
    LaneSensed,
    Ordered,
    Stay,
)
from gatefw.journal import QUEUE_ROWS
from gatefw.model import (
    Beam,
    Confirm,
    DoorId,
    Fact,
    FactKind,
    Failed,
    Faulted,
    Input,
    Occupancy,
    Phase,
    Position,
    Reason,
    RunId,
    Signal,
    Started,
    SubjectId,
    Verb,
    VerifyFinger,
)
from gatefw.supervisor import Supervisor

SIM = Path(__file__).resolve().parents[1] / "config" / "sim.toml"
FIRE = LaneSensed(Occupancy.ONE, (), ((Input.FIRE, Signal.ON),))
ALARM = Fact(FactKind.ALARM_RAISED, None, (("reason", Reason.CALLED),))


def held(slow: threading.Event) -> None:
    """What a slow disk does to the thread that writes the journal."""
    slow.wait(30)


class SoundDoor:
    def __init__(self) -> None:
        self.released = threading.Event()

    def watch(self, changed: Callable[[], None]) -> None:
        pass

    def release(self, lease_s: float) -> None:
        self.released.set()


class BrokenDoor(SoundDoor):
    """Its driver has a mistake in it."""

    def release(self, lease_s: float) -> None:
        raise ZeroDivisionError


class HangingDoor(SoundDoor):
    """Its driver never returns, until the test is over."""

    def __init__(self) -> None:
        super().__init__()
        self.over = threading.Event()

    def release(self, lease_s: float) -> None:
        self.over.wait()


@pytest.fixture
def lane_file(tmp_path: Path) -> config.Config:
    file = tmp_path / "lane.toml"
    file.write_text(re.sub(r'(?m)^factory = ".*"', 'factory = "mock:"', SIM.read_text()))
    env = {"GATEFW_STATE": str(tmp_path / "state"), "GATEFW_RUN": str(tmp_path / "run")}
    return config.load(file, hw.schema, env)


@pytest.fixture
def supervisor(lane_file: config.Config) -> Iterator[Supervisor]:
    supervisor = Supervisor(lane_file)
    yield supervisor
    supervisor._files.close()


def _faults(supervisor: Supervisor) -> list[Reason]:
    found = []
    while (event := supervisor._inbox.get(0)) is not None:
        if isinstance(event, Faulted):
            found.append(event.reason)
    return found


@pytest.mark.parametrize("kind", [BrokenDoor, HangingDoor])
def test_one_door_whose_driver_breaks_or_hangs_does_not_keep_the_other_from_being_freed(
    supervisor: Supervisor, kind: type[SoundDoor]
) -> None:
    """The loop goes on at once: it waits for neither."""
    crew, sound, other = supervisor._crew, SoundDoor(), kind()
    for door, device in ((DoorId.ENTRY, other), (DoorId.EXIT, sound)):
        crew.doors[door].device = device  # type: ignore[assignment]
        crew.doors[door].began(device)  # type: ignore[arg-type]
    for door in DoorId:
        supervisor._handle(DoorSensed(door, Position.SECURED, Beam.CLEAR))
    supervisor._handle(Started())
    supervisor._handle(FIRE)
    assert sound.released.wait(30)
    if isinstance(other, HangingDoor):
        until(lambda: crew.doors[DoorId.ENTRY].overdue(time.monotonic() + 6.0), "the hand to hang", 30)
        other.over.set()
    for door in DoorId:
        crew.doors[door].ended(stuck=False)


def test_a_door_freed_in_an_emergency_is_kept_so_by_the_loop_though_the_contact_is_restored_and_nobody_reads_it(
    supervisor: Supervisor,
) -> None:
    """It was locked again when its own contacts failed after the fire contact had been restored, before any reset."""
    crew, sound = supervisor._crew, SoundDoor()
    crew.doors[DoorId.EXIT].device = sound  # type: ignore[assignment]
    crew.doors[DoorId.EXIT].began(sound)  # type: ignore[arg-type]
    supervisor._handle(Started())
    supervisor._handle(FIRE)
    assert sound.released.wait(30)
    assert crew.doors[DoorId.EXIT]._freed_until_s > time.monotonic(), "or a failed reading ends its release"
    crew.doors[DoorId.EXIT].ended(stuck=False)


def test_a_tick_leaves_who_hangs_and_one_that_was_itself_held_up_blames_nobody(supervisor: Supervisor) -> None:
    worker, now_s = supervisor._crew.readers[0], 10.0
    worker.turn_ends_s = now_s - 1.0
    supervisor._tick(now_s)  # the first for long: the loop may have been kept from running, and the others with it
    assert worker.turn_ends_s == now_s - 1.0
    supervisor._crew.readers[0]._thread = hung = threading.Thread(target=lambda: None)
    supervisor._tick(now_s + 0.1)
    assert worker._thread is not hung
    assert worker.turn_ends_s > now_s
    assert supervisor._inbox.get(0) == DeviceWent(worker.name, Reason.DEVICE_STUCK)
    worker.stop(30)


def test_rows_that_are_lost_are_a_fault_once_and_not_for_ever(supervisor: Supervisor) -> None:
    """The fault is recorded too, and that row is lost as well: it must not come round again as the next fault."""
    disk = threading.Event()
    supervisor._scribe.journal.append(ALARM, lambda _n: disk.wait() and None)
    try:
        for _ in range(2 * QUEUE_ROWS):
            supervisor._scribe.append(ALARM)
        assert _faults(supervisor) == [Reason.OVERFLOW]
    finally:
        disk.set()
    until(lambda: supervisor._scribe.journal.head() >= QUEUE_ROWS, "the disk to catch up")
    supervisor._scribe.append(ALARM)
    assert _faults(supervisor) == []


def test_a_fact_that_the_schema_does_not_know_is_our_own_fault_and_not_the_journals(supervisor: Supervisor) -> None:
    supervisor._scribe.append(Fact(FactKind.ALARM_RAISED, None, (("reason", "Anna Example"),)))
    assert _faults(supervisor) == [Reason.SOFTWARE]


def test_a_queue_that_overflows_while_the_lane_starts_is_a_fault_and_not_the_end(supervisor: Supervisor) -> None:
    supervisor._stopping.set()  # so that the start waits for nothing
    for ticket in range(2000):
        supervisor._inbox.put(Committed(ticket))
    assert supervisor._next(0) == Faulted(Reason.OVERFLOW)
    supervisor._boot()
    assert supervisor.gate.state.started


def test_a_reset_does_not_make_a_lane_serve_that_can_record_nothing(supervisor: Supervisor) -> None:
    """The disk is gone. Somebody resets the fault: it comes back at once, with its cause."""
    supervisor._scribe.journal._writer.close()
    supervisor._scribe.append(ALARM)
    until(lambda: supervisor._scribe.journal.broken, "the journal to notice")
    assert _faults(supervisor) == [Reason.JOURNAL_BROKEN]
    supervisor._errands.take(ForgetLatch())
    assert _faults(supervisor) == [Reason.JOURNAL_BROKEN]


def test_a_latched_cause_is_in_the_status_and_survives_to_the_next_daemon(supervisor: Supervisor) -> None:
    supervisor._handle(Started())
    supervisor._handle(Faulted(Reason.TAMPERED))
    supervisor._handle(Faulted(Reason.SOFTWARE))
    supervisor._publish_status()
    status = supervisor._orders._status[0]
    assert (status["phase"], status["latched"]) == (Phase.FAULT, Reason.TAMPERED)
    until(lambda: supervisor._scribe.journal.latched() is Reason.TAMPERED, "the latch to be on disk")


def test_a_daemon_that_ends_in_maintenance_is_followed_by_one_that_serves_nobody_until_it_is_opened(
    lane_file: config.Config,
) -> None:
    """The technician is at the doors when the daemon dies. The next one stays out of service and says why, and so does
    the one after it; who opens the lane is believed."""
    first = Supervisor(lane_file)
    first._errands.take(KeepMaintenance())
    first._files.close()
    for _ in range(2):
        supervisor = Supervisor(lane_file)
        supervisor._publish_status()
        status = supervisor._orders._status[0]
        assert (supervisor.gate.state.in_service, status["reason"]) == (False, Reason.MAINTENANCE)
        supervisor._files.close()
    supervisor = Supervisor(lane_file)
    supervisor._handle(Started())
    supervisor._handle(Ordered(1, Verb.OPEN, "uid-7"))
    supervisor._publish_status()
    assert supervisor._orders._status[0]["reason"] is None
    supervisor._files.close()
    last = Supervisor(lane_file)
    assert last.gate.state.in_service
    last._files.close()


def test_a_technician_is_answered_when_the_next_daemon_would_know_of_them(supervisor: Supervisor) -> None:
    """The disk is slow. The lane is theirs at once; who asked for it goes to the doors when a crash forgets nothing."""
    answers: list[Answer] = []
    slow = threading.Event()
    for door in DoorId:
        supervisor._handle(DoorSensed(door, Position.SECURED, Beam.CLEAR))
    supervisor._handle(LaneSensed(Occupancy.EMPTY, (), ()))
    supervisor._handle(Started())
    supervisor._scribe.journal.append(ALARM, lambda _n: held(slow))
    order = Order("maintain", {"name": "mk", "why": "repair"}, "uid-7", None, time.monotonic() + 60)
    supervisor._orders.take(order, answers.append)
    supervisor._handle(Ordered(1, Verb.MAINTAIN, "uid-7", None, order.deadline_s, Stay("mk", "repair")))
    assert supervisor.gate.state.phase is Phase.MAINTENANCE
    assert answers == []
    slow.set()
    until(lambda: answers, "the answer")
    assert isinstance(answers[0], Done)
    assert supervisor._scribe.journal.maintained()


def test_who_is_shown_nothing_of_a_record_that_is_gone_is_referred(supervisor: Supervisor) -> None:
    run = RunId("a" * 16)
    supervisor._errands.take(Ask(run, 3, Confirm(SubjectId("5" * 32), 15.0)))
    answered = until(lambda: supervisor._inbox.get(0.01))
    assert answered == Answered(run, 3, Failed(Reason.RECORDS_UNAVAILABLE))


def test_a_question_that_the_lane_has_no_device_for_is_answered_at_once(supervisor: Supervisor) -> None:
    run = RunId("a" * 16)
    supervisor._errands.take(Ask(run, 1, VerifyFinger(SubjectId("5" * 32), 8.0)))
    assert supervisor._inbox.get(0.0) == Answered(run, 1, Failed(Reason.SOFTWARE))


def test_clearing_by_hand_is_the_counters_and_does_not_reach_the_lane(supervisor: Supervisor) -> None:
    answers: list[Answer] = []
    supervisor._orders.take(
        Order("clear_by_hand", {"run": "a" * 16, "why": "child"}, "uid-7", None, 99.0), answers.append
    )
    (refused,) = until(lambda: answers)
    assert isinstance(refused, Rejected)
    assert "no run aaaaaaaaaaaaaaaa has ended here" in refused.message
    assert supervisor._inbox.get(0.0) is None
