"""A day at a lane while things go wrong: people and faults come at any instant, both by one seed."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from gatefw.config import Config
from gatefw.model import Reason
from gatefw.simulate.day import SHIFT, Progress, come
from gatefw.simulate.faults import Fault
from gatefw.simulate.storm import Storm
from gatefw.simulate.storm_came import Came


@dataclass
class Stormy:
    """What came of so many travellers, and of the faults that came between them."""

    config: Config
    travellers: int
    came: Came = field(default_factory=Came)

    def to_json(self) -> dict[str, Any]:
        came = self.came
        ended = {reason: times for reason, times in sorted(came.ended.items()) if reason != Reason.OK}
        return {
            "travellers": self.travellers,
            "runs": came.begun,
            "passed": came.passed,
            "not_passed": ended,
            "faults": {fault.value: came.faults[fault] for fault in Fault if came.faults[fault]},
            "restarts": came.lives - came.storms,
            "violations": came.violations,
        }


def simulate_faults(config: Config, travellers: int, seed: int, progress: Progress = lambda _words: None) -> Stormy:
    """Let so many come, each shift of them in a storm of its own. The same seed gives the same people and faults."""
    stormy = Stormy(config, travellers)
    for shift, before in enumerate(range(0, travellers, SHIFT)):
        storm = Storm(config, seed + shift)
        here = min(SHIFT, travellers - before)
        stormy.came.add(storm.play(here, lambda number, before=before: progress(come(before + number, travellers))))  # type: ignore[misc]
    return stormy


def lines(stormy: Stormy, seed: int) -> Iterator[str]:
    """For people to read."""
    told = stormy.to_json()
    yield f"{stormy.config.lane.name}: {told['travellers']} travellers, seed {seed}, while faults come"
    yield "MATCHING IS SCRIPTED; holds and maintenance are cut short, and an officer looks in now and then."
    yield ""
    yield from (f"  {what:<24}{told[what]:>6}" for what in ("runs", "passed"))
    yield from (f"  {reason:<24}{times:>6}" for reason, times in told["not_passed"].items())
    yield ""
    yield f"  faults that came        {sum(told['faults'].values()):>6}"
    yield from (f"    {fault:<22}{times:>6}" for fault, times in told["faults"].items())
    yield f"  {'restarts':<24}{told['restarts']:>6}"
    yield ""
    yield from (f"  must never happen: {each}" for each in told["violations"])
    if not told["violations"]:
        yield "  nothing happened that must never happen; nobody was shut in, and the lane serves again"
