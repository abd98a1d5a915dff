"""Looks at a simulated lane after every step of its gate, and notes which invariant broke, when, and at what input."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from gatefw.gate import Gate
from gatefw.gate_terms import Committed, Effect, GateInput, Record
from gatefw.leases import SETTLE_S
from gatefw.model import DoorId, FactKind, Input, Purpose, RunId, Signal
from gatefw.simulate.invariants import AtDoor, Moment, Step, broken
from hw.sim.history import Entry
from hw.sim.physics import World
from hw.sim.places import Place


@dataclass(frozen=True, slots=True)
class Violation:
    """`invariant` is its name in `invariants.INVARIANTS`, `input` what the gate had just been told."""

    at_s: float
    invariant: str
    input: GateInput

    def __str__(self) -> str:
        return f"{self.invariant} at {self.at_s:.3f} s, on {type(self.input).__name__}"


@dataclass(slots=True)
class Judge:
    """Of one gate and its world; a gate that is started anew gets a judge of its own, since it knows nothing either."""

    gate: Gate
    world: World
    violations: list[Violation] = field(default_factory=list)
    judged: int = 0
    _was: Moment | None = None
    _held: dict[DoorId, tuple[Purpose, float]] = field(default_factory=dict)
    _asked: dict[int, tuple[DoorId, Purpose] | RunId] = field(default_factory=dict)
    _recorded: dict[DoorId, tuple[int, Purpose | None]] = field(default_factory=dict)
    _admitted: set[RunId] = field(default_factory=set)
    _let_across: bool = False
    _strays: int = 0

    def __post_init__(self) -> None:
        self.world.history.follow(self._happened)

    def saw(self, event: GateInput, effects: Sequence[Effect], now_s: float) -> None:
        """The gate took this input and said this."""
        self._follow_records(event, effects)
        now = self._moment(now_s)
        was, self._was = self._was, now
        if was is None:
            return
        step = Step.between(was, now)
        if any(step.begun(Purpose.ADMIT)):
            self._let_across = True
        self.judged += 1
        self.violations += [Violation(now_s, name, event) for name in broken(step)]

    # ------------------------------------------------------------ what is on disk

    def _follow_records(self, event: GateInput, effects: Sequence[Effect]) -> None:
        if isinstance(event, Committed) and (asked := self._asked.pop(event.ticket, None)) is not None:
            self._is_on_disk(event.ticket, asked)
        for effect in effects:
            if isinstance(effect, Record):
                self._note(effect)

    def _note(self, effect: Record) -> None:
        fact, ticket = effect.fact, effect.ticket
        if fact.kind is FactKind.PASSAGE_ENDED and fact.run is not None:
            self._admitted.discard(fact.run)
        elif ticket is not None and fact.kind is FactKind.DOOR_RELEASED:
            told = dict(fact.fields)
            door, purpose = DoorId(str(told["door"])), Purpose(str(told["purpose"]))
            self._asked[ticket], self._recorded[door] = (door, purpose), (ticket, None)
        elif ticket is not None and fact.kind is FactKind.PASSAGE_DECIDED and fact.run is not None:
            self._asked[ticket] = fact.run

    def _is_on_disk(self, ticket: int, asked: tuple[DoorId, Purpose] | RunId) -> None:
        if not isinstance(asked, tuple):
            self._admitted.add(asked)
        elif self._recorded[asked[0]][0] == ticket:
            self._recorded[asked[0]] = (ticket, asked[1])

    # ------------------------------------------------------------ what is true

    def _happened(self, entry: Entry) -> None:
        """Somebody walked out by the exit: for one of them an admission lets across, an emergency for everybody."""
        if entry.kind != "crossed" or entry["door"] is not DoorId.EXIT:
            return
        if entry["to"] is Place.BEHIND and not self._everybody_may():
            self._strays += not self._let_across
            self._let_across = False
        elif entry["to"] is Place.AIRLOCK:
            self._let_across = True  # who came the wrong way goes back

    def _everybody_may(self) -> bool:
        last = self._held.get(DoorId.EXIT)
        return last is not None and last[0] in (Purpose.EMERGENCY, Purpose.WAY_OUT)

    def _moment(self, now_s: float) -> Moment:
        world, served = self.world, self.gate.runs.served
        entry, exit_ = (self._at(door, now_s) for door in DoorId)
        return Moment(
            self.gate.state,
            self.gate.sensed,
            entry,
            exit_,
            sum(person.place is Place.AIRLOCK for person in world.people.values()),
            emergency=Signal.ON in (world.signal(Input.FIRE), world.signal(Input.EVACUATE)),
            admitted=served is not None and served.run in self._admitted,
            strays=self._strays,
            truthful=not (world.stuck or any(d.jammed or d.welded or d.forced for d in world.doors.values())),
        )

    def _at(self, door: DoorId, now_s: float) -> AtDoor:
        held = self.gate.leases.held(door)
        ended = self._was.at(door).held if self._was is not None else None
        if lately := held or ended:  # one that has just ended was released until now, however long nothing was heard
            self._held[door] = (lately, now_s)
        last, until_s = self._held.get(door, (None, -math.inf))
        return AtDoor(
            self.world.position(door),
            door in self.world.doors and any(person.stands_in(door) for person in self.world.people.values()),
            held,
            last if now_s - until_s < SETTLE_S else None,
            self._recorded.get(door, (0, None))[1],
        )
