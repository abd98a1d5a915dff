"""The gate: lane, procedure and interlock behind one function. Single-threaded, no clock, no hardware.

    effects = gate.handle(event, now_s)

The live runner (`supervisor`) and the virtual runner (`virtual`) stand around this same class. What comes in is sensed,
read, answered, committed or ordered; what goes out is to be asked, recorded, driven, shown.

The order of things for a door that lets somebody through: the release is recorded; when it is committed, and only if
the same run still wants the same door for the same purpose, the interlock is asked; then the door is driven. Letting a
person *out* never waits for the journal: it is driven first and recorded when possible.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from gatefw import orders
from gatefw.clearance import Clear, Terms
from gatefw.gate_terms import (
    Answered,
    Ask,
    CancelAsk,
    Committed,
    DeviceCame,
    DeviceImpaired,
    DeviceWent,
    DoorSensed,
    Drive,
    Drop,
    Effect,
    ForgetLatch,
    GateInput,
    KeepLatch,
    LaneSensed,
    Ordered,
    Record,
    SetTimer,
    Show,
    Tell,
    Tick,
    TokenRead,
)
from gatefw.lane import find, step
from gatefw.lane_terms import Policy, State
from gatefw.leases import NEEDS_COMMIT, Began, Denied, Ended, Leases
from gatefw.model import (
    Alarm,
    Arm,
    Decided,
    Decision,
    DoorId,
    Elapsed,
    EndRun,
    Fact,
    FactKind,
    Faulted,
    HealthIs,
    Input,
    InputIs,
    Inside,
    Invited,
    LaneCommand,
    LaneEvent,
    Latch,
    LetIn,
    Operated,
    Phase,
    Presented,
    Proceed,
    Reason,
    Release,
    ReleaseDropped,
    Reply,
    RunId,
    Sensed,
    Signal,
    Started,
    SubjectId,
    Timer,
    Token,
    Unlatch,
    Verb,
    Verdict,
)
from gatefw.passage import Passage, facts_of
from gatefw.senses import News, Senses

BETWEEN_RUNS = (Phase.IDLE, Phase.OUT_OF_SERVICE, Phase.RECOVERING, Phase.DEGRADED, Phase.MAINTENANCE, Phase.EXERCISE)


@dataclass(frozen=True, slots=True)
class GateSettings:
    """Of the lane file: who may go where, how long things take (seconds), which devices a passage needs."""

    policy: Policy
    timers: dict[Timer, float]
    terms: Terms
    required: frozenset[str]
    in_service: bool
    lease_s: float = 2.0
    renew_s: float = 0.5
    confirm_s: float = 10.0


class Gate:
    """One lane. `handle` is the whole interface; `state`, `senses` and `leases` are for looking at."""

    def __init__(
        self, settings: GateSettings, clear: Clear, new_run: Callable[[], RunId], latched: Reason | None = None
    ) -> None:
        self.state = State(settings.policy, in_service=settings.in_service, latched=latched is not None)
        self.senses = Senses(settings.required)
        self.leases = Leases(settings.lease_s, settings.renew_s, settings.confirm_s)
        self._settings, self._clear, self._new_run = settings, clear, new_run
        self._passage: Passage | None = None
        self._tag: RunId | None = None  # whose passage the facts belong to, until the lane is free again
        self._now_s = 0.0
        self._effects: list[Effect] = []
        self._tickets = 0
        self._admission: tuple[int, RunId] | None = None
        self._releases: dict[DoorId, int] = {}
        self._alarms: set[Reason] = set()
        self._operator = ""
        self._buttons = orders.Buttons()

    @property
    def sensed(self) -> Sensed:
        return self.senses.sensed

    def handle(self, event: GateInput, now_s: float) -> list[Effect]:
        """Take one input; the effects are in the order in which they should be done."""
        self._now_s, self._effects = now_s, []
        match event:
            case DoorSensed():
                self._learn(self.senses.door(event))
            case LaneSensed():
                self._lane_sensed(event)
            case TokenRead(_, token):
                self._token_read(event.reader, token)
            case Answered():
                self._answered(event)
            case Committed(ticket):
                self._committed(ticket)
            case DeviceWent():
                self._device_went(event)
            case DeviceCame(device):
                self._learn(self.senses.device_came(device))
            case DeviceImpaired():
                self._learn(self.senses.device_impaired(event))
            case Ordered():
                self._ordered(event)
            case Started():
                self._start()
            case Elapsed() | Faulted():
                self._lane(event)
            case Tick():
                self._look_at_doors()
        self._tell_health()
        self._drive_doors()
        return self._effects

    # ------------------------------------------------------------ what is sensed

    def _start(self) -> None:
        """What was pressed before the lane listened is told again; the other inputs it knows by their level."""
        self.senses.started = True
        self._lane(Started())
        for which in (Input.TAMPER, Input.CALL):
            if which in self.senses.pressed:
                self._lane(InputIs(which, Signal.ON))

    def _learn(self, news: Sequence[News]) -> None:
        for item in news:
            match item:
                case Fact():
                    self._effects.append(Record(replace(item, run=self._tag)))
                case Alarm(reason):
                    self._alarm(reason)
                case _:
                    self._lane(item)

    def _lane_sensed(self, event: LaneSensed) -> None:
        self._learn(self.senses.lane(event))
        for verb in self._buttons.pressed(event.inputs):
            self._ordered(Ordered(0, verb, orders.BY))

    def _device_went(self, event: DeviceWent) -> None:
        """That it is missing is told before what nobody senses any more: a lost door is not a forced one."""
        self._learn(self.senses.device_went(event))
        self._tell_health()
        self._learn(self.senses.unread(event.device))
        for door in DoorId:
            if event.device == f"door.{door}" and self.leases.lost(door, self.state.wants(door), self._now_s):
                self._record(FactKind.DOOR_SECURED, door=door)

    def _tell_health(self) -> None:
        """What only keeps new travellers out is told when nobody is under way."""
        healthy = self.senses.whole and (self._passage is not None or not self.senses.keeps_out)
        if healthy is not self.state.healthy:
            self._lane(HealthIs(healthy))

    # ------------------------------------------------------------ the run and its procedure

    def _token_read(self, reader: str, token: Token) -> None:
        """A token shown to a lane that is not idle is nobody's: it is not kept for later."""
        if self.state.phase is not Phase.IDLE:
            return
        procedure = self._clear(token, self._settings.terms)
        self._passage = Passage(self._new_run(), procedure, self._now_s)
        self._tag = self._passage.run
        self._record(FactKind.PASSAGE_STARTED, reader=reader, symbology=token.symbology)
        self._lane(Presented())
        self._advance(None)

    def _advance(self, reply: Reply | None) -> None:
        """Let the procedure go on to its next request or its decision."""
        passage = self._passage
        if passage is None:
            return
        match passage.go_on(reply):
            case Decision() as decision:
                self._decide(passage.run, decision)
            case LetIn():
                self._lane(Invited())
            case request:
                asked = passage.ask(request)
                self._effects += [Ask(passage.run, number, question) for number, question in asked]

    def _decide(self, run: RunId, decision: Decision) -> None:
        """An ADMIT reaches the lane only after its commit; everything else at once."""
        fields = {"verdict": decision.verdict, "reason": decision.reason}
        if decision.verdict is Verdict.ADMIT:
            ticket = self._ticket()
            self._admission = (ticket, run)
            self._record(FactKind.PASSAGE_DECIDED, ticket, decision.subject, **fields)
        else:
            self._record(FactKind.PASSAGE_DECIDED, None, decision.subject, **fields)
            self._lane(Decided(decision.verdict))

    def _answered(self, event: Answered) -> None:
        passage = self._passage
        if passage is None or event.run != passage.run or not passage.waits_for(event.number):
            return
        self._learn(facts_of(event.reply))
        reply = passage.answered(event.number, event.reply)
        if reply is not None:
            self._advance(reply)

    def _end_run(self, passed: bool, reason: Reason | None) -> None:
        passage, self._passage, self._admission = self._passage, None, None
        if passage is None:
            return
        decided = passage.end()
        seconds = round(self._now_s - passage.began_s, 3)
        self._record(FactKind.PASSAGE_ENDED, passed=passed, reason=reason or decided, seconds=seconds)
        self._effects.append(CancelAsk(passage.run))

    def _committed(self, ticket: int) -> None:
        if self._passage and self._admission == (ticket, self._passage.run):
            self._admission = None
            self._lane(Decided(Verdict.ADMIT))
            return
        for door, waiting in self._releases.items():
            want = self.state.wants(door)
            if waiting == ticket and want is not None:
                self.leases.approved[door] = want

    # ------------------------------------------------------------ operators

    def _ordered(self, order: Ordered) -> None:
        refusal = self._why_not(order)
        self._record(
            FactKind.OPERATOR_ORDERED,
            verb=order.verb,
            by=order.by,
            accepted=not refusal,
            reason=Reason.OK if not refusal else Reason.NOT_NOW,
        )
        if not refusal:
            self._operator = order.by
            self._lane(Operated(order.verb))
        self._effects.append(Tell(order.ticket, not refusal, refusal or f"lane is {self.state.phase.value}"))

    def _why_not(self, order: Ordered) -> str:
        """Why this order cannot be carried out now, with what was found; empty when it can."""
        found = f"lane is {self.state.phase.value}"
        if self._now_s > order.deadline_s:
            return f"{order.verb.value} came too late: who ordered it was told that it expired"
        if order.expects is not None and order.expects is not self.state.phase:
            return f"{order.verb.value} was meant for {order.expects.value}, but the {found}"
        _, row = find(self.state, Operated(order.verb))
        if row is not None or order.verb in (Verb.OPEN, Verb.CLOSE):
            return ""
        s = self.sensed
        return (
            f"{order.verb.value} is not possible now: {found}, occupancy {s.occupancy.value}, "
            f"entry_door {s.entry.value}, exit_door {s.exit.value}, "
            f"fire {s.fire.value}, officer_evacuate {s.evacuate.value}, stop {s.stop.value}"
        )

    # ------------------------------------------------------------ the lane and its commands

    def _lane(self, event: LaneEvent) -> None:
        before = self.state.phase
        self.state, commands = step(self.state, event)
        if self.state.phase is not before:
            self._alarms.clear()
            self._record(FactKind.PHASE_CHANGED, phase=self.state.phase, previous=before)
            if self.state.phase in BETWEEN_RUNS and self._passage is None:
                self._tag = None
        for command in commands:
            self._obey(command)
        if self.state.phase is not before or isinstance(event, Started):
            decision = self._passage.decision if self._passage else None
            self._effects.append(Show(self.state.phase, decision.reason if decision else None))

    def _obey(self, command: LaneCommand) -> None:
        match command:
            case Release(door, purpose) if purpose in NEEDS_COMMIT:
                self.leases.approved.pop(door, None)
                ticket = self._releases[door] = self._ticket()
                self._record(FactKind.DOOR_RELEASED, ticket, door=door, purpose=purpose, alarm=False)
            case Arm(timer, generation):
                self._effects.append(SetTimer(timer, generation, self._settings.timers[timer]))
            case Proceed():
                if self._passage and self._passage.waits:
                    self._advance(Inside())
            case EndRun(passed, reason):
                self._end_run(passed, reason)
            case Alarm(reason):
                self._alarm(reason)
            case Latch(reason):
                self._effects.append(KeepLatch(reason))
                self._record(FactKind.FAULT_LATCHED, reason=reason)
            case Unlatch():
                self._effects.append(ForgetLatch())
                self._record(FactKind.FAULT_RESET, by=self._operator)

    def _alarm(self, reason: Reason) -> None:
        """Once per reason and phase: a lane that stays as it is does not repeat itself."""
        if reason not in self._alarms:
            self._alarms.add(reason)
            self._record(FactKind.ALARM_RAISED, reason=reason)

    # ------------------------------------------------------------ doors

    def _look_at_doors(self) -> None:
        if self.leases.unconfirmed(self.state, self.sensed, self._now_s) is not None:
            self._lane(Faulted(Reason.DOOR_UNCONFIRMED))

    def _drive_doors(self) -> None:
        """Reconcile until nothing more changes: a dropped release moves the lane, which may want another door."""
        for _ in range(4):
            outcomes = self.leases.reconcile(self.state, self.sensed, self._now_s)
            if not outcomes:
                return
            for outcome in outcomes:
                self._came_of(outcome)

    def _came_of(self, outcome: Drive | Drop | Began | Ended | Denied) -> None:
        match outcome:
            case Drive() | Drop():
                self._effects.append(outcome)
            case Began(door, purpose, alarm):
                if purpose not in NEEDS_COMMIT:
                    self._record(FactKind.DOOR_RELEASED, door=door, purpose=purpose, alarm=alarm is not None)
                if alarm is not None:
                    self._alarm(alarm)
            case Ended(door):
                self._record(FactKind.DOOR_SECURED, door=door)
            case Denied(door, purpose, reason):
                self._record(FactKind.RELEASE_DROPPED, door=door, purpose=purpose, reason=reason)
                if purpose in NEEDS_COMMIT:
                    self._lane(ReleaseDropped(door))

    # ------------------------------------------------------------ small things

    def _ticket(self) -> int:
        self._tickets += 1
        return self._tickets

    def _record(
        self,
        kind: FactKind,
        ticket: int | None = None,
        subject: SubjectId | None = None,
        **fields: str | int | float | bool,
    ) -> None:
        self._effects.append(Record(Fact(kind, self._tag, tuple(fields.items()), subject), ticket))
