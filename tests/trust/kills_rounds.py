"""One kill after the other: reach a state, strike, start again, mend what was broken, let everybody go, and judge."""

import signal
import threading
import time
from dataclasses import dataclass

from trust.kills_checks import (
    KILL,
    Event,
    Round,
    Strike,
    drops_s,
    due,
    occupied,
    phase_at,
    story,
    travelling,
    unrecorded,
    violations,
)
from trust.kills_gate import DEADLINE_S, Gate, number, phase_of, wall_s
from trust.kills_states import Kill, reach

from gatefw.model import Phase

SIGNALS = {KILL: signal.SIGKILL, "SIGSTOP": signal.SIGSTOP, "busy loop": signal.SIGUSR1, "waiting loop": signal.SIGUSR2}
"""The last two by what the nursery has put into its children; see `kills_nursery`."""


@dataclass(frozen=True, slots=True)
class Death:
    """What is counted of one strike."""

    mode: str
    phase: str
    in_travel: bool


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a kill, and of the second if there was one. `back_s`: from the last death to where the lane belongs.

    `occupied`: somebody was inside, or came in by a door that still stood open.
    """

    kill: Kill
    deaths: list[Death]
    occupied: bool
    back_s: float
    drops_s: list[tuple[str, float]]
    unrecorded: int
    wrong: list[str]
    story: list[str]


def pause(seconds: float) -> None:
    threading.Event().wait(seconds)


def strike(gate: Gate, mode: str) -> Strike:
    """Kill the supervisor, or make it hang and await that the watcher kills it. Raises TimeoutError."""
    struck_s = time.monotonic()
    gate.daemon.strike(SIGNALS[mode])
    if not gate.daemon.ended(DEADLINE_S) or gate.daemon.status != -signal.SIGKILL:
        raise TimeoutError(f"after {mode} the supervisor should be killed; its status is {gate.daemon.status}")
    died_s = time.monotonic()
    rows = gate.rows(gate.base)
    return Strike(mode, struck_s, died_s, number(rows[-1]) if rows else gate.base)


def play(gate: Gate, kill: Kill, program: bool = False) -> Played:
    """From a lane at rest to a lane at rest. `program`: what follows is started as everybody starts it."""
    gate.begin_round()
    pause(kill.share * reach(gate, kill))
    strikes = [strike(gate, kill.mode)]
    gate.vision.as_usual()
    if kill.again:
        gate.start()
        pause(kill.again_s)
        strikes.append(strike(gate, KILL))
    gate.start(program)
    found = gate.rows(gate.base)
    technician = kill.wanted in (Phase.MAINTENANCE, Phase.EXERCISE)
    wanted = due(found, phase_at(found, gate.base, strikes[0].last, "idle"), technician)
    gate.witness.await_phase(*wanted, after=strikes[-1].last)
    gate.mend()
    told = _told(gate, strikes)
    back_s = _back_s(told, wanted)
    deaths, after, otherwise = [], gate.base, "idle"
    for each in strikes:
        state = phase_at(told.events, after, each.last, otherwise)
        deaths.append(Death(each.mode, state, travelling(told.entries, each.struck_s)))
        after, otherwise = each.last, "starting"
    died_s = strikes[-1].died_s
    held = occupied(told.entries, died_s, died_s + back_s)
    wrong = violations(told)
    return Played(kill, deaths, held, back_s, drops_s(told), unrecorded(told), wrong, story(told) if wrong else [])


def _ahead_s() -> float:
    """What wall time is more than monotonic time: of several readings the one that was least interrupted."""
    readings = [(time.monotonic(), time.time(), time.monotonic()) for _ in range(20)]
    before_s, wall_s, after_s = min(readings, key=lambda each: each[2] - each[0])
    return wall_s - (before_s + after_s) / 2


def _told(gate: Gate, strikes: list[Strike]) -> Round:
    ahead_s = _ahead_s()

    def mono_s(event: Event) -> float:
        return wall_s(event) - ahead_s

    shown = [each for each in gate.witness.events if number(each) > gate.base]
    return Round(gate.history(), gate.rows(gate.base), strikes, mono_s, shown)


def _back_s(told: Round, wanted: tuple[str, ...]) -> float:
    """From the last death until the lane was where it belongs."""
    last = told.strikes[-1]
    there = next(each for each in told.events if number(each) > last.last and phase_of(each) in wanted)
    return told.mono_s(there) - last.died_s
