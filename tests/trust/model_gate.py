"""What a gate makes of one input: the real `lane.step` and `Leases` with their interlock, by number.

The order is `Gate.handle`'s: the lane takes the event, its commands are obeyed, and doors are reconciled until nothing
changes. tests/test_model_check.py plays the same inputs to a real `Gate` and compares. Times are choices: whether the
settling of a lock is over is part of the state, and a renewal is always due.
"""

import math
from collections.abc import Callable
from types import ModuleType
from typing import Generic, NamedTuple, TypeVar

import gatefw.leases
from gatefw.gate_terms import Drive
from gatefw.lane import step as real_step
from gatefw.lane_terms import Policy, State
from gatefw.leases import NEEDS_COMMIT
from gatefw.model import (
    Alarm,
    DoorId,
    EndRun,
    LaneCommand,
    LaneEvent,
    Latch,
    Purpose,
    Reason,
    Release,
    ReleaseDropped,
    Sensed,
)

DOORS = tuple(DoorId)
NOW_S, A_MOMENT_AGO_S = 100.0, 99.9
Pair = tuple[Purpose | None, Purpose | None]
NOTHING: Pair = (None, None)


class Leased(NamedTuple):
    """What `Leases` remembers, entry first, and what of the newest asked releases is on disk.

    `settling`: what was held until a moment ago. `asked`: a release that waits for its record;
    `on_disk`: one that has it.
    """

    held: Pair = NOTHING
    settling: Pair = NOTHING
    approved: Pair = NOTHING
    denied: tuple[Reason | None, Reason | None] = (None, None)
    asked: Pair = NOTHING
    on_disk: Pair = NOTHING

    def lately(self, at: int) -> Purpose | None:
        return self.held[at] or self.settling[at]


class Told(NamedTuple):
    """What the gate said beside doors: of the run, alarms and latches, and whether a renewal was left out."""

    ended: bool = False
    passed: bool = False
    reasons: tuple[str, ...] = ()
    latched: bool = False
    unrenewed: bool = False

    def and_then(self, more: "Told") -> "Told":
        return Told(
            self.ended or more.ended,
            self.passed or more.passed,
            (*self.reasons, *more.reasons),
            self.latched or more.latched,
            self.unrenewed or more.unrenewed,
        )


class Driven(NamedTuple):
    """What came of reconciling doors: releases dropped, whether anything changed, or was not renewed."""

    leased: int
    dropped: tuple[DoorId, ...]
    changed: bool
    unrenewed: bool


QUIET = Told()


def put(pair: tuple, at: int, value: object) -> tuple:
    return (value, pair[1]) if at == 0 else (pair[0], value)


T = TypeVar("T")


class Numbers(Generic[T]):
    """Things by number, so that a node of the search is three of them."""

    def __init__(self) -> None:
        self.of: dict[T, int] = {}
        self.all: list[T] = []

    def __call__(self, thing: T) -> int:
        number = self.of.get(thing)
        if number is None:
            number = self.of[thing] = len(self.all)
            self.all.append(thing)
        return number


class GateMachine:
    """`step` and `leases` (a module with `Leases`) may be others than the real ones."""

    def __init__(
        self,
        policy: Policy,
        step: Callable[[State, LaneEvent], tuple[State, tuple[LaneCommand, ...]]] = real_step,
        leases: ModuleType = gatefw.leases,
        says_again: bool = False,
    ) -> None:
        """says_again: what was denied is said each time, and need not be remembered."""
        self.policy, self._step, self._leases, self._says_again = policy, step, leases, says_again
        self.states: Numbers[State] = Numbers()
        self.leased: Numbers[Leased] = Numbers()
        self.sensed: Numbers[Sensed] = Numbers()
        self._steps: dict[tuple[int, LaneEvent], tuple[int, tuple[tuple[int, Purpose], ...], Told]] = {}
        self._drives: dict[tuple[object, ...], Driven] = {}
        self._unconfirmed: dict[tuple[int, Pair, int], bool] = {}

    def handle(
        self, state: int, leased: int, sensed: int, key: str, events: tuple[LaneEvent, ...]
    ) -> tuple[int, int, Told]:
        """One input of the gate, as the events that it is for the lane; `key` names what else it is."""
        if ":" in key and not key.startswith("lost"):
            leased = self._before(state, leased, key)
        told = QUIET
        for event in events:
            state, leased, told = self._lane(state, leased, told, event)
        if key.startswith("lost:"):
            leased = self.leased(self._lose(self.states.all[state], self.leased.all[leased], int(key[5])))
        unrenewed = False
        for _ in range(4):
            driven = self._drive(state, leased, sensed)
            leased, unrenewed = driven.leased, driven.unrenewed
            for door in driven.dropped:
                state, leased, told = self._lane(state, leased, told, ReleaseDropped(door))
            if not driven.changed:
                break
        return state, leased, told._replace(unrenewed=True) if unrenewed else told

    def _drive(self, state: int, leased: int, sensed: int) -> "Driven":
        """Doors reconciled once, which of the lane's state looks at the wants alone; void records are forgotten."""
        known = self.states.all[state]
        asked = (known.wants_entry, known.wants_exit, leased, sensed)
        driven = self._drives.get(asked)
        if driven is None:
            driven = self._drives[asked] = self._reconcile(known, self.leased.all[leased], self.sensed.all[sensed])
        return driven

    def _before(self, state: int, leased: int, key: str) -> int:
        """What an input does to the leases before the lane hears of it."""
        what, _, name = key.partition(":")
        known = self.leased.all[leased]
        if what == "settled":
            return self.leased(known._replace(settling=put(known.settling, int(name), None)))
        if what != "committed":
            return leased
        at = int(name)
        want = self.states.all[state].wants(DOORS[at])
        return self.leased(
            known._replace(
                approved=put(known.approved, at, want),
                asked=put(known.asked, at, None),
                on_disk=put(known.on_disk, at, want),
            )
        )

    def _lose(self, state: State, leased: Leased, at: int) -> Leased:
        """The door's device went, and has let go of the line."""
        known, door = self._build(leased), DOORS[at]
        known.lost(door, state.wants(door), NOW_S)
        return self._read(known, leased, put(NOTHING, at, None if known.held(door) else leased.held[at]))

    def _lane(self, state: int, leased: int, told: Told, event: LaneEvent) -> tuple[int, int, Told]:
        known = self._steps.get((state, event))
        if known is None:
            known = self._steps[state, event] = self._taken(state, event)
        after, releases, said = known
        for at, purpose in releases:
            leased = self._ask_record(leased, at, purpose)
        return after, leased, said if told is QUIET else told.and_then(said)

    def _taken(self, state: int, event: LaneEvent) -> tuple[int, tuple[tuple[int, Purpose], ...], Told]:
        after, commands = self._step(self.states.all[state], event)
        releases, told = [], QUIET
        for command in commands:
            match command:
                case Release(door, purpose) if purpose in NEEDS_COMMIT:
                    releases.append((DOORS.index(door), purpose))
                case EndRun(passed, reason):
                    why = () if reason in (None, Reason.OK) else (f"run ends: {reason}",)
                    told = told.and_then(Told(True, passed, why))
                case Alarm(reason):
                    told = told.and_then(Told(reasons=(f"alarm: {reason}",)))
                case Latch(reason):
                    told = told.and_then(Told(latched=True, reasons=(f"fault: {reason}",)))
        return self.states(after._replace(generation=0)), tuple(releases), told

    def _ask_record(self, leased: int, at: int, purpose: Purpose) -> int:
        """A release that lets somebody through waits for its record, and an earlier approval is void."""
        known = self.leased.all[leased]
        return self.leased(
            known._replace(
                approved=put(known.approved, at, None),
                asked=put(known.asked, at, purpose),
                on_disk=put(known.on_disk, at, None),
            )
        )

    # ------------------------------------------------------------ leases, built and read again

    def _build(self, leased: Leased):
        of = list(zip(DOORS, (0, 1), strict=True))
        return self._leases.Leases(
            2.0,
            0.5,
            10.0,
            {door: leased.approved[at] for door, at in of if leased.approved[at]},
            {door: self._leases._Held(leased.held[at], -math.inf) for door, at in of if leased.held[at]},
            {door: A_MOMENT_AGO_S for door, at in of if leased.settling[at]},
            {door: leased.denied[at] for door, at in of if leased.denied[at]},
        )

    def _read(self, known, before: Leased, ended: Pair) -> Leased:
        held = tuple(known.held(door) for door in DOORS)
        return before._replace(
            held=held,
            settling=tuple(None if held[at] else ended[at] or before.settling[at] for at in range(2)),
            approved=tuple(known.approved.get(door) for door in DOORS),
            denied=(None, None) if self._says_again else tuple(known._denied.get(door) for door in DOORS),
        )

    def _reconcile(self, state: State, leased: Leased, sensed: Sensed) -> Driven:
        known = self._build(leased)
        outcomes = known.reconcile(state, sensed, NOW_S)
        driven = {each.door for each in outcomes if isinstance(each, Drive)}
        told = [each for each in outcomes if not isinstance(each, Drive)]
        stays = [door for door, was in zip(DOORS, leased.held, strict=True) if was and known.held(door)]
        ended = tuple(
            was if was and not known.held(door) else None for door, was in zip(DOORS, leased.held, strict=True)
        )
        after = self._read(known, leased, ended)
        keep = (state.wants_entry, state.wants_exit)
        after = after._replace(
            asked=tuple(a if a is w else None for a, w in zip(after.asked, keep, strict=True)),
            on_disk=tuple(a if a is w else None for a, w in zip(after.on_disk, keep, strict=True)),
        )
        dropped = [each.door for each in told if isinstance(each, self._leases.Denied) and each.purpose in NEEDS_COMMIT]
        return Driven(self.leased(after), tuple(dropped), bool(told), not driven.issuperset(stays))

    def unconfirmed(self, state: int, leased: int, sensed: int) -> bool:
        """Whether `confirm_s` in this state makes it a fault."""
        held = self.leased.all[leased].held
        asked = (state, held, sensed)
        known = self._unconfirmed.get(asked)
        if known is None:
            leases = self._build(self.leased.all[leased])
            at = self.states.all[state], self.sensed.all[sensed]
            leases.unconfirmed(*at, NOW_S)
            known = self._unconfirmed[asked] = leases.unconfirmed(*at, NOW_S + 11.0) is not None
        return known
