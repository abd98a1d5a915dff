"""The threads that own devices, with scripted devices and no time of their own."""

import math
import threading
import time
from collections.abc import Callable, Mapping
from queue import Empty, SimpleQueue

import pytest
from peers import until

from gatefw.crew import Crew
from gatefw.errors import BadReply, DeviceLost, StoreError, WrongDevice
from gatefw.flood import BURST
from gatefw.gate_terms import (
    DeviceCame,
    DeviceImpaired,
    DeviceWent,
    DoorSensed,
    Drive,
    GateInput,
    LaneSensed,
    TokenRead,
)
from gatefw.model import Beam, DoorId, Input, Occupancy, Phase, Position, Purpose, Reason, Signal, Token
from gatefw.ports import DoorReading, SensorsReading
from gatefw.worker import CHATTER_S
from gatefw.workers import KEPT_S, DoorWorker, IndicatorWorker, LastResort, ReaderWorker, SensorsWorker

WAIT_S = 30.0
SECURED = DoorReading(Position.SECURED, Beam.CLEAR)


class Post:
    """Where the workers put their inputs."""

    def __init__(self) -> None:
        self.came: SimpleQueue[GateInput] = SimpleQueue()

    def __call__(self, event: GateInput) -> None:
        self.came.put(event)

    def next(self) -> GateInput:
        try:
            return self.came.get(timeout=WAIT_S)
        except Empty:
            raise AssertionError("no input came") from None

    def until(self, wanted: GateInput) -> None:
        while self.next() != wanted:
            pass


class FakeDoor:
    """A door that reads what it is told and remembers what was done to it."""

    def __init__(self, reading: DoorReading = SECURED) -> None:
        self.reading = reading
        self.done: list[str] = []
        self.broken: DeviceLost | None = None
        self.changed: Callable[[], None] = lambda: None

    def release(self, lease_s: float) -> None:
        self._check()
        self.done.append(f"release {math.ceil(lease_s)}")

    def secure(self) -> None:
        self._check()
        self.done.append("secure")

    def read(self) -> DoorReading:
        self._check()
        return self.reading

    def watch(self, changed: Callable[[], None]) -> None:
        self.changed = changed

    def close(self) -> None:
        self.done.append("close")

    def _check(self) -> None:
        if self.broken:
            raise self.broken


class FakeSensors:
    def __init__(self, *pressed: Input) -> None:
        self.press(*pressed)
        self.changed: Callable[[], None] = lambda: None

    def press(self, *pressed: Input) -> None:
        levels = {which: Signal.ON if which in pressed else Signal.OFF for which in Input}
        self.reading = SensorsReading(Occupancy.ONE, {}, levels)

    def read(self) -> SensorsReading:
        return self.reading

    def watch(self, changed: Callable[[], None]) -> None:
        self.changed = changed

    def close(self) -> None:
        pass


@pytest.fixture
def post() -> Post:
    return Post()


def test_a_door_is_read_before_it_is_said_to_be_there(post: Post) -> None:
    worker = DoorWorker(DoorId.ENTRY, FakeDoor, post)
    worker.start()
    assert post.next() == DoorSensed(DoorId.ENTRY, Position.SECURED, Beam.CLEAR)
    assert post.next() == DeviceCame("door.entry_door")
    worker.stop()


def test_an_edge_makes_the_level_be_read_again(post: Post) -> None:
    door = FakeDoor()
    worker = DoorWorker(DoorId.ENTRY, lambda: door, post)
    worker.start()
    post.until(DeviceCame("door.entry_door"))
    door.reading = DoorReading(Position.OPEN, Beam.BROKEN)
    door.changed()
    assert post.next() == DoorSensed(DoorId.ENTRY, Position.OPEN, Beam.BROKEN)
    worker.stop()


def test_a_lost_edge_is_made_good_by_the_timer(post: Post) -> None:
    door = FakeDoor()
    worker = DoorWorker(DoorId.ENTRY, lambda: door, post)
    worker.start()
    post.until(DeviceCame("door.entry_door"))
    door.reading = DoorReading(Position.CLOSED, Beam.CLEAR)
    assert post.next() == DoorSensed(DoorId.ENTRY, Position.CLOSED, Beam.CLEAR)
    worker.stop()


def test_a_door_that_fails_when_driven_is_closed_reported_once_and_opened_again(post: Post) -> None:
    doors = [FakeDoor(), FakeDoor()]
    waiting = list(doors)
    worker = DoorWorker(DoorId.EXIT, lambda: waiting.pop(0), post)
    worker.start()
    post.until(DeviceCame("door.exit_door"))
    doors[0].broken = DeviceLost("the line is gone")
    worker.drive(300.0)
    post.until(DeviceWent("door.exit_door", Reason.DEVICE_LOST))
    post.until(DeviceCame("door.exit_door"))
    worker.drive(600.0)
    worker.stop()
    assert doors[0].done == ["close"]
    assert doors[1].done == ["release 600", "close"]


@pytest.mark.parametrize(
    ("problem", "reason"),
    [
        (DeviceLost("unplugged"), Reason.DEVICE_LOST),
        (BadReply("noise"), Reason.DEVICE_LOST),
        (WrongDevice("a modem"), Reason.DEVICE_WRONG),
        (StoreError("its key file is not there"), Reason.DEVICE_NOT_SET_UP),
        (ZeroDivisionError(), Reason.SOFTWARE),
    ],
)
def test_whatever_a_driver_raises_is_a_device_that_went_and_its_thread_lives_on(
    post: Post, problem: Exception, reason: Reason
) -> None:
    outcomes: list[Exception | FakeDoor] = [problem, problem, FakeDoor()]

    def open_device() -> FakeDoor:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    worker = DoorWorker(DoorId.ENTRY, open_device, post)
    worker.start()
    assert post.next() == DeviceWent("door.entry_door", reason)
    assert isinstance(post.next(), DoorSensed)
    assert post.next() == DeviceCame("door.entry_door")
    worker.stop()


def test_stopping_closes_the_device(post: Post) -> None:
    door = FakeDoor()
    worker = DoorWorker(DoorId.ENTRY, lambda: door, post)
    worker.start()
    post.until(DeviceCame("door.entry_door"))
    worker.stop()
    assert door.done == ["close"]


class HangingDoor(FakeDoor):
    """A door whose contacts, or whose lock, cannot be got at any more, until the test is over."""

    def __init__(self) -> None:
        super().__init__()
        self.reading_hangs = self.driving_hangs = False
        self.hung, self.over = threading.Event(), threading.Event()

    def read(self) -> DoorReading:
        self._hang(self.reading_hangs)
        return super().read()

    def release(self, lease_s: float) -> None:
        self._hang(self.driving_hangs)
        super().release(lease_s)

    def _hang(self, hangs: bool) -> None:
        if hangs:
            self.hung.set()
            assert self.over.wait(60)


def _hanging(post: Post) -> tuple[DoorWorker, list[HangingDoor]]:
    doors: list[HangingDoor] = []

    def open_device() -> HangingDoor:
        if doors and not doors[0].over.is_set():
            raise DeviceLost("its lines are in use")
        doors.append(HangingDoor())
        return doors[-1]

    worker = DoorWorker(DoorId.EXIT, open_device, post)
    worker.start()
    post.until(DeviceCame("door.exit_door"))
    return worker, doors


def test_a_door_whose_reading_hangs_is_gone_and_can_still_be_released_in_a_fire(post: Post) -> None:
    worker, doors = _hanging(post)
    doors[0].reading_hangs = True
    assert doors[0].hung.wait(30)
    assert worker.overdue(time.monotonic() + 6.0)
    worker.give_up()
    post.until(DeviceWent("door.exit_door", Reason.DEVICE_STUCK))
    assert worker.position() is Position.UNKNOWN
    worker.drive(600.0)
    until(lambda: doors[0].done == ["release 600"], "the release", 30)
    doors[0].over.set()
    post.until(DeviceCame("door.exit_door"))
    worker.drive(900.0)
    worker.stop()
    assert doors[1].done == ["release 900", "close"]
    until(lambda: doors[0].done == ["release 600", "close"], "the first to be closed", 30)


def test_a_door_whose_lock_hangs_is_found_though_its_contacts_are_read_and_is_opened_anew(post: Post) -> None:
    worker, doors = _hanging(post)
    doors[0].driving_hangs = True
    worker.drive(600.0)
    assert doors[0].hung.wait(30)
    assert not worker.overdue(0.0)
    assert worker.overdue(time.monotonic() + 6.0)
    worker.give_up()
    post.until(DeviceWent("door.exit_door", Reason.DEVICE_STUCK))
    assert not worker.overdue(time.monotonic())
    doors[0].over.set()
    post.until(DeviceCame("door.exit_door"))
    worker.stop()
    until(lambda: "close" in doors[0].done, "the first to be closed", 30)


def test_what_a_hand_that_was_replaced_says_is_not_said_of_the_door_that_is_there(post: Post) -> None:
    worker, doors = _hanging(post)
    doors[0].driving_hangs = True
    doors[0].broken = DeviceLost("at last")
    worker.drive(600.0)
    assert doors[0].hung.wait(30)
    worker.give_up()
    doors[0].over.set()
    post.until(DeviceCame("door.exit_door"))
    until(lambda: "close" in doors[0].done, "the first to be closed", 30)
    progress = worker.progress
    until(lambda: worker.progress > progress + 3, "the second to go on", 30)
    assert worker.device is doors[-1]
    worker.stop()


class Unreadable(FakeDoor):
    """A door whose contacts fail, and whose lock does what it is told."""

    unreadable = False

    def read(self) -> DoorReading:
        if self.unreadable:
            raise DeviceLost("a contact is gone")
        return super().read()


def test_a_door_that_cannot_be_read_any_more_is_not_closed_while_fire_holds_it_open(post: Post) -> None:
    door = Unreadable()
    worker = DoorWorker(DoorId.EXIT, lambda: door, post)
    worker.start()
    post.until(DeviceCame("door.exit_door"))
    last_resort = LastResort({DoorId.EXIT: worker}, (DoorId.EXIT,), 600.0)
    fire, calm = FakeSensors(Input.FIRE).read(), FakeSensors().read()
    last_resort.act(fire)
    door.unreadable = True
    post.until(DeviceWent("door.exit_door", Reason.DEVICE_LOST))
    assert worker.position() is Position.UNKNOWN
    last_resort.act(calm)
    last_resort.act(fire)
    progress = worker.progress
    until(lambda: worker.progress > progress + 3, "it to be looked after", 30)
    until(lambda: door.done == ["release 600"] * 2, "the second release", 30)
    worker.fail(DeviceLost("its lock as well"))
    until(lambda: "close" in door.done, "it to be closed", 30)
    worker.stop()


def test_a_door_that_can_be_read_again_while_fire_holds_it_open_is_there_again(post: Post) -> None:
    """A leaf was blocked for a moment in the crowd: else nobody knows its beam, and no reset ever ends its release."""
    door = Unreadable()
    worker = DoorWorker(DoorId.EXIT, lambda: door, post)
    worker.start()
    post.until(DeviceCame("door.exit_door"))
    worker.free(600.0)
    door.unreadable = True
    post.until(DeviceWent("door.exit_door", Reason.DEVICE_LOST))
    door.unreadable = False
    assert post.next() == DoorSensed(DoorId.EXIT, Position.SECURED, Beam.CLEAR)
    assert post.next() == DeviceCame("door.exit_door")
    assert worker.position() is Position.SECURED
    until(lambda: door.done == ["release 600"], "the release, and nothing else", 30)
    worker.stop()


def test_who_is_let_out_is_not_shut_in_by_a_door_that_cannot_be_read(post: Post) -> None:
    """Its controller tells of a fault for as long as it has power, and does what it is told all the same. It is opened
    anew now and then, in case that helps, and released again."""
    doors, now_s = [Unreadable(), Unreadable()], [0.0]
    left = iter(doors)
    worker = DoorWorker(DoorId.ENTRY, lambda: next(left), post, lambda: now_s[0])
    crew = Crew({DoorId.ENTRY: worker}, LastResort({DoorId.ENTRY: worker}, (), 600.0), [], [], [], {}, None)

    def let_out() -> None:
        crew.drive(Drive(DoorId.ENTRY, 600.0, Purpose.WAY_OUT))

    worker.start()
    post.until(DeviceCame("door.entry_door"))
    for door in doors:
        door.unreadable = True
    let_out()
    post.until(DeviceWent("door.entry_door", Reason.DEVICE_LOST))
    let_out()
    until(lambda: doors[0].done == ["release 600"] * 2, "the release to go on", 30)
    now_s[0] += KEPT_S
    until(lambda: "close" in doors[0].done, "it to be opened anew", 30)

    def released_again() -> bool:
        let_out()  # as the loop renews it
        return "release 600" in doors[1].done

    until(released_again, "the release, of the same door", 30)
    now_s[0] += 600.0
    until(lambda: doors[1].done[-1] == "close", "nobody to be let out any more", 30)
    worker.stop()


def test_a_door_that_cannot_be_read_any_more_is_closed_at_once_when_nobody_flees(post: Post) -> None:
    door = Unreadable()
    worker = DoorWorker(DoorId.EXIT, lambda: door, post)
    worker.start()
    post.until(DeviceCame("door.exit_door"))
    worker.drive(600.0)
    door.unreadable = True
    until(lambda: "close" in door.done, "it to be closed", 30)
    worker.stop()


class SlowToSecure(FakeDoor):
    def __init__(self) -> None:
        super().__init__()
        self.securing, self.may_return = threading.Event(), threading.Event()

    def secure(self) -> None:
        self.securing.set()
        assert self.may_return.wait(60)
        super().secure()


def test_a_door_that_is_wanted_again_while_it_is_told_to_secure_counts_as_driven(post: Post) -> None:
    door = SlowToSecure()
    worker = DoorWorker(DoorId.ENTRY, lambda: door, post)
    worker.start()
    post.until(DeviceCame("door.entry_door"))
    worker.drive(600.0)
    worker.drop()
    assert door.securing.wait(30)
    worker.drive(900.0)
    door.may_return.set()
    until(lambda: door.done[-1:] == ["release 900"], "the second release", 30)
    assert worker.driven
    worker.drop()
    until(lambda: not worker.driven, "the door to be secured", 30)
    worker.stop()


def test_a_release_that_the_doors_own_hardware_ended_begins_anew_after_its_line_was_let_go(post: Post) -> None:
    """Whoever was turned away and stayed longer than the hardware's limit was shut in, though the lane released."""
    door = FakeDoor()
    worker, opened = DoorWorker(DoorId.ENTRY, lambda: door, post), DoorSensed(DoorId.ENTRY, Position.OPEN, Beam.CLEAR)
    locked = DoorSensed(DoorId.ENTRY, Position.SECURED, Beam.CLEAR)
    worker.began(door)
    worker.drive(60.0)
    until(lambda: door.done == ["release 60"], "the release")
    now_s = time.monotonic()
    worker._begin_anew(locked, now_s)  # its lock is late, and gives way only now
    worker._begin_anew(opened, now_s + 5.0)
    worker._begin_anew(locked, now_s + 20.0)
    worker._begin_anew(locked, now_s + 21.0)
    until(lambda: door.done == ["release 60", "secure"], "its line to be let go")
    worker.drive(60.0)
    assert worker._hand is not None
    assert worker._hand.idle, "not before its line was let go for long enough"
    worker._let_go_until_s = now_s
    worker.drive(60.0)
    until(lambda: door.done == ["release 60", "secure", "release 60"], "the release anew")
    worker.ended(stuck=False)


def test_an_emergency_does_not_wait_for_a_line_that_is_let_go(post: Post) -> None:
    """The door's hardware had ended the release; its line is let go for a second when the fire loop opens."""
    door = FakeDoor()
    worker = DoorWorker(DoorId.ENTRY, lambda: door, post)
    worker.began(door)
    worker._let_go_until_s = time.monotonic() + 600.0
    worker.drive(60.0)
    assert door.done == []
    worker.free(60.0)
    until(lambda: door.done == ["release 60"], "the release")
    worker._let_go_until_s = time.monotonic() + 600.0
    worker.free(60.0)
    assert worker._hand is not None
    assert worker._hand.idle, "it was let go in this emergency, for its hardware had ended the release"
    worker.ended(stuck=False)


def test_a_door_that_never_opened_or_that_somebody_stands_in_is_not_let_go(post: Post) -> None:
    door = FakeDoor()
    worker = DoorWorker(DoorId.ENTRY, lambda: door, post)
    worker.began(door)
    worker.drive(60.0)
    until(lambda: door.done == ["release 60"], "the release")
    for at_s in (0.0, 10.0, 20.0):
        worker._begin_anew(DoorSensed(DoorId.ENTRY, Position.SECURED, Beam.CLEAR), at_s)
    worker._begin_anew(DoorSensed(DoorId.ENTRY, Position.OPEN, Beam.CLEAR), 30.0)
    for at_s in (40.0, 50.0):
        worker._begin_anew(DoorSensed(DoorId.ENTRY, Position.SECURED, Beam.BROKEN), at_s)
    assert worker._hand is not None
    assert worker._hand.idle
    assert door.done == ["release 60"]
    worker.ended(stuck=False)


def test_driving_a_door_that_is_not_there_does_nothing(post: Post) -> None:
    worker = DoorWorker(DoorId.ENTRY, FakeDoor, post)
    worker.drive(300.0)
    assert worker.position() is Position.UNKNOWN


class FakeReader:
    def __init__(self) -> None:
        self.tokens: SimpleQueue[Token] = SimpleQueue()

    def read(self, timeout_s: float) -> Token | None:
        try:
            return self.tokens.get(timeout=timeout_s)
        except Empty:
            return None

    def close(self) -> None:
        pass


def test_a_reader_hands_on_what_it_read_under_its_own_name(post: Post) -> None:
    reader = FakeReader()
    worker = ReaderWorker("reader.front", lambda: reader, post)
    worker.start()
    reader.tokens.put(Token(b"ABC", "]Q1"))
    post.until(TokenRead("reader.front", Token(b"ABC", "]Q1")))
    worker.stop()


class FakeLitReader(FakeReader):
    """A reader that is triggered and has a lamp of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[object] = []

    def trigger(self, on: bool) -> None:
        self.told.append(on)

    def show(self, phase: Phase, reason: Reason | None) -> None:
        self.told.append((phase, reason))


def test_a_reader_reads_only_while_the_lane_is_idle_and_is_told_again_when_it_is_back(post: Post) -> None:
    readers: list[FakeLitReader] = []

    def open_reader() -> FakeLitReader:
        readers.append(FakeLitReader())
        return readers[-1]

    worker = ReaderWorker("reader.front", open_reader, post)
    worker.start()
    try:
        until(lambda: readers and readers[0].told == [(Phase.RECOVERING, None), False], "the first word", 30)
        worker.show(Phase.IDLE, None)
        until(lambda: readers[0].told[2:] == [(Phase.IDLE, None), True], "the trigger", 30)
        worker.fail(DeviceLost("pulled out"))
        until(lambda: len(readers) > 1 and readers[1].told == [(Phase.IDLE, None), True], "the trigger again", 30)
        worker.show(Phase.REFUSED, Reason.TOKEN_UNKNOWN)
        until(lambda: readers[1].told[2:] == [(Phase.REFUSED, Reason.TOKEN_UNKNOWN), False], "the light to go", 30)
    finally:
        worker.stop()


class FakeFeelingReader(FakeReader):
    """A reader whose case can be opened and whose supply can fail."""

    opened = dark = False

    def tampered(self) -> bool:
        return self.opened

    def mains_lost(self) -> bool:
        return self.dark


def test_a_reader_tells_once_that_its_case_is_open_and_once_that_its_supply_failed(post: Post) -> None:
    feeling = FakeFeelingReader()
    worker = ReaderWorker("reader.front", lambda: feeling, post)
    worker.start()
    try:
        assert post.next() == DeviceCame("reader.front")
        feeling.opened = True
        assert post.next() == DeviceImpaired("reader.front", Reason.TAMPERED, True)
        feeling.dark = True
        assert post.next() == DeviceImpaired("reader.front", Reason.MAINS_LOST, True)
        feeling.opened = False
        assert post.next() == DeviceImpaired("reader.front", Reason.TAMPERED, False)
        worker.fail(DeviceLost("pulled out"))
        assert post.next() == DeviceWent("reader.front", Reason.DEVICE_LOST)
        assert post.next() == DeviceImpaired("reader.front", Reason.MAINS_LOST, True)  # told again: it went meanwhile
        assert post.next() == DeviceCame("reader.front")
    finally:
        worker.stop()


def test_a_reader_that_floods_is_said_to_and_hands_on_nothing_until_it_is_calm(post: Post) -> None:
    """However much it brings, the loop hears of a burst and of the flood, each once."""
    reader = FakeReader()
    for _ in range(5 * BURST):
        reader.tokens.put(Token(b"ABC"))
    worker = ReaderWorker("reader.front", lambda: reader, post)
    worker.start()
    handed_on = 0
    while (told := post.next()) != DeviceImpaired("reader.front", Reason.DEVICE_FLOODS, True):
        handed_on += isinstance(told, TokenRead)
    assert BURST <= handed_on < 5 * BURST
    assert post.next() == DeviceImpaired("reader.front", Reason.DEVICE_FLOODS, False)
    reader.tokens.put(Token(b"DEF"))
    assert post.next() == TokenRead("reader.front", Token(b"DEF"))
    worker.stop()


def test_a_door_whose_contacts_chatter_is_read_and_told_of_no_oftener_than_its_thread_bears(post: Post) -> None:
    door = FakeDoor()
    worker = DoorWorker(DoorId.ENTRY, lambda: door, post)
    worker.start()
    post.until(DeviceCame("door.entry_door"))
    before, began_s = worker.progress, time.monotonic()
    while worker.progress < before + 50:
        door.changed()
    assert time.monotonic() - began_s >= 48 * CHATTER_S
    worker.stop()


class FakeIndicator:
    def __init__(self) -> None:
        self.shown: SimpleQueue[tuple[Phase, Reason | None]] = SimpleQueue()

    def show(self, phase: Phase, reason: Reason | None) -> None:
        self.shown.put((phase, reason))

    def close(self) -> None:
        pass


def test_an_indicator_shows_the_newest(post: Post) -> None:
    indicator = FakeIndicator()
    worker = IndicatorWorker("indicator.lamps", lambda: indicator, post)
    worker.start()
    worker.show(Phase.IDLE, None)
    while indicator.shown.get(timeout=WAIT_S) != (Phase.IDLE, None):
        pass
    worker.stop()


# ---------------------------------------------------------------- the last resort


def _doors(post: Post, exit_reading: DoorReading = SECURED) -> tuple[dict[DoorId, DoorWorker], dict[DoorId, FakeDoor]]:
    fakes = {DoorId.ENTRY: FakeDoor(), DoorId.EXIT: FakeDoor(exit_reading)}
    workers = {door: DoorWorker(door, lambda door=door: fakes[door], post) for door in DoorId}  # type: ignore[misc]
    for door, worker in workers.items():
        worker.start()
        post.until(DeviceCame(f"door.{door.value}"))
    return workers, fakes


@pytest.mark.parametrize("pressed", [Input.FIRE, Input.EVACUATE])
def test_fire_and_the_officers_key_release_the_escape_plan_though_no_loop_runs(post: Post, pressed: Input) -> None:
    workers, fakes = _doors(post)
    sensors = FakeSensors(pressed)
    worker = SensorsWorker("sensors.lane", lambda: sensors, post, LastResort(workers, tuple(DoorId), 600.0))
    worker.start()
    post.until(DeviceCame("sensors.lane"))
    worker.stop()
    for door in DoorId:
        workers[door].stop()
        assert fakes[door].done[0] == "release 600"


class UrgentSensors(FakeSensors):
    """Its reading hangs after the first; an edge still says what is pressed."""

    def __init__(self) -> None:
        super().__init__()
        self.hangs, self.goes_on = threading.Event(), threading.Event()

    def read(self) -> SensorsReading:
        if self.hangs.is_set():
            self.goes_on.wait(60.0)
        return super().read()

    def pressed(self) -> frozenset[Input]:
        return frozenset(which for which, signal in self.reading.inputs.items() if signal is Signal.ON)


@pytest.mark.parametrize("pressed", [Input.FIRE, Input.EVACUATE])
def test_an_emergency_frees_the_doors_from_the_thread_of_its_edge_though_the_sensors_hang(
    post: Post, pressed: Input
) -> None:
    workers, fakes = _doors(post)
    sensors = UrgentSensors()
    worker = SensorsWorker("sensors.lane", lambda: sensors, post, LastResort(workers, tuple(DoorId), 600.0))
    worker.start()
    post.until(DeviceCame("sensors.lane"))
    sensors.hangs.set()
    sensors.press(Input.CALL)
    sensors.changed()
    sensors.press(pressed)
    sensors.changed()
    for door in DoorId:
        until(lambda door=door: fakes[door].done == ["release 600"], "the door to be free")  # type: ignore[misc]
    sensors.goes_on.set()
    for each in (worker, *workers.values()):
        each.stop()


def _heard(workers: Mapping[DoorId, DoorWorker]) -> LastResort:
    """The last resort of a lane that has started."""
    last_resort = LastResort(workers, tuple(workers), 600.0)
    last_resort.hear_calls()
    return last_resort


def test_a_call_before_the_lane_has_started_releases_nothing_nor_does_the_button_that_is_still_held_then(
    post: Post,
) -> None:
    """A daemon died while the exit stood open. The button is held as the next starts, which has read no door yet."""
    workers, fakes = _doors(post)
    last_resort = LastResort(workers, tuple(DoorId), 600.0)
    last_resort.act(FakeSensors(Input.CALL).read())
    last_resort.hear_calls()
    last_resort.act(FakeSensors(Input.CALL).read())
    for worker in workers.values():
        worker.stop()
    assert fakes[DoorId.ENTRY].done == ["close"]


def test_the_call_button_releases_the_entry_alone(post: Post) -> None:
    workers, fakes = _doors(post)
    _heard(workers).act(FakeSensors(Input.CALL).read())
    for worker in workers.values():
        worker.stop()
    assert fakes[DoorId.ENTRY].done == ["release 600", "close"]
    assert fakes[DoorId.EXIT].done == ["close"]


def test_a_lane_with_one_door_lets_people_through_it_and_has_nobody_to_let_back(post: Post) -> None:
    workers, fakes = _doors(post)
    alone = {DoorId.EXIT: workers[DoorId.EXIT]}
    last_resort = _heard(alone)
    last_resort.act(FakeSensors(Input.CALL).read())
    last_resort.let_through(DoorId.EXIT, 600.0)
    until(lambda: fakes[DoorId.EXIT].done, "the release", 30)
    for worker in workers.values():
        worker.stop()
    assert fakes[DoorId.EXIT].done == ["release 600", "close"]
    assert fakes[DoorId.ENTRY].done == ["close"]


def test_the_call_button_releases_nothing_while_the_exit_stands_open(post: Post) -> None:
    workers, fakes = _doors(post, DoorReading(Position.OPEN, Beam.CLEAR))
    _heard(workers).act(FakeSensors(Input.CALL).read())
    for worker in workers.values():
        worker.stop()
    assert fakes[DoorId.ENTRY].done == ["close"]


def test_a_call_button_that_is_stuck_releases_the_entry_once(post: Post) -> None:
    workers, fakes = _doors(post)
    last_resort = _heard(workers)
    last_resort.act(FakeSensors(Input.CALL).read())
    until(lambda: fakes[DoorId.ENTRY].done, "the first release", 30)
    for reading in (FakeSensors(Input.CALL), FakeSensors(), FakeSensors(Input.CALL)):
        last_resort.act(reading.read())
    for worker in workers.values():
        worker.stop()
    assert fakes[DoorId.ENTRY].done == ["release 600", "release 600", "close"]


def test_the_call_button_does_not_open_the_entry_while_the_lock_of_the_exit_is_still_giving_way(post: Post) -> None:
    """Admitted, and released a moment ago: the exit's contacts still say secured."""
    workers, fakes = _doors(post)
    last_resort = _heard(workers)
    last_resort.let_through(DoorId.EXIT, 600.0)
    last_resort.act(FakeSensors(Input.CALL).read())
    for worker in workers.values():
        worker.stop()
    assert fakes[DoorId.EXIT].done == ["release 600", "close"]
    assert fakes[DoorId.ENTRY].done == ["close"]


def test_a_second_press_of_the_call_button_does_not_either_though_the_exit_was_taken_back_meanwhile(post: Post) -> None:
    """Admitted, released, called: the loop has taken the exit back at once, and its lock may still give way. Whoever is
    inside presses again and again; the loop opens the entry when that time is over, and so does the button then."""
    now_s = [100.0]
    fakes = {door: FakeDoor() for door in DoorId}
    workers = {door: DoorWorker(door, FakeDoor, post, lambda: now_s[0]) for door in DoorId}
    for door, worker in workers.items():
        worker.began(fakes[door])
    last_resort = _heard(workers)
    last_resort.let_through(DoorId.EXIT, 600.0)
    workers[DoorId.EXIT].drop()
    until(lambda: not workers[DoorId.EXIT].driven, "the exit to be told")
    for after_s in (0.0, 0.49):
        now_s[0] = 100.0 + after_s
        for reading in (FakeSensors(), FakeSensors(Input.CALL)):
            last_resort.act(reading.read())
        assert not workers[DoorId.ENTRY].driven, f"{after_s} s after the exit was taken back"
    now_s[0] = 100.51
    for reading in (FakeSensors(), FakeSensors(Input.CALL)):
        last_resort.act(reading.read())
    assert workers[DoorId.ENTRY].driven
    for worker in workers.values():
        worker.ended(stuck=False)
    assert fakes[DoorId.ENTRY].done == ["release 600"]


def test_an_admission_does_not_open_the_exit_behind_the_call_buttons_back(post: Post) -> None:
    """The button was pressed in the moment in which the admission was committed; the loop has not heard of it yet."""
    workers, fakes = _doors(post)
    last_resort = _heard(workers)
    last_resort.act(FakeSensors(Input.CALL).read())
    last_resort.let_through(DoorId.EXIT, 600.0)
    workers[DoorId.ENTRY].drop()
    until(lambda: not workers[DoorId.ENTRY].driven, "the entry to be told", 30)
    last_resort.let_through(DoorId.EXIT, 900.0)
    for worker in workers.values():
        worker.stop()
    assert fakes[DoorId.EXIT].done == ["release 900", "close"]


def test_stop_and_calm_release_nothing(post: Post) -> None:
    workers, fakes = _doors(post)
    for reading in (FakeSensors(), FakeSensors(Input.STOP)):
        _heard(workers).act(reading.read())
    for door, worker in workers.items():
        worker.stop()
        assert fakes[door].done == ["close"]


def test_sensors_are_read_anew_before_a_door_tells_that_it_moved_unbidden(post: Post) -> None:
    """The fire contact freed it: fire is told first, or the door would look forced."""
    workers, fakes = _doors(post)
    sensors = FakeSensors()
    worker = SensorsWorker("sensors.lane", lambda: sensors, post, LastResort(workers, (), 600.0))
    workers[DoorId.EXIT].look_first = lambda: worker.look_again(30.0)
    worker.start()
    post.until(DeviceCame("sensors.lane"))
    sensors.press(Input.FIRE)
    fakes[DoorId.EXIT].reading = DoorReading(Position.OPEN, Beam.CLEAR)
    fakes[DoorId.EXIT].changed()
    told = post.next()
    assert isinstance(told, LaneSensed)
    assert (Input.FIRE, Signal.ON) in told.inputs
    assert post.next() == DoorSensed(DoorId.EXIT, Position.OPEN, Beam.CLEAR)
    for each in (worker, *workers.values()):
        each.stop()


def test_nobody_waits_for_sensors_that_are_not_there(post: Post) -> None:
    worker = SensorsWorker("sensors.lane", FakeSensors, post, LastResort({}, (), 600.0))
    worker.look_again(math.inf)
    assert worker.device is None
