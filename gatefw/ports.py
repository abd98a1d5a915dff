"""What hardware can do, as the gate sees it. A driver is one file in `hw/` that fulfils one of these protocols.

A driver file `hw/<role>_<how>.py` exports two names, some more:

    Settings            a frozen dataclass; every field typed, with its unit in the name and its bounds in `Annotated`
    open(settings)      returns the device, ready and proven to be the right one; imports its hardware library inside
    install(settings)   where a first secret must be agreed with a device that has none yet: agrees it, and returns; it
                        is called in maintenance, while the device is closed, by a technician who stands there
    scrubber()          where it has a `link`: makes what hides personal data and secrets in a recording of it, line by
                        line and in the same length (`hw.wire.scrub`); without it every word is hidden
    lacks(settings)     where `open` wants a library or a file that may not be there: what this machine lacks of it, a
                        sentence each, for `gatefw check`; touches no hardware

Rules for every driver:
  * A call that fails raises a `DeviceError`; it never returns a guess and never retries by itself. The supervisor
    closes the device and opens it again with backoff.
  * Callbacks given to `watch` only enqueue or set an event. They may be called on any thread, at any rate.
  * `close` may be called twice and on a device that is already gone.
  * Nothing moves on `open` or `close`: outputs are in their unpowered state before, between and after.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Protocol, runtime_checkable

from gatefw.errors import Refusal
from gatefw.model import Beam, ChipProof, Input, Occupancy, Phase, Position, Reason, Signal, Token, Zone


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


class Plight(StrEnum):
    """When nobody commands a door."""

    UNPOWERED = "unpowered"  # the site has no current
    AT_BOOT = "at_boot"
    ON_EXIT = "on_exit"
    ON_CRASH = "on_crash"
    ON_HANG = "on_hang"  # the process is there and does nothing


class DeadOutputs(StrEnum):
    """What the kernel does with the outputs of a dead process."""

    KEPT = "kept"
    FREED = "freed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Alone:
    """Where a door is left alone. `after_*_s`: until the watcher has dropped its lines; infinite without one."""

    outputs: DeadOutputs
    after_crash_s: float
    after_hang_s: float


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """What a door does then. `lasts_s`: how long a release that was under way may still last, at most."""

    state: Literal["secured", "released", "undefined"]
    lasts_s: float
    because: str


class DoorSettings(Protocol):
    """What the `Settings` of every door driver state beside the wiring: it is checked before the door is opened."""

    @property
    def max_lease_s(self) -> float: ...

    @property
    def covered_by(self) -> str:
        """The hardware, in the fitter's words, that makes good what the door does when it is left alone."""
        ...

    def left_alone(self, around: Alone) -> Mapping[Plight, LeftAlone]:
        """What the door does in every plight."""
        ...

    def problems(self) -> list[tuple[str, str]]:
        """Settings that contradict each other or harm somebody: key, and what is wrong with it."""
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


@runtime_checkable
class Urgent(Protocol):
    """Sensors whose inputs are known to the thread that brings an edge: an emergency waits for no read."""

    def pressed(self) -> frozenset[Input]:
        """The inputs that are believed to be on, as of the newest edge. Asks no device, never blocks, never raises."""
        ...


@runtime_checkable
class Shows(Protocol):
    """A device that can tell a traveller something, perhaps beside its own work: a reader with a lamp and a buzzer."""

    def show(self, phase: Phase, reason: Reason | None) -> None:
        """Tell the traveller what the lane does. Repeating the same is harmless. Raises DeviceLost."""
        ...


class Indicator(Device, Shows, Protocol):
    """A device that does nothing else."""


@runtime_checkable
class Triggered(Protocol):
    """A reader that reads only while it is told to, so that nothing shines at people whom the lane cannot serve."""

    def trigger(self, on: bool) -> None:
        """Read from now on, or no more. Off after `open`, and by itself when its owner is gone. Raises DeviceLost."""
        ...


@runtime_checkable
class TamperSwitch(Protocol):
    """A device that feels when its case is opened or it is taken off the wall."""

    def tampered(self) -> bool:
        """Whether it feels it now. Returns at once. Raises DeviceLost."""
        ...


@runtime_checkable
class SupplyWatch(Protocol):
    """A device that feels when its supply fails."""

    def mains_lost(self) -> bool:
        """Whether it runs on what is left in its battery. Returns at once. Raises DeviceLost."""
        ...


@runtime_checkable
class SecretHolder(Protocol):
    """A device that answers to a secret which it shares with us."""

    def renew_secret(self) -> None:
        """Agree a fresh random secret, and keep it. Takes seconds. A crash in between leaves one of both that works.

        Raises DeviceError (the device may know either: close and open it again), StoreError (nothing changed).
        """
        ...


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture. `rgb` is a C-contiguous uint8 view of shape (height, width, 3); `captured_s` is monotonic.

    luma: the same moment in grey, (height, width), perhaps smaller, where the hardware makes one anyway.
    """

    rgb: memoryview
    captured_s: float
    luma: memoryview | None = None

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


class DocumentFailed(Refusal):
    """This document is refused: its chip cannot be read or is not believed. The reader itself works.

    `reason` is NO_DOCUMENT or one of the DOCUMENT_ codes; the message holds nothing that is printed or stored in it.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        self.reason = reason
        super().__init__(f"{reason}: {message}")


@dataclass(frozen=True, slots=True)
class ChipRead:
    """The files of a document's chip exactly as they were read. Nobody believes them yet: no signature was looked at.

    `groups` maps a data group's number to its whole file, its own tag and length included: 1 and 2 always, 14 and 15
    when the chip has them. `sod` is the whole EF.SOD, `com` the whole EF.COM if there is one.

    `proof` is what the chip proved with the public key in `groups[14]` (CHIP: Chip Authentication, after which files
    could still be read) or `groups[15]` (ACTIVE: it signed a challenge of ours). It is worth as much as that group:
    the owner of the reader believes it only after passive authentication has found the group's hash signed, and takes
    NONE only where the signed list of groups has no such key. A driver that could not prove a key that the chip offers
    raises DOCUMENT_CLONED; it never returns NONE for it.
    """

    sod: bytes = field(repr=False)
    groups: Mapping[int, bytes] = field(repr=False)
    com: bytes | None = field(repr=False)
    proof: ChipProof


class DocumentReader(Device, Protocol):
    """A contactless reader on which travel documents are laid (ICAO 9303-10, -11)."""

    def present(self) -> bool:
        """Whether a chip answers on the reader now; returns at once. Raises DeviceLost when the reader is gone."""
        ...

    def read(self, key: bytes, deadline_s: float, given_up: Callable[[], bool]) -> ChipRead:
        """Open the chip with what is printed on the document, prove the chip and read it, within `deadline_s` from now.

        `key` is the "MRZ information" of ICAO 9303-11, 4.3: document number, date of birth and date of expiry, each
        followed by its check digit (`hw.wire.mrz.chip_key`). PACE where EF.CardAccess offers it, otherwise BAC; never
        the weaker after the stronger failed. `given_up` is looked at between two commands to the chip.

        Raises DocumentFailed (NO_DOCUMENT, DOCUMENT_KEY_WRONG, DOCUMENT_REMOVED, DOCUMENT_TIMEOUT, also when given up,
        DOCUMENT_UNREADABLE, DOCUMENT_UNSUPPORTED, DOCUMENT_CLONED, or DOCUMENT_ALTERED: EF.CardAccess, in the open,
        hides what DG14 names), or DeviceLost when the reader itself went away.
        """
        ...


@dataclass(frozen=True, slots=True)
class FingerMatch:
    """`score` is the sensor's own measure, 0 to 65535, larger is more alike; the sensor decides what `matched` is."""

    matched: bool
    score: int


class FingerScanner(Device, Protocol):
    """A finger sensor that keeps nobody: a template is in its memory only while it is made or compared.

    One thread owns it. Every call takes well under two seconds, or raises DeviceLost, BadReply.
    """

    kind: str
    """What makes its templates, 1 to 80 characters: only a template of the same kind can be compared here."""

    def check(self) -> None:
        """Whether it is still there and keeps nobody. Raises WrongDevice when somebody was stored in it."""
        ...

    def look(self, sample: Literal[1, 2] = 1) -> Reason:
        """Look at the surface once, now: OK (a finger lies there, kept as this sample), NO_FINGER or FINGER_UNCLEAR."""
        ...

    def load(self, template: bytes) -> None:
        """Put somebody's template into its memory, and prove that it is this one which is there: it is read back.

        Overwrites sample 2. Raises BadReply: it is not what was sent, and nothing may be compared.
        """
        ...

    def compare(self) -> FingerMatch:
        """Compare sample 1 with the loaded template (1:1)."""
        ...

    def merge(self) -> bytes | None:
        """A template of both samples, for the host to keep; None when they are not of one finger."""
        ...

    def wipe(self) -> None:
        """Overwrite template and samples in its memory, and prove it."""
        ...


class Authority(Device, Protocol):
    """Somewhere to send letters to an authority, and to hear its answers; what is in them is none of its business.

    One thread owns it. `Settings` of its driver state `signs` and `seals`, the authority's public keys, and `key_file`,
    the lane's own (`AuthoritySettings`): who answers is believed for the signature, never for the connection.
    """

    def send(self, letter: bytes) -> None:
        """Send it whole, within a second. Raises DeviceLost: how much of it went out nobody knows."""
        ...

    def receive(self, timeout_s: float) -> bytes | None:
        """The next whole answer, or None when `timeout_s` passed without one. Raises DeviceLost, BadReply."""
        ...


class AuthoritySettings(Protocol):
    """What the `Settings` of every driver of an authority state beside its wire. Public keys are 64 hex digits."""

    @property
    def signs(self) -> str: ...

    @property
    def seals(self) -> str: ...

    @property
    def key_file(self) -> str: ...


class Clock(Protocol):
    def now_s(self) -> float:
        """Monotonic seconds. Wall time appears in events alone."""
        ...
