"""The real console before thirty lanes that nobody runs: a test says what each row is, and what becomes of orders."""

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn
from console_bench import MK, VISITOR, Clock
from peers import until

from gatefw.console.row import Came, Row
from gatefw.console.server import Console
from gatefw.console.setting import ConsoleTable, Setting
from gatefw.console.shown import TONES
from gatefw.model import Phase
from gatefw.web.serve import bound

COUNT = 30
RUN = "0123456789abcdef"
CASE = {
    "run": RUN,
    "procedure": "document_free",
    "phase": "referred",
    "since_s": 42.0,
    "reason": "permit_expired",
    "requirements": [
        {"name": "look_up_record", "outcome": "met"},
        {"name": "verify_face", "outcome": "met", "score": 0.312, "threshold": 0.45},
        {
            "name": "check_eligibility",
            "outcome": "not_met",
            "reason": "permit_expired",
            "rules": [{"rule": "permit", "reason": "permit_expired"}],
        },
        {"name": "ask_authorities", "outcome": "open"},
    ],
    "facts": {
        "document.name": "CHAN TAI MAN <b>",
        "document.number": "K01234567",
        "document.nationality": "CHN",
        "born": "1984",
    },
}
Told = dict[str, Any]


def lane(n: int, phase: str = "idle", **more: Any) -> Told:
    """A row as the console tells it: a lane at rest, but for what is said."""
    base: Told = {
        "id": f"lane-{n}",
        "name": f"Lane {n}",
        "group": ("Arrivals", "Departures", "Crew")[(n - 1) * 3 // COUNT],
        "phase": phase,
        "tone": TONES.get(phase, "stop"),
        "since_s": 30.0 + n,
        "occupancy": "empty",
        "waiting_since_s": None,
        "reason": None,
        "referral": None,
        "camera": "ok",
        "devices_lost": [],
        "orders": ["hold", "close", "evacuate", "silent_alarm"],
        "ways_out": ["entry_door"],
        "case": None,
    }
    return base | more


def alarm(n: int, number: int | None, priority: str, reason: str, since_s: float | None = 5.0, **more: Any) -> Told:
    base = {"id": f"lane-{n}:{number}", "lane": f"lane-{n}", "number": number, "priority": priority, "reason": reason}
    return {**base, "since_s": since_s, "by": None, "over": False, "run": None, **more}


HELD = ["let_out", "reset", "clear_by_hand", "close", "evacuate", "silent_alarm"]
REFERRAL = {"run": RUN, "reason": "permit_expired", "since_s": 42.0}


def every_state() -> tuple[list[Told], list[Told]]:
    """A lane in each phase, silent, and others at rest; and what alarms that makes."""
    told = {
        3: lane(3, "hold", occupancy="one", waiting_since_s=95.0, reason="called", orders=HELD),
        4: lane(4, "referred", occupancy="one", waiting_since_s=42.0, referral=REFERRAL, case=RUN, orders=HELD),
        6: lane(6, "verifying", occupancy="one", waiting_since_s=8.0, case="f" * 16),
        7: lane(7, "token_presented", waiting_since_s=2.0, case="e" * 16),
        8: lane(8, "entry_released", waiting_since_s=3.0),
        9: lane(9, "entering", occupancy="one", waiting_since_s=5.0),
        12: lane(12, "silent", camera="unknown", occupancy="unknown", orders=[], since_s=17.0),
        13: lane(13, "exit_released", occupancy="one", waiting_since_s=11.0),
        14: lane(14, "leaving", occupancy="one"),
        15: lane(15, "refused", occupancy="one", waiting_since_s=6.0, reason="token_expired", orders=HELD),
        17: lane(17, "fault", reason="door_forced", orders=["reset", "evacuate", "silent_alarm"], since_s=7300.0),
        18: lane(18, "degraded", camera="lost", reason="device_lost", devices_lost=["camera.inside", "reader.front"]),
        20: lane(20, "out_of_service", orders=["open", "evacuate", "silent_alarm"]),
        22: lane(22, "evacuated", reason="fire", occupancy="unknown", orders=["reset", "silent_alarm"]),
        23: lane(23, "maintenance", orders=["evacuate", "silent_alarm"]),
        24: lane(24, "exercise", orders=["evacuate", "silent_alarm"]),
        26: lane(26, "recovering"),
        27: lane(27, "idle", camera="degraded"),
        29: lane(29, "silent", camera="unknown", occupancy="unknown", orders=[], since_s=None),
    }
    alarms = [
        alarm(22, 71, "emergency", "fire"),
        alarm(12, None, "high", "silent", 17.0),
        alarm(17, 31, "high", "door_forced", 7300.0),
        alarm(3, 12, "high", "called", 95.0, by="ab"),
        alarm(4, 44, "medium", "permit_expired", 42.0),
        alarm(18, 9, "low", "device_lost", 600.0),
        alarm(27, 8, "low", "camera_dark", 700.0, over=True),
    ]
    return [told.get(n, lane(n)) for n in range(1, COUNT + 1)], alarms


@dataclass
class Given:
    """An order that reached a lane."""

    lane: str
    verb: str
    args: dict[str, object]
    expects: Phase | None
    by: str


class PlayedRow(Row):
    """`show` says what there is. `answers`: of a lane and verb, what comes of it; else it is done."""

    def __init__(self) -> None:
        super().__init__(())
        self.lanes, self.alarms = [lane(n) for n in range(1, COUNT + 1)], list[Told]()
        self.answers: dict[tuple[str, str], Came] = {}
        self.given: list[Given] = []
        self.cases: list[object] = []

    def show(self, *lanes: Told, alarms: Iterable[Told] | None = None) -> None:
        """These instead of those with the same id."""
        new = {each["id"]: each for each in lanes}
        self.lanes = [new.get(each["id"], each) for each in self.lanes]
        if alarms is not None:
            self.alarms = list(alarms)
        self.tell()

    def __contains__(self, lane: str) -> bool:
        return any(each["id"] == lane for each in self.lanes)

    def now(self) -> dict[str, Any]:
        return {"now_s": 1.0, "lanes": self.lanes, "alarms": self.alarms}

    async def order(
        self, lane: str, verb: str, args: Mapping[str, object], expects: Phase | None, name: str, timeout_s: float
    ) -> Came:
        if verb == "case":
            self.cases.append(args.get("run"))
            return self.answers.get((lane, verb), Came(200, CASE))
        self.given.append(Given(lane, verb, dict(args), expects, name))
        return self.answers.get((lane, verb), Came(200, {"outcome": "done"}))


@dataclass
class Hall:
    """A console that is served, by a clock of the test's own for its sessions."""

    row: PlayedRow
    clock: Clock
    setting: Setting
    port: int = 0
    _server: uvicorn.Server | None = None
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Another console, which knows nobody, at the port of the one before."""
        app = Console(self.setting, self.row, self.clock).application()
        listener = bound("127.0.0.1", self.port)
        self.port = listener.getsockname()[1]
        config = uvicorn.Config(app, log_config=None, ws="none", lifespan="off", timeout_graceful_shutdown=0)
        self._server = server = uvicorn.Server(config)
        self._thread = threading.Thread(target=lambda: server.run(sockets=[listener]), name="played console")
        self._thread.start()
        until(lambda: server.started, "the console")

    def stop(self) -> None:
        """Streams are cut, the port is nobody's."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = self._server.force_exit = True
            self._thread.join()
        self._server = self._thread = None


@contextmanager
def hall(**table: Any) -> Iterator[Hall]:
    """`table`: of the console's file, where it is not as usual."""
    row = PlayedRow()
    made = Hall(row, Clock(), Setting(ConsoleTable(**table), None, (), (MK, VISITOR)))
    try:
        made.start()
        yield made
    finally:
        made.stop()
        row.close()
