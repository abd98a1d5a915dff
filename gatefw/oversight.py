"""Whether everything in the daemon works, looked at in every tick of its loop; and how it is, for whoever asks.

Each level catches what the one before cannot: a thread that hangs in a device's driver is left behind here; a thread
without a device that stalls, and a vision process that hangs, keep new travellers out; a loop or a door path that hangs
is no more told to systemd and to the watcher, which end the process and make the doors safe. See docs/supervision.md.
"""

import logging
from collections.abc import Callable, Iterable
from contextlib import ExitStack

from gatefw.config import Config
from gatefw.crew import Crew
from gatefw.device_states import DeviceStates
from gatefw.gate import Gate
from gatefw.health_message import EVERY_S, TYPE, health_message
from gatefw.inbox import Inbox
from gatefw.known_good import Keeper
from gatefw.metrics_server import MetricsServer
from gatefw.model import DoorId, Fact, FactKind, Reason
from gatefw.notify import Notifier, Watchdog
from gatefw.reboot_request import RebootRequest
from gatefw.scribe import Scribe
from gatefw.telemetry import Lane, Telemetry
from gatefw.thread_watch import ThreadWatch, Watched
from gatefw.vision_child import VisionChild
from gatefw.vision_desk import VisionDesk
from gatefw.vision_watch import VisionWatch

_log = logging.getLogger(__name__)

LATE_S = 1.0  # a tick after so long a silence was held up itself


class Oversight:
    """Of one lane; for the loop. `telemetry` may be asked by any thread."""

    def __init__(
        self,
        config: Config,
        gate: Gate,
        crew: Crew,
        states: DeviceStates,
        scribe: Scribe,
        inbox: Inbox,
        notifier: Notifier,
        show: Callable[[str, bytes], None],
    ) -> None:
        """show: tells whoever listens on the bus, if it can."""
        self._config, self._gate, self._crew, self._scribe, self._inbox = config, gate, crew, scribe, inbox
        self._watchdog = Watchdog(notifier, crew.door_path)
        self._threads = ThreadWatch(inbox.put)
        self._vision: VisionWatch | None = None
        self._keeper: Keeper | None = None
        self._show, self._shown_s = show, 0.0
        self._looked_s = 0.0
        self._owed_row = 0  # that the journal must reach, now that something was recorded
        self.telemetry = Telemetry(
            lambda: Lane(
                gate.state.phase,
                gate.state.in_service,
                scribe.latch is not None,
                gate.maintenance.left_s(gate.now_s),
            ),
            {worker.name: worker.vitals.health for worker in crew.all},
            states,
            self._threads,
            lambda: inbox.waiting,
            scribe.journal.head,
            lambda: self._watchdog.fed,
        )

    def watch_threads(self, threads: Iterable[Watched], files: ExitStack) -> None:
        """From now on, and the journal's too; and tell how everything is on a socket, until `files` are closed.

        Once the lane has served, its file is kept as one that is known to be good.
        """
        head = self._scribe.journal.head
        for each in (Watched("journal", head, owes=lambda: self._owed_row > head()), *threads):
            self._threads.watch(each)
        self._keeper = Keeper(self._config)
        files.callback(self._keeper.close)
        files.callback(MetricsServer(self._config.paths.metrics, self.telemetry.text).close)

    def watch_vision(self, desk: VisionDesk, files: ExitStack) -> None:
        """From now on; where the process is our child it is started as well, and ended with `files`."""
        table = self._config.vision_table
        kill: Callable[[], None] | None = None  # a unit is killed by its own watchdog
        if table.start == "child":
            child = VisionChild(self._config.file)
            files.callback(child.stop)
            kill = child.kill
        wanted = Fact(FactKind.REBOOT_WANTED, None, (("reason", Reason.PROCESS_STUCK),))
        reboot = RebootRequest(self._config.paths.state, lambda: self._scribe.append(wanted))
        asks = reboot if table.stuck == "reboot" else None
        self._vision = VisionWatch(desk, kill, self._inbox.put, asks, table.stuck_after_s)
        files.callback(self._vision.close)

    def notice(self, fact: Fact) -> None:
        """The lane is about to have this written down."""
        self._owed_row = self._scribe.journal.head() + 1
        self.telemetry.counts.notice(fact)

    def look(self, now_s: float) -> None:
        """In every tick. Whoever was kept from running himself calls nobody stuck."""
        if now_s - self._looked_s < LATE_S:
            self._crew.leave_stuck(now_s)
        elif self._looked_s:
            self.telemetry.counts.late += 1
        self._looked_s = now_s
        self._threads.look(now_s)
        if self._keeper is not None:
            self._keeper.look(self._gate.state.phase)
        if self._vision is not None:
            gate = self._gate
            driven = any(gate.leases.held(door) for door in DoorId)
            self._vision.look(now_s, gate.between_runs and not driven)
        if now_s - self._shown_s >= EVERY_S:
            self._shown_s = now_s
            self._tell_health()

    def _tell_health(self) -> None:
        """It may be lost: a mistake in it ends no loop, and no lane."""
        try:
            journal = self._scribe.journal
            told = health_message(self._config.lane.name, journal.epoch, journal.now(), self.telemetry.health())
            self._show(TYPE, told)
        except Exception:  # noqa: BLE001  whatever it is
            _log.exception("how the devices are cannot be told")

    def feed(self, now_s: float) -> None:
        """systemd's watchdog, at the end of every tick."""
        self._watchdog.feed(now_s, self._gate.state.phase.value)
