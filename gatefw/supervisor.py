"""The live runner: one loop around the Gate, a thread for each device, and what binds them to journal, bus and socket.

The loop takes one input after the other from the inbox, hands it to `Gate.handle` with the monotonic time, and has the
effects brought about (`errands`). It waits for nothing but the inbox: not for a disk, a device, or a subscriber.
"""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, replace
from types import FrameType

import hw
from gatefw import __version__, display_lane, hardening
from gatefw.cases import Cases
from gatefw.clearance import Beginning, load
from gatefw.config import Config
from gatefw.control_server import ControlServer
from gatefw.crew import gate_settings, muster, trusted
from gatefw.display import Display
from gatefw.edges import Edges
from gatefw.errands import Errands
from gatefw.errors import Overflow
from gatefw.events import new_run
from gatefw.gate import Gate
from gatefw.gate_terms import DeviceCame, GateInput, Ordered, Tick
from gatefw.going_on import going_on
from gatefw.inbox import Inbox
from gatefw.keys import make_directory
from gatefw.maintenance import MAINTAINED
from gatefw.model import Beam, DoorId, Fact, FactKind, Faulted, Phase, Reason, Started, Verb
from gatefw.notify import Notifier
from gatefw.office import Office
from gatefw.order_desk import lane_status
from gatefw.oversight import Oversight
from gatefw.reception import Reception
from gatefw.recording import Recording
from gatefw.thread_watch import Watched
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

_log = logging.getLogger(__name__)


class Supervisor:
    """One lane, live. `run` returns when it was told to stop."""

    def __init__(self, config: Config, notifier: Notifier | None = None) -> None:
        hw.require_ours()
        self._config, self._notifier = config, notifier or Notifier()
        self._inbox = Inbox()
        self._stopping = threading.Event()
        self._stop_by_s: float | None = None
        self._memory = asdict(hardening.found())
        self._edges, self._cases = Edges(time.monotonic()), Cases()
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
            make_directory(directory)
        self._office = office = Office(config, self._inbox.put, files)
        self._scribe, self._authorities = office.scribe, office.authorities
        if config.gpio is not None:
            gpio.open_factory(config.gpio.factory)
            files.callback(gpio.close_factory)
        self._crew = muster(config, self._inbox.put, office.finger_of, self._authorities)
        clear = load(config.lane.procedure)
        settings, latch = gate_settings(config), self._scribe.latch
        if self._scribe.maintained:  # somebody may still be at the doors
            settings = replace(settings, in_service=False)
        self.gate = Gate(settings, clear, new_run, latch)
        about = {"lane": config.lane.name, "config": config.sha256, "procedure": config.lane.procedure}
        most_mb = config.recording.most_mb
        self._recording = Recording(config.paths.recordings, most_mb, self.gate, settings, about, latch)
        files.callback(self._recording.close)
        self._staff(settings.begins)

    def _staff(self, begins: Beginning) -> None:
        """Who works around the gate: clerk, display, the desks, and whoever looks after them."""
        config, files, office = self._config, self._files, self._office
        self._clerk = office.employ_clerk(self._crew.finger_sensor)
        self._display = Display(
            config.paths.display,
            office.records.facts,
            self._inbox.put,
            config.screen.mirror,
            display_lane.about(config, begins),
            display_lane.spoken(config),
        )
        files.callback(self._display.close)
        self._hung_up = threading.Event()  # SIGHUP: only told here, and done by the loop
        desks = Reception(
            config,
            self.gate,
            self._crew,
            self._scribe,
            self._clerk,
            self._inbox.put,
            self._stopping.set,
            lambda do, heard: self._desk.request(do, heard),
            self._prepared,
            self._edges,
            self._cases,
            office.records.facts,
            office.trial,
            files,
        )
        self._bus, self._orders, self._devices, self._reloader = desks.bus, desks.orders, desks.devices, desks.reloader
        states, show = self._devices.states, self._bus.show
        self._oversight = Oversight(
            config, self.gate, self._crew, states, self._scribe, self._inbox, self._notifier, show
        )
        self._orders.health = self._oversight.telemetry.health
        self._errands = Errands(
            self.gate,
            self._crew,
            self._scribe,
            self._clerk,
            self._authorities,
            self._display,
            self._oversight,
            self._orders,
            self._inbox.put,
            self._publish_status,
        )

    def _prepared(self, config: Config) -> Callable[[], None]:
        """What the loop has to do so that the lane runs by another lane file, as far as `reload` lets it."""
        office = self._office.prepared(config)
        reader = self._crew.document_reader
        store = trusted(config.documents) if reader else None

        def apply() -> None:
            self.gate.retime(config.timers.lengths)
            self._recording.retimed(config.timers.lengths, time.monotonic())
            office()
            if reader and store:
                reader.trust(store)

        return apply

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
                self._errands.hinted,
                self._config.reversed,
                self._errands.judged,
            )
            self._errands.desk = self._desk
            self._files.callback(self._desk.close)
            self._clerk.start(self._desk)
            self._files.callback(self._clerk.stop)
            if self._authorities:
                self._authorities.start()
                self._files.callback(self._authorities.stop)
            self._oversight.watch_vision(self._desk, self._files)
            self._publish_status()
            control = ControlServer(self._config.paths.control, self._orders.take)
            self._files.callback(control.close)
            self._oversight.watch_threads(self._threads(control), self._files)
            started = (("version", __version__), ("phase", self.gate.state.phase))
            self._scribe.append(Fact(FactKind.SERVICE_STARTED, None, started))
            if self._scribe.maintained:
                self._scribe.append(Fact(FactKind.ALARM_RAISED, None, (("reason", Reason.MAINTENANCE),)))
            self._scribe.end_unfinished()
            self._files.callback(self._crew.stop)
            self._files.callback(self._devices.close)
            self._crew.start()
            self._boot()
            self._loop()
            self._notifier.say("STOPPING=1")
            self._scribe.append(Fact(FactKind.SERVICE_STOPPED))
        return 0

    def _threads(self, control: ControlServer) -> Iterator[Watched]:
        """Those that own no device; all but two take a turn now and then, whether there is anything to do or not."""
        yield Watched("bus", lambda: self._bus.progress)
        yield Watched("clerk", lambda: self._clerk.progress)
        yield Watched("control", lambda: control.progress, control.poke)
        yield Watched("display", lambda: self._display.progress, self._display.poke)
        if authorities := self._authorities:
            yield Watched("authorities", lambda: authorities.progress)

    def stop_on_signals(self) -> None:
        """SIGTERM and SIGINT end the lane in order, SIGHUP has its file read again. Call from the main thread."""

        def stop(_number: int, _frame: FrameType | None) -> None:
            self._stopping.set()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGHUP, lambda _number, _frame: self._hung_up.set())

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
        self._crew.last_resort.hear_calls()
        self._notifier.say("READY=1", f"STATUS={self.gate.state.phase.value}")

    def _loop(self) -> None:
        next_tick_s = time.monotonic()
        while not self._finished():
            event = self._next(min(next_tick_s, self._errands.due_s) - time.monotonic())
            if event is not None:
                self._handle(event)
            now_s = time.monotonic()
            if elapsed := self._errands.elapsed(now_s):
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
        self._oversight.look(now_s)
        if self._hung_up.is_set():
            self._hung_up.clear()
            self._reloader.ask()
        self._reloader.look(self.gate.between_runs)
        self._handle(Tick())
        self._beat()
        self._publish_status()
        self._display.beat(now_s)
        self._oversight.feed(now_s)

    def _finished(self) -> bool:
        """Told to stop, and nobody is under way or shut in, or the time for that is over."""
        if not self._stopping.is_set():
            return False
        now_s = time.monotonic()
        if self._stop_by_s is None:
            self._stop_by_s = now_s + DRAIN_S
            self._handle(Ordered(0, Verb.CLOSE, f"uid-{os.getuid()}"))
        gate = self.gate
        in_door = any(gate.leases.held(door) and gate.sensed.beam(door) is not Beam.CLEAR for door in DoorId)
        return now_s >= self._stop_by_s or (gate.state.phase in QUIET and gate.state.vacant and not in_door)

    def _handle(self, event: GateInput) -> None:
        self._devices.states.notice(event)
        now_s, given = time.monotonic(), event
        try:
            effects = self.gate.handle(event, now_s)
        except Exception:  # a mistake of ours is a FAULT of the lane, not its end
            _log.exception("gate could not take %s", type(event).__name__)
            self._recording.took(event, None, now_s)
            if isinstance(event, Faulted):
                raise
            given = Faulted(Reason.SOFTWARE)
            effects = self.gate.handle(given, now_s)
        self._errands.do(effects, event)
        self._edges.saw(event, effects, now_s, self.gate.state.phase)
        self._cases.saw(self.gate, effects, now_s)
        self._recording.took(given, effects, now_s)  # all after they were brought about: they keep no door waiting

    def _publish_status(self) -> None:
        """A snapshot for `status`, made by the loop and read by the control thread."""
        file, state = self._config.file.absolute(), self._config.paths.state
        unended = self._scribe.maintained and self.gate.state.phase not in MAINTAINED
        status: dict[str, object] = {
            "lane": self._config.lane.name,
            "config": {"file": str(file), "state": str(state), "sha256": self._reloader.read_sha256},
            **lane_status(self.gate),
            "cameras": [each.label for each in self._config.having("camera")],
            "reason": Reason.MAINTENANCE.value if unended else None,
            "latched": self._scribe.latch.value if self._scribe.latch else None,
            "journal_head": self._scribe.journal.head(),
            "memory": self._memory,
            "reloaded": self._reloader.told,
            "upgrade": self._office.trial.told(),
            **going_on(self.gate, self._errands.timer, self._errands.face, time.monotonic()),
        }
        self._orders.publish(status)
