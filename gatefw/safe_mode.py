"""What runs while the lane file cannot be used: doors safe, diagnostics up, nothing else. Nobody is let in.

The gate is not dark: the control socket answers `status` with what is wrong, by file, line and key; systemd sees a
service that is up and says why nobody passes, and does not start it again and again. The doors are made safe by the
pins of the last known good lane file; an older lane is never run in place of the new one, unless somebody says so
(`gatefw run --last-known-good`). No device is watched, no event published and no journal opened: all of that stands in
the file that cannot be used. `reload` (or SIGHUP) has the file read again.
"""

import logging
import signal
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType

from gatefw import __version__
from gatefw.control import RELOAD, Answer, Done, Order, Rejected, Rejection
from gatefw.control_server import ControlServer
from gatefw.model import Beam, DoorId, Occupancy, Phase, Position
from gatefw.notify import Notifier, Turns

TURN_S = 0.5
AGAIN_TURNS = 10
"""Doors that could not be made safe are tried again after so many turns."""
REASON = "config_broken"
NOTHING_KNOWN = "none: no lane file of this gate is known to be good, so nothing is known of its doors"

_log = logging.getLogger(__name__)
Reply = Callable[[Answer], None]


class SafeMode:
    """Of the lane file at `file`, of which `findings` say what is wrong; at least one.

    safe: makes the doors safe by what is known of them, and says by what; "" when nothing is known. again: reads the
    file anew, and returns what is wrong with it then.
    """

    def __init__(
        self,
        file: Path,
        findings: list[str],
        safe: Callable[[], str],
        again: Callable[[], list[str]],
        known_good: Mapping[str, object] | None,
        notifier: Notifier | None = None,
    ) -> None:
        self._file, self._findings, self._safe, self._again = file, findings, safe, again
        self._known_good, self._notifier = known_good, notifier or Notifier()
        self._doors, self._turn = "", 0
        self._ending, self._hung_up, self._good = threading.Event(), threading.Event(), False

    def run(self, control: Path) -> bool:
        """Until it is stopped (False), or a reload found the file good (True). Raises SetupError: socket in use."""
        server = ControlServer(control, self._take)
        try:
            self._notifier.say("READY=1", f"STATUS=safe mode: {self._findings[0]}")
            turns = Turns(self._notifier)
            while not self._ending.wait(TURN_S):
                self.turn()
                turns.took()
        finally:
            server.close()
        return self._good

    def turn(self) -> None:
        """What is to be done now and then."""
        if not self._doors and self._turn % AGAIN_TURNS == 0:
            self._make_safe()
        self._turn += 1
        if self._hung_up.is_set():
            self._hung_up.clear()
            self._read_again()

    def stop(self) -> None:
        self._ending.set()

    def stop_on_signals(self) -> None:
        """SIGTERM and SIGINT end it, SIGHUP has the file read again. Call from the main thread."""

        def stop(_number: int, _frame: FrameType | None) -> None:
            self._ending.set()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGHUP, lambda _number, _frame: self._hung_up.set())

    @property
    def status(self) -> dict[str, object]:
        """As the daemon's own; nothing is sensed, so where doors and people are is not known."""
        return {
            "lane": "",
            "version": __version__,
            "phase": Phase.OUT_OF_SERVICE.value,
            "reason": REASON,
            "findings": list(self._findings),
            "file": str(self._file),
            "made_safe": self._doors,
            "last_known_good": self._known_good,
            "in_service": False,
            "doors": {door.value: Position.UNKNOWN.value for door in DoorId},
            "beams": {door.value: Beam.UNKNOWN.value for door in DoorId},
            "released": dict.fromkeys(DoorId, ""),
            "lease_left_s": {},
            "occupancy": Occupancy.UNKNOWN.value,
            "ways_out": [],
            "cameras": [],
            "age_s": 0.0,  # made as it is asked for
            "inputs": {},
            "zones": {},
            "signals": {},
            "runs": [],
            "timer": None,
            "maintenance": None,
            "missing": [],
            "impaired": {},
            "latched": None,
            "hint": "",
            "face": None,
            "journal_head": 0,
            "memory": {},
            "reloaded": {},
            "upgrade": None,
            "config": {},
            "health": {"devices": {}, "threads": {}},
        }

    def _make_safe(self) -> None:
        try:
            by = self._safe()
        except Exception as problem:  # noqa: BLE001  diagnostics stay up, and it is tried again
            _log.error("doors are not safe yet: %s", problem)
        else:
            self._doors = by or NOTHING_KNOWN
            _log.warning("doors made safe: %s", self._doors)

    def _read_again(self) -> list[str]:
        if found := self._again():
            self._findings = found
            self._notifier.say(f"STATUS=safe mode: {found[0]}")
        else:
            self._good = True
            self._ending.set()
        return found

    # ------------------------------------------------------------ the control socket's thread

    def _take(self, order: Order, reply: Reply) -> None:
        match order.verb:
            case "status":
                reply(Done(self.status))
            case "stop":
                reply(Done({"stopping": True}))
                self._ending.set()
            case _ if order.verb == RELOAD:
                found = self._read_again()
                why = f"{self._file} still cannot be used: {'; '.join(found)}"
                reply(Rejected(Rejection.REFUSED, why) if found else Done({"applied": ["all of it"], "refused": []}))
            case _:
                why = f"{order.verb}: out of service: {self._findings[0]}; mend the lane file, then `gatefw reload`"
                reply(Rejected(Rejection.UNAVAILABLE, why))
