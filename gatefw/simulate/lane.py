"""A simulated lane: the Gate that a lane file describes, in virtual time, and what its people can see of it."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from gatefw.clearance import Beginning, load
from gatefw.config import Config
from gatefw.crew import gate_settings
from gatefw.edges import Edges
from gatefw.eligibility import Rules, document_facts
from gatefw.events import check
from gatefw.gate import Gate
from gatefw.gate_terms import Effect, GateInput
from gatefw.model import (
    Answer,
    Confirm,
    DocumentRead,
    DoorId,
    Eligible,
    FactKind,
    Ineligible,
    Phase,
    Question,
    Reason,
    RunId,
)
from gatefw.simulate.attributes import NOW
from gatefw.simulate.judge import Judge
from gatefw.simulate.traveller import Traveller
from gatefw.simulate.walks import come, slip_in
from gatefw.virtual import Answers, VirtualRunner
from gatefw.wall_time import WallTime
from hw.sim.people import send_in
from hw.sim.physics import World
from hw.sim.places import PLACE_M, Place, place_in_front
from hw.sim.settings import WorldSettings
from hw.sim.virtual import VirtualSite

GLANCE_S = 0.1
"""How often people look at the lamps: what the gate does meanwhile they see then."""
AT_REST_S = 3600.0
"""A traveller who is not through by then never will be."""
BOOT_S = 60.0
"""A lane that is not in service by then is kept from it by something."""
LEAVING = (Phase.EXIT_RELEASED, Phase.LEAVING)


@dataclass(frozen=True, slots=True)
class Run:
    """One run that ended, of one traveller; `began_s` in virtual time."""

    run: RunId
    began_s: float
    ended_s: float
    passed: bool
    reason: Reason


class SimulatedLane:
    """One lane and its world. `people` are who is there, by name; `runs` what came of each of them.

    before: what is done to the world before the gate looks at it for the first time.
    """

    def __init__(
        self,
        config: Config,
        answers: Callable[["SimulatedLane"], Answers],
        seed: int = 0,
        before: Callable[[World], None] = lambda _world: None,
    ) -> None:
        settings, chance = gate_settings(config), Random(seed)  # noqa: S311  run ids of a simulation
        self.config, self.settings = config, settings
        self.by_token = settings.begins is Beginning.TOKEN
        doors = tuple(door for door in DoorId if f"door.{door}" in settings.required)
        self.world = World(WorldSettings(doors=doors))
        self.site = VirtualSite(self.world)
        self.people: dict[str, Traveller] = {}
        self.runs: dict[str, list[Run]] = {}
        self._rules = Rules(config.rules, config.port, config.lane.name, self._wall_clock)
        self._chance = chance
        self._whose: dict[RunId, tuple[str, float]] = {}
        self._begun: Counter[str] = Counter()
        self._asked: set[str] = set()
        self._newest = ""
        self._told = 0
        self._answers = answers(self)
        self.gate = Gate(settings, load(config.lane.procedure), self._new_run)
        reader = next((device.label for device in config.having("reader")), "")
        self.judging, self.edges = Judge(self.gate, self.world), Edges(0.0)
        self.runner = VirtualRunner(self.gate, self.site, self._answer, reader=reader, watch=self._saw)
        before(self.world)
        self.runner.boot()
        self.run_until(lambda: self.phase is Phase.IDLE, BOOT_S)

    @property
    def now_s(self) -> float:
        return self.runner.now_s

    @property
    def phase(self) -> Phase:
        return self.gate.state.phase

    def judge(self, facts: Mapping[str, str], document: DocumentRead | None) -> Eligible | Ineligible:
        """By the rules of the lane file, at the simulation's own time."""
        return self._rules.judge({**facts, **(document_facts(document) if document else {})})

    def violations(self) -> list[str]:
        """What must never happen, as the world saw it and as the invariants of every step say."""
        seen = [str(entry["violation"]) for entry in self.world.history.of("violation")]
        return seen + [str(each) for each in self.judging.violations]

    # ------------------------------------------------------------ time

    def run_until(self, so: Callable[[], bool], most_s: float = AT_REST_S) -> bool:
        """Let time pass until something is so; False when it never was."""
        ends_s = self.now_s + most_s
        while not so():
            if self.now_s >= ends_s:
                return False
            self.runner.run(self.now_s + GLANCE_S)
            if self._read_facts():
                self.world.stir()
        return True

    # ------------------------------------------------------------ people

    def send(self, traveller: Traveller) -> None:
        """Somebody comes, and whoever belongs to their story."""
        self.people[traveller.name] = traveller
        send_in(self.world, traveller.name, come(self, traveller), walk_m_s=traveller.walk_m_s)
        if traveller.does in ("is swapped", "is followed"):
            other = Traveller(f"{traveller.name}-other", does=traveller.does, walk_m_s=3.0)
            send_in(self.world, other.name, slip_in(self, other, traveller.name), walk_m_s=other.walk_m_s)

    def room_in_front(self) -> bool:
        """Whether the next one can step up: nobody is on the way in."""
        spot = place_in_front(self.world.doors)
        before = (Place.AWAY, Place.FRONT, spot)
        return not any(person.place in before for person in self.world.people.values())

    def empty(self) -> bool:
        """Everybody is gone, and the lane waits for the next."""
        return not self.world.people and self.phase is Phase.IDLE

    def exit_s(self, name: str) -> float | None:
        """When somebody was across: past the exit door, or, where there is none, at the end of their run."""
        if not self.world.doors:
            return next((run.ended_s for run in self.runs.get(name, []) if run.passed), None)
        crossed = self.world.history.of("crossed")
        return next(
            (e.at_s for e in crossed if e["person"] == name and e["door"] is DoorId.EXIT and e["to"] is Place.BEHIND),
            None,
        )

    # ------------------------------------------------------------ what people see (see `walks.Lamps`)

    def takes_tokens(self) -> bool:
        leaving = self.settings.pipelining and self.phase in LEAVING
        return self.phase is Phase.IDLE or leaving

    def invites(self, name: str) -> bool:
        first = next(iter(self.world.doors), None)
        phases = (Phase.ENTRY_RELEASED,) if first is DoorId.ENTRY else LEAVING
        return first is not None and self._newest == name and self.phase in phases and self.world.passable(first)

    def asks(self, name: str) -> bool:
        return name in self._asked

    def begun(self, name: str) -> int:
        return self._begun[name]

    def ended(self, name: str) -> int:
        return len(self.runs.get(name, []))

    # ------------------------------------------------------------ the gate's side

    def _saw(self, event: GateInput, effects: Sequence[Effect], now_s: float) -> None:
        self.judging.saw(event, effects, now_s)
        self.edges.saw(event, effects, now_s, self.phase)

    def _new_run(self) -> RunId:
        """Whose run it is: of the one who has come to stand there, and is not on the way out."""
        spot = place_in_front(self.world.doors)
        there = (each for each in self.world.people.values() if each.place is spot and each.target_m == PLACE_M[spot])
        self._newest = next((each.name for each in there if each.name in self.people), "")
        self._begun[self._newest] += 1
        run = RunId(f"{self._chance.getrandbits(64):016x}")
        self._whose[run] = self._newest, self.now_s
        return run

    def _answer(self, question: Question) -> tuple[float, Answer] | None:
        if isinstance(question, Confirm):
            self._asked.add(self._newest)
            self.world.stir()
        return self._answers(question)

    def _read_facts(self) -> bool:
        """Take note of runs that ended; whether anything was recorded since."""
        new = self.runner.facts[self._told :]
        self._told += len(new)
        for at_s, fact in new:
            check(fact)
            if fact.kind is FactKind.PASSAGE_ENDED and fact.run is not None:
                name, began_s = self._whose.pop(fact.run)
                told = dict(fact.fields)
                ended = Run(fact.run, began_s, at_s, bool(told["passed"]), Reason(str(told["reason"])))
                self.runs.setdefault(name, []).append(ended)
                self._asked.discard(name)
        return bool(new)

    def _wall_clock(self) -> WallTime:
        return WallTime(int((NOW.timestamp() + self.now_s) * 1e9), synchronised=True)
