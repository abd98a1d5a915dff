"""The gate: lane, procedure and interlock behind one function. Single-threaded, no clock, no hardware.

    effects = gate.handle(event, now_s)

The live runner (`supervisor`) and the virtual runner (`virtual`) stand around this same class. What comes in is sensed,
read, answered, committed or ordered; what goes out is to be asked, recorded, driven, shown.

The order of things for a door that lets somebody through: the release is recorded; when it is committed, and only if
the same run still wants the same door for the same purpose, the interlock is asked; then the door is driven. Letting a
person *out* never waits for the journal: it is driven first and recorded when possible.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count

from gatefw import orders
from gatefw.clearance import Beginning, Clear
from gatefw.gate_settings import GateSettings
from gatefw.gate_terms import (
    Answered,
    Ask,
    Asking,
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
    shown,
)
from gatefw.lane import step
from gatefw.lane_terms import State
from gatefw.leases import NEEDS_COMMIT, Began, Denied, Ended, Leases
from gatefw.maintenance import Maintenance, kept
from gatefw.model import (
    Alarm,
    Arm,
    DoorId,
    Elapsed,
    EndRun,
    Fact,
    FactKind,
    Faulted,
    HealthIs,
    Input,
    InputIs,
    LaneCommand,
    LaneEvent,
    Latch,
    Operated,
    Phase,
    Proceed,
    Reason,
    Release,
    ReleaseDropped,
    RunId,
    Sensed,
    Signal,
    Started,
    Timer,
    Unlatch,
    Verb,
)
from gatefw.senses import News, Senses
from gatefw.under_way import Step, UnderWay

__all__ = ["Gate", "GateSettings"]

BETWEEN_RUNS = (Phase.IDLE, Phase.OUT_OF_SERVICE, Phase.RECOVERING, Phase.DEGRADED, Phase.MAINTENANCE, Phase.EXERCISE)

BY_ITSELF = "lane"


class Gate:
    """One lane. `handle` is the whole interface; `state`, `senses`, `leases` and `runs` are for looking at."""

    def __init__(
        self, settings: GateSettings, clear: Clear, new_run: Callable[[], RunId], latched: Reason | None = None
    ) -> None:
        self.state = State.at_boot(settings.policy, in_service=settings.in_service, latched=latched is not None)
        finder = settings.identifier if settings.begins is Beginning.PRESENCE else ""
        self.senses = Senses(settings.required, settings.policy.doors, finder, settings.bears)
        self.leases = Leases(settings.lease_s, settings.renew_s, settings.confirm_s)
        self._settings = settings
        self._tickets = count(1)
        self.runs = UnderWay(settings, clear, new_run, self._tickets)
        self.maintenance = Maintenance()
        self._tag: RunId | None = None  # whose run the lane's own facts belong to, until the lane is free again
        self._now_s = 0.0
        self._effects: list[Effect] = []
        self._releases: dict[DoorId, int] = {}
        self._alarms: set[Reason] = set()
        self._operator = ""
        self._buttons = orders.Buttons()
        self._early: Faulted | None = None  # the first fault from before the lane listened
        self._showing: Show | None = None
        self._asking = Asking()
        self._evacuates = False  # this input is the order to

    @property
    def sensed(self) -> Sensed:
        """What the interlock is asked on. An officer's order to evacuate is told to both minds, as the button is: until
        the next input it counts as officer_evacuate pressed, so a lane that lost its mind still frees nothing alone.
        """
        sensed = self.senses.sensed
        return replace(sensed, evacuate=Signal.ON) if self._evacuates else sensed

    @property
    def between_runs(self) -> bool:
        """Whether the lane is empty, nobody is under way and nothing is left to be done: a change is under nobody."""
        runs, done = self.runs, not self._effects
        rests = self.state.vacant and self.state.phase in BETWEEN_RUNS
        return done and rests and runs.served is None and runs.waiting is None

    @property
    def takes_tokens(self) -> bool:
        """Whether a token that is read now begins a run."""
        return self.runs.takes_tokens(self.state, self._now_s)

    @property
    def attends(self) -> bool:
        """Whether somebody stands in front of an idle lane, so that time alone may begin a run."""
        return self.runs.attends(self.state)

    @property
    def now_s(self) -> float:
        """The time of the newest input."""
        return self._now_s

    def retime(self, timers: Mapping[Timer, float]) -> None:
        """From now on these times; those that run already end as they were set."""
        self._settings.timers.update(timers)

    def handle(self, event: GateInput, now_s: float) -> list[Effect]:
        """Take one input; the effects are in the order in which they should be done.

        One that raises loses none that came of it before that: they come with the next, which tells of the fault.
        """
        self._now_s, self._evacuates = now_s, False
        match event:
            case DoorSensed():
                self._follow(self.senses.door(event))
            case LaneSensed():
                self._lane_sensed(event)
            case TokenRead():
                self._follow(self.runs.token_read(event, self.state, now_s))
            case Answered():
                self._follow(self.runs.answered(event, now_s))
            case Committed(ticket):
                self._committed(ticket)
            case DeviceWent():
                self._device_went(event)
            case DeviceCame(device):
                self._follow(self.senses.device_came(device))
            case DeviceImpaired():
                self._follow(self.senses.device_impaired(event))
            case Ordered():
                self._ordered(event)
            case Started():
                self._start()
            case Faulted() if not self.senses.started:
                self._early = self._early or event
            case Elapsed() | Faulted():
                self._lane(event)
            case Tick():
                self._follow(self.maintenance.look(now_s))
                if self.leases.unconfirmed(self.state, self.sensed, now_s) is not None:
                    self._lane(Faulted(Reason.DOOR_UNCONFIRMED))
        self._follow(self.runs.hear_traveller(self.state, now_s))
        self._tell_health()
        self._drive_doors()
        self._follow(self.runs.look_in_front(self.state, now_s))
        self._show()
        effects, self._effects = self._effects, []
        return effects

    # ------------------------------------------------------------ what is sensed

    def _start(self) -> None:
        """What failed or was pressed before the lane listened is told again; other inputs it knows by their level."""
        self.senses.started = True
        self._lane(Started())
        if self._early is not None:
            self._lane(self._early)
        for which in (Input.TAMPER, Input.CALL):
            if which in self.senses.pressed:
                self._lane(InputIs(which, Signal.ON))

    def _lane_sensed(self, event: LaneSensed) -> None:
        self.runs.sensed(event)
        self._follow(self.senses.lane(event))
        for verb in self._buttons.pressed(event.inputs):
            self._ordered(Ordered(0, verb, orders.BY))

    def _device_went(self, event: DeviceWent) -> None:
        """That it is missing is told before what nobody senses any more: a lost door is not a forced one."""
        self._follow(self.senses.device_went(event))
        self._tell_health()
        if event.device.startswith("sensors."):
            self.runs.unread()
            self._buttons.unread()
        self._follow(self.senses.unread(event.device))
        for door in DoorId:
            if event.device == f"door.{door}" and self.leases.lost(door, self.state.wants(door), self._now_s):
                self._record(FactKind.DOOR_SECURED, door=door)

    def _tell_health(self) -> None:
        """What only keeps new travellers out is told when nobody is under way."""
        healthy = self.senses.whole and (self.runs.served is not None or not self.senses.keeps_out)
        if healthy is not self.state.healthy:
            self._lane(HealthIs(healthy))

    def _follow(self, due: Sequence[News | Step]) -> None:
        """Bring about what is new or follows of a run, one after the other."""
        for item in due:
            match item:
                case Ask() | CancelAsk() | Record():
                    self._effects.append(item)
                case Fact():
                    self._effects.append(Record(replace(item, run=self._tag)))
                case Alarm(reason):
                    self._alarm(reason)
                case _:
                    self._tag = self.runs.served.run if self.runs.served else self._tag
                    self._lane(item)

    def _committed(self, ticket: int) -> None:
        self._follow(self.runs.committed(ticket))
        for door, waiting in self._releases.items():
            want = self.state.wants(door)
            if waiting == ticket and want is not None:
                self.leases.approved[door] = want

    # ------------------------------------------------------------ operators

    def _ordered(self, order: Ordered) -> None:
        longest_s = self._settings.timers[Timer.MAINTENANCE]
        refusal = orders.why_not(order, self.state, self.sensed, self._now_s)
        refusal = refusal or self.maintenance.why_not(order, longest_s)
        reason = Reason.OK if not refusal else Reason.NOT_NOW
        fields = (("verb", order.verb), ("by", order.by), ("accepted", not refusal), ("reason", reason))
        why = (("why", order.why),) if order.why else ()
        self._effects.append(Record(Fact(FactKind.OPERATOR_ORDERED, self._tag, fields + why)))
        if not refusal:
            self._operator, self._evacuates = order.by, order.verb is Verb.EVACUATE
            self._effects.extend(kept(order.verb, self.state.phase))  # before its rows: what they say, the disk has
            self._follow(self.maintenance.taken(order, longest_s, self._now_s))
            self._lane(Operated(order.verb))
            if order.verb is Verb.MAINTAIN_EXTEND and self.state.phase is Phase.MAINTENANCE:
                self._obey(Arm(Timer.MAINTENANCE, self.state.generation))
        self._effects.append(Tell(order.ticket, not refusal, refusal or orders.done(order, self.state)))

    # ------------------------------------------------------------ the lane and its commands

    def _lane(self, event: LaneEvent) -> None:
        before = self.state.phase
        self.state, commands = step(self.state, event)
        if self.state.phase is not before:
            self._alarms.clear()
            self._record(FactKind.PHASE_CHANGED, phase=self.state.phase, previous=before)
            by = self._operator if isinstance(event, Operated) else BY_ITSELF
            self._follow(self.maintenance.follow(self.state.phase, by))
        for command in commands:
            self._obey(command)
        if self.state.phase in BETWEEN_RUNS and self.runs.served is None:  # one of the commands may have ended it
            self._tag = None

    def _obey(self, command: LaneCommand) -> None:
        match command:
            case Release(door, purpose) if purpose in NEEDS_COMMIT:
                self.leases.approved.pop(door, None)
                ticket = self._releases[door] = next(self._tickets)
                self._record(FactKind.DOOR_RELEASED, ticket, door=door, purpose=purpose, alarm=False)
            case Arm(Timer.MAINTENANCE, generation):
                left_s = self.maintenance.left_s(self._now_s)
                self._effects.append(SetTimer(Timer.MAINTENANCE, generation, left_s))
            case Arm(Timer.SCAN, generation) if not self.state.secured:
                still_closing_s = self._settings.timers[Timer.SECURE]  # an alarm before then would be of every door
                self._effects.append(SetTimer(Timer.SCAN, generation, still_closing_s))
            case Arm(timer, generation):
                self._effects.append(SetTimer(timer, generation, self._settings.timers[timer]))
            case Proceed():
                self._follow(self.runs.inside(self._now_s))
            case EndRun(passed, reason):
                self._follow(self.runs.end(passed, reason, self._now_s))
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

    def _show(self) -> None:
        """What is shown, and what is asked for, when it changes; nothing before the lane knows what it does."""
        reason = self.runs.reason(self._now_s, lane_free=self.state.phase in BETWEEN_RUNS)
        showing = Show(self.state.phase, shown(reason))
        if self.senses.started and showing != self._showing:
            self._showing = showing
            self._effects.append(showing)
        asking = self.runs.asking(self.state, self._now_s)
        if self.senses.started and asking != self._asking:
            self._asking = asking
            self._effects.append(asking)

    def _record(self, kind: FactKind, ticket: int | None = None, **fields: str | int | float | bool) -> None:
        self._effects.append(Record(Fact(kind, self._tag, tuple(fields.items())), ticket))
