"""A simulated lane whose people are in real records, looked up and judged by the real clerk; faces are scripted."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from counter import Counter

from gatefw.clerk import HouseRules
from gatefw.config import Config
from gatefw.eligibility import Rules
from gatefw.model import (
    Answer,
    CheckEligibility,
    Enrolled,
    EnrolTraveller,
    FaceIdentified,
    Failed,
    IdentifyFace,
    LookUpRecord,
    Question,
    Reason,
    SubjectId,
    VerifyFace,
    VerifyFinger,
)
from gatefw.simulate.attributes import NOW
from gatefw.simulate.lane import SimulatedLane
from gatefw.simulate.scripted import TAKES_S, Scripted
from gatefw.simulate.traveller import Traveller
from gatefw.wall_time import WallTime


class Office:
    """The records that several lanes share, who is who in them, and the time of day."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.now = directory, NOW.timestamp()
        self.subjects: dict[str, SubjectId] = {}
        self._staff: dict[tuple[str, str, str], Counter] = {}

    @property
    def counters(self) -> list[Counter]:
        return list(self._staff.values())

    def counter(self, config: Config) -> Counter:
        """The clerk of this lane, at the shared records."""
        place = config.lane.name, config.port.place, config.people.enrol_into
        if place not in self._staff:
            self._staff[place] = self._hired(config)
            self.let_pass(0.0)
        return self._staff[place]

    def _hired(self, config: Config) -> Counter:

        def wall_clock() -> WallTime:
            return WallTime(int(self.now * 1e9), synchronised=True)

        rules = Rules(config.rules, config.port, config.lane.name, wall_clock)
        return Counter(self.directory, HouseRules(config.lane.name, rules.judge, config.people, config.tries))

    def let_pass(self, seconds: float) -> None:
        self.now += seconds
        for each in self.counters:
            each.now = self.now

    def close(self) -> None:
        for each in self.counters:
            each.close()


class Staffed(Scripted):
    """Asks the clerk what the clerk knows. A face is found while its person is in the records."""

    def __init__(self, config: Config, lane: SimulatedLane, office: Office, counter: Counter) -> None:
        super().__init__(config, lane.world, lane.judge, lane.people)
        self._office, self._counter = office, counter

    def answer(self, question: Question) -> tuple[float, Answer] | None:
        match question:
            case LookUpRecord(token):
                found = self._counter.look_up(token.payload)
            case CheckEligibility(subject, document):
                found = self._counter.check(subject, document)
            case EnrolTraveller(document):
                found = self._counter.check_in(document)
                if isinstance(found, Enrolled):
                    self._office.subjects[document.number] = found.subject
            case IdentifyFace():
                found = self.identify()
                if isinstance(found, FaceIdentified):
                    subject = self._office.subjects.get(str(found.subject))
                    found = replace(found, subject=subject) if subject else Failed(Reason.NOT_IDENTIFIED)
            case VerifyFace(subject) | VerifyFinger(subject):
                return super().answer(replace(question, subject=self._named(subject)))
            case _:
                return super().answer(question)
        return TAKES_S[type(question)], found  # type: ignore[return-value]

    def _named(self, subject: SubjectId) -> SubjectId:
        named: Mapping[SubjectId, str] = {each: name for name, each in self._office.subjects.items()}
        return SubjectId(named[subject])


def passes(office: Office, config: Config, who: Traveller) -> tuple[str, ...]:
    """The reasons of this traveller's runs at the lane, which opens for them alone; "ok" for one who is across."""
    counter = office.counter(config)
    lane = SimulatedLane(config, lambda lane: Staffed(config, lane, office, counter).answer)
    lane.send(who)
    lane.run_until(lane.empty)
    for _, fact in lane.runner.facts:
        counter.clerk.notice(fact)
    counter.settle()
    assert list(lane.world.history.of("violation")) == []
    ended = tuple(run.reason.value for run in lane.runs[who.name])
    assert (ended[-1:] == ("ok",)) is (lane.exit_s(who.name) is not None)
    return ended
