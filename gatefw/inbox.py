"""The one bounded queue in front of the Gate.

What must never be lost (tokens, replies, commits, orders, devices that went) queues; a full queue is an Overflow, which
the lane takes as a FAULT, never a drop. Levels (doors, sensors) are coalesced: while an older reading of the same thing
waits and tells the same of the inputs that count, the newer one takes its place.
"""

import threading
from collections import deque
from collections.abc import Iterable

from gatefw.errors import Overflow
from gatefw.gate_terms import DeviceCame, DeviceImpaired, DeviceWent, DoorSensed, GateInput, LaneSensed

CAPACITY = 1024


class Inbox:
    """Filled by any thread, emptied by the loop."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._waiting: deque[GateInput] = deque()
        self._capacity = capacity
        self._filled = threading.Condition()
        self._overflowed = False

    def __len__(self) -> int:
        """How many inputs wait."""
        return len(self._waiting)

    def put(self, event: GateInput) -> None:
        """Queue an input. Never blocks and never raises: a full queue is remembered and raised by the next `get`."""
        with self._filled:
            if self._waiting and _replaces(event, self._waiting[-1]):
                self._waiting[-1] = event
            elif self._overflowed or len(self._waiting) >= self._capacity:
                self._overflowed = True
                self._waiting = _levels((*self._waiting, event))
            else:
                self._waiting.append(event)
            self._filled.notify()

    @property
    def waiting(self) -> int:
        """How many inputs the loop has not taken yet."""
        return len(self._waiting)

    def get(self, timeout_s: float) -> GateInput | None:
        """The oldest input, or None when none came in time.

        Raises Overflow, once, when something could not be queued: what happened is lost, so nothing can be trusted.
        How things are is not: the newest level of each thing comes afterwards, since nobody would tell it again.
        """
        with self._filled:
            if timeout_s > 0 and not self._waiting and not self._overflowed:
                self._filled.wait(timeout_s)
            if self._overflowed:
                self._overflowed = False
                raise Overflow(f"the gate's queue was full at {self._capacity} inputs; the loop is stuck or flooded")
            return self._waiting.popleft() if self._waiting else None


def _levels(events: Iterable[GateInput]) -> deque[GateInput]:
    """Of each door, of the sensors and of each device's health and ailments the newest, in the order they came."""
    newest: dict[object, GateInput] = {}
    for event in events:
        match event:
            case DoorSensed(thing) | DeviceWent(thing) | DeviceCame(thing):
                key: object = thing
            case DeviceImpaired(thing, reason):
                key = (thing, reason)
            case LaneSensed():
                key = LaneSensed
            case _:
                continue
        newest.pop(key, None)
        newest[key] = event
    return deque(newest.values())


def _replaces(new: GateInput, old: GateInput) -> bool:
    """Whether the newer reading may stand for both: no position, count, zone or input may skip a value."""
    if isinstance(new, DoorSensed) and isinstance(old, DoorSensed):
        return new.door is old.door and new.position is old.position
    return isinstance(new, LaneSensed) and new == old
