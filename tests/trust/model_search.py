"""Breadth-first search over gate and world to closure: every invariant, the shortest story of a breach."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import NamedTuple

from trust.model_gate import QUIET, GateMachine, Leased, Numbers, Told
from trust.model_sensed import (
    CLOSED,
    DEVICES,
    INPUTS,
    LOCKED,
    NONE,
    ON_DISK,
    PENDING,
    TRULY,
    VERIFIED,
    YIELDING,
    Hypothesis,
    World,
    messages,
    sense,
)
from trust.model_world import lane_moves, mad_step, may_decide, moves

import gatefw.leases
from gatefw.lane import find, take
from gatefw.lane_terms import State
from gatefw.model import (
    Beam,
    Decided,
    DoorId,
    DoorIs,
    Faulted,
    HealthIs,
    InputIs,
    LaneCommand,
    LaneEvent,
    OccupancyIs,
    Operated,
    Phase,
    Position,
    Purpose,
    Reason,
    Signal,
    Verb,
    Verdict,
)
from gatefw.simulate.invariants import INVARIANTS, AtDoor, Moment, Over, Step

Node = tuple[int, int, int]
Seen = tuple[Node, int]  # and what is sensed there
UNRENEWED = "a_held_release_is_renewed"
UNCONFIRMED = "a_door_that_does_not_lock_is_a_fault"
OUTLIVED = "a_passage_does_not_outlive_its_device"
OWN = {
    UNRENEWED: "A release that is due to be renewed is driven anew, else its lease would end under whoever walks",
    UNCONFIRMED: "A lane at work, well and not stopped, faults over a door that stays unsecured for `confirm_s` and "
    "that nobody holds or obstructs, and over no other",
    OUTLIVED: "When a door's device is lost, a release to let through ends, and a way out is driven again later",
}
OF_THE_LANE = {
    "the_exit_opens_for_an_admission_an_emergency_or_the_plan",
    "an_admission_is_a_committed_one_of_exactly_one",
    "a_door_is_exercised_only_by_a_technician",
    "an_emergency_frees_the_escape_plan",
    "nothing_relocks_by_itself",
    "whoever_may_be_inside_has_a_way_out",
    "nobody_gets_across_unadmitted",
}
"""What the lane keeps, and nobody else: not asked of a lane that wants anything."""
QUIET_PHASES = (Phase.EVACUATED, Phase.FAULT, Phase.MAINTENANCE, Phase.EXERCISE, Phase.HOLD)
ADMIT = (Decided(Verdict.ADMIT),)
CHECKS = tuple((name, each.holds) for name, each in INVARIANTS.items())


class Came(NamedTuple):
    node: Node
    told: Told


@dataclass
class Breach:
    invariant: str
    story: list[str]


@dataclass
class Found:
    """What a search came to. `breaches`: the shortest of each invariant; `rows`: those of the lane's table it took."""

    hypothesis: Hypothesis
    states: int = 0
    moves: int = 0
    closed: bool = False
    breaches: dict[str, Breach] = field(default_factory=dict)
    rows: set[int] = field(default_factory=set)

    def over(self, over: Over) -> list[Breach]:
        return [
            each
            for name, each in self.breaches.items()
            if (INVARIANTS[name].over if name in INVARIANTS else Over.COMMANDS) is over
        ]


class Search:
    """`machine` is the gate, real or seeded with a bug."""

    def __init__(self, hypothesis: Hypothesis, machine: GateMachine | None = None) -> None:
        self.hypothesis, self.found = hypothesis, Found(hypothesis)
        self.machine = machine or self.machine_with()
        self._checks = [each for each in CHECKS if not (hypothesis.mad and each[0] in OF_THE_LANE)]
        self.worlds: Numbers[World] = Numbers()
        self.parents: dict[Node, tuple[Node | None, str]] = {}
        self._queue: deque[Node] = deque()
        self._came: dict[str, Came] = {}
        self._sensed: dict[int, int] = {}
        self._moves: dict[
            tuple[int, bool, bool], list[tuple[str, int, bool, list[list[tuple[int, str, tuple[LaneEvent, ...]]]]]]
        ] = {}
        self._lane: dict[int, list[tuple[str, tuple[LaneEvent, ...]]]] = {}
        self._after: dict[tuple[int, int, int, bool], int] = {}
        self._judged: set[tuple[object, ...]] = set()
        self._outside: dict[tuple[int, int], int] = {}
        self._parts: Numbers[tuple[object, ...]] = Numbers()
        self._kinds: dict[int, int] = {}
        self._insides: dict[int, int] = {}
        self._boots: dict[tuple[World, bool, bool], Node] = {}

    def machine_with(self, leases: ModuleType = gatefw.leases) -> GateMachine:
        mad = bool(self.hypothesis.mad)
        return GateMachine(self.hypothesis.policy, mad_step if mad else self._step, leases, says_again=mad)

    def _step(self, state: State, event: LaneEvent) -> tuple[State, tuple[LaneCommand, ...]]:
        absorbed, row = find(state, event)
        if row is None:
            return absorbed, ()
        self.found.rows.add(id(row))
        return take(absorbed, event, row)

    # ------------------------------------------------------------ search

    def begin(self) -> None:
        for latched in (False,) if self.hypothesis.mad else (False, True):
            for in_service in (True,) if self.hypothesis.mad else (True, False):
                self._boot(None, "a start", self.hypothesis.start(), in_service, latched)

    def run(self, enough: Callable[[Found], bool] = lambda _found: False, most: int = 10_000_000) -> Found:
        """To closure, or until it is enough, or so many states are known."""
        self.begin()
        while self._queue:
            if enough(self.found) or len(self.parents) > most:
                break
            self._came.clear()
            self._expand(self._queue.popleft())
        else:
            self.found.closed = True
        self.found.states = len(self.parents)
        return self.found

    def _boot(self, parent: Node | None, words: str, world: World, in_service: bool, latched: bool) -> None:
        """A process starts: it reads every level, and moves nothing before it is told that it has read them all."""
        asked = (world, in_service, latched)
        if asked not in self._boots:
            self._boots[asked] = self._booted(*asked)
        self._arrive(parent, words, self._boots[asked])

    def _booted(self, world: World, in_service: bool, latched: bool) -> Node:
        policy, sensed = self.hypothesis.policy, sense(world, self.hypothesis)
        state = State.at_boot(policy, in_service=in_service, latched=latched)
        events: list[LaneEvent] = [DoorIs(door, sensed.position(door)) for door in policy.doors]
        events += [OccupancyIs(sensed.occupancy), HealthIs(not world.gone)]
        levels = (sensed.fire, sensed.evacuate, sensed.stop)
        events += [InputIs(which, signal) for which, signal in zip(INPUTS, levels, strict=True)]
        for event in events:
            state, _ = self._step(state, event)
        return self.machine.states(state), self.machine.leased(Leased()), self.worlds(world)

    def successors(self, node: Node) -> dict[str, "Came"]:
        """What may come next, by its words; of several orders of telling it the last."""
        self._came = {}
        self._expand(node)
        return self._came

    def _arrive(self, parent: Node | None, words: str, node: Node, told: Told = QUIET) -> None:
        self._came[words] = Came(node, told)
        if node not in self.parents:
            self.parents[node] = (parent, words)
            self._queue.append(node)

    # ------------------------------------------------------------ one state, and all that may happen in it

    def _expand(self, node: Node) -> None:
        number, leased_number, world_number = node
        state, leased = self.machine.states.all[number], self.machine.leased.all[leased_number]
        world, sensed = self.worlds.all[world_number], self._senses(world_number)
        for words, then, strays, orders in self._world_moves(world_number, leased):
            for told in orders:
                self._react(node, words, then, told, strays)
        for words, events in self._lane_moves(number):
            self._react(node, words, world_number, [(self._ordered(sensed, events), words, events)])
        for words, then, key, events in self._leases_move(state, leased, world):
            self._react(node, words, self.worlds(then), [(sensed, key, events)])
        if may_decide(state, world, self.hypothesis):
            then = self.worlds(world._replace(admit=PENDING))
            self._arrive(node, "the procedure comes to ADMIT", (number, leased_number, then))
        unconfirmed = self.machine.unconfirmed(number, leased_number, sensed)
        if unconfirmed is not self._should_confirm(state, leased, sensed):
            self._breaks(UNCONFIRMED, node, "a door does not lock for confirm_s", self._made(node, sensed, False))
        if unconfirmed:
            fault = (Faulted(Reason.DOOR_UNCONFIRMED),)
            self._react(node, "a door does not lock for confirm_s", world_number, [(sensed, "unconfirmed", fault)])
        if self.hypothesis.crash and state.started:
            left = world
            for at in (0, 1):
                if left.door(at) == YIELDING:
                    left = left.with_door(at, CLOSED if leased.held[at] else LOCKED)
            self._boot(
                node, "the process dies, and starts again", left._replace(admit=NONE), state.in_service, state.latched
            )

    def _should_confirm(self, state: State, leased: Leased, sensed_number: int) -> bool:
        sensed = self.machine.sensed.all[sensed_number]
        works = state.started and state.healthy and not state.stop and state.phase not in QUIET_PHASES
        calm = sensed.stop is not Signal.ON and Signal.ON not in (sensed.fire, sensed.evacuate)
        return (
            works
            and calm
            and any(
                leased.held[at] is None
                and sensed.beam(door) is Beam.CLEAR
                and sensed.position(door) is not Position.SECURED
                for at, door in enumerate(DoorId)
            )
        )

    def _leases_move(
        self, state: State, leased: Leased, world: World
    ) -> Iterator[tuple[str, World, str, tuple[LaneEvent, ...]]]:
        for at, name in enumerate(("entry", "exit")):
            if leased.asked[at]:
                yield f"the record of the {name}'s release is on disk", world, f"committed:{at}", ()
            if leased.settling[at]:
                settled = world.with_door(at, LOCKED) if world.door(at) == YIELDING else world
                yield f"half a second passes since the {name}'s release ended", settled, f"settled:{at}", ()
        if world.admit in (PENDING, PENDING + 1):
            yield (
                "the ADMIT is on disk",
                world._replace(admit=ON_DISK if world.admit == PENDING else -ON_DISK),
                "admitted",
                ADMIT,
            )

    def _lane_moves(self, number: int) -> list[tuple[str, tuple[LaneEvent, ...]]]:
        """What changes anything: an event that leaves the state as it is and commands nothing is no move."""
        known = self._lane.get(number)
        if known is None:
            state = self.machine.states.all[number]
            known = [move for move in lane_moves(state, self.hypothesis) if self._matters(state, move[1])]
            self._lane[number] = known
        return known

    def _matters(self, state: State, events: tuple[LaneEvent, ...]) -> bool:
        if self.hypothesis.mad:
            return True
        for event in events:
            after, row = find(state, event)
            if row is not None or after != state:
                return True
        return False

    def _ordered(self, sensed: int, events: tuple[LaneEvent, ...]) -> int:
        """The order to evacuate is the button pressed, for the one input that it is (`Gate.sensed`)."""
        if events != (Operated(Verb.EVACUATE),):
            return sensed
        return self.machine.sensed(replace(self.machine.sensed.all[sensed], evacuate=Signal.ON))

    def _senses(self, world_number: int) -> int:
        known = self._sensed.get(world_number)
        if known is None:
            known = self._sensed[world_number] = self.machine.sensed(
                sense(self.worlds.all[world_number], self.hypothesis)
            )
        return known

    def _world_moves(self, world_number: int, leased: Leased):
        held = (leased.held[0] is not None, leased.held[1] is not None)
        known = self._moves.get((world_number, *held))
        if known is None:
            world, h = self.worlds.all[world_number], self.hypothesis
            before = self.machine.sensed.all[self._senses(world_number)]
            known = []
            for words, then, strays, first in moves(world, held, h):
                if then.exit == LOCKED and then.let:
                    then = then._replace(let=False)
                after = sense(then, h)
                orders = [self._told(world, then, told) for told in messages(before, after, first)]
                known.append((words, self.worlds(then), strays, orders))
            self._moves[world_number, held[0], held[1]] = known
        return known

    def _told(self, world: World, then: World, told):
        """The readings by number. That a device went is told before what nobody reads now; then its lease is lost."""
        readings = [(self.machine.sensed(each.sensed), each.key, each.events) for each in told]
        if world.gone is then.gone:
            return readings
        door = DEVICES.index(self.hypothesis.gone)
        lost = f"lost:{door}" if then.gone and door < 2 else "told"
        sensed = self.machine.sensed(sense(world, self.hypothesis))
        if not then.gone:
            return [(sensed, "healthy", (HealthIs(True),)), *readings]
        events = sum((each.events for each in told), (HealthIs(False),))
        return [(readings[-1][0] if readings else sensed, f"{lost}:{events}", events)]

    # ------------------------------------------------------------ the gate's answer

    def _react(self, node: Node, words: str, world_number: int, readings, strays: bool = False) -> None:
        number, leased = node[0], node[1]
        was, was_sensed, all_told = node, self._senses(node[2]), QUIET
        for sensed, key, events in readings or [(self._senses(world_number), "", ())]:
            before = leased
            number, leased, told = self.machine.handle(number, leased, sensed, key, events)
            if key.startswith("lost:"):
                self._lost(node, words, (number, leased, world_number), before, int(key[5]))
            world_number = self._moved(world_number, number, leased, told)
            now = (number, leased, world_number)
            self.found.moves += 1
            self._judge(node, words, (was, was_sensed), (now, sensed), told, strays)
            was, was_sensed = now, sensed
            all_told = told if all_told is QUIET else all_told.and_then(told)
        self._arrive(node, words, was, all_told)

    def _lost(self, node: Node, words: str, after: Node, before: int, at: int) -> None:
        wants = self.machine.states.all[after[0]].wants(list(DoorId)[at])
        was, held = self.machine.leased.all[before].held[at], self.machine.leased.all[after[1]].held[at]
        kept = held is not None or was is None
        ended = held is None
        if not (kept if wants in (Purpose.WAY_OUT, Purpose.EMERGENCY) else ended):
            self._breaks(OUTLIVED, node, words, self._made(after, self._senses(after[2]), False))

    def _moved(self, world_number: int, number: int, leased: int, told: Told) -> int:
        asked = (world_number, number, leased, told.ended)
        known = self._after.get(asked)
        if known is None:
            known = self._after[asked] = self.worlds(self._follow(self.worlds.all[world_number], number, leased, told))
        return known

    def _follow(self, world: World, number: int, leased_number: int, told: Told) -> World:
        """A released lock begins to give way; an admission is one's who was alone when it was decided."""
        leased = self.machine.leased.all[leased_number]
        for at in (0, 1):
            gone = world.gone and self.hypothesis.gone == DEVICES[at]
            if leased.held[at] and world.door(at) == LOCKED and not gone:
                world = world.with_door(at, YIELDING)
        if leased.held[1] in (Purpose.EMERGENCY, Purpose.WAY_OUT) and not world.let:
            world = world._replace(let=True)
        released = self.machine.states.all[number].phase is Phase.EXIT_RELEASED
        if world.admit == ON_DISK and released and len(world.inside) == 1:
            world = world._replace(inside=VERIFIED)
        if world.admit == -ON_DISK:
            world = world._replace(admit=ON_DISK + 1)  # kept, though nobody knows of whom
        return world._replace(admit=NONE) if told.ended and world.admit else world

    def _made(self, node: Node, sensed: int, strays: bool) -> Moment:
        leased, world = self.machine.leased.all[node[1]], self.worlds.all[node[2]]
        doors = [
            AtDoor(TRULY[world.door(at)], world.body(at), leased.held[at], leased.lately(at), leased.on_disk[at])
            for at in (0, 1)
        ]
        return Moment(
            self.machine.states.all[node[0]],
            self.machine.sensed.all[sensed],
            doors[0],
            doors[1],
            len(world.inside),
            emergency=world.inputs[0] is not Signal.OFF or world.inputs[1] is not Signal.OFF,
            admitted=world.admit >= ON_DISK,
            strays=int(strays),
        )

    def _judge(self, node: Node, words: str, was: Seen, now: Seen, told: Told, strays: bool) -> None:
        """Every invariant, once for each pair of what it can depend on."""
        state, leased, world = now[0]
        asked = (
            was[0][1],
            self._around(was),
            self._kind(state),
            leased,
            self._around_now(world),
            now[1],
            strays,
            told.unrenewed,
        )
        if asked in self._judged:
            return
        self._judged.add(asked)
        moment = self._made(*now, strays)
        step, breaches = Step.between(self._made(*was, False), moment), self.found.breaches
        broken = [name for name, holds in self._checks if name not in breaches and not holds(step)]
        if told.unrenewed and UNRENEWED not in breaches:
            broken.append(UNRENEWED)
        for name in broken:
            self._breaks(name, node, words, moment)

    def _breaks(self, name: str, node: Node, words: str, moment: Moment) -> None:
        if name not in self.found.breaches:
            self.found.breaches[name] = Breach(name, [*self.story(node), words, self._ends(moment)])

    def _around(self, seen: Seen) -> int:
        """What invariants ask about the moment before, beside its leases: where doors are, and what is pressed."""
        known = self._outside.get((seen[0][2], seen[1]))
        if known is None:
            world, sensed = self.worlds.all[seen[0][2]], self.machine.sensed.all[seen[1]]
            known = self._parts((world.entry, world.exit, world.inputs, sensed.entry, sensed.exit))
            self._outside[seen[0][2], seen[1]] = known
        return known

    def _kind(self, state: int) -> int:
        """What invariants ask about the lane's state."""
        known = self._kinds.get(state)
        if known is None:
            at = self.machine.states.all[state]
            known = self._kinds[state] = self._parts((at.phase, at.started, at.wants_entry, at.wants_exit, at.vacant))
        return known

    def _around_now(self, world: int) -> int:
        """What invariants ask about the world now."""
        known = self._insides.get(world)
        if known is None:
            at = self.worlds.all[world]
            bodies = at.in_entry, bool(at.in_exit), len(at.inside)
            known = self._insides[world] = self._parts((at.entry, at.exit, bodies, at.inputs, at.admit >= ON_DISK))
        return known

    # ------------------------------------------------------------ stories

    def story(self, node: Node) -> list[str]:
        """What led there, in words, and what phase the lane was in."""
        steps: list[str] = []
        at: Node | None = node
        while at is not None:
            parent, words = self.parents[at]
            phase = self.machine.states.all[at[0]].phase.value
            steps.append(f"{words}  [{phase}]")
            at = parent
        return steps[::-1]

    def _ends(self, now: Moment) -> str:
        doors = (
            f"{door} {at.position.value}" + (f", released ({at.held.value})" if at.held else "")
            for door, at in ((DoorId.ENTRY, now.entry), (DoorId.EXIT, now.exit))
        )
        return f"then: {now.state.phase.value}; {'; '.join(doors)}; {now.inside} inside"
