"""A lane in maintenance with one device of each role, each with a real worker, and a technician who asks the desk."""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

from peers import until

from gatefw.config_tables import Device
from gatefw.control import Answer, Done, Order, Rejected
from gatefw.device_desk import DeviceDesk, LaneAccess
from gatefw.device_secrets import Installer
from gatefw.errors import DeviceLost, GateError
from gatefw.finger_worker import FingerWorker
from gatefw.gate_terms import DeviceCame, GateInput, TokenRead
from gatefw.model import Fact, Input, Occupancy, Phase, Reason, Sensed, Signal, Token, Zone
from gatefw.ports import SensorsReading
from gatefw.questions import QuestionWorker
from gatefw.worker import Worker
from gatefw.workers import IndicatorWorker, ReaderWorker, SensorsWorker

WAIT_S = 60.0


@dataclass
class Card:
    """A reader; `shown` are the cards before it. It feels nothing and has no lamp."""

    shown: deque[bytes] = field(default_factory=deque)
    lit: list[bool] = field(default_factory=list)
    broken: Exception | None = None
    gone: bool = False

    def read(self, timeout_s: float) -> Token | None:
        if self.broken is not None:
            raise self.broken
        if not self.shown:
            threading.Event().wait(min(timeout_s, 0.01))
        return Token(self.shown.popleft(), "]Q1") if self.shown else None

    def trigger(self, on: bool) -> None:
        self.lit.append(on)

    def renew_secret(self) -> None:
        self.lit.append(True)

    def close(self) -> None:
        pass


@dataclass
class Levels:
    occupancy: Occupancy = Occupancy.EMPTY
    fire: Signal = Signal.OFF
    hung: threading.Event | None = None
    in_it: bool = False

    def read(self) -> SensorsReading:
        if self.hung is not None:
            self.in_it = True
            self.hung.wait(WAIT_S)
        return SensorsReading(self.occupancy, {Zone.FRONT: False}, {Input.FIRE: self.fire})

    def watch(self, changed: Callable[[], None]) -> None:
        pass

    def close(self) -> None:
        pass


@dataclass
class Lamps:
    shows: list[Phase] = field(default_factory=list)

    def show(self, phase: Phase, reason: Reason | None) -> None:
        self.shows.append(phase)

    def close(self) -> None:
        pass


@dataclass
class Finger:
    seen: Reason = Reason.NO_FINGER
    wiped: int = 0
    kind: str = "fake"

    def check(self) -> None:
        pass

    def look(self, sample: Literal[1, 2] = 1) -> Reason:
        return self.seen

    def wipe(self) -> None:
        self.wiped += 1

    def close(self) -> None:
        pass


@dataclass
class Document:
    there: bool = False

    def present(self) -> bool:
        return self.there

    def close(self) -> None:
        pass


class DocumentIdle(QuestionWorker[Any]):
    unavailable = Reason.DOCUMENTS_UNAVAILABLE


class Bench:
    """`sensed` and `phase` are the lane's, `orders` what it was ordered; the clock is the test's."""

    def __init__(self, directory: Path) -> None:
        self.phase, self.sensed, self.now_s = Phase.MAINTENANCE, Sensed(), 1000.0
        self.card, self.levels, self.lamps, self.finger, self.document = Card(), Levels(), Lamps(), Finger(), Document()
        self._until_s = self.now_s
        self.facts: list[Fact] = []
        self.told: list[GateInput] = []
        self.orders: list[Order] = []
        self.obeys: Callable[[Order], Answer] = lambda _order: Done({"detail": "lane is exercise"})
        self.vision: Callable[[str], Mapping[str, Any]] = lambda _do: {"failed": {"kind": "retry", "message": "gone"}}
        self.installers = {
            name: Installer(_driver(device), SimpleNamespace())
            for name, device in {
                "reader.front": self.card,
                "sensors.lane": self.levels,
                "indicator.lamps": self.lamps,
                "finger.inside": self.finger,
                "document.desk": self.document,
            }.items()
        }
        last_resort: Any = SimpleNamespace(act=lambda _reading: None)
        put, of = self.told.append, self.installers
        self.workers: list[Worker[Any]] = [
            ReaderWorker("reader.front", of["reader.front"], put),
            SensorsWorker("sensors.lane", of["sensors.lane"], put, last_resort),
            IndicatorWorker("indicator.lamps", of["indicator.lamps"], put),
            FingerWorker("finger.inside", of["finger.inside"], put, lambda _subject: Reason.FINGER_NOT_ENROLLED),
            DocumentIdle("document.desk", of["document.desk"], put),
        ]
        names = [*(worker.name for worker in self.workers), "door.entry_door", "camera.inside"]
        self.places = [Device(*name.split("."), "fake", None) for name in names]
        lane = LaneAccess(lambda: self.phase, lambda: self.sensed, self._order, self.facts.append, self._ask_vision)
        self.desk = DeviceDesk(self.places, self.workers, self.installers, lane, directory, lambda: self.now_s)

    def _order(self, order: Order, reply: Callable[[Answer], None]) -> None:
        self.orders.append(order)
        reply(self.obeys(order))

    def _ask_vision(self, do: str, heard: Callable[[Mapping[str, Any]], None]) -> None:
        heard(self.vision(do))

    def worker(self, name: str) -> Worker[Any]:
        return next(worker for worker in self.workers if worker.name == name)

    # ------------------------------------------------------------ the technician

    def order(self, verb: str, **args: Any) -> Answer:
        answers: list[Answer] = []
        self._until_s = self.now_s + 1.0
        try:
            self.desk.order(Order(verb, args, "uid-7", None, 0.0), answers.append)
        except GateError as error:
            return Rejected.by(error)
        until(lambda: self._passes() or answers, f"{verb} is answered", WAIT_S)
        return answers[0]

    def _passes(self) -> bool:
        """Time goes on while somebody waits, though never so far that who waits counts as gone."""
        self.now_s = min(self.now_s + 0.01, max(self.now_s, self._until_s))
        return False

    def begin(self, verb: str, device: str, **args: Any) -> "Watching":
        answer = self.order(verb, device=device, **args)
        assert isinstance(answer, Done), answer
        return Watching(self, verb, str(answer.result["session"]))

    def tokens(self) -> list[GateInput]:
        return [event for event in self.told if isinstance(event, TokenRead)]


class Watching:
    """A technician's end of a session. `lines` are what was said so far."""

    def __init__(self, bench: Bench, verb: str, session: str) -> None:
        self._bench, self._verb, self._session = bench, verb, session
        self.lines: list[dict[str, Any]] = []
        self._seen = 0
        self.outcome: dict[str, Any] | None = None

    def look(self, say: str = "") -> list[dict[str, Any]]:
        """What is new."""
        answer = self._bench.order(self._verb, session=self._session, seen=self._seen, say=say)
        assert isinstance(answer, Done), answer
        fresh: list[dict[str, Any]] = list(answer.result["said"])  # type: ignore[call-overload]
        self._seen = int(answer.result["seen"])  # type: ignore[call-overload]
        self.lines += fresh
        self.outcome = answer.result.get("outcome")  # type: ignore[assignment]
        return fresh

    def until(self, key: str) -> dict[str, Any]:
        """The next line with this key."""
        found: list[dict[str, Any]] = []

        def look() -> bool:
            found.extend(line for line in self.look() if key in line)
            assert found or self.outcome is None, self.outcome
            return bool(found)

        until(look, f"a line with {key}", WAIT_S)
        return found[0]

    def end(self, say: str = "") -> dict[str, Any]:
        """Look until there is an outcome."""
        self.look(say)
        until(lambda: self.outcome or (self.look() and self.outcome), "the outcome", WAIT_S)
        assert self.outcome is not None
        return self.outcome


@contextmanager
def benched(directory: Path) -> Iterator[Bench]:
    bench = Bench(directory)
    for worker in bench.workers:
        worker.start()
    until(lambda: {each.device for each in bench.told if isinstance(each, DeviceCame)} >= set(bench.installers), "all")
    try:
        yield bench
    finally:
        bench.desk.close()
        if bench.levels.hung is not None:
            bench.levels.hung.set()
        for worker in bench.workers:
            worker.end()
        for worker in bench.workers:
            worker.stop(WAIT_S)


def _driver(device: Any) -> Any:
    def opened(_settings: object) -> Any:
        if getattr(device, "gone", False):
            raise DeviceLost("nobody is plugged in")
        return device

    return SimpleNamespace(open=opened)
