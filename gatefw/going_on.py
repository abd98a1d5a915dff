"""What goes on in a lane at this moment, for whoever watches it: told by the loop, and nothing of it is kept.

Opaque like the events: questions by their kind, runs by their random id; never whom they are about.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from gatefw.gate import Gate
from gatefw.gate_terms import shown
from gatefw.model import Elapsed, LetIn
from gatefw.passage import Passage

KEPT_S = 60.0
"""The face of so long ago is nobody's any more."""
_CAPITAL = re.compile("(?<=[a-z])(?=[A-Z])")


@dataclass(slots=True)
class Face:
    """What keeps the traveller's face from being compared, and how good the newest picture of it was.

    hint: a word, "" for none. quality: components of docs/quality.md, 0 to 100, of one camera; empty before the first.
    """

    hint: str = ""
    camera: str = ""
    quality: Mapping[str, int] = field(default_factory=dict)
    at_s: float = 0.0

    def without_hint(self) -> "Face":
        return Face("", self.camera, self.quality, self.at_s)

    def told(self, now_s: float) -> dict[str, object] | None:
        if not self.quality or now_s - self.at_s > KEPT_S:
            return None
        return {"camera": self.camera, "components": dict(self.quality), "for_s": round(now_s - self.at_s, 1)}


def going_on(gate: Gate, timer: tuple[float, Elapsed] | None, face: Face, now_s: float) -> dict[str, object]:
    """Passages with what they wait for, the lane's timer, leases, zones, and the face in front. Times in seconds."""
    runs = [_passage(each, place, now_s) for each, place in _runs(gate)]
    left = {door.value: gate.leases.left_s(door, now_s) for door in gate.state.policy.doors}
    runs_now = timer is not None and timer[1].generation == gate.state.generation
    return {
        "runs": runs,
        "timer": {"name": timer[1].timer.value, "left_s": round(timer[0] - now_s, 1)} if timer and runs_now else None,
        "lease_left_s": {door: None if for_s is None else round(for_s, 1) for door, for_s in left.items()},
        "zones": {zone.value: there for zone, there in gate.senses.zones.items()},
        "signals": {each.value: signal.value for each, signal in gate.senses.inputs.items()},
        "hint": face.hint,
        "face": face.told(now_s),
    }


def _runs(gate: Gate) -> list[tuple[Passage, str]]:
    both = (gate.runs.served, "served"), (gate.runs.waiting, "waiting")
    return [(passage, place) for passage, place in both if passage is not None]


def _passage(passage: Passage, place: str, now_s: float) -> dict[str, object]:
    """waits_for: the questions that have no answer yet, `let_in`, or the verdict of a decision."""
    if passage.decision is not None:
        waits = [f"{passage.decision.verdict}:{shown(passage.decision.reason)}"]
    elif isinstance(passage.at, LetIn):
        waits = ["let_in"]
    else:
        waits = [_CAPITAL.sub("_", type(each).__name__).lower() for each in passage.asks]
    since_s = {"for_s": round(now_s - passage.began_s, 1), "waited_s": round(now_s - passage.at_s, 1)}
    return {"run": passage.run, "place": place, "waits_for": waits, **since_s}
