"""A whole day at a lane: one process, peak traffic, faults now and then, and nothing of it may grow."""

import gc
import types
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

from gatefw.config import Config
from gatefw.model import Phase
from gatefw.simulate.faults import Fault, drawn
from gatefw.simulate.storm import Storm

HOUR_S = 3600.0
BETWEEN_S = 90.0
"""On average, between two faults."""
DEADLY = (Fault.DEATH, Fault.DISK_FULL)
"""After these the process is another one."""
NOT_HELD = (type, types.ModuleType, types.FunctionType, types.MethodType, types.BuiltinFunctionType, Enum)
"""What a gate refers to and does not hold."""


class Hour(NamedTuple):
    """How it stood at the end of an hour, when the lane was idle. `objects` that the process's gate and queue hold."""

    hour: int
    events: int
    passed: int
    objects: int
    queued: int
    rss_mb: float


Told = Callable[[Hour], None]


def day(
    config: Config, seed: int, hours: int, told: Told = lambda _hour: None, hour_s: float = HOUR_S
) -> tuple[Storm, list[Hour]]:
    """So many hours, and how it stood after each. The storm holds what broke."""
    storm, stood = Storm(config, seed), list[Hour]()
    storm.begin()
    strikes = (strike for strike in drawn(storm.chance, storm.now_s, between_s=BETWEEN_S) if strike.fault not in DEADLY)

    def next_strike() -> None:
        strike = next(strikes)

        def hits() -> None:
            storm.strike(strike)
            next_strike()

        storm.at(strike.at_s, hits)

    next_strike()
    numbers = iter(range(1 << 62))
    for hour in range(1, hours + 1):
        while storm.now_s < hour * hour_s and not storm.came.violations:
            storm.until(storm.now_s + 25.0, storm.room_in_front)
            storm.send(next(numbers))
        storm.until(storm.now_s + HOUR_S, lambda: _is_idle(storm))
        storm.world.history.forget()
        stood.append(_stands(storm, hour))
        told(stood[-1])
        if storm.came.violations:
            break
    return storm, stood


def _is_idle(storm: Storm) -> bool:
    gate = storm.life.gate
    return gate.state.phase is Phase.IDLE and not storm.world.people and storm.life.journal.idle


def _stands(storm: Storm, hour: int) -> Hour:
    life = storm.life
    objects = sum(1 for _ in held(life.gate, life.inbox))
    return Hour(hour, storm.came.events, storm.disk.passed, objects, len(life.inbox), _rss_mb())


def held(*roots: object) -> Iterator[object]:
    """Everything that these hold, and what that holds in turn, once each."""
    seen, waiting = set[int](), list[Any](roots)
    while waiting:
        each = waiting.pop()
        if id(each) not in seen and not isinstance(each, NOT_HELD):
            seen.add(id(each))
            yield each
            waiting += gc.get_referents(each)


def _rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return round(pages * 4096 / 1e6, 1)
