"""A console for tests: lanes that are played by a bus each in this process, and the application around them."""

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bus_bench import BusBench, Reply
from web_bench import Asked, ask

from gatefw.bus_keys import ClientKey, Permission
from gatefw.console.lanes import Named
from gatefw.console.officers import Officer, hashed
from gatefw.console.row import Row
from gatefw.console.server import COOKIE, Console
from gatefw.console.setting import ConsoleTable, Followed, Setting
from gatefw.control import Answer, Done, Order, Rejected, Rejection
from gatefw.model import Fact, FactKind

READ, OPERATE = Permission.READ, Permission.OPERATE
PASSWORD = "correct horse battery"
HASH = hashed(PASSWORD, bytes(16))
MK = Officer("mk", HASH, frozenset((READ, OPERATE)), "en")
VISITOR = Officer("visitor", HASH, frozenset((READ,)), "zh_Hant")
HOST, ORIGIN = "127.0.0.1:8092", "http://127.0.0.1:8092"
IDLE: dict[str, Any] = {
    "lane": "lane",
    "phase": "idle",
    "in_service": True,
    "occupancy": "empty",
    "reason": None,
    "latched": None,
    "missing": [],
    "impaired": {},
    "runs": [],
}
RUN = "0123456789abcdef"


def fact(kind: FactKind, run: str | None = None, **fields: object) -> Fact:
    return Fact(kind, run, tuple(fields.items()))  # type: ignore[arg-type]


def event(kind: str, n: int = 1, run: str = "", *, epoch: str = "e" * 16, data: object = None) -> dict[str, object]:
    """As it comes over the bus."""
    told: dict[str, object] = {"type": f"gatefw.{kind}.v1", "sequence": f"{n:020d}", "epoch": epoch, "data": data}
    return {**told, "run": run} if run else told


class PlayedLane(BusBench):
    """Answers `status` by itself, other orders with what `answers` has for their verb; `deaf`: with nothing."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(exist_ok=True)
        super().__init__(directory)
        self.status = dict(IDLE)
        self.answers: dict[str, Answer] = {}
        self.given: list[Order] = []
        self.deaf = threading.Event()
        granted = [each for each in self.holders.listed() if each.name == "console"]
        if not granted:
            self.new_key("console", READ, OPERATE).write(directory / "console.key")
        self.console = ClientKey.read(directory / "console.key")

    def close(self) -> None:
        """Others may be there still."""
        self._files.close()
        assert self.failures.empty(), self.failures.get()

    def _handle(self, order: Order, reply: Reply) -> None:
        if self.deaf.is_set():
            return
        if order.verb == "status":
            reply(Done({**self.status, "journal_head": self.journal.head()}))
            return
        self.given.append(order)
        reply(self.answers.get(order.verb, Done({"detail": "lane is idle", "phase": "idle"})))

    def tell(self, told: Fact) -> None:
        """Write it down; who follows hears of it."""
        written = threading.Event()
        self.journal.append(told, lambda _: written.set())
        assert written.wait(30.0)


@dataclass
class Clock:
    now_s: float = 1000.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Browser:
    """One browser at one console. Its cookie and token are as the console set them."""

    app: Any
    cookie: str = ""
    csrf: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> Asked:
        return ask(self.app, "GET", path, host=HOST, cookie=self.cookie, **headers)

    def post(self, path: str, told: object = None, **headers: str) -> Asked:
        given = {"origin": ORIGIN, "cookie": self.cookie, "x_csrf": self.csrf, **self.headers, **headers}
        return ask(self.app, "POST", path, json.dumps({} if told is None else told).encode(), HOST, **given)

    def login(self, name: str = "mk", password: str = PASSWORD) -> Asked:
        answer = self.post("/login", {"name": name, "password": password})
        if answer.status == 204:
            self.cookie = answer.headers["set-cookie"].partition(";")[0]
            assert self.cookie.startswith(COOKIE)
            self.csrf = json.loads(self.get("/session").body)["csrf"]
        return answer


def setting(*lanes: Followed, **table: Any) -> Setting:
    return Setting(ConsoleTable(**table), None, lanes, (MK, VISITOR))


@contextmanager
def console(tmp_path: Path, count: int, clock: Clock | None = None) -> Iterator[tuple[Console, list[PlayedLane]]]:
    """A console and its lanes, called lane-1 and so on. With a clock of the test's own, sessions go by that."""
    with ExitStack() as stack:
        lanes = [PlayedLane(tmp_path / f"lane-{n}") for n in range(1, count + 1)]
        for lane in lanes:
            stack.callback(lane.close)
        followed = [Followed(Named(f"lane-{n}", f"Lane {n}", "hall"), lane.console) for n, lane in enumerate(lanes, 1)]
        row = Row(followed)
        stack.callback(row.close)
        made = setting(*followed)
        yield (Console(made, row) if clock is None else Console(made, row, clock)), lanes


def refused(message: str) -> Rejected:
    return Rejected(Rejection.REFUSED, message)
