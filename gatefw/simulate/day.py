"""A day at a simulated lane: so many travellers by a seed, what came of each, and how long it took."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from statistics import quantiles
from typing import Any

from gatefw.biometrics.card import Threshold
from gatefw.config import Config
from gatefw.rule import own_words
from gatefw.simulate.attributes import eligible
from gatefw.simulate.lane import SimulatedLane
from gatefw.simulate.scripted import Scripted, lane_threshold
from gatefw.simulate.stories import PASSES, of_lane
from gatefw.simulate.traveller import NEIGHBOUR, Story, Traveller
from hw.sim.physics import World

SHIFT = 500
"""So many travellers share one simulated world; its history is bounded, and its day ends."""
REFUSED_SHARE = 0.25
"""Share of travellers with a story of their own; all others should pass."""
WALK_M_S = (0.9, 1.5)
Progress = Callable[[str], None]
"""Is told in a few words how far it has come."""
Sent = Sequence[tuple[Traveller, Story]]


@dataclass(frozen=True, slots=True)
class Came:
    """What came of one traveller: the reasons of their runs, whether they are across, and how long that took."""

    story: Story
    reasons: tuple[str, ...]
    across: bool
    seconds: float | None

    @property
    def expected(self) -> bool:
        return self.reasons == self.story.expects and self.across is self.story.passes


@dataclass
class Outcome:
    """What came of all of them. `seconds` is how long the lane was at work, `violations` what must never happen."""

    config: Config
    threshold: Threshold | None
    matcher: str = "scripted"
    came: list[Came] = field(default_factory=list)
    seconds: float = 0.0
    violations: list[str] = field(default_factory=list)

    @property
    def unexpected(self) -> list[Came]:
        return [each for each in self.came if not each.expected]

    @property
    def measured(self) -> dict[str, Any]:
        """What a real matcher adds."""
        return {}

    def to_json(self) -> dict[str, Any]:
        passed = [each for each in self.came if each.across]
        times = sorted(each.seconds for each in passed if each.seconds is not None)
        refused = Counter(each.reasons[-1] for each in self.came if not each.across and each.reasons)
        searches = self.config.vision_table.identify
        return {
            "travellers": len(self.came),
            "passed": len(passed),
            "refused": dict(sorted(refused.items())),
            "unexpected": len(self.unexpected) + len(self.violations),
            "matcher": self.matcher,
            "gallery": self.config.gallery.most if searches else None,
            "threshold": self.threshold.distance if self.threshold else None,
            "fpir_target": self.config.gallery.fpir if searches else None,
            "p50_s": _quantile(times, 50),
            "p95_s": _quantile(times, 95),
            "per_minute": round(60 * len(passed) / self.seconds, 2) if self.seconds else None,
            **self.measured,
        }

    def take(self, lane: SimulatedLane, sent: Sent) -> None:
        """Add what came of these in this lane."""
        self.came += [came_of(lane, traveller.name, story) for traveller, story in sent]
        self.seconds += lane.now_s - min((runs[0].began_s for runs in lane.runs.values()), default=lane.now_s)
        self.violations += lane.violations()


def simulate(config: Config, travellers: int, seed: int, progress: Progress = lambda _words: None) -> Outcome:
    """Let so many travellers come, one after the other. The same seed gives the same day."""
    chance = Random(seed)  # noqa: S311  a simulation
    outcome = Outcome(config, lane_threshold(config))
    for first in range(0, travellers, SHIFT):
        lane = scripted_lane(config, chance.getrandbits(32))
        told = of_lane(config, lane.settings.terms)
        stories = [_chosen(told, chance) for _ in range(min(SHIFT, travellers - first))]
        sent = [
            (story.played_by(made_up(f"traveller-{number}", config, chance, story)), story)
            for number, story in enumerate(stories, first + 1)
        ]
        play(lane, sent, lambda number, before=first: progress(come(before + number, travellers)))  # type: ignore[misc]
        outcome.take(lane, sent)
    return outcome


def come(number: int, travellers: int) -> str:
    return f"{number} of {travellers} have come"


def play(lane: SimulatedLane, sent: Sent, comes: Callable[[int], None] = lambda _number: None) -> None:
    """Let them come, each as soon as there is room in front, and wait until all are gone. `comes` is told which."""
    for number, (traveller, _) in enumerate(sent, 1):
        lane.run_until(lane.room_in_front)
        lane.send(traveller)
        comes(number)
    lane.run_until(lane.empty)


def tell(config: Config, story: Story, seed: int = 0) -> tuple[Came, SimulatedLane]:
    """Play one story alone, in a lane of its own."""
    lane = scripted_lane(config, seed)
    chance = Random(seed)  # noqa: S311  a simulation
    play(lane, [(story.played_by(made_up("anna", config, chance, story)), story)])
    return came_of(lane, "anna", story), lane


def scripted_lane(config: Config, seed: int, before: Callable[[World], None] = lambda _world: None) -> SimulatedLane:
    """The lane, with scripted answers and a neighbour who is registered too. `before`: see `SimulatedLane`."""

    def answers(lane: SimulatedLane) -> Callable[[Any], Any]:
        lane.people[NEIGHBOUR] = made_up(NEIGHBOUR, config, Random(seed), PASSES)  # noqa: S311
        return Scripted(config, lane.world, lane.judge, lane.people).answer

    return SimulatedLane(config, answers, seed, before)


def made_up(name: str, config: Config, chance: Random, story: Story) -> Traveller:
    """Somebody eligible, of the class of people that the story is about."""
    own = own_words(config.port, config.lane.name)
    rules = [rule.in_words_of(own) for rule in config.rules]
    classes = {fact for rule in rules for fact in rule.when}
    of_class = {fact: value for fact, value in story.facts.items() if fact in classes and value is not None}
    facts = eligible(rules, chance, of_class if set(story.facts) - classes else {})
    return Traveller(name, facts, walk_m_s=round(chance.uniform(*WALK_M_S), 2))


def came_of(lane: SimulatedLane, name: str, story: Story) -> Came:
    runs, exit_s = lane.runs.get(name, []), lane.exit_s(name)
    seconds = round(exit_s - runs[-1].began_s, 3) if exit_s is not None and runs else None
    return Came(story, tuple(run.reason.value for run in runs), exit_s is not None, seconds)


def _chosen(told: Sequence[Story], chance: Random) -> Story:
    return chance.choice(told[1:]) if chance.random() < REFUSED_SHARE else told[0]


def _quantile(times: Sequence[float], percent: int) -> float | None:
    if len(times) < 2:
        return times[0] if times else None
    return round(quantiles(times, n=100, method="inclusive")[percent - 1], 2)
