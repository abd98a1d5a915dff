"""Walks through what a search found, in which everybody does what is expected of them and only time passes.

`way_out_s`: how long whoever is inside waits for a door, from a state, with nobody helping. `noticed`: what becomes of
one honest passage with a sensor that is stuck.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

from trust.model_search import Node, Search
from trust.model_sensed import CLOSED, LOCKED, OPEN, World

from gatefw.config_tables import Timers
from gatefw.lane_table import ON_ENTRY
from gatefw.leases import SETTLE_S
from gatefw.model import Phase, Purpose

TIMERS_S = Timers().lengths
CONFIRM_S = 10.0
SERVES = (Purpose.WAY_OUT, Purpose.EMERGENCY)


def seconds_of(search: Search, node: Node, words: str) -> float:
    """How long this takes at most; what people and doors do takes as long as they please, and is not counted."""
    timer = ON_ENTRY[search.machine.states.all[node[0]].phase].timer
    if timer is not None and words == f"{timer.value}_s is over":
        return TIMERS_S[timer]
    return SETTLE_S if words.startswith("half a second") else CONFIRM_S if "confirm_s" in words else 0.0


def _shut(world: World) -> Iterator[str]:
    """What doors that nobody holds do by themselves, and people who stand in them."""
    if world.in_exit:
        yield "they walk out by the exit"
    if world.in_entry:
        yield "they step back out by the entry"
    for at, name in enumerate(("the entry door", "the exit door")):
        yield {OPEN: f"{name} falls shut", CLOSED: f"{name} locks"}.get(
            world.door(at), f"the lock of {name} did not give way"
        )


def _waits(search: Search, node: Node) -> Iterator[str]:
    yield "the first snapshot was read"
    yield from _shut(search.worlds.all[node[2]])
    yield "half a second passes since the entry's release ended"
    yield "half a second passes since the exit's release ended"
    timer = ON_ENTRY[search.machine.states.all[node[0]].phase].timer
    yield f"{timer.value}_s is over" if timer else ""


class WaysOut:
    """How long whoever is inside waits at most, from every state that a search found."""

    def __init__(self, search: Search) -> None:
        self._search, self._known = search, dict[Node, float]()

    def seconds(self, node: Node) -> float:
        path: list[tuple[Node, float]] = []
        while node not in self._known:
            if self._is_out(node):
                self._known[node] = 0.0
                break
            came = self._search.successors(node)
            words = next((each for each in _waits(self._search, node) if each in came), None)
            if words is None or any(node == before for before, _ in path):
                self._known[node] = math.inf
                break
            path.append((node, seconds_of(self._search, node, words)))
            node = came[words].node
        total = self._known[node]
        for before, took in reversed(path):
            total += took
            self._known.setdefault(before, total)
        return total

    def _is_out(self, node: Node) -> bool:
        """A door is released, or nobody is inside any more."""
        leased, world = self._search.machine.leased.all[node[1]], self._search.worlds.all[node[2]]
        return not world.inside or leased.held != (None, None)

    def by_phase(self) -> dict[Phase, float]:
        """The longest wait from any occupied state of each phase."""
        longest: dict[Phase, float] = {}
        for node in list(self._search.parents):
            state = self._search.machine.states.all[node[0]]
            if self._search.worlds.all[node[2]].inside and state.started:
                longest[state.phase] = max(longest.get(state.phase, 0.0), self.seconds(node))
        return longest


# ---------------------------------------------------------------- one honest passage


class Noticed(NamedTuple):
    """What the gate said, how long after the token; `passed`: it said nothing, and the passage went well."""

    said: str
    seconds: float
    passed: bool
    phase: Phase


def _goes(search: Search, node: Node, been_in: bool) -> Iterator[str]:
    leased, world = search.machine.leased.all[node[1]], search.worlds.all[node[2]]
    yield "the first snapshot was read"
    yield from ("they walk out by the exit", "they step in")
    if leased.held[1] and world.exit == OPEN:
        yield "somebody inside steps into the exit's doorway"
    if leased.held[0] and world.entry == OPEN and not been_in:
        yield "somebody steps into the entry's doorway"
    if leased.held[0] and world.entry == OPEN and leased.held[0] in SERVES:
        yield "somebody inside steps into the entry's doorway"
        yield "they step back out by the entry"
    for at, name in enumerate(("the entry door", "the exit door")):
        if leased.held[at] and world.door(at) != OPEN and not (at == 0 and been_in):
            yield f"{name} swings open"
        if not leased.held[at] and world.door(at) != LOCKED:
            yield {OPEN: f"{name} falls shut", CLOSED: f"{name} locks"}.get(
                world.door(at), f"the lock of {name} did not give way"
            )
    yield "half a second passes since the entry's release ended"
    yield "half a second passes since the exit's release ended"
    yield from (
        "a token is read",
        "the procedure invites them in",
        "the procedure comes to ADMIT",
        "the ADMIT is on disk",
    )
    yield from (f"the record of the {name}'s release is on disk" for name in ("entry", "exit"))
    timer = ON_ENTRY[search.machine.states.all[node[0]].phase].timer
    yield f"{timer.value}_s is over" if timer else ""
    yield "a door does not lock for confirm_s"


def noticed(search: Search) -> Noticed:
    """Somebody comes, and does everything right; the first thing that the gate says of it, or that all went well."""
    search.begin()
    node = next(iter(search.parents))
    been_in, began, took_s, walked = False, False, 0.0, set[tuple[Node, bool]]()
    while (node, been_in) not in walked:
        walked.add((node, been_in))
        came = search.successors(node)
        words = next((each for each in _goes(search, node, been_in) if each in came), None)
        phase = search.machine.states.all[node[0]].phase
        if words is None:
            break
        began = began or words == "a token is read"
        took_s += seconds_of(search, node, words) if began else 0.0
        been_in = been_in or words == "they step in"
        node, told = came[words]
        if told.reasons or told.passed:
            return Noticed(", ".join(dict.fromkeys(told.reasons)), took_s, told.passed and not told.reasons, phase)
    state = search.machine.states.all[node[0]]
    return Noticed(f"nobody is served: it stays {state.phase.value}", took_s, False, state.phase)
