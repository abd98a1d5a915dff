"""A gate on the bench: inputs by hand, effects in lists, time by hand."""

from itertools import count

from gatefw.clearance import Terms
from gatefw.clearance.contactless import clear
from gatefw.gate import Gate, GateSettings
from gatefw.gate_terms import (
    Answered,
    Ask,
    Asking,
    Committed,
    DeviceCame,
    DeviceImpaired,
    DoorSensed,
    Drive,
    Effect,
    GateInput,
    LaneSensed,
    Record,
    Show,
    Tick,
    TokenRead,
)
from gatefw.lane_terms import Policy
from gatefw.model import (
    Answer,
    Beam,
    DoorId,
    Elapsed,
    Eligible,
    FaceCompared,
    Fact,
    FactKind,
    Input,
    Occupancy,
    Phase,
    Position,
    Purpose,
    Reason,
    RecordFound,
    RunId,
    Signal,
    Started,
    SubjectId,
    Timer,
    Token,
    Zone,
)

ENTRY, EXIT = DoorId.ENTRY, DoorId.EXIT
ANNA = SubjectId("5" * 32)
MATCH = FaceCompared(True, 0.3, 0.542, 0.001, 3)


class Bench:
    """One gate. `how` are further settings of it."""

    def __init__(
        self,
        clear_with: object = clear,
        latched: Reason | None = None,
        *more: str,
        policy: Policy | None = None,
        **how: object,
    ) -> None:
        runs = count(1)
        settings = GateSettings(
            policy or Policy(),
            dict.fromkeys(Timer, 5.0),
            Terms(4.0),
            frozenset({"door.entry_door", "vision", *more}),
            True,
            **how,  # type: ignore[arg-type]
        )
        self.gate = Gate(settings, clear_with, lambda: RunId(f"run-{next(runs)}"), latched)  # type: ignore[arg-type]
        self.now_s = 0.0
        self.effects: list[Effect] = []
        self.last: list[Effect] = []

    def give(self, *events: GateInput) -> "Bench":
        for event in events:
            self.last = self.gate.handle(event, self.now_s)
            self.effects += self.last
        return self

    def door(self, door: DoorId, position: Position, beam: Beam = Beam.CLEAR) -> "Bench":
        return self.give(DoorSensed(door, position, beam))

    def ill(self, device: str, reason: Reason, impaired: bool = True) -> "Bench":
        return self.give(DeviceImpaired(device, reason, impaired))

    def people(self, occupancy: Occupancy, *pressed: Input, front: bool | None = None) -> "Bench":
        inputs = tuple((which, Signal.ON if which in pressed else Signal.OFF) for which in Input)
        return self.give(LaneSensed(occupancy, () if front is None else ((Zone.FRONT, front),), inputs))

    def later(self, seconds: float) -> "Bench":
        self.now_s += seconds
        return self.give(Tick())

    def idle(self) -> "Bench":
        self.door(ENTRY, Position.SECURED).door(EXIT, Position.SECURED).people(Occupancy.EMPTY)
        self.give(DeviceCame("door.entry_door"), DeviceCame("vision"), Started())
        return self.over(Timer.SCAN)

    def over(self, timer: Timer) -> "Bench":
        return self.give(Elapsed(timer, self.gate.state.generation))

    def commit(self) -> "Bench":
        """Everything that waits for the disk is on it."""
        tickets = [e.ticket for e in self.effects if isinstance(e, Record) and e.ticket is not None]
        return self.give(*(Committed(ticket) for ticket in tickets))

    def ask(self) -> Ask:
        return [e for e in self.effects if isinstance(e, Ask)][-1]

    def answer(self, reply: Answer) -> "Bench":
        """Answer what is asked. A record that was found is one of whom every rule holds."""
        ask = self.ask()
        self.give(Answered(ask.run, ask.number, reply))
        return self.answer(Eligible()) if isinstance(reply, RecordFound) else self

    def inside(self) -> "Bench":
        """Anna stands between two secured doors and her face has been asked for."""
        self.idle().give(TokenRead("reader.front", Token(b"ANNA", "]Q1")))
        self.answer(RecordFound(ANNA)).commit()
        self.door(ENTRY, Position.OPEN).people(Occupancy.ONE)
        self.now_s += 1.0  # the door needs its time to close
        return self.door(ENTRY, Position.SECURED)

    def facts(self, kind: FactKind) -> list[Fact]:
        return [e.fact for e in self.effects if isinstance(e, Record) and e.fact.kind is kind]

    def driven(self) -> list[tuple[DoorId, Purpose]]:
        return [(e.door, e.purpose) for e in self.effects if isinstance(e, Drive)]

    @property
    def phase(self) -> Phase:
        return self.gate.state.phase

    @property
    def asking(self) -> Asking:
        return [e for e in self.effects if isinstance(e, Asking)][-1]

    @property
    def shows(self) -> Show:
        return [e for e in self.effects if isinstance(e, Show)][-1]

    def of(self, kind: FactKind, run: str) -> list[dict[str, object]]:
        """The fields of every fact of a kind that one run has."""
        return [dict(fact.fields) for fact in self.facts(kind) if fact.run == run]
