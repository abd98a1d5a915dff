"""A door with its lock (and perhaps its drive) behind a relay, and dry contacts that tell where it is.

The relay line *on* releases the door, in either kind of lock: it interrupts the holding current of a fail-safe lock or
feeds a fail-secure one. So a dropped line ends a release while the site has power; `unpowered` states what the lock
does when the site has none, which no software decides and `gatefw check` needs to know. The relay, or the door
controller behind it, must end a release by itself after a time (the hardware time limit): a kernel may keep the line as
driven after this process died.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

from gatefw.errors import DeviceLost
from gatefw.model import Beam, Position
from gatefw.ports import Bound, DoorReading, Pin
from hw import gpio


@dataclass(frozen=True)
class Settings:
    """Lines by BCM number. `*_normally`: the contact's circuit while the door is *not* closed, *not* locked, the beam
    *not* broken. With the defaults a cut wire reads not closed, not locked, broken: each the careful way.
    """

    release: Pin
    closed: Pin
    locked: Pin
    beam: Pin
    unpowered: Literal["released", "secured"]  # what the lock does without current
    release_active: Literal["high", "low"] = "high"
    closed_normally: Literal["open", "closed"] = "open"
    locked_normally: Literal["open", "closed"] = "open"
    beam_normally: Literal["open", "closed"] = "closed"
    pull: Literal["up", "down"] = "up"
    debounce_s: Annotated[float, Bound(0.0, 0.1)] = 0.03  # longer than the fire contact's: what it frees is not forced
    settle_s: Annotated[float, Bound(0.05, 5.0)] = 0.5  # so long may contacts contradict each other


def open(settings: Settings) -> "GpioDoor":  # noqa: A001  the name every driver exports
    """The door, not released. Raises DeviceLost (a line is held by another process), SetupError (no such line)."""
    pins = gpio.factory()
    relay = gpio.Output(pins, settings.release, settings.release_active)
    wiring = {
        "closed": gpio.Wiring(settings.closed, settings.closed_normally, settings.pull),
        "locked": gpio.Wiring(settings.locked, settings.locked_normally, settings.pull),
        "beam": gpio.Wiring(settings.beam, settings.beam_normally, settings.pull),
    }
    try:
        contacts = gpio.Contacts(pins, wiring, settings.debounce_s)
    except BaseException:
        relay.close()
        raise
    return GpioDoor(settings, relay, contacts)


class GpioDoor:
    """A `Door`. The lease is ended by a thread that does nothing else.

    If the relay line could not be dropped, every later call raises that: the hardware time limit ends the release.
    """

    def __init__(
        self,
        settings: Settings,
        relay: gpio.Output,
        contacts: gpio.Contacts,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._relay, self._contacts, self._now_s = settings, relay, contacts, now_s
        self._contradicting_since_s: float | None = None
        self._failed: DeviceLost | None = None
        self._lock = threading.RLock()
        self._lease = gpio.Countdown("door lease", self._lock, self._drop)

    def release(self, lease_s: float) -> None:
        with self._lock:
            self._check()
            self._lease.start(lease_s)
            self._relay.set(True)

    def secure(self) -> None:
        with self._lock:
            self._lease.cancel()
            self._drop()
            self._check()

    def read(self) -> DoorReading:
        with self._lock:
            self._check()
            closed, locked, broken = (self._contacts.read(name) for name in ("closed", "locked", "beam"))
            return DoorReading(self._position(closed, locked), Beam.BROKEN if broken else Beam.CLEAR)

    def watch(self, changed: Callable[[], None]) -> None:
        self._contacts.watch(changed)

    def close(self) -> None:
        self._lease.close()
        self._relay.close()
        self._contacts.close()

    def _position(self, closed: bool, locked: bool) -> Position:
        """Locked without being closed cannot be; until `settle_s` it may be a contact under way, and is not secured."""
        if not (locked and not closed):
            self._contradicting_since_s = None
            return Position.SECURED if locked else Position.CLOSED if closed else Position.OPEN
        if self._contradicting_since_s is None:
            self._contradicting_since_s = self._now_s()
        lasts_s = self._now_s() - self._contradicting_since_s
        return Position.UNKNOWN if lasts_s >= self._settings.settle_s else Position.OPEN

    def _drop(self) -> None:
        try:
            self._relay.set(False)
        except DeviceLost as problem:
            self._failed = self._failed or problem

    def _check(self) -> None:
        if self._failed is not None:
            raise self._failed
