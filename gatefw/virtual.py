"""The virtual runner: the same Gate, with one heap of timed events instead of threads and a clock.

Hours of traffic pass in a moment, and the same inputs give the same run. Devices are a `Site` that stands at the ports;
who answers about tokens and faces is handed in. What is recorded is kept in `facts`.
"""

import heapq
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Protocol

from gatefw.gate import Gate
from gatefw.gate_terms import (
    Answered,
    Ask,
    Committed,
    DeviceCame,
    DoorSensed,
    Drive,
    Drop,
    Effect,
    GateInput,
    LaneSensed,
    Record,
    SetTimer,
    Tell,
    Tick,
    TokenRead,
)
from gatefw.model import Answer, DoorId, Elapsed, Fact, Phase, Question, Started, Token
from gatefw.ports import DoorReading, SensorsReading


class SiteDoor(Protocol):
    def release(self, lease_s: float) -> None: ...

    def secure(self) -> None: ...

    def read(self) -> DoorReading: ...


class Site(Protocol):
    """Simulated devices in virtual time."""

    @property
    def doors(self) -> Mapping[DoorId, SiteDoor]: ...

    def next_s(self) -> float:
        """When something will happen next by itself; infinite when nothing will."""
        ...

    def advance(self, now_s: float) -> None: ...

    def read_sensors(self) -> SensorsReading: ...

    def take_tokens(self) -> list[Token]: ...


Answers = Callable[[Question], tuple[float, Answer] | None]
"""A request's delay in seconds and its reply; None when no answer ever comes."""
Watch = Callable[[GateInput, Sequence[Effect], float], None]
"""Is told every input that the gate took, what it said, and when, after that was done."""

AT_REST = (Phase.IDLE, Phase.OUT_OF_SERVICE, Phase.FAULT, Phase.DEGRADED, Phase.EVACUATED)


@dataclass
class VirtualRunner:
    """Stands around one Gate. `commit_s` is how long the journal takes, `tick_s` how often doors are looked at."""

    gate: Gate
    site: Site
    answers: Answers
    commit_s: float = 0.005
    tick_s: float = 0.25
    reader: str = "reader.front"
    watch: Watch = lambda _event, _effects, _now_s: None
    now_s: float = 0.0
    handled: int = 0
    facts: list[tuple[float, Fact]] = field(default_factory=list)
    told: list[Tell] = field(default_factory=list)
    _heap: list[tuple[float, int, GateInput]] = field(default_factory=list)
    _order: "count[int]" = field(default_factory=count)
    _timer: int = -1
    _seen: dict[object, object] = field(default_factory=dict)
    _ticks: bool = False

    def boot(self) -> None:
        """Every device comes, the first snapshot is read, the lane starts."""
        self._sense()
        for device in sorted(self.gate.senses.missing):
            self.take(DeviceCame(device))
        self.take(Started())

    def at(self, when_s: float, event: GateInput) -> int:
        """Let the gate have this input at that time; returns its place in the order of all."""
        order = next(self._order)
        heapq.heappush(self._heap, (when_s, order, event))
        return order

    def take(self, event: GateInput) -> None:
        """Give the gate an input now and do what it says."""
        self.handled += 1
        effects = self.gate.handle(event, self.now_s)
        for effect in effects:
            self._do(effect)
        self.watch(event, effects, self.now_s)
        if not self._ticks and not self._rests():
            self._ticks = True
            self.at(self.now_s + self.tick_s, Tick())

    def run(self, until_s: float) -> None:
        """Play everything that is due until then."""
        while (due_s := min(self.site.next_s(), self._heap[0][0] if self._heap else math.inf)) <= until_s:
            self.now_s = max(self.now_s, due_s)
            self.site.advance(self.now_s)
            self._sense()
            while self._heap and self._heap[0][0] <= self.now_s:
                _, order, event = heapq.heappop(self._heap)
                if isinstance(event, Tick):
                    self._ticks = False
                if not isinstance(event, Elapsed) or order == self._timer:
                    self.take(event)
        self.now_s = max(self.now_s, until_s)
        self.site.advance(self.now_s)

    def _rests(self) -> bool:
        """Whether nothing would come of a tick: no door to look after, nobody in front who waits."""
        held = any(self.gate.leases.held(door) for door in DoorId)
        return self.gate.state.phase in AT_REST and not held and not self.gate.attends

    def _sense(self) -> None:
        """Read every level; what differs from the last reading is news: inputs, then doors, then people.

        A door that the fire contact freed in hardware must not look forced, and an exit opens before it is walked.
        """
        reading = self.site.read_sensors()
        if self._seen.get("inputs") != reading.inputs:
            self._sense_lane(reading)
        for name, door in self.site.doors.items():
            door_reading = door.read()
            if self._seen.get(name) != door_reading:
                self._seen[name] = door_reading
                self.take(DoorSensed(name, door_reading.position, door_reading.beam))
        if self._seen.get("lane") != reading:
            self._sense_lane(reading)
        for token in self.site.take_tokens():
            self.take(TokenRead(self.reader, token))

    def _sense_lane(self, reading: SensorsReading) -> None:
        self._seen["inputs"], self._seen["lane"] = reading.inputs, reading
        self.take(LaneSensed(reading.occupancy, tuple(reading.zones.items()), tuple(reading.inputs.items())))

    def _do(self, effect: Effect) -> None:
        match effect:
            case Drive(door, lease_s):
                self.site.doors[door].release(lease_s)
            case Drop(door):
                self.site.doors[door].secure()
            case Record(fact, ticket):
                self.facts.append((self.now_s, fact))
                if ticket is not None:
                    self.at(self.now_s + self.commit_s, Committed(ticket))
            case SetTimer(timer, generation, after_s):
                self._timer = self.at(self.now_s + after_s, Elapsed(timer, generation))
            case Ask(run, number, request):
                answer = self.answers(request)
                if answer is not None:
                    self.at(self.now_s + answer[0], Answered(run, number, answer[1]))
            case Tell():
                self.told.append(effect)
