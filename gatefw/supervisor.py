"""The live runner: one loop around the Gate, a thread for each device, and what binds them to journal, bus and socket.

The loop takes one input after the other from the inbox, hands it to `Gate.handle` with the monotonic time, and brings
about the effects. It waits for nothing but the inbox: not for a disk, a device, or a subscriber.
"""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from types import FrameType

import hw
from gatefw import __version__
from gatefw.bus import Bus
from gatefw.clearance import face_follows, load
from gatefw.clerk import Clerk
from gatefw.config import Config
from gatefw.control import Answer, Done, Order, Rejected, Rejection
from gatefw.control_server import ControlServer
from gatefw.crew import gate_settings, muster
from gatefw.errors import GateError, JournalBroken, Overflow
from gatefw.events import new_run, wall_clock
from gatefw.gate import Gate
from gatefw.gate_terms import (
    Answered,
    Ask,
    CancelAsk,
    Committed,
    DeviceCame,
    DoorSensed,
    Drive,
    Drop,
    Effect,
    ForgetLatch,
    GateInput,
    KeepLatch,
    Ordered,
    Record,
    SetTimer,
    Show,
    Tell,
    Tick,
)
from gatefw.inbox import Inbox
from gatefw.journal import Journal
from gatefw.keys import load_or_create
from gatefw.leases import NEEDS_COMMIT
from gatefw.model import (
    Beam,
    DoorId,
    Elapsed,
    Fact,
    FactKind,
    Failed,
    Faulted,
    LookUpRecord,
    Occupancy,
    Phase,
    Position,
    Reason,
    RunId,
    Started,
    Verb,
    VerifyFace,
    VerifyPortrait,
)
from gatefw.notify import Notifier
from gatefw.records import Records
from gatefw.seen_tokens import SeenTokens
from gatefw.token_check import TokenCheck, TokenTerms
from gatefw.vision_child import VisionChild
from gatefw.vision_desk import VisionDesk
from hw import gpio

TICK_S = 0.1
BOOT_S = 5.0  # after this the lane starts with what could be read
DRAIN_S = 30.0  # a traveller under way may finish for so long
SWITCH_S = 0.0005  # threads that hold the GIL hand over ten times sooner than by default (bench/edge_to_door.py)
QUIET = (
    Phase.OUT_OF_SERVICE,
    Phase.MAINTENANCE,
    Phase.EXERCISE,
    Phase.DEGRADED,
    Phase.FAULT,
    Phase.EVACUATED,
    Phase.RECOVERING,
)
VERBS = {verb.value: verb for verb in Verb}

_log = logging.getLogger(__name__)


class Supervisor:
    """One lane, live. `run` returns when it was told to stop."""

    def __init__(self, config: Config, notifier: Notifier | None = None) -> None:
        hw.require_ours()
        self._config, self._notifier = config, notifier or Notifier()
        self._inbox = Inbox()
        self._timer: tuple[float, Elapsed] | None = None  # the lane's; a new one voids it
        self._replies: dict[int, Callable[[Answer], None]] = {}
        self._orders = 0
        self._ordering = threading.Lock()
        self._stopping = threading.Event()
        self._stop_by_s: float | None = None
        self._hint = ""
        self._losing_rows = False
        self._fed: dict[str, int] = {}
        self._fed_s = 0.0
        self._files = ExitStack()
        try:
            self._open()
        except BaseException:
            self._files.close()
            raise

    # ------------------------------------------------------------ building

    def _open(self) -> None:
        config, files = self._config, self._files
        for directory in (config.paths.state, config.paths.run):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        journal_key = load_or_create(config.paths.key("journal"), config.paths.journal.exists())
        records_key = load_or_create(config.paths.key("records"), config.paths.records.exists())
        self._journal = Journal.open(
            config.paths.journal, config.lane.name, journal_key, wall_clock, self._journal_failed
        )
        files.callback(self._journal.close)
        self._latch = self._latched()
        records = Records(config.paths.records, records_key)
        files.callback(records.close)
        if config.gpio is not None:
            gpio.open_factory(config.gpio.factory)
            files.callback(gpio.close_factory)
        self._crew = muster(config, self._inbox.put)
        clear = load(config.lane.procedure)
        self.gate = Gate(gate_settings(config, self._crew), clear, new_run, self._latch)
        bus = Bus(self._journal, config.bus.events, config.bus.replay, self._bus_failed)
        files.callback(bus.close)
        seen = SeenTokens(config.paths.tokens)
        files.callback(seen.close)
        check = TokenCheck(
            TokenTerms.of(config.lane.name, config.tokens, face_follows(config.lane.procedure)), seen, wall_clock
        )
        self._clerk = Clerk(records, check.take, self._inbox.put, self._append, lambda: self._journal.now().ns / 1e9)

    def _latched(self) -> Reason | None:
        """Why the lane is in FAULT from before, if it is; a journal that does not hold together is such a reason."""
        try:
            self._journal.verify()
        except JournalBroken as error:
            _log.error("%s", error)
            self._journal.latch(Reason.JOURNAL_BROKEN)
            return Reason.JOURNAL_BROKEN
        return self._journal.latched()

    # ------------------------------------------------------------ running

    def run(self) -> int:
        """Serve until SIGTERM, SIGINT or a `stop` order; then let whoever is inside out, and end. Returns 0."""
        sys.setswitchinterval(SWITCH_S)
        with self._files:
            self._desk = VisionDesk(
                self._config.vision.socket,
                self._config.vision.cameras,
                self._inbox.put,
                self._clerk.reconcile,
                self._hinted,
            )
            self._files.callback(self._desk.close)
            self._clerk.start(self._desk)
            self._files.callback(self._clerk.stop)
            if self._config.vision_table.start == "child":
                self._files.callback(VisionChild(self._config.file).stop)
            self._publish_status()
            control = ControlServer(self._config.paths.control, self._ordered)
            self._files.callback(control.close)
            self._append(
                Fact(FactKind.SERVICE_STARTED, None, (("version", __version__), ("phase", self.gate.state.phase)))
            )
            self._end_unfinished()
            for worker in self._crew.all:
                self._files.callback(worker.stop)
                worker.start()
            self._boot()
            self._loop()
            self._notifier.say("STOPPING=1")
            self._append(Fact(FactKind.SERVICE_STOPPED))
        return 0

    def stop_on_signals(self) -> None:
        """SIGTERM and SIGINT end the lane in order. Call from the main thread."""

        def stop(_number: int, _frame: FrameType | None) -> None:
            self._stopping.set()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)

    def _end_unfinished(self) -> None:
        """A passage whose process died has ended; how far its traveller came, nobody saw."""
        run = self._journal.unfinished()
        if run is not None:
            fields = (("passed", False), ("reason", Reason.RESTARTED), ("seconds", 0.0))
            self._append(Fact(FactKind.PASSAGE_ENDED, run, fields))

    def _boot(self) -> None:
        """Nothing moves before every door and sensor was read once, or it is certain that one cannot be."""
        waits = {worker.name for worker in self._crew.door_path}
        ends_s = time.monotonic() + BOOT_S
        while waits and time.monotonic() < ends_s and not self._stopping.is_set():
            event = self._next(TICK_S)
            if event is not None:
                self._handle(event)
            self._beat()  # the watcher bears less silence than this may take
            if isinstance(event, DeviceCame):
                waits.discard(event.device)
        self._handle(Started())
        self._notifier.say("READY=1", f"STATUS={self.gate.state.phase.value}")

    def _loop(self) -> None:
        next_tick_s = time.monotonic()
        while not self._finished():
            due_s = min(next_tick_s, self._timer[0] if self._timer else next_tick_s)
            event = self._next(due_s - time.monotonic())
            if event is not None:
                self._sense_first(event)
                self._handle(event)
            now_s = time.monotonic()
            if self._timer and self._timer[0] <= now_s:
                (_, elapsed), self._timer = self._timer, None
                self._handle(elapsed)
            if now_s >= next_tick_s:
                next_tick_s = now_s + TICK_S
                self._tick(now_s)

    def _next(self, timeout_s: float) -> GateInput | None:
        try:
            return self._inbox.get(timeout_s)
        except Overflow as error:
            _log.error("%s", error)
            return Faulted(Reason.OVERFLOW)

    def _beat(self) -> None:
        if self._crew.watcher:
            self._crew.watcher.beat()

    def _tick(self, now_s: float) -> None:
        self._handle(Tick())
        self._beat()
        self._publish_status()
        self._feed_watchdog(now_s)

    def _feed_watchdog(self, now_s: float) -> None:
        """Only when every worker on the door path did real work since the last time; never from a timer of its own."""
        if not self._notifier.watchdog_s or now_s - self._fed_s < self._notifier.watchdog_s / 4:
            return
        progress = {worker.name: worker.progress for worker in self._crew.door_path if worker.device is not None}
        if all(self._fed.get(name) != count for name, count in progress.items()):
            self._fed, self._fed_s = progress, now_s
            self._notifier.say("WATCHDOG=1", f"STATUS={self.gate.state.phase.value}")

    def _finished(self) -> bool:
        """Told to stop, and nobody is under way or inside, or the time for that is over."""
        if not self._stopping.is_set():
            return False
        now_s = time.monotonic()
        if self._stop_by_s is None:
            self._stop_by_s = now_s + DRAIN_S
            self._handle(Ordered(0, Verb.CLOSE, f"uid-{os.getuid()}"))
        gate = self.gate
        empty = gate.sensed.occupancy is Occupancy.EMPTY
        in_door = any(gate.leases.held(door) and gate.sensed.beam(door) is not Beam.CLEAR for door in DoorId)
        return now_s >= self._stop_by_s or (gate.state.phase in QUIET and empty and not in_door)

    def _sense_first(self, event: GateInput) -> None:
        """A door that moved unbidden may have been freed by the fire contact: look at that before it looks forced."""
        if not isinstance(event, DoorSensed) or event.position is Position.SECURED:
            return
        secured = self.gate.sensed.position(event.door) is Position.SECURED
        if secured and self.gate.leases.held(event.door) is None:
            for sensors in self._crew.sensors:
                if (fresh := sensors.now()) is not None:
                    self._handle(fresh)

    def _handle(self, event: GateInput) -> None:
        try:
            effects = self.gate.handle(event, time.monotonic())
        except Exception:  # a mistake of ours is a FAULT of the lane, not its end
            _log.exception("gate could not take %s", type(event).__name__)
            if isinstance(event, Faulted):
                raise
            effects = self.gate.handle(Faulted(Reason.SOFTWARE), time.monotonic())
        for effect in effects:
            try:
                self._take(effect)
            except Exception:  # noqa: BLE001  the effects behind it may let somebody out
                _log.exception("%s could not be brought about", type(effect).__name__)
                if not isinstance(event, Faulted):
                    self._inbox.put(Faulted(Reason.SOFTWARE))

    # ------------------------------------------------------------ effects

    def _take(self, effect: Effect) -> None:
        match effect:
            case Drive(door, lease_s, purpose) if purpose in NEEDS_COMMIT:
                self._crew.last_resort.let_through(door, lease_s)
            case Drive(door, lease_s):
                self._crew.doors[door].drive(lease_s)
            case Drop(door):
                self._crew.doors[door].drop()
            case Record(fact, ticket):
                self._append(fact, ticket)
            case Ask():
                self._ask(effect)
            case CancelAsk(run):
                self._desk.cancel(run)
                for asked in self._crew.answering.values():
                    asked.cancel(run)
            case SetTimer(timer, generation, after_s):
                self._timer = (time.monotonic() + after_s, Elapsed(timer, generation))
            case Show(phase, reason):
                self._hint = ""
                for indicator in self._crew.indicators:
                    indicator.show(phase, reason)
                self._desk.want_codes(phase is Phase.IDLE)
                self._publish_status()
            case Tell():
                self._tell(effect)
            case KeepLatch(reason):
                self._latch = self._latch or reason
                self._journal.latch(reason)
            case ForgetLatch():
                self._latch = None
                self._journal.unlatch()
                if self._journal.broken:  # a lane that can record nothing must not look as if it served
                    self._inbox.put(Faulted(Reason.JOURNAL_BROKEN))

    def _ask(self, ask: Ask) -> None:
        match ask.request:
            case LookUpRecord():
                self._clerk.look_up(ask)
            case VerifyFace() | VerifyPortrait():
                self._desk.verify(ask)
            case request if type(request) in self._crew.answering:
                self._crew.answering[type(request)].ask(ask)
            case _:  # the lane file has no device for what its procedure wants to know
                self._inbox.put(Answered(ask.run, ask.number, Failed(Reason.SOFTWARE)))

    def _append(self, fact: Fact, ticket: int | None = None) -> None:
        try:
            self._journal.append(fact, None if ticket is None else lambda _n: self._inbox.put(Committed(ticket)))
        except Overflow as error:
            self._lost_rows(error, Reason.OVERFLOW)
        except GateError as error:  # a fact that the schema does not know is our own mistake
            self._lost_rows(error, Reason.SOFTWARE)
        else:
            self._losing_rows = False

    def _lost_rows(self, error: GateError, reason: Reason) -> None:
        """Say so once: what the fault itself records is lost as well, and must not make another one of it for ever."""
        if not self._losing_rows:
            self._losing_rows = True
            _log.error("%s", error)
            self._inbox.put(Faulted(reason))

    def _journal_failed(self, error: GateError) -> None:
        _log.error("%s", error)
        self._inbox.put(Faulted(Reason.JOURNAL_BROKEN))

    def _bus_failed(self, error: GateError) -> None:
        _log.error("%s", error)

    def _hinted(self, _run: RunId, hint: str) -> None:
        self._hint = hint

    # ------------------------------------------------------------ orders

    def _ordered(self, order: Order, reply: Callable[[Answer], None]) -> None:
        """On the control thread: only enqueue, or answer from the last snapshot."""
        if order.verb == "status":
            reply(Done(self._status))
        elif order.verb == "stop":
            self._stopping.set()
            reply(Done({"stopping": True}))
        elif order.verb in VERBS:
            with self._ordering:
                self._orders += 1
                self._replies[self._orders] = reply
                self._inbox.put(Ordered(self._orders, VERBS[order.verb], order.by, order.expects, order.deadline_s))
        else:
            self._clerk.order(order, reply)

    def _tell(self, told: Tell) -> None:
        self._publish_status()
        with self._ordering:
            reply = self._replies.pop(told.ticket, None)
        if reply is not None:
            status = {"detail": told.detail, "phase": self.gate.state.phase.value}
            reply(Done(status) if told.accepted else Rejected(Rejection.REFUSED, told.detail))

    def _publish_status(self) -> None:
        """A snapshot for `status`, made by the loop and read by the control thread."""
        gate, state, sensed = self.gate, self.gate.state, self.gate.sensed
        self._status: dict[str, object] = {
            "lane": self._config.lane.name,
            "version": __version__,
            "phase": state.phase.value,
            "in_service": state.in_service,
            "doors": {door.value: sensed.position(door).value for door in DoorId},
            "beams": {door.value: sensed.beam(door).value for door in DoorId},
            "released": {door.value: str(gate.leases.held(door) or "") for door in DoorId},
            "occupancy": sensed.occupancy.value,
            "inputs": {name: getattr(sensed, name).value for name in ("fire", "evacuate", "stop")},
            "missing": sorted(gate.senses.missing),
            "impaired": {name: sorted(reasons) for name, reasons in sorted(gate.senses.impaired.items()) if reasons},
            "latched": self._latch.value if self._latch else None,
            "hint": self._hint,
            "journal_head": self._journal.head(),
        }
