"""What goes into `Gate.handle`, past facts from the edge, and what comes out, effects for the edge to bring about."""

import math
from dataclasses import dataclass, field

from gatefw.model import (
    Answer,
    Asked,
    Beam,
    DoorId,
    Elapsed,
    Fact,
    Faulted,
    Input,
    Occupancy,
    Phase,
    Position,
    Purpose,
    Question,
    Reason,
    RunId,
    Signal,
    Started,
    Timer,
    Token,
    Verb,
    Zone,
)

# ---------------------------------------------------------------- inputs


@dataclass(frozen=True, slots=True)
class DoorSensed:
    """A door's contacts and beam, read together."""

    door: DoorId
    position: Position
    beam: Beam


@dataclass(frozen=True, slots=True)
class LaneSensed:
    """Every level of the lane's sensors, read together. An input that is not wired is OFF."""

    occupancy: Occupancy
    zones: tuple[tuple[Zone, bool], ...] = ()
    inputs: tuple[tuple[Input, Signal], ...] = ()


@dataclass(frozen=True, slots=True)
class TokenRead:
    reader: str
    token: Token


@dataclass(frozen=True, slots=True)
class Answered:
    """A reply to `Ask`; one whose run or number is not the live one is dropped."""

    run: RunId
    number: int
    reply: Answer


@dataclass(frozen=True, slots=True)
class Committed:
    """The fact recorded under this ticket is on disk."""

    ticket: int


@dataclass(frozen=True, slots=True)
class DeviceWent:
    """A device or process is gone. `device` is its name in the config: `door.entry_door`, `reader.front`, `vision`."""

    device: str
    reason: Reason = Reason.DEVICE_LOST


@dataclass(frozen=True, slots=True)
class DeviceCame:
    device: str


@dataclass(frozen=True, slots=True)
class DeviceImpaired:
    """A device that is there works badly, or again as it should (`impaired` false): a dark camera, a broken case.

    Each (device, reason) is a level of its own; a device that went has none of them.
    """

    device: str
    reason: Reason
    impaired: bool


@dataclass(frozen=True, slots=True)
class Stay:
    """Who works in a lane and why, both in a code of `events`; for so long, or as long as the lane file allows."""

    name: str
    why: str
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Ordered:
    """An operator's order through the control socket. `by` is a code for who, never a name; void after `deadline_s`.

    `stay` comes with an order for maintenance, and with no other. `why`: a word of `events.ORDERED_FOR`, or empty.
    """

    ticket: int
    verb: Verb
    by: str
    expects: Phase | None = None
    deadline_s: float = math.inf
    stay: Stay | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed: leases are renewed, plausibility is looked at."""


GateInput = (
    DoorSensed
    | LaneSensed
    | TokenRead
    | Answered
    | Committed
    | DeviceWent
    | DeviceCame
    | DeviceImpaired
    | Ordered
    | Tick
    | Elapsed
    | Started
    | Faulted
)


# ---------------------------------------------------------------- effects


@dataclass(frozen=True, slots=True)
class Ask:
    run: RunId
    number: int
    request: Question


@dataclass(frozen=True, slots=True)
class CancelAsk:
    """The run is over: whatever was asked for it, the answer is not wanted any more."""

    run: RunId


@dataclass(frozen=True, slots=True)
class Record:
    """Journal the fact; with a ticket, say `Committed(ticket)` when it is on disk."""

    fact: Fact
    ticket: int | None = None


@dataclass(frozen=True, slots=True)
class Drive:
    """Release this door for `lease_s`; a later Drive extends it."""

    door: DoorId
    lease_s: float
    purpose: Purpose


@dataclass(frozen=True, slots=True)
class Drop:
    """End this door's lease: it closes and locks."""

    door: DoorId


@dataclass(frozen=True, slots=True)
class Show:
    """What everybody may see, lamps, readers and the traveller's screen; `reason` is one that `shown` let through."""

    phase: Phase
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Asking:
    """What is wanted of people now: of the traveller whom the lane serves, and of one who waits in front meanwhile.

    None for a passage that there is not. invites: a token that is read now begins one. out: the doors by which the lane
    lets somebody out who was turned away.
    """

    served: tuple[Asked, ...] | None = None
    waiting: tuple[Asked, ...] | None = None
    invites: bool = False
    out: tuple[DoorId, ...] = ()


HITS = frozenset(
    {
        Reason.STOP_LISTED,
        Reason.DOCUMENT_USED_TWICE,
        Reason.AUTHORITY_REFUSED,
        Reason.TOO_MANY_TRIES,
        Reason.ENROLLED_TWICE,
    }
)
"""What a traveller is not told, nor who stands behind them: the journal alone has it."""


def shown(reason: Reason | None) -> Reason | None:
    """The reason as a traveller may see it: a hit is the neutral "please go to the counter"."""
    return Reason.SEE_COUNTER if reason in HITS else reason


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Start the lane's one timer. The one before is void, so that no generation of long ago can come back."""

    timer: Timer
    generation: int
    after_s: float


@dataclass(frozen=True, slots=True)
class Tell:
    """The answer to an order. `detail` is for the operator's eyes and is not journalled."""

    ticket: int
    accepted: bool
    detail: str = field(default="")


@dataclass(frozen=True, slots=True)
class KeepLatch:
    reason: Reason


@dataclass(frozen=True, slots=True)
class ForgetLatch:
    pass


@dataclass(frozen=True, slots=True)
class KeepMaintenance:
    """A technician has the lane: whatever becomes of this process, the next one lets nobody in."""


@dataclass(frozen=True, slots=True)
class ForgetMaintenance:
    """Somebody said that it is over."""


Kept = KeepLatch | ForgetLatch | KeepMaintenance | ForgetMaintenance
Effect = Ask | CancelAsk | Record | Drive | Drop | Show | Asking | SetTimer | Tell | Kept
