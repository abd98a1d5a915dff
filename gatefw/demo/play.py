"""Plays stories one after the other, and judges each by what the gate published and by what the world saw."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gatefw.demo.scene import Codes, Scene
from gatefw.demo.stage import Stage
from gatefw.demo.stories import Story
from gatefw.demo.witness import Event
from gatefw.errors import GateError
from gatefw.model import FactKind
from hw.sim.client import WorldRefused

TELLING = (FactKind.ALARM_RAISED, FactKind.DEVICE_LOST, FactKind.PASSAGE_ENDED)


@dataclass(frozen=True, slots=True)
class Result:
    """How a story ended. Seconds count from the reading of its last token, None where there was none or no decision.

    `problems` says in words why it is not ok.
    """

    name: str
    expected: str
    outcome: str
    reason: str
    decision_s: float | None
    exit_s: float | None
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.problems

    def to_json(self) -> dict[str, object]:
        keys = ("name", "expected", "outcome", "reason", "ok", "decision_s", "exit_s")
        return {key: getattr(self, key) for key in keys}


def perform(
    stage: Stage, stories: Iterable[Story], begins: Callable[[Story], None], ends: Callable[[Result], None]
) -> list[Result]:
    """Play the stories on a stage whose lane is idle. A story that goes wrong does not keep the next from its turn."""
    codes = Codes.issued(stage)
    results = []
    for story in stories:
        begins(story)
        result = _played(story, Scene(stage, codes, story.name))
        ends(result)
        results.append(result)
    return results


def _played(story: Story, scene: Scene) -> Result:
    try:
        outcome = story.act(scene)
    except (GateError, WorldRefused, TimeoutError) as error:
        outcome = "not_ended"
        scene.problems.append(str(error))
    events = scene.events
    reason = "+".join(dict.fromkeys(event.data["reason"] for event in events if event.kind in TELLING))
    _judge(story, scene, events, outcome, reason)
    decision_s, exit_s = _timed(events)
    return Result(story.name, story.expected, outcome, reason, decision_s, exit_s, tuple(scene.problems))


def _judge(story: Story, scene: Scene, events: list[Event], outcome: str, reason: str) -> None:
    """What both sides must agree on: nobody across without an admission, and nothing that must never happen."""
    scene.expect(outcome == story.expected, f"the outcome is {outcome}, not {story.expected}")
    scene.expect(reason == story.reason, f"the reason is {reason or 'none'}, not {story.reason}")
    passed = sum(event.says(FactKind.PASSAGE_ENDED, passed=True) for event in events)
    across = scene.across()
    if story.expected != "evacuated":
        scene.expect(len(across) == passed, f"{len(across)} went across, the gate admitted {passed}")
    for violation in scene.violations():
        scene.problems.append(f"the world saw {violation['violation']} at {violation['at']}")
    scene.problems.extend(scene.stage.dead())


def _timed(events: list[Event]) -> tuple[float | None, float | None]:
    """Token to decision and token to end of the last passage, in seconds."""
    began = next((event for event in reversed(events) if event.kind is FactKind.PASSAGE_STARTED), None)
    if began is None:
        return None, None

    def after(kind: FactKind) -> float | None:
        at_s = next((event.at_s for event in events if event.kind is kind and event.run == began.run), None)
        return None if at_s is None else round(at_s - began.at_s, 3)

    return after(FactKind.PASSAGE_DECIDED), after(FactKind.PASSAGE_ENDED)
