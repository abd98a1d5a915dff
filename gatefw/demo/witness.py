"""Reads what a gate publishes, keeps it, and waits for what is to come."""

import json
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gatefw.errors import DeviceLost
from gatefw.model import FactKind, Phase


@dataclass(frozen=True, slots=True)
class Event:
    """One published event. `at_s`: wall time the gate gave it, seconds since 1970 UTC; `run` is empty without one."""

    n: int
    kind: FactKind
    at_s: float
    run: str
    data: dict[str, Any]

    @classmethod
    def parse(cls, line: str) -> "Event":
        """From a CloudEvents object, as `gatefw events tail --json` prints it."""
        event = json.loads(line)
        kind = FactKind(event["type"].removeprefix("gatefw.").removesuffix(".v1"))
        at_s = datetime.fromisoformat(event["time"]).timestamp()
        return cls(int(event["sequence"]), kind, at_s, event.get("run", ""), event["data"])

    def says(self, kind: FactKind, **fields: object) -> bool:
        """Whether it is of that kind and holds these fields, among others."""
        return self.kind is kind and all(self.data.get(name) == value for name, value in fields.items())


class Witness:
    """Reads events from lines in a thread of its own, which ends with the lines. `tell` is told each, in order."""

    def __init__(self, lines: Iterable[str], tell: Callable[[Event], None]) -> None:
        self._lines, self._tell = lines, tell
        self._events: list[Event] = []
        self._more = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._read, name="witness", daemon=True)
        self._thread.start()

    def mark(self) -> int:
        """How many events came so far; `since` and the waits then see only later ones."""
        with self._more:
            return len(self._events)

    def since(self, mark: int) -> list[Event]:
        with self._more:
            return self._events[mark:]

    def wait_until(self, so: Callable[[list[Event]], bool], what: str, deadline_s: float, after: int) -> None:
        """Until it is so of the events after a mark. Raises TimeoutError, DeviceLost when no more events can come."""
        ends_s = time.monotonic() + deadline_s
        with self._more:
            while not so(self._events[after:]):
                if self._ended:
                    raise DeviceLost(f"event bus: waited for {what}, but nothing more can come; see the demo's logs")
                if not self._more.wait(max(0.0, ends_s - time.monotonic())):
                    raise TimeoutError(f"waited {deadline_s:g} s for {what}; {self._last()}")

    def wait_for(self, kind: FactKind, deadline_s: float, after: int, **fields: object) -> Event:
        """The first event after a mark of that kind and with these fields, past or to come. Raises as `wait_until`."""
        what = " ".join([kind.value, *(f"{name}={value}" for name, value in fields.items())])
        self.wait_until(lambda events: any(e.says(kind, **fields) for e in events), what, deadline_s, after)
        return next(event for event in self.since(after) if event.says(kind, **fields))

    def join(self) -> None:
        """After whoever writes the lines has ended."""
        self._thread.join()

    def _read(self) -> None:
        for line in self._lines:
            event = Event.parse(line)
            self._tell(event)
            with self._more:
                self._events.append(event)
                self._more.notify_all()
        with self._more:
            self._ended = True
            self._more.notify_all()

    def _last(self) -> str:
        return "the last that happened: " + "; ".join(f"{e.kind.value} {e.data}" for e in self._events[-4:])


def phase_of(events: Iterable[Event]) -> Phase | None:
    """The lane's phase after these events, None while they do not tell."""
    phases = [Phase(event.data["phase"]) for event in events if event.kind is FactKind.PHASE_CHANGED]
    return phases[-1] if phases else None
