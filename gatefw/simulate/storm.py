"""A lane in a storm: the real Gate and its rules, people who go on living, and faults at any instant, all of one seed.

The same seed is the same storm, to the last effect. After every step the safety invariants are looked at
(`invariants`), and what is written down has to add up: each run that begins ends once, also across the death of the
process. When the storm is over nobody may be shut in, and the lane serves again, or stands in a latched fault that a
reset ends.
"""

import hashlib
import heapq
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, partial
from itertools import count
from random import Random

from gatefw import clearance
from gatefw.clearance import Beginning
from gatefw.config import Config
from gatefw.crew import gate_settings
from gatefw.eligibility import Rules, document_facts
from gatefw.gate import GateSettings
from gatefw.gate_terms import Effect, GateInput, LaneSensed, Record, Tick, TokenRead
from gatefw.lane_terms import Shape
from gatefw.model import (
    Answer,
    Confirm,
    DocumentRead,
    DoorId,
    Eligible,
    Ineligible,
    Input,
    Occupancy,
    Phase,
    Question,
    RunId,
    Signal,
    Timer,
    Zone,
)
from gatefw.passage import Passage
from gatefw.rule import own_words
from gatefw.simulate.attributes import NOW, eligible
from gatefw.simulate.faults import Strike, drawn
from gatefw.simulate.scripted import Scripted
from gatefw.simulate.storm_came import Came
from gatefw.simulate.storm_disk import Disk, Writer
from gatefw.simulate.storm_life import Life
from gatefw.simulate.storm_links import DoorLink, Link
from gatefw.simulate.storm_officer import Officer
from gatefw.simulate.storm_people import company
from gatefw.simulate.storm_rows import CountedGate
from gatefw.simulate.storm_strikes import Strikes
from gatefw.simulate.storm_truth import StormJudge, Truth
from gatefw.simulate.traveller import Traveller
from gatefw.wall_time import WallTime
from hw.sim.history import Entry
from hw.sim.people import send_in
from hw.sim.physics import World
from hw.sim.places import Place, place_in_front
from hw.sim.settings import WorldSettings
from hw.sim.virtual import INPUTS, VirtualSite

ARRIVALS = 24
"""So many people come in one storm."""
CALM_S = 500.0
"""So long after the last fault nobody is shut in any more, and the lane serves or waits for a reset."""
LONG_GONE = 200
"""So many people later nobody is asked about any more."""
SHORT = {Timer.HOLD: 10.0, Timer.MAINTENANCE: 20.0}
"""Timers that are cut, or a storm would mostly wait."""
WAITS = (Phase.FAULT, Phase.EVACUATED, Phase.OUT_OF_SERVICE, Phase.MAINTENANCE, Phase.IDLE)
"""Where a lane may stand when the storm is over."""
Tell = Callable[[float, str], None]
COUNTED = (Occupancy.EMPTY, Occupancy.ONE, Occupancy.MANY)


class Storm:
    """One storm at one lane. `tell` is told, in words, everything that happens."""

    def __init__(
        self,
        config: Config,
        seed: int,
        tell: Tell | None = None,
        doors: tuple[DoorId, ...] | None = None,
        writer: type[Writer] = Writer,
    ) -> None:
        """`doors`: those that are built, instead of the lane file's; `writer` keeps the promises of a journal."""
        self.config, self.seed, self.chance = config, seed, Random(seed)  # noqa: S311  a simulation
        self.settings = _settings(config, doors, hold=self.chance.random() < 0.12)
        self.now_s, self.disk, self.came = 0.0, Disk(), Came(storms=1)
        self.rows = self.came.rows
        self.answers_late_s, self.answers_lost, self.answers_twice = 0.0, False, False
        self.digest = hashlib.blake2b(digest_size=16)
        self._turns = self._judged = 0
        self._writer = writer
        self._tell, self._heap, self._numbers = tell, list[tuple[float, int, Callable[[], None]]](), count()
        self.clock_off_s, self.vouched, self.down = 0.0, True, Counter[str]()
        self._strikes, self.officer = Strikes(self), Officer(self)
        self.world = World(WorldSettings(doors=self.settings.policy.doors))
        self.site = VirtualSite(self.world)
        self._truth = Truth(self.world, self.disk, self._broke)
        self.drove = self._truth.drove
        self.world.history.follow(self._happened)
        self._front = place_in_front(self.world.doors)
        self.by_token = self.settings.begins is Beginning.TOKEN
        self._asked: Passage | None = None
        self._phase = Phase.RECOVERING
        self.calm = False
        self._reader = next((each.label for each in config.having("reader")), "")
        self._cast: dict[str, Traveller] = {}
        rules = Rules(config.rules, config.port, config.lane.name, self._wall_clock)

        def judge(facts: Mapping[str, str], document: DocumentRead | None) -> Eligible | Ineligible:
            return rules.judge({**facts, **(document_facts(document) if document else {})})

        self._answers = Scripted(config, self.world, judge, self._cast)
        self._run_ids = Random(seed + 1)  # noqa: S311
        self.life = self._begin_life()

    # ------------------------------------------------------------ a storm

    def play(self, arrivals: int = ARRIVALS, comes: Callable[[int], None] = lambda _number: None) -> Came:
        """From a start, over so many people, to the calm after it. `comes` is told how many have come."""
        self.begin()
        for strike in drawn(self.chance, self.now_s + 5.0, self.now_s + arrivals * 30.0):
            self.at(strike.at_s, partial(self.strike, strike))
        for number in range(arrivals):
            self.until(self.now_s + 25.0, self.room_in_front)
            self.until(self.now_s + self.chance.uniform(0.1, 2.0))
            self.send(number)
            comes(number + 1)
            if self.came.violations:
                break
        self.calm = True
        self.until(self.now_s + 20.0)
        if self.life.alive and self.life.journal.broken:
            self.die()
        self.until(self.now_s + CALM_S, self._is_calm)
        self._look_back()
        return self._counted()

    def begin(self) -> None:
        """The lane comes up, and its officer is on duty."""
        self.until(self.now_s + 10.0, lambda: self.life.phase is Phase.IDLE)
        self.at(self.now_s + 6.0, self.officer.look_in)

    def _is_calm(self) -> bool:
        return not self.world.people and self.life.alive and self.life.phase in WAITS and self.life.journal.idle

    def _look_back(self) -> None:
        if self._truth.inside and self.settings.policy.shape is Shape.AIRLOCK:
            self._broke(f"{self._truth.inside} shut in {CALM_S:g} s after the storm, in {self.life.phase.value}")
        elif not self._is_calm():
            self._broke(f"the lane stands in {self.life.phase.value} {CALM_S:g} s after the storm")
        if self.life.journal.broken:
            self.die()
            self.until(self.now_s + 30.0, lambda: self.life.phase in WAITS)
        self.until(self.now_s + 10.0)  # the door closes behind the last one
        self.officer.mend()
        self.until(self.now_s + 60.0, lambda: self.life.phase is Phase.IDLE and self.life.journal.idle)
        if self.life.phase is not Phase.IDLE:
            self._broke(f"the lane does not come back to idle from {self.life.phase.value}")
        if self.disk.under_way:
            self._broke(f"runs that never ended: {', '.join(self.disk.under_way)}")
        self.came.violations += [f"{each} [seed {self.seed}]" for each in self.disk.violations]

    def _counted(self) -> Came:
        self.came.begun, self.came.passed = self.disk.begun, self.disk.passed
        self.came.ended.update(self.disk.ended)
        return self.came

    def _broke(self, what: str) -> None:
        self.came.violations.append(f"{self.config.lane.name}: {what} [seed {self.seed}]")
        if self._tell:
            self._tell(self.now_s, f"VIOLATION {what}")

    # ------------------------------------------------------------ time

    def at(self, when_s: float, do: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (when_s, next(self._numbers), do))

    def until(self, until_s: float, so: Callable[[], bool] = lambda: False) -> bool:
        while not so():
            due_s = min(self.site.next_s(), self._heap[0][0] if self._heap else math.inf)
            if due_s > until_s:
                self.now_s = max(self.now_s, until_s)
                self.site.advance(self.now_s)
                return False
            self.now_s = max(self.now_s, due_s)
            self.site.advance(self.now_s)
            self.look(anew=False)
            while self._heap and self._heap[0][0] <= self.now_s:
                heapq.heappop(self._heap)[2]()
            if not self.life.alive and not self._dead:
                self._bury()
        return True

    def look(self, anew: bool = True) -> None:
        """What the devices of the live process see of the world now."""
        life, world = self.life, self.world
        if world.turns == self._turns and not anew:
            return
        self._turns = world.turns
        if not life.alive:
            self.site.take_tokens()
            return
        counts = {Place.AIRLOCK: 0, Place.FRONT: 0, Place.BEHIND: 0, Place.AWAY: 0, Place.GONE: 0}
        for person in world.people.values():
            counts[person.place] += 1
        inputs = _inputs(frozenset(world.active))
        zones = ((Zone.FRONT, counts[Place.FRONT] > 0), (Zone.BEHIND, counts[Place.BEHIND] > 0))
        lane = LaneSensed(COUNTED[min(counts[Place.AIRLOCK], 2)], zones, inputs)
        sensors = self._sensors
        if sensors:
            life.see_lane(sensors, lane, inputs_only=True)
        for name, door in world.doors.items():
            life.see_door(name, door.position, world.beam(name))
        if sensors:
            life.see_lane(sensors, lane, inputs_only=False)
        for token in self.site.take_tokens():
            if self._reader:
                life.token(self._reader, TokenRead(self._reader, token))
        self._truth.look()
        life.drain()

    # ------------------------------------------------------------ the process

    def _begin_life(self) -> Life:
        self._dead = False
        self.came.lives += 1
        latched = self.disk.latch
        in_service = self.settings.in_service and not self.disk.maintained
        settings = replace(self.settings, in_service=in_service)
        gate = CountedGate(settings, clearance.load(self.config.lane.procedure), self._new_run, latched)
        links: dict[str, Link] = {}
        for name in sorted(self.settings.required):
            role, _, at = name.partition(".")
            there = not self.down[name]
            if role == "door":
                links[name] = DoorLink(name, there, body=self.site.doors[DoorId(at)], now=lambda: self.now_s)
            else:
                links[name] = Link(name, there)
        self._sensors = next((link for name, link in links.items() if name.startswith("sensors.")), None)
        life = self.life = Life(self, gate, links, lambda: self.chance.uniform(0.002, 0.02), self._writer)
        self._judge = StormJudge(gate, self.world)
        self._judge.truth, self._judge.life = self._truth, life
        self._truth.doors = life.doors
        life.start(self.look)
        return life

    def die(self) -> None:
        self.life.alive = False
        self._bury()

    def _bury(self) -> None:
        """Whoever watches drops the outputs of a dead process; then it is started anew."""
        self._dead = True
        if self._tell:
            self._tell(self.now_s, "the process is dead")
        dropped_s = self.now_s + self.chance.uniform(0.0, 1.0)

        def drop() -> None:
            for door in self.site.doors.values():
                door.secure()

        self.at(dropped_s, drop)
        self.at(dropped_s + self.chance.uniform(0.2, 3.0), self._restart)

    def _restart(self) -> None:
        self.life = self._begin_life()

    def _new_run(self) -> RunId:
        return RunId(f"{self._run_ids.getrandbits(64):016x}")

    def took(self, life: Life, event: GateInput, effects: list[Effect]) -> None:
        """The process took an input, and did what came of it."""
        if isinstance(event, Tick):
            self.came.ticks += 1
        else:
            self.came.events += 1
        if life.phase is not self._phase:
            self._phase = life.phase
            self.world.stir()
        if effects or not isinstance(event, Tick) or self.world.turns != self._judged:
            self._judged = self.world.turns
            self._look_for_broken(event, effects)
        if self._tell:
            self._tell_step(event, effects)

    def _look_for_broken(self, event: GateInput, effects: list[Effect]) -> None:
        self._judge.saw(event, effects, self.now_s)
        for broke in self._judge.violations:
            self._broke(str(broke))
        self._judge.violations.clear()

    def _tell_step(self, event: GateInput, effects: list[Effect]) -> None:
        assert self._tell
        self.digest.update(repr((self.now_s, effects)).encode())
        if not isinstance(event, Tick) or effects:
            self._tell(self.now_s, f"  in  {event}")
        for effect in effects:
            told = f"{effect.fact.kind.value} {dict(effect.fact.fields)}" if isinstance(effect, Record) else effect
            self._tell(self.now_s, f"        out {told}")

    def answer(self, question: Question) -> tuple[float, Answer] | None:
        if isinstance(question, Confirm):
            self._asked = self.life.gate.runs.served
            self.world.stir()
        return self._answers.answer(question)

    def _wall_clock(self) -> WallTime:
        return WallTime(int((NOW.timestamp() + self.now_s + self.clock_off_s) * 1e9), synchronised=self.vouched)

    # ------------------------------------------------------------ people

    def room_in_front(self) -> bool:
        before = (Place.AWAY, Place.FRONT, self._front)
        return not any(person.place in before for person in self.world.people.values())

    def send(self, number: int) -> None:
        name = f"t{number}"
        self._cast.pop(f"t{number - LONG_GONE}", None)
        weights, kinds = zip(*company(self.settings.policy.shape, self.by_token), strict=True)
        [comes] = self.chance.choices(kinds, weights)
        self._cast[name] = Traveller(name, _facts(self.config, self.chance))
        for at, script in enumerate(comes(self, name, self.chance)):
            who = name if not at else f"{name}-{at}"
            send_in(self.world, who, script, walk_m_s=round(self.chance.uniform(0.9, 2.0) + at * 0.5, 2))

    def _happened(self, entry: Entry) -> None:
        if self._tell:
            self._tell(entry.at_s, f"{entry.kind} {dict(entry.facts)}")
        self._truth.happened(entry)

    # ------------------------------------------------------------ what people see (see `storm_people.Lamps`)

    def green(self) -> bool:
        return self.life.alive and self.life.gate.takes_tokens

    def invites(self) -> bool:
        first = self.world.doors.get(DoorId.ENTRY)
        return first is not None and first.passable and self.life.alive and self.life.phase is Phase.ENTRY_RELEASED

    def asks(self) -> bool:
        return self.life.alive and self._asked is self.life.gate.runs.served and self._asked is not None

    def strike(self, strike: Strike) -> None:
        if self.calm or not self.life.alive:
            return
        what = self._strikes.begin(strike)
        self.came.faults[strike.fault] += 1
        if self._tell:
            self._tell(self.now_s, f"FAULT {strike.fault.value} {what} for {strike.lasts_s:.2f} s")


def _settings(config: Config, doors: tuple[DoorId, ...] | None, hold: bool) -> GateSettings:
    settings = gate_settings(config)
    policy = replace(settings.policy, hold_on_refusal=hold or settings.policy.hold_on_refusal)
    required = settings.required
    if doors is not None:
        policy = replace(policy, doors=doors)
        required = required - {f"door.{door}" for door in DoorId if door not in doors}
    return replace(settings, policy=policy, required=required, timers={**settings.timers, **SHORT})


@cache
def _inputs(active: frozenset[Input]) -> tuple[tuple[Input, Signal], ...]:
    return tuple((which, Signal.ON if which in active else Signal.OFF) for which in INPUTS)


def _facts(config: Config, chance: Random) -> dict[str, str]:
    own = own_words(config.port, config.lane.name)
    return eligible([rule.in_words_of(own) for rule in config.rules], chance)
