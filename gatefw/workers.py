"""What one turn of each kind of device is: doors and their last resort, sensors, readers, indicators."""

import math
import threading
import time
from collections.abc import Callable, Collection, Mapping

from gatefw.errors import DeviceError
from gatefw.flood import Flood
from gatefw.gate_terms import DeviceImpaired, DoorSensed, LaneSensed, TokenRead
from gatefw.hand import Hand
from gatefw.interlock import permits
from gatefw.leases import SETTLE_S
from gatefw.model import Beam, DoorId, Input, Phase, Position, Purpose, Reason, Release, Sensed, Signal, Token
from gatefw.ports import (
    Door,
    DoorReading,
    Indicator,
    Sensors,
    SensorsReading,
    Shows,
    SupplyWatch,
    TamperSwitch,
    TokenReader,
    Triggered,
    Urgent,
)
from gatefw.worker import STUCK_S, Put, Worker

LEVEL_POLL_S = 0.1  # levels are read again at least so often, whatever the edges said
TOKEN_POLL_S = 0.25
FLOOD_PAUSE_S = 0.05  # after each token that is dropped
AGAIN_S = 1.0  # a door that opened and is locked again for so long was not meant to, while it is released
LET_GO_S = 1.0  # and so long is its line let go, before it is released anew
FRESH_S = 1.0  # a door that was not read for so long is unknown
KEPT_S = 20.0  # a way out whose door cannot be read is held open so long, then that door is opened anew
READABLE = 10  # readings in a row: one that failed, and was held open all the same, can be read again


class DoorWorker(Worker[Door]):
    """Reads a door after every edge and on a timer; what the loop wants of it is passed on to its `Hand` at once."""

    def __init__(
        self, door: DoorId, open_device: Callable[[], Door], put: Put, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(f"door.{door.value}", open_device, put)
        self.door, self._now_s = door, now_s
        self.look_first: Callable[[], None] = lambda: None
        """Called before it is told that a secured door moved unbidden: fire may have freed it, and is told first."""
        self._driven_until_s = self._freed_until_s = self._let_out_until_s = self._let_go_until_s = -math.inf
        self._opened, self._locked_again_s = False, math.inf  # in the release that is under way
        self._driving = threading.Lock()
        self._hand: Hand | None = None
        self._last: DoorSensed | None = None
        self._read_s = -math.inf

    def began(self, device: Door) -> None:
        device.watch(self._wake.set)
        with self._ours():
            self._last = None
            self._take_hand(Hand(device, lambda error: self._hand_failed(device, error), self._secured, self._now_s))

    def ended(self, stuck: bool) -> None:
        """Where only its reading hangs, the door can still be released: its hand stays until there is another one."""
        self._read_s = -math.inf
        hand = self._hand
        if hand is None or (stuck and not hand.overdue(time.monotonic())):
            return
        self._take_hand(None)
        if not stuck:
            hand.join()

    def stop(self, within_s: float = STUCK_S) -> None:
        super().stop(within_s)
        self._take_hand(None)

    def _take_hand(self, fresh: Hand | None) -> None:
        """What the one before was told is still done, unless it hangs."""
        with self._driving:
            before, self._hand = self._hand, fresh
        if before is not None:
            before.end()

    def turn(self, device: Door) -> None:
        if self._last is not None:
            self._rest(LEVEL_POLL_S)
        try:
            self._was_read(device.read())
        except DeviceError as problem:
            self._went(Reason.DEVICE_LOST, problem)
            reading, came = self._keep_free(device), self._last is not None
            if reading is None:
                raise
            with self._ours():
                self._last = None  # its contacts count as unknown until they are told again
            self._was_read(reading)
            if came:
                self._came()

    def _was_read(self, reading: DoorReading) -> None:
        """Just now: tell what is new in it."""
        sensed = DoorSensed(self.door, reading.position, reading.beam)
        if sensed != self._last:
            if self._last is not None and self._last.position is Position.SECURED and not self.driven:
                self.look_first()
            self._put(sensed)
        with self._ours():
            self._last, self._read_s = sensed, self._now_s()
        self._begin_anew(sensed, self._now_s())

    def _begin_anew(self, sensed: DoorSensed, now_s: float) -> None:
        """A release that the door's own hardware has ended (`hardware_limit_s`) begins anew once its line was let go.

        Else whoever was let back and stays longer than that is shut in, behind a door that the lane holds released.
        """
        if not self.driven or sensed.position is not Position.SECURED or sensed.beam is not Beam.CLEAR:
            moved = sensed.position in (Position.CLOSED, Position.OPEN)
            self._opened, self._locked_again_s = self.driven and (self._opened or moved), math.inf
        elif self._opened:
            self._locked_again_s = min(self._locked_again_s, now_s)
            if now_s - self._locked_again_s >= AGAIN_S:
                self._opened, self._let_go_until_s = False, now_s + LET_GO_S
                self.drop()

    def _keep_free(self, device: Door) -> DoorReading | None:
        """A door that nobody can read can perhaps still be released: who flees or is let out is not shut in for that.

        How it stands once it can be read again, or None: nobody is let out any more, or the door is lost altogether.
        """
        self._read_s, in_a_row, kept_until_s = -math.inf, 0, self._now_s() + KEPT_S

        def held_open() -> bool:
            return self._now_s() < max(self._freed_until_s, min(self._let_out_until_s, kept_until_s))

        while held_open() and self._failure is None and not self._ending.is_set():
            self._allow(STUCK_S)
            self._rest(LEVEL_POLL_S)
            self.progress += 1
            try:
                reading, in_a_row = device.read(), in_a_row + 1
            except DeviceError:
                in_a_row = 0
            if in_a_row == READABLE:
                return reading
        return None

    def overdue(self, now_s: float) -> bool:
        hand = self._hand if self.device is not None else None
        return super().overdue(now_s) or (hand is not None and hand.overdue(now_s))

    @property
    def driven(self) -> bool:
        """Whether a release is under way, though its contacts may not tell yet."""
        return self._now_s() < self._driven_until_s

    @property
    def may_give_way(self) -> bool:
        """Whether it is driven, or was a moment ago: until its lock had its time, its contacts tell of before that."""
        return self._now_s() < self._driven_until_s + SETTLE_S

    def drive(self, lease_s: float) -> None:
        """Have the door released; any thread, at once. A door that is not there was reported already."""
        with self._driving:
            self._driven_until_s = self._now_s() + lease_s
            if self._hand is not None and self._now_s() >= self._let_go_until_s:
                self._hand.release(self._driven_until_s)

    def let_out(self, lease_s: float) -> None:
        """As `drive`, for somebody who is let out: they are not shut in for a contact that fails."""
        self._let_out_until_s = self._now_s() + lease_s
        self.drive(lease_s)

    def free(self, lease_s: float) -> None:
        """As `drive`, for an emergency, which does not wait for a line that is let go; it may be let go later."""
        now_s = self._now_s()
        if now_s >= self._freed_until_s and now_s < self._let_go_until_s:
            self._opened, self._let_go_until_s = True, -math.inf
        self._freed_until_s = now_s + lease_s
        self.drive(lease_s)

    def drop(self) -> None:
        """Have the release ended; until the driver was told so, it counts as under way. Any thread, at once."""
        with self._driving:
            if self._hand is not None:
                self._hand.secure()

    def position(self) -> Position:
        """Where the door was seen last, past the queue; UNKNOWN when nobody reads it."""
        last, fresh = self._last, self._now_s() - self._read_s < FRESH_S
        return last.position if last is not None and fresh else Position.UNKNOWN

    def _secured(self) -> None:
        with self._driving:
            if self._hand is None or self._hand.idle:
                self._driven_until_s = min(self._driven_until_s, self._now_s())

    def _hand_failed(self, device: Door, error: Exception) -> None:
        if self.device is device:
            self.fail(error)


class LastResort:
    """The way out that needs neither queue nor loop: called by the thread that reads the inputs, before anybody else.

    Fire and the officer's key release the doors of the escape plan for as long as they are on. The call button, when it
    is pressed, releases the entry as far as the interlock lets it, but not before `hear_calls`: until the lane has
    started a door may be open that nobody has read, and no start moves a door. The loop does the same a moment later,
    for a button that was pressed before as well, and writes it down. What the loop drives for a passage goes through
    `let_through`, so that neither opens a door while a release of the other's is on its way to the lock and no contact
    tells of it yet.
    """

    def __init__(self, doors: Mapping[DoorId, DoorWorker], emergency: tuple[DoorId, ...], lease_s: float) -> None:
        self._doors, self._emergency, self._lease_s = doors, emergency, lease_s
        self._called = self._hears_calls = False
        self._one_at_a_time = threading.Lock()

    def hear_calls(self) -> None:
        """The lane has started: from now on a press of the call button counts."""
        self._hears_calls = True

    def act(self, reading: SensorsReading) -> None:
        pressed = {which for which, signal in reading.inputs.items() if signal is Signal.ON}
        called, self._called = Input.CALL in pressed and not self._called, Input.CALL in pressed
        if not self.free(pressed) and called and self._hears_calls:
            with self._one_at_a_time:
                self._let_back(reading)

    def free(self, pressed: Collection[Input]) -> bool:
        """Free the doors of the escape plan, if one of these inputs says so. Never blocks; any thread, any time."""
        emergency = Input.FIRE in pressed or Input.EVACUATE in pressed
        if emergency:
            for door in self._emergency:
                self._doors[door].free(self._lease_s)
        return emergency

    def let_through(self, door: DoorId, lease_s: float) -> None:
        """Drive a door for a passage, unless the other was driven a moment ago: the loop will hear why."""
        with self._one_at_a_time:
            other = self._doors.get(door.other)
            if other is None or not other.driven:
                self._doors[door].drive(lease_s)

    def _let_back(self, reading: SensorsReading) -> None:
        if DoorId.ENTRY not in self._doors:  # nobody is between two doors
            return
        exit_door = self._doors[DoorId.EXIT]
        sensed = Sensed(Position.UNKNOWN, exit_door.position(), Beam.UNKNOWN, Beam.UNKNOWN, reading.occupancy)
        if not exit_door.may_give_way and permits(Release(DoorId.ENTRY, Purpose.WAY_OUT), sensed).permitted:
            self._doors[DoorId.ENTRY].drive(self._lease_s)


class SensorsWorker(Worker[Sensors]):
    """Reads every level of the lane after every edge and on a timer. An emergency does not even wait for that."""

    def __init__(self, name: str, open_device: Callable[[], Sensors], put: Put, last_resort: LastResort) -> None:
        super().__init__(name, open_device, put)
        self._last_resort = last_resort
        self._last: LaneSensed | None = None
        self._looked = threading.Condition()
        self._looks = self._told_of = 0

    def began(self, device: Sensors) -> None:
        urgent = device if isinstance(device, Urgent) else None

        def edge() -> None:
            if urgent is not None:
                self._last_resort.free(urgent.pressed())
            self._wake.set()

        device.watch(edge)
        with self._ours():
            self._last = None

    def turn(self, device: Sensors) -> None:
        if self._last is not None:
            self._rest(LEVEL_POLL_S)
        self._looks += 1
        looked = self._looks
        reading = device.read()
        with self._ours():  # a reading of long ago releases nothing
            self._last_resort.act(reading)
            sensed = LaneSensed(reading.occupancy, tuple(reading.zones.items()), tuple(reading.inputs.items()))
            if sensed != self._last:
                self._put(sensed)
                self._last = sensed
        with self._looked:
            self._told_of = looked
            self._looked.notify_all()

    def look_again(self, within_s: float) -> None:
        """Have every level read anew and told, and wait for that, at most `within_s`; not at all for a lost device."""
        with self._looked:
            wanted = self._looks + 1
            self._wake.set()
            if self.device is not None:
                self._looked.wait_for(lambda: self._told_of >= wanted, within_s)


class ReaderWorker(Worker[TokenReader]):
    """Hands on what was read. A reader that can is shown what the lane does, and reads only while the lane is idle.

    One that feels whether its case is open or its supply failed is asked so once a turn. While one floods, what it
    brings is dropped, and read slowly: it is said to be impaired until nothing came for a second.
    """

    _shows: tuple[Phase, Reason | None] = (Phase.RECOVERING, None)
    listener: Callable[[Token], None] | None = None
    """Who gets what is read in place of the lane: a technician's test."""

    def began(self, device: TokenReader) -> None:  # noqa: ARG002  as for every worker
        self._shown: tuple[Phase, Reason | None] | None = None
        self._feels: frozenset[Reason] = frozenset()
        self._flood = Flood()

    def turn(self, device: TokenReader) -> None:
        shows = self._shows
        if shows != self._shown:
            self._shown = shows
            if isinstance(device, Shows):
                device.show(*shows)
            if isinstance(device, Triggered):
                device.trigger(shows[0] is Phase.IDLE)
        token, passes = device.read(TOKEN_POLL_S), True
        if token is None:
            self._flood.silent(time.monotonic())
        else:
            passes = self._flood.passes(time.monotonic())
        self._feel(device)
        if not passes:
            self._ending.wait(FLOOD_PAUSE_S)
        elif token is not None:
            self._hand_on(token)

    def _hand_on(self, token: Token) -> None:
        listener = self.listener
        if listener is None:
            self._put(TokenRead(self.name, token))
        else:
            listener(token)

    def _feel(self, device: TokenReader) -> None:
        asked = {
            Reason.DEVICE_FLOODS: self._flood.flooding,
            Reason.TAMPERED: isinstance(device, TamperSwitch) and device.tampered(),
            Reason.MAINS_LOST: isinstance(device, SupplyWatch) and device.mains_lost(),
        }
        felt = frozenset(reason for reason, so in asked.items() if so)
        for reason in sorted(felt ^ self._feels):
            self._put(DeviceImpaired(self.name, reason, reason in felt))
        self._feels = felt

    def show(self, phase: Phase, reason: Reason | None) -> None:
        self._shows = (phase, reason)


class IndicatorWorker(Worker[Indicator]):
    """Shows the newest of what it was told; what came in between is of no interest."""

    _shows: tuple[Phase, Reason | None] = (Phase.RECOVERING, None)

    def began(self, device: Indicator) -> None:
        device.show(*self._shows)

    def turn(self, device: Indicator) -> None:
        self._rest(TOKEN_POLL_S)
        device.show(*self._shows)

    def show(self, phase: Phase, reason: Reason | None) -> None:
        self._shows = (phase, reason)
        self._wake.set()
