"""What hardware can do, as the gate sees it. A driver is one file in `hw/` that fulfils one of these protocols.

A driver file `hw/<role>_<how>.py` exports two names:

    Settings            a frozen dataclass; every field typed, with its unit in the name and its bounds in `Annotated`
    open(settings)      returns the device, ready and proven to be the right one; imports its hardware library inside

Rules for every driver:
  * A call that fails raises a `DeviceError`; it never returns a guess and never retries by itself. The supervisor
    closes the device and opens it again with backoff.
  * Callbacks given to `watch` only enqueue or set an event. They may be called on any thread, at any rate.
  * `close` may be called twice and on a device that is already gone.
  * Nothing moves on `open` or `close`: outputs are in their unpowered state before, between and after.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from gatefw.model import Beam, Input, Occupancy, Phase, Position, Reason, Signal, Token, Zone


@dataclass(frozen=True, slots=True)
class Bound:
    """Limits of a number in a config, both included: `Annotated[float, Bound(0.1, 30.0)]`."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Pin:
    """A GPIO line by its BCM number, 0 to 53. A number may be used once in a config: `check` finds the second."""

    number: int


class Device(Protocol):
    def close(self) -> None:
        """Give the hardware back, outputs unpowered first. Never raises for a device that is already gone."""
        ...


class TokenReader(Device, Protocol):
    def read(self, timeout_s: float) -> Token | None:
        """The next token, or None when `timeout_s` passed without one. Raises DeviceLost, BadReply."""
        ...


@dataclass(frozen=True, slots=True)
class DoorReading:
    position: Position
    beam: Beam


class Door(Device, Protocol):
    """A door with a lock and perhaps a drive. All calls are safe from any thread and return at once."""

    def release(self, lease_s: float) -> None:
        """Unlock (and open, with a drive) for at most `lease_s` seconds; a further call extends it.

        The driver ends the lease by itself when nobody extends it. Raises DeviceLost.
        """
        ...

    def secure(self) -> None:
        """End the lease now: the door closes and locks as its hardware does. The caller has looked at the beam."""
        ...

    def read(self) -> DoorReading:
        """Position and beam as their contacts stand now. Raises DeviceLost."""
        ...

    def watch(self, changed: Callable[[], None]) -> None:
        """Call `changed` after every edge of a contact; levels are read again by the caller, never inferred."""
        ...


@dataclass(frozen=True, slots=True)
class SensorsReading:
    """Levels now. An input that is not wired is absent; one that cannot be read is UNKNOWN."""

    occupancy: Occupancy
    zones: Mapping[Zone, bool]
    inputs: Mapping[Input, Signal]


class Sensors(Device, Protocol):
    def read(self) -> SensorsReading: ...

    def watch(self, changed: Callable[[], None]) -> None: ...


class Indicator(Device, Protocol):
    def show(self, phase: Phase, reason: Reason | None) -> None:
        """Tell the traveller what the lane does. Repeating the same is harmless."""
        ...


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture. `rgb` is a C-contiguous uint8 view of shape (height, width, 3); `captured_s` is monotonic."""

    rgb: memoryview
    captured_s: float

    @property
    def height_px(self) -> int:
        return int(self.rgb.shape[0]) if self.rgb.shape else 0

    @property
    def width_px(self) -> int:
        return int(self.rgb.shape[1]) if self.rgb.shape else 0


class Camera(Device, Protocol):
    def frame(self, timeout_s: float) -> Frame | None:
        """The newest picture not yet handed out, or None when `timeout_s` passed without one. Stale frames are dropped.

        Raises DeviceLost, BadReply (undecodable or oversize picture).
        """
        ...


class Clock(Protocol):
    def now_s(self) -> float:
        """Monotonic seconds. Wall time appears in events alone."""
        ...
