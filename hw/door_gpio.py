"""A door with its lock behind a relay, dry contacts that tell where it is, and perhaps a motor on two more lines.

The relay line *on* releases the door, in either kind of lock: it interrupts the holding current of a fail-safe lock or
feeds a fail-secure one. So a dropped line ends a release while the site has power; what the door does without power,
and without this program, is stated in `Settings`, because nobody but who fitted it knows. The relay, or a timer behind
it, must end a release by itself after a time (the hardware time limit): a kernel may keep the line as driven after this
process died.

With a motor the leaf opens while the door is released and closes afterwards; `hw.gpio.drive` has the rules. Without one
the leaf is pushed, or its own operator follows the relay.
"""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

from gatefw.errors import DeviceLost, Refusal, SetupError
from gatefw.model import Beam
from gatefw.ports import Alone, Bound, DeadOutputs, DoorReading, LeftAlone, Pin, Plight
from hw import gpio
from hw.contacts import DoorContacts

HALF_A_MOTOR = "a door's motor has motor_open, motor_close and opened: all three are wired, or none"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Lines by BCM number. `*_normally`: the contact's circuit while the door is *not* closed, *not* locked, *not*
    opened, the beam *not* broken, the edge *not* pressed. With the defaults a cut wire reads the careful way.

    `unpowered`: what the lock does when the site has no current. `off_held_by`: what keeps the release line off while
    nobody drives it, at boot and after an end. `hardware_limit_s`: after so long the door hardware ends a release by
    itself; 0, it never does.
    """

    release: Pin
    closed: Pin
    locked: Pin
    beam: Pin
    unpowered: Literal["released", "secured"]
    off_held_by: Literal["resistor", "nothing"]
    hardware_limit_s: Annotated[float, Bound(0.0, 3600.0)]
    release_active: Literal["high", "low"] = "high"
    closed_normally: Literal["open", "closed"] = "open"
    locked_normally: Literal["open", "closed"] = "open"
    beam_normally: Literal["open", "closed"] = "closed"
    pull: Literal["up", "down"] = "up"
    debounce_s: Annotated[float, Bound(0.0, 0.1)] = 0.03  # longer than the fire contact's: what it frees is not forced
    settle_s: Annotated[float, Bound(0.05, 5.0)] = 0.5  # so long may contacts contradict each other
    max_lease_s: Annotated[float, Bound(0.3, 600.0)] = 10.0
    motor_open: Pin | None = None  # on = the leaf is driven open; needs motor_close and opened
    motor_close: Pin | None = None
    opened: Pin | None = None  # the limit switch at the open end
    edge: Pin | None = None  # the pressure edge of the leaf
    motor_active: Literal["high", "low"] = "high"
    opened_normally: Literal["open", "closed"] = "open"
    edge_normally: Literal["open", "closed"] = "closed"
    travel_s: Annotated[float, Bound(0.5, 60.0)] = 8.0  # a motion that takes longer is stopped
    pause_s: Annotated[float, Bound(0.02, 2.0)] = 0.2  # at rest between two motions
    clear_s: Annotated[float, Bound(0.0, 30.0)] = 1.0  # so long is the way clear before the leaf closes again
    reversals: Annotated[int, Bound(1, 20)] = 3  # after so many in one closing the leaf stays open
    motor_stopped_by: Literal["hardware", "program"] = "program"  # what stops a closing leaf when this program is dead
    covered_by: str = ""  # hardware that makes good what the door does without us; `gatefw check` then only warns

    def left_alone(self, around: Alone) -> dict[Plight, LeftAlone]:
        """What the door does in every plight: the lock, then what holds the line, then whoever ends a release."""
        held = self.off_held_by == "resistor"
        off = LeftAlone("secured", 0.0, "a resistor holds the release line off")
        floats = LeftAlone("undefined", 0.0, "nothing holds the release line off while nobody drives it")
        limit_s = self.hardware_limit_s or math.inf
        kept = around.outputs is not DeadOutputs.FREED

        def ends(watcher_s: float) -> LeftAlone:
            last_s = min(limit_s, watcher_s)
            by = "neither watcher nor timer" if math.isinf(last_s) else "watcher" if watcher_s < limit_s else "timer"
            return LeftAlone("secured", last_s, f"the line may stay as driven; what ends it: {by}")

        freed = off if held else floats
        return {
            Plight.UNPOWERED: LeftAlone(self.unpowered, 0.0, "the lock without current"),
            Plight.AT_BOOT: freed,
            Plight.ON_EXIT: freed,
            Plight.ON_CRASH: ends(around.after_crash_s) if kept and held else freed,
            Plight.ON_HANG: ends(around.after_hang_s),
        }

    def problems(self) -> list[tuple[str, str]]:
        """A motor that is half wired, or that nothing but this program stops; a release that no hardware ends."""
        found = []
        if len({self.motor_open is None, self.motor_close is None, self.opened is None}) > 1:
            found.append(("motor_open", HALF_A_MOTOR))
        if self.motor_close is not None and self.motor_stopped_by == "program" and not self.covered_by:
            found.append(
                (
                    "motor_stopped_by",
                    "is program: a process that dies while the leaf closes sees nobody in its way; let beam and edge "
                    'cut the supply of the motor, then say "hardware"',
                )
            )
        if not self.hardware_limit_s and not self.covered_by:
            found.append(
                (
                    "hardware_limit_s",
                    "is 0: nothing but software ends a release; put a timer relay in front of the lock, or set the one "
                    "in its controller, and say after how many seconds",
                )
            )
        return found


def open(settings: Settings) -> "GpioDoor":  # noqa: A001  the name every driver exports
    """The door, not released. Raises DeviceLost (a line is held by another process), SetupError (no such line)."""
    if len({settings.motor_open is None, settings.motor_close is None, settings.opened is None}) > 1:
        raise SetupError(HALF_A_MOTOR)
    pins, taken = gpio.factory(), list[gpio.Output | gpio.Contacts]()
    try:
        relay = gpio.Output(pins, settings.release, settings.release_active)
        taken.append(relay)
        motors = []
        for pin in (settings.motor_open, settings.motor_close):
            if pin is not None:
                motors.append(gpio.Output(pins, pin, settings.motor_active))
                taken.append(motors[-1])
        positions = gpio.Contacts(pins, _wiring(settings, "closed", "locked", "opened"), settings.debounce_s)
        taken.append(positions)
        way = gpio.Contacts(pins, _wiring(settings, "beam", "edge"), 0.0)
    except BaseException:
        for line in taken:
            line.close()
        raise
    return GpioDoor(settings, relay, positions, way, motors)


def _wiring(settings: Settings, *names: str) -> dict[str, gpio.Wiring]:
    pins = {name: getattr(settings, name) for name in names}
    return {
        name: gpio.Wiring(pin, getattr(settings, f"{name}_normally"), settings.pull)
        for name, pin in pins.items()
        if pin is not None
    }


class GpioDoor:
    """A `Door`. The lease is ended by a thread that does nothing else, and no read holds the lock it needs.

    If the relay line could not be dropped, every later call raises that: the hardware time limit ends the release.
    `way` is beam and edge without debouncing: they are broken at once, and clear after `debounce_s`.
    """

    def __init__(
        self,
        settings: Settings,
        relay: gpio.Output,
        positions: gpio.Contacts,
        way: gpio.Contacts,
        motor_lines: list[gpio.Output] | None = None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._relay, self._positions, self._way, self._now_s = settings, relay, positions, way, now_s
        self._contacts = DoorContacts(settings.settle_s, now_s)
        self._broken_s = now_s() - settings.debounce_s
        self._failed: DeviceLost | None = None
        self._changed: Callable[[], None] | None = None
        self._lock = threading.RLock()
        self._lease = gpio.Countdown("door lease", self._lock, self._drop)
        self._motor: gpio.Motor | None = None
        if motor_lines:
            limits = gpio.DriveLimits(settings.travel_s, settings.pause_s, settings.clear_s, settings.reversals)
            self._motor = gpio.Motor(motor_lines[0], motor_lines[1], limits, self._feel)
            positions.watch(self._edge)
            way.watch(self._edge)

    def release(self, lease_s: float) -> None:
        if lease_s > self._settings.max_lease_s:
            raise Refusal(
                f"GPIO {self._settings.release.number}: a lease of {lease_s:g} s was asked for, at most "
                f"{self._settings.max_lease_s:g} are given (max_lease_s)"
            )
        with self._lock:
            if self._failed is not None:
                raise self._failed
            self._lease.start(lease_s)
            self._relay.set(True)
            if self._motor is not None:  # that it has failed, `read` tells: the door is released, and can be pushed
                self._motor.want(opened=True)

    def secure(self) -> None:
        with self._lock:
            self._lease.cancel()
            self._drop()
            self._check()

    def read(self) -> DoorReading:
        self._check()
        position = self._contacts.position(self._positions.read("closed"), self._positions.read("locked"))
        return DoorReading(position, Beam.BROKEN if self._beam_broken() else Beam.CLEAR)

    def watch(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._positions.watch(self._edge)
        self._way.watch(self._edge)

    def close(self) -> None:
        self._lease.close()
        self._relay.close()  # before the motor, which may hang
        if self._motor is not None:
            self._motor.close()
        self._positions.close()
        self._way.close()

    def _edge(self) -> None:
        if self._motor is not None:
            self._motor.look()
        if self._changed is not None:
            self._changed()

    def _feel(self) -> gpio.Felt:
        """For the motor: broken or pressed counts at once."""
        obstructed = self._way.read("beam") or ("edge" in self._way and self._way.read("edge"))
        return gpio.Felt(self._positions.read("closed"), self._positions.read("opened"), obstructed)

    def _beam_broken(self) -> bool:
        if self._way.read("beam"):
            self._broken_s = self._now_s()
            return True
        return self._now_s() - self._broken_s < self._settings.debounce_s

    def _drop(self) -> None:
        try:
            self._relay.set(False)
        except DeviceLost as problem:
            self._failed = self._failed or problem
        if self._motor is not None:
            self._motor.want(opened=False)

    def _check(self) -> None:
        if self._failed is not None:
            raise self._failed
        if self._motor is not None:
            self._motor.check()
