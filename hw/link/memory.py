"""Wires inside one process, for tests: either end may hang up."""

import threading

from gatefw.errors import DeviceLost
from hw.link.protocol import Link

_CAP_BYTES = 65536


class _Wire:
    """Two directions of bytes between two ends in one process; either end may hang up."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.changed = threading.Condition()
        self.taken = False
        self.hung_up = False


class MemoryLink:
    """One end of an in-process wire. What was sent before the other end hung up can still be read."""

    def __init__(self, wire: _Wire, inbox: bytearray, outbox: bytearray) -> None:
        self._wire, self._inbox, self._outbox = wire, inbox, outbox

    def read(self, max_bytes: int, timeout_s: float) -> bytes:
        with self._wire.changed:
            self._wire.changed.wait_for(lambda: self._inbox or self._wire.hung_up, timeout_s)
            if not self._inbox and self._wire.hung_up:
                raise DeviceLost(f"memory:{self._wire.name}: cannot read: the other end hung up")
            data = bytes(self._inbox[:max_bytes])
            del self._inbox[:max_bytes]
            return data

    def write(self, data: bytes) -> None:
        with self._wire.changed:
            if self._wire.hung_up or len(self._outbox) + len(data) > _CAP_BYTES:
                raise DeviceLost(f"memory:{self._wire.name}: cannot write: nobody reads at the other end")
            self._outbox += data
            self._wire.changed.notify_all()

    def flush_input(self) -> None:
        with self._wire.changed:
            self._inbox.clear()

    def close(self) -> None:
        with self._wire.changed, _plugs_lock:
            self._wire.hung_up = True
            if _plugs.get(self._wire.name, (None,))[0] is self._wire:
                del _plugs[self._wire.name]
            self._wire.changed.notify_all()


_plugs: dict[str, tuple[_Wire, MemoryLink]] = {}
_laid: dict[str, Link] = {}
_plugs_lock = threading.Lock()


def plug(name: str) -> MemoryLink:
    """The device's end of `memory:NAME`; the driver's `open_link` finds it until either end is closed."""
    wire, to_driver, to_device = _Wire(name), bytearray(), bytearray()
    device = MemoryLink(wire, to_device, to_driver)
    with _plugs_lock:
        _plugs[name] = (wire, MemoryLink(wire, to_driver, to_device))
    return device


def lay(name: str, link: Link | None) -> None:
    """Have the next driver that opens `memory:NAME` find this link itself: a device that lives in the driver's thread.

    None takes it away. What answers within a read cannot be late, however busy the machine is.
    """
    with _plugs_lock:
        _laid.pop(name, None)
        if link is not None:
            _laid[name] = link


def plugged(name: str) -> Link:
    """The driver's end. Raises DeviceLost when nobody is plugged in, or another driver has it."""
    with _plugs_lock:
        if name in _laid:
            return _laid.pop(name)
        wire, driver = _plugs.get(name, (None, None))
        if wire is None or driver is None or wire.taken:
            raise DeviceLost(f"memory:{name}: {'already open' if wire else 'nobody is plugged in'}")
        wire.taken = True
        return driver
