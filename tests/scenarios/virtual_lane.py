"""A contactless lane in virtual time: a simulated world, the real Gate, and scripted answers about tokens and faces."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count

from gatefw.clearance import Terms, load
from gatefw.events import check
from gatefw.gate import Gate, GateSettings
from gatefw.lane_terms import Policy
from gatefw.model import (
    Answer,
    CheckEligibility,
    DoorId,
    Eligible,
    FaceCompared,
    Fact,
    FactKind,
    Failed,
    LookUpRecord,
    Phase,
    Reason,
    RecordFound,
    RunId,
    SubjectId,
    Timer,
    VerifyFace,
)
from gatefw.simulate.judge import Judge, Violation
from gatefw.virtual import VirtualRunner
from hw.sim.history import Entry
from hw.sim.people import SCRIPTS, send_in
from hw.sim.physics import World
from hw.sim.settings import WorldSettings
from hw.sim.steps import Script
from hw.sim.virtual import VirtualSite

TIMERS = {
    Timer.SCAN: 1.5,
    Timer.CHECK: 3.0,
    Timer.ENTER: 6.0,
    Timer.SECURE: 5.0,
    Timer.VERIFY: 12.0,
    Timer.LEAVE: 8.0,
    Timer.LET_OUT: 10.0,
    Timer.HOLD: 20.0,
    Timer.MAINTENANCE: 600.0,
    Timer.EXERCISE: 8.0,
}
REQUIRED = frozenset({"door.entry_door", "door.exit_door", "sensors.lane", "reader.front", "vision", "records"})


@dataclass
class Lane:
    """`codes` maps a token's text to a subject or to why there is none. A photograph shows the subject of its name."""

    codes: Mapping[str, str | Reason]
    policy: Policy = field(default_factory=Policy)
    latched: Reason | None = None
    look_s: float = 0.8

    def __post_init__(self) -> None:
        doors = self.policy.doors
        self.world = World(WorldSettings(doors=doors, escape=doors))
        self.site = VirtualSite(self.world)
        runs = count(1)
        required = REQUIRED - {f"door.{door}" for door in DoorId if door not in doors}
        settings = GateSettings(self.policy, TIMERS, Terms(face_deadline_s=6.0), required, in_service=True)
        self.gate = Gate(settings, load("contactless"), lambda: RunId(f"{next(runs):016x}"), self.latched)
        self.judge = Judge(self.gate, self.world)
        self.runner = VirtualRunner(self.gate, self.site, self._answer, watch=self.judge.saw)

    def _answer(self, request: LookUpRecord | CheckEligibility | VerifyFace) -> tuple[float, Answer]:
        if isinstance(request, CheckEligibility):
            return 0.0, Eligible()
        if isinstance(request, LookUpRecord):
            found = self.codes.get(request.token.payload.decode("latin-1"), Reason.TOKEN_UNKNOWN)
            return 0.02, Failed(found) if isinstance(found, Reason) else RecordFound(SubjectId(found))
        faces = self.world.faces()
        if len(faces) != 1 or faces[0] is None:
            return request.deadline_s, Failed(Reason.NO_FACE if len(faces) < 2 else Reason.TWO_FACES)
        matched = faces[0] == request.subject
        return self.look_s, FaceCompared(matched, 0.30 if matched else 0.85, 0.54, 0.001, 5)

    def boot(self) -> "Lane":
        self.runner.boot()
        self.run(3.0)
        return self

    def run(self, seconds: float) -> None:
        self.runner.run(self.runner.now_s + seconds)

    def send(self, name: str, script: str | Script, walk_m_s: float = 1.4, **how: object) -> None:
        """A person with one of `SCRIPTS`, or with a script of the test's own."""
        given = SCRIPTS[script](**how) if isinstance(script, str) else script
        send_in(self.world, name, given, walk_m_s=walk_m_s)

    def outcome(self, name: str) -> str:
        """How a person's script ended; empty while it has not."""
        ended = [entry for entry in self.world.history.of("finished") if entry["person"] == name]
        return str(ended[0]["outcome"]) if ended else ""

    @property
    def phase(self) -> Phase:
        return self.gate.state.phase

    def check_facts(self) -> None:
        """Everything recorded fits the outward schema; one that does not would be a FAULT of the live gate."""
        for _, fact in self.runner.facts:
            check(fact)

    def violations(self) -> list[Entry | Violation]:
        return [*self.world.history.of("violation"), *self.judge.violations]

    def facts(self, kind: FactKind) -> list[Fact]:
        return [fact for _, fact in self.runner.facts if fact.kind is kind]

    def ended(self) -> list[tuple[bool, str]]:
        """(passed, reason) of every run that ended, in order."""
        ends = [dict(fact.fields) for fact in self.facts(FactKind.PASSAGE_ENDED)]
        return [(bool(end["passed"]), str(end["reason"])) for end in ends]

    def alarms(self) -> list[str]:
        return [str(dict(fact.fields)["reason"]) for fact in self.facts(FactKind.ALARM_RAISED)]
