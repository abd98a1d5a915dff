"""What was sensed, released and done lately, in the order in which it was: evidence for whoever looks for a miswiring.

A contact that is wired to the wrong terminal is no fault of any device: each level is possible, only together they
cannot be. So the newest changes are kept, as levels of named things, and with them what each thing was before the
oldest of them. No identity is in it, no token, no run: door, beam, zone, count, input, release, phase, device.

    entry_door               secured, closed, open, unknown: from its contacts
    entry_door.beam          clear, broken
    entry_door.release       the purpose of its release (`Purpose`), or off
    occupancy                empty, one, many, unknown
    zone_front, zone_behind  on, off
    fire, stop, call ...     on, off, unknown: by `Input`
    phase                    `Phase`
    door.entry_door ...      there, lost: a device, by its name in the lane file; what it read is `unread` meanwhile
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gatefw.errors import BadReply
from gatefw.gate_terms import DeviceCame, DeviceWent, DoorSensed, Drive, Drop, Effect, GateInput, LaneSensed
from gatefw.model import Input, Phase, Zone

KEPT = 4096
"""Some two hundred passages; 60 KB in memory."""
OFF, UNREAD = "off", "unread"


_OF_SENSORS = frozenset({"occupancy", *(f"zone_{zone}" for zone in Zone), *Input})


@dataclass(frozen=True, slots=True)
class Edge:
    """From this moment on (monotonic seconds) a thing was so."""

    at_s: float
    what: str
    now: str


@dataclass(frozen=True, slots=True)
class Course:
    """Levels over time: `before` the first edge, at every edge, and until `now_s`. Edges are in their order."""

    since_s: float
    now_s: float
    before: Mapping[str, str]
    edges: Sequence[Edge]

    def to_json(self) -> dict[str, object]:
        """Times are seconds before now, as nobody else has our clock."""
        told = [[round(self.now_s - edge.at_s, 3), edge.what, edge.now] for edge in self.edges]
        return {"for_s": round(self.now_s - self.since_s, 3), "before": dict(self.before), "edges": told}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "Course":
        """The same, `now_s` at zero. Raises BadReply."""
        try:
            edges = [Edge(-float(ago_s), str(what), str(now)) for ago_s, what, now in told["edges"]]
            before = {str(what): str(now) for what, now in told["before"].items()}
            return cls(-float(told["for_s"]), 0.0, before, edges)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadReply(f"edges: no course of levels ({type(error).__name__}: {error})") from error


@dataclass
class Edges:
    """Filled by the loop, read by any thread. Only changes are kept, the newest `kept` of them."""

    since_s: float
    kept: int = KEPT
    _ring: deque[Edge] = field(default_factory=deque)
    _before: dict[str, str] = field(default_factory=dict)
    _is: dict[str, str] = field(default_factory=dict)

    def saw(self, event: GateInput, effects: Iterable[Effect], now_s: float, phase: Phase) -> None:
        """The gate took an input and said these effects; its phase is as it is after that."""
        for what, now in (*_levels(event), *self._unread(event)):
            self._become(now_s, what, now)
        for effect in effects:
            if isinstance(effect, Drive):
                self._become(now_s, f"{effect.door}.release", effect.purpose.value)
            elif isinstance(effect, Drop):
                self._become(now_s, f"{effect.door}.release", OFF)
        self._become(now_s, "phase", phase.value)

    def course(self, now_s: float) -> Course:
        edges = list(self._ring.copy())  # first: what falls out meanwhile is then in both, and nothing in neither
        oldest_s = edges[0].at_s if len(edges) >= self.kept else self.since_s
        return Course(oldest_s, now_s, self._before.copy(), edges)

    def _unread(self, event: GateInput) -> Iterator[tuple[str, str]]:
        """What nobody reads any more, now that this device is gone."""
        if not isinstance(event, DeviceWent):
            return
        role, _, name = event.device.partition(".")
        if role == "door":
            yield from ((name, UNREAD), (f"{name}.beam", UNREAD))
        elif role == "sensors":
            yield from ((what, UNREAD) for what in tuple(self._is) if what in _OF_SENSORS)

    def _become(self, now_s: float, what: str, now: str) -> None:
        if self._is.get(what) == now:
            return
        self._is[what] = now
        if len(self._ring) >= self.kept:
            oldest = self._ring.popleft()
            self._before[oldest.what] = oldest.now
        self._ring.append(Edge(now_s, what, now))


def _levels(event: GateInput) -> Iterator[tuple[str, str]]:
    match event:
        case DoorSensed(door, position, beam):
            yield door.value, position.value
            yield f"{door}.beam", beam.value
        case LaneSensed(occupancy, zones, inputs):
            for zone, present in zones:
                yield f"zone_{zone}", "on" if present else OFF
            yield "occupancy", occupancy.value
            for which, signal in inputs:
                yield which.value, signal.value
        case DeviceWent(device):
            yield device, "lost"
        case DeviceCame(device):
            yield device, "there"
